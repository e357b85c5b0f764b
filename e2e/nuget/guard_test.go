package nuget

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"larder/e2e/harness"
)

// Floating versions take the newest that is old enough instead of failing.
func TestFloatingVersionsTakeTheNewestAllowedVersion(t *testing.T) {
	harness.EndToEnd(t)
	g := newGallery(t)
	g.add(t, "Public.Left", release{version: "1.0.0"}, release{version: "1.1.0"}, release{version: "1.2.0", young: true},
		release{version: "2.0.0-beta.1"}, release{version: "2.0.0-beta.2", young: true})
	s := serve(t, g.source())
	s.Larder(t, nil, "guard", "cooldown", "3d", "nuget:*")

	for reference, want := range map[string]string{
		"1.*": "1.1.0", "*": "1.1.0", "1.1.*": "1.1.0", "2.0.0-beta.*": "2.0.0-beta.1", "[1.0.0,2.0.0)": "1.0.0",
	} {
		c := dotnet(t)
		s.login(t, c)
		c.library(t, "App", "1.0.0", `<PackageReference Include="Public.Left" Version="`+reference+`"/>`)
		c.run(t, "restore", "App")
		if _, err := os.Stat(filepath.Join(c.home, ".nuget", "packages", "public.left", want)); err != nil {
			t.Errorf("dotnet: %s did not give %s", reference, want)
		}
	}
	// What is exactly named and too new is refused with the reason.
	c := dotnet(t)
	s.login(t, c)
	c.library(t, "App", "1.0.0", `<PackageReference Include="Public.Left" Version="[1.2.0]"/>`)
	if out, err := c.try(t, "restore", "App"); err == nil {
		t.Errorf("dotnet restores a version that is too new: %s", out)
	}

	exe := nugetExe(t)
	s.larder(t, exe.home, "login", "nuget")
	exe.run(t, "install", "Public.Left", "-Source", "local/main", "-OutputDirectory", "out")
	exe.run(t, "install", "Public.Left", "-PreRelease", "-Source", "local/main", "-OutputDirectory", "pre")
	for _, want := range []string{"out/Public.Left.1.1.0", "pre/Public.Left.2.0.0-beta.1"} {
		if !exe.has(want) {
			t.Errorf("nuget.exe did not install %s", want)
		}
	}
	// A rule that only warns is told by the client.
	s.Larder(t, nil, "guard", "block", "nuget:Public.Left", "--versions", "=1.0.0", "--warn", "--reason", "leave it by June")
	if out := exe.run(t, "install", "Public.Left", "-Version", "1.0.0", "-Source", "local/main", "-OutputDirectory", "warned"); !strings.Contains(out, "leave it by June") {
		t.Errorf("nuget.exe says nothing of a warning: %s", out)
	}
	for _, file := range g.requests() {
		if strings.HasSuffix(file, ".nupkg") && (strings.Contains(file, "1.2.0") || strings.Contains(file, "beta.2")) {
			t.Errorf("a version that is too new was fetched: %s", file)
		}
	}
}

// No request for a claimed name reaches the gallery, whichever client asks.
func TestNoRequestForAClaimedNameLeavesTheProcess(t *testing.T) {
	harness.EndToEnd(t)
	g := newGallery(t)
	g.add(t, "Public.Left", release{version: "1.0.0"})
	g.add(t, "Acme.Core", release{version: "9.9.9"}) // somebody else's, who waits for it
	s := serve(t, g.source())
	s.Larder(t, nil, "guard", "claim", "nuget:Acme~")

	for _, path := range []string{
		"v3/registration4/acme.core/index.json", "v3/registration4/acme.core/9.9.9.json", "v3/flatcontainer/acme.core/index.json",
		"v3/flatcontainer/acme.core/9.9.9/acme.core.9.9.9.nupkg", "v3/flatcontainer/acme.core/9.9.9/acme.core.nuspec",
		"v3/query?q=packageid:Acme.Core", "v3/autocomplete?id=Acme.Core",
	} {
		if status, body := s.get(t, path); status == 200 && strings.Contains(body, "9.9.9") {
			t.Errorf("%s gives the public one: %s", path, body)
		}
	}
	c := dotnet(t)
	s.login(t, c)
	c.library(t, "App", "1.0.0", `<PackageReference Include="Acme.Core" Version="*"/>`, `<PackageReference Include="Public.Left" Version="1.0.0"/>`)
	if out, err := c.try(t, "restore", "App"); err == nil {
		t.Errorf("dotnet restored what nobody here has: %s", out)
	}
	exe := nugetExe(t)
	s.larder(t, exe.home, "login", "nuget")
	if out, err := exe.try(t, "install", "Acme.Core", "-Source", "local/main", "-OutputDirectory", "out", "-NonInteractive"); err == nil {
		t.Errorf("nuget.exe installed what nobody here has: %s", out)
	}
	asked := g.requests()
	for _, path := range asked {
		if strings.Contains(strings.ToLower(path), "acme") {
			t.Errorf("the gallery was asked: %s", path)
		}
	}
	if !slices.ContainsFunc(asked, func(path string) bool { return strings.Contains(path, "public.left") }) {
		t.Error("a name that is not claimed was asked for nowhere")
	}
}

// requests are the paths that the gallery was asked for, with their queries.
func (g *gallery) requests() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.asked)
}
