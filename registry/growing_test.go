package registry_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"larder/registry"
)

// growingRules are those of a format whose versions have several files, go on
// changing upstream, and are shown while Unlisted. A manifest is a string.
type growingRules struct{ plainRules }

func (growingRules) ShowsUnlisted() {}

func (growingRules) Refresh(held, newer registry.Version) (json.RawMessage, registry.Status) {
	if strings.Contains(string(newer.Manifest), "trips") {
		panic("a merge tripped")
	}
	return newer.Manifest, newer.Status
}

func (growingRules) Enrich(manifest json.RawMessage, a registry.Asset, r io.ReaderAt) json.RawMessage {
	if a.Name == "hostile" {
		panic("a parser tripped")
	}
	b := make([]byte, 3)
	r.ReadAt(b, 0)
	return json.RawMessage(strings.TrimSuffix(string(manifest), `"`) + " " + string(b) + `"`)
}

// newGrowingWorld is a world whose store has a connection of the format.
func newGrowingWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.connect("public:pypi")
	return w
}

func (w *world) connect(connections ...string) {
	w.t.Helper()
	w.update(func(tx registry.Tx) error {
		r, err := tx.Repository(w.id("store"))
		if err != nil {
			return err
		}
		r.Connections = connections
		return tx.UpdateRepository(r)
	})
}

// expire lets the kept listing age, be asked for behind a request, and arrive.
func (w *world) expire() {
	w.t.Helper()
	w.pass(fakeFreshness)
	w.grown("app")
	if err := w.svc.Close(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.pass(time.Second)
}

func growing(version string) registry.VersionID {
	return registry.VersionID{Package: registry.PackageID{Format: registry.PyPI, Name: "lib"}, Version: version}
}

// list lets the connection list version 1.0 with these files.
func (w *world) list(manifest string, status registry.Status, files ...string) {
	w.puller.mu.Lock()
	defer w.puller.mu.Unlock()
	v := registry.ListedVersion{Version: "1.0", Status: status, Manifest: json.RawMessage(`"` + manifest + `"`)}
	for _, name := range files {
		v.Assets = append(v.Assets, registry.ListedAsset{Name: name, URL: name})
	}
	w.puller.bytes["lib@1.0"] = "public bytes"
	w.puller.listings["lib"] = &registry.Listing{Versions: []registry.ListedVersion{v}}
}

// grown renders version 1.0 as a client of the repository sees it.
func (w *world) grown(repo string) string {
	w.t.Helper()
	d, err := w.repo(repo).Document(w.t.Context(), registry.DocumentQuery{Package: growing("").Package, Kind: "test"}, func(p *registry.PackageView) ([]byte, error) {
		var b bytes.Buffer
		for _, v := range append(p.Versions, p.Unlisted...) {
			fmt.Fprintf(&b, "%s %s held", v.Status, v.Manifest)
			for _, a := range v.Assets {
				fmt.Fprintf(&b, " %s", a.Name)
			}
			fmt.Fprint(&b, ", listed")
			for _, a := range v.Listed {
				fmt.Fprintf(&b, " %s", a.Name)
			}
		}
		return b.Bytes(), nil
	})
	if err != nil {
		return "error: " + err.Error()
	}
	return string(d.Plain())
}

func (w *world) wantGrown(repo, want string) {
	w.t.Helper()
	if got := w.grown(repo); got != want {
		w.t.Errorf("in %s: got %s, want %s", repo, got, want)
	}
}

func (w *world) fetch(repo, file string) error {
	c, err := w.repo(repo).Asset(w.t.Context(), growing("1.0"), file)
	if err == nil {
		c.Body.Close()
	}
	return err
}

func (w *world) mustFetch(repo, file string) {
	w.t.Helper()
	if err := w.fetch(repo, file); err != nil {
		w.t.Fatalf("%s from %s: %v", file, repo, err)
	}
}

func TestWhatAConnectionAddsToAHeldVersionFlowsDown(t *testing.T) {
	w := newGrowingWorld(t)
	w.list("first", registry.Published, "a", "b")
	w.wantGrown("app", `Published "first" held, listed a b`)
	w.mustFetch("app", "a")
	w.wantGrown("app", `Published "first" held a, listed b`)
	w.events()

	w.list("second", registry.Unlisted, "a", "b", "c")
	w.expire()
	w.wantGrown("app", `Unlisted "second" held a, listed b c`)

	w.mustFetch("app", "c")
	w.wantEvents(
		"111111111111 store lib@1.0 Updated Unlisted #2 added=1 metadata status",
		"111111111111 app lib@1.0 Updated Unlisted #2 added=1 metadata status",
	)

	// Upstream takes it back, and a file away, which stays here.
	w.list("third", registry.Published, "b", "c")
	w.expire()
	w.wantGrown("app", `Published "third" held a c, listed b`)
}

func TestWhatBytesTellIsKeptWithTheVersion(t *testing.T) {
	w := newGrowingWorld(t)
	w.list("first", registry.Published, "a")
	w.mustFetch("store", "a")
	d, err := w.svc.DescribePackageVersion(t.Context(), alice, w.id("store"), growing("1.0"))
	if err != nil || string(d.Version.Manifest) != `"first pub"` {
		t.Errorf("got %s, %v", d.Version.Manifest, err)
	}
}

func TestNothingFlowsDownToAVersion(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world) error
		want   string
	}{
		"whose connection is gone": {func(w *world) error {
			w.connect()
			return nil
		}, `Published "first pub" held a, listed`},
		"whose package takes nothing from upstream": {func(w *world) error {
			return w.svc.PutPackageOriginConfiguration(t.Context(), alice, w.id("app"), growing("").Package, registry.Restrictions{Publish: registry.Block, Upstream: registry.Block})
		}, `Published "first pub" held a, listed`},
		"that is archived": {func(w *world) error {
			_, err := w.svc.UpdatePackageVersionsStatus(t.Context(), alice, w.id("app"), growing("").Package, batch("1.0"), registry.Archived)
			return err
		}, `error: package "lib" is not in repository "app", nor upstream of it`},
		"that is archived upstream": {func(w *world) error {
			_, err := w.svc.UpdatePackageVersionsStatus(t.Context(), alice, w.id("store"), growing("").Package, batch("1.0"), registry.Archived)
			return err
		}, `Published "first pub" held a, listed`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newGrowingWorld(t)
			w.list("first", registry.Published, "a")
			w.mustFetch("app", "a")
			if err := c.change(w); err != nil {
				t.Fatal(err)
			}
			w.list("second", registry.Unlisted, "a", "b")
			w.expire()
			w.wantGrown("app", c.want)
		})
	}
}

