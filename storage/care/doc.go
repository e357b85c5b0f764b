// Package care looks after what a server keeps, beside it or while it is
// stopped: it deletes bytes that nothing refers to (gc.go), reads all bytes and
// compares them with what rows say (verify.go) and mends them (repair.go), copies
// rows and bytes to a folder and back (backup.go, restore.go), and from one kind
// of storage to another (migrate.go); keys.go is for bytes that are sealed.
package care

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"larder/registry"
)

// everyDomain calls f for each domain.
func everyDomain(ctx context.Context, m registry.Metadata, f func(registry.Domain) error) error {
	for after := ""; ; {
		var domains []registry.Domain
		err := m.View(ctx, func(tx registry.Tx) (err error) {
			domains, after, err = tx.Domains("", registry.Page{After: after, Limit: 100})
			return err
		})
		if err != nil {
			return err
		}
		for _, d := range domains {
			if err := f(d); err != nil {
				return err
			}
		}
		if after == "" {
			return nil
		}
	}
}

var errMissing = errors.New("the bytes are missing")

// whole reads a blob to its end and gives its size; registry.ErrDamaged where it is another.
func whole(ctx context.Context, b registry.Blobs, d registry.DomainID, digest registry.Digest) (int64, error) {
	r, err := b.Open(ctx, d, digest)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, contextReader{ctx, r})
	if err == nil && registry.Digest(h.Sum(nil)) != digest {
		err = registry.ErrDamaged
	}
	return n, err
}

// sentence is what of an error is for people.
func sentence(err error) string {
	var e *registry.Error
	if errors.As(err, &e) && e.Msg != "" && e.Code != registry.Internal {
		return e.Msg
	}
	return err.Error()
}

// transfer copies a blob from one store to another, where it is checked on its way.
func transfer(ctx context.Context, from, to registry.Blobs, d registry.DomainID, digest registry.Digest) (int64, error) {
	r, err := from.Open(ctx, d, digest)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	w, err := to.Create(ctx, d)
	if err != nil {
		return 0, err
	}
	defer w.Abort()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), contextReader{ctx, r})
	if err != nil {
		return n, err
	}
	if registry.Digest(h.Sum(nil)) != digest {
		return n, fmt.Errorf("blob %s of domain %s: %w", digest, d.Name, registry.ErrDamaged)
	}
	return n, w.Commit(ctx, digest)
}

// contextReader ends with ctx.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}
