package nuget_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"larder/formats/formatstest"
	"larder/registry"
)

func ids(answer map[string]any) (of []string) {
	for _, hit := range answer["data"].([]any) {
		if s, ok := hit.(string); ok {
			of = append(of, s)
			continue
		}
		of = append(of, at(hit, "id").(string))
	}
	return of
}

func TestSearch(t *testing.T) {
	s := newServer(t)
	offerIndex(s.Upstream)
	for _, p := range [][]byte{nupkg("Acme.Json.Extras", "1.0.0"), nupkg("Json", "1.0.0"), nupkg("Json", "1.1.0"), nupkg("Json", "2.0.0-beta"), nupkg("Json.Net", "1.0.0-rc"), nupkg("New.Json", "1.0.0-a.b"),
		nupkg("Json.Tool", "1.0.0", `<packageTypes><packageType name="DotnetTool"/></packageTypes>`), nupkg("Other", "1.0.0"), nupkg("Gone.Json", "1.0.0")} {
		if a := s.Do(push(p)); a.Status != 201 {
			t.Fatal(a.Status)
		}
	}
	if a := s.Do(formatstest.Call{Method: "DELETE", Path: "v3/package/Gone.Json/1.0.0"}); a.Status != 204 {
		t.Fatal(a.Status)
	}
	for range 2 { // as it is found out, and as it is remembered
		for query, want := range map[string]string{
			"q=json":                 "Json Json.Tool Acme.Json.Extras",
			"q=JSON&prerelease=true": "Json Json.Net Json.Tool Acme.Json.Extras",
			"q=json&prerelease=true&semVerLevel=2.0.0":  "Json Json.Net Json.Tool Acme.Json.Extras New.Json",
			"q=json&prerelease=false&semVerLevel=2.0.0": "Json Json.Tool Acme.Json.Extras",
			"q=json&take=1":                 "Json",
			"q=json&skip=1":                 "Json.Tool Acme.Json.Extras",
			"q=json&skip=1&take=1":          "Json.Tool",
			"q=json&skip=5":                 "",
			"q=json&take=0":                 "",
			"q=json&packageType=dotnettool": "Json.Tool",
			"q=json&packageType=Dependency": "Json Acme.Json.Extras",
			"q=json&packageType=nothing":    "",
			"q=id:json.tool":                "Json.Tool",
			"q=packageid:%22Json.Tool%22":   "Json.Tool",
			"q=":                            "Acme.Json.Extras Json Json.Tool Other",
			"":                              "Acme.Json.Extras Json Json.Tool Other",
			"q=nothing":                     "",
			"q=%25":                         "",
			"q=_":                           "",
			"take=x&skip=-3&q=other":        "Other",
		} {
			for _, of := range []string{"v3/query?", "v3/autocomplete?"} {
				answer := read(t, s, of+query)
				if got := strings.Join(ids(answer), " "); got != want {
					t.Errorf("%s%s: got %s, want %s", of, query, got, want)
				}
				total := 0
				if u, _ := url.ParseQuery(query); want != "" && u.Get("take") != "1" && !strings.Contains(query, "skip=1") {
					total = len(strings.Fields(want))
					if answer["totalHits"] != float64(total) {
						t.Errorf("%s%s: %v hits, want %d", of, query, answer["totalHits"], total)
					}
				}
			}
		}
	}
	hit := at(read(t, s, "v3/query?q=json&take=1"), "data", 0)
	if at(hit, "version") != "1.1.0" || len(at(hit, "versions").([]any)) != 2 || at(hit, "authors", 1) != "Grace" || at(hit, "registration") != s.Base("main")+"v3/registration2/json/index.json" {
		t.Errorf("got %v", hit)
	}
	hit = at(read(t, s, "v3/query?q=json&take=1&prerelease=true&semVerLevel=2.0.0"), "data", 0)
	if at(hit, "version") != "2.0.0-beta" || at(hit, "versions", 2, "@id") != s.Base("main")+"v3/registration4/json/2.0.0-beta.json" || at(hit, "packageTypes", 0, "name") != "Dependency" {
		t.Errorf("got %v", hit)
	}
	for query, want := range map[string]string{
		"id=JSON": "1.0.0 1.1.0", "id=json&prerelease=true": "1.0.0 1.1.0 2.0.0-beta", "id=new.json&prerelease=true": "", "id=new.json&prerelease=true&semVerLevel=2.0.0": "1.0.0-a.b",
		"id=nothing": "", "id=gone.json": "", "id=-": "",
	} {
		if got := strings.Join(ids(read(t, s, "v3/autocomplete?"+query)), " "); got != want {
			t.Errorf("versions, %s: got %s, want %s", query, got, want)
		}
	}
}

