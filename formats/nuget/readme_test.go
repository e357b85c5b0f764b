package nuget

import (
	"bytes"
	"strings"
	"testing"

	"larder/registry"
)

func TestReadmesOfPackages(t *testing.T) {
	spec := strings.Replace(plainNuspec, "<authors>", `<readme>docs\R.md</readme><authors>`, 1)
	for _, c := range []struct {
		name    string
		entries []string
		want    string // empty: none
	}{
		{"the one that the nuspec names", []string{"A.B.nuspec", spec, "docs/R.md", "# A"}, "# A"},
		{"not another", []string{"A.B.nuspec", plainNuspec, "README.md", "# A"}, ""},
		{"none that is not there", []string{"A.B.nuspec", spec}, ""},
		{"none of what is no package", []string{"README.md", "# A"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := zipOf(t, c.entries...)
			got, err := rules{}.Readme(bytes.NewReader(b), int64(len(b)))
			if string(got) != c.want || registry.IsNotFound(err) != (c.want == "") {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}
