package accounts

import (
	"os/exec"
	"strings"
	"testing"

	"larder/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// tool gives a path below the clients' folder, or ends a test whose client is
// not there. A name without a slash may be one of the machine's own programs.
func tool(t *testing.T, name string) string {
	t.Helper()
	if strings.Contains(name, "/") {
		return harness.Program(t, name)
	}
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	return harness.Program(t, name, "bin", name)
}
