package npm_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/formats/formatstest"
	"larder/registry"
)

func TestLoginSaysWhatToDo(t *testing.T) {
	s := newServer(t)
	for _, as := range []string{formatstest.Owner, "-", "expired"} {
		web := s.Do(formatstest.Call{Method: "POST", Path: "-/v1/login", Body: []byte("{}"), As: as})
		if web.Status != 501 || !strings.Contains(errorOf(t, web), "larder login npm") {
			t.Errorf("web login as %s: %d %s", as, web.Status, web.Body)
		}
		legacy := s.Do(formatstest.Call{Method: "PUT", Path: "-/user/org.couchdb.user:me", Body: []byte("{}"), As: as})
		if legacy.Status != 405 || !strings.Contains(errorOf(t, legacy), "larder login npm") {
			t.Errorf("login as %s: %d %s", as, legacy.Status, legacy.Body)
		}
		if a := s.Do(formatstest.Call{Method: "DELETE", Path: "-/user/token/abc", As: as}); a.Status != 200 {
			t.Errorf("logout as %s: %d %s", as, a.Status, a.Body)
		}
	}
}

func TestWhoamiAndPing(t *testing.T) {
	s := newServer(t)
	if got := get(t, s, "-/whoami")["username"]; got != formatstest.Owner {
		t.Errorf("got %v", got)
	}
	for _, path := range []string{"-/ping", "-/ping?write=true", ""} {
		if a := s.Do(formatstest.Call{Path: path}); a.Status != 200 || string(a.Body) != "{}" {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
}

func TestWhatIsNotHereSaysWhatToUse(t *testing.T) {
	s := newServer(t)
	for call, say := range map[string]string{
		"GET -/package/@team%2flib/collaborators": "larder policy",
		"POST -/package/lib/access":               "larder policy",
		"GET -/org/team/package":                  "larder policy",
		"PUT -/team/a/b/package":                  "larder policy",
		"GET -/user/org.couchdb.user:bob":         "larder policy",
		"GET -/npm/v1/tokens":                     "larder login npm",
		"DELETE -/npm/v1/tokens/token/abc":        "larder login npm",
		"GET -/npm/v1/user":                       "larder user",
		"POST -/npm/v1/hooks/hook":                "larder rule",
		"POST -/stage/package/lib":                "without --stage",
		"GET -/all":                               "npm search",
	} {
		method, path, _ := strings.Cut(call, " ")
		if a := s.Do(formatstest.Call{Method: method, Path: path}); a.Status != 405 || !strings.Contains(errorOf(t, a), say) {
			t.Errorf("%s: %d %s", call, a.Status, a.Body)
		}
	}
	if got := get(t, s, "-/package/lib/visibility")["public"]; got != false {
		t.Errorf("visibility: %v", got)
	}
	a := s.Do(formatstest.Call{Method: "PATCH", Path: "lib"})
	if a.Status != 405 || !strings.Contains(errorOf(t, a), "GET, HEAD, PUT") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func TestSearchFindsWhatIsHeld(t *testing.T) {
	s := newServer(t)
	for i := range 25 {
		must(t, s, publish(fmt.Sprintf("@team/lib-%02d", i), "1.0.0", []byte("x")))
	}
	must(t, s, publish("other", "2.0.0", []byte("x")))
	names := func(query string) []string {
		var out []string
		for _, o := range get(t, s, "-/v1/search?"+query)["objects"].([]any) {
			out = append(out, at(o, "package", "name").(string))
		}
		return out
	}
	for query, want := range map[string][]string{
		"text=other":                            {"other"},
		"text=@team/lib-03":                     {"@team/lib-03"},
		"text=lib-1&size=2":                     {"@team/lib-10", "@team/lib-11"},
		"text=lib-1&from=8":                     {"@team/lib-18", "@team/lib-19"},
		"text=scope:team&from=23&size=9":        {"@team/lib-23", "@team/lib-24"},
		"text=nothing":                          nil,
		"text=other+keywords:x&size=-1&from=-1": {"other"},
	} {
		if diff := cmp.Diff(want, names(query)); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	if got := len(names("text=lib")); got != 20 {
		t.Errorf("a page has %d hits, want 20", got)
	}
	got := get(t, s, "-/v1/search?text=lib&size=1")
	if got["total"] != 25.0 {
		t.Errorf("total: %v", got["total"])
	}
	p := at(got["objects"].([]any)[0], "package")
	if at(p, "scope") != "team" || at(p, "version") != "1.0.0" || at(p, "publisher", "username") != formatstest.Owner || at(p, "date") == nil || at(p, "links") == nil || at(p, "maintainers") == nil {
		t.Errorf("got %v", p)
	}
}

// echo answers audits with what was asked.
func echo(s *formatstest.Server, path string) {
	s.Upstream.Serve(path, formatstest.Resource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var v any
		json.NewDecoder(r.Body).Decode(&v)
		json.NewEncoder(w).Encode(map[string]any{"asked": v})
	})})
}

func zip(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

func TestAuditsAreAskedOutsideWithoutInternalNames(t *testing.T) {
	s := newServer(t)
	must(t, s, publish("@team/secret", "1.0.0", []byte("x")))
	c := publish("store-secret", "1.0.0", []byte("x"))
	c.Repo = "store"
	must(t, s, c)
	s.Upstream.ServeText("/left", `{"name":"left","versions":{"1.0.0":{}},"dist-tags":{"latest":"1.0.0"}}`)
	s.Upstream.Serve("/left/-/left-1.0.0.tgz", formatstest.Resource{Body: []byte("x")})
	must(t, s, formatstest.Call{Path: "left/-/left-1.0.0.tgz"}) // retained, and still from outside
	bulk, quick, old := "/-/npm/v1/security/advisories/bulk", "/-/npm/v1/security/audits/quick", "/-/npm/v1/security/audits"
	for _, path := range []string{bulk, quick, old} {
		echo(s, path)
	}
	ask := func(path, body string) any {
		t.Helper()
		a := must(t, s, formatstest.Call{Method: "POST", Path: path[1:], Header: map[string]string{"Content-Encoding": "gzip"}, Body: zip([]byte(body))})
		return values(t, a.Body)["asked"]
	}
	got := ask(bulk, `{"left":["1.0.0"],"@team/secret":["1.0.0"],"store-secret":["1.0.0"],"right":["2.0.0"]}`)
	if diff := cmp.Diff(map[string]any{"left": []any{"1.0.0"}, "right": []any{"2.0.0"}}, got); diff != "" {
		t.Error(diff)
	}
	for _, path := range []string{quick, old} {
		got = ask(path, `{"name":"@team/secret","version":"1.0.0","requires":{"left":"^1","@team/secret":"^1"},
			"dependencies":{"left":{"version":"1.0.0","requires":{"store-secret":"1"},"dependencies":{"@team/secret":{"version":"1"},"right":{"version":"2","requires":true}}},"store-secret":{"version":"1"}}}`)
		want := map[string]any{"version": "1.0.0", "requires": map[string]any{"left": "^1"},
			"dependencies": map[string]any{"left": map[string]any{"version": "1.0.0", "requires": map[string]any{}, "dependencies": map[string]any{"right": map[string]any{"version": "2", "requires": true}}}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	// Nothing to ask: nobody is asked.
	asked := s.Upstream.Count(bulk)
	if a := must(t, s, formatstest.Call{Method: "POST", Path: bulk[1:], Body: []byte(`{"@team/secret":["1.0.0"]}`)}); string(a.Body) != "{}" || s.Upstream.Count(bulk) != asked {
		t.Errorf("got %s", a.Body)
	}
}

func TestAuditsWithoutAConnectionFindNothing(t *testing.T) {
	s := newServer(t)
	for path, want := range map[string]string{"advisories/bulk": "{}", "audits/quick": `"vulnerabilities"`, "audits": `"vulnerabilities"`} {
		a := must(t, s, formatstest.Call{Method: "POST", Repo: "lone", Path: "-/npm/v1/security/" + path, Body: []byte(`{"left":["1.0.0"]}`)})
		if !strings.Contains(string(a.Body), want) {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
}

func TestOddAuditsAreRefused(t *testing.T) {
	s := newServer(t)
	deep := strings.Repeat(`{"dependencies":{"a":`, 300) + "{}" + strings.Repeat("}}", 300)
	for body, want := range map[string]int{"": 400, "[]": 400, "x": 400, deep: 400, strings.Repeat(" ", 17<<20): 413} {
		if a := s.Do(formatstest.Call{Method: "POST", Path: "-/npm/v1/security/audits/quick", Body: []byte(body)}); a.Status != want {
			t.Errorf("%.30q: got %d %s", body, a.Status, a.Body)
		}
	}
	bomb := formatstest.Call{Method: "POST", Path: "-/npm/v1/security/advisories/bulk", Header: map[string]string{"Content-Encoding": "gzip"}, Body: zip(make([]byte, 64<<20))}
	if a := s.Do(bomb); a.Status != 413 {
		t.Errorf("a bomb: got %d %s", a.Status, a.Body)
	}
	s.Upstream.Fault("", formatstest.HTML())
	if a := s.Do(formatstest.Call{Method: "POST", Path: "-/npm/v1/security/advisories/bulk", Body: []byte(`{"left":["1.0.0"]}`)}); a.Status != 502 {
		t.Errorf("a page from upstream: got %d %s", a.Status, a.Body)
	}
}

func TestKeysAndAttestationsComeFromOutside(t *testing.T) {
	s := newServer(t)
	if a := s.Do(formatstest.Call{Repo: "lone", Path: "-/npm/v1/keys"}); a.Status != 404 {
		t.Errorf("without a connection: got %d", a.Status)
	}
	s.Upstream.ServeText("/-/npm/v1/keys", `{"keys":[]}`)
	s.Upstream.ServeText("/-/npm/v1/attestations/@team/lib@1.0.0", `{"attestations":[]}`)
	s.Upstream.ServeText("/@team/lib", `{"name":"@team/lib","versions":{"1.0.0":{"dist":{"attestations":{"url":"{upstream}/-/npm/v1/attestations/@team%2flib@1.0.0"}}}},"dist-tags":{"latest":"1.0.0"}}`)
	if a := must(t, s, formatstest.Call{Path: "-/npm/v1/keys"}); string(a.Body) != `{"keys":[]}` {
		t.Errorf("got %s", a.Body)
	}
	url := at(get(t, s, "@team/lib/1.0.0"), "dist", "attestations", "url").(string)
	path, ours := strings.CutPrefix(url, s.Base("main"))
	if a := s.Do(formatstest.Call{Path: path}); !ours || a.Status != 200 || string(a.Body) != `{"attestations":[]}` {
		t.Errorf("%s: %d %s", url, a.Status, a.Body)
	}
	// Nor is anybody asked once the name was claimed, whatever came before.
	s.Upstream.Serve("/@team/lib/-/lib-1.0.0.tgz", formatstest.Resource{Body: []byte("x")})
	must(t, s, formatstest.Call{Path: "@team/lib/-/lib-1.0.0.tgz"})
	err := s.Service.PutPackageOriginConfiguration(t.Context(), s.Repo("main").Actor(), formatstest.RepoID("main"),
		registry.PackageID{Format: registry.NPM, Namespace: "team", Name: "lib"}, registry.Restrictions{Publish: registry.Allow, Upstream: registry.Block})
	if err != nil {
		t.Fatal(err)
	}
	asked := s.Upstream.Count("")
	if a := s.Do(formatstest.Call{Path: path}); a.Status != 404 || s.Upstream.Count("") != asked {
		t.Errorf("a claimed name: %d, upstream was asked %d times", a.Status, s.Upstream.Count("")-asked)
	}
	must(t, s, publish("@team/own", "1.0.0", []byte("x")))
	asked = s.Upstream.Count("")
	if a := s.Do(formatstest.Call{Path: "-/npm/v1/attestations/@team%2fown@1.0.0"}); a.Status != 404 || s.Upstream.Count("") != asked {
		t.Errorf("an internal package: %d, upstream was asked %d times", a.Status, s.Upstream.Count("")-asked)
	}
}

func TestOfSeveralConnectionsTheOneThatKnowsAnswers(t *testing.T) {
	s := newServer(t)
	s.Connect(formatstest.Connection, formatstest.Second)
	s.Second.ServeText("/lib", `{"name":"lib","versions":{"1.0.0":{"dist":{"attestations":{}}}},"dist-tags":{"latest":"1.0.0"}}`)
	s.Second.ServeText("/-/npm/v1/attestations/lib@1.0.0", `{"attestations":["of the second"]}`)
	s.Upstream.ServeText("/-/npm/v1/attestations/lib@1.0.0", `{"attestations":["of another lib"]}`)
	if a := s.Do(formatstest.Call{Path: "-/npm/v1/attestations/lib@1.0.0"}); a.Status != 200 || string(a.Body) != `{"attestations":["of the second"]}` {
		t.Errorf("attestations: got %d %s", a.Status, a.Body)
	}
	s.Second.ServeText("/-/npm/v1/keys", `{"keys":["of the second"]}`)
	if a := s.Do(formatstest.Call{Path: "-/npm/v1/keys"}); a.Status != 200 || string(a.Body) != `{"keys":["of the second"]}` {
		t.Errorf("keys: got %d %s", a.Status, a.Body)
	}
	s.Second.ServeText("/-/npm/v1/security/advisories/bulk", `{"lib":[{"id":1}]}`)
	if a := s.Do(formatstest.Call{Method: "POST", Path: "-/npm/v1/security/advisories/bulk", Body: []byte(`{"lib":["1.0.0"]}`)}); a.Status != 200 || string(a.Body) != `{"lib":[{"id":1}]}` {
		t.Errorf("audit: got %d %s", a.Status, a.Body)
	}
}

func TestUpstreamsOddFileNames(t *testing.T) {
	s := newServer(t)
	s.Upstream.ServeText("/left", `{"name":"left","versions":{"1.0.0":{"dist":{"tarball":"{upstream}/files/l-one.tar.gz"}}},"dist-tags":{"latest":"1.0.0"}}`)
	s.Upstream.Serve("/files/l-one.tar.gz", formatstest.Resource{Body: []byte("bytes")})
	if got := at(get(t, s, "left/1.0.0"), "dist", "tarball"); got != s.Base("main")+"left/-/left-1.0.0.tgz" {
		t.Errorf("got %v", got)
	}
	for _, path := range []string{"left/-/left-1.0.0.tgz", "left/-/l-one.tar.gz"} {
		if a := s.Do(formatstest.Call{Path: path}); a.Status != 200 || string(a.Body) != "bytes" {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
}
