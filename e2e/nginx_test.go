package e2e

import (
	"bytes"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"larder/e2e/harness"
	"larder/formats/formatstest"
)

// behindNginx runs nginx with deploy/nginx.conf before a handler, and before a
// server that is dead.
func behindNginx(t *testing.T, h http.HandlerFunc) *harness.Nginx {
	t.Helper()
	harness.EndToEnd(t)
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	n, d := harness.NewNginx(t, harness.Secrets(t), dead.Listener.Addr().String(), s.Listener.Addr().String())
	n.Run(t, d)
	return n
}

// through makes a request that is answered with the status.
func through(t *testing.T, n *harness.Nginx, r *http.Request, status int) (header http.Header, body string) {
	t.Helper()
	res, err := n.Client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status {
		t.Fatalf("%s %s: %s, %v; want %d\n%s", r.Method, r.URL, res.Status, err, status, text)
	}
	return res.Header, string(text)
}

// The server has the beginning of an upload before the client has sent the rest,
// and the client the beginning of an answer before the server has written the rest.
func TestNginxPassesBodiesOnWhileTheyCome(t *testing.T) {
	part := bytes.Repeat([]byte("x"), 3<<20)
	began, heard := make(chan struct{}), make(chan struct{})
	n := behindNginx(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadFull(r.Body, make([]byte, len(part))); err != nil {
			t.Error(err)
		}
		close(began)
		if rest, err := io.ReadAll(r.Body); err != nil || len(rest) != len(part) {
			t.Errorf("%d more bytes, %v", len(rest), err)
		}
		w.Write(part) //nolint:errcheck // the client says so
		http.NewResponseController(w).Flush()
		<-heard
		w.Write(part) //nolint:errcheck // likewise
	})
	body, in := io.Pipe()
	go func() {
		in.Write(part) //nolint:errcheck // the server says so
		<-began
		in.Write(part) //nolint:errcheck // likewise
		in.Close()
	}()
	res, err := n.Client.Post(n.URL+"/upload", "application/octet-stream", body)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadFull(res.Body, make([]byte, len(part))); err != nil {
		t.Fatal(err)
	}
	close(heard)
	if rest, err := io.ReadAll(res.Body); err != nil || len(rest) != len(part) {
		t.Errorf("%d more bytes, %v", len(rest), err)
	}
	for _, folder := range []string{"body", "proxy"} {
		err := filepath.WalkDir(filepath.Join(n.Dir, folder), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				t.Errorf("nginx has written %s", path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// endless is a body of which nobody waits for the end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestNginxTellsARefusalAtOnceWhateverTheSize(t *testing.T) {
	n := behindNginx(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 64<<30 {
			t.Errorf("%d bytes are announced", r.ContentLength)
		}
		w.Header().Set("Connection", "close")
		http.Error(w, "no", http.StatusForbidden)
	})
	r, err := http.NewRequest(http.MethodPut, n.URL+"/large", endless{})
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 64 << 30
	res, err := n.Client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("%s, want 403", res.Status)
	}
}

func TestNginxSaysWhoAsksAndForWhat(t *testing.T) {
	var got *http.Request
	n := behindNginx(t, func(_ http.ResponseWriter, r *http.Request) { got = r })
	const path = "/npm/d/local-000000000000/main/@acme%2fleft-pad//x/%2e%2e/y?z=%2f"
	r := httptest.NewRequest(http.MethodGet, n.URL+path, nil)
	r.RequestURI = ""
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded"} {
		r.Header.Set(name, "forged")
	}
	r.Header.Set("Authorization", "Bearer "+strings.Repeat("t", 12<<10))
	through(t, n, r, http.StatusOK)
	host := strings.TrimPrefix(n.URL, "https://")
	if got.RequestURI != path || got.Host != host || got.Header.Get("Forwarded") != "" || len(got.Header.Get("Authorization")) < 12<<10 {
		t.Errorf("the server is asked for %s of %s with %v", got.RequestURI, got.Host, got.Header)
	}
	for name, want := range map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": host} {
		if v := got.Header[name]; len(v) != 1 || v[0] != want {
			t.Errorf("%s: %q, want %s alone", name, v, want)
		}
	}
	got = nil
	through(t, n, get(t, n.URL+"/-/metrics"), http.StatusNotFound)
	if got != nil {
		t.Error("metrics are shown to the world")
	}
	header, _ := through(t, n, get(t, n.Plain+"/a%2fb?c"), http.StatusPermanentRedirect)
	if want := "https://localhost/a%2fb?c"; header.Get("Location") != want {
		t.Errorf("leads to %s, want %s", header.Get("Location"), want)
	}
}

func get(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNginxSaysWhenNobodyAnswers(t *testing.T) {
	harness.EndToEnd(t)
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	n, d := harness.NewNginx(t, harness.Secrets(t), dead.Listener.Addr().String())
	n.Run(t, d)
	header, body := through(t, n, get(t, n.URL+"/v1/domains"), http.StatusServiceUnavailable)
	if header.Get("Retry-After") == "" || !strings.Contains(body, "try again") {
		t.Errorf("%v %s", header, body)
	}
}

// TestNginxBeforeLarder: URLs are those of nginx, and npm works with them.
func TestNginxBeforeLarder(t *testing.T) {
	endToEnd(t)
	u := newUser(t, named("npm11"))
	up := formatstest.NewUpstream(t)
	offerProject(t, up)
	s := serve(t, up.URL, "--trusted-proxy", "127.0.0.1")
	n, d := harness.NewNginx(t, harness.Secrets(t), strings.TrimPrefix(s.URL, "http://"))
	n.Run(t, d)
	u.env = append(u.env, "npm_config_cafile="+n.Authority)
	repository := n.URL + "/npm/d/local-000000000000/main/"
	u.npmrc(t, repository, s.Token(t))
	liveBehind(t, u, repository)
	if log := s.Log(); strings.Contains(log, `"status":5`) {
		t.Errorf("something failed:\n%s", log)
	}
}
