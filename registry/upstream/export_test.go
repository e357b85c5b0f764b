package upstream

import (
	"crypto/tls"
	"net/http"
	"net/url"
)

// SetProxy stands in for the environment, which net/http reads once per process.
func (p *Puller) SetProxy(f func(*http.Request) (*url.URL, error)) { p.proxy = f }

// SetTLS makes the certificates of test servers known.
func (p *Puller) SetTLS(c *tls.Config) { p.tls = c }

// Block is how much of an asset is withheld.
const Block = block
