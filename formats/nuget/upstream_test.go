package nuget_test

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"larder/formats/formatstest"
)

// publicGallery puts a source there that behaves like a public one: package
// metadata gzipped always and in pages of 64 that have to be fetched from 128
// versions on, and hashes only in the catalog.
type publicGallery struct{ upstream *formatstest.Upstream }

func newGallery(u *formatstest.Upstream) *publicGallery {
	offerIndex(u)
	return &publicGallery{u}
}

func (g *publicGallery) serve(path string, body []byte) {
	g.upstream.Serve(path, formatstest.Resource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(path, "registration") || strings.Contains(path, "catalog") {
			w.Header().Set("Content-Encoding", "gzip") // whatever was asked for
			body := zipped(bytes.ReplaceAll(body, []byte("{upstream}"), []byte(g.upstream.URL)))
			w.Write(body)
			return
		}
		w.Write(body)
	})})
}

// add offers a package of so many versions; the ones that end with 7 are unlisted.
func (g *publicGallery) add(id string, n int) {
	name := strings.ToLower(id)
	folder := "/v3/registration5-gz-semver2/" + name + "/"
	var pages []string
	for from := 0; from < n; from += 64 {
		var leaves []string
		to := min(from+64, n)
		for i := from; i < to; i++ {
			version := numbered(i)
			content := nupkg(id, version)
			sum := sha512.Sum512(content)
			catalog := "/v3/catalog0/data/2024.03.05.12.00.00/" + name + "." + version + ".json"
			g.serve(catalog, fmt.Appendf(nil, `{"id":%q,"version":%q,"packageHash":%q,"packageHashAlgorithm":"SHA512","packageSize":%d}`, id, version, base64.StdEncoding.EncodeToString(sum[:]), len(content)))
			path := "/v3-flatcontainer/" + name + "/" + version + "/" + name + "." + version + ".nupkg"
			g.upstream.Serve(path, formatstest.Resource{Body: content, Type: "application/octet-stream"})
			leaves = append(leaves, fmt.Sprintf(`{"@id":"{upstream}%[1]s%[2]s.json","@type":"Package","commitTimeStamp":"2024-03-05T12:00:00Z","catalogEntry":{"@id":"{upstream}%[3]s","@type":"PackageDetails",
				"authors":"Ada","dependencyGroups":[{"@id":"x","@type":"PackageDependencyGroup","dependencies":[{"@id":"y","@type":"PackageDependency","id":"Right","range":"[1.0.0, )","registration":"{upstream}/v3/registration5-gz-semver2/right/index.json"}],"targetFramework":".NETStandard2.0"}],
				"description":"d","iconUrl":"{upstream}/v3-flatcontainer/%[4]s/%[2]s/icon","id":%[5]q,"language":"","licenseExpression":"MIT","licenseUrl":"http://licence.test/MIT","listed":%[6]v,"minClientVersion":"2.12","packageContent":"{upstream}%[7]s",
				"projectUrl":"","published":"2024-03-05T12:00:00.123+00:00","requireLicenseAcceptance":false,"summary":"","tags":["a",""],"title":"","version":%[2]q,
				"deprecation":{"reasons":["Legacy"],"message":"use Right"},"vulnerabilities":[{"@type":"Vulnerability","advisoryUrl":"http://advisory.test/1","severity":"2"}]},
				"packageContent":"{upstream}%[7]s","registration":"{upstream}%[1]sindex.json"}`, folder, version, catalog, name, id, i%10 != 7, path))
		}
		items := `"items":[` + strings.Join(leaves, ",") + `],`
		page := folder + "page/" + numbered(from) + "/" + numbered(to-1) + ".json"
		whole := fmt.Sprintf(`{"@id":"{upstream}%[1]s","@type":"catalog:CatalogPage","count":%[2]d,%[3]s"lower":%[4]q,"upper":%[5]q,"parent":"{upstream}%[6]sindex.json"}`, page, to-from, items, numbered(from), numbered(to-1), folder)
		if n >= 128 {
			g.serve(page, []byte(whole))
			whole = strings.Replace(whole, items, "", 1)
		}
		pages = append(pages, whole)
	}
	g.serve(folder+"index.json", fmt.Appendf(nil, `{"@id":"{upstream}%sindex.json","count":%d,"items":[%s]}`, folder, len(pages), strings.Join(pages, ",")))
}

