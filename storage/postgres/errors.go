package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// SQLSTATE values (PostgreSQL documentation, appendix A).
func state(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// fatal reports that the server, or a pooler before it, has ended the connection
// with a word: it was shut down, an administrator or a limit of idle time ended
// it, nobody may log in.
func fatal(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Severity == "FATAL" || e.Severity == "PANIC" || e.SeverityUnlocalized == "FATAL" || e.SeverityUnlocalized == "PANIC")
}

// reason is what the server said, which holds no secret.
func reason(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Message
	}
	return ""
}

// lockNotAvailable is the state of a statement that has waited for a lock for
// as long as it may.
const lockNotAvailable = "55P03"

// readOnly is the state of a change in a database that takes none for now: a
// standby, or one whose administrator or disk says so.
const readOnly = "25006"

// again reports a transaction that only met another one.
func again(err error) bool {
	switch state(err) {
	case "40001", "40P01": // serialization failure, deadlock
		return true
	}
	return false
}

// slow reports that a limit of time or memory was met.
func slow(err error) bool {
	switch state(err) {
	case lockNotAvailable, "57014": // canceled
		return true
	case "":
		return errors.Is(err, context.DeadlineExceeded)
	}
	return strings.HasPrefix(state(err), "53") // too many connections, disk full, out of memory
}

// lost reports that the connection, or the database, is away, or leads to one
// that is of no use.
func lost(err error) bool {
	switch s := state(err); {
	case fatal(err), strings.HasPrefix(s, "08"), s == readOnly:
		return true
	case s != "":
		return false
	}
	var network net.Error
	var connect *pgconn.ConnectError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return errors.As(err, &connect)
	case errors.As(err, &network), errors.As(err, &connect):
		return true
	}
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		err != nil && strings.Contains(err.Error(), "conn closed") // pgconn has no value for it
}

// unreadable reports text that PostgreSQL does not keep: a NUL character, or
// what is not UTF-8.
func unreadable(err error) bool {
	switch state(err) {
	case "22021", "22P05":
		return true
	}
	return false
}
