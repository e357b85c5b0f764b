package maven_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"larder/formats/formatstest"
	"larder/formats/maven"
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

func withOptions(t *testing.T, o maven.Options) *formatstest.Server {
	t.Helper()
	return formatstest.NewServer(t, maven.Format(o), registry.Limits{})
}

func TestAsManyBuildsStayAsAreConfigured(t *testing.T) {
	s := withOptions(t, maven.Options{KeepBuilds: 2})
	deployBuild(t, s, "20260102.030405", 1, ".jar", "-sources.jar")
	expect(t, s, put(one+".jar", []byte("a release")), 201)
	expect(t, s, put(home+"maven-metadata.xml", versionsXML("org.acme", "widget", "1.0")), 201)
	// Another snapshot's builds, and one that is on its way, are not counted.
	expect(t, s, put(home+"1.0.1-SNAPSHOT/widget-1.0.1-20260101.000000-1.jar", []byte("another")), 201)
	expect(t, s, put(folder+"widget-1.0-20260101.000000-9.jar", []byte("on its way")), 201)
	deployBuild(t, s, "20260103.000000", 2, ".jar")
	if got := state(t, s, "1.0-20260102.030405-1").Status; got != registry.Unlisted {
		t.Errorf("with two builds, the first one is %q", got)
	}
	deployBuild(t, s, "20260104.000000", 3, ".jar")
	for version, want := range map[string]registry.Status{
		"1.0-20260102.030405-1": "", "1.0-20260103.000000-2": registry.Unlisted, "1.0-20260104.000000-3": registry.Unlisted, "1.0-SNAPSHOT": registry.Published,
		"1.0": registry.Published, "1.0.1-20260101.000000-1": registry.Unfinished, "1.0-20260101.000000-9": registry.Unfinished,
	} {
		if got := state(t, s, version).Status; got != want {
			t.Errorf("%s is %q, want %q", version, got, want)
		}
	}
	get(t, s, folder+"widget-1.0-20260102.030405-1.jar", 404)
	get(t, s, folder+"widget-1.0-20260103.000000-2.jar", 200)
	a := get(t, s, folder+"maven-metadata.xml", 200, "<value>1.0-20260104.000000-3</value>")
	if strings.Contains(string(a.Body), "sources") {
		t.Errorf("files of a build that is gone are named: %s", a.Body)
	}
}

func TestASnapshotComesThroughAConnectionWhereThatIsWanted(t *testing.T) {
	s := withOptions(t, maven.Options{UpstreamSnapshots: true})
	const far = "org/acme/widget/1.0-SNAPSHOT/"
	s.Upstream.Serve("/org/acme/widget/maven-metadata.xml", formatstest.Resource{Body: versionsXML("org.acme", "widget", "0.9", "1.0-SNAPSHOT")})
	s.Upstream.Serve("/"+far+"maven-metadata.xml", formatstest.Resource{Body: buildXML("20260102.030405", 4, "pom", "jar")})
	jar := far + "widget-1.0-20260102.030405-4.jar"
	s.Upstream.ServeText("/"+jar, "upstream's build")
	s.Upstream.ServeText("/"+jar+".sha1", hexSHA1([]byte("upstream's build")))
	get(t, s, home+"maven-metadata.xml", 200, "<version>1.0-SNAPSHOT</version>", "<release>0.9</release>")
	a := get(t, s, far+"maven-metadata.xml", 200, "<timestamp>20260102.030405</timestamp>", "<buildNumber>4</buildNumber>", "<extension>pom</extension>")
	get(t, s, far+"maven-metadata.xml.sha1", 200, hexSHA1(a.Body))
	get(t, s, jar, 200, "upstream's build")
	// It is held as a build is, and not listed as a version.
	if got := state(t, s, "1.0-20260102.030405-4"); got.Status != registry.Unlisted || got.Origin.Connection != formatstest.Connection {
		t.Errorf("the build is %s from %+v", got.Status, got.Origin)
	}
	if got := listed(get(t, s, home+"maven-metadata.xml", 200)); len(got) != 2 {
		t.Errorf("listed: %q", got)
	}
	s.Upstream.Serve("/"+far+"maven-metadata.xml", formatstest.Resource{Body: buildXML("20260105.000000", 5, "jar")})
	// The old answer goes out while the new one is fetched.
	for until := time.Now().Add(30 * time.Second); !strings.Contains(string(a.Body), "<buildNumber>5</buildNumber>") && time.Now().Before(until); {
		a = get(t, s, far+"maven-metadata.xml", 200)
	}
	if !strings.Contains(string(a.Body), "<buildNumber>5</buildNumber>") {
		t.Errorf("the newest build is not known: %s", a.Body)
	}
	// What is not a build of this snapshot does not come in by its metadata.
	s.Upstream.ServeText("/org/acme/other/1.0-SNAPSHOT/maven-metadata.xml", string(buildXML("../../etc", 1, "jar")))
	get(t, s, "org/acme/other/1.0-SNAPSHOT/maven-metadata.xml", 404)
	get(t, s, "org/none/none/1.0-SNAPSHOT/maven-metadata.xml", 404)
	// A package that takes nothing from upstream takes no snapshot either.
	deploy := formatstest.Call{Method: "PUT", Path: "org/own/lib/1/lib-1.jar", Body: []byte("own")}
	expect(t, s, deploy, 201)
	s.Upstream.ServeText("/org/own/lib/2-SNAPSHOT/maven-metadata.xml", strings.ReplaceAll(string(buildXML("20260102.030405", 1, "jar")), "1.0", "2"))
	get(t, s, "org/own/lib/2-SNAPSHOT/maven-metadata.xml", 404)
}

