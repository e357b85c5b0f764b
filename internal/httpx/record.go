package httpx

import (
	"context"
	"net/http"
	"strings"
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

// Know puts a Subject into words. What it holds is copied.
func Know(s Subject) *Known {
	k := &Known{subject: Subject{strings.Clone(s.Format), strings.Clone(s.Domain), strings.Clone(s.Repo), strings.Clone(s.Package), strings.Clone(s.Version), strings.Clone(s.Op)}}
	k.json = appendSubject(nil, &k.subject)
	return k
}

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
