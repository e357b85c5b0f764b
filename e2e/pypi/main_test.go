package pypi

import (
	"testing"

	"larder/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// program gives a client's program, or ends a test whose client is not there.
func program(t *testing.T, client, name string) string {
	t.Helper()
	return harness.Program(t, client, "bin", name)
}
