package e2e

import (
	"io"
	"net/http"
	"testing"

	"larder/e2e/harness"
)

// server is one larder process with a data folder of its own.
type server struct{ *harness.Server }

// serve starts larder with an empty data folder, whose npm connection leads to
// the upstream, and stops it at the end of the test.
func serve(t *testing.T, upstream string, flags ...string) *server {
	t.Helper()
	return serveFrom(t, t.TempDir(), upstream, flags...)
}

// serveFrom is serve for a data folder that is there already.
func serveFrom(t *testing.T, data, upstream string, flags ...string) *server {
	t.Helper()
	before := []string{"--nats-listen", "127.0.0.1:0"}
	if upstream != "" {
		before = append(before, "--external-connection", "public:npmjs="+upstream+"/")
	}
	return &server{harness.ServeFrom(t, data, append(before, flags...)...)}
}

// repository is the URL of npm repository main, as clients are told.
func (s *server) repository() string { return s.Repository("npm", "main") }

// get asks for a path of repository main with a token.
func (s *server) get(t *testing.T, token, path string, header ...string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.repository()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, body
}
