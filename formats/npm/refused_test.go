package npm_test

import (
	"net/http"
	"testing"

	"larder/formats/formatstest"
)

// Who may change nothing is told so whatever the body is: it was not read.
func TestWhoMayChangeNothingIsRefusedBeforeTheBody(t *testing.T) {
	s := newServer(t)
	for who, want := range map[string]int{"-": 401, formatstest.Nobody: 403, formatstest.Reader: 403} {
		for _, path := range []string{"lib", "lib/-rev/1", "-/package/lib/dist-tags/1.0.0", "-/package/lib/dist-tags/next"} {
			got := s.Do(formatstest.Call{Method: http.MethodPut, Path: path, As: who, Body: []byte("{ this is no JSON")})
			if got.Status != want {
				t.Errorf("%q PUT %s: got %d %s, want %d", who, path, got.Status, got.Body, want)
			}
		}
	}
}
