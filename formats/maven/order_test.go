package maven

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// pairs are two versions and how Maven orders them.
func pairs(t testing.TB) [][3]string {
	t.Helper()
	text, err := os.ReadFile("testdata/order.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out [][3]string
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); line[0] != '#' {
			out = append(out, [3]string(f))
		}
	}
	return out
}

func TestVersionsAreOrderedAsMavenDoes(t *testing.T) {
	signs := map[int]string{-1: "<", 0: "==", 1: ">"}
	all := pairs(t)
	if len(all) < 300 {
		t.Fatalf("only %d pairs", len(all))
	}
	for _, p := range all {
		if got := signs[compareVersions(p[0], p[2])]; got != p[1] {
			t.Errorf("%s %s %s, want %s", p[0], got, p[2], p[1])
		}
		if compareVersions(p[0], p[2]) != -compareVersions(p[2], p[0]) {
			t.Errorf("%s and %s: the order depends on who is asked", p[0], p[2])
		}
	}
}

func FuzzOrder(f *testing.F) {
	for _, p := range pairs(f)[:50] {
		f.Add(p[0], p[2], p[0])
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if compareVersions(a, a) != 0 || compareVersions(a, b) != -compareVersions(b, a) {
			t.Errorf("%q and %q", a, b)
		}
		// Not transitive for every string, as in Maven; sorting ends all the same.
		slices.SortFunc([]string{a, b, c}, compareVersions)
	})
}
