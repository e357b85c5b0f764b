package fs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"larder/registry"
)

// writer is a registry.BlobWriter over a file in tmp.
type writer struct {
	blobs  *Blobs
	domain registry.DomainID
	file   *os.File

	mu     sync.Mutex // orders Write, Commit and Abort
	failed error      // of a write: the bytes are not whole
	done   bool
}

func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.file.Write(p)
	if err != nil {
		err = failure("write", err)
		w.failed = err
	}
	return n, err
}

// ReadAt implements io.ReaderAt until Commit or Abort; then it fails with fs.ErrClosed.
func (w *writer) ReadAt(p []byte, off int64) (int, error) { return w.file.ReadAt(p, off) }

// Commit implements registry.BlobWriter. A failed Commit has dropped the bytes.
func (w *writer) Commit(ctx context.Context, digest registry.Digest) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return fmt.Errorf("blobs: commit: the writer is committed or aborted: %w", fs.ErrClosed)
	}
	w.done = true
	err := w.commit(ctx, digest)
	if err != nil {
		err = failure("commit", err)
		os.Remove(w.file.Name())
	}
	return err
}

func (w *writer) commit(ctx context.Context, digest registry.Digest) error {
	if err := errors.Join(w.failed, ctx.Err()); err != nil {
		w.file.Close()
		return err
	}
	target, err := w.blobs.path(w.domain, digest)
	if err != nil {
		w.file.Close()
		return err
	}
	parents, err := w.blobs.durable.make(w.blobs.root, w.domain, digest)
	if err != nil {
		w.file.Close()
		return err
	}
	if err := errors.Join(w.file.Sync(), w.file.Close()); err != nil {
		return err
	}
	// A blob that is there stays, but counts as new: whoever sweeps unused blobs
	// spares young ones, and this one is about to be used.
	now := time.Now()
	switch err := os.Chtimes(target, now, now); {
	case err == nil:
		if err := os.Remove(w.file.Name()); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	default:
		if err := os.Rename(w.file.Name(), target); err != nil {
			return err
		}
	}
	// For a blob that was there, too: another writer may have put it there a
	// moment ago and not come as far as this. Folders come last, because most
	// file systems have then written them with the file, or do so with the first.
	if err := syncFolder(filepath.Dir(target)); err != nil {
		return err
	}
	for _, dir := range parents {
		if err := syncFolder(dir); err != nil {
			return err
		}
	}
	if parents != nil {
		w.blobs.durable.synchronized(w.domain, digest)
	}
	return nil
}

// Abort implements registry.BlobWriter.
func (w *writer) Abort() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return nil
	}
	w.done = true
	return errors.Join(w.file.Close(), os.Remove(w.file.Name()))
}

// failure wraps what went wrong; a full disk is told to clients as such.
func failure(doing string, err error) error {
	err = fmt.Errorf("blobs: %s: %w", doing, err)
	if errors.Is(err, syscall.ENOSPC) {
		return registry.DiskFull(err)
	}
	return err
}
