package maven_test

import (
	"bytes"
	"strings"
	"testing"

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
	if got := maven.Format().Rules.Describe(view.Versions[0].Manifest).Summary; got != "far" {
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
