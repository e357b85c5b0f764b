package formats_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"larder/formats"
	"larder/internal/httpx"
	"larder/registry"
)

// mounted serves one format whose endpoints tell what they were given.
func mounted(t *testing.T, o formats.Options) http.Handler {
	t.Helper()
	show := func(w http.ResponseWriter, r *formats.Request) error {
		w.Header().Set("X-Base", r.Base)
		id := r.Repo.ID()
		w.Header().Set("X-Repo", id.Domain.Owner+" "+id.Domain.Name+" "+id.Name)
		w.Header().Set("X-Package", r.Vars["package"])
		w.Header().Set("X-Account", r.Repo.Actor().Account)
		return nil
	}
	fail := func(err error) func(http.ResponseWriter, *formats.Request) error {
		return func(http.ResponseWriter, *formats.Request) error { return err }
	}
	f := formats.Format{
		Name: "fake",
		Routes: []formats.Route{
			{Methods: []string{"GET"}, Pattern: "/show/{package}", Operation: "show", Handle: show},
			{Methods: []string{"PUT", "POST"}, Pattern: "/show/{package}", Operation: "change", Handle: show},
			{Methods: []string{"GET"}, Pattern: "/public", Operation: "public", Public: true, Handle: show},
			{Methods: []string{"GET"}, Pattern: "/secret", Operation: "secret", Handle: fail(registry.Errorf(registry.Unauthenticated, "who are you"))},
			{Methods: []string{"GET"}, Pattern: "/broken", Operation: "broken", Handle: fail(errors.New("the password is 12345"))},
			{Methods: []string{"GET"}, Pattern: "/not-held", Operation: "not-held", Handle: fail(&registry.Error{Code: registry.NotFound, Msg: "it is not here", Err: registry.ErrNotHeld})},
			{Methods: []string{"PUT"}, Pattern: "/refused", Operation: "refused", Handle: fail(registry.Errorf(registry.Conflict, "no"))},
			{Methods: []string{"GET"}, Pattern: "/panics", Operation: "panics", Handle: func(http.ResponseWriter, *formats.Request) error { panic("at the disco") }},
			{Methods: []string{"GET"}, Pattern: "/late", Operation: "late", Handle: func(w http.ResponseWriter, r *formats.Request) error {
				w.Header().Set("Content-Length", "10")
				io.WriteString(w, "half ")
				return errors.New("too late")
			}},
		},
		WriteError: func(w http.ResponseWriter, r *http.Request, err error) {
			http.Error(w, "fake: "+formats.Message(err), formats.Status(err))
		},
	}
	if o.Authenticate == nil {
		o.Authenticate = func(r *http.Request) (registry.Actor, error) {
			if r.Header.Get("Authorization") == "bad" {
				return registry.Actor{}, registry.Errorf(registry.Unauthenticated, "not valid")
			}
			return registry.Actor{Account: "111111111111"}, nil
		}
	}
	if o.Base == nil {
		o.Base = httpx.Base
	}
	svc := &registry.Service{}
	return formats.Mount(svc, []formats.Format{f}, o)
}

