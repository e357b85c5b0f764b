package upstream

import (
	"context"
	"fmt"
	"io"

	"larder/registry"
)

// follower reads an asset while it comes in: behind the writer as far as
// verified ends allow, then from the finished blob. It is used by one goroutine
// at a time; the asker's context ends a Read that waits.
type follower struct {
	ctx    context.Context // of the asker: a reader that nobody waits for does not wait either
	blobs  registry.Blobs
	flight *flight
	repo   string
	off    int64
	blob   registry.Blob
	closed bool
}

// Read implements io.Reader. It fails with what the download failed with.
func (r *follower) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if r.closed {
		return 0, errClosed
	}
	for {
		select {
		case <-r.flight.done:
			return r.finished(p)
		default:
		}
		n, wait, err := r.flight.readAt(p, r.off)
		if n > 0 || err != nil {
			r.off += int64(n)
			return n, err
		}
		select {
		case <-wait:
		case <-r.flight.done:
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
	}
}

var errClosed = &registry.Error{Code: registry.Internal, Msg: "read of a closed asset"}

// readAt reads what is written and may be seen. When that is nothing it gives
// a channel that is closed when there may be more.
func (f *flight) readAt(p []byte, off int64) (int, <-chan struct{}, error) {
	f.reading.RLock()
	defer f.reading.RUnlock()
	f.mu.Lock()
	source := f.source
	n := f.written - block - off // whatever was said of the size, the end waits
	if source == nil || n <= 0 {
		if f.moved == nil {
			f.moved = make(chan struct{})
		}
		wait := f.moved
		f.mu.Unlock()
		return 0, wait, nil
	}
	f.mu.Unlock()
	got, err := source.ReadAt(p[:min(int64(len(p)), n)], off)
	if got > 0 {
		return got, nil, nil
	}
	return 0, nil, &registry.Error{Code: registry.Internal, Err: fmt.Errorf("reading behind a download: %w", err)}
}

// finished reads the committed blob.
func (r *follower) finished(p []byte) (int, error) {
	f := r.flight
	if err := f.outcome(r.repo); err != nil {
		return 0, err
	}
	if r.blob == nil {
		b, err := r.blobs.Open(r.ctx, f.key.domain, f.result.Hashes.SHA256)
		if err != nil {
			return 0, err
		}
		r.blob = b
	}
	if r.off >= f.result.Size {
		return 0, io.EOF
	}
	n, err := r.blob.ReadAt(p[:min(int64(len(p)), f.result.Size-r.off)], r.off)
	r.off += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// Seek implements io.Seeker; it does not wait.
func (r *follower) Seek(offset int64, whence int) (int64, error) {
	at, err := registry.Sought(offset, whence, r.off, r.flight.size)
	if err != nil {
		return 0, err
	}
	r.off = at
	return at, nil
}

// Close ends the reading; the download goes on.
func (r *follower) Close() error {
	if r.closed || r.blob == nil {
		r.closed = true
		return nil
	}
	r.closed = true
	return r.blob.Close()
}
