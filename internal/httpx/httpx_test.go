package httpx

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func proxies(t *testing.T, list ...string) Proxies {
	t.Helper()
	p, err := ParseProxies(list)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestThePeerBehindTrustedProxies(t *testing.T) {
	trusted := proxies(t, "10.0.0.0/8", "fd00::/8", "192.0.2.9")
	for name, c := range map[string]struct {
		remote  string
		headers map[string]string
		want    Peer
	}{
		"nobody before it":         {"198.51.100.7:99", nil, Peer{netip.MustParseAddr("198.51.100.7"), "http", "h.test"}},
		"headers of a stranger":    {"198.51.100.7:99", map[string]string{"X-Forwarded-For": "1.1.1.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.test"}, Peer{netip.MustParseAddr("198.51.100.7"), "http", "h.test"}},
		"one proxy":                {"10.0.0.1:99", map[string]string{"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "larder.test:8443"}, Peer{netip.MustParseAddr("198.51.100.7"), "https", "larder.test:8443"}},
		"a chain, and a forgery":   {"10.0.0.1:99", map[string]string{"X-Forwarded-For": "9.9.9.9, 198.51.100.7, fd00::1, 10.1.1.1"}, Peer{netip.MustParseAddr("198.51.100.7"), "http", "h.test"}},
		"what the nearest said":    {"10.0.0.1:99", map[string]string{"X-Forwarded-For": "198.51.100.7, 10.1.1.1", "X-Forwarded-Proto": "ftp, https, http", "X-Forwarded-Host": "forged.test, outer.test, inner.test"}, Peer{netip.MustParseAddr("198.51.100.7"), "https", "outer.test"}},
		"ports and brackets":       {"192.0.2.9:99", map[string]string{"X-Forwarded-For": "[2001:db8::1]:443"}, Peer{netip.MustParseAddr("2001:db8::1"), "http", "h.test"}},
		"only proxies":             {"10.0.0.1:99", map[string]string{"X-Forwarded-For": "10.0.0.3, 10.0.0.2"}, Peer{netip.MustParseAddr("10.0.0.3"), "http", "h.test"}},
		"something that is no hop": {"10.0.0.1:99", map[string]string{"X-Forwarded-For": "198.51.100.7, unknown"}, Peer{netip.MustParseAddr("10.0.0.1"), "http", "h.test"}},
		"a mapped address":         {"[::ffff:10.0.0.1]:99", map[string]string{"X-Forwarded-For": "::ffff:198.51.100.7"}, Peer{netip.MustParseAddr("198.51.100.7"), "http", "h.test"}},
		"a host that is none":      {"10.0.0.1:99", map[string]string{"X-Forwarded-Host": `x"><script>`}, Peer{netip.MustParseAddr("10.0.0.1"), "http", "h.test"}},
		"no headers at all":        {"10.0.0.1:99", nil, Peer{netip.MustParseAddr("10.0.0.1"), "http", "h.test"}},
		"a Unix socket":            {"@", map[string]string{"X-Forwarded-For": "1.1.1.1"}, Peer{netip.Addr{}, "http", "h.test"}},
	} {
		r := httptest.NewRequest("GET", "http://h.test/", nil)
		r.RemoteAddr = c.remote
		for k, v := range c.headers {
			r.Header.Set(k, v)
		}
		if got := trusted.Peer(r); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
	r := httptest.NewRequest("GET", "http://h.test/", nil)
	r.TLS = &tls.ConnectionState{}
	if !trusted.Peer(r).Secure() {
		t.Error("TLS is not seen")
	}
	if _, err := ParseProxies([]string{"10.0.0.0/33"}); err == nil {
		t.Error("a network that is none was taken")
	}
}

// serve runs one request through a Front and gives the answer and the log line.
func serve(t *testing.T, f *Front, r *http.Request) (*httptest.ResponseRecorder, map[string]any) {
	t.Helper()
	var b bytes.Buffer
	f.JSON = &b
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	var line map[string]any
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		t.Fatalf("%v in %q", err, b.String())
	}
	return w, line
}

func TestOneLinePerRequest(t *testing.T) {
	f := &Front{Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := RecordOf(r.Context())
		rec.Format, rec.Domain, rec.Repo, rec.Package, rec.Version, rec.Op = "npm", "acme", "main", "lib", "1.0.0", "tarball"
		rec.Code, rec.Err = "conflict", errors.New("why")
		w.WriteHeader(409)
		io.WriteString(w, "12345")
	})}
	r := httptest.NewRequest("PUT", "http://h.test/token-in-path?token=secret", nil)
	r.Header.Set("Authorization", "Bearer secret")
	r.Header.Set("X-Request-Id", "theirs\n\"forged\":1")
	r.RemoteAddr = "198.51.100.7:99"
	w, line := serve(t, f, r)
	want := map[string]any{
		"level": "INFO", "msg": "request", "format": "npm", "domain": "acme", "repo": "main", "package": "lib", "version": "1.0.0", "op": "tarball", "method": "PUT",
		"code": "conflict", "error": "why", "client": "198.51.100.7", "status": 409.0, "bytes": 5.0, "client_request_id": "theirsforged1", "request_id": w.Header().Get("X-Request-Id"),
	}
	for k, v := range want {
		if line[k] != v {
			t.Errorf("%s: got %v, want %v", k, line[k], v)
		}
		delete(line, k)
	}
	delete(line, "time")
	delete(line, "dur")
	if len(line) > 0 {
		t.Errorf("more: %v", line)
	}
	again, _ := serve(t, f, r)
	if a, b := w.Header().Get("X-Request-Id"), again.Header().Get("X-Request-Id"); len(a) < 20 || a == b {
		t.Errorf("request ids %q and %q", a, b)
	}
}

func TestAPathIsLoggedWithoutItsQueryWhereNoOperationTookIt(t *testing.T) {
	f := &Front{Next: http.NotFoundHandler()}
	_, line := serve(t, f, httptest.NewRequest("GET", "http://h.test/some/where?token=secret", nil))
	if line["path"] != "/some/where" || line["status"] != 404.0 {
		t.Errorf("got %v", line)
	}
}

func TestAPanicIsA500WithItsStackInTheLog(t *testing.T) {
	f := &Front{Next: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("at the disco") })}
	w, line := serve(t, f, httptest.NewRequest("GET", "http://h.test/", nil))
	if w.Code != 500 || strings.Contains(w.Body.String(), "disco") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if e, _ := line["error"].(string); line["level"] != "ERROR" || !strings.Contains(e, "disco") || !strings.Contains(e, "httpx_test.go") {
		t.Errorf("got %v", line)
	}
}

