package events

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"larder/internal/freeport"
	"larder/registry"
)

// clustered runs three NATS servers that are one.
func clustered(t *testing.T) []*server.Server {
	t.Helper()
	var routes []*url.URL
	var ports []int
	for range 3 {
		address := must[string](t)(freeport.Address())
		routes = append(routes, &url.URL{Scheme: "nats", Host: address})
		a := must[*net.TCPAddr](t)(net.ResolveTCPAddr("tcp", address))
		ports = append(ports, a.Port)
	}
	var all []*server.Server
	for i, port := range ports {
		s := must[*server.Server](t)(server.NewServer(&server.Options{
			ServerName: fmt.Sprint("n", i), Host: "127.0.0.1", Port: server.RANDOM_PORT, Username: "larder", Password: "hush",
			JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
			Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: port}, Routes: routes,
		}))
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		all = append(all, s)
	}
	for end := time.Now().Add(30 * time.Second); !slices.ContainsFunc(all, func(s *server.Server) bool { return s.JetStreamIsLeader() && len(s.JetStreamClusterPeers()) == 3 }); {
		if time.Now().After(end) {
			t.Fatal("the NATS servers found no leader")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return all
}

// clientURL leads to all of the servers.
func clientURL(t *testing.T, servers []*server.Server) string {
	t.Helper()
	var urls []string
	for i, s := range servers {
		u := must[*url.URL](t)(url.Parse(s.ClientURL()))
		u.User = nil
		if i == 0 {
			u.User = url.UserPassword("larder", "hush") // for all of them
		}
		urls = append(urls, u.String())
	}
	return strings.Join(urls, ",")
}

// eventually asks again while the cluster chooses leaders.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// listened waits until the stream is there and hears what b publishes. The servers
// tell each other who listens to what apart from who leads: for a moment behind
// its leader's first answers, a message by way of another server meets nobody.
func listened(t *testing.T, b *JetStream) {
	t.Helper()
	eventually(t, func() error {
		if _, err := b.Last(t.Context()); err != nil {
			return err
		}
		// One for a place that there will never be: refused, where it is heard.
		_, err := b.js.Publish(t.Context(), subjectRoot+"x", nil, jetstream.WithExpectLastSequence(math.MaxUint32))
		if err = publishError(err); errors.Is(err, ErrFenced) {
			return nil
		}
		return err
	})
}

func TestAClusterKeepsThreeCopiesAndLosesAServer(t *testing.T) {
	servers := clustered(t)
	copies := func(b *JetStream) int {
		t.Helper()
		var s jetstream.Stream
		eventually(t, func() (err error) {
			if _, err = b.Last(t.Context()); err == nil {
				s, err = b.js.Stream(t.Context(), StreamName)
			}
			return err
		})
		return s.CachedInfo().Config.Replicas
	}
	b := dial(t, clientURL(t, servers), StreamConfig{})
	if n := copies(b); n != 3 {
		t.Fatalf("%d copies, want 3", n)
	}
	listened(t, b)
	publish(t, b, event(accountA, 1))
	// The one to which the bus is connected goes.
	used := slices.IndexFunc(servers, func(s *server.Server) bool { return s.Name() == b.nc.ConnectedServerName() })
	servers[used].Shutdown()
	servers[used].WaitForShutdown()
	eventually(t, func() error {
		if last, err := b.Last(t.Context()); err != nil || last != event(accountA, 1).ID {
			return fmt.Errorf("last = %q, %w", last, err)
		}
		n, err := b.Publish(t.Context(), []registry.Event{event(accountA, 2)})
		if err == nil && n != 1 {
			err = fmt.Errorf("%d events are on the bus", n)
		}
		return err
	})
	lastIs(t, b, event(accountA, 2).ID)

	said := &strings.Builder{}
	// The server that is gone may have led the others, who elect another one: what
	// is asked of all is answered once they have.
	eventually(t, func() error {
		err := b.js.DeleteStream(t.Context(), StreamName)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			err = nil // by the try before
		}
		return err
	})
	b.config.Replicas, b.log = 5, logInto(said)
	eventually(t, func() error {
		if _, err := b.Last(t.Context()); err == nil || !strings.Contains(err.Error(), "--event-replicas") {
			return fmt.Errorf("five copies on two servers: %v", err)
		}
		return nil
	})
	b.config.Replicas = 1
	if n := copies(b); n != 1 || said.Len() > 0 {
		t.Errorf("%d copies, want the 1 that was asked for; said %q", n, said)
	}
	b.config.Replicas = 0
	if n := copies(b); n != 1 || !strings.Contains(said.String(), "--event-replicas") {
		t.Errorf("%d copies, said %q; want 1 as it was found, and a word about it", n, said)
	}
}

func TestTheFirstUserIsForThoseWithoutOne(t *testing.T) {
	for given, want := range map[string]string{
		"nats://u:p@a:1,nats://b:2":      "nats://u:p@a:1,nats://u:p@b:2",
		"nats://u:p@a:1, tls://v:q@b:2":  "nats://u:p@a:1,tls://v:q@b:2",
		"nats://token@a:1,nats://b:2":    "nats://token@a:1,nats://token@b:2",
		"nats://a:1,nats://u:p@b:2":      "nats://a:1,nats://u:p@b:2",
		"nats://a:1,nats://b:2,nats://c": "nats://a:1,nats://b:2,nats://c",
	} {
		if got, _, err := parseURL(given); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", given, got, err, want)
		}
	}
}

func logInto(b *strings.Builder) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
