package maven

import (
	"context"
	"fmt"
	"io"
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
type server struct {
	*harness.Server
	Token string
}

// serve starts larder with an empty data folder, whose Maven connection leads
// to the upstream, and stops it at the end of the test.
func serve(t *testing.T, upstream string) *server {
	t.Helper()
	s := &server{Server: harness.Serve(t, "--external-connection", "public:maven-central="+upstream)}
	s.Token = s.Server.Token(t)
	return s
}

// repository is the URL of Maven repository main.
func (s *server) repository() string {
	return s.URL + "/maven/d/local-000000000000/main/"
}

// get asks for a path of repository main.
func (s *server) get(t *testing.T, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.repository()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("aws", s.Token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// refused reports whether the server has answered anybody with the status.
func (s *server) refused(status int) bool {
	return strings.Contains(s.Log(), fmt.Sprintf(`"status":%d`, status))
}

// user is a person or a CI job with a home of its own, set up by larder login,
// and with nothing fetched yet.
type user struct {
	home string
	said string // by larder login
}

// newUser sets up a tool for a new user.
func newUser(t *testing.T, s *server, login ...string) *user {
	t.Helper()
	u := &user{home: t.TempDir()}
	u.login(t, s, login...)
	return u
}

func (u *user) login(t *testing.T, s *server, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), harness.Binary, append([]string{"login", "--data", s.Data}, args...)...)
	cmd.Env, cmd.Dir = u.env(), u.home
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("larder login %q: %v\n%s", args, err, out)
	}
	u.said = string(out)
}

func (u *user) env() []string {
	return []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + u.home, "JAVA_HOME=" + os.Getenv("JAVA_HOME"), "LANG=C.UTF-8",
		"GRADLE_OPTS=-Duser.home=" + u.home, "MAVEN_OPTS=-Duser.home=" + u.home, "GNUPGHOME=" + filepath.Join(u.home, ".gnupg")}
}

// project copies a project of testdata and fills in what stands in @...@: the
// version, the server's URL, and pairs of further words.
func project(t *testing.T, s *server, name, version string, more ...string) string {
	t.Helper()
	dir := t.TempDir()
	from := os.DirFS(filepath.Join("testdata", name))
	if err := os.CopyFS(dir, from); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer(append([]string{"@VERSION@", version, "@URL@", s.repository()}, more...)...)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, []byte(fill.Replace(string(b))), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// try runs a program in a project.
func (u *user) try(t *testing.T, dir string, command ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.WaitDelay, cmd.Env = dir, 5*time.Second, u.env()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run is try for what must succeed.
func (u *user) run(t *testing.T, dir string, command ...string) string {
	t.Helper()
	out, err := u.try(t, dir, command...)
	if err != nil {
		t.Fatalf("%q: %v\n%s", command, err, out)
	}
	return out
}

// snippet gives the lines of what larder login said for a project's files, from
// one to the other.
func (u *user) snippet(t *testing.T, from, to string) string {
	t.Helper()
	_, rest, ok := strings.Cut(u.said, from)
	text, _, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		t.Fatalf("larder login said nothing from %q to %q:\n%s", from, to, u.said)
	}
	return from + text + to
}

// withUpstream starts a server whose Maven connection leads to what
// install-clients.sh has brought.
func withUpstream(t *testing.T) (*server, *httptest.Server) {
	t.Helper()
	upstream := httptest.NewServer(http.FileServer(http.FS(os.DirFS(tool(t, "maven-seed")))))
	t.Cleanup(upstream.Close)
	return serve(t, upstream.URL+"/"), upstream
}