func numbered(i int) string { return fmt.Sprintf("1.%d.%d", i/10, i%10) }

func TestAPublicGallery(t *testing.T) {
	for _, n := range []int{3, 127, 128, 500} {
		t.Run(fmt.Sprint(n, " versions"), func(t *testing.T) {
			s := newServer(t)
			g := newGallery(s.Upstream)
			g.add("Left", n)
			index := read(t, s, "v3/registration4/left/index.json")
			i := 0
			for p := range index["items"].([]any) {
				page := at(index, "items", p)
				if at(page, "items") == nil {
					page = read(t, s, strings.TrimPrefix(at(page, "@id").(string), s.Base("main")))
				}
				for _, leaf := range at(page, "items").([]any) {
					e := at(leaf, "catalogEntry")
					if at(e, "version") != numbered(i) || at(e, "listed") != (i%10 != 7) || at(e, "published") != "2024-03-05T12:00:00.123Z" {
						t.Errorf("version %d is %v, listed %v, published %v", i, at(e, "version"), at(e, "listed"), at(e, "published"))
					}
					i++
				}
			}
			if i != n {
				t.Errorf("%d versions", i)
			}
		})
	}
}

func TestWhatAGallerySaysIsPassedThrough(t *testing.T) {
	s := newServer(t)
	g := newGallery(s.Upstream)
	g.add("Left", 9)
	check := func(when string) {
		t.Helper()
		a := s.Do(formatstest.Call{Path: "v3/registration4/left/index.json"})
		if strings.Contains(string(a.Body), s.Upstream.URL) {
			t.Errorf("%s: the upstream's address is in it: %s", when, a.Body)
		}
		e := at(read(t, s, "v3/registration4/left/index.json"), "items", 0, "items", 7, "catalogEntry")
		if at(e, "listed") != false || at(e, "deprecation", "message") != "use Right" || at(e, "vulnerabilities", 0, "severity") != "2" {
			t.Errorf("%s: got %v", when, e)
		}
		for query, want := range map[string]string{"q=left": "1.0.8"} {
			if hit := at(read(t, s, "v3/query?"+query), "data", 0); hit != nil && at(hit, "version") != want {
				t.Errorf("%s: found %v", when, at(hit, "version"))
			}
		}
	}
	check("before it is fetched")
	e := at(read(t, s, "v3/registration4/left/index.json"), "items", 0, "items", 0, "catalogEntry")
	if at(e, "dependencyGroups", 0, "targetFramework") != ".NETStandard2.0" || at(e, "dependencyGroups", 0, "dependencies", 0, "registration") != s.Base("main")+"v3/registration4/right/index.json" ||
		at(e, "iconUrl") != s.Base("main")+"v3/flatcontainer/left/1.0.0/icon" || at(e, "licenseExpression") != "MIT" || at(e, "minClientVersion") != "2.12" {
		t.Errorf("got %v", e)
	}
	// An unlisted version restores by its number.
	a := s.Do(formatstest.Call{Path: "v3/flatcontainer/left/1.0.7/left.1.0.7.nupkg"})
	if a.Status != 200 || !bytes.Equal(a.Body, nupkg("Left", "1.0.7")) {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	check("after it is fetched")
	if s.Upstream.Count("/v3/catalog0/data/2024.03.05.12.00.00/left.1.0.7.json") != 1 {
		t.Error("its hash was not asked for")
	}
	// Once it is relisted there, it is here.
	before := s.Upstream.Count("")
	g.upstream.Serve("/v3/registration5-gz-semver2/left/index.json", formatstest.Resource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(`{"items":[{"items":[{"packageContent":"` + s.Upstream.URL + `/v3-flatcontainer/left/1.0.7/left.1.0.7.nupkg","catalogEntry":{"id":"Left","version":"1.0.7","listed":true}}]}]}`))
	})})
	for range 100 { // a look that began before may still be under way, and is joined
		s.Do(formatstest.Call{Path: "v3/registration4/left/9.9.9.json"}) // asks again, as the listing lacks it
		if s.Upstream.Count("") > before {
			break
		}
	}
	e = at(read(t, s, "v3/registration4/left/index.json"), "items", 0, "items", 0, "catalogEntry")
	if at(e, "version") != "1.0.7" || at(e, "listed") != true || at(e, "deprecation") != nil {
		t.Errorf("after %d requests: %v", s.Upstream.Count("")-before, e)
	}
	if a := s.Do(formatstest.Call{Path: "v3/registration4/unknown/index.json"}); a.Status != 404 {
		t.Errorf("an unknown id: %d", a.Status)
	}
}

