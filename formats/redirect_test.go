package formats_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"larder/formats"
	"larder/internal/httpx"
	"larder/registry"
)

// away is a blob that is kept elsewhere.
type away struct {
	*strings.Reader
	always bool
}

func (away) Close() error { return nil }

func (b away) Redirect(_ context.Context, asked bool, contentType, disposition string) (string, error) {
	if !asked && !b.always {
		return "", nil
	}
	return "https://store.test/?type=" + contentType + "&as=" + disposition, nil
}

func TestAClientIsSentToTheStoreWhereThatIsConfiguredOrAsked(t *testing.T) {
	for _, c := range []struct {
		what, method string
		always       bool
		headers      map[string]string
		status       int
	}{
		{"nobody asks", "GET", false, nil, 200},
		{"the client asks", "GET", false, map[string]string{"X-Larder-Redirect": "1"}, 307},
		{"always", "GET", true, nil, 307},
		{"HEAD is answered here", "HEAD", true, nil, 200},
		{"what the client has is not sent", "GET", true, map[string]string{"If-None-Match": `"e"`}, 304},
	} {
		w := httptest.NewRecorder()
		r := &formats.Request{Request: httptest.NewRequest(c.method, "/", nil)}
		for name, value := range c.headers {
			r.Header.Set(name, value)
		}
		a := &registry.AssetContent{Size: 7, ETag: `"e"`, Body: away{strings.NewReader("content"), c.always}}
		if err := formats.ServeAsset(httpx.Recording(w), r, a, "application/x-test", "f.tgz"); err != nil {
			t.Fatal(err)
		}
		location, cache := w.Header().Get("Location"), w.Header().Get("Cache-Control")
		if w.Code != c.status || (location != "") != (c.status == 307) || (cache == "no-store") != (c.status == 307) {
			t.Errorf("%s: %d to %q, %s; want %d", c.what, w.Code, location, cache, c.status)
		}
		if c.status == 307 && (location != `https://store.test/?type=application/x-test&as=attachment; filename="f.tgz"` || w.Body.Len() != 0) {
			t.Errorf("%s: %q with %q", c.what, location, w.Body)
		}
	}
}

func TestWhatIsAwaySaysWhenToComeBack(t *testing.T) {
	f := formats.Format{
		Name: "fake",
		Routes: []formats.Route{{Methods: []string{"GET"}, Pattern: "/away", Operation: "away", Handle: func(http.ResponseWriter, *formats.Request) error {
			return registry.Errorf(registry.Unavailable, "the database cannot be reached")
		}}},
		WriteError: func(w http.ResponseWriter, r *http.Request, err error) {
			http.Error(w, formats.Message(err), formats.Status(err))
		},
	}
	h := formats.Mount(&registry.Service{}, []formats.Format{f}, formats.Options{
		Authenticate: func(*http.Request) (registry.Actor, error) { return registry.Actor{}, nil }, Base: httpx.Base,
	})
	w := ask(h, "GET", "http://h.test/fake/d/acme-111111111111/main/away")
	if w.Code != 503 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("got %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
}
