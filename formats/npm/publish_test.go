package npm_test

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/formats/formatstest"
	"larder/formats/npm"
	"larder/registry"
)

func newServer(t *testing.T) *formatstest.Server {
	return formatstest.NewServer(t, npm.Format(), registry.Limits{})
}

// get gives a JSON document, which must be there.
func get(t *testing.T, s *formatstest.Server, path string) map[string]any {
	t.Helper()
	a := s.Do(formatstest.Call{Path: path})
	if a.Status != 200 {
		t.Fatalf("GET %s: %d %s", path, a.Status, a.Body)
	}
	return values(t, a.Body)
}

func values(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}

// must sends a call that has to succeed.
func must(t *testing.T, s *formatstest.Server, c formatstest.Call) formatstest.Answer {
	t.Helper()
	a := s.Do(c)
	if a.Status/100 != 2 {
		t.Fatalf("%s %s: %d %s", c.Method, c.Path, a.Status, a.Body)
	}
	return a
}

// errorOf gives the message of an error answer in npm's form.
func errorOf(t *testing.T, a formatstest.Answer) string {
	t.Helper()
	message, ok := values(t, a.Body)["error"].(string)
	if !ok || message == "" || a.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("not an error as npm reads it: %s %s", a.Header.Get("Content-Type"), a.Body)
	}
	return message
}

// at walks into a document.
func at(v any, keys ...string) any {
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

func TestPublishedPackageIsServedAsItWasPublished(t *testing.T) {
	s := newServer(t)
	doc := document("@team/lib", "1.0.0", []byte("tarball"))
	version := at(doc, "versions", "1.0.0").(map[string]any)
	version["readme"], version["keywords"], version["bin"] = "# hi", []any{"k"}, map[string]any{"x": "y.js"}
	version["peerDependenciesMeta"] = map[string]any{"p": map[string]any{"optional": true}}
	version["_npmUser"] = map[string]any{"name": "forged"}
	must(t, s, formatstest.Call{Method: "PUT", Path: "@team%2flib", Body: encode(doc)})

	got := get(t, s, "@team/lib")
	if at(got, "readme") != "# hi" || at(got, "description") != version["description"] || at(got, "dist-tags", "latest") != "1.0.0" {
		t.Errorf("got %v", got)
	}
	v := at(got, "versions", "1.0.0")
	for _, key := range []string{"keywords", "bin", "peerDependenciesMeta", "name", "version"} {
		if diff := cmp.Diff(version[key], at(v, key)); diff != "" {
			t.Errorf("%s: %s", key, diff)
		}
	}
	if got := at(v, "_npmUser", "email"); got != "" {
		t.Errorf("an address of the publisher is %v, which npm view prints", got)
	}
	if got := at(v, "_npmUser", "name"); got != formatstest.Owner {
		t.Errorf("published by %v", got)
	}
	wantURL := s.Base("main") + "@team/lib/-/lib-1.0.0.tgz"
	for _, path := range []string{"@team/lib/1.0.0", "@team%2flib/latest", "@team%2Flib/1.0.0"} {
		if got := at(get(t, s, path), "dist", "tarball"); got != wantURL {
			t.Errorf("%s: tarball %v, want %s", path, got, wantURL)
		}
	}
	for _, spelling := range []string{"@team/lib", "@team%2flib", "@team%2Flib", "%40team%2Flib", "%40team/lib"} {
		if a := s.Do(formatstest.Call{Path: spelling}); a.Status != 200 {
			t.Errorf("%s: %d", spelling, a.Status)
		}
		if a := s.Do(formatstest.Call{Path: spelling + "/-/lib-1.0.0.tgz"}); a.Status != 200 || string(a.Body) != "tarball" {
			t.Errorf("%s tarball: %d %s", spelling, a.Status, a.Body)
		}
	}
}

func TestPackumentFormFollowsAccept(t *testing.T) {
	s := newServer(t)
	must(t, s, publish("lib", "1.0.0", []byte("x")))
	const abbreviated = "application/vnd.npm.install-v1+json"
	for accept, want := range map[string]string{
		"": "application/json", "*/*": "application/json", "application/json": "application/json",
		abbreviated: abbreviated,
		"application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*": abbreviated, // npm, pnpm, Yarn, bun
		"application/vnd.npm.install-v1+json; q=0.5, application/json":             "application/json",
		"application/vnd.npm.install-v1+json;q=0":                                  "application/json",
		"text/html": "application/json",
	} {
		a := s.Do(formatstest.Call{Path: "lib", Header: map[string]string{"Accept": accept}})
		if got := a.Header.Get("Content-Type"); got != want || !strings.Contains(a.Header.Get("Vary"), "Accept") {
			t.Errorf("%q: got %s, Vary %s", accept, got, a.Header.Get("Vary"))
		}
	}
	full := s.Do(formatstest.Call{Path: "lib"}).Header.Get("ETag")
	// A list may be on several lines (RFC 9110, section 5.3).
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.Base("main")+"lib", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Authorization": {"Bearer " + formatstest.Owner}, "Accept-Encoding": {"identity"}, "Accept": {"text/html", abbreviated + ";q=0.5"}, "If-None-Match": {`"x"`, full}}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got := res.Header.Get("Content-Type"); res.StatusCode != 200 || got != abbreviated {
		t.Errorf("Accept on two lines: got %d %s", res.StatusCode, got)
	}
	r.Header.Del("Accept")
	if res, err = http.DefaultTransport.RoundTrip(r); err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 304 {
		t.Errorf("If-None-Match on two lines: got %d", res.StatusCode)
	}
	a := s.Do(formatstest.Call{Path: "lib", Header: map[string]string{"Accept": abbreviated, "If-None-Match": full}})
	if a.Status != 200 {
		t.Errorf("the full form's ETag validated the abbreviated form: %d", a.Status)
	}
}

