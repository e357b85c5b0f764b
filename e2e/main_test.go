package e2e

import (
	"testing"

	"larder/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// endToEnd skips unless end-to-end tests were asked for, and lets the test run
// beside others.
func endToEnd(t *testing.T) {
	t.Helper()
	harness.EndToEnd(t)
	t.Parallel()
}
