package sqlmeta

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// maxStatements bounds the prepared statements of a session. Filters give a
// few dozen texts; the bound is there for what nobody thought of.
const maxStatements = 256

// Session is one connection with the statements that were prepared on it. It
// is used by one goroutine at a time.
type Session struct {
	conn       *sql.Conn
	dialect    *Dialect
	statements map[string]*sql.Stmt
	spoiled    bool
}

// NewSession takes over the connection.
func NewSession(conn *sql.Conn, d *Dialect) *Session {
	return &Session{conn: conn, dialect: d, statements: map[string]*sql.Stmt{}}
}

// Close gives the connection back, or closes it where the session is spoiled.
func (s *Session) Close() error {
	s.forget()
	if s.spoiled {
		s.conn.Raw(func(any) error { return driver.ErrBadConn })
		return nil
	}
	return s.conn.Close()
}

// Spoil says that a transaction may not have ended: the session is only to be closed.
func (s *Session) Spoil() { s.spoiled = true }

// Spoiled reports whether Spoil was called.
func (s *Session) Spoiled() bool { return s.spoiled }

func (s *Session) forget() {
	for _, p := range s.statements {
		p.Close()
	}
	clear(s.statements)
}

// Exec runs a statement that gives no rows.
func (s *Session) Exec(ctx context.Context, text string, args ...any) (sql.Result, error) {
	p, err := s.prepare(ctx, text)
	if err != nil {
		return nil, err
	}
	return p.ExecContext(ctx, args...)
}

func (s *Session) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	p, err := s.prepare(ctx, text)
	if err != nil {
		return nil, err
	}
	return p.QueryContext(ctx, args...)
}

func (s *Session) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if p, ok := s.statements[text]; ok {
		return p, nil
	}
	bound := text
	if s.dialect.Rebind != nil {
		bound = s.dialect.Rebind(text)
	}
	p, err := s.conn.PrepareContext(ctx, bound)
	if err != nil {
		return nil, err
	}
	if len(s.statements) >= maxStatements {
		s.forget()
	}
	s.statements[text] = p
	return p, nil
}
