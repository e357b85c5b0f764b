package registry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/registry"
)

// found gives the names of a search's hits.
func (w *world) found(q registry.SearchQuery) (string, int) {
	w.t.Helper()
	q.Format = registry.NPM
	r, err := w.repo("app").Search(w.t.Context(), q)
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, hit := range r.Hits {
		names = append(names, hit.ID.Name)
	}
	return strings.Join(names, " "), r.Total
}

// What is in several repositories of the chain is found once, the exact name
// first, then those that begin with the text; as the rows tell at first, and as
// names are remembered then.
func TestSearchesJoinTheChain(t *testing.T) {
	w := newWorld(t)
	for i, name := range []string{"an-x", "x", "xa", "b-x", "other", "x-b"} {
		w.mustPublish([]string{"app", "team", "store"}[i%3], name, "1.0.0", name)
	}
	w.mustPublish("store", "z-x", "1.0.0", "z")
	if _, err := w.read("app", "z-x", "1.0.0"); err != nil { // it is in two from now on
		t.Fatal(err)
	}
	for range 20 {
		if got, total := w.found(registry.SearchQuery{Text: "X", Size: 10}); got != "x x-b xa an-x b-x z-x" || total != 6 {
			t.Fatalf("got %s of %d", got, total)
		}
		if got, total := w.found(registry.SearchQuery{Text: "x", From: 2, Size: 2}); got != "xa an-x" || total != 6 {
			t.Fatalf("a page: %s of %d", got, total)
		}
		if got, total := w.found(registry.SearchQuery{Size: 1}); got != "an-x" || total != 7 {
			t.Fatalf("everything: %s of %d", got, total)
		}
	}
}

// A package is looked at again when it has changed, and not before.
func TestWhatIsKeptIsRememberedAsLongAsItHolds(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.mustPublish("team", fmt.Sprint("lib", i), "1.0.0", "x")
	}
	var asked []string
	search := func() (string, int) {
		asked = nil
		return w.found(registry.SearchQuery{Text: "lib", Size: 10, KeepAs: "two versions", Keep: func(view *registry.PackageView) bool {
			asked = append(asked, view.ID.Name)
			return len(view.Versions) > 1
		}})
	}
	if got, total := search(); got != "" || total != 0 || len(asked) != 5 {
		t.Errorf("got %q of %d, asked about %v", got, total, asked)
	}
	if got, total := search(); got != "" || total != 0 || len(asked) != 0 {
		t.Errorf("again: got %q of %d, asked about %v", got, total, asked)
	}
	w.mustPublish("team", "lib3", "1.1.0", "y")
	if got, total := search(); got != "lib3" || total != 1 || !slices.Equal(asked, []string{"lib3"}) {
		t.Errorf("after a publish: got %q of %d, asked about %v", got, total, asked)
	}
	// A guard's verdict that may change is not remembered beyond that.
	w.mustPublish("team", "lib4", "1.1.0", "y")
	w.guard.set("lib4@1.1.0", registry.Verdict{Hide: true, Until: w.now().Add(time.Hour)})
	if got, _ := search(); got != "lib3" {
		t.Errorf("while a version is hidden: %q", got)
	}
	w.guard.set("lib4@1.1.0", registry.Verdict{})
	w.pass(2 * time.Hour)
	if got, _ := search(); got != "lib3 lib4" {
		t.Errorf("once it is not: %q", got)
	}
}

func TestHolds(t *testing.T) {
	w := newWorld(t)
	w.mustPublish("store", "there", "1.0.0", "x")
	id := func(name string) registry.PackageID { return registry.PackageID{Format: registry.NPM, Name: name} }
	held, err := w.repo("app").Holds(t.Context(), []registry.PackageID{id("there"), id("nowhere"), id(""), {Format: "none", Name: "x"}})
	if err != nil || len(held) != 1 || !held[id("there")] {
		t.Errorf("got %v, %v", held, err)
	}
}
