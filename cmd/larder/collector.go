package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	measured "runtime/metrics"
	"time"
)

// headroom is by how many bytes the heap may always grow before garbage is
// collected.
const headroom = 32 << 20

// paceCollector lets garbage be collected when the heap has grown by headroom
// and half of what lives. Go's own rule, by as much as lives, is made for
// large heaps: a server whose caches are nearly empty would collect a dozen
// times a second under load, and one with full caches would take twice their
// size. GOGC in the environment outranks it.
func paceCollector() {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []measured.Sample{{Name: "/gc/heap/live:bytes"}}
	var pace func(*sentinel)
	pace = func(s *sentinel) {
		measured.Read(live)
		n := max(live[0].Value.Uint64(), 1<<20)
		debug.SetGCPercent(int(100 * (headroom + n/2) / n))
		runtime.SetFinalizer(s, pace) // again at the next collection
	}
	pace(&sentinel{})
}

// sentinel is garbage from the beginning: its finalizer runs after each collection.
type sentinel struct{ _ *byte }

const (
	// quietEvery is how often memory is looked at.
	quietEvery = 2 * time.Second
	// quietBytes is how much may be allocated between two looks by a server that
	// nobody is asking for anything: its own clocks.
	quietBytes = 1 << 20
	// worthBytes is how much there has to be to give back.
	worthBytes = 8 << 20
)

// giveBack returns memory to the system once a burst is over, as of an import:
// garbage that nobody collects, because nobody allocates, would stay else.
func giveBack(ctx context.Context) {
	samples := []measured.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/unused:bytes"},
	}
	tick := time.NewTicker(quietEvery)
	defer tick.Stop()
	var q quiet
	for {
		measured.Read(samples)
		of := func(i int) uint64 { return samples[i].Value.Uint64() }
		if q.over(of(0), of(2)+of(3)+of(4)-min(of(1), of(2))) {
			debug.FreeOSMemory()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// quiet says when a burst is over.
type quiet struct {
	allocated uint64 // ever, at the last look
	spared    uint64 // what was not worth it, or could not be given back
}

// over reports whether memory is to be given back: nothing happened since the
// last look, and there is something.
func (q *quiet) over(allocated, spare uint64) bool {
	still := allocated-q.allocated < quietBytes
	q.allocated = allocated
	if !still {
		q.spared = 0
		return false
	}
	if spare < q.spared+worthBytes {
		return false
	}
	q.spared = spare // where it does not help, it is not tried again before the next burst
	return true
}
