package nuget_test

import (
	"strings"
	"testing"

	"larder/formats/formatstest"
	"larder/formats/nuget"
)

func TestNuGetAnswersAsEveryFormat(t *testing.T) {
	asset := func(version string) string {
		return "v3/flatcontainer/my.lib/" + version + "/my.lib." + version + ".nupkg"
	}
	formatstest.Run(t, nuget.Format(), formatstest.Fixture{
		Publish: func(_ string, content []byte) formatstest.Call { return push(content) },
		Content: func(version string, size int) []byte { return sized("My.Lib", version, size) },
		Index:   "v3/registration4/my.lib/index.json",
		Asset:   asset,
		Prepare: func(u *formatstest.Upstream) { offerIndex(u) },
		Offer: func(u *formatstest.Upstream, version string, content, promised []byte) {
			offer(u, "Left", version, content, promised)
		},
		OfferedIndex: "v3/registration4/left/index.json",
		OfferedAsset: func(version string) string { return "v3/flatcontainer/left/" + version + "/left." + version + ".nupkg" },
		Calls: []formatstest.Call{
			{Path: "v3/index.json"},
			{Path: "v3/registration2/my.lib/index.json"},
			{Path: "v3/registration3/my.lib/index.json"},
			{Path: "v3/registration4/my.lib/index.json"},
			{Path: "v3/registration4/my.lib/page/1.0.0/1.0.0.json"},
			{Path: "v3/registration4/my.lib/1.0.0.json"},
			{Path: "v3/flatcontainer/my.lib/index.json"},
			{Path: asset("1.0.0")},
			{Path: "v3/flatcontainer/my.lib/1.0.0/my.lib.nuspec"},
			{Path: "v3/flatcontainer/my.lib/1.0.0/readme"},
			{Path: "v3/query?q=my"},
			{Path: "v3/autocomplete?q=my"},
			{Path: "v3/autocomplete?id=my.lib"},
			{Path: "v3/vulnerabilities/index.json"},
			{Path: "v3/vulnerabilities/none.json"},
			{Path: "v3/repository-signatures/index.json"},
			{Path: "v3/symbols/my.lib.pdb/00ffffffff/my.lib.pdb"},
			push(nupkg("My.Lib", "1.0.1")),
			pushSymbols(snupkg("My.Lib", "1.0.0", pdb([16]byte{1}))),
			{Method: "DELETE", Path: "v3/package/My.Lib/1.0.0"},
			{Method: "POST", Path: "v3/package/My.Lib/1.0.0"},
		},
		Writes: func(c formatstest.Call) bool { return c.Method != "" },
		Missing: []string{
			"v3/registration4/nothing/index.json", "v3/registration4/-bad-/index.json", "v3/registration5/my.lib/index.json", "v3/registration4/b%C3%A4d/index.json",
			"v3/registration4/my.lib/2.0.0.json", "v3/registration4/my.lib/odd.json", "v3/registration4/my.lib/1.0.0", "v3/registration4/my.lib/page/2.0.0/3.0.0.json",
			"v3/registration4/my.lib/page/x/y.json", "v3/registration4/my.lib/page/1.0.0/1.0.0",
			"v3/flatcontainer/nothing/index.json", asset("9.9.9"), "v3/flatcontainer/my.lib/1.0.0/other.1.0.0.nupkg", "v3/flatcontainer/my.lib/1.0.0/my.lib.2.0.0.nupkg",
			"v3/flatcontainer/my.lib/1.0.0/my.lib.1.0.0.snupkg", "v3/flatcontainer/my.lib/1.0.0/readme", "v3/flatcontainer/my.lib/1.0.0/icon", "v3/flatcontainer/my.lib/1.0.0/license",
			"v3/flatcontainer/my.lib/odd/my.lib.odd.nupkg", "v3/vulnerabilities/other.json", "v3/vulnerabilities/none", "v3", "v3/nothing", strings.Repeat("v3/", 40),
		},
	})
}
