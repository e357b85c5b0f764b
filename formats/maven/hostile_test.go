package maven_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"larder/formats"
	"larder/formats/formatstest"
	"larder/formats/maven"
	"larder/registry"
)

// A POM whose texts stand for each other a million times costs what it weighs.
func TestAPOMThatGrowsIsCut(t *testing.T) {
	s := newServer(t)
	big := strings.Repeat("x", 1<<20)
	more := "<properties><a>" + big + "</a><b>" + strings.Repeat("${a}", 1000) + "</b></properties>" +
		"<name>" + strings.Repeat("${a}", 100_000) + "</name><description>" + strings.Repeat("ä", 100_000) + "</description><url>${b}${b}</url>" +
		"<licenses><license><name>" + big + "</name></license></licenses><parent><groupId>" + big + "</groupId></parent>"
	expect(t, s, put(one+".pom", pomXML("org.acme", "widget", "1.0", more)), 201)
	manifest := state(t, s, "1.0").Manifest
	if len(manifest) > 64<<10 {
		t.Errorf("%d bytes are kept", len(manifest))
	}
	d := maven.Format(maven.Options{}).Rules.Describe(manifest)
	if d.Summary != strings.Repeat("ä", 2048) {
		t.Errorf("the description is kept as %.40q, %d bytes", d.Summary, len(d.Summary))
	}
}

func TestAPOMThatIsDeepIsRefused(t *testing.T) {
	s := newServer(t)
	for _, tag := range []string{"<a>", "<properties>", "<parent>", "<dependencies><dependency>"} {
		body := append([]byte("<project>"), strings.Repeat(tag, 1<<20/len(tag))...)
		expect(t, s, put(one+".pom", body), 400, "no POM")
	}
	expect(t, s, put(one+".pom", append([]byte("<project>"), strings.Repeat("<x/>", 2<<20)...)), 400, "longer than")
	expect(t, s, put(home+"maven-metadata.xml", append([]byte("<metadata>"), strings.Repeat("<x/>", 5<<20)...)), 413)
}

// The directory of a jar is held in memory while it is searched: one that is
// longer than any jar's is not.
func TestAJarOfTooManyEntriesIsKeptUnread(t *testing.T) {
	s := newServer(t)
	jar := func(n int) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for i := range n {
			if _, err := z.CreateRaw(&zip.FileHeader{Name: strconv.Itoa(i)}); err != nil {
				t.Fatal(err)
			}
		}
		w, err := z.Create("META-INF/maven/plugin.xml")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, "<plugin><goalPrefix>wdg</goalPrefix></plugin>")
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for name, c := range map[string]struct {
		entries int
		prefix  string
	}{
		"small": {10, "wdg"},
		"large": {formats.MaxEntries, "large"}, // as its artifactId says
	} {
		at := "org/acme/" + name + "-maven-plugin/1.0/" + name + "-maven-plugin-1.0"
		expect(t, s, put(at+".jar", jar(c.entries)), 201)
		expect(t, s, put(at+".pom", pomXML("org.acme", name+"-maven-plugin", "1.0", "<packaging>maven-plugin</packaging>")), 201)
		expect(t, s, put("org/acme/"+name+"-maven-plugin/maven-metadata.xml", versionsXML("org.acme", name+"-maven-plugin", "1.0")), 201)
		get(t, s, "org/acme/maven-metadata.xml", 200, "<prefix>"+c.prefix+"</prefix>")
	}
}

func TestHalfABodyLeavesNothing(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{one + ".jar", one + ".jar.sha1", home + "maven-metadata.xml", one + ".pom"} {
		address := strings.TrimPrefix(s.URL, "http://")
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		at := strings.TrimPrefix(s.Base("main"), s.URL) + path
		fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\n\r\nhalf", at, address, formatstest.Owner)
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		said, _ := io.ReadAll(res.Body)
		conn.Close()
		if res.StatusCode != 400 || !strings.Contains(string(said), "ended before") {
			t.Errorf("%s: %d %s", path, res.StatusCode, said)
		}
	}
	if n := s.BlobCount(); n != 0 {
		t.Errorf("%d blobs stay", n)
	}
	if v := state(t, s, "1.0"); v.Status != "" {
		t.Errorf("a version is there: %+v", v)
	}
}

