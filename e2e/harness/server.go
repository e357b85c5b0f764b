package harness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
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

// Patience bounds one command of a client or of larder.
const Patience = 5 * time.Minute

// Server is one larder process with a data folder of its own.
type Server struct {
	URL  string // where it listens, without a slash at the end
	Data string

	process *exec.Cmd
	ended   chan struct{} // closed when the process has
	killed  bool
	mu      sync.Mutex
	log     bytes.Buffer
}

// Serve starts larder with an empty data folder on a free port, and stops it at
// the end of the test. Later flags win over what it gives itself. No package
// tool of this machine is asked: a connection that is not given leads nowhere.
func Serve(t *testing.T, flags ...string) *Server {
	t.Helper()
	return ServeFrom(t, t.TempDir(), flags...)
}

// ServeFrom is Serve for a data folder that is there already.
func ServeFrom(t *testing.T, data string, flags ...string) *Server {
	t.Helper()
	args := []string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--nats-listen", "off"}
	return Start(t, data, []string{"PATH=", "HOME=" + t.TempDir()}, append(args, flags...)...)
}

// Start runs larder with exactly these arguments and variables until it is ready.
func Start(t *testing.T, data string, env []string, args ...string) *Server {
	t.Helper()
	s := &Server{Data: data, process: exec.Command(Binary, args...), ended: make(chan struct{})}
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
		s.Stop(t)
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
func (s *Server) follow(stderr io.Reader, ready chan struct{}) {
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
func (s *Server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// Kill ends the process at once.
func (s *Server) Kill() {
	s.killed = true
	s.process.Process.Kill() //nolint:errcheck // it may have ended
	<-s.ended
}

// Stop ends the process as a service manager does. Stopping twice is once.
func (s *Server) Stop(t *testing.T) {
	t.Helper()
	if s.killed {
		return
	}
	s.process.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
	select {
	case <-s.ended:
	case <-time.After(time.Minute):
		s.process.Process.Kill() //nolint:errcheck // as above
		t.Error("larder did not end within a minute after SIGTERM")
		<-s.ended
	}
	if code := s.process.ProcessState.ExitCode(); code != 0 {
		t.Errorf("larder ended with %d", code)
	}
}

// Repository is the URL of a repository of the first domain, with a slash at
// the end.
func (s *Server) Repository(format, name string) string {
	return s.URL + "/" + format + "/d/local-000000000000/" + name + "/"
}

// Larder runs a subcommand of larder as somebody on the server's machine and
// gives what it prints. One that fails ends the test.
func (s *Server) Larder(t *testing.T, env []string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, Binary, append(args, "--data", s.Data)...)
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

// Imported waits until nothing is left to be brought in that nobody asked for.
func (s *Server) Imported(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/-/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nlarder_imports_waiting 0\n") {
			return
		}
		<-tick.C
	}
}

// Token gets an authorization token as a person does.
func (s *Server) Token(t *testing.T, args ...string) string {
	t.Helper()
	return strings.TrimSpace(s.Larder(t, nil, append([]string{"token"}, args...)...))
}

// AccessKey reads the administrator's key of the first start.
func (s *Server) AccessKey(t *testing.T) (id, secret string) {
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

// Try runs a client's command and gives what it prints to both outputs.
func Try(t *testing.T, dir string, env []string, command ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = env, dir, 5*time.Second
	out, err := cmd.CombinedOutput()
	return string(out), errors.Join(err, ctx.Err())
}
