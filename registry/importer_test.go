package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"larder/registry"
)

// importDue passes the time that clients have, and brings in what is due.
func (w *world) importDue() {
	w.t.Helper()
	w.pass(2 * time.Second)
	if _, err := w.svc.ImportDue(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// assets gives the names of the files of lib 1.0 that the repository holds.
func (w *world) assets(repo string) string {
	w.t.Helper()
	var names []string
	err := w.meta.View(w.t.Context(), func(tx registry.Tx) error {
		v, err := tx.Version(w.id(repo), growing("1.0"))
		for _, a := range v.Assets {
			names = append(names, a.Name)
		}
		return err
	})
	if err != nil {
		return "error: " + err.Error()
	}
	return strings.Join(names, " ")
}

func (w *world) wantAssets(repo, want string) {
	w.t.Helper()
	if got := w.assets(repo); got != want {
		w.t.Errorf("%s holds %q, want %q", repo, got, want)
	}
}

func (w *world) waiting() (all []registry.Import) {
	w.t.Helper()
	err := w.meta.View(w.t.Context(), func(tx registry.Tx) (err error) {
		all, err = tx.Imports(10)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// Spec 3.3: what is imported.
func TestAllFilesOfAVersionComeInWithOneEventForEachRepository(t *testing.T) {
	w := newGrowingWorld(t)
	w.list("first", registry.Published, "a", "b", "c")
	w.mustFetch("app", "b")
	w.wantEvents(
		"111111111111 store lib@1.0 Created Published #1 added=1 metadata status",
		"111111111111 app lib@1.0 Created Published #1 added=1 metadata status",
	)
	if idle, err := w.svc.ImportDue(t.Context()); err != nil || idle != 2*time.Second {
		t.Errorf("idle for %v, %v, before the time has come", idle, err)
	}
	w.wantAssets("app", "b")

	w.importDue()
	w.wantAssets("app", "a b c")
	w.wantAssets("store", "a b c")
	if got := w.holds("lib", "1.0"); got != "" {
		t.Errorf("%s: npm's", got)
	}
	w.wantEvents(
		"111111111111 store lib@1.0 Updated Published #2 added=2 metadata",
		"111111111111 app lib@1.0 Updated Published #2 added=2 metadata",
	)
	if got := w.waiting(); len(got) != 0 {
		t.Errorf("%v are still to be imported", got)
	}
	_, before := w.puller.counts()
	w.mustFetch("app", "a")
	if _, after := w.puller.counts(); before != 3 || after != before {
		t.Errorf("pulled %d times, and then %d", before, after)
	}
	w.wantEvents("")
}

func TestAVersionIsCopiedWholeOnceItsFilesAreHere(t *testing.T) {
	w := newGrowingWorld(t)
	w.repository(registry.Repository{ID: w.id("apart")})
	w.list("first", registry.Published, "a", "b")
	w.mustFetch("app", "a")
	w.importDue()
	if _, err := w.svc.CopyPackageVersions(t.Context(), alice, registry.Copy{From: w.id("app"), To: w.id("apart"), Package: growing("").Package, Versions: []string{"1.0"}}); err != nil {
		t.Fatal(err)
	}
	w.mustFetch("apart", "b")
}

func TestWhoTakesAVersionOverWhileItIsImportedGetsAllOfIt(t *testing.T) {
	w := newGrowingWorld(t)
	w.repository(registry.Repository{ID: w.id("side"), Upstreams: []string{"store"}})
	w.list("first", registry.Published, "a", "b")
	w.mustFetch("app", "a")
	w.mustFetch("side", "a")
	w.importDue()
	for _, repo := range []string{"app", "side", "store"} {
		w.wantAssets(repo, "a b")
	}
	if _, pulled := w.puller.counts(); pulled != 2 {
		t.Errorf("pulled %d times", pulled)
	}
}

// The asked repository does not reach the connection any more, and what the one
// with the connection has got meanwhile is there.
func TestAnImportTakesOverWhatIsHeldUpstream(t *testing.T) {
	w := newGrowingWorld(t)
	w.repository(registry.Repository{ID: w.id("side"), Upstreams: []string{"store"}})
	w.list("first", registry.Published, "a", "b")
	w.mustFetch("side", "a")
	w.mustFetch("store", "b")
	w.connect()
	w.importDue()
	w.wantAssets("side", "a b")
	if got := w.waiting(); len(got) != 0 {
		t.Errorf("%v are still to be imported", got)
	}
}

func TestAFailedImportIsTriedAgainAndThenGivenUp(t *testing.T) {
	w := newGrowingWorld(t)
	w.list("first", registry.Published, "a", "b", "c", "d", "e", "f")
	w.mustFetch("app", "a")
	w.puller.failFile(registry.Errorf(registry.UpstreamFailed, "no"), "b", "c", "d", "e")
	w.importDue()
	w.wantAssets("app", "a")
	if _, pulled := w.puller.counts(); pulled != 4 {
		t.Errorf("pulled %d times, three of which failed in a row", pulled)
	}
	if got := w.waiting(); len(got) != 1 || got[0].Attempts != 1 || !got[0].Due.Equal(w.now().Add(2*time.Minute)) {
		t.Errorf("waiting: %+v", got)
	}
	w.puller.failFile(nil, "b", "c", "d")
	w.pass(2 * time.Minute)
	w.importDue()
	w.wantAssets("app", "a b c d f")
	for range 4 {
		if got := w.waiting(); len(got) != 1 {
			t.Fatalf("waiting: %+v", got)
		}
		w.pass(time.Hour)
		w.importDue()
	}
	if got := w.waiting(); len(got) != 0 {
		t.Errorf("waiting: %+v", got)
	}
	w.puller.failFile(nil, "e")
	w.mustFetch("app", "e")
}

func TestFilesThatAreNotThereOrNotAllowedAreLeftOut(t *testing.T) {
	w := newGrowingWorld(t)
	w.list("first", registry.Published, "a", "b", "c")
	w.mustFetch("app", "a")
	w.puller.failFile(registry.Errorf(registry.NotFound, "gone"), "b")
	w.puller.failFile(registry.Errorf(registry.Denied, "malicious"), "c")
	w.importDue()
	w.wantAssets("app", "a")
	if got := w.waiting(); len(got) != 0 {
		t.Errorf("waiting: %+v", got)
	}
}

func TestNothingIsImportedOfAVersionThatIsGoneOrRefused(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"deleted": func(w *world) {
			for _, repo := range []string{"app", "store"} {
				_, err := w.svc.DeletePackageVersions(t.Context(), alice, w.id(repo), growing("").Package, registry.Batch{Versions: []string{"1.0"}})
				if err != nil {
					t.Fatal(err)
				}
			}
		},
		"archived": func(w *world) {
			_, err := w.svc.UpdatePackageVersionsStatus(t.Context(), alice, w.id("app"), growing("").Package, registry.Batch{Versions: []string{"1.0"}}, registry.Archived)
			if err != nil {
				t.Fatal(err)
			}
		},
		"refused by the guard": func(w *world) { w.guard.set("lib@1.0", registry.Verdict{Refuse: true, Reason: "malware"}) },
		"without its repository": func(w *world) {
			if _, err := w.svc.DeleteRepository(t.Context(), alice, w.id("app")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newGrowingWorld(t)
			w.list("first", registry.Published, "a", "b")
			w.mustFetch("app", "a")
			change(w)
			w.events()
			_, before := w.puller.counts()
			w.importDue()
			if _, after := w.puller.counts(); after != before {
				t.Errorf("pulled %d times more", after-before)
			}
			w.wantEvents("")
			if got := w.waiting(); len(got) != 0 {
				t.Errorf("waiting: %+v", got)
			}
		})
	}
}

func TestWhatIsGoneByTheTimeThatFilesAreHereStaysGone(t *testing.T) {
	w := newGrowingWorld(t)
	w.list("first", registry.Published, "a", "b")
	w.mustFetch("app", "a")
	w.events()
	w.puller.during = func() {
		_, err := w.svc.DeletePackageVersions(t.Context(), alice, w.id("app"), growing("").Package, registry.Batch{Versions: []string{"1.0"}})
		if err != nil {
			t.Error(err)
		}
	}
	w.importDue()
	if got := w.assets("app"); !strings.HasPrefix(got, "error") {
		t.Errorf("app holds %q again", got)
	}
	w.wantAssets("store", "a b")
}

func TestAnImportThatIsCutOffIsBegunAnew(t *testing.T) {
	w := newGrowingWorld(t)
	w.list("first", registry.Published, "a", "b")
	w.mustFetch("app", "a")
	w.pass(2 * time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	w.puller.during = cancel
	if _, err := w.svc.ImportDue(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := w.waiting(); len(got) != 1 || got[0].Attempts != 0 {
		t.Errorf("waiting: %+v", got)
	}
	w.importDue()
	w.wantAssets("app", "a b")
}

func TestImportsRunBehindRequests(t *testing.T) {
	w := newGrowingWorld(t)
	w.list("first", registry.Published, "a", "b")
	ctx, cancel := context.WithCancel(t.Context())
	done, here := make(chan error), make(chan struct{})
	w.mustFetch("app", "a")
	w.pass(time.Minute)
	w.puller.during = func() { close(here) }
	go func() { done <- w.svc.ImportVersions(ctx) }()
	<-here
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// guessingRules are those of a format whose registries list no files.
type guessingRules struct{ plainRules }

func (guessingRules) Guess(id registry.VersionID) []string {
	return []string{id.Version + ".x", id.Version + ".y", id.Version + ".z"}
}

func TestWhereNoFilesAreListedThoseOfUsualNamesAreImportedOnce(t *testing.T) {
	w := newWorld(t)
	w.connect("public:maven-central")
	id := registry.VersionID{Package: registry.PackageID{Format: registry.Maven, Namespace: "org", Name: "lib"}, Version: "1.0"}
	w.puller.mu.Lock()
	w.puller.bytes["lib@1.0"] = "public bytes"
	w.puller.listings["lib"] = &registry.Listing{Versions: []registry.ListedVersion{{Version: "1.0", Status: registry.Published, Manifest: json.RawMessage(`{}`)}}}
	w.puller.locates = true
	w.puller.mu.Unlock()
	w.puller.failFile(registry.Errorf(registry.NotFound, "none"), "1.0.z")
	get := func(name string) {
		t.Helper()
		c, err := w.repo("app").Asset(t.Context(), id, name)
		if err != nil {
			t.Fatal(err)
		}
		c.Body.Close()
	}
	get("1.0.x")
	w.importDue()
	_, before := w.puller.counts()
	get("1.0.y")
	if _, after := w.puller.counts(); before != 3 || after != before {
		t.Errorf("pulled %d times, and then %d", before, after)
	}
	get("1.0.other")
	if got := w.waiting(); len(got) != 0 {
		t.Errorf("another file of a version that is here: %+v is to be imported", got)
	}
}
