package nuget

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"larder/e2e/harness"
)

// contains fails unless what a client said has every one of the words.
func contains(t *testing.T, what, said string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(said, word) {
			t.Errorf("%s: %q is not in\n%s", what, word, said)
		}
	}
}

// project is a nuspec with one file in the folder where the client works, to pack.
func (c *client) project(t *testing.T, id, version, more string) string {
	t.Helper()
	c.write(t, "text.txt", id+" "+version)
	return c.write(t, id+"."+version+".nuspec", `<package><metadata><id>`+id+`</id><version>`+version+`</version><authors>Ada</authors><description>Of the team.</description>`+more+`</metadata>
		<files><file src="text.txt" target="content"/></files></package>`)
}

func TestNuGetExe(t *testing.T) {
	harness.EndToEnd(t)
	g := newGallery(t)
	g.add(t, "Public.Left", release{version: "1.0.0"}, release{version: "1.1.0", framework: "net45", dependency: "Public.Right", versions: "[1.0,2.0)"},
		release{version: "1.2.0", unlisted: true}, release{version: "2.0.0-beta.1"})
	var rights []release
	for i := range 200 {
		rights = append(rights, release{version: fmt.Sprintf("1.%d.%d", i/10, i%10)})
	}
	g.add(t, "Public.Right", append(rights, release{version: "2.0.0"})...)
	s := serve(t, g.source())

	// The team publishes.
	c := nugetExe(t)
	s.larder(t, c.home, "login", "nuget")
	contains(t, "sources", c.run(t, "sources", "list"), "local/main", s.source("main"))
	for version, more := range map[string]string{
		"1.0.0":        ``,
		"1.4.0":        `<dependencies><group targetFramework="net45"><dependency id="Public.Left" version="1.0"/></group></dependencies>`,
		"1.5.0-beta.1": ``,
		"2.0.0":        ``,
	} {
		c.run(t, "pack", c.project(t, "Team.Lib", version, more))
		contains(t, "push", c.run(t, "push", "Team.Lib."+version+".nupkg", "-Source", "local/main"), "Your package was pushed")
	}
	out, err := c.try(t, "push", "Team.Lib.1.0.0.nupkg", "-Source", "local/main")
	if err == nil {
		t.Error("the same version is pushed twice")
	}
	contains(t, "push again", out, "409")
	contains(t, "push again", c.run(t, "push", "Team.Lib.1.0.0.nupkg", "-Source", "local/main", "-SkipDuplicate"), "already exists")

	// The key alone, by somebody who has no other credential.
	stranger := nugetExe(t)
	stranger.run(t, "pack", stranger.project(t, "Team.Keyed", "1.0.0", ""))
	if out, err := stranger.try(t, "push", "Team.Keyed.1.0.0.nupkg", "-Source", s.repository("main")+"v3/package", "-ApiKey", "wrong", "-NonInteractive"); err == nil {
		t.Errorf("pushed with a wrong key: %s", out)
	}
	stranger.run(t, "push", "Team.Keyed.1.0.0.nupkg", "-Source", s.repository("main")+"v3/package", "-NoServiceEndpoint", "-ApiKey", s.Token, "-NonInteractive")
	if status, _ := s.get(t, "v3/registration4/team.keyed/index.json"); status != 200 {
		t.Errorf("what was pushed with the key alone: %d", status)
	}

	// Versions and ranges.
	for spec, want := range map[string]string{"Team.Lib": "2.0.0", "Team.Lib -Version 1.0.0": "1.0.0"} {
		c := nugetExe(t)
		s.larder(t, c.home, "login", "nuget")
		c.run(t, append(strings.Fields("install "+spec), "-Source", "local/main", "-OutputDirectory", "out", "-Framework", "net45")...)
		if !c.has("out/Team.Lib." + want + "/content/text.txt") {
			t.Errorf("install %s did not give %s", spec, want)
		}
	}
	c = nugetExe(t)
	s.larder(t, c.home, "login", "nuget")
	c.run(t, "install", "Team.Lib", "-Version", "1.4.0", "-Source", "local/main", "-OutputDirectory", "out", "-Framework", "net45", "-DependencyVersion", "Highest")
	for _, want := range []string{"Team.Lib.1.4.0", "Public.Left.1.1.0", "Public.Right.1.19.9"} {
		if !c.has("out/" + want) {
			files, _ := filepath.Glob(c.dir + "/out/*")
			t.Errorf("%s was not installed, but %v", want, files)
		}
	}
	for version, want := range map[string]string{"1.2.0": "Public.Left.1.2.0", "2.0.0-beta.1": "Public.Left.2.0.0-beta.1"} { // not listed; a prerelease
		c.run(t, "install", "Public.Left", "-Version", version, "-Source", "local/main", "-OutputDirectory", "exact", "-Prerelease")
		if !c.has("exact/" + want) {
			t.Errorf("%s was not installed", want)
		}
	}

	// Search, here and upstream.
	contains(t, "search", c.run(t, "search", "team", "-Source", "local/main"), "Team.Lib | 2.0.0")
	contains(t, "search upstream", c.run(t, "search", "public", "-Source", "local/main", "-PreRelease"), "Public.Left", "Public.Right")
	contains(t, "delete", c.run(t, "delete", "Team.Lib", "2.0.0", "-Source", "local/main", "-NonInteractive"), "was deleted successfully")
	fresh := nugetExe(t)
	s.larder(t, fresh.home, "login", "nuget")
	contains(t, "search after delete", fresh.run(t, "search", "team.lib", "-Source", "local/main"), "Team.Lib | 1.4.0")
	fresh.run(t, "install", "Team.Lib", "-Version", "2.0.0", "-Source", "local/main", "-OutputDirectory", "out")

	// What was fetched stays when the gallery is away.
	g.down()
	fresh = nugetExe(t)
	s.larder(t, fresh.home, "login", "nuget")
	fresh.write(t, "packages.config", `<?xml version="1.0" encoding="utf-8"?><packages><package id="Public.Left" version="1.1.0" targetFramework="net45"/><package id="Public.Right" version="1.19.9" targetFramework="net45"/></packages>`)
	fresh.run(t, "restore", "packages.config", "-PackagesDirectory", "restored")
	if !fresh.has("restored/Public.Left.1.1.0") || !fresh.has("restored/Public.Right.1.19.9") {
		t.Error("not restored")
	}

	// A client without a login is told so, and one of the old protocol where to go.
	out, err = stranger.try(t, "install", "Team.Lib", "-Source", s.source("main"), "-NonInteractive", "-OutputDirectory", "out")
	if err == nil {
		t.Errorf("installed without a credential: %s", out)
	}
	contains(t, "without a credential", out, "401")
	out, err = c.try(t, "search", "team", "-Source", s.repository("main"), "-NonInteractive")
	if err == nil && !strings.Contains(out, "410") {
		t.Errorf("protocol 2: %s", out)
	}
}

