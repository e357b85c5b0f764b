package events

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// refused reports whether the server complained about what the connection did
// last: complaints stand in the same stream as the answer to a flush.
func refused(t *testing.T, nc *nats.Conn, complaints chan error, subject string) bool {
	t.Helper()
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case err := <-complaints:
			if errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), subject) {
				return true
			}
		case <-time.After(200 * time.Millisecond): // the client hands errors on asynchronously
			return false
		}
	}
}

func jsOf(t testing.TB, nc *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func ids(t testing.TB, s jetstream.Stream) []string {
	t.Helper()
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq && info.State.Msgs > 0; seq++ {
		m, err := s.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatalf("message %d: %v", seq, err)
		}
		all = append(all, m.Header.Get(jetstream.MsgIDHeader))
	}
	return all
}

func TestFollowersMayOnlyRead(t *testing.T) {
	e := startServer(t, t.TempDir(), &keys{}, nil)
	b := openBus(t, e)
	publish(t, b, event(accountA, 1), event(accountB, 1))

	for _, account := range []string{accountB, firstAccount} {
		nc, complaints := follow(t, e, account)
		subscribe := []string{">", "*.>", "$JS.>", "$SYS.>", "$JS.EVENT.>", "_R_.>", "larder.>", "larder.copy.>", "larder.core.>"}
		if account != firstAccount {
			subscribe = append(subscribe, "larder.events.>", "larder.events.*.>", "larder.events."+accountA+".>")
		}
		for _, s := range subscribe {
			if _, err := nc.SubscribeSync(s); err != nil {
				t.Fatal(err)
			}
			if !refused(t, nc, complaints, s) {
				t.Errorf("%s may subscribe to %s", account, s)
			}
		}
		for _, s := range []string{
			Subject(event(account, 1)), Subject(event(accountA, 1)),
			"$JS.API.STREAM.CREATE.OTHER", "$JS.API.STREAM.UPDATE.LARDER_EVENTS", "$JS.API.STREAM.DELETE.LARDER_EVENTS",
			"$JS.API.STREAM.PURGE.LARDER_EVENTS", "$JS.API.STREAM.MSG.DELETE.LARDER_EVENTS", "$JS.API.STREAM.RESTORE.LARDER_EVENTS",
			"$JS.API.STREAM.SNAPSHOT.LARDER_EVENTS", "$JS.API.CONSUMER.PAUSE.LARDER_EVENTS.c",
			"larder.core.CONSUMER.CREATE.LARDER_EVENTS.c.larder.events." + account + ".>",
			"larder.copy." + account + ".S.x", "$JS.ACK.OTHER.c.1.1.1.1.1", "$SYS.REQ.SERVER.PING", "_INBOX.x", "_R_.x",
		} {
			if err := nc.Publish(s, nil); err != nil {
				t.Fatal(err)
			}
			if !refused(t, nc, complaints, s) {
				t.Errorf("%s may publish on %s", account, s)
			}
		}
	}
	s, err := b.js.Stream(t.Context(), StreamName)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := ids(t, s), []string{event(accountA, 1).ID, event(accountB, 1).ID}; !slices.Equal(got, want) {
		t.Errorf("stream holds %v, want %v", got, want)
	}
}

