package registry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"larder/registry"
)

// outcome writes the results of a batch call as "version=STATUS" or "version=CODE: message".
func outcome(results map[string]registry.VersionResult, err error) string {
	if err != nil {
		return "error: " + registry.MessageOf(err)
	}
	var out []string
	for _, v := range slices.Sorted(maps.Keys(results)) {
		r := results[v]
		if r.Code != "" {
			out = append(out, fmt.Sprintf("%s=%s: %s", v, r.Code, r.Message))
		} else {
			out = append(out, fmt.Sprintf("%s=%s", v, r.Status))
		}
	}
	return strings.Join(out, "; ")
}

func want(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTheStatusMachine(t *testing.T) {
	statuses := []registry.Status{registry.Published, registry.Unfinished, registry.Unlisted, registry.Archived, registry.Disposed}
	for _, from := range statuses {
		for _, to := range append(statuses, registry.Deleted) {
			t.Run(string(from)+" to "+string(to), func(t *testing.T) {
				w := newWorld(t)
				ctx := t.Context()
				w.mustPublish("app", "lib", "1", "bytes")
				if from == registry.Disposed {
					if _, err := w.svc.DisposePackageVersions(ctx, alice, w.id("app"), pid("lib"), batch("1")); err != nil {
						t.Fatal(err)
					}
				} else if from != registry.Published {
					setStatus(w, "app", "lib", "1", from)
				}
				w.events()
				var results map[string]registry.VersionResult
				var err error
				switch to {
				case registry.Disposed:
					results, err = w.svc.DisposePackageVersions(ctx, alice, w.id("app"), pid("lib"), batch("1"))
				case registry.Deleted:
					results, err = w.svc.DeletePackageVersions(ctx, alice, w.id("app"), pid("lib"), batch("1"))
				default:
					results, err = w.svc.UpdatePackageVersionsStatus(ctx, alice, w.id("app"), pid("lib"), batch("1"), to)
				}
				switch {
				case to == registry.Unfinished:
					want(t, outcome(results, err), "error: the target status is Published, Unlisted or Archived")
				case from == registry.Disposed && to != registry.Disposed && to != registry.Deleted:
					want(t, outcome(results, err), "1=NOT_ALLOWED: a disposed version can only be deleted")
				default:
					want(t, outcome(results, err), "1="+string(to))
				}
				events := w.events()
				if changed := err == nil && results["1"].Code == "" && from != to; changed != (events != "") {
					t.Errorf("events: %q", events)
				}
				if gone := to == registry.Disposed || to == registry.Deleted || from == registry.Disposed; (w.blobCount(acme) == 0) != gone {
					t.Errorf("%d blobs", w.blobCount(acme))
				}
			})
		}
	}
}

func TestBatchesAreAllOrNothing(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for _, v := range []string{"1", "2", "3"} {
		w.mustPublish("app", "lib", v, "bytes "+v)
	}
	app := w.id("app")
	setStatus(w, "app", "lib", "3", registry.Unlisted)
	w.events()
	d, err := w.svc.DescribePackageVersion(ctx, alice, app, vid("lib", "1"))
	if err != nil {
		t.Fatal(err)
	}
	rev := d.Version.Revision
	update := func(b registry.Batch) string {
		return outcome(w.svc.UpdatePackageVersionsStatus(ctx, alice, app, pid("lib"), b, registry.Archived))
	}
	want(t, update(batch("1", "9")), "1=SKIPPED: version 1 is skipped; 9=NOT_FOUND: Could not find version 9")
	want(t, update(registry.Batch{Versions: []string{"1", "3"}, Expected: registry.Published}),
		"1=SKIPPED: version 1 is skipped; 3=MISMATCHED_STATUS: current status: Unlisted, expected status: Published")
	want(t, update(registry.Batch{Versions: []string{"1"}, Revisions: map[string]string{"1": "other"}}),
		"1=MISMATCHED_REVISION: current revision: "+rev+", expected revision: other")
	want(t, update(registry.Batch{Versions: []string{"1", "2"}, Revisions: map[string]string{"1": rev}}),
		"error: the keys of versionRevisions are not the versions: 2 is missing")
	want(t, update(registry.Batch{Versions: []string{"1"}, Revisions: map[string]string{"1": rev, "2": "x"}}),
		"error: the keys of versionRevisions are not the versions")
	want(t, update(registry.Batch{}), "error: versions is empty")
	many := registry.Batch{}
	for i := range 101 {
		many.Versions = append(many.Versions, fmt.Sprint(i))
	}
	want(t, update(many), "error: one call takes at most 100 versions")
	w.wantEvents()
	want(t, update(registry.Batch{Versions: []string{"1", "2"}}), "1=Archived; 2=Archived")
	w.wantEvents(
		owner+" app lib@1 Updated Archived #4 status",
		owner+" app lib@2 Updated Archived #5 status",
	)
	if d, _ = w.svc.DescribePackageVersion(ctx, alice, app, vid("lib", "1")); d.Version.Revision != rev {
		t.Error("a status change moved the revision")
	}
	// Deleting goes version by version.
	want(t, outcome(w.svc.DeletePackageVersions(ctx, alice, app, pid("lib"), batch("1", "9"))),
		"1=Deleted; 9=NOT_FOUND: Could not find version 9")
	_, err = w.svc.UpdatePackageVersionsStatus(ctx, alice, app, pid("none"), batch("1"), registry.Archived)
	wantCode(t, err, registry.NotFound)
	// The package and its configuration outlive its versions.
	if _, err := w.svc.DeletePackageVersions(ctx, alice, app, pid("lib"), batch("2", "3")); err != nil {
		t.Fatal(err)
	}
	if p, err := w.svc.DescribePackage(ctx, alice, app, pid("lib")); err != nil || p.Restrictions.Upstream != registry.Block {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestCopy(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.repository(registry.Repository{ID: w.id("prod")})
	w.mustPublish("app", "lib", "1", "one", "latest", "stable")
	w.mustPublish("app", "lib", "2", "two", "latest")
	w.puller.offer("left", "1.0")
	w.events()
	copying := func(q registry.Copy) string {
		if q.From.Name == "" {
			q.From = w.id("app")
		}
		q.To = w.id("prod")
		if q.Package.Name == "" {
			q.Package = pid("lib")
		}
		return outcome(w.svc.CopyPackageVersions(ctx, alice, q))
	}
	want(t, copying(registry.Copy{Versions: []string{"1", "7"}}), "1=SKIPPED: Version 1 was skipped; 7=NOT_FOUND: Could not find version 7")
	w.wantListing("app", "lib", "1 2 latest=2")
	if _, err := w.listing("prod", "lib"); !registry.IsNotFound(err) {
		t.Errorf("a failed copy left something: %v", err)
	}
	want(t, copying(registry.Copy{}), "error: give one of versions and versionRevisions, and not both")
	want(t, copying(registry.Copy{Versions: []string{"1"}, Revisions: map[string]string{"1": "x"}}), "error: give one of versions and versionRevisions, and not both")
	want(t, copying(registry.Copy{From: w.id("prod"), Versions: []string{"1"}}), "error: source and destination are the same repository")
	w.wantEvents()
	want(t, copying(registry.Copy{Versions: []string{"1"}}), "1=Published")
	w.wantEvents(owner + " prod lib@1 Created Published #1 added=1 metadata status")
	if got, err := w.read("prod", "lib", "1"); err != nil || got != "one" {
		t.Errorf("%q, %v", got, err)
	}
	if p, _ := w.svc.DescribePackage(ctx, alice, w.id("prod"), pid("lib")); p.Tags["stable"] != "1" || p.Tags["latest"] != "" ||
		p.Restrictions != (registry.Restrictions{Publish: registry.Allow, Upstream: registry.Block}) {
		t.Errorf("%+v", p)
	}
	// Identical: in neither map, and no event.
	want(t, copying(registry.Copy{Versions: []string{"1", "2"}}), "2=Published")
	w.wantEvents(owner + " prod lib@2 Created Published #2 added=1 metadata status")
	// Different: refused unless it may be overwritten.
	if err := w.repo("app").Amend(ctx, pid("lib"), map[string]json.RawMessage{"1": json.RawMessage(`{"other":1}`)}, 0); err != nil {
		t.Fatal(err)
	}
	w.events()
	want(t, copying(registry.Copy{Versions: []string{"1"}}), "1=ALREADY_EXISTS: Version 1 already exists")
	want(t, copying(registry.Copy{Versions: []string{"1"}, Overwrite: true}), "1=Published")
	w.wantEvents(owner + " prod lib@1 Updated Published #3 metadata")
	// From behind the source, only where that is asked.
	want(t, copying(registry.Copy{Package: pid("left"), Versions: []string{"1.0"}}), "1.0=NOT_FOUND: Could not find version 1.0")
	want(t, copying(registry.Copy{Package: pid("left"), Versions: []string{"1.0"}, FromUpstream: true}), "1.0=Published")
	if p, _ := w.svc.DescribePackage(ctx, alice, w.id("prod"), pid("left")); p.Restrictions != (registry.Restrictions{Publish: registry.Block, Upstream: registry.Allow}) {
		t.Errorf("%+v", p.Restrictions)
	}
	// A copy is not held to what is reachable upstream: a patched build takes the place.
	w.repository(registry.Repository{ID: w.id("isolated")})
	w.mustPublish("isolated", "left", "1.0", "patched")
	w.events()
	if got := outcome(w.svc.CopyPackageVersions(ctx, alice, registry.Copy{From: w.id("isolated"), To: w.id("team"), Package: pid("left"), Versions: []string{"1.0"}})); got != "1.0=Published" {
		t.Error(got)
	}
	if got, err := w.read("team", "left", "1.0"); err != nil || got != "patched" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestOriginControlsOfGroups(t *testing.T) {
	type mode = map[registry.RestrictionType]registry.RestrictionMode
	for _, c := range []struct {
		name    string
		modes   mode
		allow   []registry.AllowedRepository
		publish string // repositories that may publish
		fetch   string // repositories whose clients get left@1.0 of the public registry
		shared  string // repositories whose clients get own@1.0, held by store
	}{
		{"inherit all", mode{}, nil, "app team store", "app team store", "app team store"},
		{"publish blocked", mode{registry.PublishOrigin: registry.ModeBlock}, nil, "", "app team store", "app team store"},
		{"external blocked", mode{registry.ExternalUpstream: registry.ModeBlock}, nil, "app team store", "", "app team store"},
		{"internal blocked", mode{registry.InternalUpstream: registry.ModeBlock}, nil, "app team store", "store", "store"},
		{"publish into one", mode{registry.PublishOrigin: registry.ModeSpecific}, []registry.AllowedRepository{{Repository: "team", Type: registry.PublishOrigin}}, "team", "app team store", "app team store"},
		{"external through one", mode{registry.ExternalUpstream: registry.ModeSpecific}, []registry.AllowedRepository{{Repository: "store", Type: registry.ExternalUpstream}}, "app team store", "app team store", "app team store"},
		{"external through none", mode{registry.ExternalUpstream: registry.ModeSpecific}, nil, "app team store", "", "app team store"},
		{"internal into one", mode{registry.InternalUpstream: registry.ModeSpecific}, []registry.AllowedRepository{{Repository: "team", Type: registry.InternalUpstream}}, "app team store", "team store", "team store"},
		{"nothing", mode{registry.PublishOrigin: registry.ModeBlock, registry.ExternalUpstream: registry.ModeBlock, registry.InternalUpstream: registry.ModeBlock}, nil, "", "", "store"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := t.Context()
			repos := []string{"app", "team", "store"}
			set := func(w *world) {
				t.Helper()
				if _, err := w.svc.CreatePackageGroup(ctx, alice, acme, registry.Group{Pattern: "/npm/*"}); err != nil {
					t.Fatal(err)
				}
				if _, _, err := w.svc.UpdatePackageGroupOriginConfiguration(ctx, alice, acme, "/npm/*", registry.GroupOriginUpdate{Modes: c.modes, Add: c.allow}); err != nil {
					t.Fatal(err)
				}
			}
			try := func(do func(w *world, repo string) error) string {
				var ok []string
				for _, repo := range repos {
					w := newWorld(t)
					w.puller.offer("left", "1.0")
					w.mustPublish("store", "own", "1.0", "ours")
					allow(w, "store", "own", registry.Restrictions{Publish: registry.Allow, Upstream: registry.Allow})
					set(w)
					err := do(w, repo)
					if err == nil {
						ok = append(ok, repo)
						continue
					}
					wantCode(t, err, registry.Denied)
					if msg := registry.MessageOf(err); !strings.Contains(msg, "package group /npm/*") {
						t.Errorf("%s: the message names no rule: %s", repo, msg)
					}
				}
				return strings.Join(ok, " ")
			}
			if got := try(func(w *world, repo string) error { return w.publish(repo, "new", "1.0", "x") }); got != c.publish {
				t.Errorf("publish into %q, want %q", got, c.publish)
			}
			if got := try(func(w *world, repo string) error { _, err := w.read(repo, "left", "1.0"); return err }); got != c.fetch {
				t.Errorf("fetch through %q, want %q", got, c.fetch)
			}
			if got := try(func(w *world, repo string) error { _, err := w.read(repo, "own", "1.0"); return err }); got != c.shared {
				t.Errorf("own version read through %q, want %q", got, c.shared)
			}
		})
	}
}

func TestAGroupThatDecidesIsDeferredTo(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if _, err := w.svc.CreatePackageGroup(ctx, alice, acme, registry.Group{Pattern: "/npm//mine~"}); err != nil {
		t.Fatal(err)
	}
	_, _, err := w.svc.UpdatePackageGroupOriginConfiguration(ctx, alice, acme, "/npm//mine~", registry.GroupOriginUpdate{
		Modes: map[registry.RestrictionType]registry.RestrictionMode{registry.ExternalUpstream: registry.ModeBlock},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.mustPublish("app", "mine-a", "1", "x")
	p, err := w.svc.DescribePackage(ctx, alice, w.id("app"), pid("mine-a"))
	if both := (registry.Restrictions{Publish: registry.Allow, Upstream: registry.Allow}); err != nil || p.Restrictions != both {
		t.Errorf("%+v, %v", p.Restrictions, err)
	}
	// A name that only looks like ours goes nowhere.
	w.puller.offer("mine_b", "1.0")
	w.puller.offer("Mine-c", "1.0")
	for _, name := range []string{"Mine-c"} {
		_, err := w.read("app", name, "1.0")
		wantCode(t, err, registry.Denied)
		wantCode(t, w.publish("app", name, "1.0", "x"), registry.Denied)
	}
	if asked, _ := w.puller.counts(); asked != 0 {
		t.Errorf("%d requests for our names left the server", asked)
	}
	v, err := w.svc.DescribePackageGroup(ctx, alice, acme, "/npm//mine~")
	if err != nil {
		t.Fatal(err)
	}
	if r := v.Restrictions[registry.PublishOrigin]; r.Mode != registry.ModeInherit || r.Effective != registry.ModeAllow || r.InheritedFrom != "/*" {
		t.Errorf("%+v", r)
	}
	if r := v.Restrictions[registry.ExternalUpstream]; r.Mode != registry.ModeBlock || r.Effective != registry.ModeBlock || r.InheritedFrom != "" {
		t.Errorf("%+v", r)
	}
}

func TestRepositoriesAndTheirLinks(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	create := func(name string, upstreams ...string) error {
		_, err := w.svc.CreateRepository(ctx, alice, registry.Repository{ID: w.id(name), Upstreams: upstreams})
		return err
	}
	wantCode(t, create("app"), registry.Conflict)
	wantCode(t, create("x"), registry.Invalid)
	wantCode(t, create("bad/name"), registry.Invalid)
	wantCode(t, create("new", "nowhere"), registry.NotFound)
	wantCode(t, create("new", "new"), registry.Invalid)
	wantCode(t, create("new", "app", "app"), registry.Invalid)
	if err := create("new", "app", "store"); err != nil {
		t.Fatal(err)
	}
	set := func(name string, upstreams ...string) error {
		_, err := w.svc.UpdateRepository(ctx, alice, w.id(name), registry.RepositoryUpdate{Upstreams: &upstreams})
		return err
	}
	wantCode(t, set("store", "new"), registry.Invalid) // a cycle
	if err := set("new"); err != nil {
		t.Fatal(err)
	}
	if r, err := w.svc.DescribeRepository(ctx, alice, w.id("new")); err != nil || len(r.Upstreams) != 0 || r.Administrator != owner {
		t.Errorf("%+v, %v", r, err)
	}
	words := "what it is for"
	if r, err := w.svc.UpdateRepository(ctx, alice, w.id("team"), registry.RepositoryUpdate{Description: &words}); err != nil || r.Description != words || len(r.Upstreams) != 1 {
		t.Errorf("an omitted member changed: %+v, %v", r, err)
	}
	connect := func(c string) error {
		_, err := w.svc.AssociateExternalConnection(ctx, alice, w.id("store"), c)
		return err
	}
	wantCode(t, connect("public:npmjs"), registry.Conflict)
	wantCode(t, connect("public:nonsense"), registry.NotFound)
	if err := connect("public:pypi"); err != nil {
		t.Fatal(err)
	}
	if r, err := w.svc.DisassociateExternalConnection(ctx, alice, w.id("store"), "public:npmjs"); err != nil || len(r.Connections) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	_, err := w.svc.DisassociateExternalConnection(ctx, alice, w.id("store"), "public:npmjs")
	wantCode(t, err, registry.NotFound)

	w.mustPublish("new", "lib", "1", "bytes")
	_, err = w.svc.DeleteDomain(ctx, alice, acme)
	wantCode(t, err, registry.Conflict)
	if _, err := w.svc.DeleteRepository(ctx, alice, w.id("new")); err != nil {
		t.Fatal(err)
	}
	if n := w.blobCount(acme); n != 0 {
		t.Errorf("%d blobs after the repository went", n)
	}
	if err := create("new"); err != nil {
		t.Fatal(err)
	}
	_, err = w.listing("new", "lib")
	wantCode(t, err, registry.NotFound)
}

func TestDomains(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for name, code := range map[string]registry.Code{"acme": registry.Conflict, "a": registry.Invalid, "A1": registry.Invalid, "1a": registry.Invalid, "a_b": registry.Invalid, "a-": registry.Invalid} {
		_, err := w.svc.CreateDomain(ctx, alice, name, "", nil)
		wantCode(t, err, code)
	}
	for i := range 9 {
		if _, err := w.svc.CreateDomain(ctx, alice, fmt.Sprintf("more-%d", i), "", map[string]string{"k": "v"}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.svc.CreateDomain(ctx, alice, "one-more", "", nil)
	wantCode(t, err, registry.Quota)
	if _, err := w.svc.DeleteDomain(ctx, alice, registry.DomainID{Owner: owner, Name: "more-0"}); err != nil {
		t.Fatal(err)
	}
	_, err = w.svc.DescribeDomain(ctx, alice, registry.DomainID{Owner: owner, Name: "more-0"})
	wantCode(t, err, registry.NotFound)
}

func TestPoliciesAreLockedOptimistically(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for _, repo := range []string{"", "app"} {
		_, err := w.svc.PermissionsPolicy(ctx, alice, acme, repo)
		wantCode(t, err, registry.NotFound)
		_, err = w.svc.PutPermissionsPolicy(ctx, alice, acme, repo, "{}", "stale")
		wantCode(t, err, registry.Conflict)
		first, err := w.svc.PutPermissionsPolicy(ctx, alice, acme, repo, `{"a":1}`, "")
		if err != nil {
			t.Fatal(err)
		}
		second, err := w.svc.PutPermissionsPolicy(ctx, alice, acme, repo, `{"a":2}`, first.Revision)
		if err != nil || second.Revision == first.Revision {
			t.Fatal(second, err)
		}
		_, err = w.svc.PutPermissionsPolicy(ctx, alice, acme, repo, `{"a":3}`, first.Revision)
		wantCode(t, err, registry.Conflict)
		_, err = w.svc.DeletePermissionsPolicy(ctx, alice, acme, repo, first.Revision)
		wantCode(t, err, registry.Conflict)
		if got, err := w.svc.PermissionsPolicy(ctx, alice, acme, repo); err != nil || got.Document != `{"a":2}` {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err = w.svc.DeletePermissionsPolicy(ctx, alice, acme, repo, second.Revision); err != nil {
			t.Fatal(err)
		}
		_, err = w.svc.PutPermissionsPolicy(ctx, alice, acme, repo, strings.Repeat("x", 7169), "")
		wantCode(t, err, registry.Invalid)
	}
}

func TestResourceTags(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	group := registry.Resource{Type: registry.GroupResource, Domain: acme, Name: "/*"}
	for _, r := range []registry.Resource{acme.Resource(), w.id("store").Resource(), group} {
		if err := w.svc.Tag(ctx, alice, r, map[string]string{"team": "a", "cost": "1"}); err != nil {
			t.Fatal(err)
		}
		if err := w.svc.Tag(ctx, alice, r, map[string]string{"team": "b"}); err != nil {
			t.Fatal(err)
		}
		if err := w.svc.Untag(ctx, alice, r, []string{"cost", "none"}); err != nil {
			t.Fatal(err)
		}
		tags, err := w.svc.TagsOf(ctx, alice, r)
		if err != nil || len(tags) != 1 || tags["team"] != "b" {
			t.Errorf("%s: %v, %v", r.Type, tags, err)
		}
	}
	if r, _ := w.svc.DescribeRepository(ctx, alice, w.id("store")); len(r.Connections) != 1 {
		t.Error("tagging lost the connection")
	}
	_, err := w.svc.TagsOf(ctx, alice, w.id("app").Package(pid("lib")))
	wantCode(t, err, registry.Invalid)
}

func TestGenericPackages(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	id := registry.VersionID{Package: registry.PackageID{Format: registry.Generic, Namespace: "tools", Name: "cli"}, Version: "1.0"}
	put := func(name, content string, unfinished bool) error {
		h := registry.NewHasher()
		io.WriteString(h, content)
		_, err := w.svc.PublishPackageVersion(ctx, alice, w.id("app"), id, name, h.Sum().SHA256, unfinished, strings.NewReader(content))
		return err
	}
	if err := put("a.bin", "aaa", true); err != nil {
		t.Fatal(err)
	}
	if err := put("a.bin", "aaa", true); err != nil {
		t.Errorf("the same again: %v", err)
	}
	wantCode(t, put("a.bin", "other", true), registry.Conflict)
	_, err := w.svc.PublishPackageVersion(ctx, alice, w.id("app"), id, "b.bin", registry.Digest{1}, true, strings.NewReader("b"))
	wantCode(t, err, registry.Invalid)
	if err := put("b.bin", "bbb", false); err != nil {
		t.Fatal(err)
	}
	wantCode(t, put("c.bin", "ccc", false), registry.Conflict)
	got, err := w.svc.ListPackageVersionAssets(ctx, alice, w.id("app"), id, registry.Page{Limit: 1})
	if err != nil || len(got.Assets) != 1 || got.Assets[0].Name != "a.bin" || got.Next == "" {
		t.Fatalf("%+v, %v", got, err)
	}
	if got, err = w.svc.ListPackageVersionAssets(ctx, alice, w.id("app"), id, registry.Page{After: got.Next, Limit: 1}); err != nil || len(got.Assets) != 1 || got.Next != "" {
		t.Fatalf("%+v, %v", got, err)
	}
	content, revision, err := w.svc.VersionAsset(ctx, alice, w.id("app"), id, "b.bin", got.Revision)
	if err != nil || revision != got.Revision {
		t.Fatal(revision, err)
	}
	defer content.Body.Close()
	if b, _ := io.ReadAll(content.Body); string(b) != "bbb" {
		t.Errorf("%q", b)
	}
	_, _, err = w.svc.VersionAsset(ctx, alice, w.id("app"), id, "b.bin", "stale")
	wantCode(t, err, registry.Conflict)
	w.wantEvents(
		owner+" app cli@1.0 Created Unfinished #1 added=1 metadata status",
		owner+" app cli@1.0 Updated Published #2 added=1 status",
	)
}

func TestTheControlPlaneDoesNotLookUpstream(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.mustPublish("store", "lib", "1.0", "bytes")
	app := w.id("app")
	_, err := w.svc.DescribePackage(ctx, alice, app, pid("lib"))
	wantCode(t, err, registry.NotFound)
	_, err = w.svc.DescribePackageVersion(ctx, alice, app, vid("lib", "1.0"))
	wantCode(t, err, registry.NotFound)
	_, _, err = w.svc.VersionAsset(ctx, alice, app, vid("lib", "1.0"), "package.tgz", "")
	wantCode(t, err, registry.NotFound)
	_, err = w.svc.ListPackageVersions(ctx, alice, app, pid("lib"), registry.VersionFilter{}, registry.Page{Limit: 10})
	wantCode(t, err, registry.NotFound)
	got, _, err := w.svc.ListPackages(ctx, alice, app, registry.PackageFilter{}, registry.Page{Limit: 10})
	if err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// A copy compares assets and metadata, and no copy brings a disposed version back.
func TestCopyOntoWhatIsThere(t *testing.T) {
	for _, c := range []struct {
		name      string
		status    registry.Status // of the same version in the destination
		overwrite bool
		want      string
	}{
		{"the same", registry.Published, false, ""},
		{"the same, to be overwritten", registry.Published, true, ""},
		{"the same, unlisted", registry.Unlisted, false, ""},
		{"the same, unlisted, to be overwritten", registry.Unlisted, true, "1=Published"},
		{"the same, archived, to be overwritten", registry.Archived, true, "1=Published"},
		{"disposed", registry.Disposed, false, "1=ALREADY_EXISTS: Version 1 already exists"},
		{"disposed, to be overwritten", registry.Disposed, true, "1=NOT_ALLOWED: version 1 is Disposed in repository prod; delete it first"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.repository(registry.Repository{ID: w.id("prod")})
			w.mustPublish("app", "lib", "1", "one")
			copying := func(overwrite bool) string {
				return outcome(w.svc.CopyPackageVersions(t.Context(), alice, registry.Copy{From: w.id("app"), To: w.id("prod"), Package: pid("lib"), Versions: []string{"1"}, Overwrite: overwrite}))
			}
			want(t, copying(false), "1=Published")
			if c.status == registry.Disposed {
				_, err := w.svc.DisposePackageVersions(t.Context(), alice, w.id("prod"), pid("lib"), batch("1"))
				wantNil(t, err)
			} else {
				setStatus(w, "prod", "lib", "1", c.status)
			}
			want(t, copying(c.overwrite), c.want)
		})
	}
}

// Who may change a repository need not be allowed to link the upstreams that it has.
func TestOnlyNewLinksAreAuthorized(t *testing.T) {
	w := newWorld(t)
	w.repository(registry.Repository{ID: w.id("other")})
	w.auth = except{ownersOnly{}, registry.AssociateWithDownstreamRepo}
	words := "changed"
	for _, u := range []registry.RepositoryUpdate{{Description: &words}, {Upstreams: &[]string{"team"}}, {Upstreams: &[]string{}}} {
		if _, err := w.svc.UpdateRepository(t.Context(), alice, w.id("app"), u); err != nil {
			t.Errorf("%+v: %v", u, err)
		}
	}
	_, err := w.svc.UpdateRepository(t.Context(), alice, w.id("app"), registry.RepositoryUpdate{Upstreams: &[]string{"other"}})
	wantCode(t, err, registry.Denied)
	_, err = w.svc.CreateRepository(t.Context(), alice, registry.Repository{ID: w.id("new"), Upstreams: []string{"other"}})
	wantCode(t, err, registry.Denied)
}

// except denies one action.
type except struct {
	registry.Authorizer
	action registry.Action
}

func (e except) Authorize(ctx context.Context, a registry.Access) error {
	if a.Action == e.action {
		return registry.Errorf(registry.Denied, "not %s", a.Action)
	}
	return e.Authorizer.Authorize(ctx, a)
}

// A repository that goes is let in by no group, nor is another of its name.
func TestDeletedRepositoriesLeaveTheListsOfGroups(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	_, err := w.svc.CreatePackageGroup(ctx, alice, acme, registry.Group{Pattern: "/npm/*"})
	wantNil(t, err)
	_, _, err = w.svc.UpdatePackageGroupOriginConfiguration(ctx, alice, acme, "/npm/*", registry.GroupOriginUpdate{
		Modes: map[registry.RestrictionType]registry.RestrictionMode{registry.PublishOrigin: registry.ModeSpecific},
		Add:   []registry.AllowedRepository{{Repository: "app", Type: registry.PublishOrigin}, {Repository: "team", Type: registry.PublishOrigin}},
	})
	wantNil(t, err)
	_, err = w.svc.DeleteRepository(ctx, alice, w.id("app"))
	wantNil(t, err)
	names, _, err := w.svc.ListAllowedRepositoriesForGroup(ctx, alice, acme, "/npm/*", registry.PublishOrigin, registry.Page{Limit: 10})
	if err != nil || !slices.Equal(names, []string{"team"}) {
		t.Errorf("%q, %v", names, err)
	}
	w.repository(registry.Repository{ID: w.id("app")})
	wantCode(t, w.publish("app", "new", "1", "x"), registry.Denied)
}

// A pattern that no package can match but as a variant is refused.
func TestPatternsAreSpelledAsTheirFormatIs(t *testing.T) {
	w := newWorld(t)
	for pattern, code := range map[string]registry.Code{
		"/maven/ORG.x/*": registry.Invalid, "/maven/Org~": registry.Invalid, "/maven/org.x/Lib$": registry.Invalid, "/maven/org.x/Lib~": registry.Invalid,
		"/maven/org.x/*": 0, "/maven/org~": 0, "/maven/org.x/lib$": 0, "/maven/org.x/lib~": 0, "/maven/*": 0, "/cargo//Any$": 0,
	} {
		_, err := w.lower().CreatePackageGroup(t.Context(), alice, acme, registry.Group{Pattern: pattern})
		if (err != nil) != (code != 0) || err != nil && registry.CodeOf(err) != code {
			t.Errorf("%s: got %v", pattern, err)
		}
	}
}

// lower is the service with rules that spell names in lower case.
func (w *world) lower() *registry.Service {
	svc, err := registry.New(registry.Config{Metadata: w.meta, Blobs: w.blobs, Authorizer: w, Rules: map[string]registry.Rules{registry.Maven: lowerRules{}}})
	wantNil(w.t, err)
	return svc
}

type lowerRules struct{ plainRules }

func (lowerRules) Canonical(id registry.VersionID) (registry.VersionID, error) {
	id.Package.Namespace, id.Package.Name = strings.ToLower(id.Package.Namespace), strings.ToLower(id.Package.Name)
	return id, nil
}

// Names are counted in characters (spec 1.2).
func TestLongNames(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("ж", 255)
	w.mustPublish("app", long, "1", "x")
	_, err := w.svc.DescribePackage(t.Context(), alice, w.id("app"), pid(long))
	wantNil(t, err)
	_, err = w.svc.DescribePackage(t.Context(), alice, w.id("app"), pid(long+"ж"))
	wantCode(t, err, registry.Invalid)
}

// A page of what is rare ends after so many were looked at, and the pages
// together give everything.
func TestRareItemsArePaged(t *testing.T) {
	w := newWorld(t)
	const all, every = 12_000, 1_500
	w.update(func(tx registry.Tx) error {
		for i := range all {
			p := registry.Package{ID: pid(fmt.Sprintf("p%05d", i)), Restrictions: registry.Restrictions{Publish: registry.Allow, Upstream: registry.Allow}}
			if i%every == 0 {
				p.Restrictions.Publish = registry.Block
			}
			if err := tx.PutPackage(w.id("app"), p); err != nil {
				return err
			}
		}
		return nil
	})
	for _, size := range []int{1, 3, 8, 1000} {
		var got []string
		for after, pages := "", 0; ; pages++ {
			items, next, err := w.svc.ListPackages(t.Context(), alice, w.id("app"), registry.PackageFilter{Publish: registry.Block}, registry.Page{After: after, Limit: size})
			wantNil(t, err)
			for _, p := range items {
				got = append(got, p.ID.Name)
			}
			if after = next; next == "" || pages > all {
				break
			}
		}
		if len(got) != all/every || got[0] != "p00000" || got[len(got)-1] != "p10500" {
			t.Errorf("pages of %d: %q", size, got)
		}
	}
	var got []string
	for after := ""; ; {
		items, next, err := w.svc.ListAssociatedPackages(t.Context(), alice, acme, "/npm//p11999$", true, registry.Page{After: after, Limit: 50})
		wantNil(t, err)
		for _, p := range items {
			got = append(got, p.ID.Name)
		}
		if after = next; next == "" {
			break
		}
	}
	if !slices.Equal(got, []string{"p11999"}) {
		t.Errorf("%q", got)
	}
}

func wantNil(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
