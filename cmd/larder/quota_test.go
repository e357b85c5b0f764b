package main

import (
	"strings"
	"testing"

	"larder/registry"
)

func TestQuotasAreSettings(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		file string
	}{
		"flags":           {args: []string{"--quota", "domains=3", "--quota", "asset-size=2MiB", "--quota", "assets=7", "--quota", "CopyPackageVersions=5", "--quota", "reads=0.5"}},
		"the environment": {env: map[string]string{"LARDER_QUOTA": "domains=3 asset-size=2MiB,assets=7 CopyPackageVersions=5 reads=0.5"}},
		"the file":        {file: "quota:\n  domains: 3\n  asset-size: 2MiB\n  assets: 7\n  CopyPackageVersions: 5\n  reads: 0.5\n"},
		"flags before all else": {args: []string{"--quota", "domains=3", "--quota", "asset-size=2MiB", "--quota", "assets=7", "--quota", "CopyPackageVersions=5", "--quota", "reads=0.5"},
			env: map[string]string{"LARDER_QUOTA": "domains=1"}, file: "quota: [tags=1]"},
	} {
		got, err := configure(t, c.args, c.env, c.file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		q := got.Quotas
		if q.core != (registry.Quotas{DomainsPerAccount: 3}) || q.bytes != (registry.Limits{AssetSize: 2 << 20, AssetsPer: 7}) || len(q.rates) != 2 || q.rates["CopyPackageVersions"] != 5 || q.rates["reads"] != 0.5 {
			t.Errorf("%s: got %+v", name, q)
		}
		if shown := q.String(); shown != "CopyPackageVersions=5,asset-size=2MiB,assets=7,domains=3,reads=0.5" {
			t.Errorf("%s: shown as %s", name, shown)
		}
	}
}

func TestQuotasThatCannotBe(t *testing.T) {
	for setting, want := range map[string]string{
		"domains": "not NAME=VALUE", "domains=0": "no number", "domains=many": "no number", "asset-size=big": "no size", "asset-size=0": "no size",
		"beds=3": "no quota", "reads=none": "requests per second", "writes=0": "requests per second",
	} {
		if _, err := configure(t, []string{"--quota", setting}, nil, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", setting, err, want)
		}
	}
}
