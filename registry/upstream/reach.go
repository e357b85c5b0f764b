package upstream

import (
	"sync"
	"time"

	"larder/registry"
)

// reach remembers for a short time which servers cannot be reached, so that a
// dead one costs one time-out and not one for each package. It never stands
// between a client and bytes that are here: only requests that need the
// network ask it.
type reach struct {
	clock registry.Clock
	pause time.Duration

	mu    sync.Mutex
	hosts map[string]*hostReach // by origin
}

type hostReach struct {
	answers int       // how often it answered, whatever it said
	misses  int       // exchanges without an answer since
	until   time.Time // not asked before
	err     error     // why
}

// softMisses is how many exchanges in a row may end without an answer on a
// connection that stood, before the server counts as away.
const softMisses = 3

// maxHosts bounds the memory against documents that name ever new hosts.
const maxHosts = 256

func newReach(clock registry.Clock, pause time.Duration) *reach {
	return &reach{clock: clock, pause: pause, hosts: map[string]*hostReach{}}
}

// ask gives the number of answers so far, or the error of the last attempt
// while the server counts as away. When that time is over one asker is let
// through to try, and the others go on failing until it has had an answer.
func (r *reach) ask(origin string) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.hosts[origin]
	if h == nil {
		return 0, nil
	}
	if h.err != nil {
		now := r.clock()
		if now.Before(h.until) {
			return 0, h.err
		}
		h.until = now.Add(r.pause)
	}
	return h.answers, nil
}

// answered records an answer of the server.
func (r *reach) answered(origin string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.host(origin)
	h.answers++
	h.misses, h.err = 0, nil
}

// missed records an exchange without an answer, which began when the server
// had given that many answers; connected says whether a connection stood. An
// answer to somebody else in the meantime proves the server alive.
func (r *reach) missed(origin string, answers int, connected bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.host(origin)
	if h.answers != answers {
		return
	}
	h.misses++
	if !connected || h.misses >= softMisses {
		h.err, h.until = err, r.clock().Add(r.pause)
	}
}

func (r *reach) host(origin string) *hostReach {
	h := r.hosts[origin]
	if h == nil {
		if len(r.hosts) >= maxHosts {
			clear(r.hosts)
		}
		h = &hostReach{}
		r.hosts[origin] = h
	}
	return h
}
