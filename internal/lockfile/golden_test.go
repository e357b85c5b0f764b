package lockfile

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// locks are the files below testdata: recorded from the tool whose name their
// folder has, all hosts rewritten; those in handmade, and NuGet's, are written
// by hand after the tools' documentation.
func locks(t testing.TB) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "fuzz" {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".golden") {
			all = append(all, path)
		}
		return nil
	})
	if err != nil || len(all) < 20 {
		t.Fatalf("%d locks: %v", len(all), err)
	}
	return all
}

func parseFile(t testing.TB, path string) []Entry {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kind, err := Detect(path, data)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := Parse(kind, data)
	if err != nil {
		t.Fatalf("as %s: %v", kind, err)
	}
	return entries
}

func TestLocksOfTheToolsAreRead(t *testing.T) {
	for _, path := range locks(t) {
		t.Run(filepath.ToSlash(path), func(t *testing.T) {
			got := shown(parseFile(t, path))
			golden := path + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.ReplaceAll(string(want), "\r\n", "\n"), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// shown writes entries as text, a line each and one for each file.
func shown(all []Entry) string {
	var b strings.Builder
	for _, e := range all {
		if e.Skip != "" {
			fmt.Fprintf(&b, "skipped %s: %s\n", e.Name, e.Skip)
			continue
		}
		fmt.Fprintf(&b, "%s %s %s", e.Format, e.DisplayName(), e.Version)
		if e.Classifier+e.Extension != "" {
			fmt.Fprintf(&b, " (%s.%s)", e.Classifier, e.Extension)
		}
		b.WriteString("\n")
		for _, d := range e.Digests {
			fmt.Fprintf(&b, "  %s\n", d)
		}
		for _, f := range e.Files {
			fmt.Fprintf(&b, "  %s", f.Name)
			for _, d := range f.Digests {
				fmt.Fprintf(&b, " %s", d)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// What one project's lock says is the same in every version of its tool's format.
func TestFormatsOfOneToolAgree(t *testing.T) {
	for _, same := range [][]string{
		{"npm6/package-lock.json", "npm7/package-lock.json"},
		{"pnpm9/pnpm-lock.yaml", "pnpm12/pnpm-lock.yaml"},
		{"cyclonedx-py/python.cdx.json", "cyclonedx-py/python.cdx.xml"},
		{"cyclonedx-maven/bom.json", "cyclonedx-maven/bom.xml"},
		{"uv/requirements.txt", "pip-compile/requirements.txt"},
	} {
		var texts []string
		for _, path := range same {
			texts = append(texts, shown(parseFile(t, filepath.Join("testdata", path))))
		}
		if diff := cmp.Diff(texts[0], texts[1]); diff != "" {
			t.Errorf("%s and %s: %s", same[0], same[1], diff)
		}
	}
}
