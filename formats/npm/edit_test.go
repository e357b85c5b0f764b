package npm_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/formats/formatstest"
)

// forEdit reads a document as clients do before they change it.
func forEdit(t *testing.T, s *formatstest.Server, path string) (doc map[string]any, rev string) {
	t.Helper()
	doc = get(t, s, path+"?write=true")
	return doc, at(doc, "_rev").(string)
}

func versions(doc map[string]any) []string {
	return slices.Sorted(maps.Keys(at(doc, "versions").(map[string]any)))
}

func TestDeprecatingKeepsEverythingElse(t *testing.T) {
	s := newServer(t)
	for _, v := range []string{"1.0.0", "1.1.0", "2.0.0"} {
		must(t, s, publish("lib", v, []byte(v)))
	}
	before, _ := forEdit(t, s, "lib")
	for _, message := range []string{"use 2", ""} {
		doc, _ := forEdit(t, s, "lib")
		for _, v := range []string{"1.0.0", "1.1.0"} {
			at(doc, "versions", v).(map[string]any)["deprecated"] = message
		}
		at(doc, "versions", "2.0.0").(map[string]any)["description"] = "edits of anything else do not count"
		must(t, s, formatstest.Call{Method: "PUT", Path: "lib", Body: encode(doc)})
		got := get(t, s, "lib")
		for _, v := range []string{"1.0.0", "1.1.0"} {
			want := any(message)
			if message == "" {
				want = nil
			}
			if at(got, "versions", v, "deprecated") != want {
				t.Errorf("%q: %s has %v", message, v, at(got, "versions", v, "deprecated"))
			}
		}
	}
	after, _ := forEdit(t, s, "lib")
	delete(before, "_rev")
	delete(after, "_rev")
	delete(before["time"].(map[string]any), "modified")
	delete(after["time"].(map[string]any), "modified")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
}

func TestAStaleEditIsAConflict(t *testing.T) {
	s := newServer(t)
	must(t, s, publish("lib", "1.0.0", []byte("a")))
	doc, rev := forEdit(t, s, "lib")
	must(t, s, publish("lib", "1.1.0", []byte("b")))
	at(doc, "versions", "1.0.0").(map[string]any)["deprecated"] = "no"
	for _, c := range []formatstest.Call{
		{Method: "PUT", Path: "lib", Body: encode(doc)},
		{Method: "PUT", Path: "lib/-rev/" + rev, Body: encode(doc)},
		{Method: "PUT", Path: "lib/-rev/4-feedbeef", Body: encode(doc)},
		{Method: "DELETE", Path: "lib/-rev/" + rev},
		{Method: "DELETE", Path: "lib/-rev/undefined"},
		{Method: "DELETE", Path: "lib/-/lib-1.0.0.tgz/-rev/" + rev},
		{Method: "DELETE", Path: "lib/-/lib-1.0.0.tgz/-rev/x"},
	} {
		if a := s.Do(c); a.Status != 409 {
			t.Errorf("%s %s: got %d %s", c.Method, c.Path, a.Status, a.Body)
		}
	}
	if got := versions(get(t, s, "lib")); len(got) != 2 {
		t.Errorf("versions %v", got)
	}
}

func TestUnpublishingAVersionAsNPMDoes(t *testing.T) {
	s := newServer(t)
	must(t, s, publish("@team/lib", "1.0.0", []byte("a")))
	must(t, s, publish("@team/lib", "1.1.0", []byte("b")))
	must(t, s, formatstest.Call{Method: "PUT", Path: "-/package/@team%2flib/dist-tags/beta", Body: []byte(`"1.1.0"`)})

	doc, rev := forEdit(t, s, "@team%2flib")
	delete(doc["versions"].(map[string]any), "1.1.0")
	must(t, s, formatstest.Call{Method: "PUT", Path: "@team%2flib/-rev/" + rev, Body: encode(doc)})
	_, rev = forEdit(t, s, "@team%2flib")
	must(t, s, formatstest.Call{Method: "DELETE", Path: "@team/lib/-/lib-1.1.0.tgz/-rev/" + rev})

	got := get(t, s, "@team/lib")
	if diff := cmp.Diff([]string{"1.0.0"}, versions(got)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"latest": "1.0.0"}, got["dist-tags"]); diff != "" {
		t.Errorf("tags: %s", diff)
	}
	if a := s.Do(formatstest.Call{Path: "@team/lib/-/lib-1.1.0.tgz"}); a.Status != 404 {
		t.Errorf("the tarball answers %d", a.Status)
	}
	if n := s.BlobCount(); n != 1 {
		t.Errorf("%d blobs", n)
	}
	must(t, s, publish("@team/lib", "1.1.0", []byte("c"))) // the number is free again
}

