package pypi

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds one command of a client or of larder.
const patience = 3 * time.Minute

// server is one larder process with a data folder of its own.
type server struct {
	URL     string // without a slash at the end
	Data    string
	process *exec.Cmd
	ended   chan struct{}
	mu      sync.Mutex
	log     bytes.Buffer
}

var readyLine = regexp.MustCompile(`^larder: ready at (\S+) — next: `)

// serve starts larder with an empty data folder, whose Python connection leads
// to the upstream, and stops it at the end of the test.
func serve(t *testing.T, upstream string, flags ...string) *server {
	t.Helper()
	data := t.TempDir()
	args := append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0",
		"--external-connection", "public:pypi=" + upstream}, flags...)
	s := &server{Data: data, process: exec.Command(larderBinary, args...), ended: make(chan struct{})}
	s.process.Env = []string{"PATH=", "HOME=" + t.TempDir()}
	stderr, err := s.process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() {
		defer close(s.ended)
		lines := bufio.NewReader(stderr)
		for {
			line, err := lines.ReadString('\n')
			s.mu.Lock()
			s.log.WriteString(line)
			s.mu.Unlock()
			if m := readyLine.FindStringSubmatch(line); m != nil {
				ready <- m[1]
			}
			if err != nil {
				break
			}
		}
		s.process.Wait() //nolint:errcheck // how it ended is judged below
	}()
	t.Cleanup(func() {
		s.process.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
		select {
		case <-s.ended:
		case <-time.After(time.Minute):
			s.process.Process.Kill() //nolint:errcheck // as above
		}
		if t.Failed() {
			s.mu.Lock()
			defer s.mu.Unlock()
			t.Logf("larder's log:\n%s", s.log.String())
		}
	})
	select {
	case s.URL = <-ready:
	case <-s.ended:
		t.Fatalf("larder did not start:\n%s", s.log.String())
	case <-time.After(30 * time.Second):
		t.Fatal("larder was not ready within 30 s")
	}
	return s
}

// repository is the URL of a Python repository.
func (s *server) repository(name string) string {
	return s.URL + "/pypi/d/local-000000000000/" + name + "/"
}

// larder runs a subcommand of larder and gives what it prints.
func (s *server) larder(t *testing.T, env []string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, larderBinary, append(args, "--data", s.Data)...)
	cmd.Env = append([]string{"HOME=" + t.TempDir()}, env...)
	cmd.Dir = t.TempDir()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("larder %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
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
		s.larder(t, []string{"HOME=" + u.home}, "login", tool, "--repository", repository)
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
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = u.env, u.dir, 5*time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = errors.Join(err, ctx.Err())
	}
	return string(out), err
}
