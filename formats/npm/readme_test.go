package npm

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"larder/registry"
)

// tarball has these entries, each a name and a content.
func tarballOf(t testing.TB, entries ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for i := 0; i < len(entries); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: entries[i], Mode: 0o644, Size: int64(len(entries[i+1])), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(entries[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	z.Close()
	return b.Bytes()
}

func TestReadmesOfTarballs(t *testing.T) {
	for _, c := range []struct {
		name    string
		entries []string
		want    string // empty: none
	}{
		{"beside package.json", []string{"package/package.json", "{}", "package/README.md", "# A"}, "# A"},
		{"whatever the letter case", []string{"package/ReadMe.MARKDOWN", "# A"}, "# A"},
		{"without an ending", []string{"package/readme", "text"}, "text"},
		{"Markdown before others", []string{"package/README.rst", "rst", "package/README.txt", "txt", "package/README.md", "md"}, "md"},
		{"else the first", []string{"package/README.rst", "rst", "package/README.txt", "txt"}, "rst"},
		{"in any folder", []string{"left-pad/README.md", "# A"}, "# A"},
		{"an empty one is none", []string{"package/README.md", "", "package/README.txt", "txt"}, "txt"},
		{"not deeper", []string{"package/docs/README.md", "# A", "package/readme.d/x", "x"}, ""},
		{"not at the top", []string{"README.md", "# A"}, ""},
		{"not what only begins so", []string{"package/README-de.md", "# A", "package/readmes.md", "x"}, ""},
		{"not one that is too long", []string{"package/README.md", strings.Repeat("x", maxReadme+1)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := tarballOf(t, c.entries...)
			got, err := rules{}.Readme(bytes.NewReader(b), int64(len(b)))
			if string(got) != c.want || registry.IsNotFound(err) != (c.want == "") {
				t.Errorf("got %.20q, %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestWhatNpmWritesForNoReadmeIsNone(t *testing.T) {
	if got := describe([]byte(`{"readme":"ERROR: No README data found!"}`)).Readme; got != "" {
		t.Errorf("got %q", got)
	}
}

func FuzzReadme(f *testing.F) {
	whole := tarballOf(f, "package/package.json", "{}", "package/README.md", "# A")
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("no gzip"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readmeOf(bytes.NewReader(b), int64(len(b)))
		if err != nil && !registry.IsNotFound(err) || err == nil && (len(got) == 0 || len(got) > maxReadme) {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
	})
}
