package maven_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/formats/formatstest"
	"larder/formats/maven"
	"larder/registry"
)

func expect(t *testing.T, s *formatstest.Server, c formatstest.Call, status int, say ...string) formatstest.Answer {
	t.Helper()
	a := s.Do(c)
	if a.Status != status {
		t.Errorf("%s %s: got %d %s, want %d", c.Method, c.Path, a.Status, a.Body, status)
	}
	for _, text := range say {
		if !strings.Contains(string(a.Body), text) {
			t.Errorf("%s %s: %q is not in %q", c.Method, c.Path, text, a.Body)
		}
	}
	return a
}

func get(t *testing.T, s *formatstest.Server, path string, status int, say ...string) formatstest.Answer {
	t.Helper()
	return expect(t, s, formatstest.Call{Path: path}, status, say...)
}

func listed(a formatstest.Answer) []string {
	var out []string
	for _, part := range strings.Split(string(a.Body), "<version>")[1:] {
		v, _, _ := strings.Cut(part, "<")
		out = append(out, v)
	}
	return out
}

var widget = registry.PackageID{Format: registry.Maven, Namespace: "org.acme", Name: "widget"}

func state(t *testing.T, s *formatstest.Server, version string) registry.Version {
	t.Helper()
	var v registry.Version
	err := s.Metadata.View(t.Context(), func(tx registry.Tx) error {
		var err error
		v, err = tx.Version(formatstest.RepoID("main"), registry.VersionID{Package: widget, Version: version})
		return err
	})
	if err != nil && !registry.IsNotFound(err) {
		t.Fatal(err)
	}
	return v
}

const (
	home = "org/acme/widget/"
	one  = home + "1.0/widget-1.0"
)

func TestAVersionIsUnfinishedUntilTheMetadataNamesIt(t *testing.T) {
	s := newServer(t)
	expect(t, s, put(one+".jar", []byte("jar")), 201)
	get(t, s, one+".jar", 404)
	get(t, s, home+"maven-metadata.xml", 404)
	expect(t, s, put(one+".pom", pomXML("org.acme", "widget", "1.0", "")), 201)
	expect(t, s, put(home+"maven-metadata.xml", versionsXML("org.acme", "widget", "0.9")), 201)
	if got := state(t, s, "1.0").Status; got != registry.Unfinished {
		t.Errorf("metadata of another version: %s", got)
	}
	expect(t, s, put(home+"maven-metadata.xml", versionsXML("org.acme", "widget", "0.9", "1.0")), 201)
	if got := state(t, s, "1.0").Status; got != registry.Published {
		t.Errorf("got %s", got)
	}
	get(t, s, one+".jar", 200, "jar")
	if diff := cmp.Diff([]string{"1.0"}, listed(get(t, s, home+"maven-metadata.xml", 200, "<release>1.0</release>"))); diff != "" {
		t.Error(diff)
	}
	// More files may come, also to a version that is finished.
	expect(t, s, put(one+"-sources.jar", []byte("sources")), 201)
	get(t, s, one+"-sources.jar", 200, "sources")
}

func TestOldMetadataUndoesNothing(t *testing.T) {
	s := newServer(t)
	for _, v := range []string{"1.0", "1.10", "1.9"} {
		expect(t, s, put(home+v+"/widget-"+v+".jar", []byte("jar "+v)), 201)
		expect(t, s, put(home+"maven-metadata.xml", versionsXML("org.acme", "widget", v)), 201)
	}
	a := get(t, s, home+"maven-metadata.xml", 200, "<latest>1.10</latest>")
	if diff := cmp.Diff([]string{"1.0", "1.9", "1.10"}, listed(a)); diff != "" {
		t.Error(diff)
	}
	for suffix, digits := range map[string]int{"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128} {
		sum := get(t, s, home+"maven-metadata.xml."+suffix, 200)
		if len(sum.Body) != digits {
			t.Errorf("%s: %s", suffix, sum.Body)
		}
	}
	if got := get(t, s, home+"maven-metadata.xml.sha1", 200); string(got.Body) != hexSHA1(a.Body) {
		t.Errorf("the metadata's SHA-1 is %s, answered was %s", hexSHA1(a.Body), got.Body)
	}
}

