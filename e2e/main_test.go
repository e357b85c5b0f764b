package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// larderBinary is the built command; every test runs this one.
var larderBinary string

func TestMain(m *testing.M) {
	if mode() == "" {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "larder-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := 1
	larderBinary = filepath.Join(dir, "larder")
	build := exec.Command("go", "build", "-o", larderBinary, "../cmd/larder")
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

// endToEnd skips unless end-to-end tests were asked for, and lets the test run
// beside others.
func endToEnd(t *testing.T) {
	t.Helper()
	if mode() == "" {
		t.Skip("end-to-end tests run with LARDER_E2E=on, see doc.go")
	}
	t.Parallel()
}

// absent ends a test whose client is not there.
func absent(t *testing.T, what string) {
	t.Helper()
	text := what + " is not on this machine; e2e/install-clients.sh installs the clients"
	if mode() == "required" {
		t.Fatal(text)
	}
	t.Skip(text)
}

// toolsFolder is where install-clients.sh puts the clients.
func toolsFolder(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("LARDER_E2E_TOOLS"); dir != "" {
		return dir
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(cache, "larder-clients")
}
