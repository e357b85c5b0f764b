package registry_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"larder/registry"
)

// atOnce is how long tests wait for what happens at once.
const atOnce = 10 * time.Second

// beside is another version that the connection lists.
var beside = registry.VersionID{Package: registry.PackageID{Format: registry.PyPI, Name: "other"}, Version: "1.0"}

// noteOther lets somebody ask for one of the two files of the other version.
func (w *world) noteOther() {
	w.t.Helper()
	w.puller.mu.Lock()
	l := *w.puller.listings["lib"]
	l.Versions = []registry.ListedVersion{{Version: "1.0", Status: registry.Published, Assets: []registry.ListedAsset{{Name: "x", URL: "x"}, {Name: "y", URL: "y"}}}}
	w.puller.listings["other"] = &l
	w.puller.bytes["other@1.0"] = "other bytes"
	w.puller.mu.Unlock()
	c, err := w.repo("app").Asset(w.t.Context(), beside, "x")
	if err != nil {
		w.t.Error(err)
		return
	}
	c.Body.Close()
}

// untilTheNextPull lets the next file wait until the one after it is asked for.
func (w *world) untilTheNextPull(meanwhile func()) {
	next := make(chan struct{})
	w.puller.during = func() {
		w.puller.mu.Lock()
		w.puller.during = func() { close(next) }
		w.puller.mu.Unlock()
		meanwhile()
		select {
		case <-next:
		case <-time.After(atOnce):
			w.t.Error("nothing else was imported meanwhile")
		}
	}
}

func TestOneVersionForManyRepositoriesKeepsNoOtherWaiting(t *testing.T) {
	w := newGrowingWorld(t)
	w.list("first", registry.Published, "a", "b")
	w.mustFetch("app", "a")
	for _, side := range strings.Fields("b c d e f g h i j k l m") {
		w.repository(registry.Repository{ID: w.id(side), Upstreams: []string{"store"}})
		w.mustFetch(side, "a")
	}
	w.noteOther()
	w.untilTheNextPull(func() {})
	w.importDue()
	if got := w.waiting(); len(got) != 0 {
		t.Errorf("waiting: %+v", got)
	}
}

// flaky is a database that is away for a moment.
type flaky struct {
	registry.Metadata
	away atomic.Int32
}

func (f *flaky) View(ctx context.Context, do func(registry.Tx) error) error {
	if f.away.Add(-1) == 0 {
		return errors.New("the database is away")
	}
	return f.Metadata.View(ctx, do)
}

func TestADatabaseThatIsAwayForAMomentKeepsNoImportWaitingForAnother(t *testing.T) {
	w := newGrowingWorld(t)
	db := &flaky{Metadata: w.meta}
	w.svc.Metadata = db
	w.list("first", registry.Published, "a", "b")
	w.mustFetch("app", "a")
	w.untilTheNextPull(func() {
		w.noteOther()
		w.pass(2 * time.Second)
		db.away.Store(1)
	})
	w.importDue()
}

func TestAnImportEndsWhereNothingLeadsAnyMore(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"the connection was removed": func(w *world) { w.connect() },
		"the version was deleted": func(w *world) {
			_, err := w.svc.DeletePackageVersions(t.Context(), alice, w.id("app"), growing("").Package, registry.Batch{Versions: []string{"1.0"}})
			if err != nil {
				t.Error(err)
			}
		},
		"nothing from upstream is let in": func(w *world) {
			err := w.svc.PutPackageOriginConfiguration(t.Context(), alice, w.id("app"), growing("").Package, registry.Restrictions{Publish: registry.Allow, Upstream: registry.Block})
			if err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newGrowingWorld(t)
			w.list("first", registry.Published, "a", "b", "c", "d")
			w.mustFetch("app", "a")
			w.puller.during = func() { change(w) }
			w.importDue()
			if _, pulled := w.puller.counts(); pulled != 2 {
				t.Errorf("pulled %d files, want the one that was asked for and the one that was on its way", pulled)
			}
			if got := w.waiting(); len(got) != 0 {
				t.Errorf("waiting: %+v", got)
			}
		})
	}
}

func TestARuleThatComesWhileAVersionIsImportedKeepsFurtherFilesOut(t *testing.T) {
	w := newGrowingWorld(t)
	w.list("first", registry.Published, "a", "b", "c", "d")
	w.mustFetch("app", "a")
	w.puller.during = func() { w.guard.set("lib@1.0", registry.Verdict{Refuse: true, Reason: "malware"}) }
	w.importDue()
	w.wantAssets("app", "a b")
	if _, pulled := w.puller.counts(); pulled != 2 {
		t.Errorf("pulled %d files, want the one that was asked for and the one that was on its way", pulled)
	}
}

func TestAFileThatTripsAParserCostsNeitherTheProcessNorTheOthers(t *testing.T) {
	w := newGrowingWorld(t)
	w.list("first", registry.Published, "a", "hostile", "z")
	w.mustFetch("app", "a")
	w.importDue()
	w.wantAssets("app", "a z")
	if got := w.waiting(); len(got) != 1 || got[0].Attempts != 1 {
		t.Errorf("waiting: %+v", got)
	}
}

