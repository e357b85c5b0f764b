package registry

import "io"

// Sought is where Seek leads in bytes of that size of which those from at on
// come next, for what reads a Blob (io.Seeker). Behind the end is a place, too.
// Invalid: before the beginning, or no such whence.
func Sought(offset int64, whence int, at, size int64) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += at
	case io.SeekEnd:
		offset += size
	default:
		return 0, Errorf(Invalid, "there is no whence %d", whence)
	}
	if offset < 0 {
		return 0, Errorf(Invalid, "a blob has no bytes before its beginning")
	}
	return offset, nil
}
