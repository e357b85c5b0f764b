package sealed

import (
	"context"
	"crypto/sha256"
	"io"

	"larder/registry"
)

// Sealed is what SealPlain has done.
type Sealed struct {
	Blobs   int64
	Bytes   int64
	Damaged int64 // have not the digest that they are kept under, and stay as they are
}

// SealPlain seals the domain's blobs that lie there in clear, one after the
// other, while the store is in use; it needs the room of one. Readers that have
// one open read on. In a mode that seals none of them it does nothing.
func (b *Blobs) SealPlain(ctx context.Context, d registry.DomainID) (Sealed, error) {
	var sum Sealed
	for i, err := range b.plain.List(ctx, d) {
		if err != nil {
			return sum, err
		}
		n, err := b.sealPlain(ctx, d, i.Digest, &sum)
		if registry.IsNotFound(err) {
			continue // deleted, or published again, meanwhile
		}
		if err != nil {
			return sum, err
		}
		if n < 0 {
			return sum, nil
		}
	}
	return sum, nil
}

// sealPlain seals one; below zero: this mode does not.
func (b *Blobs) sealPlain(ctx context.Context, d registry.DomainID, digest registry.Digest, sum *Sealed) (int64, error) {
	r, err := b.plain.Open(ctx, d, digest)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	bw, err := b.Create(ctx, d)
	if err != nil {
		return 0, err
	}
	defer bw.Abort()
	w, ok := bw.(*writer)
	if !ok {
		return -1, nil
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), ending{ctx, r})
	if err != nil {
		return 0, err
	}
	if registry.Digest(h.Sum(nil)) != digest {
		sum.Damaged++
		return 0, nil
	}
	// Deleted since: sealed, it would be there again, and nothing would know of it.
	done, err := w.commit(ctx, digest, func() (bool, error) { return b.plain.Exists(ctx, d, digest) })
	if done {
		sum.Blobs++
		sum.Bytes += n
	}
	return n, err
}

// ending ends with ctx.
type ending struct {
	ctx context.Context
	io.Reader
}

func (r ending) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
