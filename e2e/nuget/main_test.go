package nuget

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// larderBinary is the built command.
var larderBinary string

func TestMain(m *testing.M) {
	if mode() == "" {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "larder-e2e-nuget-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := 1
	larderBinary = filepath.Join(dir, "larder")
	build := exec.Command("go", "build", "-o", larderBinary, "../../cmd/larder")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build larder: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

func mode() string { return os.Getenv("LARDER_E2E") }

// endToEnd skips unless end-to-end tests were asked for.
func endToEnd(t *testing.T) {
	t.Helper()
	if mode() == "" {
		t.Skip("end-to-end tests run with LARDER_E2E=on, see e2e/doc.go")
	}
}

// tool gives a path below the clients' folder, or ends a test whose client is
// not there.
func tool(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("LARDER_E2E_TOOLS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(cache, "larder-clients")
	}
	path := filepath.Join(dir, name)
	_, err := os.Stat(path)
	missing(t, name, err)
	return path
}

// program gives the path of a program of this machine.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	missing(t, name, err)
	return path
}

func missing(t *testing.T, name string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	text := name + " is not on this machine; e2e/install-clients.sh and e2e/nuget/install-clients.sh get the clients, and .ci/run names Debian's packages of Mono"
	if mode() == "required" {
		t.Fatal(text)
	}
	t.Skip(text)
}
