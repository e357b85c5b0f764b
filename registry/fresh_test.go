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

func TestAConnectionThatLeadsNowhereIsToldApartFromAMissingPackage(t *testing.T) {
	w := newWorld(t)
	w.puller.fail("left", &registry.Error{Code: registry.NotFound, Msg: "set it with: larder connection set", Err: registry.ErrLeadsNowhere})
	_, err := w.listing("app", "left")
	wantCode(t, err, registry.NotFound)
	if got := registry.MessageOf(err); got != "set it with: larder connection set" {
		t.Errorf("message %q", got)
	}
}

// An upstream failure must not look like a missing version.
func TestAVersionThatAFailingSourceMayHaveByNowIsNotMissing(t *testing.T) {
	w := newWorld(t)
	w.puller.offer("left", "1.0")
	if _, err := w.read("app", "left", "1.0"); err != nil {
		t.Fatal(err)
	}
	_, err := w.read("app", "left", "1.1")
	wantCode(t, err, registry.NotFound)

	w.puller.listings["left"].FailingSince = w.now()
	_, err = w.read("app", "left", "1.1")
	wantCode(t, err, registry.UpstreamFailed)
	q := registry.DocumentQuery{Package: pid("left"), Version: "1.1", Kind: "one"}
	_, err = w.repo("app").Document(t.Context(), q, func(*registry.PackageView) ([]byte, error) {
		return nil, registry.Errorf(registry.NotFound, "rendered")
	})
	wantCode(t, err, registry.UpstreamFailed)
	wantCode(t, w.repo("app").SetTag(t.Context(), pid("left"), "next", "1.1"), registry.UpstreamFailed)
	if _, err := w.read("app", "left", "1.0"); err != nil {
		t.Errorf("what is held: %v", err)
	}
}
