package pypi

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"larder/e2e/harness"
	"larder/formats/formatstest"
)

// installer is a way to install requirements into a folder.
type installer struct {
	name, login string
	// metadata says that it asks for metadata files in place of wheels.
	metadata bool
	command  func(t *testing.T, folder string, args ...string) []string
	pre      string // the option that allows preliminary versions
}

func pip(client string, metadata bool) installer {
	return installer{name: client, login: "pip", metadata: metadata, pre: "--pre", command: func(t *testing.T, folder string, args ...string) []string {
		return append([]string{program(t, client, "python"), "-m", "pip", "install", "--no-cache-dir", "--target", folder}, args...)
	}}
}

var installers = []installer{
	pip("pip22", false),
	pip("pip", true),
	{name: "uv", login: "uv", metadata: true, pre: "--prerelease=allow", command: func(t *testing.T, folder string, args ...string) []string {
		return append([]string{program(t, "uv", "uv"), "pip", "install", "--no-cache", "--target", folder}, args...)
	}},
}

// install runs the installer and says what is installed then.
func (i installer) install(t *testing.T, u *user, args ...string) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "site")
	u.run(t, i.command(t, folder, args...)...)
	out := u.run(t, python(t), "-S", "-c", "import sys; sys.path.insert(0, "+fmt.Sprintf("%q", folder)+")"+say)
	return strings.TrimSpace(out)
}

// TestInstallers lets each installer do all that one does with an index.
func TestInstallers(t *testing.T) {
	for _, i := range installers {
		t.Run(i.name, func(t *testing.T) {
			harness.EndToEnd(t)
			t.Parallel()
			i.command(t, "") // skips without waiting for a server
			up := formatstest.NewUpstream(t)
			offerProject(t, up)
			s := serve(t, up.URL+"/simple/")
			person := func() *user { return newUser(t, s, "main", i.login) }
			check := func(what, got, want string) {
				t.Helper()
				if got != want {
					t.Errorf("%s: got %s, want %s", what, got, want)
				}
			}
			check("cold", i.install(t, person(), "web.app[fast]", "sourced"), installed)
			if wheels := fetched(up, ".whl"); wheels != 3 {
				t.Errorf("%d wheels were fetched for the 3 that were installed", wheels)
			}
			if n := fetched(up, ".metadata"); i.metadata != (n > 0) {
				t.Errorf("%d metadata files were fetched", n)
			}
			before := up.Count("")
			check("warm", i.install(t, person(), "web.app[fast]", "sourced"), installed)
			if n := up.Count("") - before; n != 0 {
				t.Errorf("a warm install asked the upstream index %d times", n)
			}
			check("a yanked version that is pinned", i.install(t, person(), "core==1.3"), "core 1.3,web_app None,speed_up None,sourced None,winonly None")
			check("a preliminary version", i.install(t, person(), i.pre, "core"), "core 2.0rc1,web_app None,speed_up None,sourced None,winonly None")
			check("another spelling of a name", i.install(t, person(), "--no-deps", "Web_App"), "core None,web_app 2.0,speed_up None,sourced None,winonly None")

			u := person()
			u.write(t, "requirements.txt", fmt.Sprintf("core==1.2 --hash=sha256:%s\nsourced==1.5 --hash=sha256:%s\n", wheel("core", "1.2", 0).sha256(), sdist("sourced", "1.5").sha256()))
			check("with hashes", i.install(t, u, "--require-hashes", "-r", "requirements.txt"), "core 1.2,web_app None,speed_up None,sourced 1.5,winonly None")
			u.write(t, "requirements.txt", "core==1.2 --hash=sha256:"+strings.Repeat("0", 64)+"\n")
			if out, err := u.try(t, i.command(t, t.TempDir(), "--require-hashes", "-r", "requirements.txt")...); err == nil {
				t.Errorf("another file than the hash says was installed: %s", out)
			}

			// A chain of three repositories, and an upstream that is gone.
			s.Larder(t, nil, "repository", "create", "team", "--upstream", "main")
			s.Larder(t, nil, "repository", "create", "app", "--upstream", "team")
			check("through a chain", i.install(t, newUser(t, s, "app", i.login), "web.app[fast]", "sourced"), installed)
			up.Down()
			check("without the upstream index", i.install(t, newUser(t, s, "app", i.login), "web.app[fast]", "sourced"), installed)
		})
	}
}