func TestBadPublishesAreRefusedAndLeaveNothing(t *testing.T) {
	change := func(f func(doc map[string]any)) []byte {
		doc := document("lib", "1.0.0", []byte("tarball"))
		f(doc)
		return encode(doc)
	}
	version := func(doc map[string]any) map[string]any { return at(doc, "versions", "1.0.0").(map[string]any) }
	dist := func(doc map[string]any) map[string]any { return at(version(doc), "dist").(map[string]any) }
	attachments := func(doc map[string]any) map[string]any { return doc["_attachments"].(map[string]any) }
	rename := func(to string) func(map[string]any) {
		return func(doc map[string]any) {
			a := attachments(doc)
			a[to] = a["lib-1.0.0.tgz"]
			delete(a, "lib-1.0.0.tgz")
		}
	}
	whole := change(func(map[string]any) {})
	for name, c := range map[string]struct {
		path string
		body []byte
		say  string
	}{
		"no JSON":                       {"lib", []byte("<html>"), "not valid JSON"},
		"nothing":                       {"lib", nil, "ends in the middle"},
		"half a body":                   {"lib", whole[:len(whole)/2], "ends in the middle"},
		"half an attachment":            {"lib", whole[:bytes.Index(whole, []byte(`"data":"`))+10], "ends in the middle"},
		"something after the document":  {"lib", append(bytes.Clone(whole), "{}"...), "after the document"},
		"a list":                        {"lib", []byte("[]"), "not valid JSON"},
		"the name of another package":   {"lib", change(func(d map[string]any) { d["name"] = "other" }), `"other"`},
		"the _id of another package":    {"lib", change(func(d map[string]any) { d["_id"] = "other" }), `"other"`},
		"package.json of another":       {"lib", change(func(d map[string]any) { version(d)["name"] = "other" }), `"other"`},
		"package.json without a name":   {"lib", change(func(d map[string]any) { delete(version(d), "name") }), `""`},
		"package.json with a list name": {"lib", change(func(d map[string]any) { version(d)["name"] = []any{} }), "must be strings"},
		"another version inside":        {"lib", change(func(d map[string]any) { version(d)["version"] = "1.0.1" }), `"1.0.1"`},
		"the URL of another package":    {"other", whole, `lib-1.0.0.tgz`},
		"a version that is no object":   {"lib", change(func(d map[string]any) { d["versions"] = map[string]any{"1.0.0": "x"} }), "not an object"},
		"no version":                    {"lib", change(func(d map[string]any) { d["versions"] = map[string]any{} }), "no version"},
		"two versions": {"lib", change(func(d map[string]any) {
			d["versions"].(map[string]any)["1.0.1"] = version(d)
		}), "2 versions"},
		"two tarballs": {"lib", change(func(d map[string]any) {
			a := attachments(d)
			a["lib-1.0.1.tgz"] = a["lib-1.0.0.tgz"]
		}), "two tarballs"},
		"a version that is none":        {"lib", encode(document("lib", "1.0", []byte("x"))), "lib-{version}.tgz"},
		"a version with zeros":          {"lib", encode(document("lib", "1.0.01", []byte("x"))), "semantic version"},
		"a version with v":              {"lib", encode(document("lib", "v1.0.0", []byte("x"))), "semantic version"},
		"capitals":                      {"Lib", encode(document("Lib", "1.0.0", []byte("x"))), "capital"},
		"a homoglyph":                   {"n%EF%BD%95mpy", encode(document("n\uff55mpy", "1.0.0", []byte("x"))), "Latin"},
		"a Cyrillic letter":             {"l%D1%96b", encode(document("l\u0456b", "1.0.0", []byte("x"))), "Latin"},
		"a path as attachment":          {"lib", change(rename("../lib-1.0.0.tgz")), "not called"},
		"a backslash":                   {"lib", change(rename(`x\lib-1.0.0.tgz`)), "not called"},
		"a path after the name":         {"lib", change(rename("lib-1.0.0/../../x.tgz")), "not called"},
		"another's attachment":          {"lib", change(rename("other-1.0.0.tgz")), "not called"},
		"another version's file":        {"lib", change(rename("lib-1.0.1.tgz")), "not of version 1.0.0"},
		"an attachment of another kind": {"lib", change(func(d map[string]any) { attachments(d)["x.exe"] = map[string]any{"data": "AA=="} }), "not called"},
		"no data":                       {"lib", change(func(d map[string]any) { delete(at(d, "_attachments", "lib-1.0.0.tgz").(map[string]any), "data") }), "no data"},
		"data that is no string":        {"lib", change(func(d map[string]any) { at(d, "_attachments", "lib-1.0.0.tgz").(map[string]any)["data"] = 1 }), "string"},
		"empty data":                    {"lib", encode(document("lib", "1.0.0", nil)), "empty"},
		"broken base64":                 {"lib", change(func(d map[string]any) { at(d, "_attachments", "lib-1.0.0.tgz").(map[string]any)["data"] = "@@@@" }), "not base64"},
		"cut base64":                    {"lib", change(func(d map[string]any) { at(d, "_attachments", "lib-1.0.0.tgz").(map[string]any)["data"] = "AAA" }), "not base64"},
		"another length":                {"lib", change(func(d map[string]any) { at(d, "_attachments", "lib-1.0.0.tgz").(map[string]any)["length"] = 6 }), "says it has 6"},
		"another SHA-1":                 {"lib", change(func(d map[string]any) { dist(d)["shasum"] = strings.Repeat("0", 40) }), "SHA-1"},
		"another integrity":             {"lib", change(func(d map[string]any) { dist(d)["integrity"] = "sha512-" + strings.Repeat("A", 86) + "==" }), "dist.integrity"},
		"unreadable integrity":          {"lib", change(func(d map[string]any) { dist(d)["integrity"] = "x" }), "Subresource Integrity"},
		"an odd dist":                   {"lib", change(func(d map[string]any) { dist(d)["integrity"] = 1 }), "must be strings"},
		"a tag like a range":            {"lib", change(func(d map[string]any) { d["dist-tags"] = map[string]any{"1.x": "1.0.0"} }), "range"},
		"a tag of another":              {"lib", change(func(d map[string]any) { d["dist-tags"] = map[string]any{"latest": "0.1.0"} }), "0.1.0"},
		"odd tags":                      {"lib", change(func(d map[string]any) { d["dist-tags"] = []any{} }), "dist-tags"},
		"a bundle that is none":         {"lib", change(func(d map[string]any) { attachments(d)["lib-1.0.0.sigstore"] = map[string]any{"data": "{}"} }), "Sigstore"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			a := s.Do(formatstest.Call{Method: "PUT", Path: c.path, Body: c.body})
			if a.Status != 400 {
				t.Fatalf("got %d %s", a.Status, a.Body)
			}
			if message := errorOf(t, a); !strings.Contains(message, c.say) {
				t.Errorf("the message %q does not say %q", message, c.say)
			}
			if n := s.BlobCount(); n != 0 {
				t.Errorf("%d blobs stay", n)
			}
			if a := s.Do(formatstest.Call{Path: "lib"}); a.Status != 404 {
				t.Errorf("the package answers %d", a.Status)
			}
		})
	}
}

