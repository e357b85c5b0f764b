package upstream

import (
	"container/list"
	"sync"

	"larder/registry"
)

// entry is a stored listing, decoded. It does not change; what moves without
// a new revision is in registry.ListingRevision.
type entry struct {
	revision   int64
	header     header
	validators validators
	listing    *registry.Listing // nil: upstream has none
	size       int64
}

// decodedListings keeps decoded listings, the least recently used ones going
// first, up to a number of bytes. One that alone would take more than half of
// them is not kept.
type decodedListings struct {
	limit int64

	mu    sync.Mutex
	size  int64
	order *list.List // of *decodedItem, most recently used first
	items map[listingKey]*list.Element
}

type decodedItem struct {
	key   listingKey
	entry *entry
}

func newDecodedListings(limit int64) *decodedListings {
	return &decodedListings{limit: limit, order: list.New(), items: map[listingKey]*list.Element{}}
}

// get gives the listing if it is the one of the revision.
func (c *decodedListings) get(k listingKey, revision int64) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[k]
	if !ok || e.Value.(*decodedItem).entry.revision != revision {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*decodedItem).entry
}

// put replaces what was kept under the key.
func (c *decodedListings) put(k listingKey, n *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.items[k]; ok {
		c.remove(e)
	}
	if n.size > c.limit/2 {
		return
	}
	c.items[k] = c.order.PushFront(&decodedItem{k, n})
	c.size += n.size
	for c.size > c.limit {
		c.remove(c.order.Back())
	}
}

func (c *decodedListings) remove(e *list.Element) {
	i := c.order.Remove(e).(*decodedItem)
	delete(c.items, i.key)
	c.size -= i.entry.size
}
