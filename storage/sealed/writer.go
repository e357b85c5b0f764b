package sealed

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"larder/registry"
)

// writer is a registry.BlobWriter of a sealed file: no byte of the blob is on
// disk in clear, neither before Commit nor after.
type writer struct {
	blobs  *Blobs
	domain registry.DomainID
	file   registry.BlobWriter
	back   io.ReaderAt // of the file
	aead   cipher.AEAD
	footer footer

	mu      sync.Mutex
	pending *buffer // what is not a whole segment yet
	filled  int     // of it
	sealed  int64   // segments in the file
	failed  error   // of a write: the bytes are not whole
	done    bool
}

func (b *Blobs) create(ctx context.Context, d registry.DomainID, id keyID, key *dataKey) (*writer, error) {
	w := &writer{blobs: b, domain: d, footer: footer{key: id}}
	rand.Read(w.footer.salt[:])
	var err error
	if w.aead, err = fileKey(key, w.footer.salt[:]); err != nil {
		return nil, err
	}
	if w.file, err = b.sealed.Create(ctx, d); err != nil {
		return nil, err
	}
	w.back = w.file.(io.ReaderAt)
	w.pending = buffers.Get().(*buffer)
	return w, nil
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return 0, fmt.Errorf("blobs: write: the writer is committed or aborted: %w", fs.ErrClosed)
	}
	if w.failed != nil {
		return 0, w.failed
	}
	for n < len(p) {
		took := 0
		if w.filled == 0 && len(p)-n >= segmentSize {
			took, err = segmentSize, w.seal(p[n:n+segmentSize])
		} else {
			took = copy(w.pending[w.filled:segmentSize], p[n:])
			if w.filled += took; w.filled == segmentSize {
				err = w.seal(w.pending[:segmentSize])
			}
		}
		if err != nil {
			w.failed = err
			return n, err
		}
		n += took
	}
	return n, nil
}

// seal writes a segment; plain may be what is pending.
func (w *writer) seal(plain []byte) error {
	at := nonce(w.sealed)
	if _, err := w.file.Write(w.aead.Seal(w.pending[:0], at[:], plain, nil)); err != nil {
		return err
	}
	w.sealed++
	w.filled = 0
	return nil
}

// ReadAt implements io.ReaderAt until Commit or Abort; then it fails with fs.ErrClosed.
func (w *writer) ReadAt(p []byte, off int64) (int, error) {
	w.mu.Lock()
	if w.done {
		w.mu.Unlock()
		return 0, fs.ErrClosed
	}
	base := w.sealed * segmentSize
	tail := 0 // of p, from what is pending
	if end := off + int64(len(p)); off >= 0 && end > base {
		tail = copy(p[max(base-off, 0):], w.pending[min(max(off-base, 0), int64(w.filled)):w.filled])
	}
	w.mu.Unlock()
	head := 0
	if off < base {
		s := segments{src: w.back, aead: w.aead, size: base}
		var err error
		if head, err = s.readAt(p[:min(int64(len(p)), base-off)], off); err != nil && err != io.EOF {
			return head, err
		}
	}
	if head+tail < len(p) {
		return head + tail, io.EOF
	}
	return head + tail, nil
}

// Commit implements registry.BlobWriter. A failed Commit has dropped the bytes.
func (w *writer) Commit(ctx context.Context, digest registry.Digest) error {
	_, err := w.commit(ctx, digest, func() (bool, error) { return true, nil })
	return err
}

// commit is Commit where wanted, asked while nobody deletes or commits the blob,
// says so, and else Abort.
func (w *writer) commit(ctx context.Context, digest registry.Digest, wanted func() (bool, error)) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return false, fmt.Errorf("blobs: commit: the writer is committed or aborted: %w", fs.ErrClosed)
	}
	defer w.end()
	defer w.file.Abort() //nolint:errcheck // nothing after a commit; before one, the first error is the one to tell
	if err := w.finish(digest); err != nil {
		return false, err
	}
	defer w.blobs.lock(digest)()
	if ok, err := wanted(); err != nil || !ok {
		return false, err
	}
	// One that is there stays, unless nobody can read it any more: sealed for a
	// domain of the same name that was deleted, or damaged.
	if err := w.blobs.dropUnreadable(ctx, w.domain, digest); err != nil {
		return false, err
	}
	if err := w.file.Commit(ctx, digest); err != nil {
		return false, err
	}
	// What lay here in clear is of no use now. If it stays, it is sealed again
	// at the next start, and read meanwhile by nobody.
	_ = w.blobs.plain.Delete(ctx, w.domain, digest)
	return true, nil
}

// finish writes the last segment and the footer.
func (w *writer) finish(digest registry.Digest) error {
	if w.failed != nil {
		return w.failed
	}
	w.footer.size = w.sealed*segmentSize + int64(w.filled)
	if w.filled > 0 {
		if err := w.seal(w.pending[:w.filled]); err != nil {
			return err
		}
	}
	w.footer.seal(w.aead, w.domain, digest)
	_, err := w.file.Write(append(w.footer.append(w.pending[:0]), w.footer.tag[:]...))
	return err
}

// Abort implements registry.BlobWriter.
func (w *writer) Abort() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return nil
	}
	defer w.end()
	return w.file.Abort()
}

func (w *writer) end() {
	w.done = true
	buffers.Put(w.pending)
	w.pending = nil
}
