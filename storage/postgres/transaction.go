package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"larder/registry"
	"larder/storage/sqlmeta"
)

const (
	// tries is how often an update is run that meets others or loses its connection.
	tries = 8
	// pause is the longest wait before the second try; each doubles it.
	pause = 10 * time.Millisecond
)

const beginView = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

var (
	beginShared = "BEGIN ISOLATION LEVEL READ COMMITTED; " + sqlmeta.PostgreSQL.Locks.Shared
	beginAlone  = "BEGIN ISOLATION LEVEL READ COMMITTED; " + sqlmeta.PostgreSQL.Locks.Alone
)

// errAmbiguous says that nobody knows whether the commit took place.
var errAmbiguous = errors.New("the connection was lost while the change was committed")

// View implements registry.Metadata.
func (d *DB) View(ctx context.Context, f func(registry.Tx) error) error {
	err := d.transact(ctx, beginView, func(tx *sqlmeta.Tx) error { return f(tx) })
	if state(err) == readOnly { // f has tried a change
		return err
	}
	return outward(err)
}

// Update implements registry.Metadata. f is run again where it met another
// update, or needs the database alone, or lost its connection before the commit.
func (d *DB) Update(ctx context.Context, f func(registry.Tx) error) error {
	alone := false
	for try := 1; ; try++ {
		begin, wants := beginShared, false
		if alone {
			begin = beginAlone
		}
		err := d.transact(ctx, begin, func(tx *sqlmeta.Tx) (err error) {
			tx.Concurrent(alone)
			defer func() { wants = tx.WantsAlone() }()
			if err := f(tx); err != nil {
				return err
			}
			_, err = tx.Finish()
			return err
		})
		switch {
		case err == nil:
			return nil
		case wants:
			alone = true
			continue
		case try == tries, ctx.Err() != nil, errors.Is(err, errAmbiguous), !again(err) && !lost(err):
			return outward(err)
		}
		timer := time.NewTimer(rand.N(pause << try))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// outward leaves f's own errors as they are, and says what a database that is
// away or overloaded means.
func outward(err error) error {
	switch {
	case err == nil, registry.CodeOf(err) == registry.Unavailable:
		return err
	case unreadable(err):
		return &registry.Error{Code: registry.Invalid, Msg: "a text holds a NUL character or is not UTF-8", Err: err}
	case lost(err), slow(err), again(err):
		return failure("transaction", err)
	}
	return err
}

// transact runs f between begin and commit. Whatever else happens, f's panic
// included, nothing of it stays.
func (d *DB) transact(ctx context.Context, begin string, f func(*sqlmeta.Tx) error) error {
	s, err := d.acquire(ctx, begin)
	if err != nil {
		return err
	}
	defer d.release(s)
	// The client's leaving ends nothing in the middle: that costs more than to finish.
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), transactionTimeout)
	defer cancel()
	tx := s.Tx(ctx, d.clock())
	tx.Within(limited)
	over := false
	defer func() {
		tx.End()
		if !over {
			if _, err := s.direct(limited, "ROLLBACK"); err != nil {
				s.Spoil()
			}
		}
	}()
	if err := f(tx); err != nil {
		if lost(err) {
			// The next one may find another server.
			s.Spoil()
			d.forget()
		}
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	over = true
	tag, err := s.direct(limited, "COMMIT")
	switch {
	case err != nil:
		s.Spoil()
		if state(err) == "" || fatal(err) { // a pooler says so when it has lost the server in the middle
			err = fmt.Errorf("%w: %w", errAmbiguous, err)
		}
		return failure("commit", err)
	case tag.String() != "COMMIT":
		// A statement had failed, and f went on.
		return &registry.Error{Code: registry.Internal, Msg: "metadata: commit", Err: errors.New("a statement of the transaction has failed")}
	}
	return nil
}
