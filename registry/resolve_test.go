package registry_test

import (
	"testing"
	"time"

	"larder/registry"
)

func TestAFirstFetchThroughAChainIsKeptWhereItWasAskedAndWhereItCameIn(t *testing.T) {
	w := newWorld(t)
	w.puller.offer("left", "1.0")
	got, err := w.read("app", "left", "1.0")
	if err != nil || got != "public left 1.0" {
		t.Fatalf("got %q, %v", got, err)
	}
	if got, want := w.holds("left", "1.0"), "app store"; got != want {
		t.Errorf("held by %q, want %q", got, want)
	}
	w.wantEvents(
		owner+" store left@1.0 Created Published #1 added=1 metadata status",
		owner+" app left@1.0 Created Published #1 added=1 metadata status",
	)
	// Again, and from the middle: nothing is fetched a second time.
	for _, repo := range []string{"app", "team"} {
		if _, err := w.read(repo, "left", "1.0"); err != nil {
			t.Fatal(err)
		}
	}
	if _, pulled := w.puller.counts(); pulled != 1 {
		t.Errorf("pulled %d times", pulled)
	}
	w.wantEvents(owner + " team left@1.0 Created Published #1 added=1 metadata status")
	if n := w.blobCount(acme); n != 1 {
		t.Errorf("%d blobs, want the bytes once", n)
	}
}

func TestAVersionOfAnUpstreamRepositoryIsRetainedOnlyWhereItWasAsked(t *testing.T) {
	w := newWorld(t)
	w.mustPublish("store", "own", "1.0", "bytes")
	w.events()
	if _, err := w.read("app", "own", "1.0"); err != nil {
		t.Fatal(err)
	}
	if got, want := w.holds("own", "1.0"), "app store"; got != want {
		t.Errorf("held by %q, want %q", got, want)
	}
	// It stays when its source loses it.
	if err := w.repo("store").DeleteVersions(t.Context(), pid("own"), []string{"1.0"}, 0); err != nil {
		t.Fatal(err)
	}
	if got, err := w.read("app", "own", "1.0"); err != nil || got != "bytes" {
		t.Errorf("after deletion upstream: %q, %v", got, err)
	}
	w.wantListing("app", "own", "1.0 latest=1.0")
}

func TestTheNearestRepositoryAnswersFirst(t *testing.T) {
	w := newWorld(t)
	w.mustPublish("store", "lib", "1.0", "from store")
	allow(w, "team", "lib", registry.Restrictions{Publish: registry.Allow, Upstream: registry.Block})
	w.mustPublish("team", "lib", "1.0", "from team")
	if got, err := w.read("app", "lib", "1.0"); err != nil || got != "from team" {
		t.Errorf("got %q, %v", got, err)
	}
}

// allow gives a package of a repository its origin configuration.
func allow(w *world, repo, name string, r registry.Restrictions) {
	w.t.Helper()
	w.update(func(tx registry.Tx) error {
		p, err := tx.Package(w.id(repo), pid(name))
		if registry.IsNotFound(err) {
			p, err = registry.Package{ID: pid(name), Created: tx.Now()}, nil
		}
		if err != nil {
			return err
		}
		p.Restrictions = r
		return tx.PutPackage(w.id(repo), p)
	})
}

func setStatus(w *world, repo, name, version string, s registry.Status) {
	w.t.Helper()
	w.update(func(tx registry.Tx) error {
		v, err := tx.Version(w.id(repo), vid(name, version))
		if err != nil {
			return err
		}
		v.Status = s
		if err := tx.PutVersion(w.id(repo), pid(name), v); err != nil {
			return err
		}
		p, err := tx.Package(w.id(repo), pid(name))
		if err != nil {
			return err
		}
		return tx.PutPackage(w.id(repo), p)
	})
}

