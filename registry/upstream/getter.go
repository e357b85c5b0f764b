package upstream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"

	"larder/registry"
)

// maxRedirects is how many redirects one request follows.
const maxRedirects = 5

// validators are what upstream gave with a document, to ask whether it still holds.
type validators struct {
	etag         string
	lastModified string
}

func (v validators) empty() bool { return v == validators{} }

// getter is one task's registry.Getter: the reading of one listing, or one
// auxiliary request. It is safe for concurrent use.
type getter struct {
	p    *Puller
	c    *client
	sent validators // kept with the listing; for the primary document
	// current asks caches on the way not to answer for upstream.
	current bool

	mu   sync.Mutex
	got  validators // of the primary document's answer
	seen bool       // whether upstream confirmed the kept document
}

// Get implements registry.Getter.
func (g *getter) Get(ctx context.Context, r registry.GetRequest) (*registry.GetAnswer, error) {
	x := exchange{
		method:   http.MethodGet,
		accept:   r.Accept,
		encoding: "gzip",
		limit:    r.Limit,
	}
	if x.limit <= 0 {
		x.limit = g.p.cfg.Limits.Document
	}
	if r.Body != nil {
		x.method, x.body, x.contentType = http.MethodPost, r.Body, r.ContentType
	}
	if r.Conditional {
		x.validators, x.current = g.sent, g.current
	}
	a, err := g.p.exchange(ctx, g.c, r.URL, x)
	if err != nil {
		if errors.Is(err, registry.ErrNotModified) {
			g.mu.Lock()
			g.seen = true
			g.mu.Unlock()
		}
		return nil, err
	}
	if r.Conditional {
		g.mu.Lock()
		g.got = validators{a.Header("ETag"), a.Header("Last-Modified")}
		g.mu.Unlock()
	}
	return a, nil
}

// Root implements registry.Rooted.
func (g *getter) Root() string { return g.c.base.String() }

// exchange is what is asked for, besides the URL.
type exchange struct {
	method      string
	accept      string
	encoding    string // Accept-Encoding
	body        []byte
	contentType string
	limit       int64 // of the decoded body, in bytes
	validators  validators
	current     bool
	// opaque says that the body is a compressed file by itself: a
	// Content-Encoding then describes the file and not its transport.
	opaque bool
}

// exchange asks for a URL and follows its redirects. Statuses become errors as
// registry.Getter says. The caller closes the answer's body, which ends with
// ctx, when upstream sends nothing for the idle time, and at the limit.
func (p *Puller) exchange(ctx context.Context, c *client, raw string, x exchange) (*registry.GetAnswer, error) {
	u, err := c.resolve(raw)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	for hop := 0; ; hop++ {
		resp, err := p.hop(ctx, c, u, x)
		if err != nil {
			cancel(nil)
			return nil, err
		}
		next, err := c.redirect(u, resp, &x)
		if err == nil && next != nil && hop == maxRedirects {
			err = c.failed(nil, "upstream redirects more than %d times for %s", maxRedirects, c.show(u))
		}
		if err == nil && next == nil {
			a, err := p.answer(ctx, cancel, c, u, resp, x)
			if err != nil {
				cancel(nil)
			}
			return a, err
		}
		discard(resp.Body)
		if err != nil {
			cancel(nil)
			return nil, err
		}
		u = next
	}
}

// hop makes one exchange with one server.
func (p *Puller) hop(ctx context.Context, c *client, u *url.URL, x exchange) (*http.Response, error) {
	origin := originOf(u)
	answers, err := c.reach.ask(origin)
	if err != nil {
		return nil, err
	}
	connected := false
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected = true },
	})
	var body io.Reader
	if x.body != nil {
		body = bytes.NewReader(x.body)
	}
	req, err := http.NewRequestWithContext(traced, x.method, u.String(), body)
	if err != nil {
		return nil, c.failed(nil, "upstream named a file by something that cannot be asked for")
	}
	h := req.Header
	h.Set("User-Agent", "larder/"+p.cfg.Version)
	h.Set("Via", p.via(ctx))
	h.Set("Accept-Encoding", x.encoding)
	set(h, "Accept", x.accept)
	set(h, "Content-Type", x.contentType)
	if x.validators.etag != "" {
		h.Set("If-None-Match", x.validators.etag)
	} else {
		set(h, "If-Modified-Since", x.validators.lastModified)
	}
	if x.current {
		h.Set("Cache-Control", "max-age=0")
	}
	if c.auth != "" && origin == c.origin {
		h.Set("Authorization", c.auth)
	}
	resp, err := c.send(req)
	if err == nil {
		c.reach.answered(origin)
		return resp, nil
	}
	if ctx.Err() != nil {
		return nil, c.interrupted(ctx, u)
	}
	return nil, c.unanswered(u, origin, answers, connected, err)
}

func set(h http.Header, name, value string) {
	if value != "" {
		h.Set(name, value)
	}
}

