package pypi

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/e2e/harness"
	"larder/formats/formatstest"
)

func (u *user) read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(u.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// publisher is a way to upload what is in dist.
type publisher struct {
	name, client, login string
	project             string // pyproject.toml
	setup               []string
	command             []string // "$URL" is the repository's
	// exists is how it skips a file whose name is taken; nil: it cannot.
	exists []string
}

var publishers = []publisher{
	{name: "twine6", client: "twine", login: "twine", command: []string{"upload", "--non-interactive", "-r", "local-main", "dist/*"}},
	{name: "twine", client: "twine", login: "twine", command: []string{"upload", "--non-interactive", "-r", "local-main", "dist/*"}},
	{name: "uv", client: "uv", login: "uv", command: []string{"publish", "--index", "larder", "dist/*"}, exists: []string{"publish", "--publish-url", "$URL", "--check-url", "$URLsimple/", "dist/*"}},
	{
		name: "poetry", client: "poetry", login: "poetry",
		project: "[project]\nname = \"mine\"\nversion = \"1.0\"\n",
		setup:   []string{"config", "repositories.local-main", "$URL"},
		command: []string{"publish", "--repository", "local-main"},
		exists:  []string{"publish", "--repository", "local-main", "--skip-existing"},
	},
	{
		name: "pdm", client: "pdm", login: "pdm",
		project: "[project]\nname = \"mine\"\nversion = \"1.0\"\n",
		command: []string{"publish", "--no-build", "--repository", "local-main"},
		exists:  []string{"publish", "--no-build", "--repository", "local-main", "--skip-existing"},
	},
	{
		name: "flit", client: "flit", login: "twine",
		project: "[build-system]\nrequires = [\"flit_core\"]\nbuild-backend = \"flit_core.buildapi\"\n[project]\nname = \"mine\"\nversion = \"1.0\"\ndescription = \"x\"\n",
		command: []string{"publish", "--repository", "local-main"},
	},
}

func TestPublishers(t *testing.T) {
	for _, p := range publishers {
		t.Run(p.name, func(t *testing.T) {
			harness.EndToEnd(t)
			t.Parallel()
			client := program(t, p.name, p.client)
			up := formatstest.NewUpstream(t)
			s := serve(t, up.URL+"/simple/")
			u := newUser(t, s, "main", p.login)
			token := strings.TrimSpace(s.Larder(t, nil, "token"))
			u.env = append(u.env, "UV_PUBLISH_USERNAME=aws", "UV_PUBLISH_PASSWORD="+token)
			command := func(words []string) []string {
				out := []string{client}
				for _, w := range words {
					out = append(out, strings.ReplaceAll(w, "$URL", s.Repository("pypi", "main")))
				}
				return out
			}
			if p.project != "" {
				u.write(t, "pyproject.toml", p.project)
			}
			u.write(t, "mine/__init__.py", "\"\"\"Mine.\"\"\"\nversion = '1.0'\n")
			built, source := wheel("mine", "1.0", 0), sdist("mine", "1.0")
			if p.name != "flit" {
				u.write(t, "dist/"+built.file, string(built.content))
				u.write(t, "dist/"+source.file, string(source.content))
			}
			if p.name == "uv" || strings.HasPrefix(p.name, "twine") {
				// They expand the pattern themselves.
				os.RemoveAll(filepath.Join(u.dir, "mine"))
			}
			if p.setup != nil {
				u.run(t, command(p.setup)...)
			}
			u.run(t, command(p.command)...)
			if p.name != "flit" {
				u.run(t, command(p.command)...) // the same files again
			}

			folder := filepath.Join(t.TempDir(), "site")
			back := newUser(t, s, "main", "pip")
			back.run(t, program(t, "pip", "python"), "-m", "pip", "install", "--no-cache-dir", "--target", folder, "mine==1.0")
			if got := strings.TrimSpace(back.run(t, python(t), "-S", "-c", "import sys; sys.path.insert(0, '"+folder+"'); import mine; print(mine.version)")); got != "1.0" {
				t.Errorf("got %s", got)
			}
			if p.name == "flit" {
				return // it always builds anew
			}
			back.run(t, program(t, "pip", "python"), "-m", "pip", "install", "--no-cache-dir", "--no-binary", ":all:", "--target", folder+"2", "mine==1.0")

			// The same names with other bytes are refused, with words that tools skip by.
			u.write(t, "dist/"+built.file, string(wheel("mine", "1.0", 100).content))
			out, err := u.try(t, command(p.command)...)
			if err == nil {
				t.Errorf("other bytes were taken: %s", out)
			}
			if p.exists != nil && p.name != "uv" { // uv refuses by itself: the index has another hash
				u.run(t, command(p.exists)...)
			}
			if p.name == "uv" {
				u.write(t, "dist/"+built.file, string(built.content))
				if out := u.run(t, command(p.exists)...); !strings.Contains(out, "already exists") {
					t.Errorf("uv did not find the files: %s", out)
				}
			}
		})
	}
}