func TestOtherBytesThanTheCatalogPromisesNeverArriveWhole(t *testing.T) {
	for name, break_ := range map[string]func(*formatstest.Server){
		"other bytes": func(s *formatstest.Server) {
			s.Upstream.Fault("/v3-flatcontainer/left/1.0.0/left.1.0.0.nupkg", formatstest.WrongBytes())
		},
		"no catalog to ask": func(s *formatstest.Server) {
			s.Upstream.Fault("/v3/catalog0/data/2024.03.05.12.00.00/left.1.0.0.json", formatstest.Status(500))
		},
	} {
		s := newServer(t)
		newGallery(s.Upstream).add("Left", 1)
		break_(s)
		a := s.Do(formatstest.Call{Path: "v3/flatcontainer/left/1.0.0/left.1.0.0.nupkg"})
		if a.Status == 200 && a.Err == nil {
			t.Errorf("%s: %d bytes arrived whole", name, len(a.Body))
		}
		if n := s.BlobCount(); n != 0 {
			t.Errorf("%s: %d blobs stay", name, n)
		}
	}
}

func TestAHashBesideThePackage(t *testing.T) {
	for promised, want := range map[string]bool{"the same": true, "other": false} {
		s := newServer(t)
		content := nupkg("Left", "1.0.0")
		sum := sha512.Sum512(content)
		if promised == "other" {
			sum = sha512.Sum512([]byte("other"))
		}
		s.Upstream.ServeText("/", `{"version":"3.0.0","resources":[{"@id":"{upstream}/flat","@type":"PackageBaseAddress/3.0.0"}]}`)
		s.Upstream.ServeText("/flat/left/index.json", `{"versions":["0.9.0","1.0.0"]}`)
		s.Upstream.Serve("/flat/left/1.0.0/left.1.0.0.nupkg", formatstest.Resource{Body: content, Type: "application/octet-stream"})
		s.Upstream.ServeText("/flat/left/1.0.0/left.1.0.0.nupkg.sha512", base64.StdEncoding.EncodeToString(sum[:]))
		a := s.Do(formatstest.Call{Path: "v3/flatcontainer/left/1.0.0/left.1.0.0.nupkg"})
		if whole := a.Status == 200 && a.Err == nil; whole != want {
			t.Errorf("%s hash: %d %v", promised, a.Status, a.Err)
		}
		if want {
			if got := at(read(t, s, "v3/registration4/left/index.json"), "items", 0, "items", 1, "catalogEntry", "authors"); got != "Ada, Grace" {
				t.Errorf("what its nuspec says: %v", got)
			}
		}
	}
}

