package pypi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"larder/formats/formatstest"
	"larder/formats/pypi"
	"larder/registry"
)

// offered is a file of another index.
type offered struct {
	name    string
	content []byte
	more    map[string]any // members of the JSON page
}

// offer puts a project's JSON page and its files into the index.
func offer(u *formatstest.Upstream, project string, files ...offered) {
	var list []map[string]any
	for _, f := range files {
		m := map[string]any{
			"filename": f.name, "url": "{upstream}/files/" + f.name, "size": len(f.content),
			"hashes": map[string]string{"sha256": sha256Hex(f.content)}, "upload-time": "2024-03-05T12:00:00.123456Z",
		}
		for k, v := range f.more {
			m[k] = v
		}
		u.Serve("/files/"+f.name, formatstest.Resource{Body: f.content, Type: "application/octet-stream"})
		list = append(list, m)
	}
	b, err := json.Marshal(map[string]any{"meta": map[string]any{"api-version": "1.4"}, "name": project, "files": list, "versions": []string{}})
	if err != nil {
		panic(err)
	}
	u.Serve("/"+project+"/", formatstest.Resource{Body: b, Type: jsonType})
}

func TestAnotherIndexIsReadAsJSON(t *testing.T) {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	whl, info := wheel("left", "1.0"), metadataOf("left", "1.0")
	s.Upstream.ServeText("/files/left-1.0-py3-none-any.whl.metadata", info)
	s.Upstream.ServeText("/provenance", `{"version":1}`)
	s.Upstream.ServeText("/files/left-1.0.tar.gz.asc", "signature")
	offer(s.Upstream, "left",
		offered{"left-1.0-py3-none-any.whl", whl, map[string]any{
			"requires-python": ">=3.8", "core-metadata": map[string]string{"sha256": sha256Hex([]byte(info))}, "provenance": "{upstream}/provenance",
		}},
		offered{"left-1.0.tar.gz", sdist("left", "1.0"), map[string]any{"gpg-sig": true, "requires-python": nil}},
		offered{"left-0.9.tar.gz", sdist("left", "0.9"), map[string]any{"yanked": "it <breaks>"}},
		offered{"left-0.8.tar.gz", sdist("left", "0.8"), map[string]any{"yanked": true}},
		offered{"left-odd.tar.gz", []byte("x"), nil},
		offered{"other-1.0.tar.gz", []byte("x"), nil},
	)
	p := pageOf(t, s, "main", "left")
	if fmt.Sprint(p.Versions) != "[0.8 0.9 1.0]" || len(p.Files) != 4 {
		t.Errorf("got %v with %d files", p.Versions, len(p.Files))
	}
	f := p.file(t, "left-1.0-py3-none-any.whl")
	if f.RequiresPython != ">=3.8" || f.Size != int64(len(whl)) || f.UploadTime != "2024-03-05T12:00:00.123456Z" || f.Hashes["sha256"] != sha256Hex(whl) ||
		fmt.Sprint(f.Core) != "map[sha256:"+sha256Hex([]byte(info))+"]" || f.Provenance == "" {
		t.Errorf("got %+v", f)
	}
	if f := p.file(t, "left-0.9.tar.gz"); f.Yanked != "it <breaks>" {
		t.Errorf("got %+v", f)
	}
	if f := p.file(t, "left-0.8.tar.gz"); f.Yanked != true {
		t.Errorf("got %+v", f)
	}
	base := "simple/left/1.0/left-1.0-py3-none-any.whl"
	for range 2 {
		a := s.Do(formatstest.Call{Path: base + ".metadata"})
		want(t, a, 200, info)
	}
	if got := s.Upstream.Count("/files/left-1.0-py3-none-any.whl.metadata"); got != 1 || s.Upstream.Count("/files/left-1.0-py3-none-any.whl") != 0 || s.BlobCount() != 0 {
		t.Errorf("the metadata was fetched %d times, and the wheel must not be", got)
	}
	want(t, s.Do(formatstest.Call{Path: base + ".provenance"}), 200, `{"version":1}`)
	want(t, s.Do(formatstest.Call{Path: "simple/left/1.0/left-1.0.tar.gz.asc"}), 200, "signature")
	a := s.Do(formatstest.Call{Path: base})
	want(t, a, 200)
	if sha256Hex(a.Body) != sha256Hex(whl) {
		t.Error("other bytes")
	}
	d, err := s.Service.DescribePackageVersion(t.Context(), s.Repo("main").Actor(), formatstest.RepoID("main"),
		registry.VersionID{Package: registry.PackageID{Format: registry.PyPI, Name: "left"}, Version: "1.0"})
	if err != nil || d.Readme != "# left\n" || d.Version.Origin.Connection != formatstest.Connection {
		t.Errorf("got %+v, %v", d, err)
	}
	html := s.Do(formatstest.Call{Path: "simple/left/"})
	want(t, html, 200, `data-yanked="it &lt;breaks&gt;"`, `data-yanked=""`, `data-requires-python="&gt;=3.8"`, `data-gpg-sig="true"`)
}

