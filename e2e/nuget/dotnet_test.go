package nuget

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/e2e/harness"
)

// library is a project that dotnet builds without a network: of the framework
// whose reference assemblies its SDK has.
func (c *client) library(t *testing.T, name, version string, items ...string) {
	t.Helper()
	c.write(t, name+"/"+name+".csproj", `<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><TargetFramework>netcoreapp3.1</TargetFramework><Version>`+version+`</Version><Authors>Ada</Authors>
		<IncludeSymbols>true</IncludeSymbols><SymbolPackageFormat>snupkg</SymbolPackageFormat><PackageLicenseExpression>MIT</PackageLicenseExpression></PropertyGroup>
		<ItemGroup>`+strings.Join(items, "")+`</ItemGroup></Project>`)
	c.write(t, name+"/Code.cs", `namespace `+name+` { public class Hello { public static string World() => "`+version+`"; } }`)
}

// login gives dotnet the source, and none but it.
func (s *server) login(t *testing.T, c *client) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(c.home, ".nuget", "NuGet"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.larder(t, c.home, "login", "dotnet")
}

func TestDotnet(t *testing.T) {
	harness.EndToEnd(t)
	g := newGallery(t)
	g.add(t, "Public.Left", release{version: "1.0.0"}, release{version: "1.1.0", framework: "netstandard2.0", dependency: "Public.Right", versions: "[1.0,2.0)"},
		release{version: "1.2.0", unlisted: true}, release{version: "2.0.0-beta.1"}, release{version: "2.0.0-beta.10"})
	g.add(t, "Public.Right", release{version: "1.0.0"}, release{version: "1.5.0"}, release{version: "2.0.0"})
	s := serve(t, g.source())

	c := dotnet(t)
	s.login(t, c)
	c.library(t, "Team.Lib", "1.2.3", `<PackageReference Include="Public.Left" Version="1.1.*"/>`)
	c.run(t, "pack", "Team.Lib", "-o", filepath.Join(c.dir, "out"))
	push := func(args ...string) (string, error) {
		return c.try(t, append([]string{"nuget", "push", "out/Team.Lib.1.2.3.nupkg", "--source", s.source("main"), "--api-key", s.Token}, args...)...)
	}
	out, err := push()
	if err != nil {
		t.Fatalf("push: %v\n%s", err, out)
	}
	contains(t, "push", out, "Your package was pushed")
	if out, err = push(); err == nil {
		t.Errorf("the same version is pushed twice: %s", out)
	}
	if out, err = push("--skip-duplicate"); err != nil {
		t.Errorf("--skip-duplicate: %v\n%s", err, out)
	}
	if status, body := s.get(t, "v3/flatcontainer/team.lib/1.2.3/team.lib.1.2.3.snupkg"); status != 200 || !strings.HasPrefix(body, "PK") {
		t.Errorf("its symbols: %d", status)
	}
	if status, body := s.get(t, "v3/registration4/team.lib/index.json"); status != 200 || !strings.Contains(body, `"targetFramework":".NETCoreApp3.1"`) || !strings.Contains(body, `"licenseExpression":"MIT"`) {
		t.Errorf("%d %s", status, body)
	}

	// Floating versions, prereleases, and versions that are not listed.
	for reference, want := range map[string]string{
		`"Public.Left" Version="1.1.*"`: "public.left/1.1.0", `"Public.Left" Version="2.0.0-beta.*"`: "public.left/2.0.0-beta.10",
		`"Public.Left" Version="[1.2.0]"`: "public.left/1.2.0", `"Public.Right" Version="[1.0,2.0)"`: "public.right/1.0.0", `"Team.Lib" Version="1.*"`: "team.lib/1.2.3",
	} {
		fresh := dotnet(t)
		s.login(t, fresh)
		fresh.library(t, "App", "1.0.0", "<PackageReference Include="+reference+"/>")
		fresh.run(t, "build", "App")
		if _, err := os.Stat(filepath.Join(fresh.home, ".nuget", "packages", want)); err != nil {
			t.Errorf("%s did not give %s", reference, want)
		}
	}
	c.run(t, "nuget", "delete", "Team.Lib", "1.2.3", "--source", s.source("main"), "--api-key", s.Token, "--non-interactive")
	if status, body := s.get(t, "v3/registration4/team.lib/index.json"); status != 200 || !strings.Contains(body, `"listed":false`) {
		t.Errorf("%d %s", status, body)
	}

	// From the cache alone.
	g.down()
	fresh := dotnet(t)
	s.login(t, fresh)
	fresh.library(t, "App", "1.0.0", `<PackageReference Include="Team.Lib" Version="1.2.3"/>`)
	fresh.run(t, "build", "App")
}

// Of dotnet 5.0.200 and later, which is not in the SDK that the tests bring along.
func TestDotnetListsVulnerablePackages(t *testing.T) {
	harness.EndToEnd(t)
	c := dotnet(t)
	if help, _ := c.try(t, "list", "package", "--help"); !strings.Contains(help, "--vulnerable") {
		t.Skip("this dotnet cannot list vulnerable packages: 5.0.200 and later can")
	}
	g := newGallery(t)
	g.add(t, "Vulnerable.Lib", release{version: "1.0.0"})
	s := serve(t, g.source())
	s.login(t, c)
	c.library(t, "App", "1.0.0", `<PackageReference Include="Vulnerable.Lib" Version="1.0.0"/>`)
	c.run(t, "restore", "App")
	contains(t, "list package --vulnerable", c.run(t, "list", "App", "package", "--vulnerable"), "Vulnerable.Lib", "http://advisory.test/1")
}
