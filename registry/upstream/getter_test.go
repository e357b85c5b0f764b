package upstream_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"larder/formats/formatstest"
	"larder/registry"
	"larder/registry/upstream"
)

func (w *world) fetch(t *testing.T, path string) (registry.AuxiliaryAnswer, error) {
	t.Helper()
	return w.Fetch(t.Context(), connection, registry.AuxiliaryRequest{Path: path})
}

func open(c *upstream.Config) { c.AllowPrivate = true }

// withUser puts credentials into a URL.
func withUser(raw, user, password string) string {
	u, _ := url.Parse(raw)
	u.User = url.UserPassword(user, password)
	return u.String()
}

func TestARequestSaysWhoAsks(t *testing.T) {
	w := newWorld(t)
	w.offer(left, "1.0.0")
	w.mustList(t, left, false)
	h := w.up.Requests("/left")[0].Header
	for name, want := range map[string]string{
		"User-Agent": "larder/1.2.3", "Via": "1.1 larder-me", "Accept": "application/json", "Accept-Encoding": "gzip",
		"Authorization": "", "Referer": "",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestMarksOfOtherServersAreCarriedOn(t *testing.T) {
	w := newWorld(t)
	w.up.ServeText("/audit", "{}")
	h := upstream.CarryVia(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if _, err := w.Fetch(r.Context(), connection, registry.AuxiliaryRequest{Path: "audit"}); err != nil {
			t.Error(err)
		}
	}))
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Add("Via", "1.1 larder-a, 1.1 proxy.test (squid)")
	r.Header.Add("Via", "1.0 larder-b")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if got, want := w.up.Requests("/audit")[0].Header.Get("Via"), "1.1 larder-a, 1.1 larder-b, 1.1 larder-me"; got != want {
		t.Errorf("Via: got %q, want %q", got, want)
	}

	r.Header.Set("Via", strings.Repeat("1.1 larder-x, ", 9))
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	if answer.Code != http.StatusLoopDetected || w.up.Count("/audit") != 1 {
		t.Errorf("a long chain got %d, and %d requests went on", answer.Code, w.up.Count("/audit"))
	}
}

// G33.
func TestCredentialsGoOnlyToTheConnectionsOwnServer(t *testing.T) {
	w := newWorld(t, open)
	w.up.Behave(formatstest.Behaviour{User: "ann", Password: "p:w"})
	w.lead(connection, withUser(w.up.URL, "ann", "p:w"))
	other := formatstest.NewUpstream(t)
	other.ServeText("/file", "elsewhere")
	w.up.ServeText("/file", "here")
	w.up.Fault("/away", formatstest.Redirect(withUser(other.URL, "ann", "p:w")+"/file"))
	w.up.Fault("/around", formatstest.Redirect("/file"))

	for _, path := range []string{"file", "/file", "around", w.up.URL + "/file"} {
		if a, err := w.fetch(t, path); err != nil || string(a.Body) != "here" {
			t.Errorf("%s: %q, %v", path, a.Body, err)
		}
	}
	for _, path := range []string{"away", other.URL + "/file", withUser(other.URL, "x", "y") + "/file"} {
		if a, err := w.fetch(t, path); err != nil || string(a.Body) != "elsewhere" {
			t.Errorf("%s: %q, %v", path, a.Body, err)
		}
	}
	for _, r := range other.Requests("") {
		if got := r.Header.Get("Authorization"); got != "" {
			t.Errorf("another server was sent %q", got)
		}
	}
	// The same name on another port, and the same server by another name, are other servers.
	port := w.up.URL[strings.LastIndexByte(w.up.URL, ':'):]
	before := w.up.Count("")
	w.fetch(t, "http://localhost"+port+"/file")
	if r := w.up.Requests(""); len(r) > before && r[before].Header.Get("Authorization") != "" {
		t.Error("a server by another name was sent credentials")
	}
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	w := newWorld(t)
	w.lead(connection, withUser(w.up.URL, "ann", "hunter2"))
	w.up.Fault("/500", formatstest.Status(500))
	w.up.Fault("/reset", formatstest.Reset())
	w.up.Fault("/away", formatstest.Redirect("http://ann:hunter2@127.0.0.1:1/x?signature=hunter2"))
	w.up.Fault("/strange", formatstest.Redirect("gopher://ann:hunter2@h/"))
	w.up.Fault("/broken", formatstest.Redirect("http://ann:hunter2@[/"))
	for _, path := range []string{"500", "reset", "away", "strange", "broken", "404"} {
		_, err := w.Fetch(t.Context(), connection, registry.AuxiliaryRequest{Path: path, Query: "token=hunter2"})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", path, err)
		}
	}
	w.lead(connection, "http://ann:hunter2@ho st/")
	if _, err := w.fetch(t, "x"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a URL that is none: %v", err)
	}
}

