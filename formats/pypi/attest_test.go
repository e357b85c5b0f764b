package pypi

import (
	"encoding/json"
	"testing"

	"larder/registry"
)

func TestAStatementNamesAFile(t *testing.T) {
	id := registry.VersionID{Package: registry.PackageID{Format: registry.PyPI, Name: "acme-lib"}, Version: "1.0"}
	for _, c := range []struct {
		asset, subject string
		want           bool
	}{
		{"acme_lib-1.0-py3-none-any.whl", "acme_lib-1.0-py3-none-any.whl", true},
		{"acme_lib-1.0-py3-none-any.whl", "Acme.Lib-1.0-py3-none-any.whl", true},
		{"acme_lib-1.0-py3-none-any.whl", "acme_lib-1.1-py3-none-any.whl", false},
		{"acme_lib-1.0-py3-none-any.whl", "acme_lib-1.0.tar.gz", false},
		{"acme_lib-1.0.tar.gz", "acme-lib-1.0.tar.gz", true},
		{"acme_lib-1.0.tar.gz", "other-1.0.tar.gz", false},
		{"acme_lib-1.0.tar.gz", "", false},
	} {
		if got := (rules{}).Attests(id, c.asset, c.subject); got != c.want {
			t.Errorf("%q is %q: %t", c.subject, c.asset, got)
		}
	}
}

func FuzzBundles(f *testing.F) {
	f.Add([]byte(`{"version":1,"attestation_bundles":[{"publisher":{},"attestations":[{"version":1,"verification_material":{"certificate":"AA==","transparency_entries":[{}]},"envelope":{"statement":"e30=","signature":"AA=="}}]}]}`))
	f.Add([]byte(`{"version":1,"attestation_bundles":[{"attestations":[{"version":1}]}]}`))
	f.Add([]byte(`{"version":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := rules{}.Bundles(b)
		if err != nil && registry.CodeOf(err) != registry.Invalid {
			t.Errorf("%v, want Invalid", err)
		}
		if len(all) > maxBundles {
			t.Errorf("%d bundles", len(all))
		}
		for _, one := range all {
			if !json.Valid(one) {
				t.Errorf("%q is no JSON", one)
			}
		}
	})
}
