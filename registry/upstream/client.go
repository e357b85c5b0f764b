package upstream

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"larder/registry"
)

// client is the way to one connection as it is configured now.
type client struct {
	name       string
	format     string
	configured string   // the URL as configured; with credentials, never shown
	base       *url.URL // without credentials
	origin     string
	auth       string   // value of Authorization for the origin; empty: none
	source     [16]byte // of which registry, and by which version of this server, a kept listing is

	proxy   func(*http.Request) (*url.URL, error)
	direct  *http.Transport
	proxied *http.Transport
	guarded bool

	documents slots
	downloads slots
	reach     *reach
}

// newClient makes the way to a connection; UpstreamFailed for a URL that cannot
// be one. It does no I/O.
func (p *Puller) newClient(name string, conn registry.Connection) (*client, error) {
	base, err := url.Parse(conn.URL)
	if err != nil || base.Host == "" || base.Hostname() == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, registry.Errorf(registry.UpstreamFailed,
			"external connection %s has a URL that is not http:// or https://; set it with: larder connection set %s URL", name, name)
	}
	c := &client{
		name:       name,
		format:     conn.Format,
		configured: conn.URL,
		origin:     originOf(base),
		proxy:      p.proxy,
		guarded:    !p.cfg.AllowPrivate,
		documents:  make(slots, p.cfg.Limits.Documents),
		downloads:  make(slots, p.cfg.Limits.Downloads),
		reach:      newReach(p.cfg.Clock, p.cfg.Freshness.Failed),
	}
	if user := base.User; user != nil {
		password, _ := user.Password()
		c.auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password))
	}
	base.User, base.Fragment, base.RawFragment = nil, "", ""
	c.base = base
	c.source = sourceOf(conn.Format, base, p.cfg.Version)

	t := p.cfg.Timeouts
	open := &net.Dialer{Timeout: t.Connect, KeepAlive: 30 * time.Second}
	guarded := &net.Dialer{Timeout: t.Connect, KeepAlive: 30 * time.Second, Control: refuseForbidden}
	own := strings.TrimPrefix(c.origin, base.Scheme+"://")
	transport := func(dial func(context.Context, string, string) (net.Conn, error)) *http.Transport {
		return &http.Transport{
			DialContext:            dial,
			TLSClientConfig:        p.tls.Clone(),
			TLSHandshakeTimeout:    t.TLS,
			ResponseHeaderTimeout:  t.Header,
			DisableCompression:     true, // asked for and undone by hand, so that the limit counts decoded bytes
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           128,
			MaxIdleConnsPerHost:    64,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: 256 << 10,
			// A connection that died silently must not hold requests up until their time is over.
			HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
		}
	}
	c.direct = transport(func(ctx context.Context, network, addr string) (net.Conn, error) {
		if !c.guarded || strings.EqualFold(addr, own) {
			return open.DialContext(ctx, network, addr)
		}
		return guarded.DialContext(ctx, network, addr)
	})
	// Everything that this one dials is a proxy which the administrator named.
	c.proxied = transport(open.DialContext)
	c.proxied.Proxy = p.proxy
	return c, nil
}

// sourceOf is what a kept listing is marked with: the registry, and what read it.
func sourceOf(format string, base *url.URL, version string) (s [16]byte) {
	from, by := sha256.Sum256([]byte(format+"\x00"+base.String())), sha256.Sum256([]byte(version))
	copy(s[copy(s[:registryPart], from[:]):], by[:])
	return s
}

// registryPart is how much of a source says which registry it is.
const registryPart = 12

// former reports whether a listing is of a registry to which the connection
// led before it was set anew.
func (c *client) former(k *kept) bool {
	return !bytes.Equal(k.header.source[:registryPart], c.source[:registryPart])
}

func (c *client) closeIdle() {
	c.direct.CloseIdleConnections()
	c.proxied.CloseIdleConnections()
}

var errProxy = errors.New("the proxy settings of the environment are not valid")

// send makes one exchange; redirects are the caller's.
func (c *client) send(req *http.Request) (*http.Response, error) {
	proxy, err := c.proxy(req)
	switch {
	case err != nil:
		return nil, errProxy // err shows the settings, which may hold a password
	case proxy == nil:
		return c.direct.RoundTrip(req)
	}
	// The proxy resolves the name, so that only what is written can be judged.
	if c.guarded && originOf(req.URL) != c.origin {
		if err := checkLiteral(req.URL); err != nil {
			return nil, err
		}
	}
	return c.proxied.RoundTrip(req)
}

// originOf gives scheme://host:port in one spelling: what credentials belong to.
func originOf(u *url.URL) string {
	scheme := strings.ToLower(u.Scheme)
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	return scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// resolve gives the URL to ask for: absolute ones as they are, others beneath
// the connection's URL, as whose folder that always counts.
func (c *client) resolve(raw string) (*url.URL, error) {
	if raw == "" {
		u := *c.base
		return &u, nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, c.failed(nil, "upstream named a file by something that is no URL")
	}
	if u.Scheme != "" || u.Host != "" || u.User != nil {
		if err := c.checkTarget(u); err != nil {
			return nil, err
		}
		u.User, u.Fragment, u.RawFragment = nil, "", ""
		return u, nil
	}
	if climbs(u.Path) {
		return nil, c.failed(nil, "a path with dot segments is not asked for")
	}
	joined, err := url.Parse(c.base.Scheme + "://" + c.base.Host +
		strings.TrimSuffix(c.base.EscapedPath(), "/") + "/" + strings.TrimPrefix(u.EscapedPath(), "/"))
	if err != nil {
		return nil, c.failed(err, "a path that is no part of a URL is not asked for")
	}
	joined.RawQuery = u.RawQuery
	return joined, nil
}

// checkTarget refuses what is no address of a web server.
func (c *client) checkTarget(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "" {
		return c.failed(nil, "upstream named a target that is not http:// or https://")
	}
	return nil
}

// climbs reports whether a decoded path has a dot segment, be it escaped once more.
func climbs(path string) bool {
	if again, err := url.PathUnescape(path); err == nil {
		path = again
	}
	for s := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		if s == "." || s == ".." {
			return true
		}
	}
	return false
}

// show names a URL in messages: neither credentials nor query, which may hold
// a signature, and for the connection's own server the path alone.
func (c *client) show(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if originOf(u) == c.origin {
		return path
	}
	return u.Scheme + "://" + u.Host + path
}

// failed is an UpstreamFailed about this connection; cause is for the logs.
func (c *client) failed(cause error, format string, args ...any) *registry.Error {
	return &registry.Error{
		Code: registry.UpstreamFailed,
		Msg:  "external connection " + c.name + ": " + fmt.Sprintf(format, args...),
		Err:  cause,
	}
}
