package events

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/registry"
)

var errAway = errors.New("away")

// outbox is registry.Metadata with nothing but an outbox.
type outbox struct {
	mu      sync.Mutex
	rows    []outboxRow
	next    int64
	updates int
	failing error // of Update
}

type outboxRow struct {
	registry.OutboxEvent
	sent time.Time
}

func (o *outbox) View(_ context.Context, f func(registry.Tx) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return f(outboxTx{o: o})
}

func (o *outbox) Update(_ context.Context, f func(registry.Tx) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failing != nil {
		return o.failing
	}
	o.updates++
	return f(outboxTx{o: o})
}

func (o *outbox) Counters(context.Context, registry.DomainID) (registry.Counters, error) {
	return registry.Counters{}, nil
}
func (o *outbox) Close() error { return nil }

func (o *outbox) set(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f()
}

func (o *outbox) append(events ...registry.Event) {
	o.set(func() {
		for _, e := range events {
			o.next++
			o.rows = append(o.rows, outboxRow{OutboxEvent: registry.OutboxEvent{Row: o.next, Event: e}})
		}
	})
}

func (o *outbox) kept() (n int) {
	o.set(func() { n = len(o.rows) })
	return n
}

func (o *outbox) updated() (n int) {
	o.set(func() { n = o.updates })
	return n
}

func (o *outbox) unsent() int {
	n := 0
	o.set(func() {
		for _, r := range o.rows {
			if r.sent.IsZero() {
				n++
			}
		}
	})
	return n
}

type outboxTx struct {
	registry.Tx
	o *outbox
}

func (t outboxTx) Now() time.Time { return time.Now().UTC() }

func (t outboxTx) UnsentEvents(limit int) ([]registry.OutboxEvent, error) {
	var all []registry.OutboxEvent
	for _, r := range t.o.rows {
		if r.sent.IsZero() && len(all) < limit {
			all = append(all, r.OutboxEvent)
		}
	}
	return all, nil
}

func (t outboxTx) EventsAfter(id string, limit int) ([]registry.OutboxEvent, error) {
	from := slices.IndexFunc(t.o.rows, func(r outboxRow) bool { return r.Event.ID == id })
	if from < 0 && id != "" {
		return nil, registry.Errorf(registry.NotFound, "not kept")
	}
	var all []registry.OutboxEvent
	for _, r := range t.o.rows[from+1:] {
		if len(all) < limit {
			all = append(all, r.OutboxEvent)
		}
	}
	return all, nil
}

func (t outboxTx) MarkSent(rows ...int64) error {
	for i := range t.o.rows {
		if slices.Contains(rows, t.o.rows[i].Row) {
			t.o.rows[i].sent = time.Now()
		}
	}
	return nil
}

func (t outboxTx) PruneEvents(before time.Time) (int, error) {
	n := len(t.o.rows)
	t.o.rows = slices.DeleteFunc(t.o.rows, func(r outboxRow) bool { return !r.sent.IsZero() && r.sent.Before(before) })
	return n - len(t.o.rows), nil
}

func (t outboxTx) OutboxDepth() (int, error) {
	n := 0
	for _, r := range t.o.rows {
		if r.sent.IsZero() {
			n++
		}
	}
	return n, nil
}

// stream is what several buses write to. It remembers no ids: as if its
// duplicate window were always over.
type stream struct {
	mu      sync.Mutex
	ids     []string
	asked   int
	trouble func(batch int) trouble // nil: none; asked before each batch
}

// trouble is what befalls a batch.
type trouble struct {
	err    error
	take   int // how many arrive before err; -1 all
	answer int // how many of those are known to have arrived
}

func (s *stream) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ids)
}

// lasts is how often the stream was asked for its end.
func (s *stream) lasts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// lose drops the newest n.
func (s *stream) lose(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids = s.ids[:len(s.ids)-n]
}

func (s *stream) last() string {
	if len(s.ids) == 0 {
		return ""
	}
	return s.ids[len(s.ids)-1]
}

