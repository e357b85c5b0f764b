package nuget_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"larder/formats/formatstest"
)

func TestEverySpellingOfTheServiceIndex(t *testing.T) {
	s := newServer(t)
	index := read(t, s, "v3/index.json")
	if index["version"] != "3.0.0" {
		t.Errorf("version: %v", index["version"])
	}
	types := map[string]string{}
	for _, r := range index["resources"].([]any) {
		types[at(r, "@type").(string)] = at(r, "@id").(string)
	}
	// What NuGet.Client looks for (ServiceTypes.cs), and what other clients do.
	for _, name := range []string{
		"PackageBaseAddress/3.0.0", "RegistrationsBaseUrl", "RegistrationsBaseUrl/3.0.0-beta", "RegistrationsBaseUrl/3.0.0-rc", "RegistrationsBaseUrl/3.4.0", "RegistrationsBaseUrl/3.6.0", "RegistrationsBaseUrl/Versioned",
		"SearchQueryService", "SearchQueryService/3.0.0-beta", "SearchQueryService/3.0.0-rc", "SearchQueryService/3.4.0", "SearchQueryService/3.5.0",
		"SearchAutocompleteService", "SearchAutocompleteService/3.0.0-beta", "SearchAutocompleteService/3.0.0-rc", "SearchAutocompleteService/3.5.0",
		"PackagePublish/2.0.0", "SymbolPackagePublish/4.9.0", "ReadmeUriTemplate/6.13.0", "PackageDetailsUriTemplate/5.1.0", "VulnerabilityInfo/6.7.0",
	} {
		if !strings.HasPrefix(types[name], s.URL+"/") {
			t.Errorf("%s is at %q", name, types[name])
		}
	}
	// Clients fail where this one is named and not at https.
	if types["RepositorySignatures/5.0.0"] != "" {
		t.Error("repository signatures are named although the server is not at https")
	}
	if r := types["RegistrationsBaseUrl/3.6.0"]; r != s.Base("main")+"v3/registration4/" {
		t.Errorf("metadata is at %s", r)
	}
}

// many is a server with a package of so many versions, published backwards.
func many(t testing.TB, n int) *formatstest.Server {
	t.Helper()
	s := newServer(t)
	for i := n - 1; i >= 0; i-- {
		if a := s.Do(push(nupkg("Many", fmt.Sprintf("1.%d.%d", i/10, i%10)))); a.Status != 201 {
			t.Fatalf("push: %d %s", a.Status, a.Body)
		}
	}
	return s
}

func TestMetadataOfManyVersionsHasPages(t *testing.T) {
	s := many(t, 127)
	if index := read(t, s, "v3/registration4/many/index.json"); index["count"] != 2.0 || len(at(index, "items", 1, "items").([]any)) != 63 {
		t.Errorf("127 versions: %v pages", index["count"])
	}
	if a := s.Do(push(nupkg("Many", "1.12.7"))); a.Status != 201 {
		t.Fatal(a.Status)
	}
	for _, hive := range []string{"registration2", "registration3", "registration4"} {
		index := read(t, s, "v3/"+hive+"/many/index.json")
		if index["count"] != 2.0 {
			t.Errorf("128 versions: %v pages", index["count"])
		}
		want := 0
		for _, page := range index["items"].([]any) {
			if at(page, "items") != nil || at(page, "count") != 64.0 {
				t.Errorf("a page of %v versions has them inlined: %v", at(page, "count"), at(page, "items") != nil)
			}
			whole := read(t, s, strings.TrimPrefix(at(page, "@id").(string), s.Base("main")))
			if at(whole, "@id") != at(page, "@id") || at(whole, "lower") != at(page, "lower") || at(whole, "upper") != at(page, "upper") || at(whole, "parent") != index["@id"] {
				t.Errorf("page %v is %v", at(page, "@id"), at(whole, "@id"))
			}
			for _, leaf := range whole["items"].([]any) {
				if got := at(leaf, "catalogEntry", "version"); got != fmt.Sprintf("1.%d.%d", want/10, want%10) {
					t.Errorf("version %d is %v", want, got)
				}
				want++
			}
		}
		if want != 128 {
			t.Errorf("%d versions", want)
		}
	}
	// A page that a client has read about stays where the number grows.
	for i := range 3 {
		if a := s.Do(push(nupkg("Many", fmt.Sprintf("0.0.%d", i)))); a.Status != 201 {
			t.Fatal(a.Status)
		}
	}
	if page := read(t, s, "v3/registration4/many/page/1.0.0/1.6.3.json"); page["count"] != 64.0 {
		t.Errorf("got %v", page["count"])
	}
}

func TestOldClientsDoNotSeeNewVersions(t *testing.T) {
	s := published(t, nupkg("Acme.Lib", "1.0.0"), nupkg("Acme.Lib", "1.1.0-beta.1"), nupkg("Acme.Lib", "1.2.0+build"),
		nupkg("Acme.Lib", "1.3.0", `<dependencies><dependency id="x" version="1.0.0-a.b"/></dependencies>`), nupkg("Only.New", "1.0.0-a.b"))
	for hive, want := range map[string]int{"registration2": 1, "registration3": 1, "registration4": 4} {
		if got := len(at(read(t, s, "v3/"+hive+"/acme.lib/index.json"), "items", 0, "items").([]any)); got != want {
			t.Errorf("%s: %d versions, want %d", hive, got, want)
		}
	}
	for path, want := range map[string]int{
		"v3/registration3/only.new/index.json": 404, "v3/registration4/only.new/index.json": 200,
		"v3/registration3/acme.lib/1.1.0-beta.1.json": 404, "v3/registration4/acme.lib/1.1.0-beta.1.json": 200,
	} {
		if a := s.Do(formatstest.Call{Path: path}); a.Status != want {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	if a := s.Do(formatstest.Call{Path: "v3/flatcontainer/acme.lib/index.json"}); string(a.Body) != `{"versions":["1.0.0","1.1.0-beta.1","1.2.0","1.3.0"]}` {
		t.Errorf("content: %s", a.Body)
	}
}

func TestOldProtocolsAreToldWhereToGo(t *testing.T) {
	s := newServer(t)
	for _, c := range []formatstest.Call{
		{}, {Path: "$metadata"}, {Path: "Packages(Id='a',Version='1.0')"}, {Path: "FindPackagesById()?id='a'"}, {Path: "Search()?searchTerm='a'"}, {Path: "api/v2"}, {Path: "api/v2/Packages()"},
		{Path: "api/v2/package", Method: "PUT"}, {Path: "api/v2/package/a/1.0", Method: "DELETE"}, {Path: "package-ids"},
	} {
		for _, as := range []string{"", "-"} {
			c.As = as
			a := s.Do(c)
			if a.Status != http.StatusGone || !strings.Contains(string(a.Body), s.Base("main")+"v3/index.json") {
				t.Errorf("%s %s: %d %s", c.Method, c.Path, a.Status, a.Body)
			}
		}
	}
}

// BenchmarkMetadata renders the metadata of 500 versions: as after a push.
func BenchmarkMetadata(b *testing.B) {
	s := many(b, 500)
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		s.Do(push(nupkg("Many", fmt.Sprintf("9.0.%d", n))))
		b.StartTimer()
		if a := s.Do(formatstest.Call{Path: "v3/registration4/many/page/1.0.0/1.49.9.json"}); a.Status != 200 {
			b.Fatal(a.Status)
		}
	}
}
