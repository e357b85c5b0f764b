package nuget

import (
	"testing"

	"larder/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