func TestTheSameBytesAgainAreFineAndOthersAreNot(t *testing.T) {
	s := newServer(t)
	expect(t, s, put(one+".jar", []byte("jar")), 201)
	expect(t, s, put(one+".jar", []byte("jar")), 200)
	expect(t, s, put(one+".jar", []byte("other")), 409, "other bytes")
	expect(t, s, put(home+"maven-metadata.xml", versionsXML("org.acme", "widget", "1.0")), 201)
	expect(t, s, put(one+".jar", []byte("jar")), 200)
	expect(t, s, put(one+".jar", []byte("other")), 409)
	get(t, s, one+".jar", 200, "jar")
}

func TestChecksumsAreComparedAndNeverStored(t *testing.T) {
	s := newServer(t)
	jar := []byte("jar")
	// Before the file.
	expect(t, s, put(one+".jar.sha1", []byte(hexSHA1(jar))), 201)
	expect(t, s, put(one+".jar", []byte("bent")), 400, "widget-1.0.jar.sha1")
	expect(t, s, put(one+".jar", jar), 201)
	expect(t, s, put(one+".jar", []byte("bent")), 409, "other bytes")
	expect(t, s, put(one+".jar.sha1", []byte(hexSHA1(jar)+"  widget-1.0.jar\n")), 201)
	if got := state(t, s, "1.0"); len(got.Assets) != 1 || strings.Contains(string(got.Manifest), "checksums") {
		t.Errorf("got %d assets, %s", len(got.Assets), got.Manifest)
	}
	// After it: a wrong one keeps the version open until the right one comes.
	expect(t, s, put(one+".jar.sha1", []byte(hexSHA1([]byte("x")))), 400, hexSHA1(jar))
	expect(t, s, put(home+"maven-metadata.xml", versionsXML("org.acme", "widget", "1.0")), 400, "stays unfinished")
	get(t, s, one+".jar", 404)
	expect(t, s, put(one+".jar.sha1", []byte(strings.ToUpper(hexSHA1(jar)))), 400, "lower-case")
	expect(t, s, put(one+".jar.sha1", []byte(hexSHA1(jar))), 201)
	expect(t, s, put(home+"maven-metadata.xml", versionsXML("org.acme", "widget", "1.0")), 201)
	// When it is finished: still 400, and nothing is lost.
	expect(t, s, put(one+".jar.sha1", []byte(hexSHA1([]byte("x")))), 400)
	expect(t, s, put(one+"-sources.jar.sha1", []byte(hexSHA1(jar))), 404, "put the file first")
	get(t, s, one+".jar", 200, "jar")
	get(t, s, one+".jar.sha1", 200, hexSHA1(jar))
	get(t, s, one+".jar.sha512", 200)
	get(t, s, one+".pom.sha1", 404)
}

func TestFilesComeInParallel(t *testing.T) {
	s := newServer(t)
	files := map[string][]byte{".pom": pomXML("org.acme", "widget", "1.0", "")}
	for _, f := range []string{".jar", "-sources.jar", "-javadoc.jar", ".module", ".jar.asc", "-tests.jar", ".tar.gz"} {
		files[f] = []byte("content of " + f)
	}
	var all sync.WaitGroup
	for name, body := range files {
		all.Go(func() {
			for _, c := range []formatstest.Call{put(one+name, body), put(one+name+".sha1", []byte(hexSHA1(body))), put(one+name, body)} {
				if a := s.Do(c); a.Status/100 != 2 {
					t.Errorf("%s: %d %s", c.Path, a.Status, a.Body)
				}
			}
		})
	}
	all.Wait()
	expect(t, s, put(home+"maven-metadata.xml", versionsXML("org.acme", "widget", "1.0")), 201)
	if got := len(state(t, s, "1.0").Assets); got != len(files) {
		t.Errorf("%d files, want %d", got, len(files))
	}
	for name, body := range files {
		if a := get(t, s, one+name, 200); !bytes.Equal(a.Body, body) {
			t.Errorf("%s: %s", name, a.Body)
		}
	}
}

