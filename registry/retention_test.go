package registry_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/registry"
)

const days = 24 * time.Hour

// watchedWorld is a world that notes downloads from its first day on.
func watchedWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.svc.Downloads = &registry.DownloadLog{Metadata: w.meta, Logger: slog.New(slog.DiscardHandler)}
	w.svc.Downloads.Watch(t.Context())
	return w
}

// retain sets the retention rules of a repository.
func (w *world) retain(repo, document string) {
	w.t.Helper()
	if _, err := w.svc.PutRetentionRules(w.t.Context(), alice, w.id(repo), document, nil); err != nil {
		w.t.Fatal(err)
	}
}

// collect reads all pages, and spells what goes: "lib@1.0 dispose".
func (w *world) collect(page func(registry.Page) (registry.RetentionPage, error)) string {
	w.t.Helper()
	var out []string
	p := registry.Page{Limit: 2}
	for {
		got, err := page(p)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(got.Expired) > p.Limit {
			w.t.Errorf("a page of %d versions, the limit is %d", len(got.Expired), p.Limit)
		}
		for _, x := range got.Expired {
			out = append(out, fmt.Sprintf("%s@%s %s", x.ID.Package.Name, x.ID.Version, x.Action))
		}
		if p.After = got.Next; p.After == "" {
			return strings.Join(out, ", ")
		}
	}
}

func (w *world) foretold(repo string) string {
	w.t.Helper()
	return w.collect(func(p registry.Page) (registry.RetentionPage, error) {
		return w.svc.PreviewRetention(w.t.Context(), alice, w.id(repo), nil, p)
	})
}

func (w *world) letGo(repo string) string {
	w.t.Helper()
	return w.collect(func(p registry.Page) (registry.RetentionPage, error) {
		return w.svc.RunRetention(w.t.Context(), alice, w.id(repo), p)
	})
}

// wantGone compares what goes by the rules, as it is foretold and as it goes.
func (w *world) wantGone(repo, want string) {
	w.t.Helper()
	if got := w.foretold(repo); got != want {
		w.t.Errorf("foretold: %q, want %q", got, want)
	}
	if got := w.letGo(repo); got != want {
		w.t.Errorf("gone: %q, want %q", got, want)
	}
	if got := w.letGo(repo); got != "" {
		w.t.Errorf("gone by a second run: %q", got)
	}
}

// lines is a world in whose repository team the package lib has 1.0, 1.1, 2.0-rc
// and 2.0, published on days 0, 10, 20 and 30; it is day 100.
func lines(t *testing.T) *world {
	w := watchedWorld(t)
	for i, v := range []string{"1.0", "1.1", "2.0-rc", "2.0"} {
		w.mustPublish("team", "lib", v, "content "+v)
		if i < 3 {
			w.pass(10 * days)
		}
	}
	w.pass(70 * days)
	return w
}

