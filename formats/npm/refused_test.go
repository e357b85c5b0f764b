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

// Who may read sees the revisions, and a wrong one says less than that they may
// not delete.
func TestWhoMayNotDeleteIsToldSoWhateverTheRevision(t *testing.T) {
	s := newServer(t)
	must(t, s, publish("lib", "1.0.0", []byte("x")))
	for _, path := range []string{"lib/-rev/1", "lib/-rev/9-larder", "lib/-/lib-1.0.0.tgz/-rev/1", "lib/-/lib-1.0.0.tgz/-rev/9-larder"} {
		for who, want := range map[string]int{"": 409, formatstest.Reader: 403} {
			if got := s.Do(formatstest.Call{Method: http.MethodDelete, Path: path, As: who}); got.Status != want {
				t.Errorf("%q DELETE %s: got %d %s, want %d", who, path, got.Status, got.Body, want)
			}
		}
	}
}
