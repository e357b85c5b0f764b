package maven_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larder/formats/formatstest"
	"larder/formats/maven"
	"larder/registry"
)

const far = "/org/far/lib/"

func offer(u *formatstest.Upstream, version string, files ...string) {
	for _, f := range files {
		body := []byte("far " + version + f)
		if f == ".pom" {
			body = pomXML("org.far", "lib", version, "<description>far</description>")
		}
		path := far + version + "/lib-" + version + f
		u.Serve(path, formatstest.Resource{Body: body, Type: "application/octet-stream"})
		u.ServeText(path+".sha1", hexSHA1(body)+"  lib-"+version+f)
	}
}

func TestVersionsAreMergedInMavensOrder(t *testing.T) {
	s := newServer(t)
	s.Upstream.Serve(far+"maven-metadata.xml", formatstest.Resource{Body: versionsXML("org.far", "lib", "1.10", "1.9", "2.0-rc1", "1.9", "3-SNAPSHOT", "bad/one")})
	offer(s.Upstream, "1.9", ".pom", ".jar")
	a := get(t, s, far[1:]+"maven-metadata.xml", 200, "<lastUpdated>20260102030405</lastUpdated>")
	if diff := cmp.Diff([]string{"1.9", "1.10", "2.0-rc1"}, listed(a)); diff != "" {
		t.Error(diff)
	}
	// The jar before the POM: what the POM says is kept all the same.
	get(t, s, far[1:]+"1.9/lib-1.9.jar.sha1", 200, hexSHA1([]byte("far 1.9.jar")))
	get(t, s, far[1:]+"1.9/lib-1.9.pom", 200)
	view, err := s.Repo("main").Held(t.Context(), registry.PackageID{Format: registry.Maven, Namespace: "org.far", Name: "lib"})
	if err != nil {
		t.Fatal(err)
	}
	if got := maven.Format(maven.Options{}).Rules.Describe(view.Versions[0].Manifest).Summary; got != "far" {
		t.Errorf("the description is %q", got)
	}
}

func TestAVersionThatNoMetadataNamesIsFoundByItsPath(t *testing.T) {
	s := newServer(t)
	offer(s.Upstream, "1.0", ".jar")
	get(t, s, far[1:]+"1.0/lib-1.0.jar", 200, "far 1.0.jar")
	get(t, s, far[1:]+"1.0/lib-1.0-sources.jar", 404)
	if diff := cmp.Diff([]string{"1.0"}, listed(get(t, s, far[1:]+"maven-metadata.xml", 200))); diff != "" {
		t.Error(diff)
	}
}

func TestSnapshotsAreNotTakenFromOutside(t *testing.T) {
	s := newServer(t)
	s.Upstream.ServeText(far+"1.0-SNAPSHOT/lib-1.0-20260102.030405-1.jar", "x")
	get(t, s, far[1:]+"1.0-SNAPSHOT/lib-1.0-20260102.030405-1.jar", 404)
	if n := s.Upstream.Count(far + "1.0-SNAPSHOT/lib-1.0-20260102.030405-1.jar"); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

func TestEveryKindOfUpstreamChecksumIsVerified(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 100_000)
	sums := newServer(t)
	expect(t, sums, put(one+".jar", body), 201)
	expect(t, sums, put(home+"maven-metadata.xml", versionsXML("org.acme", "widget", "1.0")), 201)
	for _, algorithm := range []string{"sha1", "sha256", "sha512", "md5"} {
		good := string(get(t, sums, one+".jar."+algorithm, 200).Body)
		for _, c := range []struct {
			text string
			want int
		}{
			{good, 200},
			{strings.ToUpper(good) + " *lib-1.0.jar\n", 200},
			{"SHA(lib-1.0.jar)= " + good, 200},
			{strings.Repeat("0", len(good)), 502},
			{"<html>log in</html>", 502},
			{"", 502},
		} {
			s := newServer(t)
			s.Upstream.Serve(far+"1.0/lib-1.0.jar", formatstest.Resource{Body: body, Type: "application/java-archive"})
			s.Upstream.Serve(far+"1.0/lib-1.0.jar."+algorithm, formatstest.Resource{Body: []byte(c.text), Type: "text/plain"})
			a := s.Do(formatstest.Call{Path: far[1:] + "1.0/lib-1.0.jar"})
			whole := a.Status == 200 && a.Err == nil && len(a.Body) == len(body)
			if whole != (c.want == 200) {
				t.Errorf("%s %.20q: got %d with %d bytes", algorithm, c.text, a.Status, len(a.Body))
			}
			if n := s.BlobCount(); (n == 1) != (c.want == 200) {
				t.Errorf("%s %.20q: %d blobs", algorithm, c.text, n)
			}
		}
	}
}