// Spec 3.3.
func TestAllFilesOfAVersionComeInBehindTheRequestForOne(t *testing.T) {
	s := formatstest.NewServerAt(t, pypi.Format(), registry.Limits{}, func() time.Time { return time.Now().Add(-time.Minute) })
	whl, linux, source := wheel("left", "1.0"), wheel("left", "1.0", "of", "linux"), sdist("left", "1.0")
	s.Upstream.ServeText("/files/left-1.0-py3-none-any.whl.metadata", metadataOf("left", "1.0"))
	s.Upstream.ServeText("/files/left-1.0.tar.gz.asc", "signature")
	offer(s.Upstream, "left",
		offered{"left-1.0-py3-none-any.whl", whl, map[string]any{"core-metadata": map[string]string{"sha256": sha256Hex([]byte(metadataOf("left", "1.0")))}}},
		offered{"left-1.0-cp313-cp313-linux_x86_64.whl", linux, nil},
		offered{"left-1.0.tar.gz", source, map[string]any{"gpg-sig": true}},
		offered{"left-0.9.tar.gz", sdist("left", "0.9"), nil},
	)
	pageOf(t, s, "main", "left")
	want(t, s.Do(formatstest.Call{Path: "simple/left/1.0/left-1.0-py3-none-any.whl.metadata"}), 200)
	importDue(t, s)
	if n := s.BlobCount(); n != 0 {
		t.Errorf("%d files came in before any was asked for", n)
	}
	want(t, s.Do(formatstest.Call{Path: "simple/left/1.0/left-1.0-py3-none-any.whl"}), 200)
	importDue(t, s)
	s.Upstream.Down()
	for name, content := range map[string][]byte{"left-1.0-py3-none-any.whl": whl, "left-1.0-cp313-cp313-linux_x86_64.whl": linux, "left-1.0.tar.gz": source, "left-1.0.tar.gz.asc": []byte("signature")} {
		if a := s.Do(formatstest.Call{Path: "simple/left/1.0/" + name}); a.Status != 200 || sha256Hex(a.Body) != sha256Hex(content) {
			t.Errorf("%s: %d with %d bytes", name, a.Status, len(a.Body))
		}
	}
	// Each wheel's metadata is there by now, without asking again.
	f := pageOf(t, s, "main", "left").file(t, "left-1.0-cp313-cp313-linux_x86_64.whl")
	if f.Core == nil || f.Core == false {
		t.Errorf("got %+v", f)
	}
	if n := s.BlobCount(); n != 4 {
		t.Errorf("%d files are here", n)
	}
}

