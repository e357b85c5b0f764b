package sealed

import (
	"io"
	"io/fs"

	"larder/registry"
)

// blob is a registry.Blob of a sealed file. Read and Seek keep the segment that
// they are in.
type blob struct {
	segments
	file registry.Blob
	key  keyID // of the data key

	offset int64
	kept   *buffer // nil: none
	in     int64   // the number of the kept segment
	closed bool
}

// Read implements io.Reader.
func (b *blob) Read(p []byte) (int, error) {
	switch {
	case b.closed:
		return 0, fs.ErrClosed
	case b.offset >= b.size:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	segment, skip := b.offset/segmentSize, int(b.offset%segmentSize)
	if whole := b.whole(len(p)); skip == 0 && whole > 0 {
		n, err := b.readAt(p[:whole], b.offset)
		b.offset += int64(n)
		return n, err
	}
	if b.kept == nil || b.in != segment {
		if b.kept == nil {
			b.kept = buffers.Get().(*buffer)
		}
		b.in = -1
		one := b.kept[:b.length(segment)+tagSize]
		if err := b.read(segment, one); err != nil {
			return 0, err
		}
		if err := b.open(segment, one, one); err != nil {
			return 0, err
		}
		b.in = segment
	}
	n := copy(p, b.kept[skip:b.length(segment)])
	b.offset += int64(n)
	return n, nil
}

// whole is how many of n bytes from here are of whole segments: these are opened
// where they are wanted, and not by way of the kept one.
func (b *blob) whole(n int) int {
	if rest := b.size - b.offset; int64(n) >= rest {
		return int(rest)
	}
	return n / segmentSize * segmentSize
}

// Seek implements io.Seeker.
func (b *blob) Seek(offset int64, whence int) (int64, error) {
	at, err := registry.Sought(offset, whence, b.offset, b.size)
	if err != nil {
		return 0, err
	}
	b.offset = at
	return at, nil
}

// ReadAt implements io.ReaderAt.
func (b *blob) ReadAt(p []byte, off int64) (int, error) { return b.readAt(p, off) }

// Close implements io.Closer.
func (b *blob) Close() error {
	if b.kept != nil {
		buffers.Put(b.kept)
		b.kept = nil
	}
	b.closed = true
	return b.file.Close()
}
