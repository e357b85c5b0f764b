package npm_test

import (
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"larder/formats/formatstest"
	"larder/formats/npm"
)

// document is what npm publish sends for a version, to be changed by tests.
func document(name, version string, content []byte) map[string]any {
	one, many := sha1.Sum(content), sha512.Sum512(content)
	return map[string]any{
		"_id": name, "name": name,
		"dist-tags": map[string]any{"latest": version},
		"versions": map[string]any{version: map[string]any{
			"name": name, "version": version, "description": strings.Repeat("about "+name+". ", 40),
			"dist": map[string]any{
				"integrity": "sha512-" + base64.StdEncoding.EncodeToString(many[:]),
				"shasum":    hex.EncodeToString(one[:]),
				"tarball":   "http://elsewhere.test/" + name + "/-/" + name + "-" + version + ".tgz",
			},
		}},
		"_attachments": map[string]any{name + "-" + version + ".tgz": map[string]any{
			"content_type": "application/octet-stream",
			"data":         base64.StdEncoding.EncodeToString(content),
			"length":       len(content),
		}},
	}
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func publish(name, version string, content []byte) formatstest.Call {
	return formatstest.Call{
		Method: "PUT", Path: strings.Replace(name, "/", "%2f", 1),
		Header: map[string]string{"Content-Type": "application/json"},
		Body:   encode(document(name, version, content)),
	}
}

func TestNPMAnswersAsEveryFormat(t *testing.T) {
	const full = "@team/lib"
	formatstest.Run(t, npm.Format(), formatstest.Fixture{
		Publish: func(version string, content []byte) formatstest.Call { return publish(full, version, content) },
		Index:   full,
		Asset:   func(version string) string { return full + "/-/lib-" + version + ".tgz" },
		Offer: func(u *formatstest.Upstream, version string, content, promised []byte) {
			sum := sha512.Sum512(promised)
			u.ServeText("/left", fmt.Sprintf(`{"name":"left","dist-tags":{"latest":%[1]q},"versions":{%[1]q:{"name":"left","version":%[1]q,
				"dist":{"tarball":"{upstream}/left/-/left-%[1]s.tgz","integrity":"sha512-%s"}}}}`, version, base64.StdEncoding.EncodeToString(sum[:])))
			u.Serve("/left/-/left-"+version+".tgz", formatstest.Resource{Body: content})
		},
		OfferedIndex: "left",
		OfferedAsset: func(version string) string { return "left/-/left-" + version + ".tgz" },
		Calls: []formatstest.Call{
			{Path: full},
			{Path: full + "?write=true"},
			{Path: full + "/1.0.0"},
			{Path: full + "/-/lib-1.0.0.tgz"},
			{Path: full + "/-/odd.tgz"},
			{Path: "-/package/@team%2flib/dist-tags"},
			{Path: "-/npm/v1/keys"},
			{Path: "-/npm/v1/attestations/@team%2flib@1.0.0"},
			{Path: "-/v1/search?text=lib"},
			{Path: "-/whoami"},
			{Path: "-/ping?write=true"},
			{Path: ""},
			{Method: "POST", Path: "-/npm/v1/security/advisories/bulk", Body: []byte(`{"lib":["1.0.0"]}`)},
			{Method: "POST", Path: "-/npm/v1/security/audits/quick", Body: []byte(`{}`)},
			{Method: "POST", Path: "-/npm/v1/security/audits", Body: []byte(`{}`)},
			publish(full, "1.0.1", []byte("new")),
			{Method: "PUT", Path: full, Body: []byte(`{"name":"@team/lib","versions":{"1.0.0":{"deprecated":"no"}}}`)},
			{Method: "PUT", Path: full + "/-rev/1-larder", Body: []byte(`{"name":"@team/lib","versions":{"1.0.0":{"deprecated":"no"}}}`)},
			{Method: "DELETE", Path: full + "/-rev/1-larder"},
			{Method: "DELETE", Path: full + "/-/lib-1.0.0.tgz/-rev/1-larder"},
			{Method: "PUT", Path: "-/package/@team%2flib/dist-tags/beta", Body: []byte(`"1.0.0"`)},
			{Method: "DELETE", Path: "-/package/@team%2flib/dist-tags/beta"},
		},
		Writes: func(c formatstest.Call) bool { return c.Method == "PUT" || c.Method == "DELETE" },
		Missing: []string{
			"nothing", "@team/nothing", "nothing/1.0.0", full + "/9.9.9", full + "/nosuchtag",
			full + "/-/lib-9.9.9.tgz", full + "/-/other.tgz", "nothing/-/nothing-1.0.0.tgz",
			"-/nothing", "-/package/nothing/dist-tags", "-/npm/v1/attestations/nothing@1.0.0",
			full + "/-/lib-1.0.0.tgz/more", "-/npm/v1/attestations/@team%2flib@1.0.0",
		},
	})
}
