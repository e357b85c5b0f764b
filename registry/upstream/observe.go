package upstream

import (
	"errors"
	"time"

	"larder/registry"
)

// Kind is what upstream is asked for.
type Kind string

const (
	KindListing   Kind = "listing"
	KindAsset     Kind = "asset"
	KindAuxiliary Kind = "auxiliary"
)

// Outcome is how it ended.
type Outcome string

const (
	OK          Outcome = "ok"
	NotModified Outcome = "not-modified"
	NotFound    Outcome = "not-found"
	Failed      Outcome = "failed"

	// Upstream was not waited for: a kept listing answered, which was fresh or
	// stale. Duration is zero.
	Fresh Outcome = "fresh"
	Stale Outcome = "stale"
)

// Observation is one thing asked of a connection, for metrics.
type Observation struct {
	Connection string
	Kind       Kind
	Outcome    Outcome
	Duration   time.Duration // until the whole answer was here
	Bytes      int64         // of an asset that came in
}

func outcome(err error) Outcome {
	switch {
	case err == nil:
		return OK
	case errors.Is(err, registry.ErrNotModified):
		return NotModified
	case registry.IsNotFound(err):
		return NotFound
	}
	return Failed
}
