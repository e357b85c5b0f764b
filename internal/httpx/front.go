package httpx

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Front is the outermost handler of a listener. It gives each request a fresh
// id (also in the X-Request-Id answer header) and a Record, counts what is
// answered, writes one log line when the request is over, and turns a panic
// that nobody handled into a 500. Safe for concurrent use once it serves.
type Front struct {
	Next http.Handler
	Log  *slog.Logger // nil: no lines
	// JSON takes the lines instead, one Write for each, as slog.JSONHandler
	// would write them. Nil: they go to Log.
	JSON    io.Writer
	Proxies Proxies
	// PublicURL is what clients are told instead of the Host they used,
	// without trailing slash. Empty: the request's own.
	PublicURL string

	patience time.Duration // with a body; zero: bodyPatience

	told atomic.Pointer[told] // most clients use one name
}

// told is what clients who use the scheme and host are told of the server.
type told struct{ scheme, host, base string }

type recordKey struct{}

// state is everything that one request needs, in one allocation. It is the
// request's context as well.
type state struct {
	context.Context
	record   Record
	recorder Recorder
	id       [1]string    // the X-Request-Id header
	request  http.Request // with this context
}

func (s *state) Value(key any) any {
	if key == (recordKey{}) {
		return &s.record
	}
	return s.Context.Value(key)
}

func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := &state{Context: r.Context()}
	s.recorder.ResponseWriter = w
	s.record.Began = time.Now()
	s.record.ID = newID()
	s.record.Peer = f.Proxies.Peer(r)
	s.record.base = f.base(s.record.Peer)
	s.record.Request = r
	s.id[0] = s.record.ID
	w.Header()["X-Request-Id"] = s.id[:]
	s.request = *r.WithContext(s)
	r = &s.request
	if r.Body != nil && r.Body != http.NoBody {
		b := newBody(w, r.Body, cmp.Or(f.patience, bodyPatience))
		defer b.hurry(min(b.most, leftPatience))
		r.Body = b
	}
	defer func() {
		p := recover()
		if p != nil && p != http.ErrAbortHandler {
			s.record.Err = newPanic(p)
			if !s.recorder.Started() {
				http.Error(&s.recorder, "internal error", http.StatusInternalServerError)
				p = nil
			} else {
				p = http.ErrAbortHandler
			}
		}
		f.finish(r, s)
		if p != nil {
			panic(p)
		}
	}()
	if s.record.base == "" {
		http.Error(&s.recorder, "the Host header is not a host name", http.StatusBadRequest)
		return
	}
	f.Next.ServeHTTP(&s.recorder, r)
}

// newID makes an id that no other request has, and that says nothing about
// other requests: the generator is seeded by the system, and a strong one.
func newID() string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(b[8:], rand.Uint64())
	var id [2 * len(b)]byte
	hex.Encode(id[:], b[:])
	return string(id[:])
}

// base is what this client is told of the server; empty where the host that it
// asked for is none.
func (f *Front) base(p Peer) string {
	t := f.told.Load()
	if t == nil || t.scheme != p.Scheme || t.host != p.Host {
		if !validHost(p.Host) {
			return ""
		}
		host := strings.Clone(p.Host) // of a larger buffer
		t = &told{p.Scheme, host, cmp.Or(f.PublicURL, p.Scheme+"://"+host)}
		f.told.Store(t)
	}
	return t.base
}

// finish counts the answer and writes the request's line with the keys that
// are the same everywhere. It goes to the handler directly: finding the
// caller's line costs more than the rest of the frame and says nothing.
func (f *Front) finish(r *http.Request, s *state) {
	l := line{Record: &s.record, path: r.URL.Path, dur: time.Since(s.record.Began), status: s.recorder.Status(), bytes: s.recorder.Bytes()}
	if s.record.Observe != nil {
		s.record.Observe(l.status, l.bytes, l.dur)
	}
	if f.JSON != nil {
		l.writeJSON(f.JSON)
		return
	}
	if f.Log == nil {
		return
	}
	ctx, h := r.Context(), f.Log.Handler()
	if h.Enabled(ctx, l.level()) {
		_ = h.Handle(ctx, l.record())
	}
}

// printable keeps of a client's own request id what is harmless in a log.
func printable(id string) string {
	if id == "" {
		return ""
	}
	if len(id) > 64 {
		id = id[:64]
	}
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, id)
}
