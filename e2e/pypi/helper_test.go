package pypi

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"larder/e2e/harness"
	"larder/formats/formatstest"
)

// helped is a user of a tool that gets its tokens from larder.
func helped(t *testing.T, s *server, tool string) *user {
	t.Helper()
	u := newUser(t, s, "main")
	// A person's PATH has the folder for programs of their own, and no keyring
	// of Python's.
	path := filepath.Join(u.home, ".local", "bin") + string(os.PathListSeparator)
	for i, v := range u.env {
		if rest, ok := strings.CutPrefix(v, "PATH="); ok {
			path += rest
			u.env[i] = "PATH=" + path
		}
	}
	u.env = append(u.env, "POETRY_KEYRING_ENABLED=true")
	u.noToken(t)
	s.Larder(t, []string{"HOME=" + u.home, "PATH=" + path}, "login", tool, "--helper")
	return u
}

// noToken looks for authorization tokens in all files of the user.
func (u *user) noToken(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(u.home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && aToken.Match(text) {
			t.Errorf("%s holds a token", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestInstallersAskLarderForTokens: pip and uv run the program keyring.
func TestInstallersAskLarderForTokens(t *testing.T) {
	for _, i := range installers {
		if i.name == "pip22" {
			continue // knows no such program
		}
		t.Run(i.name, func(t *testing.T) {
			harness.EndToEnd(t)
			t.Parallel()
			i.command(t, "")
			up := formatstest.NewUpstream(t)
			offerProject(t, up)
			s := serve(t, up.URL+"/simple/")
			u := helped(t, s, i.login)
			if got := i.install(t, u, "web.app[fast]", "sourced"); got != installed {
				t.Errorf("got %s, want %s", got, installed)
			}
			u.noToken(t)
		})
	}
}

// TestPublishersAskLarderForTokens: uv and PDM run the program keyring, twine
// and Poetry import Python's, which asks larder through a backend.
func TestPublishersAskLarderForTokens(t *testing.T) {
	for _, p := range publishers {
		if p.name == "flit" {
			continue // has a password in its own settings, or asks a person
		}
		t.Run(p.name, func(t *testing.T) {
			harness.EndToEnd(t)
			t.Parallel()
			client := program(t, p.name, p.client)
			up := formatstest.NewUpstream(t)
			offerProject(t, up)
			s := serve(t, up.URL+"/simple/")
			u := helped(t, s, p.login)
			if p.project != "" {
				u.write(t, "pyproject.toml", p.project+"requires-python = \">=3.11,<3.13\"\ndependencies = [\"web.app[fast]>=2\", \"sourced\"]\n[tool.pdm]\ndistribution = false\n[tool.poetry]\npackage-mode = false\n")
			}
			command := func(words ...string) []string {
				out := []string{client}
				for _, w := range words {
					out = append(out, strings.ReplaceAll(w, "$URL", s.Repository("pypi", "main")))
				}
				return out
			}
			built := wheel("mine", "1.0", 0)
			u.write(t, "dist/"+built.file, string(built.content))
			switch p.name {
			case "uv":
				u.run(t, command("publish", "--index", "larder", "--username", "aws", "dist/*")...)
			case "poetry":
				u.run(t, command("source", "add", "--priority=primary", "local-main", "$URLsimple/")...)
				u.run(t, command("lock")...)
				u.run(t, command("install")...)
				u.write(t, "pyproject.toml", p.project)
				u.run(t, command(p.setup...)...)
				u.run(t, command(p.command...)...)
			case "pdm":
				for _, step := range []string{"venv create", "lock", "sync"} {
					u.run(t, command(strings.Fields(step)...)...)
				}
				u.run(t, command(p.command...)...)
			default:
				u.run(t, command(p.command...)...)
			}
			if p.name == "poetry" || p.name == "pdm" {
				if got := strings.TrimSpace(u.run(t, filepath.Join(u.dir, ".venv", "bin", "python"), "-c", say)); got != installed {
					t.Errorf("got %s, want %s", got, installed)
				}
			}
			u.noToken(t)
			if out := s.Larder(t, nil, "package", "versions", "pypi/mine"); !strings.Contains(out, "1.0") {
				t.Errorf("what was published is not there: %s", out)
			}
		})
	}
}

// aToken is what a token looks like: three parts, the first a JSON object.
var aToken = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.`)
