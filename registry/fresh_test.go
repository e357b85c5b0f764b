package registry_test

import (
	"testing"

	"larder/registry"
)

func TestADocumentOfAVersionThatTheListingLacksAsksAgain(t *testing.T) {
	w := newWorld(t)
	w.puller.offer("left", "1.0")
	one := func(version string) error {
		_, err := w.repo("app").Document(t.Context(), registry.DocumentQuery{Package: pid("left"), Version: version, Kind: "one"}, func(p *registry.PackageView) ([]byte, error) {
			if _, ok := p.Version(version); !ok {
				return nil, registry.Errorf(registry.NotFound, "no %s", version)
			}
			return []byte(version), nil
		})
		return err
	}
	if err := one("1.0"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, one("1.1"), registry.NotFound)
	w.puller.offer("left", "1.0", "1.1")
	if err := one("1.1"); err != nil {
		t.Errorf("after upstream got it: %v", err)
	}
	before, _ := w.puller.counts()
	if err := one("1.1"); err != nil {
		t.Fatal(err)
	}
	if after, _ := w.puller.counts(); after != before {
		t.Error("a version that is known was asked for again")
	}
}
