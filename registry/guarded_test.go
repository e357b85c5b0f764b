package registry_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"larder/registry"
	"larder/registry/guard"
)

// guardedWorld is a world with the real guard and a log of downloads.
func guardedWorld(t *testing.T) (*world, *registry.DownloadLog) {
	t.Helper()
	w := newWorld(t)
	log := &registry.DownloadLog{Metadata: w.meta, Logger: slog.New(slog.DiscardHandler)}
	w.svc.Guard, w.svc.Downloads = guard.New(w.svc.Rules), log
	return w, log
}

func (w *world) rules(document string) {
	w.t.Helper()
	if _, err := w.svc.PutGuardRules(w.t.Context(), alice, acme, document, nil); err != nil {
		w.t.Fatal(err)
	}
}

func TestRulesAreChangedByWhoHasSeenThem(t *testing.T) {
	w, _ := guardedWorld(t)
	ctx := t.Context()
	none := ""
	first, err := w.svc.PutGuardRules(ctx, alice, acme, `{"cooldown":[{"age":"3d"}]}`, &none)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.svc.PutGuardRules(ctx, alice, acme, `{}`, &none)
	wantCode(t, err, registry.Conflict)
	_, err = w.svc.PutGuardRules(ctx, alice, acme, `{"cooldown":[{"age":"soon"}]}`, &first.Revision)
	wantCode(t, err, registry.Invalid)
	got, err := w.svc.GuardRules(ctx, alice, acme)
	if err != nil || got != first {
		t.Errorf("got %+v, %v, want %+v", got, err, first)
	}
	if _, err := w.svc.PutGuardRules(ctx, alice, acme, `{}`, &first.Revision); err != nil {
		t.Error(err)
	}
}

func TestAVersionIsServedOnceItIsOldEnough(t *testing.T) {
	w, _ := guardedWorld(t)
	w.puller.offer("left", "1.0", "2.0")
	w.puller.listings["left"].Versions[0].Released = w.now().Add(-100 * 24 * time.Hour)
	w.puller.listings["left"].Versions[1].Released = w.now()
	w.rules(`{"cooldown":[{"age":"3d"}]}`)
	w.wantListing("app", "left", "1.0 latest=1.0")
	_, err := w.read("app", "left", "2.0")
	wantCode(t, err, registry.Denied)
	w.pass(3*24*time.Hour - time.Millisecond)
	w.wantListing("app", "left", "1.0 latest=1.0")
	w.pass(time.Millisecond)
	w.wantListing("app", "left", "1.0 2.0 latest=2.0")
	if _, err := w.read("app", "left", "2.0"); err != nil {
		t.Error(err)
	}
}

func TestARetainedVersionStaysAsOldAsItWas(t *testing.T) {
	w, _ := guardedWorld(t)
	w.puller.offer("left", "1.0")
	w.puller.listings["left"].Versions[0].Released = w.now().Add(-100 * 24 * time.Hour)
	w.rules(`{"cooldown":[{"age":"3d"}]}`)
	for range 2 { // as it comes in, and held
		if _, err := w.read("app", "left", "1.0"); err != nil {
			t.Error(err)
		}
		w.wantListing("app", "left", "1.0 latest=1.0")
	}
	// One that was seen late stays young in whatever repository it is kept.
	w.rules(`{}`)
	w.puller.offer("right", "1.0")
	v := &w.puller.listings["right"].Versions[0]
	v.Released, v.Seen = w.now().Add(-100*24*time.Hour), w.now()
	if _, err := w.read("app", "right", "1.0"); err != nil {
		t.Fatal(err)
	}
	w.rules(`{"cooldown":[{"age":"3d"}]}`)
	for _, repo := range []string{"app", "store"} {
		_, err := w.read(repo, "right", "1.0")
		wantCode(t, err, registry.Denied)
	}
	w.pass(3 * 24 * time.Hour)
	if _, err := w.read("app", "right", "1.0"); err != nil {
		t.Error(err)
	}
}

func TestAPackageOfWhichEverythingIsHiddenSaysWhy(t *testing.T) {
	w, _ := guardedWorld(t)
	w.mustPublish("app", "lib", "1.0", "a")
	w.rules(`{"block":[{"package":"/npm//lib$","reason":"INC-1"}]}`)
	_, err := w.listing("app", "lib")
	wantCode(t, err, registry.Denied)
	if !strings.Contains(registry.MessageOf(err), "INC-1") {
		t.Errorf("the client is told %q", registry.MessageOf(err))
	}
}

