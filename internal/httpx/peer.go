package httpx

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Peer is the client as it reached us.
type Peer struct {
	Addr   netip.Addr // zero when the connection has none, such as a Unix socket
	Scheme string     // "http" or "https", as the client used it
	Host   string     // host and port, as the client used them
}

// Secure reports whether the client spoke TLS, to us or to a trusted proxy.
func (p Peer) Secure() bool { return p.Scheme == "https" }

type addrKey struct{}

// ConnContext keeps a connection's remote address for all its requests. It is
// for http.Server.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return context.WithValue(ctx, addrKey{}, a.AddrPort().Addr().Unmap())
	}
	return ctx
}

// Proxies are the networks whose X-Forwarded headers count.
type Proxies []netip.Prefix

// ParseProxies reads CIDR prefixes and single addresses.
func ParseProxies(list []string) (Proxies, error) {
	var p Proxies
	for _, s := range list {
		if a, err := netip.ParseAddr(s); err == nil {
			p = append(p, netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()))
			continue
		}
		n, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("trusted proxy %q is neither an address nor a network such as 10.0.0.0/8", s)
		}
		p = append(p, n.Masked())
	}
	return p, nil
}

func (p Proxies) trusts(a netip.Addr) bool {
	for _, n := range p {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// Peer says who asks. Behind trusted proxies it is the rightmost hop of
// X-Forwarded-For that is no proxy of ours; scheme and host are then what the
// proxy nearest to that hop reported. From any other peer the headers mean
// nothing.
func (p Proxies) Peer(r *http.Request) Peer {
	peer := Peer{Scheme: "http", Host: r.Host}
	if r.TLS != nil {
		peer.Scheme = "https"
	}
	if peer.Host == "" { // HTTP/1.0
		if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
			peer.Host = a.String()
		}
	}
	if a, ok := r.Context().Value(addrKey{}).(netip.Addr); ok {
		peer.Addr = a
	} else if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		peer.Addr = ap.Addr().Unmap()
	}
	if len(p) == 0 || !p.trusts(peer.Addr) {
		return peer
	}
	hops := 1 // how many proxies of ours stand before the client
	chain := split(r.Header["X-Forwarded-For"])
	for i := len(chain) - 1; i >= 0; i-- {
		a, err := parseHop(chain[i])
		if err != nil {
			break
		}
		peer.Addr = a
		if !p.trusts(a) {
			break
		}
		if i > 0 {
			hops++
		}
	}
	switch s := strings.ToLower(fromRight(split(r.Header["X-Forwarded-Proto"]), hops)); s {
	case "http", "https":
		peer.Scheme = s
	}
	if h := fromRight(split(r.Header["X-Forwarded-Host"]), hops); h != "" && validHost(h) {
		peer.Host = h
	}
	return peer
}

// parseHop reads one element of X-Forwarded-For, with or without a port.
func parseHop(s string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.Unmap(), nil
	}
	ap, err := netip.ParseAddrPort(s)
	return ap.Addr().Unmap(), err
}

func split(values []string) []string {
	var out []string
	for _, v := range values {
		for s := range strings.SplitSeq(v, ",") {
			if s = strings.TrimSpace(s); s != "" {
				out = append(out, s)
			}
		}
	}
	return out
}

// fromRight gives the n-th element from the right, or the first of fewer.
func fromRight(list []string, n int) string {
	if len(list) == 0 {
		return ""
	}
	return list[max(len(list)-n, 0)]
}

// validHost keeps out of documents and redirects what could not be the host
// of a URL.
func validHost(h string) bool {
	for i := range len(h) {
		c := h[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '.', c == '-', c == '_', c == ':', c == '[', c == ']':
		default:
			return false
		}
	}
	return h != "" && len(h) <= 261
}
