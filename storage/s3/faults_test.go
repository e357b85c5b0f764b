package s3_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"larder/registry"
	"larder/storage/s3"
)

// through opens the store by a way on which answers meet what spoil makes of
// them; it reports whether it has answered itself.
func through(t *testing.T, spoil func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool) *s3.Blobs {
	t.Helper()
	to := must[*url.URL](t)(url.Parse(place(t, "part-size=5MiB")))
	q := to.Query()
	store := must[*url.URL](t)(url.Parse(q.Get("endpoint")))
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(store)
		r.Out.Host = r.In.Host // it is signed
	}}
	way := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !spoil(w, r, pass) {
			pass.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(way.Close)
	q.Set("endpoint", way.URL)
	to.RawQuery = q.Encode()
	return open(t, to.String())
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// cutter ends an answer after so many bytes of its body.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	if len(p) >= c.left {
		c.ResponseWriter.Write(p[:c.left]) //nolint:errcheck // it ends anyway
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

func TestAnAnswerThatIsCutIsGoneOnWith(t *testing.T) {
	var cuts atomic.Int64
	b := through(t, func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool {
		if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/sha256/") || cuts.Add(-1) < 0 {
			return false
		}
		pass.ServeHTTP(&cutter{w, 100_000}, r)
		return true
	})
	content := random(1 << 20)
	digest := put(t, b, content)
	cuts.Store(2) // the first bytes
	r := must[registry.Blob](t)(b.Open(t.Context(), acme, digest))
	defer r.Close()
	cuts.Store(3)
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d of %d bytes come back: %v", len(got), len(content), err)
	}
	cuts.Store(3)
	part := make([]byte, 500_000)
	if _, err := r.ReadAt(part, 400_000); err != nil || !bytes.Equal(part, content[400_000:900_000]) {
		t.Errorf("ReadAt: %v, or other bytes", err)
	}

	cuts.Store(1000)
	if _, err := r.Seek(300_000, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); registry.CodeOf(err) != registry.Unavailable {
		t.Errorf("a store that cuts every answer: %v, want Unavailable", err)
	}
}

// nobody takes an answer.
type nobody struct{ header http.Header }

func (n nobody) Header() http.Header         { return n.header }
func (n nobody) Write(p []byte) (int, error) { return len(p), nil }
func (n nobody) WriteHeader(int)             {}

// The request is made again, and the store has done it already.
func TestARequestWhoseAnswerIsLostIsDone(t *testing.T) {
	for name, request := range map[string]func(*http.Request) bool{
		"the whole":   func(r *http.Request) bool { return r.Method == http.MethodPut && r.URL.RawQuery == "" },
		"a beginning": func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Query().Has("uploads") },
		"a part":      func(r *http.Request) bool { return r.Method == http.MethodPut && r.URL.Query().Has("partNumber") },
		"the end":     func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Query().Has("uploadId") },
		"the copy":    func(r *http.Request) bool { return r.Header.Get("X-Amz-Copy-Source") != "" },
		"a removal":   func(r *http.Request) bool { return r.Method == http.MethodDelete },
	} {
		t.Run(name, func(t *testing.T) {
			var lost atomic.Bool
			b := through(t, func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool {
				if !request(r) {
					return false
				}
				if lost.Swap(true) {
					if name == "the end" { // stores differ in what they know of an upload that was completed
						w.WriteHeader(http.StatusNotFound)
						io.WriteString(w, "<Error><Code>NoSuchUpload</Code></Error>") //nolint:errcheck // a test's
						return true
					}
					return false
				}
				pass.ServeHTTP(nobody{http.Header{}}, r)
				panic(http.ErrAbortHandler)
			})
			size := 6 << 20
			if name == "the whole" {
				size = 1000
			}
			content := random(size)
			digest := put(t, b, content)
			r := must[registry.Blob](t)(b.Open(t.Context(), acme, digest))
			defer r.Close()
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d of %d bytes come back: %v", len(got), len(content), err)
			}
			if !lost.Load() {
				t.Error("no answer was lost")
			}
		})
	}
}

// What the store says for a while is no fault of this server, and no sign that
// the bytes are not there.
func TestAStoreThatRefusesIsUnavailable(t *testing.T) {
	var status, code atomic.Value
	status.Store(0)
	b := through(t, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if status.Load() == 0 {
			return false
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status.Load().(int))
		if r.Method != http.MethodHead {
			io.WriteString(w, "<Error><Code>"+code.Load().(string)+"</Code></Error>") //nolint:errcheck // a test's
		}
		return true
	})
	digest := put(t, b, []byte("content"))
	for c, s := range map[string]int{
		"SlowDown": 503, "InternalError": 500, "RequestTimeTooSkewed": 403, "ExpiredToken": 400, "InvalidAccessKeyId": 403, "RequestTimeout": 400,
	} {
		code.Store(c)
		status.Store(s)
		if _, err := b.Open(t.Context(), acme, digest); registry.CodeOf(err) != registry.Unavailable {
			t.Errorf("open with %s: %v, want Unavailable", c, err)
		}
		w := must[registry.BlobWriter](t)(b.Create(t.Context(), acme))
		if _, err := w.Write([]byte("other")); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(t.Context(), digest); err == nil || registry.IsNotFound(err) {
			t.Errorf("commit with %s: %v", c, err)
		}
	}
}