func TestNPM6RepeatsTheRepositorysPath(t *testing.T) {
	s := newServer(t)
	must(t, s, publish("@team/lib", "1.0.0", []byte("a")))
	must(t, s, publish("@team/lib", "1.1.0", []byte("b")))
	must(t, s, publish("lib", "1.1.0", []byte("another package")))
	again := strings.TrimPrefix(s.Base("main"), s.URL+"/")
	_, rev := forEdit(t, s, "@team/lib")
	must(t, s, formatstest.Call{Method: "DELETE", Path: again + "@team/lib/-/lib-1.1.0.tgz/-rev/" + rev})
	if got := versions(get(t, s, "@team/lib")); len(got) != 1 {
		t.Errorf("versions %v", got)
	}
	if got := versions(get(t, s, "lib")); len(got) != 1 {
		t.Errorf("versions of the unscoped package %v", got)
	}
	_, rev = forEdit(t, s, "lib")
	elsewhere := strings.Replace(again, "/main/", "/lone/", 1)
	if a := s.Do(formatstest.Call{Method: "DELETE", Path: elsewhere + "lib/-/lib-1.1.0.tgz/-rev/" + rev}); a.Status != 404 {
		t.Errorf("another repository's path: %d", a.Status)
	}
}

func TestUnpublishingAPackage(t *testing.T) {
	s := newServer(t)
	must(t, s, publish("lib", "1.0.0", []byte("a")))
	must(t, s, publish("lib", "1.1.0", []byte("b")))
	s.Upstream.ServeText("/lib", `{"name":"lib","versions":{"9.0.0":{}},"dist-tags":{"latest":"9.0.0"}}`)
	_, rev := forEdit(t, s, "lib")
	must(t, s, formatstest.Call{Method: "DELETE", Path: "lib/-rev/" + rev})
	// The name stays ours: it does not begin to mean a package from outside.
	if a := s.Do(formatstest.Call{Path: "lib"}); a.Status != 404 {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	if n := s.BlobCount(); n != 0 {
		t.Errorf("%d blobs", n)
	}
	if n := s.Upstream.Count("/lib"); n != 0 {
		t.Errorf("upstream was asked %d times", n)
	}
	must(t, s, publish("lib", "1.0.0", []byte("c")))
}

func TestOnlyWhatIsHeldCanBeEdited(t *testing.T) {
	s := newServer(t)
	s.Upstream.ServeText("/left", `{"name":"left","versions":{"1.0.0":{"deprecated":"upstream says so"},"1.1.0":{}},"dist-tags":{"latest":"1.1.0"}}`)
	if a := s.Do(formatstest.Call{Path: "left?write=true"}); a.Status != 404 || !strings.Contains(errorOf(t, a), "itself") {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	s.Upstream.Serve("/left/-/left-1.1.0.tgz", formatstest.Resource{Body: []byte("x")})
	must(t, s, formatstest.Call{Path: "left/-/left-1.1.0.tgz"})
	held, _ := forEdit(t, s, "left")
	if diff := cmp.Diff([]string{"1.1.0"}, versions(held)); diff != "" {
		t.Error(diff)
	}
	// The merged document may come back too, as long as nothing of upstream's is changed.
	merged := get(t, s, "left")
	at(merged, "versions", "1.1.0").(map[string]any)["deprecated"] = "ours"
	must(t, s, formatstest.Call{Method: "PUT", Path: "left", Body: encode(merged)})
	if got := at(get(t, s, "left"), "versions", "1.1.0", "deprecated"); got != "ours" {
		t.Errorf("got %v", got)
	}
	merged = get(t, s, "left")
	at(merged, "versions", "1.0.0").(map[string]any)["deprecated"] = "ours"
	if a := s.Do(formatstest.Call{Method: "PUT", Path: "left", Body: encode(merged)}); a.Status != 404 || !strings.Contains(errorOf(t, a), "upstream of it") {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	merged["versions"].(map[string]any)["7.0.0"] = map[string]any{"name": "left", "version": "7.0.0"}
	delete(merged["versions"].(map[string]any), "1.0.0")
	if a := s.Do(formatstest.Call{Method: "PUT", Path: "left", Body: encode(merged)}); a.Status != 404 {
		t.Errorf("a version from nowhere: got %d %s", a.Status, a.Body)
	}
}

func TestOddEditsAreRefused(t *testing.T) {
	s := newServer(t)
	must(t, s, publish("lib", "1.0.0", []byte("a")))
	_, rev := forEdit(t, s, "lib")
	// A document to publish, packed, with the byte at the place changed.
	corrupt := func(at int) []byte {
		b := zip(encode(document("lib", "1.0.1", []byte("x"))))
		b[(at+len(b))%len(b)] ^= 0xff
		return b
	}
	for name, c := range map[string]struct {
		call formatstest.Call
		want int
		say  string
	}{
		"owners":               {formatstest.Call{Path: "lib/-rev/" + rev, Body: []byte(`{"_id":"lib","maintainers":[{"name":"x"}]}`)}, 405, "larder policy"},
		"stars":                {formatstest.Call{Path: "lib", Body: []byte(`{"_id":"lib","users":{"x":true}}`)}, 405, "larder policy"},
		"nothing":              {formatstest.Call{Path: "lib", Body: []byte(`{"_id":"lib"}`)}, 400, "neither"},
		"no versions left":     {formatstest.Call{Path: "lib/-rev/" + rev, Body: []byte(`{"_id":"lib","versions":{}}`)}, 400, "unpublish"},
		"another name":         {formatstest.Call{Path: "lib", Body: []byte(`{"_id":"x","versions":{"1.0.0":{}}}`)}, 400, `"x"`},
		"an odd message":       {formatstest.Call{Path: "lib", Body: []byte(`{"versions":{"1.0.0":{"deprecated":{}}}}`)}, 400, "not a text"},
		"a package not here":   {formatstest.Call{Path: "other", Body: []byte(`{"versions":{"1.0.0":{}}}`)}, 404, "other"},
		"a tarball in -rev":    {formatstest.Call{Path: "lib/-rev/" + rev, Body: encode(document("lib", "1.0.1", []byte("x")))}, 400, "PUT"},
		"an unknown encoding":  {formatstest.Call{Path: "lib", Header: map[string]string{"Content-Encoding": "br"}, Body: []byte("x")}, 415, "gzip"},
		"gzip that is changed": {formatstest.Call{Path: "lib", Header: map[string]string{"Content-Encoding": "gzip"}, Body: corrupt(20)}, 400, "broken"},
		"gzip of another sum":  {formatstest.Call{Path: "lib", Header: map[string]string{"Content-Encoding": "gzip"}, Body: corrupt(-8)}, 400, "broken"},
		"gzip that is none":    {formatstest.Call{Path: "lib", Header: map[string]string{"Content-Encoding": "gzip"}, Body: []byte("x")}, 400, "gzip"},
	} {
		c.call.Method = "PUT"
		a := s.Do(c.call)
		if a.Status != c.want || !strings.Contains(errorOf(t, a), c.say) {
			t.Errorf("%s: got %d %s", name, a.Status, a.Body)
		}
	}
}

func TestTagsAreSetMovedAndRemoved(t *testing.T) {
	s := newServer(t)
	must(t, s, publish("@team/lib", "1.0.0", []byte("a")))
	must(t, s, publish("@team/lib", "1.1.0", []byte("b")))
	path := "-/package/@team%2flib/dist-tags"
	put := func(tag, body string) formatstest.Answer {
		return s.Do(formatstest.Call{Method: "PUT", Path: path + "/" + tag, Body: []byte(body)})
	}
	if a := put("beta", `"1.0.0"`); a.Status != 200 {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
	if a := put("latest", `"1.0.0"`); a.Status != 200 {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
	if diff := cmp.Diff(map[string]any{"beta": "1.0.0", "latest": "1.0.0"}, get(t, s, path)); diff != "" {
		t.Error(diff)
	}
	if got := at(get(t, s, "@team/lib/beta"), "version"); got != "1.0.0" {
		t.Errorf("beta is %v", got)
	}
	for body, want := range map[string]int{`"9.9.9"`: 404, `"x"`: 400, `1`: 400, ``: 400, `{}`: 400, `"` + strings.Repeat("1", 2000) + `"`: 413} {
		if a := put("x1", body); a.Status != want {
			t.Errorf("%.20s: got %d %s, want %d", body, a.Status, a.Body, want)
		}
	}
	for _, tag := range []string{"1.0", "v1", "%20", "a%20b", "*"} {
		if a := put(tag, `"1.0.0"`); a.Status != 400 {
			t.Errorf("tag %s: got %d %s", tag, a.Status, a.Body)
		}
	}
	must(t, s, formatstest.Call{Method: "DELETE", Path: path + "/beta"})
	for tag, want := range map[string]int{"beta": 404, "latest": 400} {
		if a := s.Do(formatstest.Call{Method: "DELETE", Path: path + "/" + tag}); a.Status != want {
			t.Errorf("removing %s: got %d %s", tag, a.Status, a.Body)
		}
	}
}