func TestPublishTakesMembersInAnyOrder(t *testing.T) {
	content := bytes.Repeat([]byte("some bytes "), 50_000)
	doc := document("lib", "1.0.0", content)
	raw := map[string][]byte{}
	for k, v := range doc {
		raw[k] = encode(v)
	}
	for i, order := range [][]string{
		{"_attachments", "versions", "name", "dist-tags", "_id"},
		{"versions", "_id", "_attachments", "dist-tags", "name"},
		{"name", "dist-tags", "_attachments", "_id", "versions"},
	} {
		var parts []string
		for _, k := range order {
			parts = append(parts, fmt.Sprintf("%q : %s", k, raw[k]))
		}
		body := "{\n" + strings.Join(parts, " ,\n") + "}\n"
		// Some encoders escape the slashes of base64.
		if i == 1 {
			body = strings.ReplaceAll(body, "/", `\/`)
		}
		s := newServer(t)
		must(t, s, formatstest.Call{Method: "PUT", Path: "lib", Body: []byte(body)})
		if a := s.Do(formatstest.Call{Path: "lib/-/lib-1.0.0.tgz"}); !bytes.Equal(a.Body, content) {
			t.Errorf("order %v: got %d with %d bytes", order, a.Status, len(a.Body))
		}
	}
}

