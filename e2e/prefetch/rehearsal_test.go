package prefetch

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"larder/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// user is a person or a CI job with a home of its own and a project.
type user struct {
	home, dir string
	env       []string
}

func newUser(t *testing.T, env ...string) *user {
	t.Helper()
	u := &user{home: t.TempDir(), dir: t.TempDir()}
	u.env = append([]string{"HOME=" + u.home, "TMPDIR=" + t.TempDir(), "LANG=C.UTF-8", "NO_COLOR=1", "CI=true"}, harness.NoNetwork(t)...)
	u.env = append(u.env, env...)
	return u
}

func (u *user) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(u.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (u *user) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(u.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// run runs a client in the project; one that fails ends the test.
func (u *user) run(t *testing.T, command ...string) string {
	t.Helper()
	out, err := harness.Try(t, u.dir, u.env, command...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", filepath.Base(command[0]), command[1:], err, out)
	}
	return out
}

// prefetch runs the command and gives what it prints and its exit status.
func prefetch(t *testing.T, s *harness.Server, u *user, args ...string) (string, int) {
	t.Helper()
	out, err := harness.Try(t, u.dir, []string{"HOME=" + u.home, "TMPDIR=" + os.TempDir()}, append([]string{harness.Binary, "prefetch", "--data", s.Data}, args...)...)
	var failed *exec.ExitError
	switch {
	case err == nil:
		return out, 0
	case errors.As(err, &failed):
		return out, failed.ExitCode()
	}
	t.Fatal(err)
	return "", 0
}

// upstream is what is behind a server.
type upstream struct {
	flags func(t *testing.T) []string // that lead a server to it
	asked func() int                  // how often it was asked for anything
	down  func()
}

// rehearsal is one client's part.
type rehearsal struct {
	upstream
	lock    string // the file that the client writes
	written func(t *testing.T, s *harness.Server) *user
	install func(t *testing.T, s *harness.Server, u *user)
	held    string // how many files are held in the end, such as "2 held"; empty: some
	// fresh is a second user with the first one's lock, and nothing in caches; nil:
	// install makes one.
	fresh func(t *testing.T, s *harness.Server, from *user) *user
}

// rehearse lets a client write its lock against one server, and install by it
// from another one at the same address, which had been empty and whose upstream
// is gone: from what prefetch has brought.
func rehearse(t *testing.T, r rehearsal) {
	t.Helper()
	flags := r.flags(t)
	first := harness.Serve(t, flags...)
	writer := r.written(t, first)
	address := strings.TrimPrefix(first.URL, "http://")
	first.Stop(t)

	s := harness.Serve(t, append(flags, "--listen", address)...)
	before := r.asked()
	if out, status := prefetch(t, s, writer, "--check", r.lock); status != 3 || !strings.Contains(out, "missing") || strings.Contains(out, "failed") {
		t.Errorf("a check of an empty server: status %d\n%s", status, out)
	}
	if asked := r.asked() - before; asked != 0 {
		t.Errorf("the check asked upstream %d times", asked)
	}
	if out, status := prefetch(t, s, writer, r.lock); status != 0 || !strings.Contains(out, "fetched") {
		t.Fatalf("prefetch: status %d\n%s", status, out)
	}
	s.Imported(t) // what no lock names comes in as well
	before = r.asked()
	for _, args := range [][]string{{r.lock}, {"--check", r.lock}} {
		if out, status := prefetch(t, s, writer, args...); status != 0 || strings.Contains(out, "fetched") || !strings.Contains(out, ": "+r.held) || strings.Contains(out, ": 0 held") {
			t.Errorf("prefetch %q of what is there: status %d, want %s\n%s", args, status, r.held, out)
		}
	}
	if asked := r.asked() - before; asked != 0 {
		t.Errorf("the second run asked upstream %d times", asked)
	}
	r.down()
	u := writer
	if r.fresh != nil {
		u = r.fresh(t, s, writer)
	}
	r.install(t, s, u)
}