func TestNothingFlowsDownToWhatWasPublishedHere(t *testing.T) {
	w := newGrowingWorld(t)
	if err := w.draft("store", registry.Draft{ID: growing("1.0"), Status: registry.Published, Mode: registry.Extend, Manifest: json.RawMessage(`"own"`)}, "own bytes"); err != nil {
		t.Fatal(err)
	}
	if err := w.svc.PutPackageOriginConfiguration(t.Context(), alice, w.id("store"), growing("").Package, registry.Restrictions{Publish: registry.Allow, Upstream: registry.Allow}); err != nil {
		t.Fatal(err)
	}
	w.list("public", registry.Published, "a")
	for _, repo := range []string{"store", "app"} {
		w.wantGrown(repo, `Published "own" held package.tgz, listed`)
		wantCode(t, w.fetch(repo, "a"), registry.NotFound)
	}
}

func TestUnlistedVersionsAreShownWhereTheFormatShowsThem(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if err := w.draft("app", registry.Draft{ID: growing("1.0"), Status: registry.Published, Mode: registry.Extend, Manifest: json.RawMessage(`"own"`)}, "own bytes"); err != nil {
		t.Fatal(err)
	}
	reason := func(json.RawMessage) json.RawMessage { return json.RawMessage(`"broken"`) }
	w.events()
	for range 2 {
		if err := w.repo("app").Relist(ctx, growing("1.0"), registry.Unlisted, reason); err != nil {
			t.Fatal(err)
		}
	}
	w.wantGrown("app", `Unlisted "broken" held package.tgz, listed`)
	w.wantEvents("111111111111 app lib@1.0 Updated Unlisted #2 metadata status")
	wantCode(t, w.repo("team").Relist(ctx, growing("1.0"), registry.Published, reason), registry.NotFound)
	wantCode(t, w.repo("app").Relist(ctx, growing("1.0"), registry.Archived, reason), registry.Invalid)
	if _, err := w.svc.UpdatePackageVersionsStatus(ctx, alice, w.id("app"), growing("").Package, batch("1.0"), registry.Archived); err != nil {
		t.Fatal(err)
	}
	wantCode(t, w.repo("app").Relist(ctx, growing("1.0"), registry.Published, reason), registry.Conflict)

	w.mustPublish("app", "plain", "1.0", "a")
	if _, err := w.svc.UpdatePackageVersionsStatus(ctx, alice, w.id("app"), pid("plain"), batch("1.0"), registry.Unlisted); err != nil {
		t.Fatal(err)
	}
	w.wantListing("app", "plain", `error: package "plain" is not in repository "app", nor upstream of it`)
}

