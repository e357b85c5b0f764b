package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"larder/registry"
)

const (
	accountA = "111111111111"
	accountB = "222222222222"
)

// keys is who may follow: the identity store and the authorizer of the tests.
type keys struct {
	mu      sync.Mutex
	denied  map[string]bool // accounts without events:Subscribe
	private map[string]bool // accounts without events:SubscribeAudit
	revoked map[string]bool // access keys
	failing error
	asked   []registry.Access
}

func (k *keys) set(f func(*keys)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f(k)
}

// Keys are "AKIA" + account, secrets "secret-" + account.
func (k *keys) authenticate(_ context.Context, user, password string) (registry.Actor, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	account := strings.TrimPrefix(user, "AKIA")
	switch {
	case k.failing != nil:
		return registry.Actor{}, k.failing
	case password != "secret-"+account || k.revoked[user]:
		return registry.Actor{}, registry.Errorf(registry.Unauthenticated, "the access key is not known")
	}
	return registry.Actor{Account: account, AccessKey: user}, nil
}

func (k *keys) Authorize(_ context.Context, a registry.Access) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = append(k.asked, a)
	if k.denied[a.Actor.Account] || a.Action == registry.SubscribeAudit && k.private[a.Actor.Account] {
		return registry.Errorf(registry.Denied, "not allowed: %s", a.Action)
	}
	return nil
}

