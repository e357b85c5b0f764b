package httpx

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Listener gives connections whose read deadlines cost next to nothing to
// move: net/http moves them six times for each request, and hardly one is ever
// reached.
func Listener(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		return &conn{TCPConn: tcp, began: time.Now()}, nil
	}
	return c, err
}

// conn is a TCP connection that remembers its read deadline. One timer, which
// is seldom moved, looks at it when it fires. Only a read that waits when the
// deadline is reached is told by the poller.
type conn struct {
	*net.TCPConn
	began time.Time

	mu      sync.Mutex
	until   time.Time // the deadline; zero: none
	over    bool      // it was reached
	reading int       // reads that wait
	polled  bool      // the poller was told
	timer   *time.Timer
	alarm   time.Time // when the timer fires, never after until; zero: it does not run
	closed  bool
}

// Read is that of net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	if c.over && !c.closed && len(p) > 0 {
		c.mu.Unlock()
		return 0, os.ErrDeadlineExceeded
	}
	c.reading++
	c.mu.Unlock()
	n, err := c.TCPConn.Read(p)
	c.mu.Lock()
	c.reading--
	c.mu.Unlock()
	return n, err
}

// WriteTo reads as Read does: that of net.TCPConn would pass by the deadline.
func (c *conn) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, struct{ io.Reader }{c}) }

// SetDeadline is that of net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline is that of net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.until, c.over = t, false
	switch {
	case t.IsZero():
	case t.Before(c.began):
		return c.reached()
	case c.alarm.IsZero() || t.Before(c.alarm):
		left := time.Until(t)
		if left <= 0 {
			return c.reached()
		}
		c.wake(t, left)
	}
	if !c.polled {
		return nil
	}
	c.polled = false
	return c.TCPConn.SetReadDeadline(time.Time{})
}

// reached ends the reads that wait. c.mu is held, here and below.
func (c *conn) reached() error {
	c.over = true
	if c.reading == 0 {
		return nil
	}
	c.polled = true
	return c.TCPConn.SetReadDeadline(c.until)
}

func (c *conn) wake(t time.Time, left time.Duration) {
	c.alarm = t
	if c.timer == nil {
		c.timer = time.AfterFunc(left, c.look)
		return
	}
	c.timer.Reset(left)
}

// look runs when the timer fires.
func (c *conn) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alarm = time.Time{}
	if c.closed || c.until.IsZero() || c.over {
		return
	}
	if left := time.Until(c.until); left > 0 {
		c.wake(c.until, left)
		return
	}
	_ = c.reached() // fails where the connection is gone
}

// Close is that of net.Conn.
func (c *conn) Close() error {
	c.mu.Lock()
	c.closed = true
	if c.timer != nil {
		c.timer.Stop()
	}
	c.mu.Unlock()
	return c.TCPConn.Close()
}
