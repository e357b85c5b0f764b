package events

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"larder/registry"
)

func message(id string) Message {
	return Message{Subject: "ci.rebuild", ID: id, Data: []byte("data of " + id), Header: map[string][]string{"X-A": {"b"}}}
}

func TestAMessageGoesToWhoListens(t *testing.T) {
	url := external(t)
	b := dial(t, url, StreamConfig{})
	if err := b.Send(t.Context(), accountA, message("1")); !errors.Is(err, ErrNobodyListens) {
		t.Errorf("with nobody there: %v", err)
	}
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	sub, err := nc.SubscribeSync("ci.*")
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"2", "3"} {
		if err := b.Send(t.Context(), accountA, message(id)); err != nil {
			t.Errorf("with a subscriber: %v", err)
		}
		m, err := sub.NextMsg(10 * time.Second)
		if err != nil || string(m.Data) != "data of "+id || m.Header.Get("X-A") != "b" || m.Header.Get(jetstream.MsgIDHeader) != id {
			t.Errorf("got %+v, %v", m, err)
		}
	}
}

// A stream of the operator's that takes the subject has each message once,
// however often it is sent.
func TestAMessageGoesToAStream(t *testing.T) {
	url := external(t)
	b := dial(t, url, StreamConfig{})
	if _, err := b.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "CI", Subjects: []string{"ci.>"}}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"1", "2", "1", "2", "3"} {
		if err := b.Send(t.Context(), accountA, message(id)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := b.js.Stream(t.Context(), "CI")
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(t, s); !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("the stream has %v", got)
	}
	if err := b.js.DeleteStream(t.Context(), "CI"); err != nil {
		t.Fatal(err)
	}
	if err := b.Send(t.Context(), accountA, message("4")); err == nil {
		t.Error("a message to a stream that is gone was taken for delivered")
	}
	if err := b.Send(t.Context(), accountA, message("4")); !errors.Is(err, ErrNobodyListens) {
		t.Errorf("the next one: %v", err)
	}
}

// limited runs a server whose user larder may not publish on the subjects, and
// gives the URLs of that user and of one who may do everything.
func limited(t *testing.T, subjects ...string) (larder, everything string) {
	t.Helper()
	host := outside(t, func(o *server.Options) {
		o.MaxPayload = 16 << 10
		o.Users = []*server.User{
			{Username: "larder", Password: "hush", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: subjects}}},
			{Username: "operator", Password: "hush"},
		}
	})
	return "nats://larder:hush@" + host, "nats://operator:hush@" + host
}

func listen(t *testing.T, url, subject string) *nats.Subscription {
	t.Helper()
	nc := must[*nats.Conn](t)(nats.Connect(url))
	t.Cleanup(nc.Close)
	sub := must[*nats.Subscription](t)(nc.SubscribeSync(subject))
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return sub
}

// Where JetStream is away, who listens besides a stream is not who a message is for.
func TestAMessageWaitsWhereNobodySaysWhetherAStreamTakesIt(t *testing.T) {
	url, operator := limited(t, "$JS.API.STREAM.NAMES") // it gets no answer
	listen(t, operator, "ci.>")
	b := dial(t, url, StreamConfig{})
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if err := b.Send(ctx, accountA, message("1")); err == nil {
			t.Error("a message was taken for delivered")
		}
		cancel()
	}
}

func TestAMessageThatTheServerRefusesIsNotDelivered(t *testing.T) {
	url, operator := limited(t, "ci.>")
	sub := listen(t, operator, ">")
	b := dial(t, url, StreamConfig{})
	for _, id := range []string{"1", "2"} {
		if err := b.Send(t.Context(), accountA, message(id)); !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("on a subject that is forbidden: %v", err)
		}
	}
	if err := b.Send(t.Context(), accountA, Message{Subject: "cd.rebuild", ID: "3"}); err != nil {
		t.Errorf("on another: %v", err)
	}
	for {
		m := must[*nats.Msg](t)(sub.NextMsg(10 * time.Second))
		if m.Subject == "cd.rebuild" {
			break
		}
		if m.Subject == "ci.rebuild" {
			t.Error("the forbidden one was heard")
		}
	}
}

func TestAMessageThatIsTooLarge(t *testing.T) {
	url, operator := limited(t)
	listen(t, operator, "ci.>")
	b := dial(t, url, StreamConfig{})
	large := message("1")
	large.Data = make([]byte, 20<<10)
	if err := b.Send(t.Context(), accountA, large); !errors.Is(err, ErrTooLarge) {
		t.Errorf("for the server: %v", err)
	}
	if _, err := b.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "CD", Subjects: []string{"cd.>"}, MaxMsgSize: 1 << 10}); err != nil {
		t.Fatal(err)
	}
	large.Subject, large.Data = "cd.rebuild", make([]byte, 2<<10)
	if err := b.Send(t.Context(), accountA, large); !errors.Is(err, ErrTooLarge) {
		t.Errorf("for the stream: %v", err)
	}
}

