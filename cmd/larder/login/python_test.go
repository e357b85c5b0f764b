package login

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// at is the target with the URL of another format.
func at(format string) Target {
	to := target
	to.Endpoint = "http://127.0.0.1:8484/" + format + "/d/local-000000000000/main/"
	return to
}

// beyond is a target on another machine, by plain http.
func beyond(format string) Target {
	to := target
	to.Endpoint = "http://packages.upstream.test/" + format + "/d/local-000000000000/main/"
	return to
}

// put writes a file below a folder.
func put(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// edited sets a tool up where one file is there already, and compares it.
func edited(t *testing.T, tool Tool, to Target, name, before, want string) {
	t.Helper()
	m := machine(t, nil)
	if before != "" {
		put(t, m.Home, name, before)
	}
	files := apply(t, tool, m, to)
	if diff := cmp.Diff(want, files[name]); diff != "" {
		t.Errorf("%s: %s (-want +got)\n%s", tool.Name, name, diff)
	}
}

const pipIndex = "index-url = http://aws:eyJ.abc-_.sig@127.0.0.1:8484/pypi/d/local-000000000000/main/simple/\n"

func TestPip(t *testing.T) {
	const file = ".config/pip/pip.conf"
	edited(t, pip, at("pypi"), file, "", "[global]\n"+pipIndex)
	edited(t, pip, at("pypi"), file,
		"# mine\n[install]\nuser = yes\n\n[global]\ntimeout = 60\nINDEX_URL: http://old.upstream.test/\n    simple\nretries=3\n",
		"# mine\n[install]\nuser = yes\n\n[global]\ntimeout = 60\n"+pipIndex+"retries=3\n")
	edited(t, pip, beyond("pypi"), file, "[global]\ntrusted-host = a.upstream.test\n",
		"[global]\ntrusted-host =\n    a.upstream.test\n    packages.upstream.test\nindex-url = http://aws:eyJ.abc-_.sig@packages.upstream.test/pypi/d/local-000000000000/main/simple/\n")
}

func TestPipWithNetrcKeepsTheTokenOutOfTheURL(t *testing.T) {
	to := at("pypi")
	to.Netrc = true
	files := apply(t, pip, machine(t, nil), to)
	want := map[string]string{
		".config/pip/pip.conf": "[global]\nindex-url = http://127.0.0.1:8484/pypi/d/local-000000000000/main/simple/\n",
		".netrc":               "machine 127.0.0.1 login aws password eyJ.abc-_.sig\n",
	}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Error(diff)
	}
}

func TestPipSaysWhatOutranksItsSettings(t *testing.T) {
	env := t.TempDir()
	put(t, env, "pip.conf", "[global]\nindex_url = http://a.upstream.test/\n")
	m := machine(t, map[string]string{"PIP_INDEX_URL": "x", "VIRTUAL_ENV": env})
	put(t, m.Home, ".config/pip/pip.conf", "[install]\nindex-url = x\n[global]\nextra-index-url = y\n")
	p, err := pip.Plan(m, at("pypi"))
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range []string{"PIP_INDEX_URL", "[install]", "extra-index-url", env} {
		if len(p.Notes) != 4 || !strings.Contains(p.Notes[i], part) {
			t.Errorf("notes %q lack %s", p.Notes, part)
		}
	}
}

