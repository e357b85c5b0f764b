//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"
)

// lockFile takes the file for as long as this process has it open; errLocked
// where another has. The system lets go of it however the process ends.
func lockFile(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	return err
}