// streamBus is one publisher's end of it, fenced as JetStream is.
type streamBus struct {
	*stream
	known bool
	tail  string
}

func (b *streamBus) Last(context.Context) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	if b.trouble != nil {
		if t := b.trouble(0); t.err != nil {
			return "", t.err
		}
	}
	b.known, b.tail = true, b.last()
	return b.tail, nil
}

func (b *streamBus) Publish(_ context.Context, events []registry.Event) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.known {
		return 0, errors.New("publish without knowing the end")
	}
	b.known = false
	if b.tail != b.last() {
		return 0, ErrFenced
	}
	var t trouble
	if b.trouble != nil {
		t = b.trouble(len(events))
	}
	take, answer := len(events), len(events)
	if t.err != nil {
		if t.take >= 0 {
			take = min(take, t.take)
		}
		answer = min(take, t.answer)
	}
	for _, e := range events[:take] {
		b.ids = append(b.ids, e.ID)
	}
	if t.err != nil {
		return answer, t.err
	}
	b.known, b.tail = true, b.last()
	return answer, nil
}

func numbered(from, to int) []registry.Event {
	var all []registry.Event
	for n := from; n <= to; n++ {
		all = append(all, event(accountA, n))
	}
	return all
}

func idsOf(events []registry.Event) []string {
	var all []string
	for _, e := range events {
		all = append(all, e.ID)
	}
	return all
}

// running runs a relay and returns how to end it.
func running(o *outbox, s *stream, change func(*RelayConfig)) (*Relay, func()) {
	c := RelayConfig{Metadata: o, Bus: &streamBus{stream: s}, Logger: quiet(), Batch: 4}
	if change != nil {
		change(&c)
	}
	r := NewRelay(c)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return r, sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			panic(err)
		}
	})
}

func wantStream(t *testing.T, s *stream, want []string) {
	t.Helper()
	if got := s.all(); !slices.Equal(got, want) {
		t.Errorf("stream holds %v, want %v", got, want)
	}
}

func TestEventsGoOutInOrderAndAreMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := &outbox{}, &stream{}
		o.append(numbered(1, 10)...)
		r, stop := running(o, s, nil)
		defer stop()
		synctest.Wait()
		wantStream(t, s, idsOf(numbered(1, 10)))

		o.append(numbered(11, 12)...)
		r.Wake()
		synctest.Wait() // no time passes: the wake alone does it
		wantStream(t, s, idsOf(numbered(1, 12)))

		o.append(numbered(13, 13)...) // another process's: nobody wakes us
		time.Sleep(r.Poll)
		synctest.Wait()
		wantStream(t, s, idsOf(numbered(1, 13)))

		time.Sleep(r.MarkDelay)
		synctest.Wait()
		if got := o.unsent(); got != 0 {
			t.Errorf("%d rows are not marked", got)
		}
		if got, want := r.Stats(), (RelayStats{Published: 13}); got != want {
			t.Errorf("stats = %+v, want %+v", got, want)
		}
		if got := s.lasts(); got != 1 {
			t.Errorf("the bus was asked %d times for its end, want once", got)
		}
	})
}

func TestATrickleDoesNotCostACommitEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := &outbox{}, &stream{}
		r, stop := running(o, s, func(c *RelayConfig) { c.Batch = 100 })
		defer stop()
		synctest.Wait()
		before := o.updated()
		for n := 1; n <= 50; n++ {
			o.append(event(accountA, n))
			r.Wake()
			time.Sleep(time.Millisecond)
		}
		time.Sleep(r.MarkDelay)
		synctest.Wait()
		wantStream(t, s, idsOf(numbered(1, 50)))
		if got := o.updated() - before; got > 2 || o.unsent() > 0 {
			t.Errorf("%d updates for 50 events, %d rows not marked; want at most 2 and 0", got, o.unsent())
		}
	})
}

