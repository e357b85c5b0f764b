package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"larder/registry"
	"larder/storage/sqlmeta"
)

// dropTime bounds the last word to a connection.
const dropTime = time.Second

// session is a connection with its prepared statements.
type session struct {
	*sqlmeta.Session
	conn *sql.Conn
}

func (d *DB) newSession(ctx context.Context) (*session, error) {
	conn, err := d.sql.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &session{sqlmeta.NewSession(conn, sqlmeta.PostgreSQL), conn}, nil
}

// direct runs statements without arguments in one message, and gives the tag of
// the last.
func (s *session) direct(ctx context.Context, text string) (tag pgconn.CommandTag, err error) {
	e := s.conn.Raw(func(c any) error {
		tag, err = c.(*stdlib.Conn).Conn().Exec(ctx, text)
		return nil
	})
	return tag, errors.Join(err, e)
}

// idle reports whether the session can be used for another transaction.
func (s *session) idle() bool {
	ok := false
	err := s.conn.Raw(func(c any) error {
		p := c.(*stdlib.Conn).Conn().PgConn()
		ok = !p.IsClosed() && p.TxStatus() == 'I'
		return nil
	})
	return ok && err == nil
}

// drop closes the connection, and waits for no answer: one that went silent
// would be told of each of its statements, and asked for its leave to go.
func (s *session) drop() {
	ctx, cancel := context.WithTimeout(context.Background(), dropTime)
	defer cancel()
	s.conn.Raw(func(c any) error { return c.(*stdlib.Conn).Conn().Close(ctx) }) //nolint:errcheck // it is of no use any more
	s.Spoil()
	s.Close() //nolint:errcheck // it is of no use any more
}

// acquire gives a session for one transaction on which begin has run; release
// takes it back. Connections that have died while nobody used them are replaced.
func (d *DB) acquire(ctx context.Context, begin string) (*session, error) {
	select {
	case d.slots <- struct{}{}:
	case <-d.closed:
		return nil, errClosed()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s, err := d.begun(ctx, begin)
	if err != nil {
		<-d.slots
	}
	return s, err
}

func (d *DB) begun(ctx context.Context, begin string) (*session, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s, used := d.unused(), true
		if s == nil {
			var err error
			if s, err = d.newSession(ctx); err != nil {
				return nil, failure("connect", err)
			}
			used = false
		}
		// A machine that is gone does not answer, and TCP takes a quarter of an hour to say so.
		limited, cancel := context.WithTimeout(ctx, d.patience)
		_, err := s.direct(limited, begin)
		silent := err != nil && limited.Err() != nil
		cancel()
		if err == nil {
			return s, nil
		}
		s.drop()
		if used && (silent || lost(err)) && ctx.Err() == nil {
			d.forget()
			continue
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, failure("begin", err)
	}
}

func (d *DB) unused() *session {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.idle)
	if n == 0 {
		return nil
	}
	s := d.idle[n-1]
	d.idle = d.idle[:n-1]
	return s
}

// forget drops the connections that nobody uses: where one has died, so have
// they, and a database that ends tells each only when it is used.
func (d *DB) forget() {
	d.mu.Lock()
	all := d.idle
	d.idle = nil
	d.mu.Unlock()
	for _, s := range all {
		s.drop()
	}
}

func (d *DB) release(s *session) {
	if s.Spoiled() || !s.idle() {
		s.drop()
	} else {
		d.mu.Lock()
		if len(d.idle) < idleConns {
			d.idle = append(d.idle, s)
			s = nil
		}
		d.mu.Unlock()
		if s != nil {
			s.Close() //nolint:errcheck // nothing is lost with it
		}
	}
	<-d.slots
}

// failure is an error of the database as clients are to have it: what passes is
// Unavailable.
func failure(doing string, err error) error {
	switch {
	case state(err) == readOnly:
		return &registry.Error{Code: registry.Unavailable, Msg: "the database takes no changes for now; repeat the request later", Err: fmt.Errorf("metadata: %s: %w", doing, err)}
	case lost(err):
		return &registry.Error{Code: registry.Unavailable, Msg: "the database cannot be reached; repeat the request in a moment", Err: fmt.Errorf("metadata: %s: %w", doing, err)}
	case slow(err) || again(err):
		return &registry.Error{Code: registry.Unavailable, Msg: "the database is overloaded; repeat the request in a moment", Err: fmt.Errorf("metadata: %s: %w", doing, err)}
	}
	return &registry.Error{Code: registry.Internal, Msg: "metadata: " + doing, Err: err}
}

func errClosed() error {
	return registry.Errorf(registry.Unavailable, "the metadata store is closed")
}
