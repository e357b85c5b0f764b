package npm

import (
	"encoding/json"
	"testing"

	"larder/registry"
)

func TestAStatementNamesAVersionByItsPackageURL(t *testing.T) {
	scoped := registry.VersionID{Package: parseName("@acme/lib"), Version: "1.0.0"}
	plain := registry.VersionID{Package: parseName("lib"), Version: "1.0.0+b"}
	for _, c := range []struct {
		id      registry.VersionID
		subject string
		want    bool
	}{
		{scoped, "pkg:npm/%40acme/lib@1.0.0", true},
		{scoped, "pkg:npm/@acme/lib@1.0.0", true},
		{scoped, "pkg:npm/lib@1.0.0", false},
		{scoped, "pkg:npm/%40acme/lib@1.0.1", false},
		{scoped, "pkg:pypi/%40acme/lib@1.0.0", false},
		{scoped, "", false},
		{plain, "pkg:npm/lib@1.0.0+b", true},
		{plain, "pkg:npm/lib@1.0.0%2Bb", true},
	} {
		if got := (rules{}).Attests(c.id, asset, c.subject); got != c.want {
			t.Errorf("%q is of %v: %t", c.subject, c.id, got)
		}
	}
}

func FuzzBundles(f *testing.F) {
	f.Add([]byte(`{"attestations":[{"predicateType":"x","bundle":{"mediaType":"y"}},{}]}`))
	f.Add([]byte(`{"attestations":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := rules{}.Bundles(b)
		if err != nil && registry.CodeOf(err) != registry.Invalid {
			t.Errorf("%v, want Invalid", err)
		}
		for _, one := range all {
			if one != nil && !json.Valid(one) {
				t.Errorf("%q is no JSON", one)
			}
		}
	})
}
