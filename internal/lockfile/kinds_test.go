package lockfile

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

func TestDetectGoesByNameThenByContent(t *testing.T) {
	for _, c := range []struct {
		name, data string
		want       Kind
	}{
		{"a/b/package-lock.json", "", KindNPM},
		{`c:\app\yarn.lock`, "", KindYarn},
		{"npm-shrinkwrap.json", "", KindNPM},
		{"app.packages.lock.json", "", KindNuGet},
		{"requirements-dev.txt", "", KindRequirements},
		{"buildscript-gradle.lockfile", "", KindGradle},
		{"lib-1.0.pom", "", KindPOM},
		{"sbom.txt", "SPDXVersion: SPDX-2.3\n", KindSPDX},
		{"-", "\xef\xbb\xbf {\"bomFormat\": \"CycloneDX\"}", KindCycloneDX},
		{"sbom", `{"spdxVersion": "SPDX-2.3"}`, KindSPDX},
		{"sbom", `{"@graph": []}`, KindSPDX},
		{"lock", `{"lockfileVersion": 3, "dependencies": {}}`, KindNPM},
		{"lock", `{"version": 1, "dependencies": {}}`, KindNuGet},
		{"x", `<?xml version="1.0"?><!-- c --><project/>`, KindPOM},
		{"x", `<bom xmlns="urn:x"/>`, KindCycloneDX},
		{"x", "lockfileVersion: '9.0'\n", KindPNPM},
		{"x", "# c\n__metadata:\n  version: 8\n", KindYarn},
	} {
		if got, err := Detect(c.name, []byte(c.data)); got != c.want || err != nil {
			t.Errorf("%s with %q: %s, %v; want %s", c.name, c.data, got, err, c.want)
		}
	}
	for _, data := range []string{"", "hello", "{", `{"a":1}`, "<html/>", "<"} {
		if k, err := Detect("x", []byte(data)); err == nil {
			t.Errorf("%q: %s", data, k)
		}
	}
}

func TestErrorsSayWhere(t *testing.T) {
	for _, c := range []struct {
		kind       Kind
		data, want string
	}{
		{KindNPM, "{\n\"packages\": {\n", "line 3: it is no JSON"},
		{KindNPM, "{\n\"packages\": 1}", "line 2: packages is a number"},
		{KindNPM, `{"packages": {"node_modules/a": {"version": "1.0.0", "integrity": "sha512-AA=="}}}`, `packages["node_modules/a"]: a SHA-512 digest has 64 bytes, not 1`},
		{KindNPM, `{"packages": {"node_modules/a": {"version": "../../etc", "resolved": ""}}}`, `packages["node_modules/a"]: the version`},
		{KindNPM, `{"packages": {"node_modules/a": {"name": "@/x", "version": "1"}}}`, `"@/x" is no name of an npm package`},
		{KindNPM, `{"dependencies": {"a": {"version": "1.0.0", "dependencies": {"b": {"version": "1 2"}}}}}`, `dependencies["a"]["b"]: the version "1 2" of b has a space`},
		{KindPNPM, "lockfileVersion: '9.0'\npackages: [1]\n", "line 2"},
		{KindPNPM, "lockfileVersion: x\n", "lockfileVersion"},
		{KindPNPM, "lockfileVersion: '9.0'\npackages:\n  a@1.0.0:\n    resolution: {integrity: sha512-!}\n", `packages["a@1.0.0"]: integrity`},
		{KindYarn, "# c\n  version \"1\"\n", "line 2: a field stands before any package"},
		{KindYarn, "a@^1\n", "line 1:"},
		{KindYarn, "\n\"a@^1:\n", "line 2:"},
		{KindYarn, "a@^1:\n  resolved x\n", "line 1: a has no version"},
		{KindYarn, "__metadata:\n  version: 8\n\"a@npm:1\":\n  version: 1\n", `"a@npm:1": it has no resolution`},
		{KindUV, "[[package]]\nname = 1\n", "line 2"},
		{KindUV, "[[package]]\nname = \"a\"\nversion = \"1\"\nsdist = {url = \"https://upstream.test/\"}\n", "package 1 (a)"},
		{KindPoetry, "[[package]]\nname = \"a\"\nversion = \"1\"\nfiles = [{file = \"a.whl\", hash = \"md5:zz\"}]\n", `package 1 (a): a.whl: "zz" is no MD5 digest`},
		{KindRequirements, "a==1\n\n!!\n", `line 3: "!!" is no requirement`},
		{KindRequirements, "a==1 \\\n  --hash=sha256:00\n", "line 1: a SHA-256 digest has 32 bytes"},
		{KindGradle, "# c\na:b=c\n", `line 2: "a:b" is not GROUP:ARTIFACT:VERSION`},
		{KindGradle, ":b:1=c\n", `line 1: "b" has no group`},
		{KindNuGet, `{"dependencies": {"net8.0": {"A": {"resolved": "1", "contentHash": "?"}}}}`, `dependencies["net8.0"]["A"]: contentHash`},
		{KindCycloneDX, `{}`, "bomFormat"},
		{KindCycloneDX, "<bom>\n<components></bom>", "line 2: it is no XML"},
		{KindCycloneDX, `{"bomFormat": "CycloneDX", "components": [{"purl": "npm/a"}]}`, `components[0]: "npm/a" is no package URL`},
		{KindCycloneDX, `{"bomFormat": "CycloneDX", "components": [{"purl": "pkg:maven/a@1"}]}`, "has no group"},
		{KindSPDX, `{"packages": [{"name": "a", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:npm/%zz@1"}]}]}`, "packages[0] (a)"},
		{KindSPDX, "hello", "line 1"},
		{KindPOM, "<project/>", "no kind of lock"},
	} {
		_, err := Parse(c.kind, []byte(c.data))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: %v, want %q", c.kind, c.data, err, c.want)
		}
	}
}