// The SSRF row of the advisories: a document, a redirect or a name leads inside.
func TestOnlyTheConfiguredURLMayLeadToPrivateAddresses(t *testing.T) {
	w := newWorld(t)
	inside := formatstest.NewUpstream(t)
	inside.ServeText("/secret", "metadata")
	port := inside.URL[strings.LastIndexByte(inside.URL, ':'):]
	w.up.ServeText("/file", "fine")
	if _, err := w.fetch(t, "file"); err != nil {
		t.Errorf("the configured URL itself: %v", err)
	}
	targets := map[string]string{
		"another port":         inside.URL + "/secret",
		"a name":               "http://localhost" + port + "/secret",
		"IPv6":                 "http://[::1]" + port + "/secret",
		"IPv4 in IPv6":         "http://[::ffff:127.0.0.1]" + port + "/secret",
		"the own port by name": "http://localhost" + w.up.URL[strings.LastIndexByte(w.up.URL, ':'):] + "/file",
		"cloud metadata":       "http://169.254.169.254/latest/meta-data/",
	}
	for name, target := range targets {
		t.Run(name, func(t *testing.T) {
			_, err := w.fetch(t, target)
			wantCode(t, err, registry.UpstreamFailed)
			if !strings.Contains(registry.MessageOf(err), "--allow-private-targets") {
				t.Errorf("the error does not say how to allow it: %v", err)
			}
			w.up.Fault("/redirect", formatstest.Redirect(target))
			_, err = w.fetch(t, "redirect")
			wantCode(t, err, registry.UpstreamFailed)
		})
	}
	wantCount(t, inside, "", 0)
	wantCount(t, w.up, "/file", 1)

	w2 := newWorld(t, open)
	if a, err := w2.fetch(t, inside.URL+"/secret"); err != nil || string(a.Body) != "metadata" {
		t.Errorf("with --allow-private-targets: %q, %v", a.Body, err)
	}
}

func TestTargetsThatAreNoWebServersAreRefused(t *testing.T) {
	w := newWorld(t, open)
	for _, target := range []string{
		"file:///etc/passwd", "ftp://upstream.test/x", "http:///x", "https:x", "//upstream.test/x", "http://[::1", "a\x00b", "javascript:1",
		"../x", "a/../../x", "a/%2e%2e/x", "a%2f..%2fx", "a/%252e%252e/x", "./x", `a\..\x`,
	} {
		_, err := w.fetch(t, target)
		wantCode(t, err, registry.UpstreamFailed)
	}
	wantCount(t, w.up, "", 0)
}

func TestRelativeURLsLieBeneathTheConnection(t *testing.T) {
	w := newWorld(t)
	for _, base := range []string{"/npm", "/npm/"} {
		w.lead(connection, w.up.URL+base)
		for path, want := range map[string]string{
			"left": "/npm/left", "/left": "/npm/left", "@s%2fleft": "/npm/@s%2fleft", "a/b?c=d%26": "/npm/a/b?c=d%26", "": base,
			"a%20b": "/npm/a%20b", "-/v1/x": "/npm/-/v1/x",
		} {
			w.fetch(t, path)
			asked := w.up.Requests("")
			if got := asked[len(asked)-1].Target; got != want {
				t.Errorf("%q beneath %s: asked for %q, want %q", path, base, got, want)
			}
		}
	}
}

func TestRedirectsAreLimited(t *testing.T) {
	w := newWorld(t)
	w.up.ServeText("/r", "here")
	w.up.Fault("/r", formatstest.Times(5, formatstest.Redirect("/r")))
	if _, err := w.fetch(t, "r"); err != nil {
		t.Errorf("five redirects: %v", err)
	}
	w.up.Fault("/r", formatstest.Times(6, formatstest.Redirect("/r")))
	_, err := w.fetch(t, "r")
	wantCode(t, err, registry.UpstreamFailed)
	wantCount(t, w.up, "/r", 12)
}

func TestARedirectFromHTTPSToHTTPIsRefused(t *testing.T) {
	w := newWorld(t, open)
	w.up.ServeText("/file", "plain")
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/fine" {
			rw.Write([]byte("secret"))
			return
		}
		http.Redirect(rw, r, w.up.URL+"/file", http.StatusFound)
	}))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	w.SetTLS(secure.Client().Transport.(*http.Transport).TLSClientConfig)
	w.lead(connection, secure.URL)
	if a, err := w.fetch(t, "fine"); err != nil || string(a.Body) != "secret" {
		t.Fatalf("%q, %v", a.Body, err)
	}
	_, err := w.fetch(t, "file")
	wantCode(t, err, registry.UpstreamFailed)
	wantCount(t, w.up, "", 0)

	w.SetTLS(&tls.Config{})
	w.lead(connection, secure.URL+"/")
	_, err = w.fetch(t, "fine") // a certificate that nobody knows
	wantCode(t, err, registry.UpstreamFailed)
}

