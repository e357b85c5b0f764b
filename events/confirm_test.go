package events

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// lost is an answer that never comes.
type lost struct{}

func (lost) Ok() <-chan *jetstream.PubAck { return nil }
func (lost) Err() <-chan error            { return nil }
func (lost) Msg() *nats.Msg               { return nil }

// A leader that steps down in the middle of a batch takes answers with it.
func TestABatchDoesNotWaitForAnswersThatCannotCome(t *testing.T) {
	b := dial(t, clientURL(t, clustered(t)), StreamConfig{})
	listened(t, b)
	publish(t, b, numbered(1, 3)...)
	now := b.tail
	if now.seq != 3 || now.leader == "" {
		t.Fatalf("the end is %+v", now)
	}
	ctx, cancel := context.WithTimeout(t.Context(), ackWait/2)
	defer cancel()
	for what, at := range map[string]tail{
		"another server leads":    {known: true, seq: now.seq + 1, leader: "gone"},
		"the message has arrived": now,
	} {
		n, err := b.confirm(ctx, []jetstream.PubAckFuture{lost{}}, at)
		if n != 0 || err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %d, %v; want an error that says so at once", what, n, err)
		}
	}
	// One that is not there yet is waited for.
	short, cancel := context.WithTimeout(t.Context(), 3*lookEvery)
	defer cancel()
	if _, err := b.confirm(short, []jetstream.PubAckFuture{lost{}}, tail{known: true, seq: now.seq + 1, leader: now.leader}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a message that is on its way: %v", err)
	}
	lastIs(t, b, event(accountA, 3).ID)
	publish(t, b, event(accountA, 4))
	if got := held(t, b); len(got) != 4 {
		t.Errorf("stream holds %v, want four events", got)
	}
}

// What was given up does not count as on its way.
func TestABatchThatBreaksOffLeavesNothingPending(t *testing.T) {
	b := dial(t, external(t), StreamConfig{})
	lastIs(t, b, "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if _, err := b.Publish(ctx, numbered(1, 100)); err == nil {
		t.Fatal("the batch was confirmed")
	}
	if n := b.js.PublishAsyncPending(); n != 0 {
		t.Errorf("%d messages are pending", n)
	}
}
