package httpx

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/nettest"
)

// pair makes a connection between a server's and a client's end.
func pair(t testing.TB) (server, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = Listener(l).Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return server, client
}

// TestConn holds connections to what net.Conn promises.
func TestConn(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		server, client := pair(t)
		return server, client, func() { server.Close(); client.Close() }, nil
	})
}

func TestReadDeadlines(t *testing.T) {
	timeout := func(what string, err error) {
		t.Helper()
		var n net.Error
		if !errors.As(err, &n) || !n.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v, want a timeout", what, err)
		}
	}
	c, client := pair(t)
	one := make([]byte, 1)
	past := time.Unix(1, 0) // as net/http ends the read that waits for a client to leave
	read := func() error {
		_, err := c.Read(one)
		return err
	}

	c.SetReadDeadline(past)
	timeout("after it has passed", read())
	c.SetReadDeadline(time.Now().Add(time.Hour))
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	timeout("moved nearer", read())
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	began := time.Now()
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	timeout("moved away", read())
	if waited := time.Since(began); waited < 50*time.Millisecond {
		t.Errorf("a deadline that was moved away came after %v", waited)
	}
	timeout("again", read())

	waits := make(chan error, 1)
	c.SetReadDeadline(time.Time{})
	go func() { waits <- read() }()
	c.SetReadDeadline(past)
	timeout("while a read waits", <-waits)

	c.SetReadDeadline(time.Time{})
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := read(); err != nil {
		t.Errorf("without a deadline: %v", err)
	}
	c.SetReadDeadline(past)
	if _, err := io.Copy(io.Discard, c); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("io.Copy passes by the deadline: %v", err)
	}
	if n, err := c.Read(nil); n != 0 || err != nil {
		t.Errorf("a read of nothing: %d, %v", n, err)
	}
	c.Close()
	if err := c.SetReadDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a deadline after the end: %v", err)
	}
	if err := read(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a read after the end: %v", err)
	}
}

// TestAServerKeepsItsTimeLimits sees what net/http makes of the connections.
func TestAServerKeepsItsTimeLimits(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done() // until the client leaves
	}))
	s.Listener = Listener(s.Listener)
	s.Config.ReadHeaderTimeout = 20 * time.Millisecond
	s.Config.IdleTimeout = 20 * time.Millisecond
	s.Start()
	defer s.Close()
	dial := func(sent string) net.Conn {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, sent); err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, slow := range []string{"", "GET / HT"} {
		c := dial(slow)
		if _, err := io.ReadAll(c); err != nil {
			t.Errorf("%q: %v, want the end", slow, err)
		}
		c.Close()
	}
	// Whose request runs longer than any limit is answered; whoever leaves ends it.
	c := dial("GET / HTTP/1.1\r\nHost: h.test\r\n\r\n")
	c.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") {
		t.Errorf("got %q, %v", answer, err)
	}
	c.Close()
}
