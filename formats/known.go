package formats

import (
	"net/http"

	"larder/internal/bounded"
)

// knownCalls remembers what paths mean, so that a path that is asked again is
// neither checked nor matched again. It knows nothing about who may: that is
// asked each time. Safe for concurrent use.
type knownCalls struct {
	calls *bounded.Map[string, *call] // by path as sent
}

// A path that is longer is looked at each time.
const (
	knownPaths = 8192
	knownPath  = 256 // bytes
)

func newKnownCalls() knownCalls {
	return knownCalls{bounded.NewMap[string, *call](knownPaths).Near(bounded.Ends)}
}

// get gives nil for what is not remembered. Only GET is.
func (k knownCalls) get(method, path string) *call {
	if method != http.MethodGet {
		return nil
	}
	c, _ := k.calls.Get(path)
	return c
}

// put keeps what means the same on every host, and the path.
func (k knownCalls) put(method, path string, c *call) {
	if method == http.MethodGet && !c.hosted && len(path) <= knownPath {
		k.calls.Put(path, c)
	}
}