func TestRightsAreAskedForBeforeTheBodyIsRead(t *testing.T) {
	s := newServer(t)
	// Metadata of an artifact could be that of a group, whose plugins the body
	// names: there the question is first whether any package may be published.
	for path, who := range map[string]string{
		one + ".jar": formatstest.Reader, one + ".jar.sha1": formatstest.Reader, home + "1.0/none.txt": formatstest.Reader,
		home + "maven-metadata.xml": formatstest.Reader, home + "1.0-SNAPSHOT/maven-metadata.xml": formatstest.Publisher,
	} {
		req, err := http.NewRequestWithContext(t.Context(), "PUT", s.Base("main")+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Body, req.ContentLength = blocked{t.Context().Done()}, 1000
		req.Header.Set("Authorization", "Bearer "+who)
		req.Header.Set("Expect", "100-continue")
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("%s as %s: %d", path, who, res.StatusCode)
		}
	}
}

func TestPublishingIsOneRightAndFinishingAnother(t *testing.T) {
	s := newServer(t)
	as := func(c formatstest.Call) formatstest.Call { c.As = formatstest.Publisher; return c }
	expect(t, s, as(put(one+".jar", []byte("jar"))), 201)
	expect(t, s, as(put(one+".jar.sha1", []byte(hexSHA1([]byte("jar"))))), 201)
	expect(t, s, as(put(home+"maven-metadata.xml", versionsXML("org.acme", "widget", "1.0"))), 403, "PutPackageMetadata")
	expect(t, s, as(put("org/acme/maven-metadata.xml", []byte("<metadata><plugins><plugin><prefix>a</prefix><artifactId>b</artifactId></plugin></plugins></metadata>"))), 403)
	if got := state(t, s, "1.0").Status; got != registry.Unfinished {
		t.Errorf("the version is %s", got)
	}
}

func TestPathsThatAreNoCoordinates(t *testing.T) {
	s := newServer(t)
	expect(t, s, put(one+".jar", []byte("jar")), 201)
	expect(t, s, put(home+"maven-metadata.xml", versionsXML("org.acme", "widget", "1.0")), 201)
	long := strings.Repeat("a/", 130)
	for _, path := range []string{
		"org/acme/../acme/widget/1.0/widget-1.0.jar", "org/acme/%2e%2e/acme/widget/1.0/widget-1.0.jar", "org/acme/widget/1.0/%2e%2e/1.0/widget-1.0.jar",
		"org//acme/widget/1.0/widget-1.0.jar", "org/acme/widget/1.0//widget-1.0.jar", "/org/acme/widget/1.0/widget-1.0.jar", "org/acme/widget/1.0/widget-1.0.jar/",
		"org/acme;x=1/widget/1.0/widget-1.0.jar", "org/acme/widget/1.0/widget-1.0.jar;x=1", "org/acme/widget/1.0;a/widget-1.0;a.jar",
		`org\acme\widget\1.0\widget-1.0.jar`, "org%5cacme/widget/1.0/widget-1.0.jar", "org%2facme/widget/1.0/widget-1.0.jar", "org/acme%2Fwidget/1.0/widget-1.0.jar",
		"org/acme/widget/1.0/widget-1.0%00.jar", "org/acme/widget/1.0/widget-1.0.jar%0d%0aX:y", "org/%61cme%00/widget/1.0/widget-1.0.jar",
		"org.acme/widget/1.0/widget-1.0.jar", "org/acme/widget/-SNAPSHOT/widget--20260102.030405-1.jar",
		long + "widget/1.0/widget-1.0.jar", long + "widget/maven-metadata.xml", "org/acme/" + strings.Repeat("w", 300) + "/1.0/w-1.0.jar",
		"org/acme/widget/" + strings.Repeat("1", 300) + "/widget-" + strings.Repeat("1", 300) + ".jar", "org/acme/widget/1.0/widget-1.0" + strings.Repeat("x", 60_000) + ".jar",
		"%ef%bc%8e%ef%bc%8e/acme/widget/1.0/widget-1.0.jar", "org/acme/wid%e2%80%8bget/1.0/widget-1.0.jar",
	} {
		for _, c := range []formatstest.Call{{Path: path}, put(path, []byte("x")), {Method: "DELETE", Path: path}} {
			a := s.Do(c)
			if a.Status < 400 || a.Status >= 500 {
				t.Errorf("%s %.80s: %d %.80s", c.Method, path, a.Status, a.Body)
			}
			if c.Method == "" && a.Status != 404 && a.Status != 400 {
				t.Errorf("GET %.80s: %d", path, a.Status)
			}
		}
	}
	if n := s.BlobCount(); n != 1 {
		t.Errorf("%d blobs", n)
	}
	get(t, s, "org/%61cme/widget/1.0/widget-1%2e0.jar", 200, "jar")
}

