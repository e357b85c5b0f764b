package upstream

import (
	"net/url"
	"syscall"
)

// Control is a net.Dialer's Control for connections that a document or a
// stranger names: it refuses loopback, private and other special addresses,
// after names were resolved.
func Control(network, address string, c syscall.RawConn) error {
	return refuseForbidden(network, address, c)
}

// CheckLiteral refuses a URL whose host is written as such an address.
func CheckLiteral(u *url.URL) error { return checkLiteral(u) }