func TestStatusDecidesWhatIsListedAndServed(t *testing.T) {
	for _, c := range []struct {
		status registry.Status
		listed bool
		served bool
	}{
		{registry.Published, true, true},
		{registry.Unlisted, false, true},
		{registry.Unfinished, false, false},
		{registry.Archived, false, false},
		{registry.Disposed, false, false},
	} {
		t.Run(string(c.status), func(t *testing.T) {
			w := newWorld(t)
			w.mustPublish("store", "lib", "1.0", "one")
			w.mustPublish("store", "lib", "2.0", "two")
			setStatus(w, "store", "lib", "2.0", c.status)
			want := "1.0 latest=1.0"
			if c.listed {
				want = "1.0 2.0 latest=2.0"
			}
			for _, repo := range []string{"store", "app"} {
				w.wantListing(repo, "lib", want)
				_, err := w.read(repo, "lib", "2.0")
				if c.served && err != nil {
					t.Errorf("%s: %v", repo, err)
				}
				if !c.served {
					wantCode(t, err, registry.NotFound)
				}
			}
		})
	}
}

func TestAnArchivedVersionHidesThatOfTheConnectionBehindIt(t *testing.T) {
	w := newWorld(t)
	w.puller.offer("left", "1.0", "2.0")
	if _, err := w.read("store", "left", "2.0"); err != nil {
		t.Fatal(err)
	}
	setStatus(w, "store", "left", "2.0", registry.Archived)
	w.wantListing("app", "left", "1.0 latest=1.0")
	_, err := w.read("app", "left", "2.0")
	wantCode(t, err, registry.NotFound)
}

func TestUpstreamBlockEndsTheSearchThere(t *testing.T) {
	w := newWorld(t)
	w.puller.offer("lib", "1.0", "9.0")
	w.mustPublish("team", "lib", "2.0", "ours") // first published here: publish=ALLOW, upstream=BLOCK
	w.wantListing("app", "lib", "2.0 latest=2.0")
	_, err := w.read("app", "lib", "9.0")
	wantCode(t, err, registry.NotFound)
	if asked, _ := w.puller.counts(); asked != 0 {
		t.Errorf("the public registry was asked %d times for a name that is ours", asked)
	}
	allow(w, "team", "lib", registry.Restrictions{Publish: registry.Allow, Upstream: registry.Allow})
	w.wantListing("app", "lib", "1.0 2.0 9.0 latest=9.0")
}

// What is on its way when a name is taken does not come in beside what has it now.
func TestAVersionThatComesAfterItsNameWasClaimedIsNotKept(t *testing.T) {
	for name, claim := range map[string]func(*world){
		"published where it was asked": func(w *world) { w.mustPublish("app", "lib", "2.0", "ours") },
		"published on the way":         func(w *world) { w.mustPublish("team", "lib", "2.0", "ours") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.puller.offer("lib", "9.0")
			w.puller.during = func() { claim(w) }
			_, err := w.read("app", "lib", "9.0")
			wantCode(t, err, registry.NotFound)
			w.wantListing("app", "lib", "2.0 latest=2.0")
			_, err = w.read("app", "lib", "9.0")
			wantCode(t, err, registry.NotFound)
		})
	}
	t.Run("blocked", func(t *testing.T) {
		w := newWorld(t)
		w.puller.offer("lib", "1.0", "9.0")
		if _, err := w.read("app", "lib", "1.0"); err != nil {
			t.Fatal(err)
		}
		w.puller.during = func() {
			allow(w, "app", "lib", registry.Restrictions{Publish: registry.Allow, Upstream: registry.Block})
		}
		_, err := w.read("app", "lib", "9.0")
		wantCode(t, err, registry.NotFound)
		w.wantListing("app", "lib", "1.0 latest=1.0")
	})
}

func TestAPackageOfAConnectionCannotBePublishedOver(t *testing.T) {
	w := newWorld(t)
	w.puller.offer("left", "1.0")
	if _, err := w.read("app", "left", "1.0"); err != nil {
		t.Fatal(err)
	}
	err := w.publish("app", "left", "3.0", "mine")
	wantCode(t, err, registry.Denied) // first came from upstream: publish=BLOCK
}

func TestPublishingAReachableVersionConflicts(t *testing.T) {
	w := newWorld(t)
	w.puller.offer("left", "1.0")
	w.mustPublish("store", "lib", "1.0", "one")
	t.Run("held by an upstream repository", func(t *testing.T) {
		wantCode(t, w.publish("app", "lib", "1.0", "one"), registry.Conflict)
	})
	t.Run("known of a connection", func(t *testing.T) {
		if _, err := w.listing("app", "left"); err != nil {
			t.Fatal(err)
		}
		wantCode(t, w.publish("app", "left", "1.0", "one"), registry.Conflict)
	})
	t.Run("another version is fine", func(t *testing.T) {
		w.mustPublish("app", "lib", "1.1", "one")
	})
	t.Run("nothing known: upstream is not waited for", func(t *testing.T) {
		w.puller.offer("right", "1.0")
		before, _ := w.puller.counts()
		w.mustPublish("app", "right", "1.0", "one")
		if after, _ := w.puller.counts(); after != before {
			t.Error("publishing asked upstream")
		}
	})
}