func TestAbortPasses(t *testing.T) {
	for name, h := range map[string]http.Handler{
		"directly": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
		"from a handler with error": Handle(func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) }, func(http.ResponseWriter, *http.Request, error) {
			t.Error("an abort was answered")
		}),
		"after an answer began": Handle(func(w http.ResponseWriter, r *http.Request) error {
			io.WriteString(w, "x")
			return errors.New("late")
		}, func(http.ResponseWriter, *http.Request, error) { t.Error("a second answer was written") }),
		"a panic after an answer began": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "x")
			panic("late")
		}),
	} {
		func() {
			defer func() {
				if p := recover(); p != http.ErrAbortHandler {
					t.Errorf("%s: recovered %v", name, p)
				}
			}()
			(&Front{Next: h}).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://h.test/", nil))
		}()
	}
}

func TestHandleAnswersAnErrorOnce(t *testing.T) {
	want := errors.New("why")
	for name, h := range map[string]HandlerFunc{
		"an error": func(http.ResponseWriter, *http.Request) error { return want },
		"a panic":  func(http.ResponseWriter, *http.Request) error { panic(want) },
	} {
		var got []error
		f := &Front{Next: Handle(h, func(w http.ResponseWriter, r *http.Request, err error) {
			got = append(got, err)
			w.WriteHeader(418)
		})}
		w, line := serve(t, f, httptest.NewRequest("GET", "http://h.test/", nil))
		if len(got) != 1 || w.Code != 418 || !strings.Contains(line["error"].(string), "why") {
			t.Errorf("%s: got %v, %d, %v", name, got, w.Code, line)
		}
	}
}

