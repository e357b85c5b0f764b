package httpx

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// send opens a connection to a Front that is as impatient as can be, sends
// what is given and leaves the connection open; it gives the answer.
func send(t *testing.T, h http.HandlerFunc, request string) *http.Response {
	t.Helper()
	s := httptest.NewServer(&Front{Next: h, patience: time.Millisecond})
	t.Cleanup(s.Close)
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	answer, raw := &bytes.Buffer{}, make(chan error, 1)
	go func() { _, err := io.Copy(answer, c); raw <- err }()
	select {
	case <-raw: // the server closes what it did not read to its end
	case <-time.After(time.Minute):
		t.Fatal("the server waits without end")
	}
	return parseAnswer(t, answer)
}

func parseAnswer(t *testing.T, b *bytes.Buffer) *http.Response {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(b), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func TestABodyThatNobodyReadsIsNotWaitedFor(t *testing.T) {
	res := send(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"POST / HTTP/1.1\r\nHost: h.test\r\nContent-Length: 1000\r\n\r\nsome")
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("got %s", res.Status)
	}
}

func TestABodyThatStopsIsGivenUp(t *testing.T) {
	var got error
	send(t, func(_ http.ResponseWriter, r *http.Request) { _, got = io.ReadAll(r.Body) },
		"PUT / HTTP/1.1\r\nHost: h.test\r\nContent-Length: 1000\r\n\r\nsome")
	var b *BodyError
	if !errors.As(got, &b) || !b.Slow() {
		t.Errorf("got %v, want that it was slow", got)
	}
}

func TestABodyThatIsNoneSaysSo(t *testing.T) {
	var got error
	send(t, func(_ http.ResponseWriter, r *http.Request) { _, got = io.ReadAll(r.Body) },
		"PUT / HTTP/1.1\r\nHost: h.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
	var b *BodyError
	if !errors.As(got, &b) || b.Slow() {
		t.Errorf("got %v, want that it is malformed", got)
	}
}

// deadlines is what a body asked of the connection.
type deadlines []time.Time

func (d *deadlines) set(t time.Time) error { *d = append(*d, t); return nil }

func TestWhatArrivesEarnsPatience(t *testing.T) {
	var d deadlines
	b := &body{ReadCloser: io.NopCloser(strings.NewReader(strings.Repeat("x", 3*bodyRate))), until: d.set, patience: time.Second, most: time.Hour}
	if _, err := b.Read(make([]byte, 2*bodyRate)); err != nil {
		t.Fatal(err)
	}
	if b.patience < 2*time.Second {
		t.Errorf("%v are left after two seconds' worth of bytes", b.patience)
	}
	b.hurry(time.Millisecond)
	if _, err := b.Read(make([]byte, bodyRate)); err != nil {
		t.Fatal(err)
	}
	if b.patience > time.Millisecond {
		t.Errorf("%v are left in a hurry", b.patience)
	}
}

// Once a body is here the server reads on to notice a client that leaves; a
// deadline would look like one and cancel the request's context.
func TestAWholeBodyLeavesNoDeadline(t *testing.T) {
	var d deadlines
	b := &body{ReadCloser: io.NopCloser(strings.NewReader("x")), until: d.set, patience: time.Second, most: time.Second}
	if _, err := io.ReadAll(b); err != nil {
		t.Fatal(err)
	}
	b.hurry(time.Second)
	if last := d[len(d)-1]; !last.IsZero() {
		t.Errorf("the deadline is %v", last)
	}
}