// A package whose nuspec is another's is served as its source has it, since its
// bytes are those that were promised, and tells nothing of itself.
func TestANuspecThatDisagreesTellsNothing(t *testing.T) {
	for name, content := range map[string][]byte{
		"another id": nupkg("Right", "1.0.0"), "another version": nupkg("Left", "2.0.0"), "no nuspec": archive("lib/a.dll", "MZ"), "no archive": []byte("hello"),
	} {
		s := newServer(t)
		offer(s.Upstream, "Left", "1.0.0", content, content)
		if a := s.Do(formatstest.Call{Path: "v3/flatcontainer/left/1.0.0/left.1.0.0.nupkg"}); a.Status != 200 || !bytes.Equal(a.Body, content) {
			t.Errorf("%s: %d", name, a.Status)
		}
		e := at(read(t, s, "v3/registration4/left/index.json"), "items", 0, "items", 0, "catalogEntry")
		if at(e, "id") != "Left" || at(e, "version") != "1.0.0" || at(e, "description") != "offered" {
			t.Errorf("%s: got %v", name, e)
		}
		if a := s.Do(formatstest.Call{Path: "v3/registration4/right/index.json"}); a.Status != 404 {
			t.Errorf("%s: the other package is there: %d", name, a.Status)
		}
	}
}

func TestFilesOfPackagesThatAreNotHere(t *testing.T) {
	s := newServer(t)
	newGallery(s.Upstream).add("Left", 1)
	s.Upstream.ServeText("/v3-flatcontainer/left/1.0.0/left.nuspec", nuspec("Left", "1.0.0"))
	s.Upstream.Serve("/v3-flatcontainer/left/1.0.0/icon", formatstest.Resource{Body: []byte("\xff\xd8\xff icon")})
	for file, want := range map[string]int{"left.nuspec": 200, "icon": 200, "readme": 404, "license": 404} {
		if a := s.Do(formatstest.Call{Path: "v3/flatcontainer/left/1.0.0/" + file}); a.Status != want {
			t.Errorf("%s: %d %s", file, a.Status, a.Body)
		}
	}
	if s.BlobCount() != 0 {
		t.Error("the package was fetched for that")
	}
}