// No name of a lock gets into a URL as anything but one segment of its path.
func TestNamesThatAreNoSegmentsAreRefused(t *testing.T) {
	for _, bad := range []string{"..", ".", "a/b", `a\b`, "a?b", "a#b", "a%2fb", "a b", "a\nb", "a\x00b", "a;b", "a\u202eb", strings.Repeat("a", maxText+1)} {
		quoted := strconv.Quote(bad)
		for kind, lock := range map[Kind]string{
			KindNPM:       `{"packages": {"node_modules/a": {"version": ` + jsonText(t, bad) + `}}}`,
			KindNuGet:     `{"dependencies": {"x": {"a": {"resolved": ` + jsonText(t, bad) + `}}}}`,
			KindUV:        "[[package]]\nname = \"a\"\nversion = " + jsonText(t, bad) + "\n",
			KindPoetry:    "[[package]]\nname = \"a\"\nversion = \"1\"\nfiles = [{file = " + jsonText(t, bad) + ", hash = \"md5:d41d8cd98f00b204e9800998ecf8427e\"}]\n",
			KindYarn:      "a@^1:\n  version " + quoted + "\n",
			KindCycloneDX: `{"bomFormat": "CycloneDX", "components": [{"purl": "pkg:maven/g/a@1?classifier=` + url.QueryEscape(bad) + `"}]}`,
			KindGradle:    "g:a:" + bad + "=x",
		} {
			entries, err := Parse(kind, []byte(lock))
			if err == nil && (kind != KindGradle || len(entries) != 1 || entries[0].Version == bad) {
				t.Errorf("%s %q was read: %+v", kind, lock, entries)
			}
		}
	}
}

func jsonText(t *testing.T, s string) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLocksHaveLimits(t *testing.T) {
	if _, err := Parse(KindNPM, make([]byte, MaxSize+1)); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("too many bytes: %v", err)
	}
	var b strings.Builder
	for i := range MaxEntries + 1 {
		fmt.Fprintf(&b, "g:a:%d=x\n", i)
	}
	if _, err := Parse(KindGradle, []byte(b.String())); err == nil || !strings.Contains(err.Error(), "entries") {
		t.Errorf("too many entries: %v", err)
	}
	deep := strings.Repeat(`{"dependencies": {"a": {"version": "1.0.0", "dependencies": `, 1) + strings.Repeat(`{"a": {"version": "1.0.0", "dependencies": `, maxDepth+1) + "{}" + strings.Repeat("}}", maxDepth+2) + "}"
	if _, err := Parse(KindNPM, []byte(deep)); err == nil || !strings.Contains(err.Error(), "deep") {
		t.Errorf("too deep: %v", err)
	}
	deep = `{"bomFormat": "CycloneDX", "components": ` + strings.Repeat(`[{"type": "file", "components": `, maxDepth+2) + "[]" + strings.Repeat("}]", maxDepth+2) + "}"
	if _, err := Parse(KindCycloneDX, []byte(deep)); err == nil || !strings.Contains(err.Error(), "deep") {
		t.Errorf("too deep: %v", err)
	}
	aliases := "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\nlockfileVersion: '9.0'\npackages: {x: *f}\n"
	if _, err := Parse(KindPNPM, []byte(aliases)); err == nil {
		t.Error("a document that multiplies itself was read")
	}
}

func TestTheSameTwiceIsOnce(t *testing.T) {
	got, err := Parse(KindRequirements, []byte("b==1\na==1\nB==1\nb==2\n"))
	if err != nil || shown(got) != "pypi a 1\npypi b 1\npypi b 2\n" {
		t.Errorf("%v\n%s", err, shown(got))
	}
}

func TestSkippedURLsShowNoCredentials(t *testing.T) {
	got, err := Parse(KindRequirements, []byte("git+https://user:secret@upstream.test/x.git\n"))
	if err != nil || len(got) != 1 || got[0].Name != "git+https://upstream.test/x.git" {
		t.Errorf("%+v, %v", got, err)
	}
}