// A source distribution may leave to its build what a version depends on.
func TestAVersionIsDescribedByItsWheelsWhateverElseComesIn(t *testing.T) {
	s := formatstest.NewServerAt(t, pypi.Format(), registry.Limits{}, func() time.Time { return time.Now().Add(-time.Minute) })
	offer(s.Upstream, "left",
		offered{"left-1.0-py3-none-any.whl", wheel("left", "1.0", "Requires-Dist: right"), nil},
		offered{"left-1.0.tar.gz", sdist("left", "1.0"), nil},
		offered{"left-1.0-zz-none-linux_x86_64.whl", wheel("left", "1.0", "Requires-Dist: right"), nil},
	)
	want(t, s.Do(formatstest.Call{Path: "simple/left/1.0/left-1.0-py3-none-any.whl"}), 200)
	importDue(t, s)
	view, err := s.Repo("main").Held(t.Context(), registry.PackageID{Format: registry.PyPI, Name: "left"})
	if err != nil {
		t.Fatal(err)
	}
	if v := view.Versions[0]; len(v.Assets) != 3 || !strings.Contains(string(v.Manifest), `"right"`) {
		t.Errorf("%d files, described by %s", len(v.Assets), v.Manifest)
	}
}

func importDue(t *testing.T, s *formatstest.Server) {
	t.Helper()
	if _, err := s.Service.ImportDue(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestMetadataOtherThanPromisedIsNotPassedOn(t *testing.T) {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	s.Upstream.ServeText("/files/left-1.0-py3-none-any.whl.metadata", "something else")
	offer(s.Upstream, "left", offered{"left-1.0-py3-none-any.whl", wheel("left", "1.0"), map[string]any{"core-metadata": map[string]string{"sha256": strings.Repeat("0", 64)}}})
	want(t, s.Do(formatstest.Call{Path: "simple/left/1.0/left-1.0-py3-none-any.whl.metadata"}), 502, "SHA-256")
}

// anchors is an HTML page.
func anchors(links ...string) string {
	return "<!DOCTYPE html>\n<html><head><title>Links for left</title></head><body>\n" + strings.Join(links, "\n") + "</body></html>"
}

func TestAnotherIndexIsReadAsHTML(t *testing.T) {
	whl := wheel("left", "1.0")
	const name = "left-1.0-py3-none-any.whl"
	for title, c := range map[string]struct{ page, link string }{
		"relative":               {"/left/", `<a href="../files/` + name + `#sha256=` + sha256Hex(whl) + `">` + name + `</a>`},
		"absolute, in odd case":  {"/left/", `<A CLASS=x HREF='{upstream}/files/` + name + `#sha256=` + sha256Hex(whl) + `'>x...</A>`},
		"below a base":           {"/left/", `<base href="{upstream}/files/"><a href="` + name + `">x</a>`},
		"with an MD5 and escape": {"/left/", `<a href="/files/left%2D1.0-py3-none-any.whl?x=1&amp;y=2#md5=` + md5Hex(whl) + `">x</a>`},
		"in a folder":            {"/left/", `<a href="../">..</a> <a href="/files/` + name + `">` + name + `</a>`},
		"on one flat page":       {"/", `<a href="files/` + name + `">` + name + `</a> <a href="files/right-1.0.tar.gz">right</a>`},
	} {
		t.Run(title, func(t *testing.T) {
			s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
			s.Upstream.Serve(c.page, formatstest.Resource{Body: []byte(anchors(c.link)), Type: "text/plain"})
			s.Upstream.Serve("/files/"+name, formatstest.Resource{Body: whl})
			p := pageOf(t, s, "main", "left")
			p.file(t, name)
			a := s.Do(formatstest.Call{Path: "simple/left/1.0/" + name})
			if a.Status != 200 || sha256Hex(a.Body) != sha256Hex(whl) {
				t.Errorf("got %d %s", a.Status, a.Body)
			}
			// By now it is here, and tells its metadata.
			if f := pageOf(t, s, "main", "left").file(t, name); fmt.Sprint(f.Core) != "map[sha256:"+sha256Hex([]byte(metadataOf("left", "1.0")))+"]" || f.Size != int64(len(whl)) {
				t.Errorf("got %+v", f)
			}
			want(t, s.Do(formatstest.Call{Path: "simple/left/1.0/" + name + ".metadata"}), 200, "Name: left")
		})
	}
}

func TestNobodyIsAskedForAFileThatCannotBe(t *testing.T) {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	s.Upstream.ServeText("/left/", anchors(`<a href="left-1.0.tar.gz">x</a>`))
	for _, file := range []string{"right-1.0.tar.gz", "left-2.0.tar.gz", "left-1.0.exe", "left-1.0.exe.metadata", "right-1.0.tar.gz.provenance", "right-1.0.tar.gz.asc"} {
		want(t, s.Do(formatstest.Call{Path: "simple/left/1.0/" + file}), 404, "has no file")
	}
	if n := s.Upstream.Count(""); n != 0 {
		t.Errorf("upstream was asked %d times", n)
	}
}

func TestHTMLAttributesAreReadAndRemade(t *testing.T) {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	s.Upstream.ServeText("/left/", `<html><head><meta name="pypi:repository-version" content="1.4"><meta name="pypi:project-status" content="archived">
		<meta name="pypi:project-status-reason" content="old"><script>alert(1)</script></head><body onload="alert(2)"><form action="x">
		<a href="left-1.0-py3-none-any.whl" onerror="alert(3)" data-requires-python="&gt;=3.8" data-yanked="bad" data-dist-info-metadata="sha256=`+strings.Repeat("ab", 32)+`"
		data-gpg-sig="false" data-upload-time="2024-01-02T03:04:05Z">x</a><a href="left-1.1-py3-none-any.whl" data-core-metadata="true">y</a>
		<a href="javascript:alert(4)//left-1.2.tar.gz">z</a><a href="file:///etc/left-1.3.tar.gz">z</a><a href="ftp://elsewhere.test/left-1.4.tar.gz">z</a></form></body></html>`)
	p := pageOf(t, s, "main", "left")
	f := p.file(t, "left-1.0-py3-none-any.whl")
	if f.RequiresPython != ">=3.8" || f.Yanked != "bad" || f.UploadTime != "2024-01-02T03:04:05.000000Z" || f.Signed == nil || *f.Signed ||
		fmt.Sprint(f.Core) != "map[sha256:"+strings.Repeat("ab", 32)+"]" || fmt.Sprint(p.Status) != "map[reason:old status:archived]" {
		t.Errorf("got %+v, status %v", f, p.Status)
	}
	if f := p.file(t, "left-1.1-py3-none-any.whl"); f.Core != true || len(p.Files) != 2 {
		t.Errorf("got %+v and %d files", f, len(p.Files))
	}
	html := s.Do(formatstest.Call{Path: "simple/left/"})
	want(t, html, 200, `content="archived"`)
	for _, word := range []string{"script", "alert", "onload", "form"} {
		if strings.Contains(string(html.Body), word) {
			t.Errorf("%q came through: %s", word, html.Body)
		}
	}
}

func TestAnswersThatAreNoIndexAreFailures(t *testing.T) {
	for title, body := range map[string]string{
		"a portal":                     `<!doctype html><title>Please log in</title><form><input name=user></form>`,
		"nothing":                      ``,
		"broken JSON":                  `{"meta":{"api-version":"1.0"},"name":"left","files":[`,
		"JSON of something else":       `{"error":"no"}`,
		"the page of another":          `{"meta":{"api-version":"1.0"},"name":"right","files":[]}`,
		"a page of a later API":        `{"meta":{"api-version":"2.0"},"name":"left","files":[]}`,
		"an HTML page of a later API":  `<meta name="pypi:repository-version" content="2.0"><a href="left-1.0.tar.gz">x</a>`,
		"files that are no list":       `{"meta":{"api-version":"1.0"},"name":"left","files":{}}`,
		"something that is all binary": "\x00\x01\x02",
	} {
		t.Run(title, func(t *testing.T) {
			s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
			s.Upstream.Serve("/left/", formatstest.Resource{Body: []byte(body)})
			want(t, s.Do(formatstest.Call{Path: "simple/left/"}), http.StatusBadGateway)
		})
	}
}

func TestChangesOfAnIndexFlowDownToWhatIsHeld(t *testing.T) {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	source := offered{"left-1.0.tar.gz", sdist("left", "1.0"), nil}
	offer(s.Upstream, "left", source)
	want(t, s.Do(formatstest.Call{Path: "simple/left/1.0/left-1.0.tar.gz"}), 200)

	// A wheel is added, and everything is yanked.
	source.more = map[string]any{"yanked": "broken"}
	whl := offered{"left-1.0-py3-none-any.whl", wheel("left", "1.0"), map[string]any{"yanked": "broken"}}
	offer(s.Upstream, "left", source, whl)
	p := fresh(t, s, func(p jsonPage) bool { return len(p.Files) == 2 })
	for _, f := range p.Files {
		if f.Yanked != "broken" {
			t.Errorf("got %+v", f)
		}
	}
	want(t, s.Do(formatstest.Call{Path: "simple/left/1.0/left-1.0-py3-none-any.whl"}), 200)

	// The yank is taken back, and the source distribution is removed: it stays here.
	whl.more = nil
	offer(s.Upstream, "left", whl)
	p = fresh(t, s, func(p jsonPage) bool { return p.file(t, whl.name).Yanked == false })
	p.file(t, source.name)
	s.Upstream.Down()
	want(t, s.Do(formatstest.Call{Path: "simple/left/1.0/left-1.0.tar.gz"}), 200)
	want(t, s.Do(formatstest.Call{Path: "simple/left/1.0/left-1.0-py3-none-any.whl"}), 200)
}

// fresh reads the page until it is as it should become: what is kept is served
// while it is asked for anew.
func fresh(t *testing.T, s *formatstest.Server, done func(jsonPage) bool) jsonPage {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		if p := pageOf(t, s, "main", "left"); done(p) {
			return p
		}
	}
	t.Fatal("the page did not change")
	return jsonPage{}
}

func TestYankAndUnyank(t *testing.T) {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	want(t, s.Do(uploadWheel("lib", "1.0")), 200)
	want(t, s.Do(uploadWheel("lib", "1.1")), 200)
	const file = "lib-1.1-py3-none-any.whl"
	yanked := func() any { t.Helper(); return pageOf(t, s, "main", "lib").file(t, file).Yanked }

	want(t, s.Do(formatstest.Call{Method: "PUT", Path: "-/yanked/Lib/1.1.0", Body: []byte(`{"reason":"x"}`)}), 404)
	want(t, s.Do(formatstest.Call{Method: "PUT", Path: "-/yanked/Lib/1.1", Body: []byte(`{"reason":"wrong \"<number>\""}`)}), 204)
	if yanked() != `wrong "<number>"` {
		t.Errorf("got %v", yanked())
	}
	want(t, s.Do(formatstest.Call{Path: "simple/lib/"}), 200, `data-yanked="wrong &#34;&lt;number&gt;&#34;"`)
	want(t, s.Do(formatstest.Call{Path: "simple/lib/1.1/" + file}), 200)
	want(t, s.Do(formatstest.Call{Path: "pypi/lib/json"}), 200, `"version":"1.0"`, `"yanked_reason":"wrong`)
	want(t, s.Do(formatstest.Call{Path: "pypi/lib/1.1/json"}), 200, `"yanked":true`)

	// A further file of a yanked version does not list it again.
	want(t, s.Do(upload("lib", "1.1", "lib-1.1.tar.gz", sdist("lib", "1.1"))), 200)
	if p := pageOf(t, s, "main", "lib"); p.file(t, "lib-1.1.tar.gz").Yanked == false {
		t.Error("the new file is not yanked")
	}
	want(t, s.Do(formatstest.Call{Method: "DELETE", Path: "-/yanked/lib/1.1"}), 204)
	if yanked() != false {
		t.Errorf("got %v", yanked())
	}
	ctx, actor, p := t.Context(), s.Repo("main").Actor(), registry.PackageID{Format: registry.PyPI, Name: "lib"}
	if _, err := s.Service.UpdatePackageVersionsStatus(ctx, actor, formatstest.RepoID("main"), p, registry.Batch{Versions: []string{"1.0", "1.1"}}, registry.Unlisted); err != nil {
		t.Fatal(err)
	}
	if yanked() != true {
		t.Errorf("got %v", yanked())
	}
	want(t, s.Do(formatstest.Call{Path: "pypi/lib/json"}), 200, `"version":"1.1"`)
	want(t, s.Do(formatstest.Call{Method: "PUT", Path: "-/yanked/lib/1.1", Body: []byte(`[]`)}), 400)
}

func TestAYankMadeHereStaysWhenTheIndexRefreshes(t *testing.T) {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	source := offered{"left-1.0.tar.gz", sdist("left", "1.0"), nil}
	offer(s.Upstream, "left", source)
	want(t, s.Do(formatstest.Call{Path: "simple/left/1.0/left-1.0.tar.gz"}), 200)
	want(t, s.Do(formatstest.Call{Method: "PUT", Path: "-/yanked/left/1.0", Body: []byte(`{"reason":"not for us"}`)}), 204)
	offer(s.Upstream, "left", source, offered{"left-1.0-py3-none-any.whl", wheel("left", "1.0"), nil})
	p := fresh(t, s, func(p jsonPage) bool { return len(p.Files) == 2 })
	for _, f := range p.Files {
		if f.Yanked != "not for us" {
			t.Errorf("got %+v", f)
		}
	}
}

func TestNegotiation(t *testing.T) {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	want(t, s.Do(uploadWheel("lib", "1.0")), 200)
	const html, vendor = "text/html; charset=utf-8", "application/vnd.pypi.simple.v1+html"
	for accept, c := range map[string]struct {
		status int
		kind   string
	}{
		"":          {200, html},
		"*/*":       {200, html},
		"text/html": {200, html},
		"text/*":    {200, html},
		jsonType:    {200, jsonType},
		vendor:      {200, vendor},
		"application/vnd.pypi.simple.latest+json":             {200, jsonType},
		"application/vnd.pypi.simple.latest+html":             {200, vendor},
		jsonType + ", " + vendor + ";q=0.2, text/html;q=0.01": {200, jsonType},
		jsonType + ";q=0.1, text/html;q=0.5":                  {200, html},
		jsonType + ";q=0, */*;q=0.1":                          {200, html},
		"application/json":                                    {406, ""},
		"application/vnd.pypi.simple.v2+json":                 {406, ""},
		"text/html;q=0":                                       {406, ""},
	} {
		for _, path := range []string{"simple/lib/", "simple/"} {
			a := s.Do(formatstest.Call{Path: path, Header: map[string]string{"Accept": accept}})
			if got := a.Header.Get("Content-Type"); a.Status != c.status || c.kind != "" && got != c.kind {
				t.Errorf("%s, Accept %q: got %d %s, want %d %s", path, accept, a.Status, got, c.status, c.kind)
			}
			if a.Status == 200 && !strings.Contains(a.Header.Get("Vary"), "Accept") {
				t.Errorf("Vary: %q", a.Header.Get("Vary"))
			}
		}
	}
	a := s.Do(formatstest.Call{Path: "simple/lib/?format=" + strings.ReplaceAll(jsonType, "+", "%2B")})
	if a.Header.Get("Content-Type") != jsonType {
		t.Errorf("?format=: got %s", a.Header.Get("Content-Type"))
	}
	for _, path := range []string{"simple/Lib/", "simple/lib", "simple/LIB"} {
		a := s.Do(formatstest.Call{Path: path})
		if a.Status != 301 || a.Header.Get("Location") != s.Base("main")+"simple/lib/" {
			t.Errorf("%s: got %d to %s", path, a.Status, a.Header.Get("Location"))
		}
	}
}

func TestTheListOfProjects(t *testing.T) {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	offer(s.Upstream, "left", offered{"left-1.0.tar.gz", sdist("left", "1.0"), nil})
	want(t, s.Do(uploadWheel("My.Lib", "1.0")), 200)
	a := s.Do(formatstest.Call{Path: "simple/", Header: map[string]string{"Accept": jsonType}})
	want(t, a, 200, `"projects":[{"name":"my-lib"}]`)
	want(t, s.Do(formatstest.Call{Path: "simple/left/1.0/left-1.0.tar.gz"}), 200)
	want(t, s.Do(formatstest.Call{Path: "simple/"}), 200, `<a href="left/">left</a>`, `<a href="my-lib/">my-lib</a>`)
	want(t, s.Do(formatstest.Call{Path: "simple/", Repo: "lone", Header: map[string]string{"Accept": jsonType}}), 200, `"projects":[]`)
}

func TestXMLRPCSaysWhatToUseInstead(t *testing.T) {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	want(t, s.Do(formatstest.Call{Method: "POST", Path: "pypi", As: "-", Body: []byte("<methodCall/>")}), 200, "<fault>", "simple/")
}

// Index pages say next to nothing of a version: its files tell, a wheel better
// than a source distribution.
func TestFilesThatComeInTellTheirMetadata(t *testing.T) {
	tell := func(by string) []string {
		return []string{"Summary: by the " + by, "License: MIT", "Requires-Dist: right>=1"}
	}
	zip := zipped([]entry{{"left-1.0/setup.py", ""}, {"left-1.0/left.egg-info/PKG-INFO", "Name: other\n"}, {"left-1.0/PKG-INFO", metadataOf("left", "1.0", tell("zip")...)}})
	for name, c := range map[string]struct {
		fetch []string
		want  string // summary
	}{
		"a source distribution":             {[]string{"left-1.0.tar.gz"}, "by the sdist"},
		"a zipped one":                      {[]string{"left-1.0.zip"}, "by the zip"},
		"a wheel after it":                  {[]string{"left-1.0.tar.gz", "left-1.0-py3-none-any.whl"}, "by the wheel"},
		"a wheel before it":                 {[]string{"left-1.0-py3-none-any.whl", "left-1.0.tar.gz"}, "by the wheel"},
		"a file that tells nothing":         {[]string{"left-1.0.post0.tar.gz"}, ""},
		"another format after one that did": {[]string{"left-1.0.tar.gz", "left-1.0-py3.8.egg"}, "by the sdist"},
	} {
		t.Run(name, func(t *testing.T) {
			s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
			offer(s.Upstream, "left",
				offered{"left-1.0-py3-none-any.whl", wheel("left", "1.0", tell("wheel")...), nil},
				offered{"left-1.0.tar.gz", sdist("left", "1.0", tell("sdist")...), nil},
				offered{"left-1.0.zip", zip, nil},
				offered{"left-1.0-py3.8.egg", []byte("egg"), nil},
				offered{"left-1.0.post0.tar.gz", []byte("no archive"), nil},
			)
			version := "1.0"
			for _, file := range c.fetch {
				if strings.Contains(file, "post0") {
					version = "1.0.post0"
				}
				want(t, s.Do(formatstest.Call{Path: "simple/left/" + version + "/" + file}), 200)
			}
			d, err := s.Service.DescribePackageVersion(t.Context(), s.Repo("main").Actor(), formatstest.RepoID("main"),
				registry.VersionID{Package: registry.PackageID{Format: registry.PyPI, Name: "left"}, Version: version})
			if err != nil {
				t.Fatal(err)
			}
			if d.Summary != c.want || c.want != "" && (d.Readme != "# left\n" || len(d.Licenses) != 1 || len(d.Dependencies) != 1) {
				t.Errorf("got %+v, want the summary %q", d.Description, c.want)
			}
		})
	}
}
