package api

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"larder/internal/awswire"
	"larder/registry"
)

// Rates bound how many requests per second each account may make (spec 8), by
// the name of an operation, or Reads or Writes for all that read or write.
// What is not named is not bounded.
type Rates map[string]float64

// The rates that stand for many operations.
const (
	Reads  = "reads"
	Writes = "writes"
)

// Check refuses a rate of no operation, and one that lets nothing through.
func (r Rates) Check() error {
	for name, perSecond := range r {
		if perSecond <= 0 || math.IsInf(perSecond, 0) || math.IsNaN(perSecond) {
			return fmt.Errorf("%s: %v requests per second are no rate", name, perSecond)
		}
		known := name == Reads || name == Writes
		for _, op := range operations {
			known = known || op.name == name
		}
		if !known {
			return fmt.Errorf("%s is no operation of the API, and neither %s nor %s", name, Reads, Writes)
		}
	}
	return nil
}

// throttle keeps what each account has left.
type throttle struct {
	rates Rates
	mu    sync.Mutex
	left  map[throttled]*rate.Limiter // as many as there are accounts and rates
}

type throttled struct{ account, name string }

func newThrottle(r Rates) *throttle { return &throttle{rates: r, left: map[throttled]*rate.Limiter{}} }

// take counts one request; Throttled, with when to come back, where it is one
// too many.
func (t *throttle) take(account, operation string) error {
	if len(t.rates) == 0 {
		return nil
	}
	now := time.Now() // one for all: what was taken later than now cannot be given back
	var wait time.Duration
	var taken []*rate.Reservation
	for _, name := range []string{operation, kindOf(operation)} {
		limit, ok := t.rates[name]
		if !ok {
			continue
		}
		r := t.limiter(throttled{account, name}, limit).ReserveN(now, 1)
		taken = append(taken, r)
		wait = max(wait, r.DelayFrom(now))
	}
	if wait == 0 {
		return nil
	}
	for _, r := range taken { // a refused request uses up nothing
		r.CancelAt(now)
	}
	return &registry.Error{Code: registry.Throttled, Msg: "Rate exceeded: too many requests of account " + account + "; try again later",
		Err: &awswire.Exception{RetryAfter: wait}}
}

func (t *throttle) limiter(of throttled, perSecond float64) *rate.Limiter {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.left[of]
	if l == nil {
		l = rate.NewLimiter(rate.Limit(perSecond), int(math.Ceil(perSecond)))
		t.left[of] = l
	}
	return l
}

func kindOf(operation string) string {
	for _, prefix := range []string{"Describe", "Get", "List"} {
		if strings.HasPrefix(operation, prefix) {
			return Reads
		}
	}
	return Writes
}
