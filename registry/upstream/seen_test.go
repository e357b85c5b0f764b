package upstream_test

import (
	"context"
	"testing"
	"time"

	"larder/registry"
	"larder/registry/upstream"
)

func seenOf(t *testing.T, l *registry.Listing, version string) time.Time {
	t.Helper()
	for _, v := range l.Versions {
		if v.Version == version {
			return v.Seen
		}
	}
	t.Fatalf("%s is not listed", version)
	return time.Time{}
}

func TestAVersionThatComesLaterWasFirstSeenThen(t *testing.T) {
	w := newWorld(t)
	w.offer(left, "1.0.0")
	first := w.mustList(t, left, false)
	if seen := seenOf(t, first, "1.0.0"); !seen.IsZero() {
		t.Errorf("a version of the first listing was seen at %v: its own time counts", seen)
	}
	w.offer(left, "1.0.0", "1.1.0")
	w.clock.pass(time.Hour)
	at := w.clock.Now()
	w.mustList(t, left, true)
	for range 2 {
		l := w.mustList(t, left, true)
		if seen := seenOf(t, l, "1.1.0"); !seen.Equal(at) || !seenOf(t, l, "1.0.0").IsZero() || !l.First.Equal(first.First) {
			t.Errorf("1.1.0 was seen at %v, want %v; 1.0.0 at %v; first %v, was %v", seen, at, seenOf(t, l, "1.0.0"), l.First, first.First)
		}
		w.offer(left, "1.0.0", "1.1.0", "1.2.0") // which does not make 1.1.0 younger
		w.clock.pass(time.Hour)
	}
	// Another process, or this one after a restart, knows it as well.
	l, err := w.puller(t).Listing(t.Context(), domain, connection, left, time.Time{})
	if err != nil || !seenOf(t, l, "1.1.0").Equal(at) {
		t.Errorf("after a restart: %v, %v", seenOf(t, l, "1.1.0"), err)
	}
}

func TestAPackageThatComesBackIsNew(t *testing.T) {
	w := newWorld(t)
	w.offer(left, "1.0.0")
	w.mustList(t, left, false)
	w.up.Remove("/left")
	w.clock.pass(6 * time.Minute)
	_, err := w.list(t, left, true)
	wantCode(t, err, registry.NotFound)
	w.offer(left, "1.0.0")
	w.clock.pass(2 * time.Minute)
	at := w.clock.Now()
	if seen := seenOf(t, w.mustList(t, left, true), "1.0.0"); !seen.Equal(at) {
		t.Errorf("seen at %v, want %v", seen, at)
	}
}

func TestNoVersionOfTheFirstListingIsYoungerThanIt(t *testing.T) {
	w := newWorld(t)
	long := w.clock.Now().Add(-1000 * time.Hour)
	for name, c := range map[string]struct{ modified, want time.Time }{
		"one":   {long, long},
		"two":   {time.Time{}, w.clock.Now()},
		"three": {w.clock.Now().Add(time.Hour), w.clock.Now()},
	} {
		reads := adapter{read: func(context.Context, registry.Getter, registry.PackageID) (*registry.Listing, error) {
			return &registry.Listing{Modified: c.modified, Versions: []registry.ListedVersion{{Version: "1.0.0", Status: registry.Published}}}, nil
		}}
		p := w.puller(t, func(c *upstream.Config) { c.Adapters = map[string]registry.Upstream{registry.NPM: reads} })
		l, err := p.Listing(t.Context(), domain, connection, registry.PackageID{Format: left.Format, Name: name}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if !l.First.Equal(c.want) {
			t.Errorf("modified %v: first %v, want %v", c.modified, l.First, c.want)
		}
	}
}
