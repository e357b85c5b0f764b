// Package bounded has a map that forgets instead of growing.
package bounded

import (
	"sync"
	"sync/atomic"
)

// Map remembers up to a number of entries. When it is full, an arbitrary one
// makes room: losing it costs whoever asks for it the work once more. Safe for
// concurrent use.
type Map[K comparable, V any] struct {
	limit   int
	near    func(K) uint // nil: every look hashes the key
	last    [lastEntries]atomic.Pointer[entry[K, V]]
	mu      sync.RWMutex
	entries map[K]*entry[K, V]
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

// lastEntries is how many entries are found without hashing their keys.
const lastEntries = 64

// NewMap makes one for limit entries, at least one.
func NewMap[K comparable, V any](limit int) *Map[K, V] {
	return &Map[K, V]{limit: limit, entries: map[K]*entry[K, V]{}}
}

// Near has those entries that were got last found by a number that is had from
// their keys for next to nothing, in place of a hash of all of it. Keys with
// the same number crowd each other out. It is to be called before the first Put.
func (m *Map[K, V]) Near(number func(K) uint) *Map[K, V] {
	m.near = number
	return m
}

// Ends is a number for Near of strings that differ in length or at their ends.
func Ends(s string) uint {
	n := len(s)
	if n < 2 {
		return uint(n)
	}
	return uint(n) + 31*uint(s[n-1]) + 7*uint(s[n-2]) + 3*uint(s[n/2])
}

func (m *Map[K, V]) lastOf(key K) *atomic.Pointer[entry[K, V]] {
	return &m.last[m.near(key)%lastEntries]
}

// Get gives what was put under the key, unless it was forgotten.
func (m *Map[K, V]) Get(key K) (value V, ok bool) {
	if m.near != nil {
		if e := m.lastOf(key).Load(); e != nil && e.key == key {
			return e.value, true
		}
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	e, ok := m.entries[key]
	if !ok {
		return value, false
	}
	if m.near != nil {
		m.lastOf(key).Store(e)
	}
	return e.value, true
}

// Put makes or replaces an entry.
func (m *Map[K, V]) Put(key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.entries[key]; !there && len(m.entries) >= m.limit {
		for victim := range m.entries {
			m.remove(victim)
			break
		}
	}
	e := &entry[K, V]{key, value}
	m.entries[key] = e
	if m.near != nil {
		m.lastOf(key).Store(e)
	}
}

// Delete forgets an entry.
func (m *Map[K, V]) Delete(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remove(key)
}

func (m *Map[K, V]) remove(key K) {
	if m.near != nil {
		if at := m.lastOf(key); at.Load() == m.entries[key] {
			at.Store(nil)
		}
	}
	delete(m.entries, key)
}

// Len is how many entries there are.
func (m *Map[K, V]) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.entries)
}