func TestExplainSaysWhatIsKeptBackAndUntilWhen(t *testing.T) {
	w, _ := guardedWorld(t)
	w.puller.offer("left", "1.0", "2.0", "3.0")
	versions := w.puller.listings["left"].Versions
	for i := range versions {
		versions[i].Released = w.now().Add(-100 * 24 * time.Hour)
	}
	versions[2].Released = w.now()
	w.rules(`{"cooldown":[{"age":"3d"}],"block":[{"package":"/npm//left$","versions":"=1.0.0 || =1.0","action":"warn","reason":"old"}]}`)
	x, err := w.svc.ExplainGuard(t.Context(), alice, w.id("app"), pid("left"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range x.Versions {
		got = append(got, fmt.Sprintf("%s hidden=%t warning=%t until=%s", v.Version.Version, v.Verdict.Hide, v.Verdict.Warning != "", v.Verdict.Until.Sub(w.now())))
	}
	want := []string{"1.0 hidden=false warning=true until=-2562047h47m16.854775808s", "3.0 hidden=true warning=false until=72h0m0s"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || x.Shown != 2 || x.Newest != "2.0" || len(x.Rules) != 2 {
		t.Errorf("got %q and %+v", got, x)
	}
	if _, err := w.svc.ExplainGuard(t.Context(), alice, w.id("app"), pid("nothing")); !registry.IsNotFound(err) {
		t.Errorf("of a package that nobody has: %v", err)
	}
}

func TestRespondingToBadVersions(t *testing.T) {
	w, log := guardedWorld(t)
	ctx := t.Context()
	w.puller.offer("left", "1.0", "1.1")
	for _, v := range []string{"1.0", "1.1"} {
		if _, err := w.read("app", "left", v); err != nil {
			t.Fatal(err)
		}
	}
	w.mustPublish("app", "lib", "1.0", "ours", "latest")
	w.mustPublish("app", "lib", "1.1", "ours too", "latest")
	if _, err := w.read("app", "lib", "1.1"); err != nil {
		t.Fatal(err)
	}
	w.update(func(tx registry.Tx) error {
		p, err := tx.Package(w.id("app"), pid("left"))
		p.Tags = map[string]string{"latest": "1.1", "beta": "1.1", "old": "1.0"}
		if err != nil {
			return err
		}
		return tx.PutPackage(w.id("app"), p)
	})
	w.events()
	blobs := w.blobCount(acme)
	q := registry.GuardResponse{Reason: "INC-1", Versions: []registry.VersionID{
		vid("left", "1.1"), vid("lib", "1.1"), vid("never", "1.0"), {Package: registry.PackageID{Format: "odd", Name: "x"}, Version: "1"},
	}}

	t.Run("a rehearsal changes nothing", func(t *testing.T) {
		q := q
		q.Rehearse = true
		got, err := w.svc.RespondGuard(ctx, alice, acme, q)
		if err != nil || len(got) != 4 || strings.Join(got[0].Disposed, " ") != "app store" {
			t.Errorf("got %+v, %v", got, err)
		}
		if _, err := w.read("app", "left", "1.1"); err != nil {
			t.Error(err)
		}
		w.wantEvents()
	})
	got, err := w.svc.RespondGuard(ctx, alice, acme, q)
	if err != nil {
		t.Fatal(err)
	}
	left, lib, never, odd := got[0], got[1], got[2], got[3]
	if strings.Join(left.Disposed, " ") != "app store" || len(left.Kept) != 0 || len(left.Downloads) != 1 ||
		left.Downloads[0].Actor != alice.Principal || left.Downloads[0].Times != 2 || !left.Downloads[0].Since.Equal(w.now()) {
		t.Errorf("left: %+v", left)
	}
	if strings.Join(lib.Kept, " ") != "app" || len(lib.Disposed) != 0 || len(lib.Downloads) != 1 {
		t.Errorf("lib: %+v", lib)
	}
	if len(never.Disposed)+len(never.Kept)+len(never.Downloads) != 0 || never.Problem != "" || odd.Problem == "" {
		t.Errorf("never: %+v, odd: %+v", never, odd)
	}
	w.wantEvents(
		owner+" app left@1.1 Updated Disposed #3 removed=1 status",
		owner+" store left@1.1 Updated Disposed #3 removed=1 status")
	if n := w.blobCount(acme); n != blobs-1 {
		t.Errorf("%d blobs, there were %d", n, blobs)
	}
	w.wantListing("app", "left", "1.0 latest=1.0 beta=1.0")
	w.wantListing("app", "lib", "1.0 latest=1.0")
	_, err = w.read("app", "lib", "1.1")
	wantCode(t, err, registry.Denied)
	if !strings.Contains(registry.MessageOf(err), "INC-1") {
		t.Errorf("the client is told %q", registry.MessageOf(err))
	}
	again, err := w.svc.RespondGuard(ctx, alice, acme, q)
	if err != nil || len(again[0].Disposed) != 0 {
		t.Errorf("a second time: %+v, %v", again[0], err)
	}
	w.wantEvents()
	log.Flush(ctx)
}

func TestDownloadsAreKnownByActor(t *testing.T) {
	w, log := guardedWorld(t)
	w.mustPublish("app", "lib", "1.0", "a")
	for range 3 {
		if _, err := w.read("app", "lib", "1.0"); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Minute)
	}
	log.Flush(t.Context())
	if _, err := w.read("app", "lib", "1.0"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.read("app", "lib", "2.0"); err == nil {
		t.Fatal("read what is not there")
	}
	log.Flush(t.Context())
	err := w.meta.View(t.Context(), func(tx registry.Tx) error {
		got, err := tx.Downloads(acme, vid("lib", "1.0"))
		if err == nil && (len(got) != 1 || got[0].Times != 4 || got[0].Latest.Sub(got[0].Since) != 3*time.Minute) {
			t.Errorf("got %+v", got)
		}
		none, err2 := tx.Downloads(acme, vid("lib", "2.0"))
		if len(none) != 0 || err2 != nil {
			t.Errorf("of what was not read: %+v, %v", none, err2)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A name that its group keeps from outside is asked for nowhere else.
func TestNobodyOutsideIsAskedForAClaimedName(t *testing.T) {
	w, _ := guardedWorld(t)
	ctx := t.Context()
	w.puller.offer("left", "1.0")
	w.puller.offer("mine-tools", "9.9")
	if _, err := w.read("app", "mine-tools", "9.9"); err != nil { // before the claim
		t.Fatal(err)
	}
	if _, err := w.svc.CreatePackageGroup(ctx, alice, acme, registry.Group{Pattern: "/npm//mine~"}); err != nil {
		t.Fatal(err)
	}
	_, _, err := w.svc.UpdatePackageGroupOriginConfiguration(ctx, alice, acme, "/npm//mine~", registry.GroupOriginUpdate{
		Modes: map[registry.RestrictionType]registry.RestrictionMode{registry.ExternalUpstream: registry.ModeBlock},
	})
	if err != nil {
		t.Fatal(err)
	}
	asked, pulled := w.puller.counts()
	r := w.repo("app")
	for _, name := range []string{"mine", "mine-tools", "mine-new"} {
		r.Package(ctx, pid(name))
		r.Asset(ctx, vid(name, "1.0"), "package.tgz")
		r.Document(ctx, registry.DocumentQuery{Package: pid(name), Version: "1.0", Kind: "test"}, renderPlain)
		r.Offered(ctx, pid(name), pid(name))
		r.Derived(ctx, vid(name, "1.0"), "package.tgz", registry.Derivation{Kind: "test"})
		r.Search(ctx, registry.SearchQuery{Format: registry.NPM, Text: name, Size: 10})
		r.SetTag(ctx, pid(name), "beta", "1.0")
		w.svc.ExplainGuard(ctx, alice, w.id("app"), pid(name))
		w.svc.CopyPackageVersions(ctx, alice, registry.Copy{From: w.id("store"), To: w.id("team"), Package: pid(name), Versions: []string{"1.0"}, FromUpstream: true})
		if err := w.publish("app", name, "1.0", "ours "+name); err != nil && name != "mine-tools" {
			t.Errorf("publish %s: %v", name, err)
		}
	}
	if a, p := w.puller.counts(); a != asked || p != pulled {
		t.Errorf("%d listings and %d files were asked for", a-asked, p-pulled)
	}
	internal, err := r.Internal(ctx, []registry.PackageID{pid("mine-unknown"), pid("left"), pid("mine-tools")})
	if err != nil || fmt.Sprint(internal) != fmt.Sprint([]registry.PackageID{pid("mine-unknown"), pid("mine-tools")}) {
		t.Errorf("names that nobody outside has to learn: %v, %v", internal, err)
	}
}
