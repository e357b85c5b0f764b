package maven

import (
	"testing"

	"larder/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// tool gives a path below the clients' folder, or ends a test whose client is
// not there. "mvn" and "gpg" are the machine's own.
func tool(t *testing.T, name string) string {
	t.Helper()
	if name == "mvn" || name == "gpg" {
		return harness.Command(t, name)
	}
	return harness.Program(t, name)
}