func TestFilesMeetAVersion(t *testing.T) {
	w := newWorld(t)
	merges := 0
	add := func(name, content string) error {
		ctx := t.Context()
		pub, err := w.repo("app").Publish(ctx, growing("").Package)
		if err != nil {
			return err
		}
		defer pub.Abort()
		if _, err := pub.Stage(ctx, name, strings.NewReader(content)); err != nil {
			return err
		}
		r, err := pub.Content(name)
		if err != nil {
			return err
		}
		b := make([]byte, len(content))
		if _, err := r.ReadAt(b, 0); err != nil && err != io.EOF || string(b) != content {
			return fmt.Errorf("looked into: %q, %v", b, err)
		}
		return pub.Commit(ctx, registry.Draft{
			ID: growing("1.0"), Status: registry.Published, Mode: registry.Extend, Manifest: json.RawMessage(`"` + name + `"`), Assets: []string{name},
			Merge: func(held json.RawMessage) json.RawMessage {
				merges++
				if strings.Contains(string(held), name) {
					return held
				}
				return json.RawMessage(strings.TrimSuffix(string(held), `"`) + "+" + name + `"`)
			},
		})
	}
	for _, file := range []string{"a", "b"} {
		if err := add(file, "of "+file); err != nil {
			t.Fatal(err)
		}
	}
	w.wantGrown("app", `Published "a+b" held a b, listed`)
	w.events()
	if err := add("b", "of b"); err != nil {
		t.Errorf("the same bytes again: %v", err)
	}
	w.wantEvents("")
	err := add("b", "other")
	if registry.CodeOf(err) != registry.Conflict || !errors.Is(err, registry.ErrAssetExists) {
		t.Errorf("other bytes: got %v", err)
	}
	if merges == 0 {
		t.Error("Merge was not asked")
	}
}

func TestDerivedIsMadeOnceAndBringsNoAssetIn(t *testing.T) {
	w := newGrowingWorld(t)
	ctx := t.Context()
	w.list("listed", registry.Published, "a", "b")
	w.puller.bytes["a.meta"] = "about a"
	sum := sha256.Sum256([]byte("about a"))
	made := 0
	of := registry.Derivation{
		Kind: "meta",
		Extract: func(r io.ReaderAt, size int64) ([]byte, error) {
			made++
			b := make([]byte, size)
			_, err := r.ReadAt(b, 0)
			if err == io.EOF {
				err = nil
			}
			return b, err
		},
		Offered: func(_ json.RawMessage, a registry.ListedAsset) (registry.Offer, bool) {
			promise := sum
			promise[0] += a.Name[0] - 'a'
			return registry.Offer{Request: registry.AuxiliaryRequest{Path: a.Name + ".meta"}, SHA256: promise[:]}, true
		},
	}
	want := func(repo, asset, content string, code registry.Code) {
		t.Helper()
		d, err := w.repo(repo).Derived(ctx, growing("1.0"), asset, of)
		if code != 0 {
			wantCode(t, err, code)
		} else if err != nil || string(d.Plain()) != content {
			t.Errorf("%s of %s: got %v, want %q", asset, repo, err, content)
		}
	}
	want("app", "a", "about a", 0)
	want("app", "a", "about a", 0)
	if w.puller.fetched != 1 || w.puller.pulled != 0 {
		t.Errorf("fetched %d times, pulled %d times", w.puller.fetched, w.puller.pulled)
	}
	if held := w.grown("app"); held != `Published "listed" held, listed a b` {
		t.Errorf("something was retained: %s", held)
	}
	want("app", "b", "", registry.UpstreamFailed) // other bytes than promised
	want("app", "c", "", registry.NotFound)
	w.mustFetch("app", "b")
	want("app", "b", "public bytes", 0)
	want("store", "b", "public bytes", 0)
	if made != 1 {
		t.Errorf("extracted %d times", made)
	}
	w.guard.set("lib@1.0", registry.Verdict{Refuse: true, Reason: "no"})
	want("app", "a", "", registry.Denied)
	want("app", "b", "", registry.Denied)
}

func TestNamesAreThoseOfTheRepositoryItself(t *testing.T) {
	w := newWorld(t)
	w.mustPublish("app", "zeta", "1.0", "a")
	w.mustPublish("app", "alpha", "1.0", "a")
	w.mustPublish("team", "beta", "1.0", "a")
	ids, err := w.repo("app").Names(context.Background(), registry.NPM)
	if err != nil || len(ids) != 2 || ids[0].Name != "alpha" || ids[1].Name != "zeta" {
		t.Errorf("got %v, %v", ids, err)
	}
}
