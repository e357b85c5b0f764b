package httpx

import (
	"fmt"
	"net/http"
	"runtime/debug"
)

// HandlerFunc is a handler that writes only success and returns what went wrong.
type HandlerFunc func(w http.ResponseWriter, r *http.Request) error

// Handle makes h an http.Handler. An error, or a panic as *Panic, goes to fail
// once, which writes the answer. When the answer has begun already, there is no
// honest way to go on: the connection is cut, so that the client sees a short
// answer and not a whole one. http.ErrAbortHandler passes.
func Handle(h HandlerFunc, fail func(w http.ResponseWriter, r *http.Request, err error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := Recording(w)
		if err := Try(rec, r, h); err != nil {
			Fail(rec, r, err, fail)
		}
	})
}

// Try runs h and gives its error; a panic becomes a *Panic, except
// http.ErrAbortHandler, which goes on.
func Try(w *Recorder, r *http.Request, h HandlerFunc) (err error) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler {
			panic(p)
		} else if p != nil {
			err = newPanic(p)
		}
	}()
	return h(w, r)
}

// Fail notes err for the log and has fail write it, or cuts the connection
// when an answer has begun.
func Fail(w *Recorder, r *http.Request, err error, fail func(w http.ResponseWriter, r *http.Request, err error)) {
	if rec := RecordOf(r.Context()); rec.Err == nil {
		rec.Err = err
	}
	if w.Started() {
		panic(http.ErrAbortHandler)
	}
	fail(w, r, err)
}

// Panic is a panic as an error.
type Panic struct {
	Value any
	Stack []byte
}

func newPanic(value any) *Panic { return &Panic{Value: value, Stack: debug.Stack()} }

// Error gives value and stack: it is for the log.
func (p *Panic) Error() string { return fmt.Sprintf("panic: %v\n%s", p.Value, p.Stack) }