// TestProjectTools locks and installs a project with the tools that keep one.
func TestProjectTools(t *testing.T) {
	const project = "[project]\nname = \"consumer\"\nversion = \"1.0\"\nrequires-python = \">=3.11,<3.13\"\ndependencies = [\"web.app[fast]>=2\", \"sourced\"]\n"
	for _, tool := range []struct {
		name, settings, lock string
		steps                [][]string
		frozen               []string
	}{
		{"uv", "[tool.uv]\npackage = false\n", "uv.lock", [][]string{{"lock"}, {"sync", "--frozen"}}, []string{"sync", "--frozen"}},
		{"poetry", "[tool.poetry]\npackage-mode = false\n", "poetry.lock", [][]string{{"source", "add", "--priority=primary", "local-main", "$URL"}, {"lock"}, {"install"}}, []string{"install"}},
		{"pdm", "[tool.pdm]\ndistribution = false\n", "pdm.lock", [][]string{{"venv", "create"}, {"lock"}, {"sync"}}, []string{"sync"}},
	} {
		t.Run(tool.name, func(t *testing.T) {
			harness.EndToEnd(t)
			t.Parallel()
			client := program(t, tool.name, tool.name)
			up := formatstest.NewUpstream(t)
			offerProject(t, up)
			s := serve(t, up.URL+"/simple/")
			u := newUser(t, s, "main", tool.name)
			u.write(t, "pyproject.toml", project+tool.settings)
			for _, step := range tool.steps {
				args := []string{client}
				for _, a := range step {
					args = append(args, strings.ReplaceAll(a, "$URL", s.Repository("pypi", "main")+"simple/"))
				}
				u.run(t, args...)
			}
			if got := strings.TrimSpace(u.run(t, filepath.Join(u.dir, ".venv", "bin", "python"), "-c", say)); got != installed {
				t.Errorf("got %s, want %s", got, installed)
			}

			// Somebody else, by the lock file, without the upstream index.
			up.Down()
			other := newUser(t, s, "main", tool.name)
			for _, file := range []string{"pyproject.toml", tool.lock} {
				other.write(t, file, u.read(t, file))
			}
			if tool.name == "pdm" {
				other.run(t, client, "venv", "create")
			}
			other.run(t, append([]string{client}, tool.frozen...)...)
			if got := strings.TrimSpace(other.run(t, filepath.Join(other.dir, ".venv", "bin", "python"), "-c", say)); got != installed {
				t.Errorf("by the lock file: got %s, want %s", got, installed)
			}
		})
	}
}

// TestLockingFetchesMetadataAndNoWheels: a project of 100 packages is locked
// without one wheel.
func TestLockingFetchesMetadataAndNoWheels(t *testing.T) {
	harness.EndToEnd(t)
	t.Parallel()
	client := program(t, "uv", "uv")
	up := formatstest.NewUpstream(t)
	const packages, ballast = 100, 200_000
	name := func(i int) string { return fmt.Sprintf("part-%d", i) }
	all, metadata := 0, map[string]int{}
	for i := range packages {
		var files []dist
		for _, version := range []string{"1.0", "1.1"} {
			var needs []string
			for _, j := range []int{2*i + 1, 2*i + 2} {
				if j < packages {
					needs = append(needs, "Requires-Dist: "+name(j)+">=1")
				}
			}
			d := wheel(name(i), version, ballast, needs...)
			files = append(files, d)
			all += len(d.content)
			metadata["/files/"+d.file+".metadata"] = len(d.metadata)
		}
		offer(t, up, name(i), files...)
	}
	s := serve(t, up.URL+"/simple/")
	u := newUser(t, s, "main", "uv")
	u.write(t, "pyproject.toml", "[project]\nname = \"consumer\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\ndependencies = [\"part-0\"]\n[tool.uv]\npackage = false\n")
	u.run(t, client, "lock")
	if n := strings.Count(u.read(t, "uv.lock"), "\n[[package]]\n"); n != packages+1 {
		t.Errorf("%d packages are locked", n)
	}
	bytes := 0
	for _, r := range up.Requests("") {
		bytes += metadata[r.Path]
	}
	if n := fetched(up, ".whl"); n != 0 || bytes == 0 || bytes > all/100 {
		t.Errorf("%d wheels and %d bytes of metadata were fetched", n, bytes)
	}
	t.Logf("%d bytes of metadata in place of wheels of %d bytes", bytes, all)
}
