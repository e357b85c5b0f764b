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

	Subject
	// Known is the Subject put into words before, for who asks often for the
	// same. It counts only where it is of this very Subject.
	Known *Known

	Code string // the error's code, where there was one
	Err  error  // for the log, never for the client

	// Observe, if there is one, is told of the answer when the request is over.
	Observe func(status int, bytes int64, d time.Duration)

	base string
}

// Subject is what a request is about.
type Subject struct {
	Format, Domain, Repo, Package, Version string

	Op string // the operation's name
}

// Known is a Subject as lines of JSON say it.
type Known struct {
	subject Subject
	json    []byte
}

// Know puts a Subject into words.
func Know(s Subject) *Known { return &Known{s, appendSubject(nil, &s)} }

// Subject gives what it is of.
func (k *Known) Subject() Subject { return k.subject }

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