func ask(h http.Handler, method, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestRepositoriesByPathAndByHost(t *testing.T) {
	h := mounted(t, formats.Options{})
	public := mounted(t, formats.Options{Base: func(*http.Request) string { return "https://larder.test/below" }})
	for _, c := range []struct{ url, repo, base, publicBase string }{
		{"http://h.test/fake/d/acme-111111111111/main/show/x", "111111111111 acme main", "http://h.test/fake/d/acme-111111111111/main/", "https://larder.test/below/fake/d/acme-111111111111/main/"},
		{"http://h.test:81/fake/d/a-b-c-111111111111/R.e_p-o/show/x", "111111111111 a-b-c R.e_p-o", "http://h.test:81/fake/d/a-b-c-111111111111/R.e_p-o/", "https://larder.test/below/fake/d/a-b-c-111111111111/R.e_p-o/"},
		{"http://acme-111111111111.d.h.test/fake/main/show/x", "111111111111 acme main", "http://acme-111111111111.d.h.test/fake/main/", "https://larder.test/below/fake/d/acme-111111111111/main/"},
		{"http://ACME-111111111111.D.localhost:82/fake/main/show/x", "111111111111 acme main", "http://ACME-111111111111.D.localhost:82/fake/main/", "https://larder.test/below/fake/d/acme-111111111111/main/"},
		{"http://other-222222222222.d.h.test/fake/d/acme-111111111111/main/show/x", "111111111111 acme main", "http://other-222222222222.d.h.test/fake/d/acme-111111111111/main/", "https://larder.test/below/fake/d/acme-111111111111/main/"},
	} {
		w := ask(h, "GET", c.url)
		if w.Code != 200 || w.Header().Get("X-Repo") != c.repo || w.Header().Get("X-Base") != c.base {
			t.Errorf("%s: got %d, %s at %s, want %s at %s", c.url, w.Code, w.Header().Get("X-Repo"), w.Header().Get("X-Base"), c.repo, c.base)
		}
		if w := ask(public, "GET", c.url); w.Header().Get("X-Base") != c.publicBase {
			t.Errorf("%s: got %s, want %s", c.url, w.Header().Get("X-Base"), c.publicBase)
		}
	}
	for _, path := range []string{
		"/fake", "/fake/", "/fake/d", "/fake/d/", "/fake/d/acme/main/show/x", "/fake/d/acme-11111111111/main/show/x", "/fake/d/a-111111111111/main/show/x",
		"/fake/d/acme-11111111111x/main/show/x", "/fake/d/Acme-111111111111/main/show/x", "/fake/d/acme-111111111111/m/show/x", "/fake/d/acme-111111111111/-main/show/x",
		"/fake/d/acme-111111111111/ma%69n/show/x", "/fake/d/acme-111111111111/../show/x", "/fake/main/show/x", "/fake/d/acme-111111111111/main", "/other/d/acme-111111111111/main/show/x", "/",
	} {
		if w := ask(h, "GET", "http://h.test"+path); w.Code != 404 {
			t.Errorf("%s: got %d %s", path, w.Code, w.Body)
		}
	}
}

func TestATrustedProxySaysWhichHostWasAsked(t *testing.T) {
	own, err := httpx.ParseProxies([]string{"192.0.2.1"}) // where httptest's requests are from
	if err != nil {
		t.Fatal(err)
	}
	const inner, outer = "http://backend.test/fake/main/show/x", "acme-111111111111.d.h.test"
	h := &httpx.Front{Next: mounted(t, formats.Options{}), Proxies: own}
	w := ask(h, "GET", inner, "X-Forwarded-Host", outer, "X-Forwarded-Proto", "https")
	if got, want := w.Header().Get("X-Repo"), "111111111111 acme main"; w.Code != 200 || got != want {
		t.Errorf("got %d %s, want %s", w.Code, got, want)
	}
	if got, want := w.Header().Get("X-Base"), "https://"+outer+"/fake/main/"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	stranger := &httpx.Front{Next: mounted(t, formats.Options{})}
	if w := ask(stranger, "GET", inner, "X-Forwarded-Host", outer); w.Code != 404 {
		t.Errorf("from who is not trusted: got %d", w.Code)
	}
}

func TestVariablesAreDecodedOnce(t *testing.T) {
	h := mounted(t, formats.Options{})
	for in, want := range map[string]string{"x": "x", "@s%2fp": "@s/p", "@s%2Fp": "@s/p", "a%20b": "a b", "%c3%a9": "é", "a+b": "a+b"} {
		if w := ask(h, "GET", "http://h.test/fake/d/acme-111111111111/main/show/"+in); w.Header().Get("X-Package") != want {
			t.Errorf("%s: got %d %q", in, w.Code, w.Header().Get("X-Package"))
		}
	}
}

func TestErrorsHaveTheFormatsForm(t *testing.T) {
	h := mounted(t, formats.Options{ServerID: "me"})
	const base = "http://h.test/fake/d/acme-111111111111/main/"
	for _, c := range []struct {
		method, path string
		headers      []string
		status       int
		say          string
	}{
		{"GET", "nothing", nil, 404, "no such fake endpoint"},
		{"DELETE", "show/x", nil, 405, "GET, HEAD, POST, PUT"},
		{"GET", "show/..", nil, 400, "segment"},
		{"GET", "secret", nil, 401, "who are you"},
		{"GET", "not-held", []string{"Cache-Control", "no-store, only-if-cached"}, 504, "it is not here"},
		{"GET", "not-held", []string{"Cache-Control", "max-age=0"}, 404, "it is not here"},
		{"GET", "show/x", []string{"Authorization", "bad"}, 401, "not valid"},
		{"GET", "broken", nil, 500, "internal error"},
		{"GET", "panics", nil, 500, "internal error"},
		{"GET", "show/x", []string{"Via", "1.1 a, 1.1 larder-me (comment)"}, 508, "leads back"},
		{"GET", "show/x", []string{"Via", "1.1 larder-you"}, 200, ""},
		{"HEAD", "show/x", nil, 200, ""},
		{"GET", "public", []string{"Authorization", "bad"}, 200, ""},
	} {
		w := ask(h, c.method, base+c.path, c.headers...)
		if w.Code != c.status || c.say != "" && !strings.HasPrefix(w.Body.String(), "fake: ") || !strings.Contains(w.Body.String(), c.say) {
			t.Errorf("%s %s: got %d %s", c.method, c.path, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), "12345") || strings.Contains(w.Body.String(), "disco") {
			t.Errorf("%s tells %s", c.path, w.Body)
		}
		if got := w.Header().Get("Allow"); c.status == 405 && got != c.say {
			t.Errorf("%s: Allow %q", c.path, got)
		}
		if got := w.Header().Get("WWW-Authenticate"); (got == formats.Challenge) != (c.status == 401) {
			t.Errorf("%s: WWW-Authenticate %q", c.path, got)
		}
	}
	if w := ask(h, "GET", base+"public", "Authorization", "x"); w.Header().Get("X-Account") != "" {
		t.Error("a public endpoint looked at the credential")
	}
}

func TestOtherRequestsGoOn(t *testing.T) {
	other := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(299) })
	h := mounted(t, formats.Options{Otherwise: other})
	for _, path := range []string{"/", "/v1/domains", "/fakes/x", "/-/health"} {
		if w := ask(h, "GET", "http://h.test"+path); w.Code != 299 {
			t.Errorf("%s: got %d", path, w.Code)
		}
	}
}

