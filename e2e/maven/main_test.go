package maven

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
	dir, err := os.MkdirTemp("", "larder-e2e-maven-")
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
// not there. "mvn" and "gpg" are the machine's own.
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
	var err error
	if name == "mvn" || name == "gpg" {
		path, err = exec.LookPath(name)
	} else {
		_, err = os.Stat(path)
	}
	if err == nil {
		return path
	}
	text := name + " is not on this machine; e2e/maven/install-clients.sh gets the clients, Debian's packages maven and gnupg the others"
	if mode() == "required" {
		t.Fatal(text)
	}
	t.Skip(text)
	return ""
}
