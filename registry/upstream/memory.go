package upstream

import (
	"sync"
	"time"

	"larder/registry"
)

// maxRemembered bounds the memory of misses against clients that ask for ever
// new names.
const maxRemembered = 16384

// memory holds for a short time what upstream does not have and what failed.
// The two are kept apart: "there is none" is an answer and is believed for
// longer, a failure only spares upstream and the clients the next time-out.
type memory[K comparable] struct {
	times Freshness

	mu     sync.Mutex
	misses map[K]miss
}

// missKey names a package of a connection as it led when it was asked.
type missKey struct {
	listingKey
	source [16]byte
}

type miss struct {
	err error
	at  time.Time
}

// absentKey names an asset of a connection as it led when it was asked.
type absentKey struct {
	connection string
	version    registry.VersionID
	asset      string
	source     [16]byte
}

func newMemory[K comparable](times Freshness) *memory[K] {
	return &memory[K]{times: times, misses: map[K]miss{}}
}

// lookup gives the remembered error. With current, "there is none" is believed
// no longer than any other answer that must be current.
func (m *memory[K]) lookup(k K, now time.Time, current bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.misses[k]
	if !ok || !now.Before(s.at.Add(m.lasts(s, current))) {
		return nil
	}
	return s.err
}

func (m *memory[K]) lasts(s miss, current bool) time.Duration {
	switch {
	case !registry.IsNotFound(s.err):
		return m.times.Failed
	case current:
		return m.times.Recheck
	}
	return m.times.NotFound
}

func (m *memory[K]) remember(k K, now time.Time, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.misses) >= maxRemembered {
		m.shrink(now)
	}
	m.misses[k] = miss{err, now}
}

// shrink drops what is over, or anything when nothing is.
func (m *memory[K]) shrink(now time.Time) {
	for k, s := range m.misses {
		if !now.Before(s.at.Add(m.lasts(s, false))) {
			delete(m.misses, k)
		}
	}
	for k := range m.misses {
		if len(m.misses) < maxRemembered*3/4 {
			break
		}
		delete(m.misses, k)
	}
}

func (m *memory[K]) forget(k K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.misses, k)
}
