package rules

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"larder/events"
	"larder/events/pattern"
	"larder/registry"
)

// Sender publishes to subjects of NATS.
type Sender interface {
	// Send returns nil once somebody has the message; events.ErrNobodyListens
	// where there is nobody.
	Send(ctx context.Context, account string, m events.Message) error
}

// Config is what a Dispatcher is made of. Metadata, Sealer, NATS and Region are
// required.
type Config struct {
	Metadata registry.Metadata
	Sealer   registry.Sealer
	NATS     Sender
	Region   string
	// Control judges the addresses that web hooks lead to. Nil: all are good.
	Control   func(network, address string, c syscall.RawConn) error
	UserAgent string
	Logger    *slog.Logger   // nil: slog.Default
	Clock     registry.Clock // nil: time.Now

	// Poll is how often the outbox is looked at without a Wake, for events of
	// other processes; default 5 s.
	Poll time.Duration
	// Timeout bounds one attempt; default 15 s.
	Timeout time.Duration
	// MinBackoff and MaxBackoff bound the waits between attempts; default 500 ms
	// and 10 minutes. MaxRest bounds those of a target as a whole that is away;
	// default 30 s.
	MinBackoff, MaxBackoff, MaxRest time.Duration
}

const (
	// routeBatch is how many events are asked about at a time.
	routeBatch = 512
	// gather is how long the first event of a trickle waits for others.
	gather = 20 * time.Millisecond
	// stopWait is how long attempts that run may take when the dispatcher ends.
	stopWait = 2 * time.Second
)

// Dispatcher routes events to targets and delivers them. Of all processes that
// share a database, one runs.
type Dispatcher struct {
	Config
	client *http.Client
	wake   chan struct{}

	routing sync.Mutex // one pass at a time
	set     *ruleSet

	mu    sync.Mutex
	lanes map[int64]chan struct{} // by the target's key: wakes it
	all   sync.WaitGroup

	ctx     context.Context // of Run; nil: it does not run
	attempt context.Context // of attempts: outlives ctx a little

	routed, matched, delivered, failed, dead atomic.Int64
}

// Stats is what a Dispatcher has done since it was made.
type Stats struct {
	Routed    int64 // events that rules were asked about
	Matched   int64 // deliveries that came of them
	Delivered int64
	Failed    int64 // attempts
	Dead      int64 // deliveries given up
}

// New makes a dispatcher; Run starts it.
func New(c Config) *Dispatcher {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	orDefault(&c.Poll, 5*time.Second)
	orDefault(&c.Timeout, 15*time.Second)
	orDefault(&c.MinBackoff, 500*time.Millisecond)
	orDefault(&c.MaxBackoff, 10*time.Minute)
	orDefault(&c.MaxRest, 30*time.Second)
	return &Dispatcher{
		Config: c, client: newHTTPClient(c.Control, c.Timeout),
		wake: make(chan struct{}, 1), lanes: map[int64]chan struct{}{},
	}
}

func orDefault(d *time.Duration, otherwise time.Duration) {
	if *d == 0 {
		*d = otherwise
	}
}

// Wake says that the outbox has new rows. It never blocks and may be called
// from anywhere, before Run too.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Stats may be called from anywhere, at any time.
func (d *Dispatcher) Stats() Stats {
	return Stats{d.routed.Load(), d.matched.Load(), d.delivered.Load(), d.failed.Load(), d.dead.Load()}
}

// Run routes and delivers until ctx is done, lets attempts that run end, and
// returns nil. A database that is away is waited for. It may be run again.
func (d *Dispatcher) Run(ctx context.Context) error {
	attempt, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stopped := context.AfterFunc(ctx, func() { time.AfterFunc(stopWait, cancel) })
	defer stopped()
	d.mu.Lock()
	d.ctx, d.attempt = ctx, attempt
	d.mu.Unlock()
	defer d.client.CloseIdleConnections()
	defer d.all.Wait()

	failures := 0
	var looked time.Time
	for ctx.Err() == nil {
		var err error
		if time.Since(looked) >= d.Poll {
			if err = d.resume(ctx); err == nil {
				looked = time.Now()
			}
		}
		if err == nil {
			err = d.Flush(ctx)
		}
		wake, wait := d.wake, d.Poll
		if err != nil && ctx.Err() == nil {
			if failures == 0 {
				d.Logger.Warn("events wait for their rules", "error", err)
			}
			wake, wait = nil, min(d.MinBackoff<<min(failures, 10), d.MaxRest)
			failures++
		} else {
			failures = 0
		}
		sleep(ctx, wait, wake)
		if wake != nil {
			sleep(ctx, gather, nil)
		}
	}
	return nil
}

// sleep waits for the time, a word on wake, or the end of ctx.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-wake:
	case <-ctx.Done():
	}
}