// Most clients subscribe on JetStream by a subject alone, and look for its stream.
func TestTheStreamIsFoundByItsSubject(t *testing.T) {
	e := startServer(t, t.TempDir(), &keys{}, nil)
	b := openBus(t, e)
	publish(t, b, event(accountA, 1))

	nc, complaints := follow(t, e, accountA)
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"larder.events." + accountA + ".>", "larder.events.*.local.>", Subject(event(accountA, 1))} {
		if name, err := js.StreamNameBySubject(subject); err != nil || name != StreamName {
			t.Errorf("%s: stream %q, %v", subject, name, err)
		}
	}
	for _, subject := range []string{"larder.events." + accountB + ".>", "other.>"} {
		if name, err := js.StreamNameBySubject(subject); !errors.Is(err, nats.ErrNoMatchingStream) {
			t.Errorf("%s: stream %q, %v; want none", subject, name, err)
		}
	}
	for name := range js.StreamNames() {
		if name != StreamName {
			t.Errorf("there is a stream %q", name)
		}
	}
	sub, err := js.SubscribeSync("larder.events." + accountA + ".>")
	if err != nil {
		t.Fatal(err)
	}
	m, err := sub.NextMsg(5 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.Header.Get(nats.MsgIdHdr), event(accountA, 1).ID; got != want {
		t.Errorf("event %q, want %q", got, want)
	}
	// The answer goes to nobody's but the follower's inbox.
	own, err := nc.SubscribeSync("larder.events." + accountA + ".own.x")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.PublishRequest("$JS.API.STREAM.NAMES", own.Subject, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := js.StreamNameBySubject("larder.events." + accountA + ".>"); err != nil || refused(t, nc, complaints, "$JS") {
		t.Fatal(err)
	}
	if n, _, err := own.Pending(); n > 0 || err != nil {
		t.Errorf("%d answers came as an event, %v", n, err)
	}
}

func TestAccountsNeitherSeeNorDisturbEachOther(t *testing.T) {
	ctx := t.Context()
	e := startServer(t, t.TempDir(), &keys{}, nil)
	b := openBus(t, e)
	publish(t, b, event(accountA, 1), event(accountB, 1), event(accountA, 2))

	ncA, _ := follow(t, e, accountA)
	ncB, _ := follow(t, e, accountB)
	// B listens to all inboxes it can, while A works.
	inboxes, err := ncB.SubscribeSync("_INBOX.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := ncB.Flush(); err != nil {
		t.Fatal(err)
	}
	durable := jetstream.ConsumerConfig{Durable: "ci", AckPolicy: jetstream.AckExplicitPolicy}
	if got, want := collect(t, ncA, durable, 1), []string{event(accountA, 1).ID}; !slices.Equal(got, want) {
		t.Fatalf("A got %v, want %v", got, want)
	}
	if m, err := inboxes.NextMsg(100 * time.Millisecond); !errors.Is(err, nats.ErrTimeout) {
		t.Errorf("B hears an inbox of A: %v, %v", m, err)
	}
	if err := inboxes.Unsubscribe(); err != nil {
		t.Fatal(err)
	}

	jsB := jsOf(t, ncB)
	sB, err := jsB.Stream(ctx, StreamName)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sB.Consumer(ctx, "ci"); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("B asks for A's consumer: %v, want not found", err)
	}
	if err := sB.DeleteConsumer(ctx, "ci"); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("B deletes A's consumer: %v, want not found", err)
	}
	for name := range sB.ConsumerNames(ctx).Name() {
		t.Errorf("B sees consumer %s", name)
	}
	m, err := ncB.Request("$JS.API.CONSUMER.MSG.NEXT."+StreamName+".ci", []byte(`{"batch":1,"no_wait":true}`), time.Second)
	if !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("B takes from A's consumer: %v, %v", m, err)
	}
	// The same name is another consumer, and without a filter it sees B's own events.
	if got, want := collect(t, ncB, durable, 1), []string{event(accountB, 1).ID}; !slices.Equal(got, want) {
		t.Errorf("B got %v, want %v", got, want)
	}
	if got, want := ids(t, sB), []string{event(accountB, 1).ID}; !slices.Equal(got, want) {
		t.Errorf("B's stream holds %v, want %v", got, want)
	}
	info, err := sB.Info(ctx, jetstream.WithSubjectFilter(">"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(info.State.Subjects), fmt.Sprint(map[string]uint64{Subject(event(accountB, 1)): 1}); got != want {
		t.Errorf("B's stream info names %s, want %s", got, want)
	}
	// A goes on where it was.
	if got, want := collect(t, ncA, durable, 1), []string{event(accountA, 2).ID}; !slices.Equal(got, want) {
		t.Errorf("A got %v, want %v", got, want)
	}
}

// A request's reply subject, and the subject a consumer delivers to, are chosen
// by the client and used by the server, which no permission of the client
// stops. It must not matter.
func TestWhatTheServerCanBeMadeToSayLeadsNowhere(t *testing.T) {
	ctx := t.Context()
	k := &keys{}
	e := startServer(t, t.TempDir(), k, nil)
	b := openBus(t, e)
	publish(t, b, event(accountA, 1), event(firstAccount, 1))
	core, err := b.js.Stream(ctx, StreamName)
	if err != nil {
		t.Fatal(err)
	}
	want := ids(t, core)
	ncA, _ := follow(t, e, accountA)
	durable := jetstream.ConsumerConfig{Durable: "ci", AckPolicy: jetstream.AckExplicitPolicy}
	collect(t, ncA, durable, 1)

	nc, _ := follow(t, e, firstAccount)
	collect(t, nc, durable, 2) // its copy is complete
	for _, reply := range []string{
		Subject(event(firstAccount, 7)), Subject(event(accountA, 7)),
		"$JS.API.STREAM.PURGE." + StreamName, "$JS.API.STREAM.DELETE." + StreamName,
	} {
		for _, request := range []string{"$JS.API.INFO", "$JS.API.STREAM.INFO." + StreamName, "$JS.API.CONSUMER.MSG.NEXT." + StreamName + ".ci", "$JS.API.DIRECT.GET." + StreamName} {
			if err := nc.PublishRequest(request, reply, nil); err != nil {
				t.Fatal(err)
			}
		}
		js := jsOf(t, nc)
		// Refused or not: what counts is what stays afterwards.
		_, _ = js.CreatePushConsumer(ctx, StreamName, jetstream.ConsumerConfig{DeliverSubject: reply, HeadersOnly: true, AckPolicy: jetstream.AckNonePolicy})
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	// The core is whole, and goes on.
	if got := ids(t, core); !slices.Equal(got, want) {
		t.Errorf("core holds %v, want %v", got, want)
	}
	publish(t, b, event(accountA, 2))
	if got, want := collect(t, ncA, durable, 1), []string{event(accountA, 2).ID}; !slices.Equal(got, want) {
		t.Errorf("A got %v, want %v", got, want)
	}
}

func TestADeletedCopyIsMadeAgain(t *testing.T) {
	e := startServer(t, t.TempDir(), &keys{}, nil)
	b := openBus(t, e)
	publish(t, b, event(accountA, 1))
	nc, _ := follow(t, e, accountA)
	durable := jetstream.ConsumerConfig{Durable: "ci", AckPolicy: jetstream.AckExplicitPolicy}
	collect(t, nc, durable, 1)

	js := jsOf(t, nc)
	s, err := js.Stream(t.Context(), StreamName)
	if err != nil {
		t.Fatal(err)
	}
	deleted := s.CachedInfo().Created
	if err := e.audiences[accountA].bus.js.DeleteStream(t.Context(), StreamName); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		s, err = js.Stream(t.Context(), StreamName)
		if err == nil && s.CachedInfo().Created.After(deleted) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no copy: %v", err)
		}
	}
	publish(t, b, event(accountA, 2))
	if got, want := collect(t, nc, durable, 2), []string{event(accountA, 1).ID, event(accountA, 2).ID}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
