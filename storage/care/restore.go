package care

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"larder/registry"
	"larder/storage/fs"
)

// Target is what is restored into: an empty database and a store of bytes.
type Target interface {
	Restore(ctx context.Context, r io.Reader) error
}

// Restore copies a backup's bytes into the store and then its rows into the
// empty database, so that no row is without its bytes. Run again after a failure,
// it goes on. NotFound: the folder is no backup. Conflict: the database is not empty.
func Restore(ctx context.Context, folder string, to Target, store registry.Blobs, progress func(Copied)) (Copied, error) {
	var done Copied
	rows := filepath.Join(folder, rowsName)
	if _, err := os.Stat(rows); errors.Is(err, os.ErrNotExist) {
		return done, registry.Errorf(registry.NotFound, "%s is no backup that is complete: it has no %s", folder, rowsName)
	}
	source, err := fs.Existing(filepath.Join(folder, blobsName))
	if err != nil {
		return done, err
	}
	c := copying{from: source, to: store, done: &done, progress: progress}
	if err := c.run(ctx, rows); err != nil {
		return done, err
	}
	return done, open(rows, func(r io.Reader) error { return to.Restore(ctx, r) })
}