func TestTheSameVersionAgainIsAConflictAndTheOldBytesStay(t *testing.T) {
	s := newServer(t)
	must(t, s, publish("lib", "1.0.0", []byte("old")))
	for _, content := range []string{"old", "new"} {
		a := s.Do(publish("lib", "1.0.0", []byte(content)))
		if a.Status != 409 {
			t.Errorf("%s: got %d", content, a.Status)
		}
		errorOf(t, a)
	}
	if a := s.Do(formatstest.Call{Path: "lib/-/lib-1.0.0.tgz"}); string(a.Body) != "old" {
		t.Errorf("got %s", a.Body)
	}
	if n := s.BlobCount(); n != 1 {
		t.Errorf("%d blobs", n)
	}
}

func TestConcurrentPublishesLoseNoVersion(t *testing.T) {
	s := newServer(t)
	const n = 12
	done := make(chan int, n)
	for i := range n {
		go func() { done <- s.Do(publish("lib", fmt.Sprintf("1.0.%d", i), []byte(fmt.Sprint(i)))).Status }()
	}
	for range n {
		if status := <-done; status != 201 {
			t.Errorf("got %d", status)
		}
	}
	if got := len(at(get(t, s, "lib"), "versions").(map[string]any)); got != n {
		t.Errorf("%d versions, want %d", got, n)
	}
}

func TestProvenanceIsKeptAndServed(t *testing.T) {
	content := []byte("tarball")
	sum := sha512.Sum512(content)
	statement := fmt.Sprintf(`{"predicateType":"https://slsa.dev/provenance/v1","subject":[{"name":"pkg:npm/%%40team/lib@1.0.0","digest":{"sha512":"%s"}}]}`, hex.EncodeToString(sum[:]))
	bundle := fmt.Sprintf(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":{"payload":%q,"payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"c2ln"}]}}`, base64.StdEncoding.EncodeToString([]byte(statement)))
	doc := document("@team/lib", "1.0.0", content)
	doc["_attachments"].(map[string]any)["@team/lib-1.0.0.sigstore"] = map[string]any{"content_type": "application/vnd.dev.sigstore.bundle.v0.3+json", "data": bundle, "length": len(bundle)}
	s := newServer(t)
	must(t, s, formatstest.Call{Method: "PUT", Path: "@team%2flib", Body: encode(doc)})

	attestations := at(get(t, s, "@team/lib/1.0.0"), "dist", "attestations")
	url, _ := at(attestations, "url").(string)
	if want := s.Base("main") + "-/npm/v1/attestations/@team%2flib@1.0.0"; url != want {
		t.Fatalf("url %q, want %q", url, want)
	}
	if got := at(attestations, "provenance", "predicateType"); got != "https://slsa.dev/provenance/v1" {
		t.Errorf("predicate type %v", got)
	}
	got := get(t, s, strings.TrimPrefix(url, s.Base("main")))
	want := map[string]any{"attestations": []any{map[string]any{
		"predicateType": "https://slsa.dev/provenance/v1", "bundle": values(t, []byte(bundle)),
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	other := document("@team/lib", "1.0.1", []byte("another tarball"))
	other["_attachments"].(map[string]any)["@team/lib-1.0.1.sigstore"] = map[string]any{"data": bundle}
	if a := s.Do(formatstest.Call{Method: "PUT", Path: "@team%2flib", Body: encode(other)}); a.Status != 400 || !strings.Contains(errorOf(t, a), "another tarball") {
		t.Errorf("a statement about another tarball: %d %s", a.Status, a.Body)
	}
}

func TestTooLargeADocumentIsRefused(t *testing.T) {
	doc := document("lib", "1.0.0", []byte("x"))
	doc["junk"] = strings.Repeat("x", 33<<20)
	s := newServer(t)
	if a := s.Do(formatstest.Call{Method: "PUT", Path: "lib", Body: encode(doc)}); a.Status != 413 || !strings.Contains(errorOf(t, a), "32 MiB") {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
}
