// Package bounded has a map that forgets instead of growing.
package bounded

import "sync"

// Map remembers up to a number of entries. When it is full, an arbitrary one
// makes room: losing it costs whoever asks for it the work once more. Safe for
// concurrent use.
type Map[K comparable, V any] struct {
	limit   int
	mu      sync.RWMutex
	entries map[K]V
}

// NewMap makes one for limit entries, at least one.
func NewMap[K comparable, V any](limit int) *Map[K, V] {
	return &Map[K, V]{limit: limit, entries: map[K]V{}}
}

// Get gives what was put under the key, unless it was forgotten.
func (m *Map[K, V]) Get(key K) (V, bool) {
	m.mu.RLock()
	value, ok := m.entries[key]
	m.mu.RUnlock()
	return value, ok
}

// Put makes or replaces an entry.
func (m *Map[K, V]) Put(key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.entries[key]; !there && len(m.entries) >= m.limit {
		for victim := range m.entries {
			delete(m.entries, victim)
			break
		}
	}
	m.entries[key] = value
}

// Delete forgets an entry.
func (m *Map[K, V]) Delete(key K) {
	m.mu.Lock()
	delete(m.entries, key)
	m.mu.Unlock()
}

// Len is how many entries there are.
func (m *Map[K, V]) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.entries)
}
