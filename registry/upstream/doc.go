// Package upstream is the way to external registries: it implements
// registry.Puller over HTTP.
//
// The format adapters (registry.Upstream) say what to ask and how to read the
// answer. This package owns when and how to ask: credentials and the address
// guard (getter.go, client.go, guard.go), limits on time and size (body.go),
// marks against loops (via.go), how long a listing is believed and what is
// served while upstream is away (freshness.go), one download for any number of
// simultaneous askers and the check of its digests (flight.go), and auxiliary
// requests (fetch.go). It leaves to the core which package is asked for, by
// whom, and what is recorded of an asset that came in.
//
// Start reading at upstream.go.
package upstream
