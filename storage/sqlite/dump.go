package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"larder/registry"
	"larder/storage/sqlmeta"
)

// Dump writes all rows of the database file, also while another process has it
// open: one moment of it, and nothing of it is changed.
func Dump(ctx context.Context, path string, w io.Writer) error {
	return look(ctx, path, func(conn *sql.Conn) error { return sqlmeta.Dump(ctx, conn, sqlmeta.SQLite, w) })
}

// Holder says whose rows the database file has ([sqlmeta.Holder]); nobody's where
// there is none.
func Holder(ctx context.Context, path, purpose string) (id string, held bool, err error) {
	err = look(ctx, path, func(conn *sql.Conn) (err error) {
		id, held, err = sqlmeta.Holder(ctx, conn, sqlmeta.SQLite, purpose)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return id, held, err
}

// look lets f read one moment of the database file.
func look(ctx context.Context, path string, f func(*sql.Conn) error) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", source(path, "FULL")+"&_pragma=query_only(ON)")
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") //nolint:errcheck // nothing was changed
	return f(conn)
}

// Restore makes the database file, which must not be there or be empty of
// everything but its schema, of a dump. A failed one leaves nothing.
func Restore(ctx context.Context, path string, r io.Reader) (err error) {
	unlock, err := lock(path + ".lock")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return registry.Errorf(registry.Conflict, "the database %s is there already: restore into a new data folder", path)
	}
	partial := path + ".restoring"
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.RemoveAll(partial + suffix); err != nil {
			return err
		}
	}
	if err := fill(ctx, partial, r); err != nil {
		return errors.Join(err, os.Remove(partial))
	}
	return os.Rename(partial, path)
}

// fill makes a database file of a dump and leaves it whole, without a log beside it.
func fill(ctx context.Context, path string, r io.Reader) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", source(path, "FULL"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := sqlmeta.Load(ctx, conn, sqlmeta.SQLite, r); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}
