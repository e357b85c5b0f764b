package care

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"larder/registry"
	"larder/storage/sealed"
)

// Target is what is restored into: an empty database and a store of bytes.
type Target interface {
	Restore(ctx context.Context, r io.Reader) error
	// Ring has the data keys of the rows.
	Ring(sealed.Rows) *sealed.Ring
}

// Restore copies a backup's bytes into the store and then its rows into the
// empty database, so that no row is without its bytes. Run again after a failure,
// it goes on. NotFound: the folder is no backup. Conflict: the database is not empty.
func Restore(ctx context.Context, folder string, to Target, store registry.Blobs, progress func(Copied)) (Copied, error) {
	var done Copied
	rows := filepath.Join(folder, rowsName)
	if _, err := os.Stat(rows); errors.Is(err, os.ErrNotExist) {
		return done, incomplete(folder)
	}
	keys, err := dataKeys(rows)
	if err != nil {
		return done, err
	}
	source, err := copied(folder, keys, to.Ring(keys))
	if err != nil {
		return done, err
	}
	c := copying{from: source, to: store, done: &done, progress: progress}
	if err := c.run(ctx, rows); err != nil {
		return done, err
	}
	return done, open(rows, func(r io.Reader) error { return to.Restore(ctx, r) })
}

func incomplete(folder string) error {
	return registry.Errorf(registry.NotFound, "%s is no backup that is complete: it has no %s", folder, rowsName)
}
