package npm

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larder/registry"
)

const base = "http://larder.test/npm/d/acme-111111111111/main/"

func at(day int) time.Time { return time.Date(2026, 3, day, 12, 30, 0, 250e6, time.UTC) }

// parsed gives JSON as values.
func parsed(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}

// viewOf lists what the packument offers, as the core does for a connection.
func viewOf(t *testing.T, p registry.PackageID, packument string) *registry.PackageView {
	t.Helper()
	l, err := readPackument([]byte(packument), p)
	if err != nil {
		t.Fatal(err)
	}
	view := &registry.PackageView{ID: p, Tags: l.Tags, Metadata: l.Metadata, Modified: l.Modified}
	for _, v := range l.Versions {
		view.Versions = append(view.Versions, registry.VersionView{
			Version: registry.Version{Version: v.Version, Manifest: v.Manifest, Released: v.Released, Status: v.Status,
				Origin: registry.Origin{Type: registry.OriginExternal, Connection: "public:npmjs"}},
			Listed: v.Assets,
		})
	}
	return view
}

const upstreamDocument = `{
	"_id": "@team/lib", "_rev": "77-abc", "name": "@team/lib",
	"dist-tags": {"latest": "1.1.0", "old": "1.0.0", "gone": "0.0.1"},
	"maintainers": [{"name": "today"}], "description": "top", "readme": "# top", "users": {"u": true},
	"time": {"created": "2026-03-01T12:30:00.250Z", "modified": "2026-03-09T12:30:00.250Z", "1.0.0": "2026-03-01T12:30:00.250Z", "1.1.0": "2026-03-02T12:30:00.250Z", "0.9.0": "2026-01-01T00:00:00.000Z"},
	"versions": {
		"1.1.0": {
			"name": "@team/lib", "version": "1.1.0", "_id": "@team/lib@1.1.0", "description": "d", "keywords": ["k"], "main": "i.js",
			"bin": {"b": "b.js"}, "engines": {"node": ">=18"}, "os": ["linux"], "cpu": ["x64"], "libc": ["glibc"], "funding": {"url": "f"},
			"dependencies": {"a": "1"}, "devDependencies": {"b": "2"}, "peerDependencies": {"c": "3"}, "peerDependenciesMeta": {"c": {"optional": true}},
			"optionalDependencies": {"d": "4"}, "bundledDependencies": ["a"], "acceptDependencies": {"a": "2"}, "directories": {"lib": "l"},
			"scripts": {"postinstall": "node x.js", "test": "t"}, "_hasShrinkwrap": false, "maintainers": [{"name": "then"}], "readme": "# of the version",
			"dist": {
				"tarball": "https://upstream.test/@team/lib/-/lib-1.1.0.tgz", "shasum": "da39a3ee5e6b4b0d3255bfef95601890afd80709", "integrity": "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
				"fileCount": 3, "unpackedSize": 99, "signatures": [{"keyid": "k", "sig": "s"}],
				"attestations": {"url": "https://upstream.test/-/npm/v1/attestations/@team%2flib@1.1.0", "provenance": {"predicateType": "https://slsa.dev/provenance/v1"}}
			}
		},
		"1.0.0": {"name": "@team/lib", "version": "1.0.0", "deprecated": "too old", "dist": {"tarball": "https://upstream.test/odd/name-1.tgz"}}
	}
}`

