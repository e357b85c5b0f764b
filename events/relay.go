package events

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"larder/registry"
)

// RelayConfig is what a Relay is made of. Metadata and Bus are required.
type RelayConfig struct {
	Metadata registry.Metadata
	Bus      registry.Bus
	Logger   *slog.Logger // nil: slog.Default

	// Batch is how many events are published and marked at a time; default 512.
	Batch int
	// Poll is how often the outbox is looked at without a Wake, for rows of
	// other processes; default 5 s.
	Poll time.Duration
	// MarkDelay is how long a published row may stay unmarked, so that a trickle
	// of events does not cost a commit each; default 100 ms.
	MarkDelay time.Duration
	// Retention is how long rows stay after they were sent; default 3 days. It
	// must be well beyond any tail of the stream that could be lost (embedded:
	// SyncInterval), and below the stream's MaxAge: a stream that is empty has
	// lost all that the outbox still holds.
	Retention time.Duration
	// MinBackoff and MaxBackoff bound the waits while the bus fails; default
	// 50 ms and 30 s.
	MinBackoff, MaxBackoff time.Duration
}

// pruneEvery is how often old rows are looked for.
const pruneEvery = time.Hour

// countEvery is how often a long outbox is counted.
const countEvery = time.Second

// Relay carries events from the outbox to the bus, in order, each once.
//
// It never trusts its own memory over the stream: at the start and after every
// failure it asks the bus for its newest event, finds that in the outbox, marks
// what stands before it as sent, and goes on behind it, also over rows that
// were marked as sent and that the stream has lost. In between it takes rows
// that are not marked. The bus accepts a batch only on the end that the relay
// has seen, so that of two relays one succeeds and the other looks again.
//
// It relies on the outbox's order of append being the order in which rows
// become visible: a row never appears before one that has been read already.
type Relay struct {
	RelayConfig
	wake chan struct{}

	// Of Run alone.
	synced   bool
	resend   bool    // rows behind cursor may be marked although the stream lost them
	cursor   string  // id of the last event published while resend
	unmarked []int64 // rows that are published but not marked yet
	since    time.Time
	pruned   time.Time
	counted  time.Time

	depth, published, failures, fenced atomic.Int64
}

// RelayStats is what a Relay has done since it was made.
type RelayStats struct {
	Depth     int64 // events in the outbox that are not on the bus, as last counted
	Published int64 // events put on the bus
	Failures  int64 // passes that failed: bus or database away
	Fenced    int64 // batches refused because another relay was faster
}