func TestSettingsAreWhereEachSystemHasThem(t *testing.T) {
	home := t.TempDir()
	put(t, home, "Library/Application Support/pip/x", "")
	for _, c := range []struct{ os, tool, got, want string }{
		{"darwin", "pip", pipFile(Machine{Home: home, OS: "darwin", Getenv: noEnv}), "Library/Application Support/pip/pip.conf"},
		{"darwin", "pip, never used", pipFile(Machine{Home: home + "/other", OS: "darwin", Getenv: noEnv}), "other/.config/pip/pip.conf"},
		{"windows", "pip", pipFile(Machine{Home: home, OS: "windows", Getenv: noEnv}), "AppData/Roaming/pip/pip.ini"},
		{"windows", "uv", uvFile(Machine{Home: home, OS: "windows", Getenv: noEnv}), "AppData/Roaming/uv/uv.toml"},
		{"darwin", "uv", uvFile(Machine{Home: home, OS: "darwin", Getenv: noEnv}), ".config/uv/uv.toml"},
		{"darwin", "poetry", poetryDir(Machine{Home: home, OS: "darwin", Getenv: noEnv}), "Library/Application Support/pypoetry"},
		{"windows", "poetry", poetryDir(Machine{Home: home, OS: "windows", Getenv: noEnv}), "AppData/Roaming/pypoetry"},
		{"windows", "pdm", pdmFile(Machine{Home: home, OS: "windows", Getenv: noEnv}), "AppData/Local/pdm/pdm/config.toml"},
		{"darwin", "pdm", pdmFile(Machine{Home: home, OS: "darwin", Getenv: noEnv}), "Library/Application Support/pdm/config.toml"},
		{"windows", "netrc", netrcFile(Machine{Home: home, OS: "windows", Getenv: noEnv}), "_netrc"},
	} {
		got, err := filepath.Rel(home, c.got)
		if err != nil || !strings.HasSuffix(filepath.ToSlash(got), c.want) {
			t.Errorf("%s on %s: %s, want %s", c.tool, c.os, got, c.want)
		}
	}
	asked := Machine{Home: home, OS: "linux", Getenv: func(name string) string { return "/asked/" + name }}
	for _, c := range []struct{ got, want string }{
		{pipFile(asked), "/asked/PIP_CONFIG_FILE"}, {uvFile(asked), "/asked/UV_CONFIG_FILE"}, {poetryDir(asked), "/asked/POETRY_CONFIG_DIR"},
		{pdmFile(asked), "/asked/PDM_CONFIG_FILE"}, {netrcFile(asked), "/asked/NETRC"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

func noEnv(string) string { return "" }

func TestTwine(t *testing.T) {
	const entry = "\n[local-main]\nrepository = http://127.0.0.1:8484/pypi/d/local-000000000000/main/\nusername = aws\npassword = eyJ.abc-_.sig\n"
	edited(t, twine, at("pypi"), ".pypirc", "", "[distutils]\nindex-servers =\n    pypi\n    testpypi\n    local-main\n"+entry)
	const theirs = "[distutils]\nindex-servers =\n    pypi\n    # a comment\n    corp\n\n[pypi]\nusername = __token__\npassword = pypi-secret\n\n[corp]\nrepository: http://corp.upstream.test/\n"
	const merged = "[distutils]\nindex-servers =\n    pypi\n    corp\n    local-main\n\n[pypi]\nusername = __token__\npassword = pypi-secret\n\n[corp]\nrepository: http://corp.upstream.test/\n"
	edited(t, twine, at("pypi"), ".pypirc", theirs, merged+entry)
	edited(t, twine, at("pypi"), ".pypirc", merged+strings.ReplaceAll(entry, "eyJ", "old"), merged+entry)
}

func TestUV(t *testing.T) {
	const file = ".config/uv/uv.toml"
	const entry = `[[index]]
name = "larder"
url = "http://127.0.0.1:8484/pypi/d/local-000000000000/main/simple/"
publish-url = "http://127.0.0.1:8484/pypi/d/local-000000000000/main/"
default = true
`
	edited(t, uv, at("pypi"), file, "", entry)
	edited(t, uv, at("pypi"), file, "# mine\noffline = false\n\n[[index]]\nname = \"corp\"\nurl = \"http://corp.upstream.test/simple\"\n",
		"# mine\noffline = false\n\n[[index]]\nname = \"corp\"\nurl = \"http://corp.upstream.test/simple\"\n\n"+entry)
	edited(t, uv, at("pypi"), file, "[[index]]\nname = \"larder\" # ours\nurl = \"http://old.upstream.test/\"\nauthenticate = \"always\"\n\n[pip]\nstrict = true\n",
		"[[index]]\nname = \"larder\" # ours\nurl = \"http://127.0.0.1:8484/pypi/d/local-000000000000/main/simple/\"\nauthenticate = \"always\"\npublish-url = \"http://127.0.0.1:8484/pypi/d/local-000000000000/main/\"\ndefault = true\n\n[pip]\nstrict = true\n")
}

func TestUVRefusesASecondDefault(t *testing.T) {
	m := machine(t, nil)
	put(t, m.Home, ".config/uv/uv.toml", "[[index]]\nname = \"corp\"\nurl = \"http://corp.upstream.test/simple\"\ndefault = true\n")
	if _, err := uv.Plan(m, at("pypi")); err == nil || !strings.Contains(err.Error(), "another index as the default") {
		t.Errorf("got %v", err)
	}
}

func TestUVSaysWhatOutranksItsSettings(t *testing.T) {
	m := machine(t, map[string]string{"UV_DEFAULT_INDEX": "x"})
	put(t, m.Dir, "pyproject.toml", "[project]\nname = \"x\"\n[[tool.uv.index]]\nurl = \"http://corp.upstream.test/simple\"\n")
	p, err := uv.Plan(m, at("pypi"))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Notes) != 2 || !strings.Contains(p.Notes[0], "UV_DEFAULT_INDEX") || !strings.Contains(p.Notes[1], "pyproject.toml") {
		t.Errorf("notes %q", p.Notes)
	}
}

func TestPoetry(t *testing.T) {
	const entry = "[http-basic.local-main]\nusername = \"aws\"\npassword = \"eyJ.abc-_.sig\"\n"
	edited(t, poetry, at("pypi"), ".config/pypoetry/auth.toml", "", entry)
	edited(t, poetry, at("pypi"), ".config/pypoetry/auth.toml", "[http-basic.corp]\nusername = \"me\"\npassword = \"secret\"\n",
		"[http-basic.corp]\nusername = \"me\"\npassword = \"secret\"\n\n"+entry)
	edited(t, poetry, at("pypi"), ".config/pypoetry/auth.toml", "[http-basic]\n[http-basic.local-main]\nusername = \"me\"\n[pypi-token]\npypi = \"x\"\n",
		"[http-basic]\n"+entry+"[pypi-token]\npypi = \"x\"\n")

	dotted := at("pypi")
	dotted.Repository = "my.repo" // a dot means something in Poetry's names
	edited(t, poetry, dotted, ".config/pypoetry/auth.toml", "", strings.Replace(entry, "local-main", "local-my-repo", 1))
}

func TestPDM(t *testing.T) {
	const ours = `[pypi]
url = "http://127.0.0.1:8484/pypi/d/local-000000000000/main/simple/"
username = "aws"
password = "eyJ.abc-_.sig"
`
	const publish = `
[repository.local-main]
url = "http://127.0.0.1:8484/pypi/d/local-000000000000/main/"
username = "aws"
password = "eyJ.abc-_.sig"
`
	edited(t, pdm, at("pypi"), ".config/pdm/config.toml", "", ours+publish)
	edited(t, pdm, at("pypi"), ".config/pdm/config.toml", "check_update = \"false\"\n\n[pypi]\nverify_ssl = true\nurl = \"x\"\n\n[venv]\nin_project = true\n",
		"check_update = \"false\"\n\n[pypi]\nverify_ssl = true\n"+strings.TrimPrefix(ours, "[pypi]\n")+"\n[venv]\nin_project = true\n"+publish)

	far := apply(t, pdm, machine(t, nil), beyond("pypi"))
	if !strings.Contains(far[".config/pdm/config.toml"], "verify_ssl = false\n") {
		t.Errorf("PDM skips an index by plain http:\n%s", far)
	}
}
