package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
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
const patience = 3 * time.Minute

// server is one larder process with a data folder of its own.
type server struct {
	URL  string // where it listens, without a slash at the end
	Data string

	process *exec.Cmd
	ended   chan struct{} // closed when the process has
	mu      sync.Mutex
	log     bytes.Buffer
}

// serve starts larder with an empty data folder, whose npm connection leads to
// the upstream, and stops it at the end of the test.
func serve(t *testing.T, upstream string, flags ...string) *server {
	t.Helper()
	return serveFrom(t, t.TempDir(), upstream, flags...)
}

// serveFrom is serve for a data folder that is there already.
func serveFrom(t *testing.T, data, upstream string, flags ...string) *server {
	t.Helper()
	args := []string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0"}
	if upstream != "" {
		args = append(args, "--external-connection", "public:npmjs="+upstream+"/")
	}
	// Later flags win. Without a PATH no package tool of this machine is asked.
	return start(t, data, []string{"PATH=", "HOME=" + t.TempDir()}, append(args, flags...)...)
}

func start(t *testing.T, data string, env []string, args ...string) *server {
	t.Helper()
	s := &server{Data: data, process: exec.Command(larderBinary, args...), ended: make(chan struct{})}
	s.process.Env = env
	stderr, err := s.process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	go func() {
		defer close(s.ended)
		s.follow(stderr, ready)
		s.process.Wait() //nolint:errcheck // how it ended is Stop's to judge
	}()
	t.Cleanup(func() {
		s.stop(t)
		if t.Failed() {
			t.Logf("larder's log:\n%s", s.Log())
		}
	})
	select {
	case <-ready:
	case <-s.ended:
		t.Fatalf("larder did not start:\n%s", s.Log())
	case <-time.After(30 * time.Second):
		t.Fatalf("larder was not ready within 30 s:\n%s", s.Log())
	}
	text, err := os.ReadFile(filepath.Join(data, "server.json"))
	if err == nil {
		err = json.Unmarshal(text, s)
	}
	if err != nil || s.URL == "" {
		t.Fatalf("where the server is: %v: %s", err, text)
	}
	return s
}

var readyLine = regexp.MustCompile(`^larder: ready at (\S+) — next: `)

// follow keeps the log and tells when the server is ready.
func (s *server) follow(stderr io.Reader, ready chan struct{}) {
	lines := bufio.NewReader(stderr)
	for {
		line, err := lines.ReadString('\n')
		s.mu.Lock()
		s.log.WriteString(line)
		s.mu.Unlock()
		if readyLine.MatchString(line) {
			close(ready)
		}
		if err != nil {
			return
		}
	}
}

// Log is what the server has written to standard error.
func (s *server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// stop ends the process as a service manager does. Stopping twice is once.
func (s *server) stop(t *testing.T) {
	t.Helper()
	s.process.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
	select {
	case <-s.ended:
	case <-time.After(time.Minute):
		s.process.Process.Kill() //nolint:errcheck // as above
		t.Errorf("larder did not end within a minute after SIGTERM")
	}
	if code := s.process.ProcessState.ExitCode(); code != 0 {
		t.Errorf("larder ended with %d", code)
	}
}

// repository is the URL of npm repository main, as clients are told.
func (s *server) repository() string { return s.URL + "/npm/d/local-000000000000/main/" }

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

// token gets an authorization token as a person does.
func (s *server) token(t *testing.T, args ...string) string {
	t.Helper()
	return strings.TrimSpace(s.larder(t, nil, append([]string{"token"}, args...)...))
}

// accessKey reads the administrator's key of the first start.
func (s *server) accessKey(t *testing.T) (id, secret string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Data, "credentials"))
	if err != nil {
		t.Fatal(err)
	}
	m := credentialsFile.FindSubmatch(text)
	if m == nil {
		t.Fatal("the credentials file has no access key")
	}
	return string(m[1]), string(m[2])
}

var credentialsFile = regexp.MustCompile(`(?m)^aws_access_key_id = (\S+)\naws_secret_access_key = (\S+)$`)

// get asks for a path of repository main with a token.
func (s *server) get(t *testing.T, token, path string, header ...string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.repository()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, body
}
