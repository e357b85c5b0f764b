package maven_test

import (
	"fmt"
	"strings"
	"testing"

	"larder/formats/formatstest"
	"larder/registry"
)

const folder = home + "1.0-SNAPSHOT/"

func buildXML(stamp string, number int, kinds ...string) []byte {
	value := fmt.Sprintf("1.0-%s-%d", stamp, number)
	var versions strings.Builder
	for _, k := range kinds {
		fmt.Fprintf(&versions, "<snapshotVersion><extension>%s</extension><value>%s</value><updated>20260102030405</updated></snapshotVersion>", k, value)
	}
	return fmt.Appendf(nil, `<metadata modelVersion="1.1.0"><groupId>org.acme</groupId><artifactId>widget</artifactId><version>1.0-SNAPSHOT</version>
<versioning><snapshot><timestamp>%s</timestamp><buildNumber>%d</buildNumber></snapshot><snapshotVersions>%s</snapshotVersions></versioning></metadata>`, stamp, number, versions.String())
}

func deployBuild(t *testing.T, s *formatstest.Server, stamp string, number int, files ...string) {
	t.Helper()
	name := fmt.Sprintf("widget-1.0-%s-%d", stamp, number)
	for _, f := range files {
		expect(t, s, put(folder+name+f, []byte(name+f)), 201)
	}
	expect(t, s, put(folder+"maven-metadata.xml", buildXML(stamp, number, "jar")), 201)
	expect(t, s, put(home+"maven-metadata.xml", versionsXML("org.acme", "widget", "1.0-SNAPSHOT")), 201)
}

func TestASnapshotIsItsBuildsAndAVersionOfItsOwn(t *testing.T) {
	s := newServer(t)
	deployBuild(t, s, "20260102.030405", 1, ".jar", "-sources.jar")
	deployBuild(t, s, "20260103.000000", 2, ".jar")
	for version, want := range map[string]registry.Status{
		"1.0-SNAPSHOT": registry.Published, "1.0-20260102.030405-1": registry.Unlisted, "1.0-20260103.000000-2": registry.Unlisted,
	} {
		if got := state(t, s, version).Status; got != want {
			t.Errorf("%s is %s, want %s", version, got, want)
		}
	}
	if got := state(t, s, "1.0-SNAPSHOT").Assets; len(got) != 1 || got[0].Name != "widget-1.0-20260103.000000-2.jar" {
		t.Errorf("assets of the snapshot: %v", got)
	}
	get(t, s, home+"maven-metadata.xml", 200, "<version>1.0-SNAPSHOT</version>", "<latest>1.0-SNAPSHOT</latest>")
	a := get(t, s, folder+"maven-metadata.xml", 200, "<timestamp>20260103.000000</timestamp>", "<buildNumber>2</buildNumber>",
		"<value>1.0-20260103.000000-2</value>", "<classifier>sources</classifier>", "<value>1.0-20260102.030405-1</value>", "<lastUpdated>20260103000000</lastUpdated>")
	if n := strings.Count(string(a.Body), "<snapshotVersion>"); n != 2 {
		t.Errorf("%d files in %s", n, a.Body)
	}
	get(t, s, folder+"widget-1.0-20260102.030405-1.jar", 200, "widget-1.0-20260102.030405-1.jar")
	get(t, s, home+"1.0-20260102.030405-1/widget-1.0-20260102.030405-1.jar", 200)
	a = get(t, s, folder+"widget-1.0-SNAPSHOT.jar", 302)
	if got := a.Header.Get("Location"); got != s.Base("main")+folder+"widget-1.0-20260103.000000-2.jar" {
		t.Errorf("the newest build is %s", got)
	}
	a = get(t, s, folder+"widget-1.0-SNAPSHOT-sources.jar.sha1", 302)
	if got := a.Header.Get("Location"); got != s.Base("main")+folder+"widget-1.0-20260102.030405-1-sources.jar.sha1" {
		t.Errorf("the newest sources are %s", got)
	}
}

func TestAnOlderBuildsMetadataThatComesLaterUndoesNothing(t *testing.T) {
	s := newServer(t)
	older, newer := "20260102.030405", "20260102.030406"
	expect(t, s, put(folder+"widget-1.0-"+older+"-1.jar", []byte("older")), 201)
	expect(t, s, put(folder+"widget-1.0-"+newer+"-2.jar", []byte("newer")), 201)
	get(t, s, folder+"maven-metadata.xml", 404)
	expect(t, s, put(folder+"maven-metadata.xml", buildXML(newer, 2, "jar")), 201)
	expect(t, s, put(folder+"maven-metadata.xml", buildXML(older, 1, "jar")), 201)
	get(t, s, folder+"maven-metadata.xml", 200, "<timestamp>"+newer+"</timestamp>")
	if got := state(t, s, "1.0-SNAPSHOT").Assets; len(got) != 1 || got[0].Name != "widget-1.0-"+newer+"-2.jar" {
		t.Errorf("assets of the snapshot: %v", got)
	}
	if got := state(t, s, "1.0-"+older+"-1").Status; got != registry.Unlisted {
		t.Errorf("the older build is %s", got)
	}
}

func TestTheNewestBuildOfTheChainWins(t *testing.T) {
	s := newServer(t)
	deployBuild(t, s, "20260102.030405", 1, ".jar")
	for _, c := range []formatstest.Call{
		put(folder+"widget-1.0-20260104.000000-7.jar", []byte("upstream")),
		put(folder+"maven-metadata.xml", buildXML("20260104.000000", 7, "jar")),
	} {
		c.Repo = "store"
		expect(t, s, c, 201)
	}
	// What was published in main does not look upstream unless it is told to.
	get(t, s, folder+"maven-metadata.xml", 200, "20260102.030405")
	both := registry.Restrictions{Publish: registry.Allow, Upstream: registry.Allow}
	err := s.Metadata.Update(t.Context(), func(tx registry.Tx) error {
		p, err := tx.Package(formatstest.RepoID("main"), widget)
		if err != nil {
			return err
		}
		p.Restrictions = both
		return tx.PutPackage(formatstest.RepoID("main"), p)
	})
	if err != nil {
		t.Fatal(err)
	}
	get(t, s, folder+"maven-metadata.xml", 200, "<timestamp>20260104.000000</timestamp>")
	get(t, s, folder+"widget-1.0-20260104.000000-7.jar", 200, "upstream")
}