func TestHTTP2IsSpokenWhereUpstreamDoes(t *testing.T) {
	w := newWorld(t)
	want := noise(500_000)
	var version atomic.Int32
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		version.Store(int32(r.ProtoMajor))
		if r.URL.Path == "/half" {
			rw.Header().Set("Content-Length", "500000")
			rw.Write(want[:250_000])
			panic(http.ErrAbortHandler)
		}
		rw.Write(want)
	}))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	w.SetTLS(secure.Client().Transport.(*http.Transport).TLSClientConfig)
	w.lead(connection, secure.URL)
	if got, err := pull(t, w.Puller, w.asset("whole", want)); err != nil || !bytes.Equal(got, want) || version.Load() != 2 {
		t.Errorf("HTTP/%d: %d bytes, %v", version.Load(), len(got), err)
	}
	_, err := pull(t, w.Puller, w.asset("half", want))
	wantCode(t, err, registry.UpstreamFailed)
}

func TestWhatIsPostedStaysWithItsServer(t *testing.T) {
	w := newWorld(t, open)
	other := formatstest.NewUpstream(t)
	echo := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		io.WriteString(rw, r.Method+" "+r.Header.Get("Content-Type")+" "+string(b))
	})
	w.up.Serve("/echo", formatstest.Resource{Handler: echo})
	redirect := func(code int, to string) formatstest.Resource {
		return formatstest.Resource{Handler: http.RedirectHandler(to, code)}
	}
	w.up.Serve("/near", redirect(http.StatusTemporaryRedirect, "/echo"))
	w.up.Serve("/see", redirect(http.StatusSeeOther, "/echo"))
	w.up.Serve("/far", redirect(http.StatusPermanentRedirect, other.URL+"/echo"))
	for path, want := range map[string]string{"echo": "POST text/plain hello", "near": "POST text/plain hello", "see": "GET  "} {
		a, err := w.Fetch(t.Context(), connection, registry.AuxiliaryRequest{Path: path, Body: []byte("hello"), ContentType: "text/plain"})
		if err != nil || string(a.Body) != want {
			t.Errorf("%s: got %q, %v, want %q", path, a.Body, err, want)
		}
	}
	_, err := w.Fetch(t.Context(), connection, registry.AuxiliaryRequest{Path: "far", Body: []byte("hello")})
	wantCode(t, err, registry.UpstreamFailed)
	wantCount(t, other, "", 0)
}

// G1.
func TestACompressedBodyIsDecoded(t *testing.T) {
	w := newWorld(t)
	w.up.ServeText("/doc.json", `{"a":"`+strings.Repeat("b", 5000)+`"}`)
	a, err := w.fetch(t, "doc.json")
	if err != nil || len(a.Body) != 5008 || a.ContentType != "application/json" || a.Status != 200 {
		t.Errorf("got %d bytes, %+v, %v", len(a.Body), a.ContentType, err)
	}
}

// G24: the limit counts what comes out of the compression, and fails loudly.
func TestABodyOverTheLimitFailsAndIsNotCut(t *testing.T) {
	w := newWorld(t, func(c *upstream.Config) { c.Limits.Document = 100_000 })
	bomb := func(n int) formatstest.Resource {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write(make([]byte, n))
		z.Close()
		return formatstest.Resource{Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Encoding", "gzip")
			rw.Write(b.Bytes())
		})}
	}
	w.up.Serve("/fits", bomb(100_000))
	w.up.Serve("/bomb", bomb(100_001))
	w.up.Serve("/plain-fits", formatstest.Resource{Body: make([]byte, 100_000)})
	w.up.Serve("/plain", formatstest.Resource{Body: make([]byte, 100_001)})
	w.up.Serve("/unsized", formatstest.Resource{Body: make([]byte, 100_001)})
	w.up.Fault("/unsized", formatstest.Unsized())
	for _, path := range []string{"fits", "plain-fits"} {
		if a, err := w.fetch(t, path); err != nil || len(a.Body) != 100_000 {
			t.Errorf("%s: %d bytes, %v", path, len(a.Body), err)
		}
	}
	for _, path := range []string{"bomb", "plain", "unsized"} {
		a, err := w.fetch(t, path)
		wantCode(t, err, registry.UpstreamFailed)
		if len(a.Body) != 0 || !strings.Contains(registry.MessageOf(err), "100000 bytes") {
			t.Errorf("%s: %d bytes came along with %v", path, len(a.Body), err)
		}
	}
}

