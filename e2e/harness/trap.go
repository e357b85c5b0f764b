package harness

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// NoNetwork gives variables that send a client's requests to other hosts than
// this one to a proxy that refuses them and fails the test.
func NoNetwork(t *testing.T) []string {
	t.Helper()
	trap := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the client went past the repository: %s %s", r.Method, r.RequestURI)
		http.Error(w, "end-to-end tests have no network", http.StatusForbidden)
	}))
	t.Cleanup(trap.Close)
	return []string{
		"HTTP_PROXY=" + trap.URL, "HTTPS_PROXY=" + trap.URL, "http_proxy=" + trap.URL, "https_proxy=" + trap.URL,
		"NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost",
	}
}
