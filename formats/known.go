package formats

import (
	"net/http"
	"strings"
	"sync"
)

// knownCalls remembers what paths mean, so that a path that is asked again is
// neither checked nor matched again. It knows nothing about who may: that is
// asked each time. Full, an arbitrary path makes room. Safe for concurrent use.
type knownCalls struct {
	mu    sync.RWMutex
	calls map[string]*call // by path as sent
}

// A path that is longer is looked at each time.
const (
	knownPaths = 8192
	knownPath  = 256 // bytes
)

func newKnownCalls() *knownCalls { return &knownCalls{calls: map[string]*call{}} }

// get gives nil for what is not remembered. Only GET is.
func (k *knownCalls) get(method, path string) *call {
	if method != http.MethodGet {
		return nil
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.calls[path]
}

// put keeps what means the same on every host.
func (k *knownCalls) put(method, path string, c *call) {
	if method != http.MethodGet || c.hosted || len(path) > knownPath {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.calls) >= knownPaths {
		for victim := range k.calls {
			delete(k.calls, victim)
			break
		}
	}
	k.calls[strings.Clone(path)] = c // the path is part of a larger buffer
}