func TestWhatRetentionRulesLetGo(t *testing.T) {
	for name, c := range map[string]struct {
		rules  string
		change func(w *world)
		want   string
	}{
		"nothing without rules":             {rules: `{}`},
		"what is not among the newest":      {rules: `{"rules":[{"keepNewest":2}]}`, want: "lib@1.0 dispose, lib@1.1 dispose"},
		"but never the newest release":      {rules: `{"rules":[{"keepNewest":1}]}`, want: "lib@1.0 dispose, lib@1.1 dispose"},
		"unless that is said":               {rules: `{"rules":[{"keepNewest":1,"includeNewest":true}]}`, want: "lib@1.0 dispose, lib@1.1 dispose, lib@2.0 dispose"},
		"the newest by time":                {rules: `{"rules":[{"keepNewest":2,"order":"published"}]}`, change: func(w *world) { w.mustPublish("team", "lib", "0.9", "late"); w.pass(2 * days) }, want: "lib@1.0 dispose, lib@1.1 dispose, lib@2.0-rc dispose"},
		"more than there are":               {rules: `{"rules":[{"keepNewest":9}]}`},
		"what is old":                       {rules: `{"rules":[{"olderThan":"85d"}]}`, want: "lib@1.0 dispose, lib@1.1 dispose"},
		"what is exactly as old":            {rules: `{"rules":[{"olderThan":"90d"}]}`, want: "lib@1.0 dispose, lib@1.1 dispose"},
		"what is all of it":                 {rules: `{"rules":[{"olderThan":"85d","keepNewest":3}]}`, want: "lib@1.0 dispose"},
		"nothing that came today":           {rules: `{"rules":[{"keepNewest":4}]}`, change: func(w *world) { w.mustPublish("team", "lib", "0.1", "new") }},
		"what came today, if that is said":  {rules: `{"rules":[{"keepNewest":4,"olderThan":"0"}]}`, change: func(w *world) { w.mustPublish("team", "lib", "0.1", "new") }, want: "lib@0.1 dispose"},
		"deleted, if that is said":          {rules: `{"rules":[{"keepNewest":3,"action":"delete"}]}`, want: "lib@1.0 delete"},
		"prereleases only":                  {rules: `{"rules":[{"prerelease":true,"olderThan":"1d"}]}`, want: "lib@2.0-rc dispose"},
		"releases only":                     {rules: `{"rules":[{"prerelease":false,"keepNewest":2}]}`, want: "lib@1.0 dispose"},
		"what was published here":           {rules: `{"rules":[{"origin":"INTERNAL","olderThan":"95d"}]}`, want: "lib@1.0 dispose"},
		"what came from outside":            {rules: `{"rules":[{"origin":"EXTERNAL","olderThan":"95d"}]}`},
		"of packages that are meant":        {rules: `{"rules":[{"packages":["/pypi/*","/npm//lib$"],"olderThan":"95d"}]}`, want: "lib@1.0 dispose"},
		"of no other packages":              {rules: `{"rules":[{"packages":["/npm/lib/*"],"olderThan":"1d"}]}`},
		"by the first rule that selects it": {rules: `{"rules":[{"prerelease":true,"action":"keep"},{"keepNewest":1}]}`, want: "lib@1.0 dispose, lib@1.1 dispose"},
		"counted by the rule that decides":  {rules: `{"rules":[{"prerelease":true,"olderThan":"99d"},{"keepNewest":2}]}`, want: "lib@1.0 dispose"},
		"not what is pinned":                {rules: `{"rules":[{"keepNewest":1}],"pins":[{"package":"/npm//lib$","versions":["1.0"]}]}`, want: "lib@1.1 dispose"},
		"nothing of what is pinned":         {rules: `{"rules":[{"keepNewest":1}],"pins":[{"package":"/npm/*"}]}`},
		"not what a tag names": {rules: `{"rules":[{"keepNewest":1}]}`, want: "lib@1.0 dispose", change: func(w *world) {
			if err := w.repo("team").SetTag(w.t.Context(), pid("lib"), "stable", "1.1"); err != nil {
				w.t.Fatal(err)
			}
		}},
		"not what a tag names downstream": {rules: `{"rules":[{"keepNewest":1}]}`, want: "lib@1.0 dispose", change: func(w *world) {
			if err := w.repo("app").SetTag(w.t.Context(), pid("lib"), "stable", "1.1"); err != nil {
				w.t.Fatal(err)
			}
		}},
		"not what is archived": {rules: `{"rules":[{"olderThan":"1d"}]}`, want: "lib@1.1 dispose, lib@2.0-rc dispose", change: func(w *world) {
			w.setStatus("team", registry.Archived, "1.0")
			w.pass(2 * days)
		}},
		"what is archived, if that is said": {rules: `{"rules":[{"statuses":["Archived"],"olderThan":"1d"}]}`, want: "lib@1.0 dispose", change: func(w *world) {
			w.setStatus("team", registry.Archived, "1.0")
			w.pass(2 * days)
		}},
		"the last change counts": {rules: `{"rules":[{"olderThan":"50d"}]}`, want: "lib@1.1 dispose, lib@2.0-rc dispose", change: func(w *world) {
			w.setStatus("team", registry.Unlisted, "1.0")
		}},
		"the newest of what is unlisted, where nothing is published": {rules: `{"rules":[{"olderThan":"1d"}]}`, want: "lib@1.0 dispose, lib@1.1 dispose, lib@2.0-rc dispose", change: func(w *world) {
			w.setStatus("team", registry.Unlisted, "1.0", "1.1", "2.0-rc", "2.0")
			w.pass(2 * days)
		}},
		"not what is being published": {rules: `{"rules":[{"olderThan":"1d"}]}`, want: "lib@1.1 dispose, lib@2.0-rc dispose", change: func(w *world) {
			w.update(func(tx registry.Tx) error {
				v, err := tx.Version(w.id("team"), vid("lib", "1.0"))
				if err != nil {
					return err
				}
				v.Status = registry.Unfinished
				return tx.PutVersion(w.id("team"), pid("lib"), v)
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := lines(t)
			if c.change != nil {
				c.change(w)
			}
			w.retain("team", c.rules)
			w.wantGone("team", c.want)
		})
	}
}

func (w *world) setStatus(repo string, to registry.Status, versions ...string) {
	w.t.Helper()
	results, err := w.svc.UpdatePackageVersionsStatus(w.t.Context(), alice, w.id(repo), pid("lib"), batch(versions...), to)
	if err != nil || results[versions[0]].Code != "" {
		w.t.Fatalf("%v, %+v", err, results)
	}
}

func TestWhatNobodyDownloadsGoes(t *testing.T) {
	w := watchedWorld(t)
	for _, v := range []string{"1.0", "1.1", "2.0"} {
		w.mustPublish("team", "lib", v, "content "+v)
	}
	w.retain("team", `{"rules":[{"notDownloadedFor":"40d"}]}`)
	use := func(repo, version string) {
		t.Helper()
		if _, err := w.read(repo, "lib", version); err != nil {
			t.Fatal(err)
		}
		w.svc.Downloads.Watch(t.Context()) // as each hour
	}
	w.pass(5 * days)
	use("team", "1.0")
	w.pass(5 * days)
	use("app", "1.1") // another repository of the domain
	for range 6 {
		w.pass(5*days - time.Hour)
		w.svc.Downloads.Watch(t.Context())
	}
	w.wantGone("team", "")
	w.pass(5*days + 6*time.Hour)
	w.wantGone("team", "lib@1.0 dispose")
	w.pass(5 * days)
	w.wantGone("team", "lib@1.1 dispose")
	w.pass(400 * days)
	w.wantGone("team", "") // the newest
}

// While a server is upgraded, and whenever an older build runs beside this one.
func TestWhatAnOlderBuildNotedCounts(t *testing.T) {
	w := lines(t)
	w.svc.Downloads.Watch(t.Context())
	w.retain("team", `{"rules":[{"notDownloadedFor":"3d"}]}`)
	w.pass(4 * days)
	if _, err := w.read("team", "lib", "1.0"); err != nil {
		t.Fatal(err)
	}
	w.svc.Downloads.Flush(t.Context())
	w.update(func(tx registry.Tx) error { _, err := tx.PruneLastDownloads(tx.Now().Add(time.Hour)); return err })
	w.wantGone("team", "lib@1.1 dispose, lib@2.0-rc dispose")
}

func TestWhoHasNotWatchedForLongEnoughDoesNotKnow(t *testing.T) {
	w := newWorld(t)
	w.svc.Downloads = &registry.DownloadLog{Metadata: w.meta, Logger: slog.New(slog.DiscardHandler)}
	for _, v := range []string{"1.0", "2.0"} {
		w.mustPublish("team", "lib", v, "content "+v)
	}
	w.retain("team", `{"rules":[{"notDownloadedFor":"3d"}]}`)
	w.pass(100 * days)
	w.wantGone("team", "") // nobody watches
	watch := w.svc.Downloads.Watch
	watch(t.Context())
	w.pass(3*days - time.Millisecond)
	watch(t.Context())
	w.wantGone("team", "")
	w.pass(7 * days)
	watch(t.Context()) // away for too long: a backup, a holiday
	w.wantGone("team", "")
	w.pass(3 * days)
	w.wantGone("team", "lib@1.0 dispose")
}

func TestWhatCanComeAgainIsDeletedAndOtherNumbersStayTaken(t *testing.T) {
	w := watchedWorld(t)
	w.puller.offer("left", "1.0")
	w.mustPublish("team", "lib", "1.0", "ours")
	for _, name := range []string{"left", "lib"} {
		if _, err := w.read("app", name, "1.0"); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(10 * days)
	const all = `{"rules":[{"olderThan":"5d","includeNewest":true}]}`
	w.retain("app", all)
	w.wantGone("app", "left@1.0 delete, lib@1.0 delete")
	if left, lib := w.holds("left", "1.0"), w.holds("lib", "1.0"); left != "store" || lib != "team" {
		t.Errorf("left is held by %q, lib by %q", left, lib)
	}
	for _, name := range []string{"left", "lib"} {
		if _, err := w.read("app", name, "1.0"); err != nil {
			t.Errorf("%s does not come again: %v", name, err)
		}
	}
	w.retain("team", all)
	w.wantGone("team", "lib@1.0 dispose")
	wantCode(t, w.publish("team", "lib", "1.0", "other"), registry.Conflict)
	if got, err := w.read("app", "lib", "1.0"); got != "ours" || err != nil {
		t.Errorf("the copy downstream: %q, %v", got, err)
	}
	// What came from outside stays such a package when it is empty.
	w.retain("store", all)
	w.wantGone("store", "left@1.0 delete")
	wantCode(t, w.publish("store", "left", "9.0", "mine"), registry.Denied)
}

func TestBytesOfWhatGoesAreSwept(t *testing.T) {
	w := lines(t)
	w.retain("team", `{"rules":[{"keepNewest":2}]}`)
	before := w.blobCount(acme)
	w.letGo("team")
	if n := w.blobCount(acme); n != before-2 {
		t.Errorf("%d blobs, there were %d", n, before)
	}
}

// parted has snapshots as Maven, and nothing else: "1.0-build1" is a part of "1.0".
type parted struct{ plainRules }

func (parted) Prerelease(string) bool { return true }

func (parted) Whole(v string) string { whole, _, _ := strings.Cut(v, "-build"); return whole }

func TestPartsGoWithTheirWhole(t *testing.T) {
	w := watchedWorld(t)
	w.svc.Rules[registry.NPM] = parted{}
	for _, v := range []string{"1.0", "1.1", "2.0"} {
		w.mustPublish("team", "lib", v, v)
		for _, build := range []string{"-build1", "-build2"} {
			if err := w.draft("team", registry.Draft{ID: vid("lib", v+build), Status: registry.Unlisted}, v+build); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.pass(10 * days)
	if _, err := w.read("team", "lib", "1.1-build1"); err != nil {
		t.Fatal(err)
	}
	w.retain("team", `{"rules":[{"notDownloadedFor":"10d"}]}`)
	w.wantGone("team", "lib@1.0-build1 delete, lib@1.0-build2 delete, lib@1.0 delete")
	w.retain("team", `{"rules":[{"keepNewest":1}],"pins":[{"package":"/npm//lib$","versions":["1.1-build2"]}]}`)
	w.wantGone("team", "")
	w.retain("team", `{"rules":[{"keepNewest":1}]}`)
	w.wantGone("team", "lib@1.1-build1 delete, lib@1.1-build2 delete, lib@1.1 delete")
	w.wantListing("team", "lib", "2.0 latest=2.0")
}

func TestRetentionRulesAreChangedByWhoHasSeenThem(t *testing.T) {
	w := lines(t)
	ctx, team := t.Context(), w.id("team")
	none := ""
	first, err := w.svc.PutRetentionRules(ctx, alice, team, `{"rules":[{"keepNewest":2}]}`, &none)
	if err != nil {
		t.Fatal(err)
	}
	if !first.Due.Equal(w.now().Add(time.Hour)) {
		t.Errorf("first applied %s after they were set", first.Due.Sub(w.now()))
	}
	_, err = w.svc.PutRetentionRules(ctx, alice, team, `{}`, &none)
	wantCode(t, err, registry.Conflict)
	w.pass(time.Minute)
	pinned, err := w.svc.PutRetentionRules(ctx, alice, team, `{"rules":[{"keepNewest":2}],"pins":[{"package":"/*"}]}`, &first.Revision)
	if err != nil || !pinned.Due.Equal(first.Due) {
		t.Errorf("a pin moves the next run to %s, %v", pinned.Due, err)
	}
	got, err := w.svc.RetentionRules(ctx, alice, team)
	if err != nil || got.Policy != pinned.Policy {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := w.svc.DeleteRetentionRules(ctx, alice, team); err != nil {
		t.Error(err)
	}
	_, err = w.svc.DeleteRetentionRules(ctx, alice, team)
	wantCode(t, err, registry.NotFound)
	_, err = w.svc.RunRetention(ctx, alice, team, registry.Page{Limit: 1})
	wantCode(t, err, registry.NotFound)
	_, err = w.svc.PreviewRetention(ctx, alice, team, nil, registry.Page{Limit: 1})
	wantCode(t, err, registry.NotFound)
	draft := `{"rules":[{"keepNewest":2}]}`
	page, err := w.svc.PreviewRetention(ctx, alice, team, &draft, registry.Page{Limit: 10})
	if err != nil || len(page.Expired) != 2 || page.Expired[0].Size != int64(len("content 1.0")) || page.Expired[0].Rule != "1" || page.Expired[0].Reason != "not among the newest 2" {
		t.Errorf("rules that are not set: %+v, %v", page, err)
	}
	_, err = w.svc.PreviewRetention(ctx, alice, team, &draft, registry.Page{After: "x", Limit: 10})
	wantCode(t, err, registry.Invalid)
}

func TestRetentionDocuments(t *testing.T) {
	for _, text := range []string{
		``, `{}`, `{"rules":[]}`, `{"rules":[{"action":"keep"}]}`, `{"rules":[{"keepNewest":1,"olderThan":"0"}]}`,
		`{"rules":[{"name":"a","packages":["/npm/*"],"origin":"EXTERNAL","statuses":["Archived"],"prerelease":false,"keepNewest":3,"order":"published","olderThan":"2w","notDownloadedFor":"1095d","includeNewest":true,"action":"dispose"}],"pins":[{"package":"/npm//x$","versions":["1"],"reason":"r"}]}`,
	} {
		d, err := registry.ParseRetention(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if again, err := registry.ParseRetention(d.String()); err != nil || again.String() != d.String() {
			t.Errorf("%s becomes %s, %v", text, d, err)
		}
	}
	for text, want := range map[string]string{
		`[]`:             "cannot be read",
		`{"rulez":[]}`:   `unknown field "rulez"`,
		`{} {}`:          "something comes after it",
		`{"rules":[{}]}`: "rule 1: say which versions go",
		`{"rules":[{"name":"all","olderThan":"0"}]}`:                                   "rule 1 (all): say which versions go",
		`{"rules":[{"olderThan":"soon"}]}`:                                             "is no age",
		`{"rules":[{"olderThan":3}]}`:                                                  "an age is text",
		`{"rules":[{"keepNewest":-1}]}`:                                                "keepNewest is -1",
		`{"rules":[{"olderThan":"1d","order":"version"}]}`:                             "of no use without keepNewest",
		`{"rules":[{"keepNewest":1,"order":"size"}]}`:                                  "order is",
		`{"rules":[{"notDownloadedFor":"12h"}]}`:                                       "from 1d to 1095d",
		`{"rules":[{"notDownloadedFor":"1096d"}]}`:                                     "from 1d to 1095d",
		`{"rules":[{"keepNewest":1,"action":"archive"}]}`:                              "action is",
		`{"rules":[{"keepNewest":1,"action":"keep"}]}`:                                 "whose action is keep stays",
		`{"rules":[{"keepNewest":1,"origin":"internal"}]}`:                             "INTERNAL or EXTERNAL",
		`{"rules":[{"keepNewest":1,"statuses":["Unfinished"]}]}`:                       "is being published",
		`{"rules":[{"keepNewest":1,"packages":["npm:x"]}]}`:                            "npm:x",
		`{"rules":[{"keepNewest":1,"name":"a\nb"}]}`:                                   "line break",
		`{"pins":[{"versions":["1"]}]}`:                                                "a pin",
		`{"pins":[{"package":"/*","versions":[""]}]}`:                                  "a version is empty",
		`{"rules":[` + strings.Repeat(`{"keepNewest":1},`, 100) + `{"keepNewest":1}]}`: "at most 100",
		strings.Repeat(" ", 256<<10) + `{}`:                                            "longer than",
	} {
		_, err := registry.ParseRetention(text)
		if registry.CodeOf(err) != registry.Invalid || !strings.Contains(registry.MessageOf(err), want) {
			t.Errorf("%.80s: got %v, want Invalid with %q", text, err, want)
		}
	}
}

func FuzzRetentionDocument(f *testing.F) {
	f.Add(`{"rules":[{"name":"a","packages":["/npm/*"],"keepNewest":3,"olderThan":"2w","notDownloadedFor":"30d"}],"pins":[{"package":"/*"}]}`)
	f.Add(`{"rules":[{"keepNewest":1,"olderThan":"0","prerelease":true,"action":"delete"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := registry.ParseRetention(text)
		if err != nil {
			if registry.CodeOf(err) != registry.Invalid {
				t.Errorf("%v", err)
			}
			return
		}
		again, err := registry.ParseRetention(d.String())
		if err != nil || again.String() != d.String() {
			t.Errorf("%s becomes %v, %v", d, again, err)
		}
	})
}

func TestRulesAreAppliedWhenTheyAreDue(t *testing.T) {
	w := lines(t)
	ctx := t.Context()
	w.retain("team", `{"rules":[{"keepNewest":2}]}`)
	w.events()
	apply := func() {
		t.Helper()
		if err := w.svc.ApplyRetention(ctx); err != nil {
			t.Fatal(err)
		}
	}
	apply()
	w.wantEvents()
	w.pass(time.Hour)
	apply()
	if got := strings.Count(w.events(), "Disposed"); got != 2 {
		t.Errorf("%d versions went, want 2", got)
	}
	r, err := w.svc.RetentionRules(ctx, alice, w.id("team"))
	wait := r.Due.Sub(w.now())
	if err != nil || r.Run.Versions != 2 || r.Run.Packages != 1 || r.Run.Bytes != 22 || !r.Run.Finished.Equal(w.now()) || wait < 23*time.Hour || wait > 25*time.Hour {
		t.Errorf("got %+v, %v, next after %s", r.Run, err, wait)
	}
	w.mustPublish("team", "lib", "3.0", "three")
	w.pass(26 * time.Hour)
	w.events()
	apply()
	if got := w.events(); !strings.Contains(got, "lib@2.0 Updated Disposed") {
		t.Errorf("a day later: %q", got)
	}
}

func TestARunGoesOnWhereItWasCutOff(t *testing.T) {
	w := watchedWorld(t)
	for i := range 120 {
		for _, v := range []string{"1", "2"} {
			w.mustPublish("team", fmt.Sprintf("p%03d", i), v, "x")
		}
	}
	w.pass(2 * days)
	w.retain("team", `{"rules":[{"keepNewest":1}]}`)
	page, err := w.svc.RunRetention(t.Context(), alice, w.id("team"), registry.Page{Limit: 30})
	if err != nil || len(page.Expired) != 30 || page.Next == "" {
		t.Fatalf("%d went, %v", len(page.Expired), err)
	}
	page, err = w.svc.RunRetention(t.Context(), alice, w.id("team"), registry.Page{After: page.Next, Limit: 1000})
	if err != nil || len(page.Expired) != 90 || page.Next != "" || page.Expired[0].ID != vid("p030", "1") {
		t.Errorf("%d went, %v", len(page.Expired), err)
	}
	// In the background, too.
	for i := range 120 {
		w.mustPublish("team", fmt.Sprintf("p%03d", i), "3", "x")
	}
	w.pass(2 * days)
	var r registry.Retention
	w.update(func(tx registry.Tx) error {
		if r, err = tx.Retention(w.id("team")); err != nil {
			return err
		}
		return tx.StepRetention(r.Repo, r.Revision, r.Due, registry.RetentionRun{After: page0(t, w), Started: w.now(), Packages: 100, Versions: 100})
	})
	if err := w.svc.ApplyRetention(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.update(func(tx registry.Tx) error { r, err = tx.Retention(w.id("team")); return err })
	if r.Run.Versions != 120 || r.Run.Packages != 120 || r.Run.Finished.IsZero() {
		t.Errorf("%+v", r.Run)
	}
}

// page0 is the token of a run that has looked at p000 to p099.
func page0(t *testing.T, w *world) string {
	t.Helper()
	draft := `{"rules":[{"keepNewest":1,"order":"published"}]}`
	page, err := w.svc.PreviewRetention(t.Context(), alice, w.id("team"), &draft, registry.Page{Limit: 100})
	if err != nil || len(page.Expired) != 100 {
		t.Fatalf("%d, %v", len(page.Expired), err)
	}
	return page.Next
}

func TestAPackageThatChangesMeanwhileIsPlannedAnew(t *testing.T) {
	w := lines(t)
	w.retain("team", `{"rules":[{"keepNewest":1}]}`)
	ctx := t.Context()
	// Between the look and the change, somebody tags what is about to go.
	meta := &meddler{Metadata: w.meta}
	w.svc.Metadata = meta
	meta.before = func() {
		w.svc.Metadata = w.meta
		if err := w.repo("team").SetTag(ctx, pid("lib"), "stable", "1.0"); err != nil {
			t.Error(err)
		}
	}
	if got := w.letGo("team"); got != "lib@1.1 dispose" {
		t.Errorf("gone: %q", got)
	}
	// Or takes the rules away.
	w.mustPublish("team", "lib", "3.0", "three")
	w.pass(2 * days)
	meta = &meddler{Metadata: w.meta}
	w.svc.Metadata = meta
	meta.before = func() {
		w.svc.Metadata = w.meta
		if _, err := w.svc.DeleteRetentionRules(ctx, alice, w.id("team")); err != nil {
			t.Error(err)
		}
	}
	_, err := w.svc.RunRetention(ctx, alice, w.id("team"), registry.Page{Limit: 10})
	wantCode(t, err, registry.Conflict)
}

// Whatever the rules: what a tag names, what is pinned and the newest release
// stay, and a second run finds nothing.
func TestWhateverTheRules(t *testing.T) {
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 9))
		w := watchedWorld(t)
		var versions []string
		for n := range 4 + r.IntN(8) {
			v := fmt.Sprintf("%d.%d", n/3, n%3)
			if r.IntN(4) == 0 {
				v += "-pre"
			}
			versions = append(versions, v)
		}
		pick := func() string { return versions[r.IntN(len(versions))] }
		for _, i := range r.Perm(len(versions)) {
			w.mustPublish("team", "lib", versions[i], versions[i])
			w.pass(time.Duration(r.IntN(40)) * days)
			w.svc.Downloads.Watch(t.Context())
		}
		safe := map[string]bool{}
		tag := pick()
		if err := w.repo([]string{"team", "app"}[r.IntN(2)]).SetTag(t.Context(), pid("lib"), "stable", tag); err != nil {
			t.Fatal(err)
		}
		pin := pick()
		safe[tag], safe[pin] = true, true
		for range r.IntN(3) {
			if _, err := w.read("team", "lib", pick()); err != nil {
				t.Fatal(err)
			}
		}
		if r.IntN(2) == 0 {
			w.setStatus("team", []registry.Status{registry.Unlisted, registry.Archived}[r.IntN(2)], pick())
		}
		doc := registry.RetentionDocument{Pins: []registry.RetentionPin{{Package: "/npm//lib$", Versions: []string{pin}}}}
		yes := r.IntN(2) == 0
		for range 1 + r.IntN(3) {
			old := registry.Age(time.Duration(r.IntN(60)) * days)
			rule := registry.RetentionRule{KeepNewest: 1 + r.IntN(4), OlderThan: &old}
			if r.IntN(2) == 0 {
				rule.Prerelease = &yes
			}
			if r.IntN(3) == 0 {
				rule.Order = registry.OrderPublished
			}
			if r.IntN(3) == 0 {
				rule.NotDownloadedFor = registry.Age(time.Duration(1+r.IntN(60)) * days)
			}
			rule.Action = []string{"", registry.ActionDelete, registry.ActionDispose}[r.IntN(3)]
			if r.IntN(4) == 0 {
				rule.Statuses = []registry.Status{registry.Published, registry.Archived}
			}
			doc.Rules = append(doc.Rules, rule)
		}
		w.retain("team", doc.String())
		releases := slices.DeleteFunc(w.published("lib"), func(v string) bool { return strings.Contains(v, "-") })
		if len(releases) > 0 {
			safe[slices.Max(releases)] = true
		}
		before := w.published("lib")
		foretold := w.foretold("team")
		if gone := w.letGo("team"); gone != foretold {
			t.Errorf("seed %d: %s went, and %s was foretold", seed, gone, foretold)
		}
		if again := w.letGo("team"); again != "" {
			t.Errorf("seed %d: a second run takes %s", seed, again)
		}
		after := w.published("lib")
		for v := range safe {
			if slices.Contains(before, v) && !slices.Contains(after, v) {
				t.Errorf("seed %d: %s went, by %s", seed, v, doc.String())
			}
		}
	}
}

// published are the published versions of a package in team.
func (w *world) published(name string) (all []string) {
	w.t.Helper()
	w.update(func(tx registry.Tx) error {
		versions, _, err := tx.ListVersions(w.id("team"), pid(name), registry.VersionFilter{Status: registry.Published}, registry.Page{})
		for _, v := range versions {
			all = append(all, v.Version)
		}
		return err
	})
	return all
}

// meddler lets something happen before its first change.
type meddler struct {
	registry.Metadata
	before func()
}

func (m *meddler) Update(ctx context.Context, f func(registry.Tx) error) error {
	if before := m.before; before != nil {
		m.before = nil
		before()
	}
	return m.Metadata.Update(ctx, f)
}
