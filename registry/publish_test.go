package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"larder/registry"
)

func TestAPublishedVersionIsThereForTheNextRequest(t *testing.T) {
	w := newWorld(t)
	w.mustPublish("app", "lib", "1.0", "bytes", "latest")
	w.wantListing("app", "lib", "1.0 latest=1.0")
	if got, err := w.read("app", "lib", "1.0"); err != nil || got != "bytes" {
		t.Fatalf("got %q, %v", got, err)
	}
	w.wantEvents(owner + " app lib@1.0 Created Published #1 added=1 metadata status")
	err := w.meta.View(t.Context(), func(tx registry.Tx) error {
		p, err := tx.Package(w.id("app"), pid("lib"))
		if err != nil {
			return err
		}
		if want := (registry.Restrictions{Publish: registry.Allow, Upstream: registry.Block}); p.Restrictions != want {
			t.Errorf("first published: %+v, want %+v", p.Restrictions, want)
		}
		v, err := tx.Version(w.id("app"), vid("lib", "1.0"))
		if want := (registry.Origin{Type: registry.OriginInternal, Repository: "app"}); v.Origin != want {
			t.Errorf("origin %+v, want %+v", v.Origin, want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestASealedVersionDoesNotChange(t *testing.T) {
	w := newWorld(t)
	w.mustPublish("app", "lib", "1.0", "bytes")
	w.events()
	for _, content := range []string{"bytes", "others"} {
		wantCode(t, w.publish("app", "lib", "1.0", content), registry.Conflict)
	}
	for _, s := range []registry.Status{registry.Archived, registry.Disposed} {
		setStatus(w, "app", "lib", "1.0", s)
		wantCode(t, w.publish("app", "lib", "1.0", "bytes"), registry.Conflict)
	}
	w.wantEvents()
	if n := w.blobCount(acme); n != 1 {
		t.Errorf("%d blobs after refused publishes, want 1", n)
	}
}

func TestADisposedNumberIsNotFree(t *testing.T) {
	for _, mode := range []registry.Mode{registry.Seal, registry.Extend, registry.Replace} {
		w := newWorld(t)
		w.mustPublish("app", "lib", "1.0", "first")
		if _, err := w.svc.DisposePackageVersions(t.Context(), alice, w.id("app"), pid("lib"), batch("1.0")); err != nil {
			t.Fatal(err)
		}
		err := w.draft("app", registry.Draft{ID: vid("lib", "1.0"), Status: registry.Published, Mode: mode}, "second")
		wantCode(t, err, registry.Conflict)
		if _, err := w.read("app", "lib", "1.0"); !registry.IsNotFound(err) {
			t.Errorf("mode %d: %v", mode, err)
		}
	}
}

func TestADeletedNumberIsFreeAgain(t *testing.T) {
	w := newWorld(t)
	w.mustPublish("app", "lib", "1.0", "first")
	if err := w.repo("app").DeleteVersions(t.Context(), pid("lib"), []string{"1.0"}, 0); err != nil {
		t.Fatal(err)
	}
	_, err := w.read("app", "lib", "1.0")
	wantCode(t, err, registry.NotFound)
	w.mustPublish("app", "lib", "1.0", "second")
	if got, err := w.read("app", "lib", "1.0"); err != nil || got != "second" {
		t.Errorf("got %q, %v", got, err)
	}
	w.wantEvents(
		owner+" app lib@1.0 Created Published #1 added=1 metadata status",
		owner+" app lib@1.0 Deleted Deleted #2 removed=1 status",
		owner+" app lib@1.0 Created Published #3 added=1 metadata status",
	)
}

func TestExtendAddsWhatIsNew(t *testing.T) {
	w := newWorld(t)
	id := registry.VersionID{Package: registry.PackageID{Format: registry.Maven, Namespace: "org.acme", Name: "lib"}, Version: "1.0"}
	put := func(name, content string, s registry.Status) error {
		pub, err := w.repo("app").Publish(t.Context(), id.Package)
		if err != nil {
			return err
		}
		defer pub.Abort()
		if _, err := pub.Stage(t.Context(), name, strings.NewReader(content)); err != nil {
			return err
		}
		return pub.Commit(t.Context(), registry.Draft{ID: id, Status: s, Mode: registry.Extend, Assets: []string{name}})
	}
	for _, f := range []struct{ name, content string }{{"lib.jar", "jar"}, {"lib.pom", "pom"}, {"lib.jar", "jar"}} {
		if err := put(f.name, f.content, registry.Unfinished); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, put("lib.jar", "another jar", registry.Unfinished), registry.Conflict)
	if err := put("lib-sources.jar", "src", registry.Published); err != nil {
		t.Fatal(err)
	}
	if err := put("lib.asc", "later", registry.Unfinished); err != nil {
		t.Fatal(err) // assets may follow, and the version stays Published
	}
	w.wantEvents(
		owner+" app lib@1.0 Created Unfinished #1 added=1 metadata status",
		owner+" app lib@1.0 Updated Unfinished #2 added=1",
		owner+" app lib@1.0 Updated Published #3 added=1 status",
		owner+" app lib@1.0 Updated Published #4 added=1",
	)
}

func TestWhatIsRefusedLeavesNothing(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	pub, err := w.repo("app").Publish(ctx, pid("lib"))
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Abort()
	broken := errors.New("connection lost")
	if _, err := pub.Stage(ctx, "package.tgz", io.MultiReader(strings.NewReader("half"), errReader{broken})); !errors.Is(err, broken) {
		t.Errorf("got %v, want the reader's own error", err)
	}
	for _, name := range []string{"../x", "a/b", `a\b`, "..", "", "a\x00b"} {
		_, err := pub.Stage(ctx, name, strings.NewReader("x"))
		wantCode(t, err, registry.Invalid)
	}
	for _, name := range []string{"", "a b", "a/b", "a#b", strings.Repeat("a", 256), "a\x01", "\xff"} {
		_, err := w.repo("app").Publish(ctx, registry.PackageID{Format: registry.NPM, Namespace: name + " ", Name: name})
		if name == "" {
			continue // asks whether any package could be published
		}
		wantCode(t, err, registry.Invalid)
	}
	if _, err := pub.Stage(ctx, "package.tgz", strings.NewReader("whole")); err != nil {
		t.Fatal(err)
	}
	pub.Abort()
	if n := w.blobCount(acme); n != 0 {
		t.Errorf("%d blobs stay", n)
	}
	w.wantEvents()
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

func TestConcurrentPublishesOfOnePackageAllArrive(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	errs := make(chan error, 20)
	for i := range 20 {
		wg.Go(func() { errs <- w.publish("app", "lib", fmt.Sprintf("1.%02d", i), "same bytes") })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	p, err := w.repo("app").Package(t.Context(), pid("lib"))
	if err != nil || len(p.Versions) != 20 {
		t.Fatalf("%d versions, %v", len(p.Versions), err)
	}
	if n := w.blobCount(acme); n != 1 {
		t.Errorf("%d blobs of equal bytes", n)
	}
}

func TestBytesGoWithTheirLastReferenceInTheDomain(t *testing.T) {
	w := newWorld(t)
	twin := registry.DomainID{Owner: owner, Name: "twin"}
	w.update(func(tx registry.Tx) error { return tx.CreateDomain(registry.Domain{ID: twin, Created: tx.Now()}) })
	w.repository(registry.Repository{ID: registry.RepoID{Domain: twin, Name: "app"}})
	publish := func(id registry.RepoID, name string) {
		t.Helper()
		pub, err := w.svc.Repo(alice, id).Publish(t.Context(), pid(name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pub.Stage(t.Context(), "package.tgz", strings.NewReader("the same")); err != nil {
			t.Fatal(err)
		}
		if err := pub.Commit(t.Context(), registry.Draft{ID: vid(name, "1.0"), Status: registry.Published, Assets: []string{"package.tgz"}}); err != nil {
			t.Fatal(err)
		}
	}
	publish(w.id("app"), "one")
	publish(w.id("team"), "two")
	publish(registry.RepoID{Domain: twin, Name: "app"}, "one")
	if a, b := w.blobCount(acme), w.blobCount(twin); a != 1 || b != 1 {
		t.Fatalf("%d and %d blobs, want one in each domain", a, b)
	}
	if err := w.repo("app").DeletePackage(t.Context(), pid("one"), 0); err != nil {
		t.Fatal(err)
	}
	if n := w.blobCount(acme); n != 1 {
		t.Errorf("%d blobs while another package has the bytes", n)
	}
	if err := w.repo("team").DeletePackage(t.Context(), pid("two"), 0); err != nil {
		t.Fatal(err)
	}
	if a, b := w.blobCount(acme), w.blobCount(twin); a != 0 || b != 1 {
		t.Errorf("%d and %d blobs, want none here and the other domain's untouched", a, b)
	}
}

func TestUnpublishingMovesLatest(t *testing.T) {
	w := newWorld(t)
	w.mustPublish("app", "lib", "1.0", "a", "latest")
	w.mustPublish("app", "lib", "2.0", "b", "latest", "beta")
	w.mustPublish("app", "lib", "3.0-rc", "c", "next")
	if err := w.repo("app").DeleteVersions(t.Context(), pid("lib"), []string{"2.0"}, 0); err != nil {
		t.Fatal(err)
	}
	w.wantListing("app", "lib", "1.0 3.0-rc latest=1.0")
	wantCode(t, w.repo("app").DeleteVersions(t.Context(), pid("lib"), []string{"1.0", "7.0"}, 0), registry.NotFound)
	w.wantListing("app", "lib", "1.0 3.0-rc latest=1.0")
}

func TestAnEditOfAStaleDocumentIsRefused(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.mustPublish("app", "lib", "1.0", "a")
	held, err := w.repo("app").Held(ctx, pid("lib"))
	if err != nil {
		t.Fatal(err)
	}
	w.mustPublish("app", "lib", "1.1", "b")
	amended := map[string]json.RawMessage{"1.0": json.RawMessage(`{"deprecated":"yes"}`)}
	wantCode(t, w.repo("app").Amend(ctx, pid("lib"), amended, held.Revision), registry.Conflict)
	wantCode(t, w.repo("app").DeletePackage(ctx, pid("lib"), held.Revision), registry.Conflict)
	w.events()
	for range 2 { // the second time changes nothing
		if err := w.repo("app").Amend(ctx, pid("lib"), amended, 0); err != nil {
			t.Fatal(err)
		}
	}
	w.wantEvents(owner + " app lib@1.0 Updated Published #3 metadata")
}

func TestTags(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.mustPublish("app", "lib", "1.0", "a", "latest")
	w.mustPublish("app", "lib", "2.0", "b", "latest")
	w.events()
	app := w.repo("app")
	if err := app.SetTag(ctx, pid("lib"), "beta", "1.0"); err != nil {
		t.Fatal(err)
	}
	w.wantListing("app", "lib", "1.0 2.0 latest=2.0 beta=1.0")
	if err := app.RemoveTag(ctx, pid("lib"), "beta"); err != nil {
		t.Fatal(err)
	}
	w.wantListing("app", "lib", "1.0 2.0 latest=2.0")
	w.wantEvents(
		owner+" app lib@1.0 Updated Published #3 metadata",
		owner+" app lib@1.0 Updated Published #4 metadata",
	)
	wantCode(t, app.SetTag(ctx, pid("lib"), "beta", "9.0"), registry.NotFound)
	wantCode(t, app.SetTag(ctx, pid("lib"), "a b", "1.0"), registry.Invalid)
	wantCode(t, w.publish("app", "lib", "3.0", "c", "a b"), registry.Invalid)
	wantCode(t, w.publish("app", "lib", "3.0", "c", strings.Repeat("a", 256)), registry.Invalid)
	wantCode(t, app.RemoveTag(ctx, pid("lib"), "beta"), registry.NotFound)
	wantCode(t, app.RemoveTag(ctx, pid("lib"), "latest"), registry.Invalid)
}

func TestTheAdministratorsAccountIsToldToo(t *testing.T) {
	w := newWorld(t)
	w.repository(registry.Repository{ID: w.id("lent"), Administrator: other})
	w.mustPublish("lent", "lib", "1.0", "a")
	w.wantEvents(
		owner+" lent lib@1.0 Created Published #1 added=1 metadata status",
		other+" lent lib@1.0 Created Published #1 added=1 metadata status",
	)
}

func TestAssetsOverTheLimitAreRefused(t *testing.T) {
	w := newWorld(t)
	svc, err := registry.New(registry.Config{
		Metadata: w.meta, Blobs: w.blobs, Authorizer: w, Rules: map[string]registry.Rules{registry.NPM: plainRules{}},
		Limits: registry.Limits{AssetSize: 10},
	})
	if err != nil {
		t.Fatal(err)
	}
	pub, err := svc.Repo(alice, w.id("app")).Publish(context.Background(), pid("lib"))
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Abort()
	if _, err := pub.Stage(t.Context(), "fits", strings.NewReader("0123456789")); err != nil {
		t.Error(err)
	}
	_, err = pub.Stage(t.Context(), "does-not", strings.NewReader("0123456789+"))
	wantCode(t, err, registry.TooLarge)
}
