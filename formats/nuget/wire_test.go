package nuget_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"larder/formats/formatstest"
)

// wireServer holds a package, and its upstream another one with what depends on it.
func wireServer(t *testing.T) *formatstest.Server {
	s := newServer(t)
	newGallery(s.Upstream).add("Left", 3)
	offerIndex(s.Upstream, `,{"@id":"{upstream}/v3/vulnerabilities/index.json","@type":"VulnerabilityInfo/6.7.0"}`)
	s.Upstream.ServeText("/v3/vulnerabilities/index.json", `[{"@name":"base","@id":"{upstream}/v3/vulnerabilities/base.json","@updated":"2024-03-05T12:00:00Z"}]`)
	s.Upstream.ServeText("/v3/vulnerabilities/base.json", `{"left":[{"severity":2,"url":"http://advisory.test/1","versions":"(, 1.0.1)"}]}`)
	for _, p := range [][]byte{
		nupkg("Right", "1.0.0"), nupkg("Held.Lib", "1.0.0"),
		archive("Held.Lib.nuspec", nuspec("Held.Lib", "1.1.0-rc.1", `<readme>README.md</readme><packageTypes><packageType name="DotnetTool"/></packageTypes>`), "README.md", "# Held\n"),
	} {
		if a := s.Do(push(p)); a.Status != 201 {
			t.Fatal(a.Status)
		}
	}
	return s
}

// TestWire replays nuget.exe 5.8, dotnet 3.1, and in "documented" what a current
// dotnet asks by the documentation of each resource and by NuGet.Client's sources.
func TestWire(t *testing.T) {
	formatstest.Wire{
		Server: wireServer,
		Env: func(t *testing.T, home, _ string) []string {
			for name, content := range map[string][]byte{
				"Mine.Lib.1.0.0-beta.1.nupkg":  nupkg("Mine.Lib", "1.0.0-beta.1", `<dependencies><dependency id="Left" version="[1.0.1]"/></dependencies>`),
				"Mine.Lib.1.0.0-beta.1.snupkg": snupkg("Mine.Lib", "1.0.0-beta.1", pdb([16]byte{1, 2, 3})),
			} {
				if err := os.WriteFile(filepath.Join(home, name), content, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			return []string{"TMPDIR=" + home}
		},
		AsOwner: true,
		Drop:    []string{"User-Agent", "X-Nuget-Session-Id"},
		Vary:    map[string]*regexp.Regexp{"boundary": regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)},
	}.Run(t)
}
