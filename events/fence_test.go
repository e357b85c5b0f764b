package events

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

// publishers runs f against one server and against a cluster of three, with what
// makes buses that know the stream's end.
func publishers(t *testing.T, f func(t *testing.T, open func() *JetStream)) {
	one := func(t *testing.T) string { return external(t) }
	three := func(t *testing.T) string { return clientURL(t, clustered(t)) }
	for name, start := range map[string]func(*testing.T) string{"one server": one, "a cluster": three} {
		t.Run(name, func(t *testing.T) {
			url := start(t)
			f(t, func() *JetStream {
				b := dial(t, url, StreamConfig{})
				listened(t, b)
				return b
			})
		})
	}
}

func held(t *testing.T, b *JetStream) []string {
	t.Helper()
	s, err := b.js.Stream(t.Context(), StreamName)
	if err != nil {
		t.Fatal(err)
	}
	return ids(t, s)
}

func TestASecondPublisherIsFenced(t *testing.T) {
	publishers(t, func(t *testing.T, open func() *JetStream) {
		one, two := open(), open() // both see an empty stream
		publish(t, one, numbered(1, 3)...)
		if n, err := two.Publish(t.Context(), numbered(4, 6)); n != 0 || !errors.Is(err, ErrFenced) {
			t.Errorf("the second published %d: %v, want it fenced", n, err)
		}
		if n, err := two.Publish(t.Context(), numbered(4, 6)); n != 0 || err == nil || errors.Is(err, ErrFenced) {
			t.Errorf("the second published %d: %v, want an error: it does not know the end any more", n, err)
		}
		lastIs(t, two, event(accountA, 3).ID)
		publish(t, two, numbered(4, 6)...)
		n, err := one.Publish(t.Context(), numbered(7, 9))
		if n != 0 || !errors.Is(err, ErrFenced) {
			t.Errorf("the first published %d: %v, want it fenced", n, err)
		}
		lastIs(t, one, event(accountA, 6).ID)
		publish(t, one, numbered(7, 9)...)
		if got, want := held(t, one), idsOf(numbered(1, 9)); !slices.Equal(got, want) {
			t.Errorf("stream holds %v, want %v", got, want)
		}
	})
}

// The end moved by fewer messages than the batch has: none of them may find its
// place by chance, for then those before it would be taken for sent.
func TestABatchOnAnEndThatMovedAddsNothing(t *testing.T) {
	publishers(t, func(t *testing.T, open func() *JetStream) {
		one, two := open(), open()
		publish(t, one, numbered(1, 3)...)
		lastIs(t, two, event(accountA, 3).ID)
		publish(t, one, numbered(4, 6)...)
		if n, err := two.Publish(t.Context(), numbered(7, 16)); n != 0 || !errors.Is(err, ErrFenced) {
			t.Errorf("published %d: %v, want it fenced", n, err)
		}
		lastIs(t, two, event(accountA, 6).ID)
		if _, err := one.js.Publish(t.Context(), "larder.events.x", nil); err != nil {
			t.Fatal(err)
		}
		if n, err := two.Publish(t.Context(), numbered(7, 16)); n != 0 || !errors.Is(err, ErrFenced) {
			t.Errorf("published %d behind a message of somebody else's: %v, want it fenced", n, err)
		}
		lastIs(t, two, event(accountA, 6).ID)
		publish(t, two, numbered(7, 16)...)
		if got, want := held(t, one), append(append(idsOf(numbered(1, 6)), ""), idsOf(numbered(7, 16))...); !slices.Equal(got, want) {
			t.Errorf("stream holds %v, want %v", got, want)
		}
	})
}

// An event that the server takes for one that it has is not one that it added.
func TestAnEventThatIsThereAlreadyIsNotCounted(t *testing.T) {
	publishers(t, func(t *testing.T, open func() *JetStream) {
		b := open()
		publish(t, b, numbered(1, 3)...)
		n, err := b.Publish(t.Context(), append(numbered(4, 5), numbered(2, 2)...))
		if n != 2 || !errors.Is(err, ErrFenced) {
			t.Errorf("published %d: %v; want 2, and the third fenced", n, err)
		}
		lastIs(t, b, event(accountA, 5).ID)
		publish(t, b, numbered(6, 6)...)
		if got, want := held(t, b), idsOf(numbered(1, 6)); !slices.Equal(got, want) {
			t.Errorf("stream holds %v, want %v", got, want)
		}
	})
}

func TestTwoRelaysOnOneStream(t *testing.T) {
	publishers(t, func(t *testing.T, open func() *JetStream) {
		o := &outbox{}
		ctx, cancel := context.WithCancel(t.Context())
		var relays []*Relay
		done := make(chan error, 2)
		all := &watched{outbox: o, rows: 1000, drained: make(chan struct{})}
		for range 2 {
			r := NewRelay(RelayConfig{
				Metadata: all, Bus: open(), Logger: quiet(),
				Batch: 16, MinBackoff: time.Millisecond, MaxBackoff: 5 * time.Millisecond, MarkDelay: time.Millisecond, Poll: 5 * time.Millisecond,
			})
			relays = append(relays, r)
			go func() { done <- r.Run(ctx) }()
		}
		for n := 1; n <= 1000; n++ {
			o.append(event(accountA, n))
			for _, r := range relays {
				r.Wake()
			}
		}
		select {
		case <-all.drained:
		case <-time.After(30 * time.Second):
			t.Errorf("%d rows are still unsent", o.unsent())
		}
		cancel()
		for range relays {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if got, want := held(t, open()), idsOf(numbered(1, 1000)); !slices.Equal(got, want) {
			t.Errorf("stream holds %d events, want %d in order", len(got), len(want))
		}
	})
}
