package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	modernc "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"larder/registry"
	"larder/storage/sqlmeta"
)

const (
	// maxReaders bounds the views that run at the same time; more wait.
	maxReaders = 64
	// idleReaders is how many connections stay open while nobody reads.
	idleReaders = 4
	// busyTimeout is how long SQLite itself waits for a lock before we try again.
	busyTimeout = 5 * time.Second
	// walLimit is the size in bytes to which the log is cut after it grew beyond.
	walLimit = 64 << 20
)

// DB is registry.Metadata in an SQLite file.
type DB struct {
	sql      *sql.DB
	clock    registry.Clock
	counters *sqlmeta.Counters
	unlock   func() error
	remove   string // folder that goes when the database is closed
	ahead    int    // steps of the schema that this build lacks
	beside   bool   // another process may have the file open, and counters in memory

	writer chan *sqlmeta.Session // holds the one writing session while nobody writes
	slots  chan struct{}         // one for each view that runs
	closed chan struct{}         // is closed when no transaction may begin

	mu   sync.Mutex
	idle []*sqlmeta.Session // reading sessions that nobody uses
	once sync.Once
}

var _ registry.Metadata = (*DB)(nil)

// Option changes how a database is opened.
type Option func(*DB)

// WithClock sets what transactions take as their time; else time.Now.
func WithClock(c registry.Clock) Option {
	return func(d *DB) { d.clock = c }
}

// Open opens or makes the database file, whose folder must exist, and brings
// its schema up to date. Errors: Unavailable where another process has the file
// open or a newer larder wrote it. The caller closes the DB.
func Open(ctx context.Context, path string, options ...Option) (*DB, error) {
	unlock, err := lock(path + ".lock")
	if err != nil {
		return nil, err
	}
	d, err := open(ctx, path, "FULL", options)
	if err != nil {
		return nil, errors.Join(err, unlock())
	}
	d.unlock = unlock
	return d, nil
}

// OpenMemory gives an empty database that nothing stays of after Close: for
// tests and small uses. The contract is that of a file, down to views that run
// beside an update, which SQLite's own in-memory databases do not allow; so it
// is a file in a temporary folder that is never synchronized to disk.
func OpenMemory(ctx context.Context, options ...Option) (*DB, error) {
	dir, err := os.MkdirTemp("", "larder-metadata-")
	if err != nil {
		return nil, err
	}
	d, err := open(ctx, filepath.Join(dir, "larder.db"), "OFF", options)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	d.remove = dir
	return d, nil
}

// OpenBeside opens the database file while another process may have it open and
// change it. An Update that would move a counter or a revision is Internal:
// that process answers by those that it has in memory. Errors: Unavailable where
// the schema is not that of this build.
func OpenBeside(ctx context.Context, path string) (*DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	d := empty()
	d.beside = true
	var err error
	if d.sql, err = sql.Open("sqlite", source(path, "FULL")); err != nil {
		return nil, err
	}
	conn, err := d.sql.Conn(ctx)
	if err == nil {
		if err = sqlmeta.Current(ctx, conn, sqlmeta.SQLite); err == nil {
			d.counters, err = sqlmeta.LoadCounters(ctx, conn)
		}
		d.writer <- sqlmeta.NewSession(conn, sqlmeta.SQLite)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), d.sql.Close())
	}
	return d, nil
}

func empty() *DB {
	return &DB{
		clock:  time.Now,
		writer: make(chan *sqlmeta.Session, 1),
		slots:  make(chan struct{}, maxReaders),
		closed: make(chan struct{}),
	}
}

func open(ctx context.Context, path, synchronous string, options []Option) (_ *DB, err error) {
	// SQLite would make the file readable to others.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	d := empty()
	for _, o := range options {
		o(d)
	}
	d.sql, err = sql.Open("sqlite", source(path, synchronous))
	if err != nil {
		return nil, err
	}
	d.sql.SetMaxIdleConns(idleReaders)
	defer func() {
		if err != nil {
			err = errors.Join(err, d.sql.Close())
		}
		if full(err) {
			err = registry.DiskFull(err)
		}
	}()
	conn, err := d.sql.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if d.ahead, err = sqlmeta.Migrate(ctx, conn, sqlmeta.SQLite); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), conn.Close())
	}
	if d.counters, err = sqlmeta.LoadCounters(ctx, conn); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), conn.Close())
	}
	d.writer <- sqlmeta.NewSession(conn, sqlmeta.SQLite)
	return d, nil
}

func source(path, synchronous string) string {
	q := url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
		"journal_mode(WAL)",
		"synchronous(" + synchronous + ")",
		"foreign_keys(ON)",
		"temp_store(MEMORY)",
		fmt.Sprintf("journal_size_limit(%d)", walLimit),
	}}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// Ahead is how many steps the schema is newer than this build.
func (d *DB) Ahead() int { return d.ahead }

// Counters implements registry.Metadata without a statement.
func (d *DB) Counters(_ context.Context, id registry.DomainID) (registry.Counters, error) {
	return d.counters.Of(id), nil
}

// Close waits for the transactions that run, then closes the file. Later
// transactions are Unavailable. A second Close does nothing.
func (d *DB) Close() (err error) {
	d.once.Do(func() { err = d.close() })
	return err
}

func (d *DB) close() error {
	close(d.closed)
	for range maxReaders {
		d.slots <- struct{}{}
	}
	errs := []error{(<-d.writer).Close()}
	for _, s := range d.idle {
		errs = append(errs, s.Close())
	}
	errs = append(errs, d.sql.Close())
	if d.remove != "" {
		errs = append(errs, os.RemoveAll(d.remove))
	}
	if d.unlock != nil {
		errs = append(errs, d.unlock())
	}
	return errors.Join(errs...)
}

func errClosed() error {
	return registry.Errorf(registry.Unavailable, "the metadata store is closed")
}

// busy reports whether the database was locked by someone else, which passes.
func busy(err error) bool {
	code := codeOf(err)
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
}

// full reports whether there was no room for a change, or for the index of the
// log that every connection shares.
func full(err error) bool {
	var e *modernc.Error
	return codeOf(err) == sqlite3.SQLITE_FULL || errors.As(err, &e) && e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE
}

// codeOf is SQLite's primary result code, zero where err is none of its errors.
func codeOf(err error) int {
	var e *modernc.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}
