package formats

import (
	"io"
	"os"
	"syscall"

	"larder/registry"
)

// sized is a file of known size, for http.ServeContent: it asks for the end to
// learn the size, and goes back to the beginning, which are two system calls
// for nothing. Only what is read moves the file. It stays a syscall.Conn, so
// that the kernel sends it.
type sized struct {
	body *os.File
	size int64
	at   int64 // where the next read begins
	file int64 // where the file stands; negative: somewhere
}

// Seek remembers where the next read begins.
func (f *sized) Seek(offset int64, whence int) (int64, error) {
	at, err := registry.Sought(offset, whence, f.at, f.size)
	if err != nil {
		return 0, err
	}
	f.at = at
	return at, nil
}

func (f *sized) settle() error {
	if f.at == f.file {
		return nil
	}
	if _, err := f.body.Seek(f.at, io.SeekStart); err != nil {
		return err
	}
	f.file = f.at
	return nil
}

func (f *sized) Read(p []byte) (int, error) {
	if err := f.settle(); err != nil {
		return 0, err
	}
	n, err := f.body.Read(p)
	f.at += int64(n)
	f.file = f.at
	return n, err
}

// SyscallConn gives the file to the kernel, from where the next read would
// begin. Where it stands afterwards is not known: seek before you read on.
func (f *sized) SyscallConn() (syscall.RawConn, error) {
	if err := f.settle(); err != nil {
		return nil, err
	}
	f.file = -1
	return f.body.SyscallConn()
}
