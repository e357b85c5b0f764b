package nuget

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// gallery is a source that behaves like a public one: its service index, its
// metadata and its packages are on hosts of their own, metadata is compressed
// whatever was asked for, and has pages from 128 versions on.
type gallery struct {
	index, files *httptest.Server
	mu           sync.Mutex
	content      map[string][]byte
	found        []string // hits of every search
	asked        []string // paths with their queries
}

func newGallery(t *testing.T) *gallery {
	g := &gallery{content: map[string][]byte{}}
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		body, ok := g.content[r.URL.Path]
		g.asked = append(g.asked, r.URL.RequestURI())
		g.mu.Unlock()
		if !ok {
			http.NotFound(w, r)
			return
		}
		if strings.HasSuffix(r.URL.Path, ".json") && strings.Contains(r.URL.Path, "registration") {
			w.Header().Set("Content-Encoding", "gzip")
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			z.Write(body)
			z.Close()
			body = b.Bytes()
		}
		w.Write(body)
	})
	g.index, g.files = httptest.NewServer(answer), httptest.NewServer(answer)
	t.Cleanup(g.index.Close)
	t.Cleanup(g.files.Close)
	at := g.files.URL
	g.put("/v3/index.json", `{"version":"3.0.0","resources":[{"@id":"`+at+`/v3/registration5-gz-semver2/","@type":"RegistrationsBaseUrl/3.6.0"},{"@id":"`+at+`/v3-flatcontainer/","@type":"PackageBaseAddress/3.0.0"},
		{"@id":"`+at+`/query","@type":"SearchQueryService"},{"@id":"`+at+`/v3/vulnerabilities/index.json","@type":"VulnerabilityInfo/6.7.0"}]}`)
	g.put("/v3/vulnerabilities/index.json", `[{"@name":"base","@id":"`+at+`/v3/vulnerabilities/base.json","@updated":"2024-03-05T12:00:00Z"}]`)
	g.put("/v3/vulnerabilities/base.json", `{"vulnerable.lib":[{"severity":2,"url":"http://advisory.test/1","versions":"(, 2.0.0)"}]}`)
	return g
}

func (g *gallery) put(path, body string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.content[path] = []byte(body)
}

// source is the URL of the service index.
func (g *gallery) source() string { return g.index.URL + "/v3/index.json" }

// down takes the gallery away.
func (g *gallery) down() {
	g.index.Close()
	g.files.Close()
}

// release is a version that the gallery has.
type release struct {
	version  string
	unlisted bool
	young    bool // published just now instead of years ago
	// What it depends on, for one target framework.
	framework, dependency, versions string
}

// add offers the versions of a package, in order.
func (g *gallery) add(t *testing.T, id string, releases ...release) {
	t.Helper()
	name, at := strings.ToLower(id), g.files.URL
	folder := "/v3/registration5-gz-semver2/" + name + "/"
	var pages []string
	for from := 0; from < len(releases); from += 64 {
		part := releases[from:min(from+64, len(releases))]
		var leaves []string
		for _, r := range part {
			content := packed(t, id, r)
			sum := sha512.Sum512(content)
			version := strings.ToLower(r.version)
			file := "/v3-flatcontainer/" + name + "/" + version + "/" + name + "." + version + ".nupkg"
			g.put(file, string(content))
			catalog := "/v3/catalog0/" + name + "." + version + ".json"
			g.put(catalog, fmt.Sprintf(`{"packageHash":%q,"packageHashAlgorithm":"SHA512"}`, base64.StdEncoding.EncodeToString(sum[:])))
			groups := ""
			if r.dependency != "" {
				groups = fmt.Sprintf(`,"dependencyGroups":[{"targetFramework":%q,"dependencies":[{"id":%q,"range":%q}]}]`, r.framework, r.dependency, r.versions)
			}
			published := "2024-03-05T12:00:00.000+00:00"
			if r.young {
				published = time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
			}
			leaves = append(leaves, fmt.Sprintf(`{"@id":"%[1]s%[2]s%[3]s.json","catalogEntry":{"@id":"%[1]s%[4]s","id":%[5]q,"version":%[6]q,"listed":%[7]v,"published":%[10]q%[9]s},"packageContent":"%[1]s%[8]s"}`,
				at, folder, version, catalog, id, r.version, !r.unlisted, file, groups, published))
		}
		lower, upper := part[0].version, part[len(part)-1].version
		page := folder + "page/" + lower + "/" + upper + ".json"
		head := fmt.Sprintf(`{"@id":"%s%s","count":%d,"lower":%q,"upper":%q`, at, page, len(part), lower, upper)
		whole := head + `,"items":[` + strings.Join(leaves, ",") + `]}`
		if len(releases) >= 128 {
			g.put(page, whole)
			whole = head + "}"
		}
		pages = append(pages, whole)
	}
	g.put(folder+"index.json", fmt.Sprintf(`{"count":%d,"items":[%s]}`, len(pages), strings.Join(pages, ",")))
	last := releases[len(releases)-1].version
	g.found = append(g.found, fmt.Sprintf(`{"id":%q,"version":%q,"description":"of the gallery","versions":[{"version":%[2]q,"downloads":1,"@id":"x"}],"totalDownloads":1}`, id, last))
	g.put("/query", fmt.Sprintf(`{"totalHits":%d,"data":[%s]}`, len(g.found), strings.Join(g.found, ",")))
}

// packed is a package with a content file.
func packed(t *testing.T, id string, r release) []byte {
	t.Helper()
	dependencies := ""
	if r.dependency != "" {
		dependencies = `<group targetFramework="` + r.framework + `"><dependency id="` + r.dependency + `" version="` + r.versions + `"/></group>`
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range map[string]string{
		"[Content_Types].xml": `<?xml version="1.0" encoding="utf-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="nuspec" ContentType="application/octet"/><Default Extension="txt" ContentType="application/octet"/></Types>`,
		"_rels/.rels":         `<?xml version="1.0" encoding="utf-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Type="http://schemas.microsoft.com/packaging/2010/07/manifest" Target="/` + id + `.nuspec" Id="R1"/></Relationships>`,
		id + ".nuspec": `<?xml version="1.0"?><package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd"><metadata><id>` + id + `</id><version>` + r.version + `</version><authors>Ada</authors><description>` + id + `</description>` +
			`<dependencies>` + dependencies + `</dependencies></metadata></package>`,
		"content/" + id + ".txt": id + " " + r.version,
	} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, content) //nolint:errcheck // a bytes.Buffer does not fail
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
