package identity

import "sync"

// cache is a bounded map: when it is full, an arbitrary entry makes room.
// Losing an entry costs verifying once more. Safe for concurrent use.
type cache[K comparable, V any] struct {
	limit int
	mu    sync.RWMutex
	m     map[K]V
}

func newCache[K comparable, V any](limit int) *cache[K, V] {
	return &cache[K, V]{limit: limit, m: map[K]V{}}
}

func (c *cache[K, V]) get(k K) (V, bool) {
	c.mu.RLock()
	v, ok := c.m[k]
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

func (c *cache[K, V]) drop(k K) {
	c.mu.Lock()
	delete(c.m, k)
	c.mu.Unlock()
}
