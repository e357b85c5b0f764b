package guard_test

import (
	"fmt"
	"strings"
	"testing"

	"larder/registry"
	"larder/registry/guard"
)

func TestRulesThatGrowTooLongSayWhatToDo(t *testing.T) {
	g := guard.New(formats)
	document := ""
	var err error
	for batch := 0; err == nil && batch < 100; batch++ {
		var versions []registry.VersionID
		for i := range 2000 {
			versions = append(versions, registry.VersionID{Package: registry.PackageID{Format: registry.NPM, Name: fmt.Sprintf("worm-%d-%d", batch, i)}, Version: "1.0.0"})
		}
		var longer string
		if longer, err = g.Block(document, versions, "INC-12"); err == nil {
			document = longer
		}
	}
	if registry.CodeOf(err) != registry.Invalid {
		t.Fatalf("%v, want Invalid", err)
	}
	for _, say := range []string{"1000 are the limit", "larder guard block", "larder guard unblock"} {
		if !strings.Contains(registry.MessageOf(err), say) {
			t.Errorf("%q does not say %q", registry.MessageOf(err), say)
		}
	}
	// What was there before still compiles.
	if _, err := g.Compile(document); err != nil {
		t.Error(err)
	}
}
