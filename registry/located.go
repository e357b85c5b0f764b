package registry

import (
	"container/list"
	"sync"
)

// locatedCache remembers where assets were found, least recently used out first.
type locatedCache struct {
	limit int

	mu    sync.Mutex
	byKey map[assetKey]*list.Element
	order *list.List // of *locatedEntry, most recent first
}

type locatedEntry struct {
	key assetKey
	at  *located
}

func newLocatedCache(limit int) *locatedCache {
	return &locatedCache{limit: limit, byKey: map[assetKey]*list.Element{}, order: list.New()}
}

func (c *locatedCache) get(key assetKey) *located {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*locatedEntry).at
}

func (c *locatedCache) put(key assetKey, at *located) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[key]; ok {
		e.Value.(*locatedEntry).at = at
		c.order.MoveToFront(e)
		return
	}
	c.byKey[key] = c.order.PushFront(&locatedEntry{key, at})
	if c.order.Len() > c.limit {
		delete(c.byKey, c.order.Remove(c.order.Back()).(*locatedEntry).key)
	}
}
