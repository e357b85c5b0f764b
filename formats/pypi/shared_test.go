package pypi_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"larder/formats/formatstest"
	"larder/formats/pypi"
)

func TestPyPIAnswersAsEveryFormat(t *testing.T) {
	const page = "simple/my-lib/"
	asset := func(version string) string { return page + version + "/" + wheelName("my-lib", version) }
	formatstest.Run(t, pypi.Format(), formatstest.Fixture{
		Publish: func(version string, content []byte) formatstest.Call {
			return upload("My.Lib", version, wheelName("my-lib", version), content)
		},
		Content: func(version string, size int) []byte { return sizedWheel("my-lib", version, size) },
		Index:   page,
		Asset:   asset,
		Offer: func(u *formatstest.Upstream, version string, content, promised []byte) {
			sum := sha256.Sum256(promised)
			u.ServeText("/left/", fmt.Sprintf(`{"meta":{"api-version":"1.1"},"name":"left","versions":[%[1]q],"files":[
				{"filename":"left-%[1]s.tar.gz","url":"{upstream}/files/left-%[1]s.tar.gz","hashes":{"sha256":%[2]q},"size":%[3]d}]}`,
				version, hex.EncodeToString(sum[:]), len(promised)))
			u.Serve("/files/left-"+version+".tar.gz", formatstest.Resource{Body: content})
		},
		OfferedIndex: "simple/left/",
		OfferedAsset: func(version string) string { return "simple/left/" + version + "/left-" + version + ".tar.gz" },
		Calls: []formatstest.Call{
			{Path: page},
			{Path: "simple/My_Lib"},
			{Path: "simple/"},
			{Path: "simple"},
			{Path: asset("1.0.0")},
			{Path: asset("1.0.0") + ".metadata"},
			{Path: asset("1.0.0") + ".provenance"},
			{Path: "integrity/my-lib/1.0.0/" + wheelName("my-lib", "1.0.0") + "/provenance"},
			{Path: "pypi/my-lib/json"},
			{Path: "pypi/my-lib/1.0.0/json"},
			uploadWheel("my-lib", "1.0.1"),
			{Method: "PUT", Path: "-/yanked/my-lib/1.0.0"},
			{Method: "DELETE", Path: "-/yanked/my-lib/1.0.0"},
		},
		Writes: func(c formatstest.Call) bool { return c.Method != "" },
		Missing: []string{
			"simple/nothing/", "simple/-bad-/", "simple/b%C3%A4d/", "requests/",
			page + "9.9.9/" + wheelName("my-lib", "9.9.9"), page + "1.0.0/other-1.0.0.tar.gz", page + "1.0.0/my_lib-2.0.0.tar.gz",
			page + "1.0.0/my_lib-1.0.0.tar.gz", page + "1.0.0/my_lib-1.0.0.tar.gz.metadata", page + "odd/x", page + "1.0.0/", page + "1.0.0",
			"integrity/my-lib/1.0.0/" + wheelName("my-lib", "1.0.0") + "/provenance", "integrity/my-lib/9.9.9/x/provenance",
			asset("1.0.0") + ".provenance", asset("1.0.0") + ".asc", asset("1.0.0") + ".metadata.metadata",
			"integrity/my-lib/1.0.0/" + wheelName("my-lib", "1.0.0") + "/provenance", "integrity/nothing/1.0.0/x.whl/provenance",
			"pypi/nothing/json", "pypi/my-lib/2.0.0/json", "pypi/my-lib/odd/json", strings.Repeat("simple/", 40),
		},
	})
}