func TestABrokenBatch(t *testing.T) {
	tests := map[string]trouble{
		"before anything arrived":             {err: errAway},
		"after all arrived, without a word":   {err: errAway, take: -1},
		"after a part arrived":                {err: errAway, take: 2, answer: 2},
		"after more arrived than was told":    {err: errAway, take: 3, answer: 1},
		"by a fence that nobody else crossed": {err: ErrFenced},
	}
	for name, trbl := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, s := &outbox{}, &stream{}
				o.append(numbered(1, 10)...)
				batches := 0
				s.trouble = func(batch int) trouble {
					if batch > 0 {
						if batches++; batches == 2 {
							return trbl
						}
					}
					return trouble{}
				}
				_, stop := running(o, s, nil)
				defer stop()
				time.Sleep(time.Second)
				synctest.Wait()
				wantStream(t, s, idsOf(numbered(1, 10)))
				if got := o.unsent(); got != 0 {
					t.Errorf("%d rows are not marked", got)
				}
			})
		})
	}
}

func TestADeathBetweenPublishAndMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := &outbox{}, &stream{}
		r, stop := running(o, s, nil)
		synctest.Wait()
		o.set(func() { o.failing = errAway }) // nothing can be marked
		o.append(numbered(1, 6)...)
		r.Wake()
		time.Sleep(time.Second)
		stop()
		arrived := s.all()
		if len(arrived) == 0 || o.unsent() != 6 {
			t.Fatalf("%d arrived, %d unmarked: the test wants some, and 6", len(arrived), o.unsent())
		}

		o.set(func() { o.failing = nil })
		o.append(numbered(7, 9)...)
		_, stop = running(o, s, nil)
		time.Sleep(time.Second)
		stop()
		wantStream(t, s, idsOf(numbered(1, 9)))
		if got := o.unsent(); got != 0 {
			t.Errorf("%d rows are not marked", got)
		}
	})
}

func TestEventsThatOnlyLackTheirMarkAreOnlyMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := &outbox{}, &stream{ids: idsOf(numbered(1, 11))}
		o.append(numbered(1, 11)...) // more than two batches
		r, stop := running(o, s, nil)
		defer stop()
		synctest.Wait()
		wantStream(t, s, idsOf(numbered(1, 11)))
		if got := o.unsent(); got != 0 {
			t.Errorf("%d rows are not marked", got)
		}
		if got := r.Stats().Published; got != 0 {
			t.Errorf("%d events were published, want none", got)
		}
	})
}

func TestAStreamThatLostItsTailGetsItAgain(t *testing.T) {
	for name, lost := range map[string]int{"a part of a batch": 3, "several batches": 9, "everything": 12} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, s := &outbox{}, &stream{}
				o.append(numbered(1, 12)...)
				_, stop := running(o, s, nil)
				time.Sleep(time.Second)
				stop()
				if got := o.unsent(); got != 0 {
					t.Fatalf("%d rows are not marked", got)
				}
				s.lose(lost)
				o.append(numbered(13, 15)...)
				_, stop = running(o, s, nil)
				defer stop()
				time.Sleep(time.Second)
				synctest.Wait()
				wantStream(t, s, idsOf(numbered(1, 15)))
				if got := o.unsent(); got != 0 {
					t.Errorf("%d rows are not marked", got)
				}
			})
		})
	}
}

func TestAStreamThatEndsWithAnUnknownEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := &outbox{}, &stream{ids: []string{"long-pruned"}}
		o.append(numbered(1, 3)...)
		_, stop := running(o, s, nil)
		defer stop()
		synctest.Wait()
		wantStream(t, s, append([]string{"long-pruned"}, idsOf(numbered(1, 3))...))
	})
}

func TestABusThatIsAwayForHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := &outbox{}, &stream{}
		s.trouble = func(int) trouble { return trouble{err: errAway} }
		r, stop := running(o, s, nil)
		defer stop()
		for n := 1; n <= 1000; n++ {
			o.append(event(accountA, n))
			r.Wake()
			time.Sleep(10 * time.Second)
		}
		synctest.Wait()
		hours := (10000 * time.Second).Hours()
		if most := int(10000 / (r.MaxBackoff / 2).Seconds() * 1.2); s.lasts() > most {
			t.Errorf("the bus was asked %d times in %.1f hours, want at most %d", s.lasts(), hours, most)
		}
		stats := r.Stats()
		if stats.Depth < 990 || stats.Failures < 100 {
			t.Errorf("stats = %+v while away, want a depth of about 1000 and each failure counted", stats)
		}

		s.mu.Lock()
		s.trouble = nil
		s.mu.Unlock()
		time.Sleep(r.MaxBackoff + r.MarkDelay)
		synctest.Wait()
		wantStream(t, s, idsOf(numbered(1, 1000)))
		if got := r.Stats().Depth; got != 0 || o.unsent() != 0 {
			t.Errorf("depth = %d, %d rows not marked; want none", got, o.unsent())
		}
	})
}

func TestTwoRelaysNeitherDoubleNorLose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := &outbox{}, &stream{}
		a, stopA := running(o, s, nil)
		defer stopA()
		b, stopB := running(o, s, nil)
		defer stopB()
		for n := 1; n <= 300; n++ {
			o.append(event(accountA, n))
			a.Wake()
			b.Wake()
			if n%3 == 0 {
				time.Sleep(rand.N(5 * time.Millisecond))
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		wantStream(t, s, idsOf(numbered(1, 300)))
		if got := o.unsent(); got != 0 {
			t.Errorf("%d rows are not marked", got)
		}
		if a.Stats().Fenced+b.Stats().Fenced == 0 {
			t.Error("the relays never met: the test shows nothing")
		}
	})
}

func TestOldRowsGoOnceTheyWereSentLongAgo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := &outbox{}, &stream{}
		o.append(numbered(1, 5)...)
		r, stop := running(o, s, nil)
		defer stop()
		time.Sleep(r.Retention - time.Hour)
		synctest.Wait()
		if got := o.kept(); got != 5 {
			t.Errorf("%d rows are kept within the retention, want 5", got)
		}
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if got := o.kept(); got != 0 {
			t.Errorf("%d rows are kept beyond the retention, want none", got)
		}
		o.append(event(accountA, 6))
		stop()
		_, stop = running(o, s, nil)
		defer stop()
		synctest.Wait()
		wantStream(t, s, idsOf(numbered(1, 6)))
	})
}

// Whatever dies when, each event is in the stream once and in order.
func TestRandomDeaths(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(seed, 1))
				o, s := &outbox{}, &stream{}
				dice := rand.New(rand.NewPCG(seed, 2)) // of the relays' goroutines
				s.trouble = func(batch int) trouble {
					switch dice.IntN(5) {
					case 0:
						take := dice.IntN(batch + 1)
						return trouble{err: errAway, take: take, answer: dice.IntN(take + 1)}
					case 1:
						return trouble{err: ErrFenced}
					}
					return trouble{}
				}
				n := 0
				for range 20 {
					relays := []func(){}
					for range 1 + rnd.IntN(2) {
						r, stop := running(o, s, nil)
						r.Wake()
						relays = append(relays, stop)
					}
					for range rnd.IntN(8) {
						n++
						o.append(event(accountA, n))
						time.Sleep(time.Duration(rnd.IntN(200)) * time.Millisecond)
					}
					if rnd.IntN(3) == 0 {
						o.set(func() { o.failing = errAway }) // it dies without marking
					}
					for _, stop := range relays {
						stop()
					}
					o.set(func() { o.failing = nil })
					if rnd.IntN(3) == 0 { // power is lost
						s.lose(rnd.IntN(len(s.ids) + 1))
					}
				}
				s.trouble = nil
				_, stop := running(o, s, nil)
				time.Sleep(time.Minute)
				stop()
				wantStream(t, s, idsOf(numbered(1, n)))
				if got := o.unsent(); got != 0 {
					t.Errorf("%d rows are not marked", got)
				}
			})
		})
	}
}
