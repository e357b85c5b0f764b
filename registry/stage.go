package registry

import (
	"bufio"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"io"
	"sync"
)

// Hasher computes the four digests of an asset in one pass. It is an io.Writer
// that never fails.
type Hasher struct {
	md5, sha1, sha256, sha512 hash.Hash
	size                      int64
}

// NewHasher begins with no bytes.
func NewHasher() *Hasher {
	return &Hasher{md5: md5.New(), sha1: sha1.New(), sha256: sha256.New(), sha512: sha512.New()}
}

func (h *Hasher) Write(b []byte) (int, error) {
	for _, w := range []hash.Hash{h.md5, h.sha1, h.sha256, h.sha512} {
		w.Write(b)
	}
	h.size += int64(len(b))
	return len(b), nil
}

// Size is how many bytes were written.
func (h *Hasher) Size() int64 { return h.size }

// Sum gives the digests of what was written so far.
func (h *Hasher) Sum() Hashes {
	var s Hashes
	h.md5.Sum(s.MD5[:0])
	h.sha1.Sum(s.SHA1[:0])
	h.sha256.Sum(s.SHA256[:0])
	h.sha512.Sum(s.SHA512[:0])
	return s
}

// staged is a file of a publication: written, hashed, not visible yet.
type staged struct {
	Asset
	writer BlobWriter
}

// stage is the one gate that published bytes pass: it reads r to its end,
// hashing and keeping the bytes aside, and refuses what is over the limit.
func (s *Service) stage(ctx context.Context, d DomainID, name string, r io.Reader) (*staged, error) {
	w, err := s.Blobs.Create(ctx, d)
	if err != nil {
		return nil, err
	}
	h := NewHasher()
	n, err := gather(io.MultiWriter(w, h), io.LimitReader(contextReader{ctx, r}, s.Limits.AssetSize+1))
	switch {
	case err == nil && n > s.Limits.AssetSize:
		err = Errorf(TooLarge, "%s is larger than %d bytes, the largest asset that is taken here", name, s.Limits.AssetSize)
	case err == nil:
		return &staged{Asset{Name: name, Size: n, Hashes: h.Sum()}, w}, nil
	}
	w.Abort() //nolint:errcheck // the first error is the one to tell
	return nil, err
}

// stagePiece is in what pieces, in bytes, an asset is hashed and written:
// decoders give a few hundred bytes at a time.
const stagePiece = 256 << 10

var gatherers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, stagePiece) }}

// gather copies all of r to w in large pieces.
func gather(w io.Writer, r io.Reader) (int64, error) {
	b := gatherers.Get().(*bufio.Writer)
	b.Reset(w)
	defer func() {
		b.Reset(nil)
		gatherers.Put(b)
	}()
	n, err := b.ReadFrom(r)
	if err != nil {
		return n, err
	}
	return n, b.Flush()
}

// contextReader ends with the request that it serves.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}