func TestAHostileUpstreamCostsLittle(t *testing.T) {
	for name, body := range map[string]string{
		"endless versions": "<metadata><versioning><versions>" + strings.Repeat("<version>1</version>", 1<<15),
		"deep":             strings.Repeat("<metadata>", 1<<15),
		"a document type":  `<!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><metadata><versioning><versions><version>&b;</version></versions></versioning></metadata>`,
		"a page":           "<!doctype html><title>Log in</title><p>Welcome",
		"cut off":          "<metadata><versioning><versions><version>1.0</version>",
		"nothing":          "",
	} {
		s := newServer(t)
		s.Upstream.Serve(far+"maven-metadata.xml", formatstest.Resource{Body: []byte(body), Type: "text/xml"})
		if a := s.Do(formatstest.Call{Path: far[1:] + "maven-metadata.xml"}); a.Status != 502 {
			t.Errorf("%s: %d %.100s", name, a.Status, a.Body)
		}
		// A file whose place is known is had all the same.
		offer(s.Upstream, "1.0", ".jar")
		get(t, s, far[1:]+"1.0/lib-1.0.jar", 200)
	}
	s := newServer(t)
	s.Upstream.Serve(far+"maven-metadata.xml", formatstest.Resource{Body: versionsXML("org.far", "lib",
		"1.0", "../../etc", "1.0/x", "a b", "${v}", "&lt;x&gt;", strings.Repeat("9", 300), "", "1.0-20260102.030405-1")})
	if got := listed(get(t, s, far[1:]+"maven-metadata.xml", 200)); len(got) != 1 || got[0] != "1.0" {
		t.Errorf("listed: %q", got)
	}
}

func TestAnUnlistedVersionIsServedAndNotNamed(t *testing.T) {
	s := newServer(t)
	for _, v := range []string{"1.0", "2.0"} {
		expect(t, s, put(home+v+"/widget-"+v+".jar", []byte("jar "+v)), 201)
		expect(t, s, put(home+"maven-metadata.xml", versionsXML("org.acme", "widget", v)), 201)
	}
	before := get(t, s, home+"maven-metadata.xml.sha1", 200)
	err := s.Metadata.Update(t.Context(), func(tx registry.Tx) error {
		id := registry.VersionID{Package: widget, Version: "2.0"}
		v, err := tx.Version(formatstest.RepoID("main"), id)
		if err != nil {
			return err
		}
		p, err := tx.Package(formatstest.RepoID("main"), widget)
		if err != nil {
			return err
		}
		v.Status = registry.Unlisted
		if err := tx.PutVersion(formatstest.RepoID("main"), widget, v); err != nil {
			return err
		}
		return tx.PutPackage(formatstest.RepoID("main"), p)
	})
	if err != nil {
		t.Fatal(err)
	}
	a := get(t, s, home+"maven-metadata.xml", 200, "<latest>1.0</latest>", "<release>1.0</release>")
	if got := listed(a); len(got) != 1 {
		t.Errorf("listed: %q", got)
	}
	after := get(t, s, home+"maven-metadata.xml.sha1", 200, hexSHA1(a.Body))
	if string(before.Body) == string(after.Body) {
		t.Error("the checksum is still that of the metadata before")
	}
	get(t, s, home+"2.0/widget-2.0.jar", 200, "jar 2.0")
}

func TestChecksumsThatWaitAreCounted(t *testing.T) {
	s := newServer(t)
	for i := range 500 {
		expect(t, s, put(fmt.Sprintf("%s-%d.jar.sha1", one, i), []byte(hexSHA1(nil))), 201)
		if t.Failed() {
			return
		}
	}
	expect(t, s, put(one+"-more.jar.sha1", []byte(hexSHA1(nil))), 402)
	expect(t, s, put(one+"-7.jar.sha1", []byte(hexSHA1([]byte("again")))), 201)
}