func TestThePeerOfAConnectionIsThatOfItsRequests(t *testing.T) {
	var got []string
	f := &Front{Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, RecordOf(r.Context()).Peer.Addr.String())
	})}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = "192.0.2.1:1" // is not read
		f.ServeHTTP(w, r)
	}))
	s.Config.ConnContext = ConnContext
	s.Start()
	defer s.Close()
	for range 2 {
		res, err := s.Client().Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	if want := []string{"127.0.0.1", "127.0.0.1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAHostThatIsNoneIsRefused(t *testing.T) {
	f := &Front{Next: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("went on") })}
	for _, host := range []string{"h.test'", "a b", "x,y", "h.test/path", "u@h.test"} {
		r := httptest.NewRequest("GET", "http://h.test/", nil)
		r.Host = host
		if w, _ := serve(t, f, r); w.Code != 400 {
			t.Errorf("%q: got %d", host, w.Code)
		}
	}
}

func TestBase(t *testing.T) {
	for public, want := range map[string]string{"": "http://h.test:81", "https://larder.test/below": "https://larder.test/below"} {
		got := ""
		f := &Front{PublicURL: public, Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = Base(r) + Base(r) })}
		serve(t, f, httptest.NewRequest("GET", "http://h.test:81/x", nil))
		if got != want+want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := Base(httptest.NewRequest("GET", "http://h.test/x", nil)); got != "http://h.test" {
		t.Errorf("without a Front: got %s", got)
	}
}

func TestRecorder(t *testing.T) {
	s := httptest.NewServer(&Front{Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := Recording(w)
		w.WriteHeader(http.StatusEarlyHints)
		if rec.Started() {
			t.Error("an early hint started the answer")
		}
		w.WriteHeader(202)
		io.WriteString(w, "abc")
		w.(http.Flusher).Flush()
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		w.(io.ReaderFrom).ReadFrom(strings.NewReader("defg"))
		w.Write([]byte("h"))
		if rec.Status() != 202 || rec.Bytes() != 8 || !rec.Started() {
			t.Errorf("status %d, %d bytes", rec.Status(), rec.Bytes())
		}
	})})
	defer s.Close()
	res, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); res.StatusCode != 202 || string(b) != "abcdefgh" || err != nil {
		t.Errorf("got %d %s %v", res.StatusCode, b, err)
	}
}

func FuzzPeer(f *testing.F) {
	f.Add("10.0.0.1:9", "1.1.1.1, 10.0.0.2", "https", "h.test")
	f.Fuzz(func(t *testing.T, remote, chain, proto, host string) {
		p := Proxies{netip.MustParsePrefix("10.0.0.0/8")}
		r := &http.Request{RemoteAddr: remote, Host: "own.test", Header: http.Header{
			"X-Forwarded-For": {chain}, "X-Forwarded-Proto": {proto}, "X-Forwarded-Host": {host},
		}}
		got := p.Peer(r)
		if got.Scheme != "http" && got.Scheme != "https" || !validHost(got.Host) {
			t.Errorf("got %v", got)
		}
	})
}

func BenchmarkFront(b *testing.B) {
	f := &Front{
		JSON: io.Discard,
		Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := RecordOf(r.Context())
			rec.Format, rec.Domain, rec.Repo, rec.Package, rec.Op = "npm", "acme", "main", "lib", "packument"
		}),
	}
	r := httptest.NewRequest("GET", "http://h.test/x", nil)
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		f.ServeHTTP(w, r)
	}
}