func TestAPOMDescribesItsVersion(t *testing.T) {
	s := newServer(t)
	expect(t, s, put(one+".jar", []byte("jar")), 201)
	expect(t, s, put(one+".pom", pomXML("org.acme", "widget", "${revision}", `<name>Widget</name><description>Turns
 handles.</description><url>https://acme.test/${project.artifactId}</url><properties><revision>1.0</revision><v>2.${minor}</v><minor>3</minor></properties>
<parent><groupId>org.acme</groupId><artifactId>parent</artifactId><version>7</version></parent>
<scm><url>https://acme.test/scm</url></scm><licenses><license><name>MIT</name><url>https://acme.test/mit</url></license></licenses>
<dependencies><dependency><groupId>${project.groupId}</groupId><artifactId>gear</artifactId><version>${v}</version></dependency>
<dependency><groupId>org.junit</groupId><artifactId>junit</artifactId><version>${unknown}</version><scope>test</scope></dependency>
<dependency><groupId>a</groupId><artifactId>b</artifactId><version>1</version><optional>true</optional></dependency></dependencies>`)), 201)
	got := maven.Format(maven.Options{}).Rules.Describe(state(t, s, "1.0").Manifest)
	want := registry.Description{
		Summary: "Turns\n handles.", HomePage: "https://acme.test/widget", SourceCode: "https://acme.test/scm",
		Licenses: []registry.License{{Name: "MIT", URL: "https://acme.test/mit"}},
		Dependencies: []registry.Dependency{
			{Namespace: "org.acme", Package: "parent", Type: "parent", Requirement: "7"},
			{Namespace: "org.acme", Package: "gear", Type: "compile", Requirement: "2.3"},
			{Namespace: "org.junit", Package: "junit", Type: "test", Requirement: "${unknown}"},
			{Namespace: "a", Package: "b", Type: "optional", Requirement: "1"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBadDeploysAreRefused(t *testing.T) {
	s := newServer(t)
	bomb := `<!DOCTYPE project [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><project><artifactId>&b;</artifactId></project>`
	for name, c := range map[string]struct {
		call formatstest.Call
		want int
		say  string
	}{
		"the POM of another artifact":    {put(one+".pom", pomXML("org.acme", "other", "1.0", "")), 400, "artifactId"},
		"the POM of another group":       {put(one+".pom", pomXML("org.evil", "widget", "1.0", "")), 400, "groupId"},
		"the POM of another version":     {put(one+".pom", pomXML("org.acme", "widget", "1.1", "")), 400, "version"},
		"a POM that is none":             {put(one+".pom", []byte("<project>")), 400, "no POM"},
		"a POM of something else":        {put(one+".pom", []byte("<html/>")), 400, "no POM"},
		"a POM with a document type":     {put(one+".pom", []byte(bomb)), 400, "document type"},
		"a POM with an external entity":  {put(one+".pom", []byte(`<!DOCTYPE p SYSTEM "file:///etc/passwd"><project/>`)), 400, "document type"},
		"a packed file":                  {with(put(one+".jar", []byte("x")), "Content-Encoding", "gzip"), 415, "as it is"},
		"a part of a file":               {with(put(one+".jar", []byte("x")), "Content-Range", "bytes 0-0/2"), 400, "whole"},
		"packed metadata":                {with(put(home+"maven-metadata.xml", versionsXML("org.acme", "widget", "1.0")), "Content-Encoding", "gzip"), 415, "as it is"},
		"an empty file":                  {put(one+".jar", nil), 400, "empty"},
		"a path outside the layout":      {put("org/acme/widget/1.0/readme.txt", []byte("x")), 400, "layout"},
		"a file of another version":      {put(home+"1.0/widget-1.1.jar", []byte("x")), 400, "layout"},
		"a snapshot that is not unique":  {put(home+"1.0-SNAPSHOT/widget-1.0-SNAPSHOT.jar", []byte("x")), 400, "uniqueVersion"},
		"a build in a folder of its own": {put(home+"1.0-20260102.030405-1/widget-1.0-20260102.030405-1.jar", []byte("x")), 400, "1.0-SNAPSHOT"},
		"metadata of another artifact":   {put(home+"maven-metadata.xml", versionsXML("org.acme", "other", "1.0")), 400, "artifactId"},
		"metadata that is none":          {put(home+"maven-metadata.xml", []byte("x")), 400, "maven-metadata.xml"},
		"metadata with a document type":  {put(home+"maven-metadata.xml", []byte(`<!DOCTYPE m><metadata/>`)), 400, "document type"},
		"metadata that names nothing":    {put(home+"maven-metadata.xml", []byte(`<metadata/>`)), 400, "no version"},
		"metadata of no unique snapshot": {put(home+"1.0-SNAPSHOT/maven-metadata.xml", []byte(`<metadata><versioning><snapshot><localCopy>true</localCopy></snapshot></versioning></metadata>`)), 400, "uniqueVersion"},
		"a checksum that is none":        {put(one+".jar.sha1", []byte("abc")), 400, "40"},
		"a checksum of metadata":         {put(home+"maven-metadata.xml.sha1", []byte("abc")), 400, "40"},
		"a checksum without an end":      {put(one+".jar.sha1", bytes.Repeat([]byte("a"), 5000)), 413, "4096"},
	} {
		a := s.Do(c.call)
		if a.Status != c.want || !strings.Contains(string(a.Body), c.say) {
			t.Errorf("%s: got %d %s, want %d with %q", name, a.Status, a.Body, c.want, c.say)
		}
	}
	if n := s.BlobCount(); n != 0 {
		t.Errorf("%d blobs stay", n)
	}
	get(t, s, home+"maven-metadata.xml", 404)
}

// with gives a call with a header.
func with(c formatstest.Call, name, value string) formatstest.Call {
	c.Header = map[string]string{name: value}
	return c
}

func TestAFileOverTheLimitIsRefusedUnread(t *testing.T) {
	s := formatstest.NewServer(t, maven.Format(maven.Options{}), registry.Limits{AssetSize: 1000})
	req, err := http.NewRequestWithContext(t.Context(), "PUT", s.Base("main")+one+".jar", nil)
	if err != nil {
		t.Fatal(err)
	}
	// A body that never comes: the answer must not wait for it.
	req.Body, req.ContentLength = blocked{t.Context().Done()}, 5<<30
	req.Header.Set("Authorization", "Bearer "+formatstest.Owner)
	req.Header.Set("Expect", "100-continue")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d", res.StatusCode)
	}
}

type blocked struct{ until <-chan struct{} }

func (b blocked) Read([]byte) (int, error) { <-b.until; return 0, fmt.Errorf("never read") }
func (b blocked) Close() error             { return nil }

func TestAPluginIsFoundByItsPrefix(t *testing.T) {
	s := newServer(t)
	var jar bytes.Buffer
	z := zip.NewWriter(&jar)
	w, err := z.Create("META-INF/maven/plugin.xml")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, "<plugin><goalPrefix>wdg</goalPrefix></plugin>")
	z.Close()
	expect(t, s, put("org/acme/widget-maven-plugin/1.0/widget-maven-plugin-1.0.jar", jar.Bytes()), 201)
	expect(t, s, put("org/acme/widget-maven-plugin/1.0/widget-maven-plugin-1.0.pom", pomXML("org.acme", "widget-maven-plugin", "1.0", "<packaging>maven-plugin</packaging>")), 201)
	expect(t, s, put("org/acme/widget-maven-plugin/maven-metadata.xml", versionsXML("org.acme", "widget-maven-plugin", "1.0")), 201)
	expect(t, s, put("org/acme/other-maven-plugin/2/other-maven-plugin-2.pom", pomXML("org.acme", "other-maven-plugin", "2", "<packaging>maven-plugin</packaging>")), 201)
	expect(t, s, put("org/acme/other-maven-plugin/maven-metadata.xml", versionsXML("org.acme", "other-maven-plugin", "2")), 201)
	group := []byte(`<metadata><plugins><plugin><name>w</name><prefix>wdg</prefix><artifactId>widget-maven-plugin</artifactId></plugin></plugins></metadata>`)
	expect(t, s, put("org/acme/maven-metadata.xml", group), 201)
	a := get(t, s, "org/acme/maven-metadata.xml", 200, "<prefix>wdg</prefix>", "<prefix>other</prefix>")
	get(t, s, "org/acme/maven-metadata.xml.sha1", 200, hexSHA1(a.Body))
	// What the group has elsewhere is added.
	s.Upstream.ServeText("/org/acme/maven-metadata.xml", `<metadata><plugins><plugin><prefix>far</prefix><artifactId>far-maven-plugin</artifactId></plugin>
		<plugin><prefix>evil</prefix><artifactId>widget-maven-plugin</artifactId></plugin></plugins></metadata>`)
	a = get(t, s, "org/acme/maven-metadata.xml", 200, "<prefix>wdg</prefix>", "<prefix>far</prefix>")
	if strings.Contains(string(a.Body), "evil") {
		t.Error("an external prefix took the place of our own plugin's")
	}
}

func TestArtifactsOfScalaHaveDotsInTheirNames(t *testing.T) {
	s := newServer(t)
	const at = "org/acme/widget_2.13/"
	expect(t, s, put(at+"1.0/widget_2.13-1.0.pom", pomXML("org.acme", "widget_2.13", "1.0", "")), 201)
	expect(t, s, put(at+"1.0/widget_2.13-1.0-sources.jar", []byte("sources")), 201)
	expect(t, s, put(at+"maven-metadata.xml", versionsXML("org.acme", "widget_2.13", "1.0")), 201)
	a := get(t, s, at+"maven-metadata.xml", 200, "<artifactId>widget_2.13</artifactId>", "<version>1.0</version>")
	get(t, s, at+"maven-metadata.xml.sha1", 200, hexSHA1(a.Body))
	get(t, s, at+"1.0/widget_2.13-1.0-sources.jar", 200, "sources")
	const jar = at + "2.0-SNAPSHOT/widget_2.13-2.0-20260102.030405-1.jar"
	expect(t, s, put(jar, []byte("build")), 201)
	build := strings.NewReplacer("widget", "widget_2.13", "1.0-", "2.0-").Replace(string(buildXML("20260102.030405", 1, "jar")))
	expect(t, s, put(at+"2.0-SNAPSHOT/maven-metadata.xml", []byte(build)), 201)
	get(t, s, at+"2.0-SNAPSHOT/maven-metadata.xml", 200, "<artifactId>widget_2.13</artifactId>")
	get(t, s, jar, 200, "build")
	get(t, s, "widget_2.13/maven-metadata.xml", 404)
	get(t, s, "org.acme/widget/maven-metadata.xml", 404)
	// Plugins of sbt carry the versions of Scala and sbt in the folder alone.
	const plugin = "org/acme/sbt-widget_2.12_1.0/1.0/sbt-widget-1.0"
	expect(t, s, put(plugin+".pom", pomXML("org.acme", "sbt-widget", "1.0", "")), 201)
	expect(t, s, put("org/acme/sbt-widget_2.12_1.0/maven-metadata.xml", versionsXML("org.acme", "sbt-widget_2.12_1.0", "1.0")), 201)
	get(t, s, plugin+".pom", 200)
}

func TestWhatAClientHasIsNotSentAgain(t *testing.T) {
	s := newServer(t)
	expect(t, s, put(one+".pom", pomXML("org.acme", "widget", "1.0", "<packaging>maven-plugin</packaging>")), 201)
	expect(t, s, put(home+"maven-metadata.xml", versionsXML("org.acme", "widget", "1.0")), 201)
	for _, path := range []string{one + ".pom", one + ".pom.sha1", home + "maven-metadata.xml", home + "maven-metadata.xml.md5", "org/acme/maven-metadata.xml", "org/acme/maven-metadata.xml.sha1"} {
		whole := get(t, s, path, 200)
		etag := whole.Header.Get("ETag")
		if etag == "" {
			t.Errorf("%s has no ETag", path)
		}
		a := expect(t, s, formatstest.Call{Path: path, Header: map[string]string{"If-None-Match": etag}}, 304)
		if len(a.Body) != 0 {
			t.Errorf("%s: 304 with %q", path, a.Body)
		}
		head := expect(t, s, formatstest.Call{Method: "HEAD", Path: path}, 200)
		if got := head.Header.Get("Content-Length"); got != fmt.Sprint(len(whole.Body)) || len(head.Body) != 0 {
			t.Errorf("HEAD %s: Content-Length %s for %d bytes", path, got, len(whole.Body))
		}
	}
}