// Within the process, a message goes to followers of the account alone, who
// hear the subjects of its rules and no others.
func TestFollowersHearTheSubjectsOfTheirRules(t *testing.T) {
	var mu sync.Mutex
	subjects := map[string][]string{accountA: {"ci.rebuild"}}
	e := startServer(t, t.TempDir(), &keys{}, func(c *EmbeddedConfig) {
		c.Subjects = func(_ context.Context, account string) ([]string, error) {
			mu.Lock()
			defer mu.Unlock()
			return subjects[account], nil
		}
	})
	ncA, complaints := follow(t, e, accountA)
	ncB, complaintsB := follow(t, e, accountB)
	a, err := ncA.SubscribeSync("ci.rebuild")
	if err != nil || refused(t, ncA, complaints, "ci.rebuild") {
		t.Fatalf("the subject of a rule may not be heard: %v", err)
	}
	for nc, s := range map[*nats.Conn]string{ncB: "ci.rebuild"} {
		if _, err := nc.SubscribeSync(s); err != nil {
			t.Fatal(err)
		}
		if !refused(t, nc, complaintsB, s) {
			t.Errorf("another account may hear %s", s)
		}
	}
	later, err := ncA.SubscribeSync("ci.later")
	if err != nil || !refused(t, ncA, complaints, "ci.later") {
		t.Fatalf("a subject of no rule may be heard: %v", err)
	}
	if err := e.Send(t.Context(), accountA, message("1")); err != nil {
		t.Fatal(err)
	}
	if m, err := a.NextMsg(10 * time.Second); err != nil || string(m.Data) != "data of 1" {
		t.Errorf("got %+v, %v", m, err)
	}
	if err := e.Send(t.Context(), accountB, message("1")); !errors.Is(err, ErrNobodyListens) {
		t.Errorf("to an account where nobody listens: %v", err)
	}
	if err := e.Send(t.Context(), "no account", message("1")); err == nil {
		t.Error("sent to what is no account")
	}
	// A rule that comes later makes the follower connect again, and it hears
	// what it had asked for.
	mu.Lock()
	subjects[accountA] = append(subjects[accountA], "ci.later")
	mu.Unlock()
	e.Widen(accountA, "ci.later")
	m := message("2")
	m.Subject = "ci.later"
	for deadline := time.Now().Add(30 * time.Second); ; {
		err := e.Send(t.Context(), accountA, m)
		if err == nil {
			break
		}
		if !errors.Is(err, ErrNobodyListens) || time.Now().After(deadline) {
			t.Fatalf("nobody listens after the rule came: %v", err)
		}
		<-time.After(20 * time.Millisecond)
	}
	if m, err := later.NextMsg(10 * time.Second); err != nil || string(m.Data) != "data of 2" {
		t.Errorf("got %+v, %v", m, err)
	}
	// Who hears it already is left alone.
	before := ncA.Stats().Reconnects
	e.Widen(accountA, "ci.later")
	if _, err := ncA.Request("$JS.API.INFO", nil, 10*time.Second); err != nil || ncA.Stats().Reconnects != before {
		t.Errorf("the follower was made to connect again: %v", err)
	}
}

func TestSubjectsThatNobodyMayName(t *testing.T) {
	for _, s := range []string{"", ".", "a.", ".a", "a..b", "a b", "a\r\nPUB b", "*", "a.>", "$SYS.x", "_INBOX.x", "larder", "larder.events.x", fmt.Sprintf("%0256d", 1), "\xff"} {
		if err := CheckSubject(s); registry.CodeOf(err) != registry.Invalid {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"a", "ci.rebuild", "larders.x", "a.$b", "bücher"} {
		if err := CheckSubject(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestTheStreamIsReadAgain(t *testing.T) {
	e := startServer(t, t.TempDir(), &keys{}, nil)
	b := openBus(t, e)
	read := func(account string, from time.Time) (got []string) {
		t.Helper()
		err := b.Read(t.Context(), account, from, func(body []byte) error {
			got = append(got, string(body))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := read(accountA, time.Time{}.Add(time.Hour)); len(got) != 0 {
		t.Errorf("an empty stream gives %v", got)
	}
	publish(t, b, numbered(1, 600)...)
	publish(t, b, event(accountB, 1))
	s, err := b.js.Stream(t.Context(), StreamName)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.GetMsg(t.Context(), 590)
	if err != nil {
		t.Fatal(err)
	}
	all := read(accountA, m.Time.Add(-time.Hour))
	if len(all) != 600 {
		t.Fatalf("%d events, want 600", len(all))
	}
	for i, e := range numbered(1, 600) {
		if want, _ := Body(e, "us-east-1"); all[i] != string(want) {
			t.Fatalf("event %d is %s", i, all[i])
		}
	}
	if got := read(accountA, m.Time); len(got) == 0 || len(got) > 600 || got[len(got)-1] != all[599] {
		t.Errorf("%d events from the time of number 590 on", len(got))
	}
	if got := read(accountA, time.Now().Add(time.Hour)); len(got) != 0 {
		t.Errorf("%d events of the future", len(got))
	}
	stop := errors.New("stop")
	if err := b.Read(t.Context(), accountA, m.Time.Add(-time.Hour), func([]byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the reader's error becomes %v", err)
	}
	for range s.ListConsumers(t.Context()).Info() {
		t.Error("a consumer stays")
	}
}

func TestAnEventOfOnesOwnOnTheStream(t *testing.T) {
	e := registry.Event{
		ID: "7f1b5c5e", Account: accountA, Time: time.Date(2026, 3, 4, 5, 6, 7, 890_000_000, time.UTC),
		Own: &registry.OwnEvent{Source: "com.example.ci", DetailType: "Build <x>", Detail: `{"b":[1.50,"ü"],"a":null}`},
	}
	if got, want := Subject(e), "larder.events."+accountA+".own.com_example_ci"; got != want {
		t.Errorf("subject %s, want %s", got, want)
	}
	got, err := Body(e, "eu-west-1")
	want := `{"version":"0","id":"7f1b5c5e","detail-type":"Build <x>","source":"com.example.ci","account":"` + accountA + `","time":"2026-03-04T05:06:07Z","region":"eu-west-1","resources":[],"detail":{"b":[1.50,"ü"],"a":null}}`
	if err != nil || string(got) != want {
		t.Errorf("body %s, %v", got, err)
	}
}
