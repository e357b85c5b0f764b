package events

import (
	"net"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"larder/internal/freeport"
	"larder/registry"
)

// closed is a server that lets nobody in, and tells of each who has asked.
type closed struct {
	server.Authentication
	times chan struct{}
}

func (r closed) Check(server.ClientAuthentication) bool {
	select {
	case r.times <- struct{}{}:
	default:
	}
	return false
}

// A server may not know its users for a while, and credentials are renewed:
// being refused, however often, is not the end.
func TestABusThatIsRefusedForAWhileComesBack(t *testing.T) {
	t.Parallel() // it waits for reconnects
	host, port, err := net.SplitHostPort(must[string](t)(freeport.Address()))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(change func(*server.Options)) func() {
		t.Helper()
		o := &server.Options{Host: host, Port: must[int](t)(strconv.Atoi(port)), JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true}
		change(o)
		s := must[*server.Server](t)(server.NewServer(o))
		s.Start()
		if !s.ReadyForConnections(10 * time.Second) {
			t.Fatal("not ready")
		}
		return func() { s.Shutdown(); s.WaitForShutdown() }
	}
	good := func(o *server.Options) { o.Username, o.Password = "larder", "hush" }
	stop := run(good)
	u := url.URL{Scheme: "nats", User: url.UserPassword("larder", "hush"), Host: net.JoinHostPort(host, port)}
	b := dial(t, u.String(), StreamConfig{})
	lastIs(t, b, "")
	publish(t, b, event(accountA, 1))
	stop()

	times := make(chan struct{}, 2)
	stop = run(func(o *server.Options) { o.CustomClientAuthentication = closed{times: times} })
	for range cap(times) {
		<-times
	}
	stop()
	if err := b.Ready(); registry.CodeOf(err) != registry.Unavailable {
		t.Errorf("while it is refused: %v, want Unavailable", err)
	}

	stop = run(good)
	defer stop()
	eventually(t, func() error { _, err := b.Last(t.Context()); return err })
	publish(t, b, event(accountA, 2))
	lastIs(t, b, event(accountA, 2).ID)
}
