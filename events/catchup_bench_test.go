package events

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"larder/registry"
	"larder/storage/mem"
	"larder/storage/sqlite"
)

func openMetadata(b *testing.B) registry.Metadata {
	b.Helper()
	m, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "larder.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.Close() })
	return m
}

func runRelay(b *testing.B, r *Relay) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }() //nolint:errcheck // gives nil
	b.Cleanup(func() { cancel(); <-done })
}

// BenchmarkCatchUp carries an outbox that has grown while the bus was away to
// the stream: one operation is one event.
func BenchmarkCatchUp(b *testing.B) {
	m := openMetadata(b)
	for n := 0; n < b.N; n += 1000 {
		err := m.Update(b.Context(), func(tx registry.Tx) error { return tx.AppendEvents(numbered(n+1, min(b.N, n+1000))...) })
		if err != nil {
			b.Fatal(err)
		}
	}
	bus := openBus(b, startServer(b, b.TempDir(), &keys{}, nil))
	r := NewRelay(RelayConfig{Metadata: m, Bus: bus, Logger: quiet()})
	b.ResetTimer()
	runRelay(b, r)
	for tick := time.NewTicker(time.Millisecond); r.Stats().Published < int64(b.N); {
		<-tick.C
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// troubled is a bus that is away, or slow.
type troubled struct {
	registry.Bus
	away bool
}

func (t troubled) Publish(ctx context.Context, all []registry.Event) (int, error) {
	if t.away {
		return 0, errors.New("away")
	}
	time.Sleep(200 * time.Millisecond)
	return t.Bus.Publish(ctx, all)
}

func (t troubled) Last(ctx context.Context) (string, error) {
	if t.away {
		return "", errors.New("away")
	}
	return t.Bus.Last(ctx)
}

type allowAll struct{}

func (allowAll) Authorize(context.Context, registry.Access) error { return nil }
func (allowAll) Possible(context.Context, registry.Access) error  { return nil }

type plain struct{ registry.Rules }

func (plain) Canonical(id registry.VersionID) (registry.VersionID, error) { return id, nil }
func (plain) Compare(x, y string) int                                     { return strings.Compare(x, y) }
func (plain) Prerelease(string) bool                                      { return false }

// BenchmarkPublishBeside publishes a version, in turn on servers whose bus is
// up, away and slow, and reports the medians.
func BenchmarkPublishBeside(b *testing.B) {
	domain := registry.DomainID{Owner: accountA, Name: "d"}
	repo := registry.RepoID{Domain: domain, Name: "r"}
	actor := registry.Actor{Account: accountA}
	names := []string{"up", "away", "slow"}
	var services []*registry.Service
	for _, name := range names {
		m := openMetadata(b)
		var bus registry.Bus = openBus(b, startServer(b, b.TempDir(), &keys{}, nil))
		if name != "up" {
			bus = troubled{bus, name == "away"}
		}
		r := NewRelay(RelayConfig{Metadata: m, Bus: bus, Logger: quiet()})
		runRelay(b, r)
		s, err := registry.New(registry.Config{
			Metadata: m, Blobs: mem.New(), Authorizer: allowAll{}, Rules: map[string]registry.Rules{registry.Generic: plain{}}, Wake: r.Wake, Logger: quiet(),
		})
		if err != nil {
			b.Fatal(err)
		}
		err = m.Update(b.Context(), func(tx registry.Tx) error {
			if err := tx.CreateDomain(registry.Domain{ID: domain, Created: tx.Now()}); err != nil {
				return err
			}
			return tx.CreateRepository(registry.Repository{ID: repo, Administrator: accountA, Created: tx.Now()})
		})
		if err != nil {
			b.Fatal(err)
		}
		services = append(services, s)
	}
	took := make([][]time.Duration, len(names))
	var n atomic.Int64
	b.ResetTimer()
	for range b.N {
		for i, s := range services {
			content := fmt.Sprint("content ", n.Add(1))
			id := registry.VersionID{Package: registry.PackageID{Format: registry.Generic, Namespace: "n", Name: fmt.Sprint("p", n.Load())}, Version: "1"}
			begun := time.Now()
			_, err := s.PublishPackageVersion(b.Context(), actor, repo, id, "a", sha256.Sum256([]byte(content)), false, strings.NewReader(content))
			if err != nil {
				b.Fatal(err)
			}
			took[i] = append(took[i], time.Since(begun))
		}
	}
	b.StopTimer()
	for i, name := range names {
		slices.Sort(took[i])
		b.ReportMetric(float64(took[i][len(took[i])/2].Microseconds()), "µs/p50-"+name)
		b.ReportMetric(float64(took[i][len(took[i])*9/10].Microseconds()), "µs/p90-"+name)
	}
}