// A second Larder that has the first as its upstream, with a credential.
func TestAChainOfLarders(t *testing.T) {
	harness.EndToEnd(t)
	nugetExe(t) // or nothing is to be started
	g := newGallery(t)
	g.add(t, "Public.Left", release{version: "1.0.0"}, release{version: "1.2.0", unlisted: true})
	first := serve(t, g.source())
	second := serve(t, strings.Replace(first.source("main"), "://", "://aws:"+first.Token+"@", 1))

	c := nugetExe(t)
	first.larder(t, c.home, "login", "nuget")
	c.run(t, "pack", c.project(t, "Team.Lib", "1.0.0+build.7", `<dependencies><dependency id="Public.Left" version="[1.0]"/></dependencies>`))
	c.run(t, "push", "Team.Lib.1.0.0.nupkg", "-Source", "local/main")

	c = nugetExe(t)
	second.larder(t, c.home, "login", "nuget")
	c.run(t, "install", "Team.Lib", "-Source", "local/main", "-OutputDirectory", "out")
	for _, want := range []string{"out/Team.Lib.1.0.0/content/text.txt", "out/Public.Left.1.0.0"} {
		if !c.has(want) {
			t.Errorf("%s is not there", want)
		}
	}
	if status, body := second.get(t, "v3/registration4/public.left/index.json"); status != 200 || strings.Contains(body, first.URL) || !strings.Contains(body, `"listed":false`) {
		t.Errorf("%d %s", status, body)
	}
	contains(t, "search", c.run(t, "search", "team", "-Source", "local/main"), "Team.Lib")
}