func TestASearchSeesWhatWasJustPublished(t *testing.T) {
	s := published(t, nupkg("Json", "1.0.0"))
	for _, id := range []string{"Json.A", "Json.B", "Json.C"} {
		read(t, s, "v3/query?q=json")
		if a := s.Do(push(nupkg(id, "1.0.0"))); a.Status != 201 {
			t.Fatal(a.Status)
		}
		if got := ids(read(t, s, "v3/query?q=json")); !slices.Contains(got, id) {
			t.Errorf("%s is not in %v", id, got)
		}
	}
}

// gallery answers searches as a public one does.
func gallery(t *testing.T, s *formatstest.Server) (asked func() []string) {
	offerIndex(s.Upstream, `,{"@id":"{upstream}/query","@type":"SearchQueryService/3.5.0"},{"@id":"{upstream}/autocomplete","@type":"SearchAutocompleteService"}`)
	hit := func(id string) string {
		name := strings.ToLower(id)
		return `{"@id":"http://gallery.test/reg/` + name + `/index.json","@type":"Package","registration":"http://gallery.test/reg/` + name + `/index.json","id":"` + id + `","version":"3.0.0","description":"found there",
			"iconUrl":"http://gallery.test/flat/` + name + `/3.0.0/icon","totalDownloads":12,"verified":true,"versions":[{"@id":"http://gallery.test/reg/` + name + `/3.0.0.json","version":"3.0.0","downloads":12}]}`
	}
	s.Upstream.Serve("/query", formatstest.Resource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(`{"totalHits":4,"data":[` + hit("Json.Public") + `,` + hit("Json") + `,` + hit("json.held") + `,{"id":7},` + hit("Json.Last") + `]}`))
	})})
	s.Upstream.Serve("/autocomplete", formatstest.Resource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(`{"totalHits":3,"data":["Json.Public","Json.Held","Json.Last"]}`))
	})})
	return func() (of []string) {
		for _, r := range s.Upstream.Requests("/query") {
			of = append(of, r.Target)
		}
		return of
	}
}

func TestSearchReachesUpstream(t *testing.T) {
	s := newServer(t)
	asked := gallery(t, s)
	if a := s.Do(push(nupkg("Json.Held", "1.0.0"))); a.Status != 201 {
		t.Fatal(a.Status)
	}
	answer := read(t, s, "v3/query?q=json&prerelease=true&semVerLevel=2.0.0")
	if got := strings.Join(ids(answer), " "); got != "Json Json.Held Json.Public Json.Last" || answer["totalHits"] != 4.0 {
		t.Errorf("got %s, %v hits", got, answer["totalHits"])
	}
	b, _ := json.Marshal(answer)
	if strings.Contains(string(b), "gallery.test") {
		t.Errorf("another host is named: %s", b)
	}
	if at(answer, "data", 0, "iconUrl") != s.Base("main")+"v3/flatcontainer/json/3.0.0/icon" || at(answer, "data", 0, "totalDownloads") != 12.0 {
		t.Errorf("got %v", at(answer, "data", 0))
	}
	if got := strings.Join(ids(read(t, s, "v3/autocomplete?q=json")), " "); got != "Json.Held Json.Public Json.Last" {
		t.Errorf("completed: %s", got)
	}
	if got := strings.Join(ids(read(t, s, "v3/query?q=json&take=2")), " "); got != "Json Json.Held" && got != "Json.Held Json.Public" {
		t.Errorf("two of them: %s", got)
	}
	n := len(asked())
	read(t, s, "v3/query?q=json.held")
	if len(asked()) != n {
		t.Error("upstream was asked for a package of our own")
	}
	if q := asked()[0]; !strings.Contains(q, "semVerLevel=2.0.0") || !strings.Contains(q, "prerelease=true") {
		t.Errorf("upstream was asked for %s", q)
	}
	s.Upstream.Down()
	if got := strings.Join(ids(read(t, s, "v3/query?q=json")), " "); got != "Json.Held" {
		t.Errorf("while upstream is down: %s", got)
	}
}

func TestSearchShowsNothingThatRulesKeepBack(t *testing.T) {
	s := newServer(t)
	gallery(t, s)
	owner := registry.Actor{Account: formatstest.Domain.Owner, User: formatstest.Owner}
	if _, err := s.Service.PutGuardRules(t.Context(), owner, formatstest.Domain, `{"block":[{"package":"/nuget//json.public$","versions":">=3"}]}`, nil); err != nil {
		t.Fatal(err)
	}
	err := s.Metadata.Update(t.Context(), func(tx registry.Tx) error {
		return tx.CreateGroup(formatstest.Domain, registry.Group{
			Pattern: "/nuget//json.last$", Modes: map[registry.RestrictionType]registry.RestrictionMode{registry.ExternalUpstream: registry.ModeBlock},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(ids(read(t, s, "v3/query?q=json")), " "); got != "Json json.held" {
		t.Errorf("found: %s", got)
	}
	if got := strings.Join(ids(read(t, s, "v3/autocomplete?q=json")), " "); got != "Json.Public Json.Held" {
		t.Errorf("completed: %s", got)
	}
}