func (k *keys) Possible(ctx context.Context, a registry.Access) error { return k.Authorize(ctx, a) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func startServer(t testing.TB, dir string, k *keys, change func(*EmbeddedConfig)) *Embedded {
	t.Helper()
	c := EmbeddedConfig{
		StoreDir: dir, Listen: "127.0.0.1:0", Explicit: true,
		Authenticate: k.authenticate, Authorizer: k, Logger: quiet(),
	}
	if change != nil {
		change(&c)
	}
	e, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func openBus(t testing.TB, e *Embedded) *JetStream {
	t.Helper()
	b, err := e.Bus("us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if _, err := b.Last(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// follow connects as the account, collecting what the server complains about.
func follow(t testing.TB, e *Embedded, account string) (*nats.Conn, chan error) {
	t.Helper()
	complaints := make(chan error, 64)
	nc, err := nats.Connect("nats://"+e.Addr().String(),
		nats.UserInfo("AKIA"+account, "secret-"+account),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { complaints <- err }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc, complaints
}

// event makes the n-th event of an account.
func event(account string, n int) registry.Event {
	e := sample()
	e.Account, e.ID, e.Sequence = account, fmt.Sprintf("%s-%06d", account, n), int64(n)
	return e
}

func publish(t testing.TB, b *JetStream, events ...registry.Event) {
	t.Helper()
	n, err := b.Publish(t.Context(), events)
	if n != len(events) || err != nil {
		t.Fatalf("published %d of %d: %v", n, len(events), err)
	}
}

func collect(t testing.TB, nc *nats.Conn, cfg jetstream.ConsumerConfig, n int) []string {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	c, err := js.CreateOrUpdateConsumer(ctx, StreamName, cfg)
	if err != nil {
		t.Fatalf("consumer: %v", err)
	}
	var ids []string
	for len(ids) < n {
		m, err := c.Next(jetstream.FetchMaxWait(30 * time.Second))
		if err != nil {
			t.Fatalf("after %d of %d: %v", len(ids), n, err)
		}
		ids = append(ids, m.Headers().Get(jetstream.MsgIDHeader))
		if err := m.DoubleAck(ctx); err != nil {
			t.Fatalf("acknowledge: %v", err)
		}
	}
	return ids
}

func TestAFollowerGetsTheEventsOfItsAccount(t *testing.T) {
	e := startServer(t, t.TempDir(), &keys{}, nil)
	b := openBus(t, e)
	publish(t, b, event(accountA, 1), event(accountB, 1), event(accountA, 2))

	nc, _ := follow(t, e, accountA)
	sub, err := nc.SubscribeSync("larder.events." + accountA + ".>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	publish(t, b, event(accountB, 2), event(accountA, 3))

	m, err := sub.NextMsg(10 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.Header.Get(jetstream.MsgIDHeader), event(accountA, 3).ID; got != want {
		t.Errorf("plain subscription got %s, want %s", got, want)
	}
	if got, want := m.Subject, Subject(event(accountA, 3)); got != want {
		t.Errorf("subject = %s, want %s", got, want)
	}

	got := collect(t, nc, jetstream.ConsumerConfig{Durable: "ci", AckPolicy: jetstream.AckExplicitPolicy}, 3)
	want := []string{event(accountA, 1).ID, event(accountA, 2).ID, event(accountA, 3).ID}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("durable consumer got %v, want %v", got, want)
	}
}

func TestEveryKindOfReaderWorks(t *testing.T) {
	ctx := t.Context()
	e := startServer(t, t.TempDir(), &keys{}, nil)
	b := openBus(t, e)
	publish(t, b, event(accountB, 1), event(accountA, 1), event(accountA, 2))
	want := []string{event(accountA, 1).ID, event(accountA, 2).ID}
	nc, complaints := follow(t, e, accountA)
	js := jsOf(t, nc)
	subject := "larder.events." + accountA + ".>"
	got := func(kind string, n int, next func() (nats.Header, error)) {
		t.Helper()
		for i := range n {
			h, err := next()
			if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			if id := h.Get(jetstream.MsgIDHeader); id != want[i] {
				t.Errorf("%s: event %d is %s, want %s", kind, i, id, want[i])
			}
		}
	}
	headers := func(m jetstream.Msg, err error) (nats.Header, error) {
		if err != nil {
			return nil, err
		}
		return m.Headers(), m.Ack()
	}

	ordered, err := js.OrderedConsumer(ctx, StreamName, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}})
	if err != nil {
		t.Fatal(err)
	}
	got("ordered", 2, func() (nats.Header, error) { return headers(ordered.Next(jetstream.FetchMaxWait(10 * time.Second))) })

	durable, err := js.CreateConsumer(ctx, StreamName, jetstream.ConsumerConfig{Durable: "d", FilterSubject: subject, AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	it, err := durable.Messages()
	if err != nil {
		t.Fatal(err)
	}
	defer it.Stop()
	got("pull with heartbeats", 2, func() (nats.Header, error) { return headers(it.Next()) })

	old, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	push, err := old.SubscribeSync(subject, nats.BindStream(StreamName), nats.OrderedConsumer())
	if err != nil {
		t.Fatal(err)
	}
	got("older API, push", 2, func() (nats.Header, error) {
		m, err := push.NextMsg(10 * time.Second)
		if err != nil {
			return nil, err
		}
		return m.Header, nil
	})

	s, err := js.Stream(ctx, StreamName)
	if err != nil {
		t.Fatal(err)
	}
	last := Subject(event(accountA, 2))
	if m, err := s.GetLastMsgForSubject(ctx, last); err != nil || m.Header.Get(jetstream.MsgIDHeader) != want[1] {
		t.Errorf("last of a subject: %v, %v", m, err)
	}
	if m, err := s.GetMsg(ctx, 1); err != nil || m.Header.Get(jetstream.MsgIDHeader) != want[0] {
		t.Errorf("first message: %v, %v", m, err)
	}
	if err := s.DeleteConsumer(ctx, "d"); err != nil {
		t.Errorf("delete consumer: %v", err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-complaints:
		if !errors.Is(err, jetstream.ErrConsumerDeleted) && !errors.Is(err, nats.ErrConsumerDeleted) {
			t.Errorf("complaint: %v", err)
		}
	default:
	}
}

func TestTheFirstAccountGetsEveryEvent(t *testing.T) {
	e := startServer(t, t.TempDir(), &keys{}, nil)
	b := openBus(t, e)
	publish(t, b, event(accountA, 1), event(accountB, 1), event(firstAccount, 1))
	nc, _ := follow(t, e, firstAccount)
	got := collect(t, nc, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}, 3)
	want := []string{event(accountA, 1).ID, event(accountB, 1).ID, event(firstAccount, 1).ID}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestATakenPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := EmbeddedConfig{StoreDir: t.TempDir(), Listen: l.Addr().String(), Logger: quiet()}

	c.Explicit = true
	_, err = Start(c)
	var re *registry.Error
	if !errors.As(err, &re) || re.Code != registry.Conflict || !strings.Contains(re.Msg, "--nats-listen") {
		t.Errorf("asked for: error = %v, want a Conflict that names --nats-listen", err)
	}

	c.Explicit = false
	e, err := Start(c)
	if err != nil {
		t.Fatalf("default: %v", err)
	}
	defer e.Close()
	if e.Addr() != nil {
		t.Errorf("default: listens on %v, want no listener", e.Addr())
	}
	publish(t, openBus(t, e), event(accountA, 1))
}

func TestAServerThatCannotStartSaysWhy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]EmbeddedConfig{
		"its folder is a file":         {StoreDir: file},
		"its address is none":          {StoreDir: t.TempDir(), Listen: "here"},
		"its address is without port":  {StoreDir: t.TempDir(), Listen: "127.0.0.1"},
		"its port is out of the range": {StoreDir: t.TempDir(), Listen: "127.0.0.1:99999"},
	} {
		c.Logger = quiet()
		e, err := Start(c)
		if err == nil {
			e.Close()
		}
		if code := registry.CodeOf(err); code != registry.Unavailable && code != registry.Invalid {
			t.Errorf("%s: error = %v", name, err)
		}
	}
}
