package events

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"larder/registry"
)

// hears subscribes and gives a function that waits for the next message.
func hears(t *testing.T, nc *nats.Conn, subject string) func() string {
	t.Helper()
	sub, err := nc.SubscribeSync(subject)
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return func() string {
		t.Helper()
		m, err := sub.NextMsg(10 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return m.Subject + " " + string(m.Data)
	}
}

func TestAuditRecordsAreAStreamOfTheirOwn(t *testing.T) {
	e := startServer(t, t.TempDir(), &keys{}, nil)
	b := openBus(t, e)
	ncA, complaints := follow(t, e, accountA)
	ncFirst, _ := follow(t, e, firstAccount)
	ofA, all := hears(t, ncA, "larder.audit."+accountA), hears(t, ncFirst, "larder.audit.>")

	sent := []struct{ account, record string }{{accountB, "1"}, {accountA, "2"}, {"", "3"}, {"a.b.>", "4"}}
	for _, r := range sent {
		if err := b.PublishAudit(t.Context(), r.account, []byte(r.record)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.PublishAudit(t.Context(), accountB, []byte("1")); err != nil { // its answer was lost, and it comes again
		t.Fatal(err)
	}
	want := []string{"larder.audit." + accountB + " 1", "larder.audit." + accountA + " 2", "larder.audit.unknown 3", "larder.audit.unknown 4"}
	for _, w := range want {
		if got := all(); got != w {
			t.Errorf("the first account heard %q, want %q", got, w)
		}
	}
	if got := ofA(); got != want[1] {
		t.Errorf("the account heard %q, want %q", got, want[1])
	}
	for _, subject := range []string{"larder.audit." + accountB, "larder.audit.>", "larder.audit.unknown"} {
		if _, err := ncA.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		if !refused(t, ncA, complaints, subject) {
			t.Errorf("account A may hear %s", subject)
		}
	}

	s, err := b.js.Stream(t.Context(), AuditStreamName)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.CachedInfo().State.Msgs; n != uint64(len(sent)) {
		t.Errorf("the stream has %d records, want %d", n, len(sent))
	}
	if err := s.DeleteMsg(t.Context(), 1); err == nil {
		t.Error("a record can be deleted")
	}
	if err := s.Purge(t.Context()); err == nil {
		t.Error("the stream can be purged")
	}
}

func TestAuditRecordsNeedARightOfTheirOwn(t *testing.T) {
	k := &keys{private: map[string]bool{accountA: true}}
	e := startServer(t, t.TempDir(), k, nil)
	nc, complaints := follow(t, e, accountA)
	subject := "larder.audit." + accountA
	if _, err := nc.SubscribeSync(subject); err != nil {
		t.Fatal(err)
	}
	if !refused(t, nc, complaints, subject) {
		t.Error("a follower without events:SubscribeAudit hears audit records")
	}
}

func TestAForeignStreamTakesNoAuditRecords(t *testing.T) {
	e := startServer(t, t.TempDir(), &keys{}, nil)
	b := openBus(t, e)
	if _, err := b.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: AuditStreamName, Subjects: []string{"other.>"}}); err != nil {
		t.Fatal(err)
	}
	if err := b.PublishAudit(t.Context(), accountA, []byte("{}")); registry.CodeOf(err) != registry.Conflict {
		t.Errorf("got %v, want that the stream is not Larder's", err)
	}
}