func TestMisconfiguredSources(t *testing.T) {
	for name, body := range map[string]string{
		"a page": "<html>", "another protocol": `{"version":"2.0","resources":[]}`, "nothing in it": `{"version":"3.0.0","resources":[]}`, "no JSON": "{",
	} {
		s := newServer(t)
		s.Upstream.ServeText("/", body)
		if a := s.Do(formatstest.Call{Path: "v3/registration4/left/index.json"}); a.Status != 502 || !strings.Contains(string(a.Body), "service index") {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

// A source that answers with something else is not believed.
func TestMetadataOfAnotherPackageIsLeftOut(t *testing.T) {
	s := newServer(t)
	g := newGallery(s.Upstream)
	g.serve("/v3/registration5-gz-semver2/left/index.json", []byte(`{"items":[{"items":[
		{"packageContent":"{upstream}/a.nupkg","catalogEntry":{"id":"LEFT","version":"1.0.0"}},
		{"packageContent":"{upstream}/b.nupkg","catalogEntry":{"id":"Right","version":"9.0.0"}},
		{"packageContent":"{upstream}/c.nupkg","catalogEntry":{"id":"left","version":"not one"}},
		{"packageContent":"file:///etc/passwd","catalogEntry":{"id":"left","version":"2.0.0"}}]}]}`))
	a := s.Do(formatstest.Call{Path: "v3/flatcontainer/left/index.json"})
	if a.Status != 200 || string(a.Body) != `{"versions":["1.0.0","2.0.0"]}` {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	// The one without an address lies where the flat container has it.
	s.Do(formatstest.Call{Path: "v3/flatcontainer/left/2.0.0/left.2.0.0.nupkg"})
	if s.Upstream.Count("/v3-flatcontainer/left/2.0.0/left.2.0.0.nupkg") == 0 {
		t.Errorf("upstream was asked for %v", s.Upstream.Requests(""))
	}
}

// Small answers unpack to large ones: what is read of a package's pages is
// bounded for each, and for all together.
func TestPagesThatUnpackToTooMuchAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ pages, size int }{
		"one page":  {1, 33 << 20},
		"all pages": {5, 31 << 20},
	} {
		s := newServer(t)
		g := newGallery(s.Upstream)
		var pages []string
		for i := range c.pages {
			path := fmt.Sprintf("/v3/registration5-gz-semver2/left/page/%d.json", i)
			pages = append(pages, `{"@id":"{upstream}`+path+`"}`)
			g.serve(path, append(bytes.Repeat([]byte(" "), c.size), `{"items":[{"catalogEntry":{"id":"Left","version":"1.0.0"}}]}`...))
		}
		g.serve("/v3/registration5-gz-semver2/left/index.json", []byte(`{"items":[`+strings.Join(pages, ",")+`]}`))
		if a := s.Do(formatstest.Call{Path: "v3/registration4/left/index.json"}); a.Status != 502 {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

func TestVulnerabilitiesArePassedThrough(t *testing.T) {
	s := newServer(t)
	for repo, want := range map[string]string{"lone": "none", "main": "base"} {
		offerIndex(s.Upstream, `,{"@id":"{upstream}/v3/vulnerabilities/index.json","@type":"VulnerabilityInfo/6.7.0"}`)
		s.Upstream.ServeText("/v3/vulnerabilities/index.json", `[{"@name":"base","@id":"{upstream}/v3/vulnerabilities/2024/base.json","@updated":"2024-03-05T12:00:00Z","comment":"all"},{"@name":"../x","@id":"{upstream}/x"},{"@name":"odd","@id":"file:///x"}]`)
		s.Upstream.ServeText("/v3/vulnerabilities/2024/base.json", `{"left":[{"severity":2,"url":"http://advisory.test/1","versions":"(, 2.0.0)"}]}`)
		a := s.Do(formatstest.Call{Repo: repo, Path: "v3/vulnerabilities/index.json"})
		if a.Status != 200 || !strings.Contains(string(a.Body), `"`+s.Base(repo)+"v3/vulnerabilities/"+want+`.json"`) || strings.Contains(string(a.Body), s.Upstream.URL) || strings.Count(string(a.Body), "@name") != 1 {
			t.Errorf("%s: %d %s", repo, a.Status, a.Body)
		}
		for range 3 {
			a = s.Do(formatstest.Call{Repo: repo, Path: "v3/vulnerabilities/" + want + ".json"})
		}
		if a.Status != 200 || strings.Contains(string(a.Body), "advisory.test") != (want == "base") {
			t.Errorf("%s: %d %s", repo, a.Status, a.Body)
		}
	}
	if n := s.Upstream.Count("/v3/vulnerabilities/2024/base.json"); n != 1 {
		t.Errorf("the file was fetched %d times", n)
	}
	if a := s.Do(formatstest.Call{Path: "v3/vulnerabilities/base.json", As: formatstest.Nobody}); a.Status != 403 {
		t.Errorf("what is remembered is given to who may not read: %d", a.Status)
	}
	down := newServer(t)
	down.Upstream.Down()
	if a := down.Do(formatstest.Call{Path: "v3/vulnerabilities/index.json"}); a.Status != 200 || !strings.Contains(string(a.Body), "none") {
		t.Errorf("while upstream is down: %d %s", a.Status, a.Body)
	}
}

func TestRepositorySignaturesNeverSayThatAllIsSigned(t *testing.T) {
	s := newServer(t)
	offerIndex(s.Upstream, `,{"@id":"{upstream}/signatures.json","@type":"RepositorySignatures/5.0.0"}`)
	s.Upstream.ServeText("/signatures.json", `{"allRepositorySigned":true,"signingCertificates":[{"fingerprints":{"2.16.840.1.101.3.4.2.1":"00ff"},"contentUrl":"https://certificates.test/00ff.crt"}]}`)
	got := read(t, s, "v3/repository-signatures/index.json")
	if got["allRepositorySigned"] != false || at(got, "signingCertificates", 0, "fingerprints", "2.16.840.1.101.3.4.2.1") != "00ff" {
		t.Errorf("got %v", got)
	}
	s.Upstream.Down()
	if a := newServer(t).Do(formatstest.Call{Repo: "lone", Path: "v3/repository-signatures/index.json"}); string(a.Body) != `{"allRepositorySigned":false,"signingCertificates":[]}` {
		t.Errorf("of no source: %d %s", a.Status, a.Body)
	}
}
