package registry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larder/events"
	"larder/registry"
)

var updateEvents = flag.Bool("update-events", false, "rewrite the golden files of events")

// bodies gives the events since the last call as EventBridge delivers them,
// but for what differs in each run. Ids differ from each other, and what is told
// to two accounts has one deduplication id.
func (w *world) bodies() []map[string]any {
	w.t.Helper()
	all := []map[string]any{}
	ids, same := map[any]bool{}, map[any]string{}
	w.update(func(tx registry.Tx) error {
		rows, err := tx.UnsentEvents(1000)
		if err != nil {
			return err
		}
		for _, row := range rows {
			body, err := events.Body(row.Event, "us-east-1")
			if err != nil {
				return err
			}
			var e map[string]any
			if err := json.Unmarshal(body, &e); err != nil {
				return err
			}
			detail := e["detail"].(map[string]any)
			if ids[e["id"]] {
				w.t.Errorf("event id %s comes twice", e["id"])
			}
			ids[e["id"]] = true
			e["id"], e["time"] = "masked", "masked"
			all = append(all, e)
			if err := tx.MarkSent(row.Row); err != nil {
				return err
			}
			if row.Event.Own != nil {
				continue
			}
			change := fmt.Sprint(detail["repositoryName"], detail["packageName"], detail["sequenceNumber"])
			if other, ok := same[detail["eventDeduplicationId"]]; ok && other != change {
				w.t.Errorf("%s and %s have one deduplication id", other, change)
			}
			same[detail["eventDeduplicationId"]] = change
			detail["eventDeduplicationId"] = "masked"
		}
		return nil
	})
	return all
}

// wantBodies compares the events since the last call with a golden file.
func (w *world) wantBodies(name string) {
	w.t.Helper()
	got, err := json.MarshalIndent(w.bodies(), "", "  ")
	if err != nil {
		w.t.Fatal(err)
	}
	got = append(got, '\n')
	file := filepath.Join("testdata", "events", strings.ReplaceAll(name, " ", "-")+".json")
	if *updateEvents {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		w.t.Errorf("%s: events (-want +got):\n%s", name, diff)
	}
}

