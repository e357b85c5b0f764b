package httpx

import (
	"context"
	"net/http"
	"time"
)

// Record is what a request's log line says. The handler that learns a member
// fills it in; only the goroutine that serves the request touches it.
type Record struct {
	ID    string // this server's own
	Began time.Time
	Peer  Peer
	// Request is the request as it came, for its method, URI and headers. Nil
	// where there is no Front.
	Request *http.Request

	Format, Domain, Repo, Package, Version string

	Op   string // the operation's name
	Code string // the error's code, where there was one
	Err  error  // for the log, never for the client

	base string
}

// RecordOf gives the request's Record: Front's, or one that nobody reads and
// that begins now.
func RecordOf(ctx context.Context) *Record {
	if r, ok := ctx.Value(recordKey{}).(*Record); ok {
		return r
	}
	return &Record{Began: time.Now()}
}

// Base is the server's URL as this client is told it: scheme, host, port and
// path of the public URL without trailing slash, else scheme and host that the
// client used. Trusted proxies' X-Forwarded headers count only behind Front.
func Base(r *http.Request) string {
	rec, ok := r.Context().Value(recordKey{}).(*Record)
	if !ok {
		p := Proxies(nil).Peer(r)
		return p.Scheme + "://" + p.Host
	}
	return rec.base
}
