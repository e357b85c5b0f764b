package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"larder/registry"
	"larder/storage/sqlmeta"
)

const (
	// idleConns is how many connections stay open while nobody uses them.
	idleConns = 8
	// oldest is the oldest PostgreSQL that is taken: hashtextextended, generated identities.
	oldest = 120000
	// migrationLock is how long a step waits for a table that is in use, and then
	// leaves it to the others: whoever comes behind it waits for it. It is less
	// than what PostgreSQL takes for a deadlock (1 s), which others would lose.
	migrationLock = 500 * time.Millisecond
	// migrationTime bounds how long that goes on.
	migrationTime = 5 * time.Minute
)

// DB is registry.Metadata in a PostgreSQL database. Safe for concurrent use, by
// several processes too.
type DB struct {
	sql      *sql.DB
	clock    registry.Clock
	counters counters
	ahead    int           // steps of the schema that this build lacks
	patience time.Duration // with the beginning of a transaction

	slots  chan struct{} // one for each transaction that runs
	closed chan struct{} // is closed when no transaction may begin
	once   sync.Once

	mu   sync.Mutex
	idle []*session
}

var (
	_ registry.Metadata = (*DB)(nil)
	_ registry.Leader   = (*DB)(nil)
)

// Open connects to the database of the URL and brings its schema up to date.
// Besides PostgreSQL's own parameters it knows pool_max_conns, the connections
// of this process at most (default 24). Errors: Invalid for the URL; Unavailable
// where the database cannot be reached, cannot be used, or was written by a
// newer larder. The caller closes the DB.
func Open(ctx context.Context, url string) (*DB, error) {
	d, err := dial(url)
	if err != nil {
		return nil, err
	}
	if err := d.prepare(ctx); err != nil {
		return nil, errors.Join(err, d.sql.Close())
	}
	return d, nil
}

// dial makes a DB that has not asked the database for anything yet.
func dial(url string) (*DB, error) {
	config, conns, err := parse(url)
	if err != nil {
		return nil, err
	}
	d := &DB{
		sql:      stdlib.OpenDB(*config),
		clock:    time.Now,
		patience: patience(config),
		slots:    make(chan struct{}, conns),
		closed:   make(chan struct{}),
	}
	d.counters.read = d.readCounters
	d.sql.SetMaxIdleConns(2) // for counters and leads; transactions keep theirs
	d.sql.SetConnMaxIdleTime(time.Minute)
	return d, nil
}

// schemaLock is held by who makes or changes the schema, until its connection ends.
const schemaLock = "SELECT pg_advisory_lock(hashtext(current_schema()), 3)"

// prepare brings the schema up to date, one process at a time.
func (d *DB) prepare(ctx context.Context) error {
	s, err := d.unlimited(ctx)
	if err != nil {
		return err
	}
	defer s.drop() // and its lock with it
	if _, err := s.conn.ExecContext(ctx, schemaLock); err != nil {
		return failure("wait for the schema", err)
	}
	if _, err := s.direct(ctx, "SET lock_timeout = "+strconv.FormatInt(migrationLock.Milliseconds(), 10)); err != nil {
		return failure("limit locks", err)
	}
	for end := time.Now().Add(migrationTime); ; {
		d.ahead, err = sqlmeta.Migrate(ctx, s.conn, sqlmeta.PostgreSQL)
		switch {
		case err == nil:
			return nil
		case !again(err) && state(err) != lockNotAvailable:
			return fmt.Errorf("PostgreSQL: %w", err)
		case time.Now().After(end):
			return &registry.Error{Code: registry.Unavailable, Msg: "the database's schema cannot be brought up to date, because something holds its tables; let a backup that runs there end, and start again", Err: err}
		}
		timer := time.NewTimer(migrationLock)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// Ahead is how many steps the schema is newer than this build.
func (d *DB) Ahead() int { return d.ahead }

// unlimited gives a connection to a database that can be used, for statements
// that may take their time. The caller drops it.
func (d *DB) unlimited(ctx context.Context) (*session, error) {
	conn, err := d.sql.Conn(ctx)
	if err != nil {
		switch {
		case errors.Is(err, pgconn.ErrStandbyConnection):
			return nil, &registry.Error{Code: registry.Unavailable, Msg: "PostgreSQL at the address of --metadata is a standby, which takes no changes: name the primary, or all of them (HOST1:5432,HOST2:5432)", Err: err}
		case state(err) != "": // it answered
			return nil, &registry.Error{Code: registry.Unavailable, Msg: "PostgreSQL refuses the connection: " + reason(err), Err: err}
		}
		return nil, &registry.Error{Code: registry.Unavailable, Msg: "PostgreSQL cannot be reached at the address of --metadata", Err: err}
	}
	s := &session{sqlmeta.NewSession(conn, sqlmeta.PostgreSQL), conn}
	if err := s.suits(ctx); err != nil {
		s.drop()
		return nil, err
	}
	return s, nil
}

// suits looks whether the database can be used, and lifts the limits of time.
func (s *session) suits(ctx context.Context) error {
	var version int
	var encoding string
	var schema sql.NullString
	err := s.conn.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), current_schema()`).
		Scan(&version, &encoding, &schema)
	switch {
	case err != nil:
		return failure("look at the database", err)
	case version < oldest:
		return registry.Errorf(registry.Unavailable, "PostgreSQL %d is too old: 12 or later is needed", version/10000)
	case encoding != "UTF8":
		return registry.Errorf(registry.Unavailable, "the database's encoding is %s: make one with encoding UTF8", encoding)
	case !schema.Valid:
		return registry.Errorf(registry.Unavailable, "the schema that search_path names is not in the database: make it first")
	}
	if _, err := s.direct(ctx, "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0"); err != nil {
		return failure("lift limits", err)
	}
	return nil
}

// Counters implements registry.Metadata with one query for all who ask at the
// same time.
func (d *DB) Counters(ctx context.Context, id registry.DomainID) (registry.Counters, error) {
	return d.counters.of(ctx, id)
}

// Close waits for the transactions that run, then closes the connections. Later
// transactions are Unavailable. A second Close does nothing.
func (d *DB) Close() (err error) {
	d.once.Do(func() {
		close(d.closed)
		for range cap(d.slots) {
			d.slots <- struct{}{}
		}
		d.forget()
		err = d.sql.Close()
	})
	return err
}
