package e2e

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"larder/formats/formatstest"
)

// front is a reverse proxy whose server is known only later.
type front struct {
	*httptest.Server
	to atomic.Pointer[url.URL]
}

// newFront starts one that passes requests on as rewrite leaves them.
func newFront(t *testing.T, start func(*httptest.Server), rewrite func(*httputil.ProxyRequest)) *front {
	t.Helper()
	f := &front{}
	f.Server = httptest.NewUnstartedServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(f.to.Load())
		rewrite(r)
	}})
	start(f.Server)
	t.Cleanup(f.Close)
	return f
}

func (f *front) leadTo(t *testing.T, s *server) {
	t.Helper()
	to, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	f.to.Store(to)
}

// liveBehind installs and publishes at a repository's URL, and looks at the
// URLs that npm was given.
func liveBehind(t *testing.T, u *user, repository string) {
	t.Helper()
	u.do(t, "add", "@up/core@1.0.0")
	if lock, want := u.read(t, "package-lock.json"), `"resolved": "`+repository+`@up/core/-/core-1.0.0.tgz"`; !strings.Contains(lock, want) {
		t.Errorf("the lock file does not hold %s:\n%s", want, lock)
	}
	u.project(t, widget("1.0.0"), "index.js", module("widget"))
	u.do(t, "publish")
	if out, want := u.do(t, "view", "@acme/widget"), repository+"@acme/widget/-/widget-1.0.0.tgz"; !strings.Contains(out, want) {
		t.Errorf("npm view does not show %s:\n%s", want, out)
	}
}

// TestPublicURL: behind a proxy that changes the Host, clients are told the
// public URL.
func TestPublicURL(t *testing.T) {
	endToEnd(t)
	u := newUser(t, named("npm11"))
	up := formatstest.NewUpstream(t)
	offerProject(t, up)
	f := newFront(t, (*httptest.Server).Start, func(*httputil.ProxyRequest) {})
	s := serve(t, up.URL, "--public-url", f.URL)
	f.leadTo(t, s)
	s.Larder(t, []string{"HOME=" + u.home}, "login", "npm")
	liveBehind(t, u, f.URL+"/npm/d/local-000000000000/main/")
}

// TestTrustedProxy: a proxy that speaks TLS for the server says so in headers.
func TestTrustedProxy(t *testing.T) {
	endToEnd(t)
	u := newUser(t, named("npm11"))
	up := formatstest.NewUpstream(t)
	offerProject(t, up)
	f := newFront(t, (*httptest.Server).StartTLS, func(r *httputil.ProxyRequest) { r.SetXForwarded() })
	s := serve(t, up.URL, "--trusted-proxy", "127.0.0.1")
	f.leadTo(t, s)
	authority := filepath.Join(u.home, "authority.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
	if err := os.WriteFile(authority, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	u.env = append(u.env, "npm_config_cafile="+authority)
	repository := f.URL + "/npm/d/local-000000000000/main/"
	u.npmrc(t, repository, s.Token(t))
	liveBehind(t, u, repository)
}

// TestHostNamesTheDomain: the URLs of those with wildcard DNS. This machine may
// not know such names, so npm gets there by a proxy that does.
func TestHostNamesTheDomain(t *testing.T) {
	endToEnd(t)
	u := newUser(t, named("npm11"))
	up := formatstest.NewUpstream(t)
	offerProject(t, up)
	s := serve(t, up.URL)
	to, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	host := "local-" + account + ".d.localhost:" + to.Port()
	names := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host != host {
			t.Errorf("npm asks %s", r.URL)
		}
		(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
			r.Out.URL.Path, r.Out.URL.RawPath = r.In.URL.Path, r.In.URL.RawPath
		}}).ServeHTTP(w, r)
	}))
	t.Cleanup(names.Close)
	u.env = append(u.env, proxied(names.URL, "127.0.0.1")...)
	repository := "http://" + host + "/npm/main/"
	u.npmrc(t, repository, s.Token(t))
	liveBehind(t, u, repository)
}
