package upstream

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// addressError says that a name led to an address that is not asked.
type addressError struct{ addr string }

func (e *addressError) Error() string { return "refused to connect to special address " + e.addr }

// special are the networks, beside those that netip has a word for, to which
// nothing that a document names may lead (IANA special-purpose registries of
// IPv4 and IPv6 addresses, and the metadata addresses of clouds that lie
// outside them). IPv4's documentation networks are not among them: no network
// has anything of its own there, and gateways use them for what is outside.
var special = prefixes(
	"0.0.0.0/8",         // this network
	"100.64.0.0/10",     // carrier-grade NAT; a cloud's metadata at 100.100.100.200
	"168.63.129.16/32",  // a cloud's host agent
	"192.0.0.0/24",      // protocol assignments; a cloud's metadata at 192.0.0.192
	"192.88.99.0/24",    // 6to4 relays
	"198.18.0.0/15",     // benchmarks
	"240.0.0.0/4",       // reserved, and broadcast
	"::/96",             // IPv4-compatible
	"64:ff9b:1::/48",    // NAT64 of a site: leads inside by design
	"100::/64",          // discard
	"2001::/32",         // Teredo: carries an IPv4 address
	"2001:db8::/32",     // documentation
	"2002::/16",         // 6to4: carries an IPv4 address
	"3fff::/20",         // documentation
	"5f00::/16",         // segment routing
	"fec0::/10",         // site-local
	"::ffff:0:0:0/96",   // IPv4-translated
	"169.254.0.0/16",    // link-local; most clouds' metadata
	"fd00:ec2::254/128", // a cloud's metadata
)

// nat64 is the well-known prefix under which networks without IPv4 reach it:
// what counts is the address inside.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func prefixes(list ...string) []netip.Prefix {
	p := make([]netip.Prefix, len(list))
	for i, s := range list {
		p[i] = netip.MustParsePrefix(s)
	}
	return p
}

// forbidden reports whether nothing but a configured URL may lead to the address.
func forbidden(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if nat64.Contains(a) {
		b := a.As16()
		return forbidden(netip.AddrFrom4([4]byte(b[12:])))
	}
	if !a.IsValid() || a.IsUnspecified() || a.IsLoopback() || a.IsPrivate() || a.IsMulticast() ||
		a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsInterfaceLocalMulticast() {
		return true
	}
	for _, p := range special {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// refuseForbidden is a net.Dialer's Control: it sees the address that is about
// to be connected to, after names were resolved, so that no name and no second
// answer of a name server gets around it.
func refuseForbidden(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	a, err := netip.ParseAddr(host)
	if err != nil || forbidden(a) {
		return &addressError{address}
	}
	return nil
}

// checkLiteral refuses a target that is a forbidden address as it is written.
// It stands in for refuseForbidden where a proxy resolves the name.
func checkLiteral(u *url.URL) error {
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || host == "" {
		return &addressError{u.Host}
	}
	a, err := netip.ParseAddr(host)
	if err == nil {
		if forbidden(a) {
			return &addressError{u.Host}
		}
		return nil
	}
	// "127.1", "2130706433" and "0x7f000001" are addresses to many resolvers:
	// a name whose last part is a number is no name (WHATWG URL, 3.5).
	last := host[strings.LastIndexByte(host, '.')+1:]
	if strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") && strings.Trim(last[2:], "0123456789abcdef") == "" {
		return &addressError{u.Host}
	}
	return nil
}
