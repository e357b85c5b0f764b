//go:build unix

package sqlite

import (
	"errors"
	"os"
	"syscall"

	"larder/registry"
)

// lock makes this process the only one that opens the database, until it calls
// what it gets or ends. The file is apart from the database's: closing that one
// would drop SQLite's own locks on it.
func lock(path string) (func() error, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = registry.Errorf(registry.Unavailable, "another larder has this database open (%s is locked): stop it first, or choose another data folder", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f.Close, nil
}
