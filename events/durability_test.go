package events

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"larder/registry"
)

// carry runs a relay over the server until the outbox is empty.
func carry(t testing.TB, e *Embedded, o *outbox) {
	t.Helper()
	b, err := e.Bus("us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	drained := make(chan struct{})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r := NewRelay(RelayConfig{Metadata: &watched{outbox: o, drained: drained}, Bus: b, Logger: quiet(), MarkDelay: time.Millisecond})
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	select {
	case <-drained:
	case <-ctx.Done():
		t.Fatalf("%d rows are still unsent; stats %+v", o.unsent(), r.Stats())
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// watched tells when that many rows are there and none is unsent.
type watched struct {
	*outbox
	rows    int
	drained chan struct{}
	once    sync.Once
}

func (w *watched) Update(ctx context.Context, f func(registry.Tx) error) error {
	err := w.outbox.Update(ctx, f)
	if err == nil && w.kept() >= w.rows && w.unsent() == 0 {
		w.once.Do(func() { close(w.drained) })
	}
	return err
}

func coreIDs(t testing.TB, e *Embedded) []string {
	t.Helper()
	b, err := e.Bus("us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	s, err := b.js.Stream(t.Context(), StreamName)
	if err != nil {
		t.Fatal(err)
	}
	return ids(t, s)
}

func TestTheStreamOutlivesTheServer(t *testing.T) {
	dir, k, o := t.TempDir(), &keys{}, &outbox{}
	durable := jetstream.ConsumerConfig{Durable: "ci", AckPolicy: jetstream.AckExplicitPolicy}

	e := startServer(t, dir, k, nil)
	o.append(numbered(1, 5)...)
	carry(t, e, o)
	nc, _ := follow(t, e, accountA)
	if got, want := collect(t, nc, durable, 3), idsOf(numbered(1, 3)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	nc.Close()
	e.Close()

	e = startServer(t, dir, k, nil)
	o.append(numbered(6, 8)...)
	carry(t, e, o)
	if got, want := coreIDs(t, e), idsOf(numbered(1, 8)); !slices.Equal(got, want) {
		t.Errorf("stream holds %v, want %v", got, want)
	}
	nc, _ = follow(t, e, accountA)
	if got, want := collect(t, nc, durable, 5), idsOf(numbered(4, 8)); !slices.Equal(got, want) {
		t.Errorf("after the restart got %v, want %v", got, want)
	}
}

// Power is lost: what the stream had not synchronized is gone, while the
// database, which had, says that it was sent.
func TestALossOfPower(t *testing.T) {
	dir, k, o := t.TempDir(), &keys{}, &outbox{}
	core, kept := filepath.Join(dir, "jetstream", coreAccount), filepath.Join(t.TempDir(), "kept")
	durable := jetstream.ConsumerConfig{Durable: "ci", AckPolicy: jetstream.AckExplicitPolicy}

	e := startServer(t, dir, k, nil)
	o.append(numbered(1, 20)...)
	carry(t, e, o)
	nc, _ := follow(t, e, accountA)
	collect(t, nc, durable, 20)
	nc.Close()
	e.Close()
	if err := os.CopyFS(kept, os.DirFS(core)); err != nil {
		t.Fatal(err)
	}

	e = startServer(t, dir, k, nil)
	o.append(numbered(21, 30)...)
	carry(t, e, o)
	nc, _ = follow(t, e, accountA)
	collect(t, nc, durable, 10)
	nc.Close()
	e.Close()
	if o.unsent() != 0 {
		t.Fatal("the database does not say that all was sent")
	}
	if err := os.RemoveAll(core); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(core, os.DirFS(kept)); err != nil {
		t.Fatal(err)
	}

	e = startServer(t, dir, k, nil)
	if got, want := coreIDs(t, e), idsOf(numbered(1, 20)); !slices.Equal(got, want) {
		t.Fatalf("the stream holds %v after the loss, want %v", got, want)
	}
	o.append(numbered(31, 35)...)
	carry(t, e, o)
	if got, want := coreIDs(t, e), idsOf(numbered(1, 35)); !slices.Equal(got, want) {
		t.Errorf("stream holds %v, want %v", got, want)
	}
	nc, _ = follow(t, e, accountA)
	if got, want := collect(t, nc, durable, 5), idsOf(numbered(31, 35)); !slices.Equal(got, want) {
		t.Errorf("the follower got %v, want %v", got, want)
	}
}

// The stream that copies were made of is gone, and another has begun.
func TestFollowersHearACoreThatBeganAnew(t *testing.T) {
	dir, k, before := t.TempDir(), &keys{}, &outbox{}
	durable := jetstream.ConsumerConfig{Durable: "ci", AckPolicy: jetstream.AckExplicitPolicy}
	e := startServer(t, dir, k, nil)
	before.append(numbered(1, 20)...)
	carry(t, e, before)
	nc, _ := follow(t, e, accountA)
	collect(t, nc, durable, 20)
	nc.Close()
	e.renew(t.Context()) // the copy is of this one
	e.Close()
	if err := os.RemoveAll(filepath.Join(dir, "jetstream", coreAccount)); err != nil {
		t.Fatal(err)
	}

	e = startServer(t, dir, k, nil)
	nc, _ = follow(t, e, accountA)
	if got, want := collect(t, nc, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}, 20), idsOf(numbered(1, 20)); !slices.Equal(got, want) {
		t.Errorf("the copy that stayed has %v, want %v", got, want)
	}
	after := &outbox{}
	after.append(numbered(21, 25)...)
	carry(t, e, after)
	e.renew(t.Context())
	eventually(t, func() error {
		b := must[*JetStream](t)(e.busOf(t.Context(), accountA))
		s, err := b.js.Stream(t.Context(), StreamName)
		if err == nil && s.CachedInfo().State.Msgs != 5 {
			err = fmt.Errorf("the copy has %d events", s.CachedInfo().State.Msgs)
		}
		return err
	})
	if got, want := collect(t, nc, durable, 5), idsOf(numbered(21, 25)); !slices.Equal(got, want) {
		t.Errorf("the follower got %v, want %v", got, want)
	}
}

// Who follows is connected, and has nothing to read from.
func TestACopyThatIsMissingIsMadeAgain(t *testing.T) {
	e := startServer(t, t.TempDir(), &keys{}, nil)
	publish(t, openBus(t, e), event(accountA, 1))
	nc, _ := follow(t, e, accountA)
	func() {
		e.setup.Lock()
		defer e.setup.Unlock()
		// Nobody hears of it.
		a := e.audiences[accountA]
		a.bus.Close()
		a.bus = must[*JetStream](t)(e.open(accountA, BusConfig{Logger: quiet()}))
		if err := a.bus.js.DeleteStream(t.Context(), StreamName); err != nil {
			t.Fatal(err)
		}
	}()
	e.renew(t.Context())
	if got, want := collect(t, nc, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}, 1), idsOf(numbered(1, 1)); !slices.Equal(got, want) {
		t.Errorf("the follower got %v, want %v", got, want)
	}
}
