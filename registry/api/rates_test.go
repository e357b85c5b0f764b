package api

import (
	"errors"
	"testing"

	"larder/internal/awswire"
	"larder/registry"
)

func TestRatesAreKeptByAccount(t *testing.T) {
	h := newThrottle(Rates{"CopyPackageVersions": 2, Reads: 3, Writes: 4})
	take := func(account, op string, times int) (through int) {
		for range times {
			err := h.take(account, op)
			if err == nil {
				through++
				continue
			}
			var e *awswire.Exception
			if registry.CodeOf(err) != registry.Throttled || !errors.As(err, &e) || e.RetryAfter <= 0 {
				t.Errorf("got %v", err)
			}
		}
		return through
	}
	// More than the burst cannot come through within this test, and not much more
	// can be added by the time that it takes.
	for _, c := range []struct {
		account, op string
		want        int
	}{
		{"1", "CopyPackageVersions", 2},
		{"2", "CopyPackageVersions", 2},
		{"1", "ListDomains", 3},
		{"1", "DescribeDomain", 0},
		{"1", "CreateDomain", 2}, // two of the four writes were copies
		{"1", "ListPackages", 0},
	} {
		if got := take(c.account, c.op, 10); got < c.want || got > c.want+1 {
			t.Errorf("account %s: %d of 10 %s come through, want %d", c.account, got, c.op, c.want)
		}
	}
	free := newThrottle(nil)
	for range 1000 {
		if err := free.take("1", "ListDomains"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRatesAreChecked(t *testing.T) {
	if err := (Rates{"PublishPackageVersion": 10, Reads: 800, Writes: 0.5}).Check(); err != nil {
		t.Error(err)
	}
	for _, r := range []Rates{{"Publish": 1}, {"reads": 0}, {"writes": -1}, {"ListDomain": 1}} {
		if err := r.Check(); err == nil {
			t.Errorf("%v is taken", r)
		}
	}
}
