package npm

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/registry"
)

// answers is a Getter with fixed answers by URL.
type answers map[string]string

func (a answers) Get(_ context.Context, r registry.GetRequest) (*registry.GetAnswer, error) {
	body, ok := a[r.URL]
	if !ok {
		return nil, registry.Errorf(registry.NotFound, "no %s", r.URL)
	}
	return &registry.GetAnswer{
		Status: 200, URL: r.URL, Body: io.NopCloser(strings.NewReader(body)),
		Header: func(name string) string {
			if name == "Last-Modified" {
				return "Sun, 01 Mar 2026 12:30:00 GMT"
			}
			return ""
		},
	}, nil
}

func TestListing(t *testing.T) {
	g := answers{"@team%2flib": upstreamDocument}
	l, err := (adapter{}).Listing(t.Context(), g, parseName("@team/lib"))
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Versions) != 2 || l.Versions[0].Version != "1.0.0" || l.Versions[1].Version != "1.1.0" {
		t.Fatalf("got %v", l.Versions)
	}
	if diff := cmp.Diff(map[string]string{"latest": "1.1.0", "old": "1.0.0"}, l.Tags); diff != "" {
		t.Error(diff)
	}
	v := l.Versions[1]
	if !v.Released.Equal(at(2)) || !l.Modified.Equal(at(9)) || v.Status != registry.Published {
		t.Errorf("got %v, %v, %v", v.Released, l.Modified, v.Status)
	}
	a := v.Assets[0]
	if a.Name != "package.tgz" || a.URL != "https://upstream.test/@team/lib/-/lib-1.1.0.tgz" || hex.EncodeToString(a.SHA1) != "da39a3ee5e6b4b0d3255bfef95601890afd80709" || len(a.SHA512) != 64 {
		t.Errorf("got %v", a)
	}
	if odd := l.Versions[0]; odd.Assets[0].URL != "https://upstream.test/odd/name-1.tgz" || decode(odd.Manifest).file != "name-1.tgz" || odd.Assets[0].SHA1 != nil {
		t.Errorf("got %v %s", odd.Assets, odd.Manifest)
	}
}

func TestListingSurvivesAPoorUpstream(t *testing.T) {
	g := answers{"x": "\ufeff" + `{"versions":{
		"1.0.0":{},
		"1.0.1":{"name":"x","version":"v1.0.1","dist":null,"time":3},
		"1.0.2":{"dist":{"tarball":"x-1.0.2.tgz","shasum":"nothex","integrity":"sha512-short sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=?opt sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA="}},
		"not a version":{},"1.0.3":"x","1.0.4":{"dist":{"tarball":"file:///etc/passwd"}},"1.0.5":{"dist":{"tarball":7}}},
		"dist-tags":{"latest":"1.0.1","1.0":"1.0.0","lost":"3.0.0","n":4},"time":[]}`}
	l, err := (adapter{}).Listing(t.Context(), g, parseName("x"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, v := range l.Versions {
		got[v.Version] = v.Assets[0].URL
		if !v.Released.IsZero() {
			t.Errorf("%s has a date", v.Version)
		}
		if a := v.Assets[0]; a.SHA1 != nil || a.SHA512 != nil {
			t.Errorf("%s has the hashes %x %x", v.Version, a.SHA1, a.SHA512)
		}
	}
	want := map[string]string{}
	for _, v := range []string{"1.0.0", "1.0.1", "1.0.2", "1.0.4", "1.0.5"} {
		want[v] = "x/-/x-" + v + ".tgz"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"latest": "1.0.1"}, l.Tags); diff != "" {
		t.Error(diff)
	}
	if l.Modified.Year() != 2026 {
		t.Errorf("modified is %v, want what Last-Modified says", l.Modified)
	}
}

func TestADateThatNobodyKnowsIsLeftOut(t *testing.T) {
	view := viewOf(t, parseName("x"), `{"dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{}}}`)
	doc := parsed(t, fullPackument(view, base))
	if diff := cmp.Diff(map[string]any{}, doc["time"]); diff != "" {
		t.Error(diff)
	}
}

func TestListingRefusesWhatIsNoPackument(t *testing.T) {
	for body, want := range map[string]registry.Code{
		"":                                      registry.UpstreamFailed,
		"<html>":                                registry.UpstreamFailed,
		"[]":                                    registry.UpstreamFailed,
		"{}":                                    registry.UpstreamFailed,
		`{"error":"x"}`:                         registry.UpstreamFailed,
		`{"name":"y","versions":{}}`:            registry.UpstreamFailed,
		`{"_id":"y","versions":{}}`:             registry.UpstreamFailed,
		`{"name":"x","time":{"unpublished":1}}`: registry.NotFound,
		`{"versions":` + strings.Repeat("[", 1e6) + strings.Repeat("]", 1e6) + `}`: registry.UpstreamFailed,
	} {
		_, err := (adapter{}).Listing(t.Context(), answers{"x": body}, parseName("x"))
		if registry.CodeOf(err) != want {
			t.Errorf("%.40q: got %v", body, err)
		}
	}
	if _, err := (adapter{}).Listing(t.Context(), answers{}, parseName("x")); !registry.IsNotFound(err) {
		t.Errorf("got %v", err)
	}
}

func FuzzUpstreamDocument(f *testing.F) {
	f.Add([]byte(upstreamDocument))
	f.Add([]byte(`{"versions":{"1.0.0":{"dist":{"integrity":"sha512-"}}},"time":{"1.0.0":"x"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p := parseName("@team/lib")
		l, err := readPackument(body, p)
		if err != nil {
			return
		}
		// What is read can be rendered, and what is rendered read again.
		view := &registry.PackageView{ID: p, Tags: l.Tags, Metadata: l.Metadata, Modified: l.Modified}
		for _, v := range l.Versions {
			if !json.Valid(v.Manifest) {
				t.Fatalf("the manifest of %s is not JSON: %q", v.Version, v.Manifest)
			}
			view.Versions = append(view.Versions, registry.VersionView{Version: registry.Version{Version: v.Version, Manifest: v.Manifest, Released: v.Released}})
			describe(v.Manifest)
		}
		for _, doc := range [][]byte{fullPackument(view, base), abbreviatedPackument(view, base)} {
			if !json.Valid(doc) {
				t.Fatalf("not JSON: %q", doc)
			}
		}
		again, err := readPackument(fullPackument(view, base), p)
		if err != nil || len(again.Versions) != len(l.Versions) {
			t.Fatalf("rendered and read again: %v", err)
		}
		for i := range again.Versions {
			// Older readmes and odd file names do not stand in documents.
			got, want := decode(again.Versions[i].Manifest), decode(l.Versions[i].Manifest)
			got.readme, want.readme, got.file, want.file = nil, nil, "", ""
			if !sameJSON(string(got.encode()), string(want.encode())) {
				t.Fatalf("version %s became %s, was %s", again.Versions[i].Version, got.encode(), want.encode())
			}
		}
	})
}

func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && cmp.Equal(x, y)
}
