package main

import (
	"os"
	"runtime"
	"runtime/debug"
	measured "runtime/metrics"
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
