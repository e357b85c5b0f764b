package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"larder/cmd/larder/discover"
	"larder/registry"
)

// toolPatience is how long one package tool may take to answer.
const toolPatience = 30 * time.Second

// discovery asks the machine's package tools, once in a server's life, where
// the public connections lead, and keeps what they say.
type discovery struct {
	folder      dataFolder
	connections *registry.Connections
	machine     discover.Machine
	own         ownAddress
	log         *slog.Logger
}

// Run asks all tools and returns. A start that ends before all have been asked
// leaves the rest to the next one.
func (d *discovery) Run(ctx context.Context) {
	if _, err := os.Stat(d.folder.undiscovered()); errors.Is(err, fs.ErrNotExist) {
		return
	}
	discover.Ask(ctx, d.machine, toolPatience, func(tool string, a discover.Answer, err error) {
		if err == nil {
			err = d.keep(ctx, a)
		}
		if err != nil {
			d.log.Debug("package tool gave no registry", "tool", tool, "error", err)
		}
	})
	if ctx.Err() != nil {
		return
	}
	if err := os.Remove(d.folder.undiscovered()); err != nil {
		d.log.Warn("the package tools will be asked again at the next start", "error", err)
	}
}

func (d *discovery) keep(ctx context.Context, a discover.Answer) error {
	if d.own.is(a.URL) {
		d.log.Warn("package tool names this server itself, which leads nowhere; set it with: larder connection set "+a.Connection+" URL", "source", a.Source)
		return nil
	}
	have, err := d.connections.Find(ctx, a.Connection)
	if err != nil {
		return err
	}
	if have.URL != "" { // given, or set by somebody while the tool was thinking
		return nil
	}
	err = d.connections.Put(ctx, registry.Connection{Name: a.Connection, URL: a.URL, Source: a.Source})
	if err != nil {
		return err
	}
	d.log.Info("external connection found", "connection", a.Connection, "url", maskURL(a.URL), "source", a.Source)
	return nil
}

// ownAddress knows this server by its addresses.
type ownAddress struct {
	port   string
	public string // host and port of the public URL
}

func newOwnAddress(listen net.Addr, publicURL string) ownAddress {
	var o ownAddress
	_, o.port, _ = net.SplitHostPort(listen.String())
	if u, err := url.Parse(publicURL); err == nil && u.Host != "" {
		o.public = net.JoinHostPort(u.Hostname(), portOf(u))
	}
	return o
}

// is reports whether the URL leads to this server: by its public name, or by
// its port at an address or name of this machine.
func (o ownAddress) is(s string) bool {
	u, err := url.Parse(s)
	if err != nil {
		return false
	}
	host := u.Hostname()
	if o.public != "" && strings.EqualFold(net.JoinHostPort(host, portOf(u)), o.public) {
		return true
	}
	return portOf(u) == o.port && ofThisMachine(host)
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

func ofThisMachine(host string) bool {
	if strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost") {
		return true
	}
	if name, err := os.Hostname(); err == nil && strings.EqualFold(host, name) {
		return true
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	if a.IsLoopback() || a.IsUnspecified() {
		return true
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, o := range own {
		if p, err := netip.ParsePrefix(o.String()); err == nil && p.Addr().Unmap() == a.Unmap() {
			return true
		}
	}
	return false
}