func TestStatusesOfAuxiliaryRequestsKeepTheirMeaning(t *testing.T) {
	w := newWorld(t)
	_, err := w.fetch(t, "none")
	wantCode(t, err, registry.NotFound)
	w.up.Fault("/broken", formatstest.Status(500))
	_, err = w.fetch(t, "broken")
	wantCode(t, err, registry.UpstreamFailed)
	w.up.Fault("/loop", formatstest.Status(508))
	_, err = w.fetch(t, "loop")
	wantCode(t, err, registry.UpstreamFailed)
	if !strings.Contains(registry.MessageOf(err), "back to this server") {
		t.Errorf("got %v", err)
	}
	// A plain mirror takes no posts: nothing is broken, it offers no such thing.
	for _, status := range []int{405, 501} {
		w.up.Fault("/audit", formatstest.Status(status))
		_, err := w.Fetch(t.Context(), connection, registry.AuxiliaryRequest{Kind: "audit", Path: "audit", Body: []byte("{}"), ContentType: "application/json"})
		wantCode(t, err, registry.NotFound)
		_, err = w.fetch(t, "audit")
		wantCode(t, err, registry.UpstreamFailed)
	}
}

func TestAFormatWithoutAuxiliaryRequestsPassesNothingOn(t *testing.T) {
	w := newWorld(t)
	p := w.puller(t, func(c *upstream.Config) {
		c.Adapters = map[string]registry.Upstream{registry.NPM: struct{ registry.Upstream }{adapter{}}}
	})
	_, err := p.Fetch(t.Context(), connection, registry.AuxiliaryRequest{Path: "audit"})
	wantCode(t, err, registry.NotFound)
}

// G10: what stands beside assets is asked for by many at once as well.
func TestManyWhoAskForTheSameAtOnceShareOneAuxiliaryRequest(t *testing.T) {
	const askers = 100
	w := newWorld(t)
	w.up.ServeText("/beside", "content")
	gate := formatstest.NewGate()
	w.up.Fault("/beside", gate.Before())
	first, leave := context.WithCancel(t.Context())
	var all, come sync.WaitGroup
	all.Go(func() {
		if _, err := w.Fetch(first, connection, registry.AuxiliaryRequest{Path: "beside"}); err != context.Canceled {
			t.Errorf("the first: %v", err)
		}
	})
	gate.Await()
	for range askers {
		come.Add(1)
		all.Go(func() {
			come.Done()
			if a, err := w.fetch(t, "beside"); err != nil || string(a.Body) != "content" {
				t.Errorf("got %q, %v", a.Body, err)
			}
		})
	}
	come.Wait()
	leave() // the others have their answer all the same
	gate.Open()
	all.Wait()
	// Who is late begins another; without sharing there would be one for each.
	if n := w.up.Count("/beside"); n > askers/2 {
		t.Errorf("upstream was asked %d times by %d", n, askers)
	}
}

func TestAnAskerWhoLeavesEndsItsAuxiliaryRequest(t *testing.T) {
	w := newWorld(t)
	gate := formatstest.NewGate()
	w.up.Fault("/audit", gate.Before())
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		gate.Await()
		leave()
	}()
	_, err := w.Fetch(ctx, connection, registry.AuxiliaryRequest{Path: "audit"})
	if err != context.Canceled {
		t.Errorf("got %v", err)
	}
}

// Behind a proxy the address is the proxy's; names are its to resolve.
func TestAProxyOfTheEnvironmentIsUsedAndTargetsAreJudgedAsWritten(t *testing.T) {
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked.Store(r.RequestURI)
		rw.Write([]byte("through"))
	}))
	defer proxy.Close()
	through, _ := url.Parse(proxy.URL)
	w := newWorld(t)
	w.SetProxy(func(*http.Request) (*url.URL, error) { return through, nil })
	w.lead(connection, "http://127.0.0.2:4873/npm/")
	for path, want := range map[string]string{
		"left":                  "http://127.0.0.2:4873/npm/left",
		"http://upstream.test/": "http://upstream.test/",
	} {
		if a, err := w.fetch(t, path); err != nil || string(a.Body) != "through" || asked.Load() != want {
			t.Errorf("%s: %q, %v, asked %v", path, a.Body, err, asked.Load())
		}
	}
	w.SetProxy(func(*http.Request) (*url.URL, error) { return nil, errors.New("bad proxy http://ann:hunter2@h") })
	w.lead(connection, "http://127.0.0.2:4873/other/")
	if _, err := w.fetch(t, "left"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("proxy settings that are none: %v", err)
	}
	w.SetProxy(func(*http.Request) (*url.URL, error) { return through, nil })
	w.lead(connection, "http://127.0.0.2:4873/npm/")
	_, port, _ := net.SplitHostPort(through.Host)
	for _, target := range []string{"http://169.254.169.254/", "http://127.1/", "http://localhost:" + port + "/", proxy.URL} {
		_, err := w.fetch(t, target)
		wantCode(t, err, registry.UpstreamFailed)
	}
}
