package sqlite

import (
	"context"

	"larder/registry"
	"larder/storage/sqlmeta"
)

// Update implements registry.Metadata. Updates queue; f runs once, and must not
// call Update itself.
func (d *DB) Update(ctx context.Context, f func(registry.Tx) error) error {
	var session *sqlmeta.Session
	select {
	case session = <-d.writer:
	case <-d.closed:
		return errClosed()
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { d.writer <- d.mended(session) }()

	var moved sqlmeta.Moved
	err := d.transact(ctx, session, "BEGIN IMMEDIATE", func(tx *sqlmeta.Tx) (err error) {
		if err := f(tx); err != nil {
			return err
		}
		moved, err = tx.Finish()
		if err == nil && d.beside && !moved.Nothing() {
			err = &registry.Error{Code: registry.Internal, Msg: "metadata: a server that has this database open would not notice the change"}
		}
		return err
	})
	if err == nil {
		d.counters.Apply(moved)
	}
	if full(err) {
		return registry.DiskFull(err)
	}
	return err
}

// View implements registry.Metadata. A change tried in a view is Internal.
func (d *DB) View(ctx context.Context, f func(registry.Tx) error) error {
	session, err := d.reader(ctx)
	if err != nil {
		return err
	}
	defer d.release(session)
	return d.transact(ctx, session, "BEGIN", func(tx *sqlmeta.Tx) error { return f(tx) })
}

// transact runs f between begin and commit. Whatever else happens, f's panic
// included, nothing of it stays and the session is free for the next one.
func (d *DB) transact(ctx context.Context, s *sqlmeta.Session, begin string, f func(*sqlmeta.Tx) error) (err error) {
	// Beginning takes no time, and ending is not for the caller's context to stop.
	uncut := context.WithoutCancel(ctx)
	if err := d.begin(ctx, uncut, s, begin); err != nil {
		return err
	}
	tx := s.Tx(ctx, d.clock())
	committed := false
	defer func() {
		tx.End()
		if !committed {
			if _, e := s.Exec(uncut, "ROLLBACK"); e != nil {
				s.Spoil()
			}
		}
	}()
	if err := f(tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for {
		_, err := s.Exec(uncut, "COMMIT")
		if err == nil {
			committed = true
			return nil
		}
		if !busy(err) || ctx.Err() != nil {
			return &registry.Error{Code: registry.Internal, Msg: "metadata: commit", Err: err}
		}
	}
}

// begin tries until it has the lock that begin wants. Only a stranger to this
// process can hold it: updates queue for the session.
func (d *DB) begin(ctx, uncut context.Context, s *sqlmeta.Session, begin string) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, err := s.Exec(uncut, begin)
		if err == nil {
			return nil
		}
		if !busy(err) {
			return &registry.Error{Code: registry.Internal, Msg: "metadata: begin", Err: err}
		}
	}
}

// reader gives a session for one view; release takes it back.
func (d *DB) reader(ctx context.Context) (*sqlmeta.Session, error) {
	select {
	case d.slots <- struct{}{}:
	case <-d.closed:
		return nil, errClosed()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	d.mu.Lock()
	if n := len(d.idle); n > 0 {
		s := d.idle[n-1]
		d.idle = d.idle[:n-1]
		d.mu.Unlock()
		return s, nil
	}
	d.mu.Unlock()

	s, err := d.newReader(ctx)
	if err != nil {
		<-d.slots
		return nil, &registry.Error{Code: registry.Internal, Msg: "metadata: connect", Err: err}
	}
	return s, nil
}

func (d *DB) newReader(ctx context.Context) (*sqlmeta.Session, error) {
	conn, err := d.sql.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "PRAGMA query_only = ON"); err != nil {
		conn.Close()
		return nil, err
	}
	return sqlmeta.NewSession(conn, sqlmeta.SQLite), nil
}

// mended gives the session, or another in place of one on which a transaction
// may not have ended: SQLite ends it by itself when the disk is full.
func (d *DB) mended(s *sqlmeta.Session) *sqlmeta.Session {
	if !s.Spoiled() {
		return s
	}
	conn, err := d.sql.Conn(context.Background())
	if err != nil {
		return s // the next update meets the error, and tries again
	}
	s.Close()
	return sqlmeta.NewSession(conn, sqlmeta.SQLite)
}

func (d *DB) release(s *sqlmeta.Session) {
	d.mu.Lock()
	if len(d.idle) < idleReaders && !s.Spoiled() {
		d.idle = append(d.idle, s)
		s = nil
	}
	d.mu.Unlock()
	if s != nil {
		s.Close()
	}
	<-d.slots
}
