package prefetch

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"larder/e2e/harness"
	"larder/formats/formatstest"
)

// wheel builds a wheel whose module says its version.
func wheel(t *testing.T, name, version string, headers ...string) (file string, content []byte) {
	t.Helper()
	info := name + "-" + version + ".dist-info/"
	files := [][2]string{
		{name + "/__init__.py", "version = '" + version + "'\n"},
		{info + "METADATA", "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n" + strings.Join(append(headers, ""), "\n") + "\n"},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
	}
	record := ""
	for _, f := range files {
		sum := sha256.Sum256([]byte(f[1]))
		record += fmt.Sprintf("%s,sha256=%s,%d\n", f[0], base64.RawURLEncoding.EncodeToString(sum[:]), len(f[1]))
	}
	files = append(files, [2]string{info + "RECORD", record + info + "RECORD,,\n"})
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f[0], Method: zip.Deflate, Modified: released})
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(f[1]))
	}
	z.Close()
	return name + "-" + version + "-py3-none-any.whl", b.Bytes()
}

func offerPython(t *testing.T, u *formatstest.Upstream, name, version string, headers ...string) {
	t.Helper()
	file, content := wheel(t, name, version, headers...)
	sum := sha256.Sum256(content)
	u.Serve("/files/"+file, formatstest.Resource{Body: content, Type: "application/octet-stream", Modified: released})
	body, err := json.Marshal(map[string]any{"meta": map[string]string{"api-version": "1.1"}, "name": name, "versions": []string{version}, "files": []map[string]any{{
		"filename": file, "url": "{upstream}/files/" + file, "size": len(content), "hashes": map[string]string{"sha256": hex.EncodeToString(sum[:])},
		"upload-time": "2024-03-05T12:00:00.000000Z",
	}}})
	if err != nil {
		t.Fatal(err)
	}
	u.Serve("/simple/"+name+"/", formatstest.Resource{Body: body, Type: "application/vnd.pypi.simple.v1+json"})
}

func pythonUpstream(t *testing.T) upstream {
	t.Helper()
	u := formatstest.NewUpstream(t)
	offerPython(t, u, "webapp", "2.0", "Requires-Dist: core>=1")
	offerPython(t, u, "core", "1.2")
	return upstream{
		flags: func(*testing.T) []string {
			return []string{"--external-connection", "public:pypi=" + u.URL + "/simple/"}
		},
		asked: func() int { return u.Count("") },
		down:  u.Down,
	}
}

const pyproject = "[project]\nname = \"app\"\nversion = \"0.1.0\"\nrequires-python = \">=3.9\"\ndependencies = [\"webapp\"]\n[tool.poetry]\npackage-mode = false\n"

func pythonUser(t *testing.T, s *harness.Server, tools ...string) *user {
	t.Helper()
	python, err := filepath.EvalSymlinks(harness.Program(t, "pip", "bin", "python"))
	if err != nil {
		t.Fatal(err)
	}
	u := newUser(t, "PATH="+filepath.Dir(python)+":/usr/bin:/bin", "UV_PYTHON="+python, "UV_PYTHON_DOWNLOADS=never", "UV_NO_PROGRESS=1",
		"POETRY_VIRTUALENVS_IN_PROJECT=true", "POETRY_KEYRING_ENABLED=false", "POETRY_NO_INTERACTION=1", "PIP_DISABLE_PIP_VERSION_CHECK=1")
	for _, tool := range tools {
		s.Larder(t, []string{"HOME=" + u.home}, "login", tool)
	}
	u.write(t, "pyproject.toml", pyproject)
	return u
}

// says runs the project's Python and wants both packages.
func says(t *testing.T, u *user, python string) {
	t.Helper()
	if got := u.run(t, python, "-c", "import core, webapp; print(core.version, webapp.version)"); strings.TrimSpace(got) != "1.2 2.0" {
		t.Errorf("installed: %s", got)
	}
}

func TestUV(t *testing.T) {
	harness.EndToEnd(t)
	uv := harness.Program(t, "uv", "bin", "uv")
	rehearse(t, rehearsal{
		upstream: pythonUpstream(t), lock: "uv.lock", held: "2 held",
		written: func(t *testing.T, s *harness.Server) *user {
			u := pythonUser(t, s, "uv")
			u.run(t, uv, "lock")
			return u
		},
		fresh: func(t *testing.T, s *harness.Server, from *user) *user {
			u := pythonUser(t, s, "uv")
			u.write(t, "uv.lock", from.read(t, "uv.lock"))
			return u
		},
		install: func(t *testing.T, _ *harness.Server, u *user) {
			u.run(t, uv, "sync", "--frozen")
			says(t, u, filepath.Join(u.dir, ".venv", "bin", "python"))
		},
	})
}

// Requirements with hashes name no files: those of the version that have one of
// the hashes are meant.
func TestRequirements(t *testing.T) {
	harness.EndToEnd(t)
	uv := harness.Program(t, "uv", "bin", "uv")
	rehearse(t, rehearsal{
		upstream: pythonUpstream(t), lock: "requirements.txt", held: "2 held",
		written: func(t *testing.T, s *harness.Server) *user {
			u := pythonUser(t, s, "uv", "pip")
			u.run(t, uv, "pip", "compile", "--generate-hashes", "pyproject.toml", "-o", "requirements.txt")
			return u
		},
		fresh: func(t *testing.T, s *harness.Server, from *user) *user {
			u := pythonUser(t, s, "pip")
			u.write(t, "requirements.txt", from.read(t, "requirements.txt"))
			return u
		},
		install: func(t *testing.T, _ *harness.Server, u *user) {
			u.run(t, harness.Program(t, "pip", "bin", "python"), "-m", "venv", "--without-pip", filepath.Join(u.dir, "venv"))
			u.run(t, harness.Program(t, "pip", "bin", "pip"), "--python", filepath.Join(u.dir, "venv"), "install", "--require-hashes", "-r", "requirements.txt")
			says(t, u, filepath.Join(u.dir, "venv", "bin", "python"))
		},
	})
}

func TestPoetry(t *testing.T) {
	harness.EndToEnd(t)
	poetry := harness.Program(t, "poetry", "bin", "poetry")
	source := func(t *testing.T, s *harness.Server, u *user) {
		u.write(t, "pyproject.toml", pyproject+"[[tool.poetry.source]]\nname = \"local-main\"\nurl = \""+s.Repository("pypi", "main")+"simple/\"\npriority = \"primary\"\n")
	}
	rehearse(t, rehearsal{
		upstream: pythonUpstream(t), lock: "poetry.lock", held: "2 held",
		written: func(t *testing.T, s *harness.Server) *user {
			u := pythonUser(t, s, "poetry")
			source(t, s, u)
			u.run(t, poetry, "lock")
			return u
		},
		fresh: func(t *testing.T, s *harness.Server, from *user) *user {
			u := pythonUser(t, s, "poetry")
			source(t, s, u)
			u.write(t, "poetry.lock", from.read(t, "poetry.lock"))
			return u
		},
		install: func(t *testing.T, _ *harness.Server, u *user) {
			u.run(t, poetry, "install")
			says(t, u, filepath.Join(u.dir, ".venv", "bin", "python"))
		},
	})
}
