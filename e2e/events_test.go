package e2e

import (
	"encoding/json"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"larder/formats/formatstest"
)

// freeAddress is an address of this machine that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// event is what the follower looks at.
type event struct {
	ID         string
	DetailType string `json:"detail-type"`
	Source     string
	Resources  []string
	Detail     struct {
		DomainName          string
		RepositoryName      string
		PackageNamespace    string
		PackageName         string
		PackageVersion      string
		PackageVersionState string
		OperationType       string
		SequenceNumber      int
	}
}

func (e event) String() string {
	d := e.Detail
	name := d.PackageName
	if d.PackageNamespace != "" {
		name = "@" + d.PackageNamespace + "/" + name
	}
	return d.OperationType + " " + d.RepositoryName + " " + name + " " + d.PackageVersion + " " + d.PackageVersionState
}

// TestFollower: who follows with the access key sees each change once, live and
// from the stream.
func TestFollower(t *testing.T) {
	endToEnd(t)
	newUser(t, named("npm11"))
	up := formatstest.NewUpstream(t)
	offerProject(t, up)
	address := freeAddress(t)
	s := serve(t, up.URL, "--nats-listen", address)
	key, secret := s.AccessKey(t)

	nc, err := nats.Connect("nats://"+address, nats.UserInfo(key, secret))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	live := make(chan *nats.Msg, 1000)
	if _, err := nc.ChanSubscribe("larder.events."+account+".>", live); err != nil {
		t.Fatal(err)
	}
	if err := nc.FlushTimeout(10 * time.Second); err != nil {
		t.Fatal(err)
	}

	u := loggedIn(t, named("npm11"), s)
	u.do(t, "add", "@up/core@1.0.0")
	u = loggedIn(t, named("npm11"), s)
	u.do(t, "add", "@up/core@1.0.0") // changes nothing
	u.project(t, gadget("1.0.0"), "index.js", module("gadget"))
	u.do(t, "publish")
	u.do(t, "deprecate", "gadget@1.0.0", "it rattles")
	u.do(t, "tag", "gadget@1.0.0", "stable")
	u.do(t, "unpublish", "gadget@1.0.0")

	want := []string{
		"Created main @up/core 1.0.0 Published",
		"Created main gadget 1.0.0 Published",
		"Created main leaf 2.0.1 Published",
		"Created npm-store @up/core 1.0.0 Published",
		"Created npm-store leaf 2.0.1 Published",
		"Deleted main gadget 1.0.0 Deleted",
		"Updated main gadget 1.0.0 Published",
		"Updated main gadget 1.0.0 Published",
	}
	var got []event
	for range want {
		select {
		case m := <-live:
			got = append(got, read(t, m.Subject, m.Data))
		case <-time.After(30 * time.Second):
			t.Fatalf("only %d events came: %v", len(got), got)
		}
	}
	if diff := cmp.Diff(want, sorted(got)); diff != "" {
		t.Errorf("live (-want +got):\n%s", diff)
	}
	var steps []string
	last := 0
	for _, e := range got {
		if e.Detail.PackageName == "gadget" {
			steps = append(steps, e.Detail.OperationType)
			if e.Detail.SequenceNumber <= last {
				t.Errorf("sequence number %d after %d", e.Detail.SequenceNumber, last)
			}
			last = e.Detail.SequenceNumber
		}
	}
	if want := []string{"Created", "Updated", "Updated", "Deleted"}; !slices.Equal(steps, want) {
		t.Errorf("gadget's events came in the order %v, want %v", steps, want)
	}

	kept := stream(t, nc)
	if diff := cmp.Diff(want, sorted(kept)); diff != "" {
		t.Errorf("in the stream (-want +got):\n%s", diff)
	}
	ids := map[string]bool{}
	for _, e := range kept {
		ids[e.ID] = true
	}
	if len(ids) != len(want) {
		t.Errorf("%d ids of %d events", len(ids), len(want))
	}
	for _, e := range got {
		if !ids[e.ID] {
			t.Errorf("event %s came live and is not in the stream", e.ID)
		}
	}
}

func read(t *testing.T, subject string, data []byte) event {
	t.Helper()
	var e event
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	want := map[string]string{"Created": "created", "Updated": "updated", "Deleted": "deleted"}[e.Detail.OperationType]
	want = "larder.events." + account + ".local." + e.Detail.RepositoryName + ".npm." + want
	if subject != want || e.Source != "aws.codeartifact" || len(e.Resources) != 1 {
		t.Errorf("subject %s, want %s: %s", subject, want, data)
	}
	return e
}

// stream reads all that the stream holds.
func stream(t *testing.T, nc *nats.Conn) []event {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), "LARDER_EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	var all []event
	for range s.CachedInfo().State.Msgs {
		m, err := c.Next(jetstream.FetchMaxWait(10 * time.Second))
		if err != nil {
			t.Fatalf("after %d events: %v", len(all), err)
		}
		all = append(all, read(t, m.Subject(), m.Data()))
	}
	return all
}

func sorted(events []event) []string {
	var all []string
	for _, e := range events {
		all = append(all, e.String())
	}
	slices.Sort(all)
	return all
}
