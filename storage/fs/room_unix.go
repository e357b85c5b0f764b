//go:build linux || darwin || freebsd

package fs

import (
	"os"
	"syscall"
)

// room is what the file system of a folder has for this process, in bytes.
func room(folder string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return 0, os.NewSyscallError("statfs", err)
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}
