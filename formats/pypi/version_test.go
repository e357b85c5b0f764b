package pypi

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"
)

// readVersions reads testdata/versions.txt: what the reference implementation
// (packaging 26.3) makes of spellings, a line each of the spelling, the
// normalized version and its rank in the order of all; without the latter two
// where it is no version. testdata/versions.py writes it.
func readVersions(t testing.TB) (lines [][]string) {
	t.Helper()
	f, err := os.Open("testdata/versions.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		lines = append(lines, strings.Split(s.Text(), "\t"))
	}
	return lines
}

func TestVersionsAreReadAndOrderedAsByTheReferenceImplementation(t *testing.T) {
	lines := readVersions(t)
	if len(lines) < 1000 {
		t.Fatalf("only %d lines", len(lines))
	}
	type ranked struct {
		v    version
		rank string
	}
	var all []ranked
	for _, l := range lines {
		v, ok := parseVersion(l[0])
		switch {
		case len(l) == 1 && ok:
			t.Errorf("%q is taken for %s, but is no version", l[0], v)
		case len(l) == 1:
		case !ok:
			t.Errorf("%q is not taken for %s", l[0], l[1])
		default:
			if v.String() != l[1] {
				t.Errorf("%q: got %s, want %s", l[0], v, l[1])
			}
			if (l[3] == "pre") != v.prerelease() {
				t.Errorf("%q: prerelease %v", l[0], v.prerelease())
			}
			all = append(all, ranked{v, l[2]})
		}
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return a.v.compare(b.v) })
	for i := 1; i < len(all); i++ {
		same := all[i-1].v.compare(all[i].v) == 0
		if c := strings.Compare(all[i-1].rank, all[i].rank); c > 0 || (c == 0) != same {
			t.Fatalf("%s comes before %s", all[i-1].v, all[i].v)
		}
	}
}

func FuzzVersion(f *testing.F) {
	for _, l := range readVersions(f)[:200] {
		f.Add(l[0], "1.0")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		v, ok := parseVersion(a)
		if !ok {
			return
		}
		again, ok := parseVersion(v.String())
		if !ok || again.compare(v) != 0 || again.String() != v.String() {
			t.Errorf("%q: %s is read as %s", a, v, again)
		}
		if w, ok := parseVersion(b); ok && v.compare(w) != -w.compare(v) {
			t.Errorf("%s and %s have no order", v, w)
		}
	})
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"requests": "requests", "Foo.Bar": "foo-bar", "foo__bar": "foo-bar", "a-_.b": "a-b", "A1": "a1", "a--b": "a-b",
	} {
		if !validName(in) || normalize(in) != want {
			t.Errorf("%q: got %q, want %q", in, normalize(in), want)
		}
	}
	for _, bad := range []string{"", "-a", "a-", ".", "a b", "ä", "a/b", "a\x00", "nｕmpy", "a\n"} {
		if validName(bad) {
			t.Errorf("%q is taken for a name", bad)
		}
	}
}

func TestFileNames(t *testing.T) {
	for _, c := range []struct {
		project, name string
		kind          kind
		version       string
	}{
		{"foo", "foo-1.0-py3-none-any.whl", wheelFile, "1.0"},
		{"foo", "foo-1.0-1-py3-none-any.whl", wheelFile, "1.0"},
		{"foo-bar", "Foo.Bar-1.0-py2.py3-none-any.whl", wheelFile, "1.0"},
		{"foo", "foo-1.0+abc_1-py3-none-any.whl", wheelFile, "1.0+abc.1"},
		{"foo", "foo-1.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", wheelFile, "1.0"},
		{"foo", "foo-1.0-py3-none.whl", noFile, ""},
		{"foo", "bar-1.0-py3-none-any.whl", noFile, ""},
		{"foo", "foo-odd-py3-none-any.whl", noFile, ""},
		{"foo", "foo-1.0--none-any.whl", noFile, ""},
		{"foo", "foo-1.0.tar.gz", sdistFile, "1.0"},
		{"foo", "foo-1.0.zip", sdistFile, "1.0"},
		{"foo-bar", "foo-bar-1.0.tar.bz2", sdistFile, "1.0"},
		{"foo-bar", "foo_bar-1.0rc1.tar.gz", sdistFile, "1.0rc1"},
		{"foo", "foo-bar-1.0.tar.gz", noFile, ""},
		{"foo", "foo-1.0-1.tar.gz", sdistFile, "1.0.post1"},
		{"foo-2", "foo-2-1.0.tar.gz", sdistFile, "1.0"},
		{"foo", "foo-1.0-py2.7.egg", eggFile, "1.0"},
		{"foo", "foo-1.0.exe", noFile, ""},
		{"foo", "foo.tar.gz", noFile, ""},
		{"foo", ".tar.gz", noFile, ""},
		{"foo", "foo-.tar.gz", noFile, ""},
	} {
		if k, v := fileOf(c.project, c.name); k != c.kind || v != c.version {
			t.Errorf("%s of %s: got %d %q, want %d %q", c.name, c.project, k, v, c.kind, c.version)
		}
	}
}

func FuzzFileName(f *testing.F) {
	for _, name := range []string{"foo-1.0-py3-none-any.whl", "foo-1.0.tar.gz", "foo-1.0-py2.7.egg", "foo-1-1-1-1-1.whl"} {
		f.Add("foo", name)
	}
	f.Fuzz(func(t *testing.T, project, name string) {
		k, v := fileOf(project, name)
		if k == noFile {
			return
		}
		if again, ok := parseVersion(v); !ok || again.String() != v {
			t.Errorf("%q: version %q is not normalized", name, v)
		}
	})
}