func TestFullPackument(t *testing.T) {
	view := viewOf(t, parseName("@team/lib"), upstreamDocument)
	view.Revision = 12
	got := parsed(t, fullPackument(view, base))
	want := parsed(t, []byte(`{
		"_id": "@team/lib", "_rev": "12-larder", "name": "@team/lib",
		"dist-tags": {"latest": "1.1.0", "old": "1.0.0"},
		"description": "top", "keywords": ["k"], "maintainers": [{"name": "today"}], "readme": "# of the version",
		"time": {"created": "2026-03-01T12:30:00.250Z", "modified": "2026-03-09T12:30:00.250Z", "1.0.0": "2026-03-01T12:30:00.250Z", "1.1.0": "2026-03-02T12:30:00.250Z"},
		"versions": {
			"1.1.0": {
				"name": "@team/lib", "version": "1.1.0", "_id": "@team/lib@1.1.0", "description": "d", "keywords": ["k"], "main": "i.js",
				"bin": {"b": "b.js"}, "engines": {"node": ">=18"}, "os": ["linux"], "cpu": ["x64"], "libc": ["glibc"], "funding": {"url": "f"},
				"dependencies": {"a": "1"}, "devDependencies": {"b": "2"}, "peerDependencies": {"c": "3"}, "peerDependenciesMeta": {"c": {"optional": true}},
				"optionalDependencies": {"d": "4"}, "bundledDependencies": ["a"], "bundleDependencies": ["a"], "acceptDependencies": {"a": "2"}, "directories": {"lib": "l"},
				"scripts": {"postinstall": "node x.js", "test": "t"}, "hasInstallScript": true, "_hasShrinkwrap": false, "maintainers": [{"name": "then"}],
				"dist": {
					"tarball": "`+base+`@team/lib/-/lib-1.1.0.tgz", "shasum": "da39a3ee5e6b4b0d3255bfef95601890afd80709", "integrity": "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
					"fileCount": 3, "unpackedSize": 99, "signatures": [{"keyid": "k", "sig": "s"}],
					"attestations": {"url": "`+base+`-/npm/v1/attestations/@team%2flib@1.1.0", "provenance": {"predicateType": "https://slsa.dev/provenance/v1"}}
				}
			},
			"1.0.0": {"name": "@team/lib", "version": "1.0.0", "_id": "@team/lib@1.0.0", "deprecated": "too old", "dist": {"tarball": "`+base+`@team/lib/-/lib-1.0.0.tgz"}}
		}
	}`))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAbbreviatedPackumentHasWhatAnInstallNeeds(t *testing.T) {
	view := viewOf(t, parseName("@team/lib"), upstreamDocument)
	b := abbreviatedPackument(view, base)
	got := parsed(t, b)
	if strings.Contains(string(b), "upstream.test") {
		t.Error("an upstream host leaks")
	}
	full := parsed(t, fullPackument(view, base))
	for _, key := range []string{"dist-tags", "time", "name"} {
		if diff := cmp.Diff(full[key], got[key]); diff != "" {
			t.Error(key, diff)
		}
	}
	if got["modified"] != "2026-03-09T12:30:00.250Z" {
		t.Errorf("modified: got %v", got["modified"])
	}
	v := got["versions"].(map[string]any)["1.1.0"].(map[string]any)
	fv := full["versions"].(map[string]any)["1.1.0"].(map[string]any)
	for key, want := range fv {
		switch key {
		case "description", "keywords", "main", "scripts", "maintainers", "bundledDependencies", "_id":
			if _, ok := v[key]; ok {
				t.Errorf("%s is in it", key)
			}
		default:
			if diff := cmp.Diff(want, v[key]); diff != "" {
				t.Error(key, diff)
			}
		}
	}
}

func TestModifiedIsNoEarlierThanAnyVersion(t *testing.T) {
	view := &registry.PackageView{ID: parseName("x"), Tags: map[string]string{"latest": "1.0.1"}, Modified: at(1), Created: at(5), Versions: []registry.VersionView{
		{Version: registry.Version{Version: "1.0.0", Released: at(2)}},
		{Version: registry.Version{Version: "1.0.1", Published: at(4)}},
		{Version: registry.Version{Version: "1.0.2"}},
	}}
	got := parsed(t, abbreviatedPackument(view, base))
	want := map[string]any{
		"created": "2026-03-01T12:30:00.250Z", "modified": "2026-03-04T12:30:00.250Z",
		"1.0.0": "2026-03-02T12:30:00.250Z", "1.0.1": "2026-03-04T12:30:00.250Z", "1.0.2": "2026-03-01T12:30:00.250Z",
	}
	if diff := cmp.Diff(want, got["time"]); diff != "" {
		t.Error(diff)
	}
	if got["modified"] != "2026-03-04T12:30:00.250Z" {
		t.Errorf("modified: got %v", got["modified"])
	}
}

func TestHeldVersionsGetTheHashesThatUpstreamLacks(t *testing.T) {
	view := viewOf(t, parseName("@team/lib"), upstreamDocument)
	for i := range view.Versions {
		view.Versions[i].Assets = []registry.Asset{{Name: asset, Size: 1}}
	}
	versions := parsed(t, abbreviatedPackument(view, base))["versions"].(map[string]any)
	old := versions["1.0.0"].(map[string]any)["dist"].(map[string]any)
	if old["integrity"] != "sha512-"+strings.Repeat("A", 86)+"==" || old["shasum"] != strings.Repeat("0", 40) {
		t.Errorf("got %v", old)
	}
	if got := versions["1.1.0"].(map[string]any)["dist"].(map[string]any)["shasum"]; got != "da39a3ee5e6b4b0d3255bfef95601890afd80709" {
		t.Errorf("what upstream said became %v", got)
	}
}

func TestNothingInAManifestReplacesWhatIsOurs(t *testing.T) {
	// Escaped and repeated keys, by which a client's JSON.parse would take the last.
	raw := `{"name":"x","n\u0061me":"y","version":"9.9.9","d\u0069st":{"t\u0061rball":"http://evil.test/a.tgz","attestations":{"\u0075rl":"http://evil.test/b"}},"_\u0069d":"z","__proto__":{"a":1},"dist":{"tarb\u0061ll":"http://evil.test/c.tgz","attestations":{"u\u0072l":"http://evil.test/d","url":"http://evil.test/e"}}}`
	m, _ := takeApart([]byte(raw))
	got := string(versionDocument(parseName("x"), &registry.VersionView{Version: registry.Version{Version: "1.0.0", Manifest: m.encode()}}, base))
	want := `{"_id":"x@1.0.0","name":"x","version":"1.0.0","dist":{"tarball":"` + base + `x/-/x-1.0.0.tgz","attestations":{"url":"` + base + `-/npm/v1/attestations/x@1.0.0"}}}`
	if got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

func TestManifestsSurviveStorage(t *testing.T) {
	m, _ := takeApart([]byte(`{"dependencies":{"a":"<1 & >0"},"description":"é","dist":{"shasum":"x"},"readme":"# \"r\"","deprecated":"no"}`))
	m.file, m.bundles = "odd name.tgz", []byte(`[1]`)
	again := decode(m.encode())
	if diff := cmp.Diff(m, again, cmp.AllowUnexported(manifest{})); diff != "" {
		t.Error(diff)
	}
	// Stores may write JSON anew: escaped for HTML, or indented.
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetIndent("", " ")
	if err := e.Encode(m.encode()); err != nil {
		t.Fatal(err)
	}
	v := registry.VersionView{Version: registry.Version{Version: "1.0.0"}}
	v.Manifest = m.encode()
	want := parsed(t, versionDocument(parseName("x"), &v, base))
	v.Manifest = json.RawMessage(b.String())
	if diff := cmp.Diff(want, parsed(t, versionDocument(parseName("x"), &v, base))); diff != "" {
		t.Error(diff)
	}
}

func TestDeprecation(t *testing.T) {
	m, _ := takeApart([]byte(`{"dependencies":{},"description":"d"}`))
	if m.deprecation() != nil {
		t.Error("deprecated from the start")
	}
	old := m.deprecate([]byte(`"use y"`))
	if got := string(old.deprecation()); got != `"use y"` {
		t.Errorf("got %s", got)
	}
	if back := old.deprecate(nil); string(back.encode()) != string(m.encode()) {
		t.Errorf("taken back: got %s, want %s", back.encode(), m.encode())
	}
	for _, not := range []string{`""`, `null`, `false`} {
		m, _ := takeApart([]byte(`{"deprecated":"x","deprecated":` + not + `}`))
		if m.deprecation() != nil {
			t.Errorf("%s deprecates", not)
		}
	}
}

func TestDescribe(t *testing.T) {
	m, _ := takeApart([]byte(`{"description":"s","homepage":"h","repository":{"type":"git","url":"git+https://example.test/r.git"},"license":"MIT",
		"licenses":[{"type":"Apache-2.0","url":"u"}],"readme":"# r","dependencies":{"@s/a":"^1"},"devDependencies":{"b":"2"},"peerDependencies":{"c":"3"},"optionalDependencies":{"d":"4"}}`))
	want := registry.Description{
		Summary: "s", HomePage: "h", SourceCode: "https://example.test/r.git", Readme: "# r",
		Licenses: []registry.License{{Name: "MIT"}, {Name: "Apache-2.0", URL: "u"}},
		Dependencies: []registry.Dependency{
			{Namespace: "s", Package: "a", Type: "regular", Requirement: "^1"}, {Package: "b", Type: "dev", Requirement: "2"},
			{Package: "c", Type: "peer", Requirement: "3"}, {Package: "d", Type: "optional", Requirement: "4"},
		},
	}
	if diff := cmp.Diff(want, (rules{}).Describe(m.encode())); diff != "" {
		t.Error(diff)
	}
	for _, junk := range []string{``, `x`, `[]`, `{"more":{"license":[[["MIT"]]],"repository":3,"description":{}}}`} {
		(rules{}).Describe(json.RawMessage(junk)) // must not fail
	}
}

func BenchmarkAbbreviated300(b *testing.B) {
	view := &registry.PackageView{ID: parseName("@team/lib"), Tags: map[string]string{"latest": "1.0.0"}, Modified: at(1)}
	m, _ := takeApart([]byte(`{"description":"` + strings.Repeat("d", 500) + `","dependencies":{"a":"^1.0.0","b":"^2.0.0"},"bin":{"x":"y.js"},"engines":{"node":">=18"},"scripts":{"test":"` + strings.Repeat("t", 500) + `"},"dist":{"shasum":"da39a3ee5e6b4b0d3255bfef95601890afd80709","integrity":"sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="}}`))
	for range 300 {
		view.Versions = append(view.Versions, registry.VersionView{Version: registry.Version{Version: "1.0.0", Manifest: m.encode(), Released: at(1)}})
	}
	b.ReportAllocs()
	for b.Loop() {
		abbreviatedPackument(view, base)
	}
}
