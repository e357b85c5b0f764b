package events

import (
	"testing"
)

// BenchmarkPublish carries events to the stream inside the process, in a
// relay's batches: one operation is one event.
func BenchmarkPublish(b *testing.B) {
	bus := openBus(b, startServer(b, b.TempDir(), &keys{}, nil))
	n := 0
	b.ResetTimer()
	for n < b.N {
		batch := numbered(n+1, min(b.N, n+512))
		if _, err := bus.Publish(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		n += len(batch)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkStart starts the server with its stream, and ends it.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		e, err := Start(EmbeddedConfig{StoreDir: dir, Listen: ListenOff, Logger: quiet()})
		if err != nil {
			b.Fatal(err)
		}
		bus, err := e.Bus("us-east-1")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := bus.Last(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		bus.Close()
		e.Close()
		b.StartTimer()
	}
}
