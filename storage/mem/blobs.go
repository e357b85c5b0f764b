// Package mem keeps registry.Blobs in memory, for tests and small uses.
package mem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"sync"
	"time"

	"larder/registry"
)

// Blobs is registry.Blobs in memory. The zero value is empty and ready.
type Blobs struct {
	mu    sync.RWMutex
	blobs map[key]entry
}

type key struct {
	domain registry.DomainID
	digest registry.Digest
}

type entry struct {
	bytes   []byte
	created time.Time
}

// New gives an empty store.
func New() *Blobs { return &Blobs{} }

var _ registry.Blobs = (*Blobs)(nil)

// Create implements registry.Blobs.
func (b *Blobs) Create(ctx context.Context, d registry.DomainID) (registry.BlobWriter, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &writer{store: b, domain: d}, nil
}

// Open implements registry.Blobs.
func (b *Blobs) Open(ctx context.Context, d registry.DomainID, digest registry.Digest) (registry.Blob, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.RLock()
	e, ok := b.blobs[key{d, digest}]
	b.mu.RUnlock()
	if !ok {
		return nil, registry.Errorf(registry.NotFound, "no blob %s in domain %s", digest, d.Name).About(d.Resource())
	}
	return reader{bytes.NewReader(e.bytes)}, nil
}

type reader struct{ *bytes.Reader }

func (reader) Close() error { return nil }

// Delete implements registry.Blobs.
func (b *Blobs) Delete(ctx context.Context, d registry.DomainID, digest registry.Digest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.blobs, key{d, digest})
	return nil
}

// List implements registry.Blobs: what was there when it began.
func (b *Blobs) List(ctx context.Context, d registry.DomainID) iter.Seq2[registry.BlobInfo, error] {
	return func(yield func(registry.BlobInfo, error) bool) {
		var all []registry.BlobInfo
		b.mu.RLock()
		for k, e := range b.blobs {
			if k.domain == d {
				all = append(all, registry.BlobInfo{Digest: k.digest, Size: int64(len(e.bytes)), Created: e.created})
			}
		}
		b.mu.RUnlock()
		for _, i := range all {
			if err := ctx.Err(); err != nil {
				yield(registry.BlobInfo{}, err)
				return
			}
			if !yield(i, nil) {
				return
			}
		}
	}
}

var errDone = fmt.Errorf("the blob writer is committed or aborted: %w", fs.ErrClosed)

type writer struct {
	store  *Blobs
	domain registry.DomainID

	mu   sync.RWMutex
	buf  []byte
	done bool
}

func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return 0, errDone
	}
	w.buf = append(w.buf, p...)
	return len(p), nil
}

func (w *writer) ReadAt(p []byte, off int64) (int, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.done {
		return 0, errDone
	}
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	if off >= int64(len(w.buf)) {
		return 0, io.EOF
	}
	n := copy(p, w.buf[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (w *writer) Commit(ctx context.Context, digest registry.Digest) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return errDone
	}
	w.done = true
	buf := slices.Clip(w.buf)
	w.buf = nil
	if err := ctx.Err(); err != nil {
		return err
	}
	s := w.store
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key{w.domain, digest}
	e, there := s.blobs[k]
	if !there {
		e.bytes = buf
	}
	e.created = time.Now().UTC()
	if s.blobs == nil {
		s.blobs = map[key]entry{}
	}
	s.blobs[k] = e
	return nil
}

func (w *writer) Abort() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done, w.buf = true, nil
	return nil
}