func TestAFailedUpstreamIsNotAMissingPackage(t *testing.T) {
	w := newWorld(t)
	w.puller.fail("left", registry.Errorf(registry.UpstreamFailed, "no answer"))
	_, err := w.listing("app", "left")
	wantCode(t, err, registry.UpstreamFailed)
	_, err = w.read("app", "left", "1.0")
	wantCode(t, err, registry.UpstreamFailed)
	_, err = w.listing("app", "never-heard-of")
	wantCode(t, err, registry.NotFound)
	// What is held is served all the same.
	w.mustPublish("store", "left", "0.9", "held")
	allow(w, "store", "left", registry.Restrictions{Publish: registry.Allow, Upstream: registry.Allow})
	w.wantListing("app", "left", "0.9 latest=0.9")
	// And all of it once upstream is back.
	w.puller.fail("left", nil)
	w.puller.offer("left", "1.0")
	w.pass(10 * time.Second)
	w.wantListing("app", "left", "0.9 1.0 latest=1.0")
}

func TestAVersionThatTheListingLacksIsAskedForAtOnce(t *testing.T) {
	w := newWorld(t)
	w.puller.offer("left", "1.0")
	w.wantListing("app", "left", "1.0 latest=1.0")
	w.puller.offer("left", "1.0", "1.1")
	if got, err := w.read("app", "left", "1.1"); err != nil || got != "public left 1.1" {
		t.Errorf("got %q, %v", got, err)
	}
	w.wantListing("app", "left", "1.0 1.1 latest=1.1")
}

// Pitfall N11: each tag finds a version of its own kind.
func TestTagsOfHiddenVersionsFallBackToTheirKind(t *testing.T) {
	w := newWorld(t)
	w.mustPublish("app", "lib", "1.0", "a", "latest")
	w.mustPublish("app", "lib", "2.0-b1", "b", "beta")
	w.mustPublish("app", "lib", "2.0-b2", "c", "beta")
	w.mustPublish("app", "lib", "3.0", "d", "latest")
	w.guard.set("lib@2.0-b2", registry.Verdict{Hide: true})
	w.guard.set("lib@3.0", registry.Verdict{Hide: true})
	w.wantListing("app", "lib", "1.0 2.0-b1 latest=1.0 beta=2.0-b1")
}

func TestTheNearestTagWinsAndPointsAtSomethingVisible(t *testing.T) {
	w := newWorld(t)
	w.mustPublish("store", "lib", "1.0", "a", "latest", "beta")
	w.mustPublish("store", "lib", "3.0", "c", "latest")
	w.mustPublish("app", "lib", "2.0", "b", "latest")
	allow(w, "app", "lib", registry.Restrictions{Publish: registry.Allow, Upstream: registry.Allow})
	w.wantListing("app", "lib", "1.0 2.0 3.0 latest=2.0 beta=1.0")
	w.guard.set("lib@2.0", registry.Verdict{Hide: true})
	w.update(func(tx registry.Tx) error {
		return tx.PutConnection(registry.Connection{Name: "public:npmjs", Format: registry.NPM})
	}) // a rule change moves the graph, as this does
	w.wantListing("app", "lib", "1.0 3.0 latest=3.0 beta=1.0")
	w.guard.set("lib@3.0", registry.Verdict{Hide: true})
	w.guard.set("lib@1.0", registry.Verdict{Refuse: true, Reason: "lib 1.0 is blocked: it steals"})
	w.update(func(tx registry.Tx) error {
		return tx.PutConnection(registry.Connection{Name: "public:npmjs", Format: registry.NPM})
	})
	w.wantListing("app", "lib", "1.0 latest=1.0 beta=1.0")
	_, err := w.read("app", "lib", "1.0")
	wantCode(t, err, registry.Denied)
	if got := registry.MessageOf(err); got != "lib 1.0 is blocked: it steals" {
		t.Errorf("message %q", got)
	}
}
