package events

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// readBatch is how many events are asked for at a time.
const readBatch = 256

// Read gives the bodies of the account's events that came into the stream at
// or after the time, in order, up to the last one there is when it begins. An
// error of f ends it and is returned.
func (b *JetStream) Read(ctx context.Context, account string, from time.Time, f func(body []byte) error) error {
	c, err := b.js.CreateConsumer(ctx, StreamName, jetstream.ConsumerConfig{
		FilterSubject: subjectRoot + token(account) + ".>", DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &from,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return fmt.Errorf("read the event stream: %w", err)
	}
	name := c.CachedInfo().Name
	defer b.js.DeleteConsumer(context.WithoutCancel(ctx), StreamName, name) //nolint:errcheck // it ends by itself
	for left := c.CachedInfo().NumPending; left > 0; {
		batch, err := c.Fetch(int(min(left, readBatch)), jetstream.FetchMaxWait(ackWait))
		if err != nil {
			return fmt.Errorf("read the event stream: %w", err)
		}
		got := uint64(0)
		for m := range batch.Messages() {
			got++
			if err := f(m.Data()); err != nil {
				return err
			}
		}
		if err := batch.Error(); err != nil {
			return fmt.Errorf("read the event stream: %w", err)
		}
		if got == 0 { // what is left has expired meanwhile
			return ctx.Err()
		}
		left -= got
	}
	return nil
}
