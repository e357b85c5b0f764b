package postgres

import (
	"context"
	"database/sql"
	"time"
)

const (
	// turnEvery is how often a process asks whether it is its turn to lead.
	turnEvery = time.Second
	// pulseEvery and pulseLimit are how often a leader makes sure that it still
	// is one, and how long that may take.
	pulseEvery = 2 * time.Second
	pulseLimit = 5 * time.Second
)

const (
	tryLead = "SELECT pg_try_advisory_lock(hashtext(current_schema()), hashtext($1))"
	// Looking takes no turn from who waits for one.
	isLed = `SELECT EXISTS (SELECT 1 FROM pg_locks
		WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND classid::bigint = hashtext(current_schema())::bigint & 4294967295 AND objid::bigint = hashtext($1)::bigint & 4294967295)`
	endLead = "SELECT pg_advisory_unlock(hashtext(current_schema()), hashtext($1))"
)

// Lead implements registry.Leader. The lead is an advisory lock of a
// connection: the database gives it to another process when this one ends.
func (d *DB) Lead(ctx context.Context, name string, f func(context.Context) error) error {
	for {
		led, err := d.lead(ctx, name, f)
		if led && ctx.Err() == nil {
			return err
		}
		timer := time.NewTimer(turnEvery)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// lead runs f if it is this process's turn, and reports whether f ended by itself.
func (d *DB) lead(ctx context.Context, name string, f func(context.Context) error) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, pulseLimit)
	defer cancel()
	conn, err := d.sql.Conn(limited)
	if err != nil {
		return false, nil // the database is away: later
	}
	defer conn.Close()
	ours := false
	if err := conn.QueryRowContext(limited, tryLead, "lead "+name).Scan(&ours); err != nil || !ours {
		return false, nil
	}
	leading, end := context.WithCancel(ctx)
	defer end()
	lostLead := make(chan struct{})
	go func() {
		defer close(lostLead)
		defer end()
		pulse(leading, conn)
	}()
	err = f(leading)
	byItself := leading.Err() == nil
	end()
	<-lostLead
	unlock, cancel := context.WithTimeout(context.WithoutCancel(ctx), pulseLimit)
	defer cancel()
	conn.ExecContext(unlock, endLead, "lead "+name) //nolint:errcheck // a connection that is gone has let go of it
	return byItself, err
}

// pulse returns when ctx is over or the connection does not answer.
func pulse(ctx context.Context, conn *sql.Conn) {
	tick := time.NewTicker(pulseEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), pulseLimit)
		_, err := conn.ExecContext(limited, "SELECT 1")
		cancel()
		if err != nil {
			return
		}
	}
}
