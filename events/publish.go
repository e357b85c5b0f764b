package events

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"larder/registry"
)

// Publish adds the events to the stream, in order, behind the event that Last
// gave or Publish added last, and returns how many, from the first on, are in
// it. With an error, which is ErrFenced where the stream ends elsewhere, Last
// has to be asked before the next Publish: more of them than were counted may
// have arrived.
func (b *JetStream) Publish(ctx context.Context, events []registry.Event) (n int, err error) {
	b.publishing.Lock()
	defer b.publishing.Unlock()
	t := b.tail
	b.tail = tail{}
	if !t.known {
		return 0, fmt.Errorf("the end of the event stream is not known")
	}
	defer func() {
		if err != nil {
			b.js.CleanupPublisher() // answers that are waited for in vain count as messages on their way
		}
	}()

	if t.leader != "" || b.nc.ConnectedClusterName() != "" {
		n, t, err = b.oneByOne(ctx, events, t)
	} else {
		n, t, err = b.together(ctx, events, t)
	}
	if err != nil {
		return n, err
	}
	b.tail = t
	if n > 0 {
		b.newest.id, b.newest.seq = events[n-1].ID, t.seq
	}
	return n, nil
}

// oneByOne publishes each event when the one before it is there.
func (b *JetStream) oneByOne(ctx context.Context, events []registry.Event, t tail) (int, tail, error) {
	for i := range events {
		var err error
		if _, t, err = b.together(ctx, events[i:i+1], t); err != nil {
			return i, t, err
		}
	}
	return len(events), t, nil
}

// together publishes the events without waiting in between, and gives the end
// behind them.
func (b *JetStream) together(ctx context.Context, events []registry.Event, t tail) (int, tail, error) {
	acks := make([]jetstream.PubAckFuture, 0, len(events))
	var sendErr error
	for i, e := range events {
		var m *nats.Msg
		if m, sendErr = b.message(e, t); sendErr != nil {
			break
		}
		if i > 0 {
			m.Header.Set(jetstream.ExpectedLastMsgIDHeader, events[i-1].ID)
		}
		var ack jetstream.PubAckFuture
		// No retry by the client: it would come out of order.
		if ack, sendErr = b.js.PublishMsgAsync(m, jetstream.WithRetryAttempts(0)); sendErr != nil {
			break
		}
		acks = append(acks, ack)
		t.seq++
	}
	n, err := b.confirm(ctx, acks, t)
	if err == nil && sendErr != nil {
		err = publishError(sendErr)
	}
	return n, t, err
}

// confirm waits for the answers to messages of which the last is to be at t, and
// returns how many, from the first on, have arrived.
func (b *JetStream) confirm(ctx context.Context, acks []jetstream.PubAckFuture, t tail) (int, error) {
	first := t.seq - uint64(len(acks)) + 1
	var looks <-chan time.Time
	if t.leader != "" {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		looks = tick.C
	}
	stored := -1 // the message that a look has found in the stream, without its answer
	for i := 0; i < len(acks); {
		want := first + uint64(i)
		select {
		case got := <-acks[i].Ok():
			if got.Sequence != want {
				return i, fmt.Errorf("%w (an event is at %d, where %d comes next)", ErrFenced, got.Sequence, want)
			}
			i++
		case err := <-acks[i].Err():
			return i, publishError(err)
		case <-looks:
			s, err := b.look(ctx)
			if err != nil {
				break // it has no leader yet, or much to do
			}
			switch info := s.CachedInfo(); {
			case leaderOf(info) != t.leader:
				// What the old one has not answered, it never will.
				return i, fmt.Errorf("publish to the event stream: it is led by %s now, where it was by %s", leaderOf(info), t.leader)
			case info.State.LastSeq < want:
			case stored == i:
				return i, errors.New("publish to the event stream: an answer was lost")
			default:
				stored = i
			}
		case <-ctx.Done():
			return i, ctx.Err()
		}
	}
	return len(acks), nil
}

// message is the event as it goes onto the stream behind t.
func (b *JetStream) message(e registry.Event, t tail) (*nats.Msg, error) {
	body, err := Body(e, b.region)
	if limit := b.nc.MaxPayload(); err == nil && e.Own != nil && limit > 0 && int64(len(body)) > limit-headroom {
		// It would hold up all that come after it. Rules have it whole.
		b.log.Warn("an event of an account's own is larger than the NATS server takes; it goes onto the stream without its detail", "account", e.Account, "event", e.ID)
		own := *e.Own
		own.Detail, own.Resources, e.Own = "{}", nil, &own
		body, err = Body(e, b.region)
	}
	if err != nil {
		return nil, err
	}
	return &nats.Msg{Subject: Subject(e), Data: body, Header: nats.Header{
		jetstream.MsgIDHeader:           {e.ID},
		jetstream.ExpectedLastSeqHeader: {strconv.FormatUint(t.seq, 10)},
	}}, nil
}

func publishError(err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode {
		case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant, errWrongLastMsgID:
			return fmt.Errorf("%w (%s)", ErrFenced, api.Description)
		}
	}
	return fmt.Errorf("publish to the event stream: %w", err)
}
