package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"larder/e2e/harness"
)

// nugetUser is a person with nuget.exe under Mono, in a folder of their own.
func nugetUser(t *testing.T) *user {
	t.Helper()
	mono, err := exec.LookPath("mono")
	if err != nil {
		harness.Absent(t, "mono")
	}
	exe := filepath.Join(harness.Tools(t), "nuget", "node_modules", "nuget-exe", "nuget-5.8.0.exe")
	if _, err := os.Stat(exe); err != nil {
		harness.Absent(t, "nuget.exe")
	}
	u := &user{home: t.TempDir(), dir: t.TempDir(), program: []string{mono, exe}}
	bin := t.TempDir()
	wrapper := "#!/bin/sh\nexec '" + mono + "' '" + exe + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "nuget"), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	u.env = append(proxied(newTrap(t), "127.0.0.1,localhost"), "HOME="+u.home, "TMPDIR="+t.TempDir(), "LANG=C.UTF-8", "PATH="+bin+":/usr/bin:/bin")
	return u
}

// nuget runs nuget.exe, which must do what it is told.
func (u *user) nuget(t *testing.T, args ...string) {
	t.Helper()
	out, err := u.run(t, append(append(u.program[:2:2], args...), "-NonInteractive")...)
	if err != nil {
		t.Fatalf("nuget %q: %v\n%s", args, err, out)
	}
}

// TestNuGetAsksLarderForTokens: nuget.exe starts the plugin that larder login
// nuget --helper made, to publish and to install.
func TestNuGetAsksLarderForTokens(t *testing.T) {
	endToEnd(t)
	u := nugetUser(t)
	s := serve(t, "")
	s.Larder(t, []string{"HOME=" + u.home}, "login", "nuget", "--helper")
	// It looks for plugins in the home folder only where it finds msbuild.
	u.env = append(u.env, "NUGET_NETFX_PLUGIN_PATHS="+filepath.Join(u.home, ".nuget", "plugins", "netfx", "CredentialProvider.Larder", "CredentialProvider.Larder.exe"))
	u.publishNuGet(t)
	u.nuget(t, "install", "Made.Here", "-Source", "local/main", "-OutputDirectory", "out")
	if got := u.read(t, "out/Made.Here.1.0.0/content/data.txt"); got != "data" {
		t.Errorf("installed %q", got)
	}
	noToken(t, u.home)
}

// TestAWSCommandLogsNuGetIn: the cloud's own command makes a source of it.
func TestAWSCommandLogsNuGetIn(t *testing.T) {
	endToEnd(t)
	awsCommand(t)
	u := nugetUser(t)
	s := serve(t, "")
	env := exports(t, s.Larder(t, nil, "env"))
	for range 2 { // makes it, and then renews the token
		u.aws(t, env, "login", "--tool", "nuget", "--domain", "local", "--repository", "main")
	}
	u.publishNuGet(t)
	u.nuget(t, "install", "Made.Here", "-Source", "local/main", "-OutputDirectory", "out")
	if got := u.read(t, "out/Made.Here.1.0.0/content/data.txt"); got != "data" {
		t.Errorf("installed %q", got)
	}
}

// publishNuGet packs a package and pushes it to the source local/main.
func (u *user) publishNuGet(t *testing.T) {
	t.Helper()
	u.write(t, "data.txt", "data")
	u.write(t, "made.nuspec", strings.TrimSpace(`
<?xml version="1.0"?>
<package>
  <metadata><id>Made.Here</id><version>1.0.0</version><authors>somebody</authors><description>Made for a test</description></metadata>
  <files><file src="data.txt" target="content" /></files>
</package>`))
	u.nuget(t, "pack", "made.nuspec")
	u.nuget(t, "push", "Made.Here.1.0.0.nupkg", "-Source", "local/main")
}
