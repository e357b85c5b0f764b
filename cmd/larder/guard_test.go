package main

import (
	"archive/zip"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"larder/registry"
)

// zipUp packs files into an archive: zip-up ARCHIVE FILE...
func zipUp(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: zip-up ARCHIVE FILE...")
	}
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	z := zip.NewWriter(f)
	for _, name := range args[1:] {
		w, err := z.Create(name)
		ts.Check(err)
		_, err = w.Write([]byte(ts.ReadFile(name)))
		ts.Check(err)
	}
	ts.Check(z.Close())
}

func TestPatternsAreReadAsPeopleSpellPackages(t *testing.T) {
	for text, want := range map[string]string{
		"npm:*":                  "/npm/*",
		"npm:@acme/*":            "/npm/acme/*",
		"npm:@acme":              "/npm/acme/*",
		"npm:@acme~":             "/npm/acme~",
		"npm:@acme/ui~":          "/npm/acme/ui~",
		"npm:@acme/ui":           "/npm/acme/ui$",
		"npm/@acme/ui":           "/npm/acme/ui$",
		"npm:left-pad":           "/npm//left-pad$",
		"pypi:acme-~":            "/pypi//acme~",
		"pypi:acme-*":            "/pypi//acme~",
		"pypi:Acme_Tools":        "/pypi//acme-tools$",
		"maven:org.example:*":    "/maven/org.example/*",
		"maven:org.example":      "/maven/org.example/*",
		"maven:org.example~":     "/maven/org.example~",
		"maven:org.example:lib":  "/maven/org.example/lib$",
		"maven:org.example:lib~": "/maven/org.example/lib~",
		"nuget:Acme.~":           "/nuget//acme~",
		"nuget:Acme.Core":        "/nuget//acme.core$",
		"generic:team/tool":      "/generic/team/tool$",
		"/npm/acme/*":            "/npm/acme/*",
		"/*":                     "/*",
		"left-pad":               "",
		"npm:":                   "",
		"npm:@acme/ui@1.0.0/x":   "",
		"cpan:x":                 "",
		"/npm/acme":              "",
		"npm:a b":                "",
	} {
		got, err := parsePattern(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestListsOfBadVersions(t *testing.T) {
	got, err := parseResponse("# worm\nnpm/@scope/name@1.2.3\r\n\npypi/requests 2.31.0, 2.31.1 # two\nnpm:@scope/name@1.2.3\nmaven/org.example:lib:1.0\nnpm/name 1.0.0")
	want := []namedVersion{
		{"npm", "scope", "name", "1.2.3"}, {"pypi", "", "requests", "2.31.0"}, {"pypi", "", "requests", "2.31.1"},
		{"maven", "org.example", "lib", "1.0"}, {"npm", "", "name", "1.0.0"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, text := range []string{"", "# nothing", "npm/name", "name@1.0.0", "cpan/x@1"} {
		if got, err := parseResponse(text); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func FuzzResponse(f *testing.F) {
	f.Add("npm/@scope/name@1.2.3\npypi/requests 2.31.0 # x")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parseResponse(text)
		if (err == nil) != (len(all) > 0) {
			t.Errorf("%v, %v", all, err)
		}
		for _, v := range all {
			if v.Package == "" || v.Version == "" || strings.ContainsAny(v.Version, " \n#") {
				t.Errorf("%+v", v)
			}
		}
	})
}

const malicious = `{"id":"MAL-2026-1","summary":"Malicious code","affected":[{"package":{"ecosystem":"PyPI","name":"Bad.Lib"},"versions":["1.0"]}]}`

func TestAdvisoriesAreFetchedAndAskedForAgain(t *testing.T) {
	dump := t.TempDir() + "/all.zip"
	f, err := os.Create(dump)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	w, err := z.Create("MAL-2026-1.json")
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte(malicious))
	if z.Close() != nil || f.Close() != nil {
		t.Fatal("the archive cannot be written")
	}
	var conditional int
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") != "" {
			conditional++
		}
		w.Header().Set("ETag", `"one"`)
		http.ServeFile(w, r, dump)
	}))
	defer up.Close()
	s, _ := start(t, t.TempDir(), func(*Server) {})
	to := &registry.Advisories{Metadata: s.metadata, Rules: s.service.Rules}
	etags := map[string]string{}
	source, err := feed{"test", up.URL}.fetch(t.Context(), http.DefaultClient, to, s.folder, etags)
	if err != nil || source.Entries != 1 || time.Since(source.Imported) > time.Minute {
		t.Fatalf("%+v, %v", source, err)
	}
	err = s.metadata.View(t.Context(), func(tx registry.Tx) error {
		all, err := tx.Advisories(registry.PackageID{Format: registry.PyPI, Name: "bad-lib"})
		if len(all) != 1 || all[0].ID != "MAL-2026-1" || all[0].Severity != registry.Malware {
			t.Errorf("kept: %+v", all)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := (feed{"test", up.URL}).fetch(t.Context(), http.DefaultClient, to, s.folder, etags); err != errUnchanged || conditional != 1 {
		t.Errorf("a second time: %v, %d conditional requests", err, conditional)
	}
	if left, _ := os.ReadDir(s.Config.Data); len(left) == 0 || strings.Contains(strings.Join(names(left), " "), "advisories-") {
		t.Errorf("the folder has %v", names(left))
	}
	// What is no dump takes nothing away.
	if err := os.WriteFile(dump, []byte("an error page"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (feed{"test", up.URL}).fetch(t.Context(), http.DefaultClient, to, s.folder, map[string]string{}); registry.CodeOf(err) != registry.Invalid {
		t.Errorf("an error page: %v", err)
	}
}

func names(all []os.DirEntry) []string {
	var out []string
	for _, e := range all {
		out = append(out, e.Name())
	}
	return out
}

func TestFeedsAreNamedURLs(t *testing.T) {
	got, err := parseFeeds([]string{"osv-npm=https://mirror.test/npm/all.zip"})
	if err != nil || len(got) != 1 || got[0] != (feed{"osv-npm", "https://mirror.test/npm/all.zip"}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, s := range []string{"https://mirror.test/all.zip", "osv=ftp://mirror.test/x", "a b=https://mirror.test/", "=https://mirror.test/", "osv="} {
		if _, err := parseFeeds([]string{s}); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}