func TestAnAnswerThatFailsHalfWayIsCut(t *testing.T) {
	s := httptest.NewServer(&httpx.Front{Next: mounted(t, formats.Options{})})
	defer s.Close()
	res, err := http.Get(s.URL + "/fake/d/acme-111111111111/main/late")
	if err != nil {
		return // cut before the header: as good
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("got %q as a whole answer", b)
	}
}

// Many clients read nothing before they have sent everything, and report a
// broken connection where they are cut off.
func TestARefusedBodyIsReadSoThatTheReasonArrives(t *testing.T) {
	s := httptest.NewServer(&httpx.Front{Next: mounted(t, formats.Options{})})
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := make([]byte, 8<<20)
	if _, err := fmt.Fprintf(conn, "PUT /fake/d/acme-111111111111/main/refused HTTP/1.1\r\nHost: h.test\r\nContent-Length: %d\r\n\r\n", len(body)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(body); err != nil {
		t.Fatalf("cut off: %v", err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); res.StatusCode != 409 || string(b) != "fake: no\n" {
		t.Errorf("got %d %s", res.StatusCode, b)
	}
}

// A client that asks first is not told to go on with what is refused (pitfall M15).
func TestARefusalComesBeforeABodyThatWaits(t *testing.T) {
	s := httptest.NewServer(&httpx.Front{Next: mounted(t, formats.Options{})})
	defer s.Close()
	for what, c := range map[string]struct{ credential, want string }{"refused": {"good", "409"}, "show/x": {"bad", "401"}} {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "PUT /fake/d/acme-111111111111/main/"+what+" HTTP/1.1\r\nHost: h.test\r\nAuthorization: "+c.credential+"\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 "+c.want) {
			t.Errorf("%s: got %q %v", what, line, err)
		}
	}
}

func TestPagesOfOtherSitesChangeNothing(t *testing.T) {
	h := mounted(t, formats.Options{})
	const path = "http://h.test/fake/d/acme-111111111111/main/show/x"
	for _, c := range []struct {
		method, header, value string
		want                  int
	}{
		{"POST", "Sec-Fetch-Site", "cross-site", 403},
		{"POST", "Sec-Fetch-Site", "same-site", 403},
		{"PUT", "Origin", "https://evil.test", 403},
		{"POST", "Sec-Fetch-Site", "same-origin", 200},
		{"POST", "X-Client", "twine", 200},
		{"PUT", "Origin", "http://h.test", 200},
		{"GET", "Sec-Fetch-Site", "cross-site", 200},
	} {
		if w := ask(h, c.method, path, c.header, c.value); w.Code != c.want || w.Code == 403 && !strings.Contains(w.Body.String(), "another site") {
			t.Errorf("%s with %s: %s: got %d %s, want %d", c.method, c.header, c.value, w.Code, w.Body, c.want)
		}
	}
}

func TestEveryAnswerIsObserved(t *testing.T) {
	var statuses [600]atomic.Int32
	h := &httpx.Front{Next: mounted(t, formats.Options{Observe: func(format, operation string) func(int, int64, time.Duration) {
		return func(status int, bytes int64, d time.Duration) {
			if format == "fake" && d >= 0 {
				statuses[status].Add(1)
			}
		}
	}})}
	const base = "http://h.test/fake/d/acme-111111111111/main/"
	for path, want := range map[string]int{"show/x": 200, "secret": 401, "broken": 500, "panics": 500, "public": 200} {
		before := statuses[want].Load()
		ask(h, "GET", base+path)
		if statuses[want].Load() != before+1 {
			t.Errorf("%s was not counted as %d", path, want)
		}
	}
	before := statuses[200].Load()
	func() {
		defer func() { _ = recover() }() // as the connection is cut
		ask(h, "GET", base+"late")
	}()
	if statuses[200].Load() != before+1 {
		t.Error("an answer that broke off was not counted with the status that it began with")
	}
}

// TestAPathThatIsRememberedIsAllThatIsKept sends what anybody may send: long
// queries, which are no part of what is remembered.
func TestAPathThatIsRememberedIsAllThatIsKept(t *testing.T) {
	const requests, query = 200, 60 << 10
	h := mounted(t, formats.Options{})
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for i := range requests {
		path := fmt.Sprintf("/fake/d/acme-111111111111/main/show/p%d?", i)
		if w := ask(h, "GET", path+strings.Repeat("q", query)); w.Code != 200 {
			t.Fatal(w.Code, w.Body)
		}
	}
	if kept := heap() - before; kept > requests*query/4 {
		t.Errorf("%d requests of %d bytes left %d bytes in memory", requests, query, kept)
	}
	runtime.KeepAlive(h)
}

// kernelWriter notices whether a file reaches it whole.
type kernelWriter struct {
	*httptest.ResponseRecorder
	file bool
}

func (w *kernelWriter) ReadFrom(src io.Reader) (int64, error) {
	if l, ok := src.(*io.LimitedReader); ok {
		_, w.file = l.R.(syscall.Conn) // net.TCPConn sends these by the kernel
	}
	return io.Copy(w.ResponseRecorder, src)
}

func TestFilesReachTheKernelWhole(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	w := &kernelWriter{ResponseRecorder: httptest.NewRecorder()}
	rec := httpx.Recording(w)
	r := &formats.Request{Request: httptest.NewRequest("GET", "/", nil)}
	a := &registry.AssetContent{Size: 7, ETag: `"e"`, Body: f}
	if err := formats.ServeAsset(rec, r, a, "application/octet-stream", `na"me.tgz`); err != nil {
		t.Fatal(err)
	}
	if !w.file || w.Body.String() != "content" || rec.Bytes() != 7 || rec.Status() != 200 {
		t.Errorf("file %v, %q, %d bytes, status %d", w.file, w.Body, rec.Bytes(), rec.Status())
	}
	if got := w.Header().Get("Content-Disposition"); got != `attachment; filename="na\"me.tgz"` {
		t.Errorf("got %s", got)
	}
	if _, err := f.Read(nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the file is open: %v", err)
	}
}

// What carries a warning is asked for again, or it would be told once.
func TestAnAssetWithAWarningIsNotKeptByClients(t *testing.T) {
	for warning, want := range map[string]string{"": "private, max-age=31536000, immutable", "it is old": "no-store"} {
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		r := &formats.Request{Request: httptest.NewRequest("GET", "/", nil)}
		if err := formats.ServeAsset(w, r, &registry.AssetContent{Body: f, Warning: warning}, "application/octet-stream", "f"); err != nil {
			t.Fatal(err)
		}
		if got := w.Header().Get("Cache-Control"); got != want {
			t.Errorf("with the warning %q: %s", warning, got)
		}
	}
}

func TestAStaleDocumentHasAnAge(t *testing.T) {
	w := httptest.NewRecorder()
	r := &formats.Request{Request: httptest.NewRequest("GET", "/", nil)}
	d := registry.NewDocument([]byte("{}"), time.Time{})
	d.StaleSince = time.Now().Add(-90 * time.Second)
	if err := formats.ServeDocument(w, r, d, "application/json"); err != nil {
		t.Fatal(err)
	}
	if got := w.Header().Get("Age"); got != "90" && got != "91" {
		t.Errorf("Age: %q", got)
	}
}

func BenchmarkFrame(b *testing.B) {
	h := &httpx.Front{Next: mountedForBench(b)}
	r := httptest.NewRequest("GET", "http://h.test/fake/d/acme-111111111111/main/show/@s%2fp", nil)
	r.RequestURI = ""
	w := discard{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.h)
		h.ServeHTTP(w, r)
	}
}

func mountedForBench(b *testing.B) http.Handler {
	f := formats.Format{Name: "fake", Routes: []formats.Route{
		{Methods: []string{"GET"}, Pattern: "/show/{package}", Operation: "show", Handle: func(w http.ResponseWriter, r *formats.Request) error {
			return nil
		}},
	}}
	return formats.Mount(&registry.Service{}, []formats.Format{f}, formats.Options{
		Authenticate: func(*http.Request) (registry.Actor, error) { return registry.Actor{}, nil }, Base: httpx.Base,
	})
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}
