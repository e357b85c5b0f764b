//go:build unix

package fs

import (
	"os"
	"syscall"
)

// openFile opens a regular file to read it. os.Open would first try whether the
// file can be waited for, as a socket can, and undo that: five system calls
// that a request for a small asset notices.
func openFile(path string) (*os.File, error) {
	for {
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), path), nil
		case syscall.EINTR: // network file systems
		default:
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}
