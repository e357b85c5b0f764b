package registry_test

import (
	"encoding/json"
	"testing"

	"larder/registry"
)

func (w *world) version(name, version string) registry.Version {
	w.t.Helper()
	var v registry.Version
	w.update(func(tx registry.Tx) error {
		var err error
		v, err = tx.Version(w.id("app"), vid(name, version))
		if registry.IsNotFound(err) {
			return nil
		}
		return err
	})
	return v
}

func unfinished(version, manifest string) registry.Draft {
	return registry.Draft{ID: vid("lib", version), Status: registry.Unfinished, Mode: registry.Extend, Manifest: json.RawMessage(manifest)}
}

func TestFinishingPublishesWhatIsOpenAndNothingElse(t *testing.T) {
	w := newWorld(t)
	for _, v := range []string{"1.0", "2.0", "3.0"} {
		if err := w.draft("app", unfinished(v, `"m"`), "bytes of "+v); err != nil {
			t.Fatal(err)
		}
	}
	app := w.repo("app")
	refuse := func(registry.Version) error { return registry.Errorf(registry.Invalid, "a checksum is wrong") }
	err := app.Finish(t.Context(), pid("lib"), registry.Ending{Version: "1.0", Status: registry.Published}, registry.Ending{Version: "2.0", Status: registry.Published, Check: refuse})
	wantCode(t, err, registry.Invalid)
	if got := w.version("lib", "1.0").Status; got != registry.Unfinished {
		t.Errorf("one was refused, and the other one is %s", got)
	}
	for range 2 {
		err = app.Finish(t.Context(), pid("lib"), registry.Ending{Version: "1.0", Status: registry.Published}, registry.Ending{Version: "9.0", Status: registry.Published})
		if err != nil {
			t.Fatal(err)
		}
	}
	for version, want := range map[string]registry.Status{"1.0": registry.Published, "2.0": registry.Unfinished, "9.0": ""} {
		if got := w.version("lib", version).Status; got != want {
			t.Errorf("%s is %q, want %q", version, got, want)
		}
	}
	// What somebody has unlisted since does not come back.
	if err := app.Relist(t.Context(), vid("lib", "1.0"), registry.Unlisted, func(m json.RawMessage) json.RawMessage { return m }); err != nil {
		t.Fatal(err)
	}
	if err := app.Finish(t.Context(), pid("lib"), registry.Ending{Version: "1.0", Status: registry.Published}); err != nil {
		t.Fatal(err)
	}
	if got := w.version("lib", "1.0").Status; got != registry.Unlisted {
		t.Errorf("an unlisted version became %s", got)
	}
}

func TestAnotherVersionFollowsTheNewestBuild(t *testing.T) {
	w := newWorld(t)
	app := w.repo("app")
	ending := func(version string) registry.Ending {
		return registry.Ending{
			Version: version, Status: registry.Unlisted, As: "head",
			Newer: func(held, of json.RawMessage) bool { return string(held) > string(of) },
		}
	}
	for _, v := range []string{"b2", "b1", "b3"} {
		if err := w.draft("app", unfinished(v, `"`+v+`"`), "bytes of "+v); err != nil {
			t.Fatal(err)
		}
		if err := app.Finish(t.Context(), pid("lib"), ending(v)); err != nil {
			t.Fatal(err)
		}
		want := max(v, "b2")
		head, build := w.version("lib", "head"), w.version("lib", want)
		if head.Status != registry.Published || string(head.Manifest) != `"`+want+`"` || len(head.Assets) != 1 || head.Assets[0] != build.Assets[0] {
			t.Errorf("after %s: %s %s %v", v, head.Status, head.Manifest, head.Assets)
		}
		if got := w.version("lib", v).Status; got != registry.Unlisted {
			t.Errorf("build %s is %s", v, got)
		}
	}
}
