package registry_test

import (
	"errors"
	"io"
	"testing"

	"larder/registry"
)

func (w *world) readHeld(repo, name, version string) (string, error) {
	w.t.Helper()
	content, err := w.repo(repo).HeldOnly().Asset(w.t.Context(), vid(name, version), "package.tgz")
	if err != nil {
		return "", err
	}
	defer content.Body.Close()
	b, err := io.ReadAll(content.Body)
	return string(b), err
}

func TestHeldOnlyFetchesAndRetainsNothing(t *testing.T) {
	w := newWorld(t)
	w.puller.offer("left", "1.0")
	w.mustPublish("team", "own", "1.0", "bytes of own")
	w.events()

	_, err := w.readHeld("app", "left", "1.0")
	wantCode(t, err, registry.NotFound)
	if !errors.Is(err, registry.ErrNotHeld) {
		t.Errorf("what is not held: %v", err)
	}
	if asked, pulled := w.puller.counts(); asked+pulled != 0 {
		t.Errorf("upstream was asked for %d listings and %d files", asked, pulled)
	}
	// What an upstream repository holds is served, and stays only there.
	if got, err := w.readHeld("app", "own", "1.0"); err != nil || got != "bytes of own" {
		t.Errorf("of an upstream repository: %q, %v", got, err)
	}
	w.wantEvents()

	if _, err := w.read("app", "left", "1.0"); err != nil {
		t.Fatal(err)
	}
	if got, err := w.readHeld("app", "left", "1.0"); err != nil || got == "" {
		t.Errorf("what is held by now: %q, %v", got, err)
	}
}

func TestHeldOnlySaysWhatTheGuardRefuses(t *testing.T) {
	w := newWorld(t)
	w.puller.offer("left", "1.0", "1.1", "1.2")
	if _, err := w.listing("app", "left"); err != nil {
		t.Fatal(err)
	}
	w.guard.set("left@1.0", registry.Verdict{Refuse: true, Reason: "it steals"})
	w.guard.set("left@1.1", registry.Verdict{Refuse: true, Undated: true, Reason: "nobody has told its age"})
	w.guard.set("never@1.0", registry.Verdict{Refuse: true, Reason: "it steals too"})
	for name, version := range map[string]string{"left": "1.0", "never": "1.0"} {
		_, err := w.readHeld("app", name, version)
		wantCode(t, err, registry.Denied)
	}
	for _, version := range []string{"1.1", "1.2"} {
		if _, err := w.readHeld("app", "left", version); !errors.Is(err, registry.ErrNotHeld) {
			t.Errorf("%s: %v", version, err)
		}
	}
}
