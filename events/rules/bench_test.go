package rules

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"larder/registry"
	"larder/storage/sqlite"
)

// BenchmarkRoute asks 10,000 rules, of which each event matches one, about
// events of the outbox, and writes down what is to be delivered: one operation
// is one event.
func BenchmarkRoute(b *testing.B) {
	m, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "larder.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.Close() })
	const account = "111111111111"
	update := func(f func(tx registry.Tx) error) {
		if err := m.Update(b.Context(), f); err != nil {
			b.Fatal(err)
		}
	}
	update(func(tx registry.Tx) error {
		for i := range 10_000 {
			name := fmt.Sprint("r", i)
			r := registry.Rule{Account: account, Name: name, Pattern: fmt.Sprintf(`{"source":["aws.codeartifact"],"detail":{"packageName":["package-%d"],"operationType":["Created"]}}`, i)}
			if err := tx.PutRule(r); err != nil {
				return err
			}
			row, err := Seal(open{}, account, name, Sealed{Target: Target{ID: "t", ARN: "nats:x"}})
			if err == nil {
				err = tx.PutTarget(row)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	repo := registry.RepoID{Domain: registry.DomainID{Owner: account, Name: "d"}, Name: "r"}
	update(func(tx registry.Tx) error {
		for i := range b.N {
			e := registry.Event{
				ID: fmt.Sprint("e", i), Account: account, Repo: repo, Time: time.Now(), State: registry.Published, Operation: registry.OpCreated,
				Version: registry.VersionID{Package: registry.PackageID{Format: registry.NPM, Namespace: "scope", Name: fmt.Sprint("package-", i%10_000)}, Version: "1.0.0"},
			}
			if err := tx.AppendEvents(e); err != nil {
				return err
			}
		}
		return nil
	})
	d := New(Config{Metadata: m, Sealer: open{}, Region: "us-east-1", Logger: slog.New(slog.DiscardHandler)})
	begun := time.Now()
	if err := m.View(b.Context(), func(tx registry.Tx) error { return d.load(tx) }); err != nil {
		b.Fatal(err)
	}
	loaded := time.Since(begun)
	b.ResetTimer()
	if err := d.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	if n := d.Stats().Matched; n != int64(b.N) {
		b.Errorf("%d of %d events matched", n, b.N)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(loaded.Milliseconds()), "ms/load")
}