func TestAnImportThatTripsCostsNeitherTheProcessNorOthers(t *testing.T) {
	w := newGrowingWorld(t)
	w.list("trips", registry.Published, "a", "b")
	w.mustFetch("app", "a")
	w.importDue()
	w.wantAssets("app", "a")
	if got := w.waiting(); len(got) != 1 || got[0].Attempts != 1 {
		t.Errorf("waiting: %+v", got)
	}
	w.mustPublish("team", "other", "1.0", "x") // rows and locks are free again
}

func TestAVersionThatTakesLongComesInByTurns(t *testing.T) {
	w := newGrowingWorld(t)
	w.list("first", registry.Published, "a", "b", "c", "d")
	w.mustFetch("app", "a")
	w.events()
	w.puller.during = func() {
		w.pass(11 * time.Minute)
		w.puller.failFile(registry.Errorf(registry.UpstreamFailed, "no"), "d")
	}
	w.importDue()
	w.wantAssets("app", "a b c")
	w.wantEvents(
		"111111111111 store lib@1.0 Updated Published #2 added=1",
		"111111111111 app lib@1.0 Updated Published #2 added=1",
		"111111111111 store lib@1.0 Updated Published #3 added=1",
		"111111111111 app lib@1.0 Updated Published #3 added=1",
	)
	if got := w.waiting(); len(got) != 1 || got[0].Attempts != 1 {
		t.Errorf("waiting: %+v, where one turn failed", got)
	}
	w.puller.failFile(nil, "d")
	w.puller.failFile(registry.Errorf(registry.Denied, "malicious"), "d")
	w.pass(time.Hour)
	w.importDue()
	if got := w.waiting(); len(got) != 0 {
		t.Errorf("waiting: %+v", got)
	}
}

// Bytes that no version has are deleted after an hour.
func TestFilesThatAreHereDoNotWaitForALongDownload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newGrowingWorld(t)
		w.list("first", registry.Published, "a", "b", "c")
		w.mustFetch("app", "a")
		w.pass(2 * time.Second)
		w.puller.during = func() {
			w.puller.mu.Lock()
			w.puller.during = func() { time.Sleep(2 * time.Hour) }
			w.puller.mu.Unlock()
		}
		done := make(chan error)
		go func() {
			_, err := w.svc.ImportDue(t.Context())
			done <- err
		}()
		time.Sleep(11 * time.Minute)
		w.wantAssets("app", "a b")
		w.wantAssets("store", "a b")
		if err := <-done; err != nil {
			t.Error(err)
		}
		w.wantAssets("app", "a b c")
		w.wantAssets("store", "a b c")
	})
}

// ending is a store that has an end.
type ending struct {
	registry.Blobs
	room  int64
	asked *atomic.Int32
	both  chan struct{} // closed when it was asked twice
}

func ends(b registry.Blobs, room int64) ending {
	return ending{b, room, new(atomic.Int32), make(chan struct{})}
}

func (e ending) Room(context.Context) (int64, error) {
	if e.asked.Add(1) == 2 {
		defer close(e.both)
	}
	return e.room, nil
}

const publicBytes = int64(len("public bytes"))

func TestTheLastRoomIsKeptForWhatSomebodyAsksFor(t *testing.T) {
	w := newGrowingWorld(t)
	w.svc.Blobs = ends(w.blobs, 1<<30+publicBytes-1)
	w.list("first", registry.Published, "a", "b") // not how long they are
	w.mustFetch("app", "a")
	w.importDue()
	w.wantAssets("app", "a")
	w.svc.Blobs = ends(w.blobs, 1<<30+publicBytes)
	w.pass(time.Hour)
	w.importDue()
	w.wantAssets("app", "a b")
}

func TestFilesThatComeAtOnceDoNotTakeTheLastRoomTogether(t *testing.T) {
	w := newGrowingWorld(t)
	w.list("first", registry.Published, "a", "b")
	w.mustFetch("app", "a")
	w.noteOther()
	w.puller.mu.Lock()
	for _, name := range []string{"lib", "other"} {
		for i := range w.puller.listings[name].Versions[0].Assets {
			w.puller.listings[name].Versions[0].Assets[i].Size = publicBytes
		}
	}
	store := ends(w.blobs, 1<<30+publicBytes)
	w.puller.during = func() { <-store.both }
	w.puller.mu.Unlock()
	w.svc.Blobs = store
	w.importDue()
	if got := w.waiting(); len(got) != 1 {
		t.Errorf("waiting: %+v, want the one for which there was no room beside the other", got)
	}
}

func TestWhereOnlyAskedFilesAreKeptNothingIsNotedAlong(t *testing.T) {
	w := newGrowingWorld(t)
	w.repository(registry.Repository{ID: w.id("side"), Upstreams: []string{"store"}})
	w.list("first", registry.Published, "a", "b")
	w.mustFetch("app", "a")
	w.svc.AskedFilesOnly = true
	w.mustFetch("side", "a")
	if got := w.waiting(); len(got) != 1 {
		t.Errorf("waiting: %+v", got)
	}
}