// NewRelay makes a relay; Run starts it.
func NewRelay(c RelayConfig) *Relay {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	orDefault(&c.Batch, 512)
	orDefault(&c.Poll, 5*time.Second)
	orDefault(&c.MarkDelay, 100*time.Millisecond)
	orDefault(&c.Retention, 72*time.Hour)
	orDefault(&c.MinBackoff, 50*time.Millisecond)
	orDefault(&c.MaxBackoff, 30*time.Second)
	return &Relay{RelayConfig: c, wake: make(chan struct{}, 1)}
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Wake says that the outbox has new rows. It never blocks and may be called
// from anywhere, before Run too.
func (r *Relay) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Stats may be called from anywhere, at any time.
func (r *Relay) Stats() RelayStats {
	return RelayStats{Depth: r.depth.Load(), Published: r.published.Load(), Failures: r.failures.Load(), Fenced: r.fenced.Load()}
}

// Run carries events until ctx is done, then marks what it has published and
// returns nil. A bus or database that is away is waited for. It may be run again
// afterwards, by one goroutine at a time: meanwhile another relay may have run.
func (r *Relay) Run(ctx context.Context) error {
	r.synced = false
	defer func() {
		// What stays unmarked is found by the next start; this only spares it the work.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := r.mark(ctx); err != nil {
			r.Logger.Warn("published events could not be marked; the next start will", "events", len(r.unmarked), "error", err)
		}
	}()
	tries := 0
	for {
		err := r.pass(ctx)
		if ctx.Err() != nil {
			return nil
		}
		wake, wait := r.wake, r.Poll
		if err != nil {
			r.failed(ctx, err, tries)
			// A new event is no reason to ask a failing bus sooner.
			wake, wait = nil, r.backoff(tries)
			tries++
		} else {
			if tries > 1 {
				r.Logger.Info("events are on their way again")
			}
			tries = 0
			if len(r.unmarked) > 0 {
				wait = r.MarkDelay - time.Since(r.since)
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// backoff doubles with every try; a part of it is left to chance so that
// several relays do not try together for ever.
func (r *Relay) backoff(tries int) time.Duration {
	d := r.MaxBackoff
	if tries < 30 {
		d = min(d, r.MinBackoff<<tries)
	}
	return d/2 + rand.N(d/2+1)
}

func (r *Relay) failed(ctx context.Context, err error, tries int) {
	level := slog.LevelDebug
	if errors.Is(err, ErrFenced) {
		r.fenced.Add(1)
	} else {
		r.failures.Add(1)
		if tries == 0 {
			level = slog.LevelWarn
		}
	}
	r.Logger.Log(ctx, level, "events wait in the outbox", "error", err, "try", tries+1)
	// The depth is worth knowing above all while nothing is sent.
	if err := r.Metadata.View(ctx, r.count); err != nil {
		r.Logger.Debug("the outbox cannot be counted", "error", err)
	}
}

// pass sends all that there is to send.
func (r *Relay) pass(ctx context.Context) error {
	if !r.synced {
		if err := r.sync(ctx); err != nil {
			return err
		}
		r.synced = true
	}
	for {
		rows, err := r.next(ctx)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		if err := r.send(ctx, rows); err != nil {
			r.synced = false
			return err
		}
	}
	if len(r.unmarked) > 0 && time.Since(r.since) >= r.MarkDelay {
		if err := r.mark(ctx); err != nil {
			return err
		}
	}
	return r.prune(ctx)
}

// sync asks the bus where it ends and brings outbox and relay to that point.
func (r *Relay) sync(ctx context.Context) error {
	if err := r.mark(ctx); err != nil {
		return err
	}
	last, err := r.Bus.Last(ctx)
	if err != nil {
		return err
	}
	r.cursor, r.resend = last, false
	for marked := r.Batch; marked == r.Batch; {
		err := r.Metadata.Update(ctx, func(tx registry.Tx) error {
			var err error
			marked, err = r.resume(tx, last)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// resume finds the stream's last event in the outbox, marks at most a batch of
// rows up to it that are not marked, and returns how many. Both are one
// transaction: a row that comes meanwhile is not taken for one that was sent.
func (r *Relay) resume(tx registry.Tx, last string) (int, error) {
	behind, err := tx.EventsAfter(last, 1)
	if registry.IsNotFound(err) {
		// Older than all that is kept (there was no event for long), or not of
		// this outbox. Marks are all there is to go by.
		if last != "" {
			r.Logger.Info("the event stream's last event is not in the outbox any more; going on with unsent events", "event", last)
		}
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	r.resend = len(behind) > 0
	if last == "" {
		return 0, nil // an empty stream has nothing to be marked
	}
	first := int64(math.MaxInt64)
	if len(behind) > 0 {
		first = behind[0].Row
	}
	unsent, err := tx.UnsentEvents(r.Batch)
	if err != nil {
		return 0, err
	}
	var rows []int64
	for _, e := range unsent {
		if e.Row < first {
			rows = append(rows, e.Row)
		}
	}
	if len(rows) == 0 {
		return 0, nil
	}
	return len(rows), tx.MarkSent(rows...)
}

// next gives the rows to send now: those behind the cursor, sent or not, as
// long as there are any after a sync, then those that are not marked as sent.
func (r *Relay) next(ctx context.Context) ([]registry.OutboxEvent, error) {
	var rows []registry.OutboxEvent
	if r.resend {
		err := r.Metadata.View(ctx, func(tx registry.Tx) error {
			var err error
			if rows, err = tx.EventsAfter(r.cursor, r.Batch); err != nil {
				return err
			}
			return r.measure(tx, len(rows), len(rows) == r.Batch)
		})
		if err != nil && !registry.IsNotFound(err) { // not found: pruned by another process
			return nil, err
		}
		if r.resend = err == nil && len(rows) > 0; r.resend {
			return rows, nil
		}
	}
	limit := r.Batch + len(r.unmarked)
	err := r.Metadata.View(ctx, func(tx registry.Tx) error {
		var err error
		if rows, err = tx.UnsentEvents(limit); err != nil {
			return err
		}
		return r.measure(tx, len(rows)-len(r.unmarked), len(rows) == limit)
	})
	return slices.DeleteFunc(rows, func(e registry.OutboxEvent) bool { return slices.Contains(r.unmarked, e.Row) }), err
}

// measure keeps the depth: left where all rows were read, else by counting now
// and then, since counting a long outbox is dear.
func (r *Relay) measure(tx registry.Tx, left int, more bool) error {
	if !more {
		r.depth.Store(int64(max(0, left)))
		return nil
	}
	if time.Since(r.counted) < countEvery {
		return nil
	}
	return r.count(tx)
}

func (r *Relay) count(tx registry.Tx) error {
	n, err := tx.OutboxDepth()
	if err != nil {
		return err
	}
	r.counted = time.Now()
	r.depth.Store(int64(max(0, n-len(r.unmarked))))
	return nil
}

// send publishes the rows and remembers those that arrived.
func (r *Relay) send(ctx context.Context, rows []registry.OutboxEvent) error {
	batch := make([]registry.Event, len(rows))
	for i, row := range rows {
		batch[i] = row.Event
	}
	n, err := r.Bus.Publish(ctx, batch)
	if n > 0 {
		if len(r.unmarked) == 0 {
			r.since = time.Now()
		}
		for _, row := range rows[:n] {
			r.unmarked = append(r.unmarked, row.Row)
		}
		r.cursor = rows[n-1].Event.ID
		r.published.Add(int64(n))
		r.depth.Store(max(0, r.depth.Load()-int64(n)))
	}
	if err != nil {
		return err
	}
	if len(r.unmarked) >= r.Batch {
		return r.mark(ctx)
	}
	return nil
}

// mark marks what was published, in one transaction.
func (r *Relay) mark(ctx context.Context) error {
	if len(r.unmarked) == 0 {
		return nil
	}
	err := r.Metadata.Update(ctx, func(tx registry.Tx) error { return tx.MarkSent(r.unmarked...) })
	if err != nil {
		return err
	}
	r.unmarked = r.unmarked[:0]
	return nil
}

// prune drops rows that were sent long ago. It comes after a sync, so that
// nothing is dropped that the stream has lost meanwhile.
func (r *Relay) prune(ctx context.Context) error {
	if !r.pruned.IsZero() && time.Since(r.pruned) < pruneEvery {
		return nil
	}
	r.pruned = time.Now()
	return r.Metadata.Update(ctx, func(tx registry.Tx) error {
		_, err := tx.PruneEvents(tx.Now().Add(-r.Retention))
		return err
	})
}