// Each operation makes exactly these events, each in the transaction of its
// change. What stands in prepare makes events that are not looked at.
func TestEachOperationMakesItsEvents(t *testing.T) {
	lib := pid("lib")
	publish := func(w *world) { w.mustPublish("app", "lib", "1", "one", "latest") }
	must := func(w *world, err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	status := func(w *world, repo string, to registry.Status, versions ...string) {
		_, err := w.svc.UpdatePackageVersionsStatus(w.t.Context(), alice, w.id(repo), lib, batch(versions...), to)
		must(w, err)
	}
	generic := func(w *world, name, content string, unfinished bool) error {
		h := registry.NewHasher()
		io.WriteString(h, content)
		id := registry.VersionID{Package: registry.PackageID{Format: registry.Generic, Namespace: "tools", Name: "cli"}, Version: "1.0"}
		_, err := w.svc.PublishPackageVersion(w.t.Context(), alice, w.id("app"), id, name, h.Sum().SHA256, unfinished, strings.NewReader(content))
		return err
	}
	files := func(w *world, mode registry.Mode, manifest string, content ...string) error {
		ctx := context.Background()
		pub, err := w.repo("app").Publish(ctx, lib)
		must(w, err)
		defer pub.Abort()
		d := registry.Draft{ID: vid("lib", "1"), Status: registry.Published, Mode: mode}
		if manifest != "" {
			d.Manifest = json.RawMessage(manifest)
		}
		for i := 0; i < len(content); i += 2 {
			_, err := pub.Stage(ctx, content[i], strings.NewReader(content[i+1]))
			must(w, err)
			d.Assets = append(d.Assets, content[i])
		}
		return pub.Commit(ctx, d)
	}
	copying := func(w *world, q registry.Copy) {
		w.t.Helper()
		results, err := w.svc.CopyPackageVersions(w.t.Context(), alice, q)
		must(w, err)
		for version, r := range results {
			if r.Code != "" {
				w.t.Fatalf("copy of %s: %+v", version, r)
			}
		}
	}
	tests := map[string]struct {
		prepare func(w *world)
		do      func(w *world)
	}{
		"a version is published": {do: publish},
		"a version of a scope is published": {do: func(w *world) {
			must(w, w.draft("app", registry.Draft{ID: registry.VersionID{Package: registry.PackageID{Format: registry.NPM, Namespace: "acme", Name: "ui"}, Version: "2"}, Status: registry.Published, Manifest: json.RawMessage(`{}`)}, "x"))
		}},
		"a version that is there is published again": {prepare: publish, do: func(w *world) {
			wantCode(w.t, w.publish("app", "lib", "1", "one"), registry.Conflict)
		}},
		"files are added to a version": {prepare: publish, do: func(w *world) {
			must(w, files(w, registry.Extend, "", "b", "bb", "c", "cc"))
		}},
		"a file and metadata are added": {prepare: publish, do: func(w *world) {
			must(w, files(w, registry.Extend, `{"new":1}`, "b", "bb"))
		}},
		"the same file comes again": {prepare: publish, do: func(w *world) {
			must(w, files(w, registry.Extend, "", "package.tgz", "one"))
		}},
		"another file of the name comes": {prepare: publish, do: func(w *world) {
			wantCode(w.t, files(w, registry.Extend, "", "package.tgz", "two"), registry.Conflict)
		}},
		"a version is replaced": {
			prepare: func(w *world) { must(w, files(w, registry.Extend, `{}`, "a", "aa", "b", "bb", "c", "cc")) },
			do:      func(w *world) { must(w, files(w, registry.Replace, `{"x":1}`, "a", "aa", "b", "other", "d", "dd")) },
		},
		"a version is replaced by itself": {
			prepare: func(w *world) { must(w, files(w, registry.Extend, `{}`, "a", "aa")) },
			do:      func(w *world) { must(w, files(w, registry.Replace, `{}`, "a", "aa")) },
		},
		"an unfinished version is begun": {do: func(w *world) { must(w, generic(w, "a.bin", "a", true)) }},
		"an unfinished version gets a file": {prepare: func(w *world) { must(w, generic(w, "a.bin", "a", true)) }, do: func(w *world) {
			must(w, generic(w, "b.bin", "b", true))
		}},
		"an unfinished version gets the same file": {prepare: func(w *world) { must(w, generic(w, "a.bin", "a", true)) }, do: func(w *world) {
			must(w, generic(w, "a.bin", "a", true))
		}},
		"an unfinished version is finished with its last file": {prepare: func(w *world) { must(w, generic(w, "a.bin", "a", true)) }, do: func(w *world) {
			must(w, generic(w, "b.bin", "b", false))
			wantCode(w.t, generic(w, "c.bin", "c", false), registry.Conflict)
		}},
		"a version is finished by metadata": {
			prepare: func(w *world) { must(w, w.draft("app", unfinished("1", `"m"`), "x")) },
			do: func(w *world) {
				for range 2 { // the second time changes nothing
					must(w, w.repo("app").Finish(w.t.Context(), lib, registry.Ending{Version: "1", Status: registry.Published}))
				}
			},
		},
		"a snapshot follows its builds": {do: func(w *world) {
			for _, v := range []string{"b1", "b2", "b2"} {
				if v == "b2" && w.version("lib", "b2").Version == "" || v == "b1" {
					must(w, w.draft("app", unfinished(v, `"`+v+`"`), "bytes of "+v))
				}
				must(w, w.repo("app").Finish(w.t.Context(), lib, registry.Ending{
					Version: v, Status: registry.Unlisted, As: "head",
					Newer: func(held, of json.RawMessage) bool { return string(held) > string(of) },
				}))
			}
		}},
		"metadata is amended": {prepare: publish, do: func(w *world) {
			for range 2 {
				must(w, w.repo("app").Amend(w.t.Context(), lib, map[string]json.RawMessage{"1": json.RawMessage(`{"deprecated":"x"}`)}, 0))
			}
		}},
		"a tag is set": {prepare: publish, do: func(w *world) {
			for range 2 {
				must(w, w.repo("app").SetTag(w.t.Context(), lib, "stable", "1"))
			}
		}},
		"a tag is removed": {prepare: func(w *world) { w.mustPublish("app", "lib", "1", "one", "latest", "beta") }, do: func(w *world) {
			must(w, w.repo("app").RemoveTag(w.t.Context(), lib, "beta"))
		}},
		"a version is unlisted with a reason": {prepare: publish, do: func(w *world) {
			for range 2 {
				must(w, w.repo("app").Relist(w.t.Context(), vid("lib", "1"), registry.Unlisted, func(json.RawMessage) json.RawMessage { return json.RawMessage(`{"yanked":true}`) }))
			}
		}},
		"the status changes": {prepare: publish, do: func(w *world) {
			for _, to := range []registry.Status{registry.Unlisted, registry.Unlisted, registry.Archived, registry.Published} {
				status(w, "app", to, "1")
			}
		}},
		"a version is disposed": {prepare: func(w *world) { must(w, files(w, registry.Extend, `{}`, "a", "aa", "b", "bb")) }, do: func(w *world) {
			for range 2 {
				_, err := w.svc.DisposePackageVersions(w.t.Context(), alice, w.id("app"), lib, batch("1"))
				must(w, err)
			}
		}},
		"retention rules let versions go": {
			prepare: func(w *world) {
				w.puller.offer("lib", "1")
				w.mustPublish("team", "tool", "1", "one")
				w.mustPublish("team", "tool", "2", "two")
				_, err := w.read("team", "lib", "1")
				must(w, err)
				w.pass(48 * time.Hour)
				w.retain("team", `{"rules":[{"name":"cache","origin":"EXTERNAL","olderThan":"1d","includeNewest":true},{"keepNewest":1}]}`)
			},
			do: func(w *world) {
				for range 2 {
					_, err := w.svc.RunRetention(w.t.Context(), alice, w.id("team"), registry.Page{Limit: 10})
					must(w, err)
				}
			},
		},
		"versions are deleted": {
			prepare: func(w *world) {
				for _, v := range []string{"1", "2", "3"} {
					w.mustPublish("app", "lib", v, v)
				}
			},
			do: func(w *world) {
				_, err := w.svc.DeletePackageVersions(w.t.Context(), alice, w.id("app"), lib, batch("3", "9", "1"))
				must(w, err)
			},
		},
		"versions are unpublished": {
			prepare: func(w *world) {
				w.mustPublish("app", "lib", "1", "1", "latest")
				w.mustPublish("app", "lib", "2", "2", "latest")
			},
			do: func(w *world) { must(w, w.repo("app").DeleteVersions(w.t.Context(), lib, []string{"2"}, 0)) },
		},
		"a package is deleted and published anew": {
			prepare: func(w *world) {
				w.mustPublish("app", "lib", "1", "1")
				w.mustPublish("app", "lib", "2", "2")
			},
			do: func(w *world) {
				_, err := w.svc.DeletePackage(w.t.Context(), alice, w.id("app"), lib)
				must(w, err)
				publish(w)
			},
		},
		"a version is copied": {
			prepare: func(w *world) {
				publish(w)
				w.repository(registry.Repository{ID: w.id("prod")})
			},
			do: func(w *world) {
				for range 2 {
					copying(w, registry.Copy{From: w.id("app"), To: w.id("prod"), Package: lib, Versions: []string{"1"}})
				}
			},
		},
		"a copy overwrites": {
			prepare: func(w *world) {
				w.repository(registry.Repository{ID: w.id("prod")})
				must(w, files(w, registry.Extend, `{}`, "a", "aa", "b", "bb"))
				copying(w, registry.Copy{From: w.id("app"), To: w.id("prod"), Package: lib, Versions: []string{"1"}})
				must(w, files(w, registry.Replace, `{"x":1}`, "a", "other", "c", "cc", "d", "dd"))
			},
			do: func(w *world) {
				copying(w, registry.Copy{From: w.id("app"), To: w.id("prod"), Package: lib, Versions: []string{"1"}, Overwrite: true})
			},
		},
		"a copy brings in what lies upstream": {
			prepare: func(w *world) {
				w.puller.offer("lib", "1")
				w.repository(registry.Repository{ID: w.id("prod")})
			},
			do: func(w *world) {
				copying(w, registry.Copy{From: w.id("app"), To: w.id("prod"), Package: lib, Versions: []string{"1"}, FromUpstream: true})
			},
		},
		"a fetch goes through app, team and store to the public registry": {
			prepare: func(w *world) { w.puller.offer("lib", "1") },
			do: func(w *world) {
				for range 2 { // the second finds it held
					_, err := w.read("app", "lib", "1")
					must(w, err)
				}
			},
		},
		"a fetch from between retains it there": {
			prepare: func(w *world) {
				w.puller.offer("lib", "1")
				_, err := w.read("app", "lib", "1")
				must(w, err)
			},
			do: func(w *world) {
				_, err := w.read("team", "lib", "1")
				must(w, err)
			},
		},
		"a version of an upstream repository is retained": {
			prepare: func(w *world) { w.mustPublish("team", "lib", "1", "one") },
			do: func(w *world) {
				for range 2 {
					_, err := w.read("app", "lib", "1")
					must(w, err)
				}
			},
		},
		"reading indexes retains nothing": {
			prepare: func(w *world) { w.puller.offer("lib", "1", "2") },
			do:      func(w *world) { w.wantListing("app", "lib", "1 2 latest=2") },
		},
		"a further file is ingested": {
			prepare: func(w *world) {
				w.connect("public:pypi")
				w.list("first", registry.Published, "a", "b")
				w.mustFetch("app", "a")
			},
			do: func(w *world) { w.mustFetch("app", "b"); w.mustFetch("app", "a") },
		},
		"what a connection says of a held version changes": {
			prepare: func(w *world) {
				w.connect("public:pypi")
				w.list("first", registry.Published, "a")
				w.mustFetch("app", "a")
			},
			do: func(w *world) {
				w.list("second", registry.Unlisted, "a", "b")
				w.expire()
				w.mustFetch("app", "b")
			},
		},
		"another account administers the repository": {
			prepare: func(w *world) {
				w.repository(registry.Repository{ID: w.id("theirs"), Administrator: other})
			},
			do: func(w *world) { w.mustPublish("theirs", "lib", "1", "one") },
		},
		"no package version changes": {prepare: publish, do: func(w *world) {
			ctx := w.t.Context()
			must(w, w.svc.PutPackageOriginConfiguration(ctx, alice, w.id("app"), lib, registry.Restrictions{Publish: registry.Block, Upstream: registry.Block}))
			must(w, w.svc.PutPackageOriginConfiguration(ctx, alice, w.id("app"), pid("new"), registry.Restrictions{Publish: registry.Allow, Upstream: registry.Allow}))
			wantCode(w.t, w.publish("app", "lib", "2", "two"), registry.Denied)
			w.repository(registry.Repository{ID: w.id("new")})
			_, err := w.svc.DeletePackage(ctx, alice, w.id("app"), pid("new"))
			must(w, err)
			results, err := w.svc.UpdatePackageVersionsStatus(ctx, alice, w.id("app"), lib, batch("1", "missing"), registry.Archived)
			if must(w, err); results["1"].Code != registry.CodeSkipped {
				w.t.Errorf("%+v", results)
			}
			_, err = w.svc.DeleteRepository(ctx, alice, w.id("app"))
			must(w, err)
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if tt.prepare != nil {
				tt.prepare(w)
				w.bodies()
			}
			tt.do(w)
			w.wantBodies(name)
		})
	}
}

// A batch of a hundred versions makes a hundred events, in their order.
func TestABatchMakesItsEventsInOrder(t *testing.T) {
	w := newWorld(t)
	var versions []string
	for i := range registry.VersionsPerBatch {
		versions = append(versions, fmt.Sprintf("1.%d", i))
		w.mustPublish("app", "lib", versions[i], versions[i])
	}
	w.bodies()
	for _, operation := range []struct {
		state string
		do    func() error
	}{
		{"Archived", func() error {
			_, err := w.svc.UpdatePackageVersionsStatus(t.Context(), alice, w.id("app"), pid("lib"), batch(versions...), registry.Archived)
			return err
		}},
		{"Disposed", func() error {
			_, err := w.svc.DisposePackageVersions(t.Context(), alice, w.id("app"), pid("lib"), batch(versions...))
			return err
		}},
		{"Deleted", func() error {
			_, err := w.svc.DeletePackageVersions(t.Context(), alice, w.id("app"), pid("lib"), batch(versions...))
			return err
		}},
	} {
		if err := operation.do(); err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		last := 0.0
		for _, e := range w.bodies() {
			d := e["detail"].(map[string]any)
			if d["packageVersionState"] != operation.state || d["sequenceNumber"].(float64) <= last {
				t.Fatalf("%s: %v", operation.state, d)
			}
			last = d["sequenceNumber"].(float64)
			fmt.Fprintln(&got, d["packageVersion"])
		}
		if want := strings.Join(versions, "\n") + "\n"; got.String() != want {
			t.Errorf("%s: events of %s", operation.state, got.String())
		}
	}
}
