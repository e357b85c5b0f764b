package upstream

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/url"
	"strings"
	"time"

	"larder/registry"
)

// body is an answer's body: decoded, bounded in size, and ended when nothing
// comes any more. It never ends early with io.EOF: what is cut short, garbled
// or too large ends with UpstreamFailed.
type body struct {
	c      *client
	u      *url.URL
	ctx    context.Context // of this exchange: ends the connection's reads
	cancel context.CancelCauseFunc

	raw   io.ReadCloser
	gzip  *gzip.Reader
	idle  time.Duration
	timer *time.Timer
	left  int64 // decoded bytes that may still come
	limit int64
	err   error
}

// decode arranges for the body's Content-Encoding to be undone.
func (b *body) decode(encoding string, opaque bool) error {
	b.timer = time.AfterFunc(b.idle, func() { b.cancel(errIdle{b.idle}) })
	b.timer.Stop()
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return nil
	case "gzip", "x-gzip":
		if opaque {
			return nil
		}
		z, err := gzip.NewReader(timedReader{b})
		if err != nil {
			return b.broken(err)
		}
		b.gzip = z
		return nil
	}
	return b.c.failed(nil, "upstream sent %s in an encoding that was not asked for", b.c.show(b.u))
}

// timedReader reads the undecoded body and watches the time between pieces.
// The time that the reader of the body takes itself does not count.
type timedReader struct{ b *body }

func (t timedReader) Read(p []byte) (int, error) {
	t.b.timer.Reset(t.b.idle)
	n, err := t.b.raw.Read(p)
	t.b.timer.Stop()
	return n, err
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	// One byte more than allowed is asked for, to tell an end at the limit from one beyond it.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	var n int
	var err error
	if b.gzip != nil {
		n, err = b.gzip.Read(p)
	} else {
		n, err = timedReader{b}.Read(p)
	}
	if int64(n) > b.left {
		n, err = int(b.left), b.tooLarge()
	} else if err != nil && err != io.EOF {
		err = b.broken(err)
	}
	b.left -= int64(n)
	b.err = err
	return n, err
}

// Close ends the exchange.
func (b *body) Close() error {
	b.timer.Stop()
	err := b.raw.Close()
	b.cancel(nil)
	return err
}

func (b *body) tooLarge() error {
	return b.c.failed(nil, "upstream sends more than the limit of %d bytes for %s", b.limit, b.c.show(b.u))
}

// broken says why the body could not be read to its end.
func (b *body) broken(err error) error {
	var known *registry.Error
	switch {
	case b.ctx.Err() != nil:
		return b.c.interrupted(b.ctx, b.u)
	case errors.As(err, &known):
		return err
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return b.c.failed(err, "upstream sent %s in broken gzip encoding", b.c.show(b.u))
	}
	return b.c.failed(err, "upstream broke off in the middle of %s", b.c.show(b.u))
}
