package policy

import (
	"net/netip"
	"sync"
	"time"

	"larder/registry"
)

// cache is a bounded map: when it is full, an arbitrary entry makes room.
// Losing an entry costs work once more. Safe for concurrent use.
type cache[K comparable, V any] struct {
	limit int
	mu    sync.RWMutex
	m     map[K]V
}

func newCache[K comparable, V any](limit int) *cache[K, V] {
	return &cache[K, V]{limit: limit, m: map[K]V{}}
}

func (c *cache[K, V]) get(k *K) (V, bool) {
	c.mu.RLock()
	v, ok := c.m[*k]
	c.mu.RUnlock()
	return v, ok
}

func (c *cache[K, V]) put(k K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.m[k]; !there && len(c.m) >= c.limit {
		for victim := range c.m {
			delete(c.m, victim)
			break
		}
	}
	c.m[k] = v
}

// decisionKey is what a decision depends on besides the stored policies and
// the time. Address and secure are there only for a decision that looked at
// them.
type decisionKey struct {
	principal, session string
	action             registry.Action
	resource           registry.Resource
	anyPackage         bool
	whence             bool // address and secure count
	address            netip.Addr
	secure             bool
}

// decided is a kept decision.
type decided struct {
	graph, identities int64     // counters before the policies were read
	until             time.Time // zero: as long as the counters stand still
	err               error     // nil: allowed
	whence            bool      // no decision: it depends on where the request comes from
}

func (d *decided) holds(c registry.Counters, now time.Time) bool {
	return d.graph == c.Graph && d.identities == c.Identities && (d.until.IsZero() || now.Before(d.until))
}
