package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"larder/registry"
)

func TestEachOperationIsAskedInOneWay(t *testing.T) {
	names, asked, theirs := map[string]bool{}, map[string]string{}, 0
	for _, op := range operations {
		if names[op.name] {
			t.Errorf("%s stands twice in the table", op.name)
		}
		names[op.name] = true
		if as := op.method + " " + op.path; asked[as] != "" {
			t.Errorf("%s and %s are both asked as %s", op.name, asked[as], as)
		} else {
			asked[as] = op.name
		}
		if !strings.HasPrefix(op.path, "/v1/larder/") {
			theirs++
		}
	}
	if theirs != 48 {
		t.Errorf("the table has %d operations of CodeArtifact, which has 48", theirs)
	}
}

// Every operation authenticates first, whether or not it is offered or well asked.
func TestEachOperationWantsASignature(t *testing.T) {
	handler := newServer(nil, Config{Sign: func(*http.Request) (registry.Actor, error) {
		return registry.Actor{}, registry.Errorf(registry.Unauthenticated, "not signed")
	}})
	for _, op := range append(operations, operation{name: "none", method: get, path: "/v1/none"}) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(op.method, op.path, nil))
		if w.Code != 403 || w.Header().Get("x-amzn-ErrorType") != "UnrecognizedClientException" {
			t.Errorf("%s: got %d %s", op.name, w.Code, w.Body)
		}
	}
}