// resume starts lanes for what an earlier run has left, or another process.
func (d *Dispatcher) resume(ctx context.Context) error {
	var keys []int64
	err := d.Metadata.View(ctx, func(tx registry.Tx) (err error) {
		keys, err = tx.WaitingTargets()
		return err
	})
	for _, key := range keys {
		d.start(key)
	}
	return err
}

// Flush asks the rules as they are now about all events that there are. Who
// changes rules calls it before, so that events meet the rules of their time.
func (d *Dispatcher) Flush(ctx context.Context) error {
	d.routing.Lock()
	defer d.routing.Unlock()
	for {
		n, err := d.route(ctx)
		if err != nil || n < routeBatch {
			return err
		}
	}
}

// route asks about a batch of events, and returns of how many.
func (d *Dispatcher) route(ctx context.Context) (int, error) {
	var rows []registry.OutboxEvent
	err := d.Metadata.View(ctx, func(tx registry.Tx) error {
		var err error
		if rows, err = tx.UnroutedEvents(routeBatch); err != nil || len(rows) == 0 {
			return err
		}
		return d.load(tx)
	})
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	ids := make([]int64, len(rows))
	deliveries := make([][]registry.Delivery, len(rows))
	for i, row := range rows {
		ids[i] = row.Row
		if deliveries[i], err = d.match(row.Event); err != nil {
			return 0, err
		}
	}
	var started []registry.Delivery
	routed := 0
	err = d.Metadata.Update(ctx, func(tx registry.Tx) error {
		started = nil
		marked, err := tx.MarkRouted(ids...)
		if err != nil {
			return err
		}
		routed = len(marked)
		for i := range rows {
			if len(deliveries[i]) == 0 || !slices.Contains(marked, ids[i]) { // another process did it
				continue
			}
			for n := range deliveries[i] {
				deliveries[i][n].Created = tx.Now()
			}
			started = append(started, deliveries[i]...)
		}
		return tx.AppendDeliveries(started...)
	})
	if err != nil {
		return 0, err
	}
	d.routed.Add(int64(routed))
	d.matched.Add(int64(len(started)))
	for _, s := range started {
		d.start(s.Target)
	}
	return len(rows), nil
}

// ruleSet is the enabled rules of all accounts, compiled.
type ruleSet struct {
	revision int64
	accounts map[string]*accountRules
}

type accountRules struct {
	set     *pattern.Set
	targets [][]int64 // keys, by the index of the pattern
}

// load reads the rules anew where they have changed.
func (d *Dispatcher) load(tx registry.Tx) error {
	revision, err := tx.RulesRevision()
	if err != nil || d.set != nil && d.set.revision == revision {
		return err
	}
	rules, _, err := tx.Rules("", "", registry.Page{})
	if err != nil {
		return err
	}
	targets, _, err := tx.Targets("", "", registry.Page{})
	if err != nil {
		return err
	}
	type name struct{ account, rule string }
	keys := map[name][]int64{}
	for _, t := range targets {
		keys[name{t.Account, t.Rule}] = append(keys[name{t.Account, t.Rule}], t.Key)
	}
	patterns := map[string][]*pattern.Pattern{}
	s := &ruleSet{revision, map[string]*accountRules{}}
	for _, r := range rules {
		to := keys[name{r.Account, r.Name}]
		if r.Disabled || len(to) == 0 {
			continue
		}
		p, err := pattern.Compile(r.Pattern)
		if err != nil { // a newer build has put it
			d.Logger.Error("a rule's pattern cannot be read by this build; it matches nothing", "account", r.Account, "rule", r.Name, "error", err)
			continue
		}
		a := s.accounts[r.Account]
		if a == nil {
			a = &accountRules{}
			s.accounts[r.Account] = a
		}
		a.targets = append(a.targets, to)
		patterns[r.Account] = append(patterns[r.Account], p)
	}
	for account, a := range s.accounts {
		a.set = pattern.NewSet(patterns[account])
	}
	d.set = s
	return nil
}

// match gives the deliveries of an event.
func (d *Dispatcher) match(e registry.Event) ([]registry.Delivery, error) {
	a := d.set.accounts[e.Account]
	if a == nil {
		return nil, nil
	}
	body, err := events.Body(e, d.Region)
	if err != nil {
		return nil, err
	}
	parsed, err := pattern.ParseEvent(body)
	if err != nil {
		return nil, err
	}
	var all []registry.Delivery
	for _, i := range a.set.Match(parsed) {
		for _, key := range a.targets[i] {
			all = append(all, registry.Delivery{Target: key, ID: e.ID, Body: body})
		}
	}
	return all, nil
}

// errStopped says that the dispatcher has ended before an attempt did.
var errStopped = errors.New("stopped")
