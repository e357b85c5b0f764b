package osv_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/registry"
	"larder/registry/guard/osv"
)

func archive(t testing.TB, files ...string) *bytes.Reader {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i+1 < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(files[i+1]))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b.Bytes())
}

func read(t testing.TB, r *bytes.Reader) ([]registry.Advisory, osv.Stats, error) {
	var all []registry.Advisory
	stats, err := osv.Read(r, r.Size(), func(a registry.Advisory) error { all = append(all, a); return nil })
	return all, stats, err
}

const malicious = `{"schema_version":"1.7.4","id":"MAL-2025-1","summary":"Malicious code in @bad/lib (npm)","details":"-\n",
	"affected":[{"package":{"ecosystem":"npm","name":"@bad/lib"},"versions":["1.0.1"],"database_specific":{"cwes":[]}}],
	"database_specific":{"malicious-packages-origins":[{"sha256":"00"}]}}`

const vulnerable = `{"id":"GHSA-aaaa","summary":"A bug","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N"}],"database_specific":{"severity":"MODERATE","cwe_ids":["CWE-20"]},
	"affected":[
	{"package":{"ecosystem":"PyPI","name":"Some_Lib"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.2"},{"introduced":"2.0"},{"last_affected":"2.4"}]},{"type":"GIT","events":[{"introduced":"abc"}]}],"versions":["0.1"]},
	{"package":{"ecosystem":"Maven","name":"org.acme:lib"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"1"}]}]},
	{"package":{"ecosystem":"Go","name":"example.test/x"}}]}`

func TestReadADump(t *testing.T) {
	all, stats, err := read(t, archive(t,
		"repo-main/README.md", "text",
		"repo-main/osv/malicious/npm/@bad/lib/MAL-2025-1.json", malicious,
		"GHSA-aaaa.json", vulnerable,
		"osv/withdrawn/MAL-2.json", `{"id":"MAL-2","withdrawn":"2025-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"fine"}}]}`,
		"GHSA-worm.json", `{"id":"GHSA-worm","details":"\n# Malware\nmore","database_specific":{"severity":"CRITICAL","cwe_ids":["CWE-506"]},"affected":[{"package":{"ecosystem":"NuGet","name":"Bad.Lib"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}`,
		"broken.json", `{`,
	))
	if err != nil {
		t.Fatal(err)
	}
	want := []registry.Advisory{
		{ID: "MAL-2025-1", Package: registry.PackageID{Format: "npm", Namespace: "bad", Name: "lib"}, AdvisoryBody: registry.AdvisoryBody{
			Severity: registry.Malware, Summary: "Malicious code in @bad/lib (npm)", Versions: []string{"1.0.1"}}},
		{ID: "GHSA-aaaa", Package: registry.PackageID{Format: "pypi", Name: "Some_Lib"}, AdvisoryBody: registry.AdvisoryBody{
			Severity: registry.Medium, Summary: "A bug", Versions: []string{"0.1"}, Ranges: []registry.AdvisoryRange{{Fixed: "1.2"}, {Introduced: "2.0", Last: "2.4"}}}},
		{ID: "GHSA-aaaa", Package: registry.PackageID{Format: "maven", Namespace: "org.acme", Name: "lib"}, AdvisoryBody: registry.AdvisoryBody{
			Severity: registry.Medium, Summary: "A bug", Ranges: []registry.AdvisoryRange{{Introduced: "1"}}}},
		{ID: "GHSA-worm", Package: registry.PackageID{Format: "nuget", Name: "Bad.Lib"}, AdvisoryBody: registry.AdvisoryBody{
			Severity: registry.Malware, Summary: "Malware", Ranges: []registry.AdvisoryRange{{}}}},
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("advisories (-want +got):\n%s", diff)
	}
	if want := (osv.Stats{Documents: 5, Withdrawn: 1, Unreadable: 1, Advisories: 4}); stats != want {
		t.Errorf("stats %+v, want %+v", stats, want)
	}
}

func TestWhatIsNoDump(t *testing.T) {
	for name, r := range map[string]*bytes.Reader{
		"no archive":         bytes.NewReader([]byte("text")),
		"nothing in it":      archive(t, "README.md", "x"),
		"other documents":    archive(t, "package.json", `{"name":"x"}`, "a.json", `[]`),
		"nothing but braces": archive(t, "a.json", `{}`),
	} {
		if _, _, err := read(t, r); registry.CodeOf(err) != registry.Invalid {
			t.Errorf("%s: %v, want it to be Invalid", name, err)
		}
	}
}

func TestAdvisoriesStaySmall(t *testing.T) {
	versions := make([]string, 50_000)
	for i := range versions {
		versions[i] = fmt.Sprintf("1.0.%d", i)
	}
	text, _ := json.Marshal(versions)
	document := func(ranges string) string {
		return `{"id":"MAL-1","summary":"` + strings.Repeat("long ", 1000) + `","affected":[{"package":{"ecosystem":"npm","name":"big"},"versions":` + string(text) + ranges + `}]}`
	}
	all, _, err := read(t, archive(t, "a.json", document("")))
	if err != nil {
		t.Fatal(err)
	}
	total, ids := 0, map[string]bool{}
	for _, a := range all {
		size := len(a.Summary)
		for _, v := range a.Versions {
			size += len(v)
		}
		if size > 64<<10 {
			t.Errorf("%s has %d bytes", a.ID, size)
		}
		total += len(a.Versions)
		ids[a.ID] = true
	}
	if total != len(versions) || len(ids) != len(all) {
		t.Errorf("%d versions in %d pieces with %d ids, want %d", total, len(all), len(ids), len(versions))
	}
	all, _, err = read(t, archive(t, "a.json", document(`,"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]`)))
	if err != nil || len(all) != 1 || len(all[0].Versions) != 0 {
		t.Errorf("with ranges: %v, %d pieces", err, len(all))
	}
}

func TestBatchesAreOfSomeSize(t *testing.T) {
	var sizes []int
	b := osv.Batches{Put: func(all []registry.Advisory) error { sizes = append(sizes, len(all)); return nil }}
	for range 1203 {
		if err := b.Add(registry.Advisory{ID: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(sizes); got != "[500 500 203]" {
		t.Errorf("batches of %s", got)
	}
	broken := errors.New("broken")
	b = osv.Batches{Put: func([]registry.Advisory) error { return broken }}
	for range 600 {
		if err := b.Add(registry.Advisory{}); err != nil {
			if err != broken {
				t.Error(err)
			}
			return
		}
	}
	t.Error("an error of Put is lost")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(malicious))
	f.Add([]byte(vulnerable))
	f.Add([]byte(`{"id":"x","affected":[{"package":{"ecosystem":"Maven","name":"a"},"ranges":[{"type":"SEMVER","events":[{"fixed":"1"},{"last_affected":"2"}]}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := osv.Parse(b)
		for _, a := range all {
			if a.ID == "" || a.Severity == "" || a.Package.Name == "" || err != nil {
				t.Errorf("%+v, %v", a, err)
			}
			if _, err := json.Marshal(a.AdvisoryBody); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzRead(f *testing.F) {
	r := archive(f, "a.json", malicious, "b.json", vulnerable)
	b := make([]byte, r.Size())
	r.Read(b)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, err := read(t, bytes.NewReader(b))
		if err != nil && registry.CodeOf(err) != registry.Invalid {
			t.Error(err)
		}
	})
}
