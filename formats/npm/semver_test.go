package npm

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ascending is in the order of node-semver 7.7 (compareBuild, loose).
var ascending = []string{
	"0.0.0", "0.9.99", "1.0.0-0", "1.0.0-1", "1.0.0-9007199254740993", "1.0.0--", "1.0.0-A", "1.0.0-a", "1.0.0-a+b-c.d",
	"1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",
	"1.0.0", "1.0.0+build", "1.0.0+build.2", "1.0.0+build.11", "1.2.3-1a", "2.0.0", "v3.0.0", "=3.0.1", "3.0.2beta",
	"10.0.0", "9007199254740991.0.0",
}

func TestVersionsComeInTheOrderOfNodeSemver(t *testing.T) {
	got := slices.Clone(ascending)
	rand.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
	slices.SortFunc(got, compareVersions)
	if diff := cmp.Diff(ascending, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsAVersion(t *testing.T) {
	// What semver.valid says, strict and loose.
	for s, want := range map[string][2]bool{
		"1.0.0": {true, true}, "1.0.0-alpha.1": {true, true}, "1.0.0+build.2": {true, true}, "1.0.0--": {true, true},
		"9007199254740991.0.0": {true, true}, "1.0.0-9007199254740993": {true, true}, "1.2.3-1a": {true, true},
		"1.0.0-00": {false, true}, "v3.0.0": {false, true}, "=3.0.1": {false, true}, "3.0.2beta": {false, true}, "01.0.0": {false, true},
		"1.2": {}, "1": {}, "": {}, "x": {}, "1.0.0+": {}, "1.0.0-a..b": {}, "9007199254740992.0.0": {}, "1.0.0.0": {},
		"1.0.0-ü": {}, "1.0.0+a+b": {}, "1.0.0 ": {}, "1.0.0-a_b": {}, "../1.0.0": {}, "1.0.0/..": {},
	} {
		_, strict := parseVersion(s, true)
		_, loose := parseVersion(s, false)
		if got := [2]bool{strict, loose}; got != want {
			t.Errorf("%q: strict and loose are %v, want %v", s, got, want)
		}
	}
}

func TestPrereleases(t *testing.T) {
	for s, want := range map[string]bool{"1.0.0": false, "1.0.0+b-1": false, "1.0.0-1": true, "1.0.0beta": true, "x": true} {
		if got := (rules{}).Prerelease(s); got != want {
			t.Errorf("%q: got %v", s, got)
		}
	}
}

func FuzzVersion(f *testing.F) {
	for i, s := range ascending {
		f.Add(s, ascending[(i+7)%len(ascending)])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if c := compareVersions(a, b); c != -compareVersions(b, a) || (c == 0) != (a == b) {
			t.Errorf("%q and %q: %d and %d", a, b, c, compareVersions(b, a))
		}
		if _, strict := parseVersion(a, true); strict {
			if _, loose := parseVersion(a, false); !loose {
				t.Errorf("%q is strict but not loose", a)
			}
		}
	})
}