func TestTwoBuildsOfOneSecondAreTwo(t *testing.T) {
	s := newServer(t)
	deployBuild(t, s, "20260102.030405", 1, ".jar")
	expect(t, s, put(folder+"widget-1.0-20260102.030405-1.jar", []byte("another deployer's")), 409)
	deployBuild(t, s, "20260102.030405", 2, ".jar")
	get(t, s, folder+"maven-metadata.xml", 200, "<buildNumber>2</buildNumber>")
}

// A snapshot that retention rules let go takes its builds along, and can be
// deployed again, as a release cannot.
func TestASnapshotGoesByRetentionRulesWithItsBuilds(t *testing.T) {
	s := newServer(t)
	deployBuild(t, s, "20260102.030405", 1, ".jar")
	deployBuild(t, s, "20260103.000000", 2, ".jar")
	for _, file := range []string{"1.0/widget-1.0.jar", "1.1/widget-1.1.jar"} {
		expect(t, s, put(home+file, []byte(file)), 201)
	}
	expect(t, s, put(home+"maven-metadata.xml", versionsXML("org.acme", "widget", "1.0", "1.1")), 201)
	owner := registry.Actor{Account: formatstest.RepoID("main").Domain.Owner, User: formatstest.Owner}
	rules := `{"rules":[{"prerelease":true,"keepNewest":1,"olderThan":"0"},{"keepNewest":1,"olderThan":"0"}]}`
	if _, err := s.Service.PutRetentionRules(t.Context(), owner, formatstest.RepoID("main"), rules, nil); err != nil {
		t.Fatal(err)
	}
	run := func(want string) {
		t.Helper()
		page, err := s.Service.RunRetention(t.Context(), owner, formatstest.RepoID("main"), registry.Page{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		var gone []string
		for _, x := range page.Expired {
			gone = append(gone, x.ID.Version+" "+x.Action)
		}
		if got := strings.Join(gone, ", "); got != want {
			t.Errorf("gone: %s; want %s", got, want)
		}
	}
	run("1.0 dispose")
	const later = home + "1.2-SNAPSHOT/"
	expect(t, s, put(later+"widget-1.2-20260105.000000-1.jar", []byte("later")), 201)
	run("") // what is being published counts for nothing yet
	expect(t, s, put(later+"maven-metadata.xml", []byte(strings.ReplaceAll(string(buildXML("20260105.000000", 1, "jar")), "1.0-", "1.2-"))), 201)
	run("1.0-20260102.030405-1 delete, 1.0-20260103.000000-2 delete, 1.0-SNAPSHOT delete")
	get(t, s, folder+"widget-1.0-20260103.000000-2.jar", 404)
	deployBuild(t, s, "20260106.000000", 3, ".jar")
	get(t, s, folder+"maven-metadata.xml", 200, "<timestamp>20260106.000000</timestamp>")
	expect(t, s, put(home+"1.0/widget-1.0.jar", []byte("again")), 409)
}
