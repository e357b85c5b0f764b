package maven

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
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
const patience = 5 * time.Minute

// server is one larder process with a data folder of its own.
type server struct {
	URL     string // without a slash at the end
	Data    string
	Token   string
	process *exec.Cmd
	ended   chan struct{}
	mu      sync.Mutex
	log     bytes.Buffer
}

var readyLine = regexp.MustCompile(`^larder: ready at (\S+) — next: `)

// serve starts larder with an empty data folder, whose Maven connection leads
// to the upstream, and stops it at the end of the test.
func serve(t *testing.T, upstream string) *server {
	t.Helper()
	data := t.TempDir()
	s := &server{Data: data, process: exec.Command(larderBinary, "serve", "--data", data, "--listen", "127.0.0.1:0", "--nats-listen", "off",
		"--external-connection", "public:maven-central="+upstream), ended: make(chan struct{})}
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
		s.process.Wait() //nolint:errcheck // it is stopped below
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
	out, err := exec.Command(larderBinary, "token", "--data", data).Output()
	if err != nil {
		t.Fatal(err)
	}
	s.Token = strings.TrimSpace(string(out))
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

// user is a person or a CI job with an empty local repository, for whom the
// server is the mirror of everything.
type user struct {
	home string
	mvn  string
}

func newUser(t *testing.T, s *server, mvn string) *user {
	t.Helper()
	u := &user{home: t.TempDir(), mvn: mvn}
	settings := `<settings><servers><server><id>larder</id><username>aws</username><password>` + s.Token + `</password></server></servers>
<mirrors><mirror><id>larder</id><mirrorOf>*</mirrorOf><url>` + s.repository() + `</url></mirror></mirrors>
<profiles><profile><id>larder</id><repositories><repository><id>larder</id><url>` + s.repository() + `</url>
<snapshots><enabled>true</enabled></snapshots></repository></repositories></profile></profiles>
<activeProfiles><activeProfile>larder</activeProfile></activeProfiles></settings>`
	if err := os.WriteFile(filepath.Join(u.home, "settings.xml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	return u
}

// project copies a project of testdata with its version and the server's URL in place.
func project(t *testing.T, s *server, name, version string) string {
	t.Helper()
	dir := t.TempDir()
	from := os.DirFS(filepath.Join("testdata", name))
	if err := os.CopyFS(dir, from); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("@VERSION@", version, "@URL@", s.repository())
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

// try runs mvn in a project; it has no way to any other repository.
func (u *user) try(t *testing.T, dir string, goals ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	args := append([]string{"-B", "-s", filepath.Join(u.home, "settings.xml"), "-Dmaven.repo.local=" + filepath.Join(u.home, "repository"), "-Duser.home=" + u.home}, goals...)
	cmd := exec.CommandContext(ctx, u.mvn, args...)
	cmd.Dir, cmd.WaitDelay = dir, 5*time.Second
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + u.home, "JAVA_HOME=" + os.Getenv("JAVA_HOME"), "LANG=C.UTF-8"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run is try for what must succeed.
func (u *user) run(t *testing.T, dir string, goals ...string) string {
	t.Helper()
	out, err := u.try(t, dir, goals...)
	if err != nil {
		t.Fatalf("mvn %q: %v\n%s", goals, err, out)
	}
	return out
}
