//go:build !unix

package main

import "os"

// lockFile does nothing on systems without flock; the database has a lock of its own.
func lockFile(*os.File) error { return nil }
