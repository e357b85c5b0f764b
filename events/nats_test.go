package events

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"larder/registry"
)

// external runs a NATS server as an operator would, and gives its URL.
func external(t *testing.T) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, Username: "larder", Password: "hush",
		JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("not ready")
	}
	return "nats://larder:hush@" + strings.TrimPrefix(s.ClientURL(), "nats://")
}

func dial(t *testing.T, url string, c StreamConfig) *JetStream {
	t.Helper()
	b, err := Dial(url, BusConfig{Region: "us-east-1", Stream: c, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func lastIs(t *testing.T, b *JetStream, want string) {
	t.Helper()
	if got, err := b.Last(t.Context()); err != nil || got != want {
		t.Errorf("last = %q, %v; want %q", got, err, want)
	}
}

func TestTheStreamIsMadeAndBroughtToTheConfiguration(t *testing.T) {
	url := external(t)
	b := dial(t, url, StreamConfig{})
	lastIs(t, b, "")
	if err := b.Ready(); err != nil {
		t.Errorf("ready: %v", err)
	}
	config := func() jetstream.StreamConfig {
		s, err := b.js.Stream(t.Context(), StreamName)
		if err != nil {
			t.Fatal(err)
		}
		return s.CachedInfo().Config
	}
	c := config()
	if c.MaxAge != 30*24*time.Hour || c.MaxBytes != 1<<30 || c.Storage != jetstream.FileStorage || !slices.Equal(c.Subjects, []string{"larder.events.>"}) {
		t.Errorf("made as %+v", c)
	}

	b = dial(t, url, StreamConfig{MaxAge: time.Hour}) // names the age alone
	lastIs(t, b, "")
	if c := config(); c.MaxAge != time.Hour || c.MaxBytes != 1<<30 {
		t.Errorf("brought to %+v", c)
	}
	lastIs(t, dial(t, url, StreamConfig{}), "")
	if c := config(); c.MaxAge != time.Hour {
		t.Errorf("what is left open was changed: %+v", c)
	}
}

// A server that is lost when copies are asked for, or an account's limits, are no
// reason for events to wait.
func TestAStreamThatCannotBeChangedTakesEventsAsItIs(t *testing.T) {
	url := external(t)
	lastIs(t, dial(t, url, StreamConfig{}), "")
	b, said := dial(t, url, StreamConfig{Replicas: 3}), &strings.Builder{}
	b.log = logInto(said)
	lastIs(t, b, "")
	publish(t, b, event(accountA, 1))
	lastIs(t, b, event(accountA, 1).ID)
	if strings.Count(said.String(), "--event-replicas") != 1 {
		t.Errorf("said %q, want one sentence about the copies", said)
	}
}

func TestAStreamOfThatNameThatIsNotLarders(t *testing.T) {
	b := dial(t, external(t), StreamConfig{})
	if _, err := b.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: StreamName, Subjects: []string{"orders.>"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Last(t.Context()); registry.CodeOf(err) != registry.Conflict {
		t.Errorf("error = %v, want a conflict", err)
	}
}

// What an operator may do to the stream must not bring the relay to a halt.
func TestTheEndOfTheStreamIsFound(t *testing.T) {
	ctx := t.Context()
	url := external(t)
	b := dial(t, url, StreamConfig{})
	lastIs(t, b, "")
	publish(t, b, numbered(1, 4)...)
	lastIs(t, b, event(accountA, 4).ID)
	s, err := b.js.Stream(ctx, StreamName)
	if err != nil {
		t.Fatal(err)
	}

	t.Log("the newest is deleted")
	if err := s.DeleteMsg(ctx, 4); err != nil {
		t.Fatal(err)
	}
	lastIs(t, dial(t, url, StreamConfig{}), event(accountA, 3).ID) // who comes later cannot know
	lastIs(t, b, event(accountA, 4).ID)
	publish(t, b, event(accountA, 5))

	t.Log("somebody else published")
	for range 3 {
		if _, err := b.js.Publish(ctx, "larder.events.x", nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.DeleteMsg(ctx, 7); err != nil { // one of those
		t.Fatal(err)
	}
	if n, err := b.Publish(ctx, numbered(6, 6)); n != 0 || !errors.Is(err, ErrFenced) {
		t.Errorf("published %d, %v; want it fenced", n, err)
	}
	lastIs(t, b, event(accountA, 5).ID)
	publish(t, b, numbered(6, 7)...)

	t.Log("all is purged")
	if err := s.Purge(ctx); err != nil {
		t.Fatal(err)
	}
	lastIs(t, b, event(accountA, 7).ID)
	publish(t, b, numbered(8, 9)...)
	if got, want := held(t, b), idsOf(numbered(8, 9)); !slices.Equal(got, want) {
		t.Errorf("stream holds %v, want %v", got, want)
	}

	t.Log("the stream is removed under a publisher")
	if err := b.js.DeleteStream(ctx, StreamName); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Publish(ctx, numbered(10, 10)); n != 0 || err == nil {
		t.Errorf("published %d, %v; want an error", n, err)
	}
	lastIs(t, b, "")
	publish(t, b, numbered(10, 10)...)
	lastIs(t, b, event(accountA, 10).ID)
}

func TestAMessageIsLabelled(t *testing.T) {
	b := dial(t, external(t), StreamConfig{})
	lastIs(t, b, "")
	e := sample()
	publish(t, b, e)
	s, err := b.js.Stream(t.Context(), StreamName)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.GetLastMsgForSubject(t.Context(), Subject(e))
	if err != nil {
		t.Fatal(err)
	}
	body, err := Body(e, "us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	if string(m.Data) != string(body) || m.Header.Get("Nats-Msg-Id") != e.ID {
		t.Errorf("message = %s with id %s, want %s with id %s", m.Data, m.Header.Get("Nats-Msg-Id"), body, e.ID)
	}
}
