package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Binary is the built command. Empty where no end-to-end tests were asked for.
var Binary string

// Main is TestMain of every package of end-to-end tests: it builds larder when
// they were asked for, and runs them.
func Main(m *testing.M) {
	if Mode() == "" {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "larder-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := 1
	Binary = filepath.Join(dir, "larder")
	build := exec.Command("go", "build", "-o", Binary, "larder/cmd/larder")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build larder: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// Mode is what LARDER_E2E says.
func Mode() string { return os.Getenv("LARDER_E2E") }

// EndToEnd skips a test unless end-to-end tests were asked for.
func EndToEnd(t testing.TB) {
	t.Helper()
	if Mode() == "" {
		t.Skip("end-to-end tests run with LARDER_E2E=on, see e2e/doc.go")
	}
}

// Absent ends a test whose client is not on this machine: it fails where
// clients are required, else it is skipped.
func Absent(t testing.TB, client string) {
	t.Helper()
	text := client + " is not on this machine; the scripts install-clients.sh below e2e install the clients"
	if Mode() == "required" {
		t.Fatal(text)
	}
	t.Skip(text)
}

// Tools is the folder where the clients are installed.
func Tools(t testing.TB) string {
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

// Program gives the path of a file below the clients' folder; without it the
// test is over.
func Program(t testing.TB, elements ...string) string {
	t.Helper()
	path := filepath.Join(append([]string{Tools(t)}, elements...)...)
	if _, err := os.Stat(path); err != nil {
		Absent(t, filepath.Join(elements...))
	}
	return path
}

// Command gives the path of a program of this machine; without it the test is
// over.
func Command(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Absent(t, name)
	}
	return path
}
