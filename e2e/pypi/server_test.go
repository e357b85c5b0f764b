package pypi

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"larder/e2e/harness"
)

// server is one larder process with a data folder of its own.
type server struct{ *harness.Server }

// serve starts larder with an empty data folder, whose Python connection leads
// to the upstream, and stops it at the end of the test.
func serve(t *testing.T, upstream string, flags ...string) *server {
	t.Helper()
	return &server{harness.Serve(t, append([]string{"--external-connection", "public:pypi=" + upstream}, flags...)...)}
}

// user is a person or a CI job with a home folder, and a folder to work in.
type user struct {
	home, dir string
	env       []string
}

// newUser makes one for whom larder login has been run for the tools.
func newUser(t *testing.T, s *server, repository string, tools ...string) *user {
	t.Helper()
	u := &user{home: t.TempDir(), dir: t.TempDir()}
	trap := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the client went past the index: %s %s", r.Method, r.RequestURI)
		http.Error(w, "end-to-end tests have no network", http.StatusForbidden)
	}))
	t.Cleanup(trap.Close)
	python := python(t)
	u.env = []string{
		"HOME=" + u.home, "TMPDIR=" + t.TempDir(), "LANG=C.UTF-8", "NO_COLOR=1", "CI=true",
		"PATH=" + strings.Join([]string{filepath.Dir(python), "/usr/bin", "/bin"}, string(os.PathListSeparator)),
		"HTTP_PROXY=" + trap.URL, "HTTPS_PROXY=" + trap.URL, "http_proxy=" + trap.URL, "https_proxy=" + trap.URL,
		"NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost",
		"PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_INPUT=1", "PYTHONDONTWRITEBYTECODE=1",
		"UV_PYTHON=" + python, "UV_PYTHON_DOWNLOADS=never", "UV_NO_PROGRESS=1",
		"POETRY_VIRTUALENVS_IN_PROJECT=true", "POETRY_KEYRING_ENABLED=false", "POETRY_NO_INTERACTION=1",
		"PDM_CHECK_UPDATE=false", "PDM_NON_INTERACTIVE=1",
	}
	for _, tool := range tools {
		s.Larder(t, []string{"HOME=" + u.home}, "login", tool, "--repository", repository)
	}
	return u
}

// python is the interpreter that the clients were installed with.
func python(t *testing.T) string {
	t.Helper()
	path, err := filepath.EvalSymlinks(program(t, "pip", "python"))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func (u *user) write(t *testing.T, name string, content string) {
	t.Helper()
	path := filepath.Join(u.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs a command in the user's folder; one that fails ends the test.
func (u *user) run(t *testing.T, command ...string) string {
	t.Helper()
	out, err := u.try(t, command...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", filepath.Base(command[0]), command[1:], err, out)
	}
	return out
}

// try is run for a command that may fail.
func (u *user) try(t *testing.T, command ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = u.env, u.dir, 5*time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = errors.Join(err, ctx.Err())
	}
	return string(out), err
}
