package httpx

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

const (
	// bodyPatience is how long a body is waited for in all. What arrives earns
	// patience back, so that the largest upload over the slowest line may take
	// hours, while a client that sends next to nothing is let go.
	bodyPatience = 30 * time.Second
	// bodyRate is how many bytes earn a second back.
	bodyRate = 1 << 10
	// leftPatience is how long the server waits, before it answers, for a body
	// that no handler has read to its end.
	leftPatience = 5 * time.Second
)

// BodyError says that a request's body could not be read to its end: the
// client broke off, sent what is no HTTP body, or sent it too slowly. It is
// the client's doing.
type BodyError struct{ Err error }

func (e *BodyError) Error() string { return fmt.Sprintf("read the request's body: %v", e.Err) }

func (e *BodyError) Unwrap() error { return e.Err }

// Slow reports whether the body came too slowly.
func (e *BodyError) Slow() bool { return errors.Is(e.Err, os.ErrDeadlineExceeded) }

// Message is for the client.
func (e *BodyError) Message() string {
	if e.Slow() {
		return "the request's body came too slowly; send it again"
	}
	return "the request's body broke off or is malformed; send it again"
}

// body is a request's body that is not waited for without end. Only time spent
// waiting for the client counts. Its errors, other than io.EOF, are *BodyError.
type body struct {
	io.ReadCloser
	until    func(time.Time) error // http.ResponseController's SetReadDeadline
	patience time.Duration         // what is left
	most     time.Duration         // what it may grow to
	hurried  bool                  // nothing earns patience back
	ended    bool
}

// newBody begins to wait: without a deadline the server itself would wait for
// ever for the rest of a body that nobody reads.
func newBody(w http.ResponseWriter, rc io.ReadCloser, patience time.Duration) *body {
	b := &body{ReadCloser: rc, until: http.NewResponseController(w).SetReadDeadline, patience: patience, most: patience}
	_ = b.until(time.Now().Add(patience))
	return b
}

func (b *body) Read(p []byte) (int, error) {
	if b.ended {
		return b.ReadCloser.Read(p)
	}
	began := time.Now()
	_ = b.until(began.Add(b.patience))
	n, err := b.ReadCloser.Read(p)
	b.patience -= time.Since(began)
	if earned := b.patience + time.Duration(n)*(time.Second/bodyRate); !b.hurried {
		b.patience = min(earned, b.most)
	}
	switch {
	case err == io.EOF:
		// From here the server listens on the connection for a client that
		// leaves: it must not take the deadline for one.
		b.ended = true
		_ = b.until(time.Time{})
	case err != nil:
		err = &BodyError{err}
	}
	return n, err
}

// hurry leaves the rest of the body at most d, whatever arrives.
func (b *body) hurry(d time.Duration) {
	if b.ended {
		return
	}
	b.patience, b.hurried = min(b.patience, d), true
	_ = b.until(time.Now().Add(b.patience))
}

// Hurry leaves the rest of the request's body at most d, whatever arrives.
func Hurry(r *http.Request, d time.Duration) {
	if b, ok := r.Body.(*body); ok {
		b.hurry(d)
	}
}
