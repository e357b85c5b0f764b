package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"larder/registry"
)

const (
	segmentSize = 16 << 10
	tagSize     = 16
	keySize     = 32
	idSize      = 16
	saltSize    = 32
	footerSize  = len(magic) + idSize + saltSize + 8 + tagSize

	magic = "larder\x00\x01"
	// fileKeyInfo says what of a data key's derivations a file's key is.
	fileKeyInfo = "larder sealed file 1"
)

// keyID names a data key in the footers of files.
type keyID [idSize]byte

// dataKey is a domain's key, of which the keys of files are made.
type dataKey [keySize]byte

// footer is the end of a sealed file.
type footer struct {
	key  keyID
	salt [saltSize]byte
	size int64 // of the blob
	tag  [tagSize]byte
}

// append writes the footer but for its tag.
func (f *footer) append(b []byte) []byte {
	b = append(b, magic...)
	b = append(b, f.key[:]...)
	b = append(b, f.salt[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(f.size))
}

// parseFooter reads the last bytes of a file of that length.
func parseFooter(b []byte, length int64) (footer, error) {
	var f footer
	if len(b) != footerSize || string(b[:len(magic)]) != magic {
		return f, fmt.Errorf("%w: the sealed file does not end as one of this version", registry.ErrDamaged)
	}
	b = b[len(magic):]
	b = b[copy(f.key[:], b):]
	b = b[copy(f.salt[:], b):]
	size := binary.BigEndian.Uint64(b)
	copy(f.tag[:], b[8:])
	if plain, ok := plainSize(length); !ok || uint64(plain) != size {
		return f, fmt.Errorf("%w: the sealed file has %d bytes, and a blob of %d would not", registry.ErrDamaged, length, size)
	}
	f.size = int64(size)
	return f, nil
}

// plainSize is the size of the blob whose sealed file has that length; false:
// none has.
func plainSize(length int64) (int64, bool) {
	body := length - int64(footerSize)
	if body < 0 {
		return 0, false
	}
	full, rest := body/(segmentSize+tagSize), body%(segmentSize+tagSize)
	if rest == 0 {
		return full * segmentSize, true
	}
	return full*segmentSize + rest - tagSize, rest > tagSize
}

// fileKey is the cipher of one file.
func fileKey(k *dataKey, salt []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, k[:], salt, fileKeyInfo, keySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// nonce is a segment's.
func nonce(segment int64) (n [12]byte) {
	binary.BigEndian.PutUint64(n[4:], uint64(segment))
	return n
}

var footerNonce = [12]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// seal sets the footer's tag for the blob of that name, and check compares it.
func (f *footer) seal(aead cipher.AEAD, d registry.DomainID, digest registry.Digest) {
	aead.Seal(f.tag[:0], footerNonce[:], nil, f.bound(d, digest))
}

func (f *footer) check(aead cipher.AEAD, d registry.DomainID, digest registry.Digest) error {
	if _, err := aead.Open(nil, footerNonce[:], f.tag[:], f.bound(d, digest)); err != nil {
		return fmt.Errorf("%w: the end of the sealed file was changed, or is that of another blob", registry.ErrDamaged)
	}
	return nil
}

// bound is what the tag covers: neither owner nor name of a domain has a zero byte.
func (f *footer) bound(d registry.DomainID, digest registry.Digest) []byte {
	b := f.append(make([]byte, 0, 256))
	b = append(append(b, d.Owner...), 0)
	b = append(append(b, d.Name...), 0)
	return append(b, digest[:]...)
}

// buffer holds a segment, sealed or not.
type buffer [segmentSize + tagSize]byte

// batch is how many segments are read by one call of the system.
const batch = 4

var (
	buffers = sync.Pool{New: func() any { return new(buffer) }}
	batches = sync.Pool{New: func() any { return new([batch * (segmentSize + tagSize)]byte) }}
)

// segments reads what is sealed in src: segments of a blob of that size.
type segments struct {
	src  io.ReaderAt
	aead cipher.AEAD
	size int64
}

// length is the number of the blob's bytes in a segment.
func (s *segments) length(segment int64) int {
	return int(min(s.size-segment*segmentSize, segmentSize))
}

// read reads segments, sealed: as many as sealed has room for, the last one as
// long as it is.
func (s *segments) read(first int64, sealed []byte) error {
	n, err := s.src.ReadAt(sealed, first*(segmentSize+tagSize))
	if n == len(sealed) {
		return nil
	}
	if err == io.EOF {
		err = fmt.Errorf("%w: the sealed file was cut while it was open", registry.ErrDamaged)
	}
	return err
}

// open opens a segment into dst, which has room for it and may be its beginning.
func (s *segments) open(segment int64, dst, sealed []byte) error {
	at := nonce(segment)
	if _, err := s.aead.Open(dst[:0], at[:], sealed, nil); err != nil {
		return fmt.Errorf("%w: the sealed bytes from %d on were changed", registry.ErrDamaged, segment*segmentSize)
	}
	return nil
}

// readAt is io.ReaderAt of the blob. Segments that p takes whole are opened in p.
func (s *segments) readAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("blobs: read at a negative offset")
	}
	if off >= s.size {
		return 0, io.EOF
	}
	if rest := s.size - off; int64(len(p)) > rest {
		p, err = p[:rest], io.EOF
	}
	via := batches.Get().(*[batch * (segmentSize + tagSize)]byte)
	defer batches.Put(via)
	for n < len(p) {
		first := (off + int64(n)) / segmentSize
		last := min((off+int64(len(p))-1)/segmentSize, first+batch-1)
		sealed := via[:int(last-first)*(segmentSize+tagSize)+s.length(last)+tagSize]
		if err := s.read(first, sealed); err != nil {
			return n, err
		}
		for segment := first; segment <= last; segment++ {
			length, skip := s.length(segment), int((off+int64(n))%segmentSize)
			one := sealed[:length+tagSize]
			sealed = sealed[len(one):]
			if skip == 0 && len(p)-n >= length {
				if err := s.open(segment, p[n:n+length], one); err != nil {
					return n, err
				}
				n += length
				continue
			}
			if err := s.open(segment, one, one); err != nil {
				return n, err
			}
			n += copy(p[n:], one[skip:length])
		}
	}
	return n, err
}
