package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"

	"larder/storage/sqlmeta"
)

// Dump writes all rows of the database at the URL, also while processes use it:
// one moment of it.
func Dump(ctx context.Context, url string, w io.Writer) error {
	return alone(ctx, url, func(s *session) error {
		if _, err := s.direct(ctx, beginView); err != nil {
			return failure("begin", err)
		}
		return sqlmeta.Dump(ctx, s.conn, sqlmeta.PostgreSQL, w)
	})
}

// Holder says whose rows the database at the URL has ([sqlmeta.Holder]).
func Holder(ctx context.Context, url, purpose string) (id string, held bool, err error) {
	err = alone(ctx, url, func(s *session) (err error) {
		id, held, err = sqlmeta.Holder(ctx, s.conn, sqlmeta.PostgreSQL, purpose)
		return err
	})
	return id, held, err
}

// Led reports whether a process leads what is called name in the database at the
// URL ([DB.Lead]).
func Led(ctx context.Context, url, name string) (led bool, err error) {
	err = alone(ctx, url, func(s *session) error {
		return s.conn.QueryRowContext(ctx, isLed, "lead "+name).Scan(&led)
	})
	return led, err
}

// Restore fills the empty database at the URL from a dump. A failed one leaves
// it empty.
func Restore(ctx context.Context, url string, r io.Reader) error {
	return alone(ctx, url, func(s *session) error {
		if _, err := s.conn.ExecContext(ctx, schemaLock); err != nil {
			return failure("wait for the schema", err)
		}
		if err := sqlmeta.Load(ctx, s.conn, sqlmeta.PostgreSQL, r); err != nil {
			return fmt.Errorf("PostgreSQL: %w", err)
		}
		return nil
	})
}

// alone runs f on a connection without limits of time.
func alone(ctx context.Context, url string, f func(*session) error) (err error) {
	d, err := dial(url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.sql.Close()) }()
	s, err := d.unlimited(ctx)
	if err != nil {
		return err
	}
	defer s.drop()
	return f(s)
}