func TestPlusAndManySegmentsTravelUpstream(t *testing.T) {
	s := newServer(t)
	s.Upstream.ServeText("/a/b/c/d/e/f/lib/1.0+build.7/lib-1.0+build.7.jar", "plus")
	get(t, s, "a/b/c/d/e/f/lib/1.0+build.7/lib-1.0+build.7.jar", 200, "plus")
	get(t, s, "a/b/c/d/e/f/lib/1.0%2Bbuild.7/lib-1.0%2bbuild.7.jar", 200, "plus")
	get(t, s, "a/b/c/lib/1.0%20x/lib-1.0%20x.jar", 404)
}

func TestAVersionsFilesComeFromOneSource(t *testing.T) {
	s := newServer(t)
	s.Connect(formatstest.Connection, formatstest.Second)
	serve := func(u *formatstest.Upstream, file, body string) {
		u.ServeText(far+file, body)
		u.ServeText(far+file+".sha1", hexSHA1([]byte(body)))
	}
	serve(s.Upstream, "1.0/lib-1.0.jar", "of the first")
	serve(s.Second, "1.0/lib-1.0.jar", "of the second")
	serve(s.Second, "1.0/lib-1.0-sources.jar", "of the second")
	get(t, s, far[1:]+"1.0/lib-1.0.jar", 200, "of the first")
	get(t, s, far[1:]+"1.0/lib-1.0-sources.jar", 404)
	if n := s.Second.Count(far + "1.0/lib-1.0-sources.jar"); n != 0 {
		t.Errorf("the second source was asked %d times for a file of the first one's version", n)
	}
	// A version that only the second one has comes from there, whole.
	serve(s.Second, "2.0/lib-2.0.pom", "<project/>")
	serve(s.Second, "2.0/lib-2.0.jar", "of the second")
	serve(s.Upstream, "2.0/lib-2.0-sources.jar", "of the first")
	get(t, s, far[1:]+"2.0/lib-2.0.jar", 200, "of the second")
	get(t, s, far[1:]+"2.0/lib-2.0.pom", 200)
	get(t, s, far[1:]+"2.0/lib-2.0-sources.jar", 404)
	// So it stays when a listing names it elsewhere.
	s.Upstream.Serve(far+"maven-metadata.xml", formatstest.Resource{Body: versionsXML("org.far", "lib", "1.0", "2.0")})
	serve(s.Upstream, "2.0/lib-2.0-javadoc.jar", "of the first")
	get(t, s, far[1:]+"2.0/lib-2.0-javadoc.jar", 404)
}

func TestEveryConnectionsVersionsAreListed(t *testing.T) {
	s := newServer(t)
	s.Connect(formatstest.Second, formatstest.Connection)
	s.Upstream.Serve(far+"maven-metadata.xml", formatstest.Resource{Body: versionsXML("org.far", "lib", "1.9", "1.10")})
	s.Second.Serve(far+"maven-metadata.xml", formatstest.Resource{Body: versionsXML("org.far", "lib", "2-alpha", "1.9")})
	if diff := cmp.Diff([]string{"1.9", "1.10", "2-alpha"}, listed(get(t, s, far[1:]+"maven-metadata.xml", 200))); diff != "" {
		t.Error(diff)
	}
	// One that fails does not hide the other's.
	s.Second.Down()
	fresh := newServer(t)
	fresh.Connect(formatstest.Second, formatstest.Connection)
	fresh.Second.Down()
	fresh.Upstream.Serve(far+"maven-metadata.xml", formatstest.Resource{Body: versionsXML("org.far", "lib", "1.9")})
	get(t, fresh, far[1:]+"maven-metadata.xml", 200, "<version>1.9</version>")
}

