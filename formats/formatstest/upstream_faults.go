package formatstest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"
)

// Fault answers a request wrongly; answer would do it right.
type Fault func(w http.ResponseWriter, r *http.Request, answer http.Handler)

// Slow answers after a time.
func Slow(d time.Duration) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.Handler) {
		late := time.NewTimer(d)
		defer late.Stop()
		select {
		case <-late.C:
			answer.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}
}

// Silent takes the request and never answers.
func Silent() Fault {
	return func(_ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() }
}

// Stall sends the header and half of the body, and then nothing any more.
func Stall() Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.Handler) {
		body := begin(w, r, answer)
		w.Write(body[:len(body)/2])
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

// HalfBody sends the right header and breaks off in the middle of the body.
func HalfBody() Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.Handler) {
		body := begin(w, r, answer)
		w.Write(body[:len(body)/2])
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// Endless sends the right type and a body that does not end.
func Endless() Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.Handler) {
		rec := record(r, answer)
		w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
		fill := []byte(strings.Repeat("0123456789abcdef", 4096))
		for {
			if _, err := w.Write(fill); err != nil {
				return
			}
		}
	}
}

// HTML answers 200 with a web page, as portals and login pages do.
func HTML() Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte("<!doctype html><title>Please log in</title><p>Welcome to the network.\n"))
	}
}

// Status answers with a status and a short text.
func Status(code int) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		http.Error(w, http.StatusText(code), code)
	}
}

// Reset breaks the connection before it answers.
func Reset() Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			reset(c)
		}
	}
}

// WrongBytes sends a body of the right length of which the last byte is another.
func WrongBytes() Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.Handler) {
		body := begin(w, r, answer)
		if len(body) > 0 {
			body[len(body)-1] ^= 1
		}
		w.Write(body)
	}
}

// Empty answers 200 with the right type and nothing else.
func Empty() Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.Handler) {
		w.Header().Set("Content-Type", record(r, answer).Header().Get("Content-Type"))
		w.WriteHeader(http.StatusOK)
	}
}

// Unsized sends the right body without its length.
func Unsized() Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.Handler) {
		rec := record(r, answer)
		copyHeader(w, rec)
		w.Header().Del("Content-Length")
		w.WriteHeader(rec.Code)
		http.NewResponseController(w).Flush()
		w.Write(rec.Body.Bytes())
	}
}

// Redirect answers 302; "{path}" in the target stands for the path that was
// asked, as it was sent.
func Redirect(target string) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Location", strings.ReplaceAll(target, "{path}", r.URL.EscapedPath()))
		w.WriteHeader(http.StatusFound)
	}
}

// With answers rightly but for one header field.
func With(name, value string) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.Handler) {
		rec := record(r, answer)
		copyHeader(w, rec)
		w.Header().Set(name, value)
		w.WriteHeader(rec.Code)
		w.Write(rec.Body.Bytes())
	}
}

// Times is a fault that heals by itself after so many requests.
func Times(n int, f Fault) Fault {
	var asked atomic.Int64
	return func(w http.ResponseWriter, r *http.Request, answer http.Handler) {
		if asked.Add(1) > int64(n) {
			answer.ServeHTTP(w, r)
			return
		}
		f(w, r, answer)
	}
}

// Gate holds requests up until a test lets them through.
type Gate struct {
	arrived chan struct{}
	opened  chan struct{}
}

// NewGate makes a closed gate.
func NewGate() *Gate {
	return &Gate{arrived: make(chan struct{}, 4096), opened: make(chan struct{})}
}

// Open lets everybody through, from now on. It is called once.
func (g *Gate) Open() { close(g.opened) }

// Await waits until one more request stands at the gate.
func (g *Gate) Await() { <-g.arrived }

// Before holds requests up before they are answered.
func (g *Gate) Before() Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.Handler) {
		if g.pass(r) {
			answer.ServeHTTP(w, r)
		}
	}
}

// After sends the first n bytes of the body, and the rest when the gate opens.
func (g *Gate) After(n int) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.Handler) {
		body := begin(w, r, answer)
		w.Write(body[:n])
		http.NewResponseController(w).Flush()
		if g.pass(r) {
			w.Write(body[n:])
		}
	}
}

func (g *Gate) pass(r *http.Request) bool {
	g.arrived <- struct{}{}
	select {
	case <-g.opened:
		return true
	case <-r.Context().Done():
		return false
	}
}

// record gives the right answer without sending it.
func record(r *http.Request, answer http.Handler) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	answer.ServeHTTP(rec, r)
	return rec
}

// begin sends the right header and gives the right body.
func begin(w http.ResponseWriter, r *http.Request, answer http.Handler) []byte {
	rec := record(r, answer)
	copyHeader(w, rec)
	w.WriteHeader(rec.Code)
	return rec.Body.Bytes()
}

func copyHeader(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
}