// unanswered says why there was no answer, and remembers a server that is away.
func (c *client) unanswered(u *url.URL, origin string, answers int, connected bool, err error) error {
	var special *addressError
	if errors.As(err, &special) {
		return c.failed(err, "%s leads to a private or special address, which only a connection's own URL may do; "+
			"allow it with --allow-private-targets", c.show(u))
	}
	var failure *registry.Error
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		failure = c.failed(err, "upstream did not answer in time for %s", c.show(u))
	case connected:
		failure = c.failed(err, "upstream broke the connection before it answered for %s", c.show(u))
	default:
		failure = c.failed(err, "upstream cannot be reached for %s", c.show(u))
	}
	c.reach.missed(origin, answers, connected, c.failed(err, "upstream %s has not answered; it is tried again in a few seconds", origin))
	return failure
}

// errOverall ends work that takes too long as a whole.
type errOverall struct{ limit time.Duration }

func (e errOverall) Error() string { return "not finished within " + e.limit.String() }

// errIdle ends a body of which nothing comes any more.
type errIdle struct{ limit time.Duration }

func (e errIdle) Error() string { return "nothing received for " + e.limit.String() }

// interrupted says why ctx ended an exchange.
func (c *client) interrupted(ctx context.Context, u *url.URL) error {
	cause := context.Cause(ctx)
	var overall errOverall
	var idle errIdle
	switch {
	case errors.As(cause, &overall):
		return c.failed(cause, "upstream took more than %s for %s", overall.limit, c.show(u))
	case errors.As(cause, &idle):
		return c.failed(cause, "upstream sent nothing for %s in the middle of %s", idle.limit, c.show(u))
	}
	return cause
}

// redirect gives where the answer leads, nil when it is no redirect.
func (c *client) redirect(from *url.URL, resp *http.Response, x *exchange) (*url.URL, error) {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	to, err := from.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" {
		return nil, c.failed(nil, "upstream redirects %s to nowhere", c.show(from))
	}
	if err := c.checkTarget(to); err != nil {
		return nil, err
	}
	if from.Scheme == "https" && to.Scheme == "http" {
		return nil, c.failed(nil, "upstream redirects %s from https to http, which is refused", c.show(from))
	}
	to.User, to.Fragment, to.RawFragment = nil, "", ""
	if x.method == http.MethodPost {
		switch {
		case resp.StatusCode != http.StatusTemporaryRedirect && resp.StatusCode != http.StatusPermanentRedirect:
			x.method, x.body, x.contentType = http.MethodGet, nil, "" // as every client does (RFC 9110, 15.4)
		case originOf(to) != originOf(from):
			return nil, c.failed(nil, "upstream redirects what is sent to %s to another server, which is refused", c.show(from))
		}
	}
	return to, nil
}

// answer turns a response into what registry.Getter promises.
func (p *Puller) answer(ctx context.Context, cancel context.CancelCauseFunc, c *client, u *url.URL, resp *http.Response, x exchange) (*registry.GetAnswer, error) {
	if err := c.status(u, resp.StatusCode, x); err != nil {
		discard(resp.Body)
		return nil, err
	}
	b := &body{
		c: c, u: u, ctx: ctx, cancel: cancel,
		raw: resp.Body, idle: p.cfg.Timeouts.Idle, left: x.limit, limit: x.limit,
	}
	size := resp.ContentLength
	if err := b.decode(resp.Header.Get("Content-Encoding"), x.opaque); err != nil {
		b.Close()
		return nil, err
	}
	if b.gzip != nil {
		size = -1
	}
	if size > x.limit {
		b.Close()
		return nil, b.tooLarge()
	}
	return &registry.GetAnswer{
		Status:      resp.StatusCode,
		URL:         u.String(),
		ContentType: resp.Header.Get("Content-Type"),
		Header:      resp.Header.Get,
		Size:        size,
		Body:        b,
	}, nil
}

// status maps what upstream answered to the core's words. Only 404 and 410
// say that there is none, and 405 and 501 to a POST; whatever else went wrong is a failure, which must
// never look like that.
func (c *client) status(u *url.URL, status int, x exchange) error {
	switch {
	case status == http.StatusNotModified && !x.validators.empty():
		return registry.ErrNotModified
	case status >= 200 && status < 300 && status != http.StatusPartialContent:
		return nil
	case status == http.StatusNotFound || status == http.StatusGone:
		return registry.Errorf(registry.NotFound, "external connection %s: upstream has no %s", c.name, c.show(u))
	case x.method == http.MethodPost && (status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented):
		// Plain mirrors take no posts: what is asked is not offered there.
		return registry.Errorf(registry.NotFound, "external connection %s: upstream does not offer %s", c.name, c.show(u))
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return c.failed(nil, "upstream refuses %s with status %d; check the user and password in the connection's URL", c.show(u), status)
	case status == http.StatusProxyAuthRequired:
		return c.failed(nil, "the proxy on the way to upstream wants a password (status 407)")
	case status == http.StatusLoopDetected:
		return c.failed(nil, "its URL leads back to this server; set another with: larder connection set %s URL", c.name)
	case status == http.StatusTooManyRequests:
		return c.failed(nil, "upstream is asked too often (status 429); try again later")
	}
	return c.failed(nil, "upstream answered status %d %s for %s", status, strings.ToLower(http.StatusText(status)), c.show(u))
}

// discard closes a body that nobody wants, after reading a little of it, so
// that the connection can be used again. It does not wait for long.
func discard(b io.ReadCloser) {
	late := time.AfterFunc(time.Second, func() { b.Close() })
	defer late.Stop()
	io.CopyN(io.Discard, b, 16<<10)
	b.Close()
}