func TestWhatUpstreamsHeaderSaysOfAFileIsVerified(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 100_000)
	good, bad := hexSHA1(body), hexSHA1([]byte("y"))
	for name, c := range map[string]struct {
		header, value string
		page          bool // described as HTML
		want          bool
	}{
		"a SHA-1":                       {"X-Checksum-Sha1", good, false, true},
		"another SHA-1":                 {"X-Checksum-Sha1", bad, false, false},
		"another SHA-256":               {"X-Checksum-Sha256", strings.Repeat("0", 64), false, false},
		"another SHA-512":               {"X-Checksum-Sha512", strings.Repeat("0", 128), false, false},
		"another MD5":                   {"X-Checksum-MD5", strings.Repeat("0", 32), false, false},
		"of a bucket, another":          {"X-Goog-Meta-Checksum-Sha1", bad, false, false},
		"an ETag with a SHA-1":          {"ETag", `"{SHA1{` + good + `}}"`, false, true},
		"an ETag with another SHA-1":    {"ETag", `"{SHA1{` + bad + `}}"`, false, false},
		"an ETag that says nothing":     {"ETag", `"` + bad + `"`, false, true},
		"a field that cannot be read":   {"X-Checksum-Sha1", "none", false, true},
		"a page with nothing said":      {"X-None", "", true, false},
		"a file that is called a page":  {"X-Checksum-Sha1", good, true, true},
		"a page in the place of a file": {"X-Checksum-Sha1", bad, true, false},
	} {
		s := newServer(t)
		s.Upstream.Serve(far+"1.0/lib-1.0.jar", formatstest.Resource{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/java-archive")
			if c.page {
				w.Header().Set("Content-Type", "text/html")
			}
			w.Header().Set(c.header, c.value)
			w.Write(body)
		})})
		a := s.Do(formatstest.Call{Path: far[1:] + "1.0/lib-1.0.jar"})
		if whole := a.Status == 200 && a.Err == nil && len(a.Body) == len(body); whole != c.want {
			t.Errorf("%s: %d with %d bytes", name, a.Status, len(a.Body))
		}
		if n := s.BlobCount(); (n == 1) != c.want {
			t.Errorf("%s: %d blobs", name, n)
		}
	}
}

func TestAVersionIsAsOldAsItsFile(t *testing.T) {
	s := newServer(t)
	day := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	for version, modified := range map[string]time.Time{"1.0": day, "2.0": time.Now().Add(48 * time.Hour), "3.0": {}} {
		s.Upstream.Serve(far+version+"/lib-"+version+".jar", formatstest.Resource{Body: []byte(version), Type: "application/java-archive", Modified: modified})
		get(t, s, far[1:]+version+"/lib-"+version+".jar", 200)
	}
	view, err := s.Repo("main").Held(t.Context(), registry.PackageID{Format: registry.Maven, Namespace: "org.far", Name: "lib"})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range view.Versions {
		want := time.Time{}
		if v.Version.Version == "1.0" {
			want = day
		}
		if !v.Released.Equal(want) {
			t.Errorf("%s was released at %v, want %v", v.Version.Version, v.Released, want)
		}
	}
}

// Spec 3.3.
func TestTheUsualFilesOfAVersionComeInBehindTheRequestForOne(t *testing.T) {
	s := formatstest.NewServerAt(t, maven.Format(maven.Options{}), registry.Limits{}, func() time.Time { return time.Now().Add(-time.Minute) })
	s.Connect(formatstest.Connection, formatstest.Second)
	offer(s.Upstream, "1.0", ".pom", ".jar", "-sources.jar", "-tests.jar")
	offer(s.Second, "1.0", "-javadoc.jar")
	importDue := func() {
		t.Helper()
		if _, err := s.Service.ImportDue(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	get(t, s, far[1:]+"1.0/lib-1.0.pom", 200)
	importDue()
	held := func() (names []string) {
		t.Helper()
		view, err := s.Repo("main").Held(t.Context(), registry.PackageID{Format: registry.Maven, Namespace: "org.far", Name: "lib"})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range view.Versions[0].Assets {
			names = append(names, a.Name)
		}
		return names
	}
	if diff := cmp.Diff([]string{"lib-1.0-sources.jar", "lib-1.0.jar", "lib-1.0.pom"}, held()); diff != "" {
		t.Error(diff)
	}
	// Other names come on demand, and guess nothing again.
	asked := s.Upstream.Count(far + "1.0/lib-1.0-javadoc.jar")
	get(t, s, far[1:]+"1.0/lib-1.0-tests.jar", 200)
	importDue()
	if now := s.Upstream.Count(far + "1.0/lib-1.0-javadoc.jar"); asked != 1 || now != asked {
		t.Errorf("asked %d and then %d times for what is not there", asked, now)
	}
	if n := s.Second.Count(far + "1.0/lib-1.0-javadoc.jar"); n != 0 {
		t.Errorf("another source was asked %d times", n)
	}
	s.Upstream.Down()
	get(t, s, far[1:]+"1.0/lib-1.0.jar", 200, "far 1.0.jar")
	get(t, s, far[1:]+"1.0/lib-1.0-sources.jar.sha1", 200)
}

func TestNoUsualFilesOfSnapshotsAreGuessed(t *testing.T) {
	guess := maven.Format(maven.Options{}).Rules.(registry.Guesser).Guess
	p := registry.PackageID{Format: registry.Maven, Namespace: "org.far", Name: "lib"}
	for _, version := range []string{"1.0-SNAPSHOT", "1.0-20260102.030405-1"} {
		if got := guess(registry.VersionID{Package: p, Version: version}); got != nil {
			t.Errorf("%s: %v", version, got)
		}
	}
}
