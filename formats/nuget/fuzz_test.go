package nuget

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"larder/registry"
)

const plainNuspec = `<?xml version="1.0"?><package xmlns="http://schemas.microsoft.com/packaging/2010/07/nuspec.xsd"><metadata minClientVersion="2.5"><id>A.B</id><version>1.0.0-b.1+c</version>
<authors>x</authors><description>d</description><license type="expression">MIT</license><tags>a, b c</tags><packageTypes><packageType name="DotnetTool"/></packageTypes>
<dependencies><dependency id="C" version="[1.0,2.0)"/><group targetFramework="net45"><dependency id="D"/></group></dependencies></metadata></package>`

func zipOf(t testing.TB, entries ...string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		w, err := z.CreateHeader(&zip.FileHeader{Name: entries[i], Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, entries[i+1])
	}
	z.Close()
	return b.Bytes()
}

func FuzzVersion(f *testing.F) {
	for line := range strings.Lines(versions) {
		text, want, _ := strings.Cut(strings.TrimSpace(line), " ")
		f.Add(text)
		f.Add(want)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, ok := parseVersion(s)
		if !ok {
			return
		}
		again, ok := parseVersion(v.full())
		if !ok || again.full() != v.full() || again.compare(v) != 0 {
			t.Errorf("%q is read as %s and then as %s", s, v.full(), again.full())
		}
		id, err := rules{}.Canonical(registry.VersionID{Package: registry.PackageID{Format: registry.NuGet, Name: "a"}, Version: s})
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := (rules{}).Canonical(id); err != nil || twice != id || strings.ContainsAny(id.Version, "+/\\% ") {
			t.Errorf("%q is known as %q and then as %q, %v", s, id.Version, twice.Version, err)
		}
	})
}

func FuzzRange(f *testing.F) {
	for line := range strings.Lines(ranges) {
		text, want, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "|")
		f.Add(text)
		f.Add(want)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, ok := parseRange(s)
		if !ok {
			return
		}
		again, ok := parseRange(r.String())
		if !ok || again.String() != r.String() {
			t.Errorf("%q is read as %s and then as %s", s, r, again)
		}
	})
}

func FuzzNuspec(f *testing.F) {
	f.Add([]byte(plainNuspec))
	f.Add([]byte(`<!DOCTYPE package [<!ENTITY a "b">]><package><metadata><id>&a;</id></metadata></package>`))
	f.Add([]byte("\xff\xfe<\x00p\x00a\x00c\x00k\x00a\x00g\x00e\x00/\x00>\x00"))
	f.Add([]byte(`<?xml version="1.0" encoding="windows-1252"?><package><metadata><id>a</id><version>1</version><title>` + "\xe4" + `</title></metadata></package>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := readNuspec(b)
		if err != nil {
			if registry.CodeOf(err) != registry.Invalid {
				t.Errorf("got %v", err)
			}
			return
		}
		if _, err := m.versionID(); err != nil {
			t.Errorf("%q %q cannot be kept: %v", m.ID, m.Version, err)
		}
		stored := m.encode()
		if !json.Valid(stored) || !utf8.Valid(stored) {
			t.Errorf("stored as %q", stored)
		}
		decode(stored).describe()
	})
}

func FuzzNupkg(f *testing.F) {
	f.Add(zipOf(f, "a.nuspec", plainNuspec, "lib/a.dll", "x"))
	f.Add(zipOf(f, "a.nuspec", plainNuspec, "A.NUSPEC", plainNuspec))
	f.Add(zipOf(f, "lib/a%2Bb.dll", "x", "lib/a+b.dll", "x", "a.nuspec", plainNuspec))
	f.Add(zipOf(f, "a.nuspec", plainNuspec)[:60])
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, size := bytes.NewReader(b), int64(len(b))
		p, err := checkNupkg(r, size)
		if err != nil {
			if registry.CodeOf(err) != registry.Invalid {
				t.Errorf("got %v", err)
			}
			return
		}
		if _, err := p.symbols(); err != nil && registry.CodeOf(err) != registry.Invalid {
			t.Errorf("symbols: %v", err)
		}
		for _, dig := range []func(*nupkg) ([]byte, error){nuspecOf, func(p *nupkg) ([]byte, error) { return p.file(p.Icon) }} {
			if _, err := extract(dig)(r, size); err != nil && registry.CodeOf(err) != registry.NotFound {
				t.Errorf("got %v", err)
			}
		}
	})
}

func FuzzPDB(f *testing.F) {
	f.Add([]byte("BSJB\x01\x00\x01\x00\x00\x00\x00\x00\x0c\x00\x00\x00PDB v1.0\x00\x00\x00\x00\x00\x00\x01\x00\x30\x00\x00\x00\x18\x00\x00\x00#Pdb\x00\x00\x00\x00" + strings.Repeat("\x01", 32)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if key := pdbKey("Some.PDB", b); key != "" && (len(key) != len("some.pdb/")+40 || !strings.HasPrefix(key, "some.pdb/")) {
			t.Errorf("got %q", key)
		}
	})
}

func FuzzSearchQuery(f *testing.F) {
	f.Add("q=newton&skip=1&take=5&prerelease=true&semVerLevel=2.0.0&packageType=DotnetTool")
	f.Add("packageType=" + strings.Repeat("x", 2*maxType))
	f.Add("q=id:a+packageid:%22b%22+tags:c&skip=-1&take=999999999999999999999&semVerLevel=x")
	f.Fuzz(func(t *testing.T, raw string) {
		values, _ := url.ParseQuery(raw)
		q := readQuery(values)
		if q.skip < 0 || q.skip > maxSkip || q.take < 0 || q.take > maxTake || len(q.text) > 4*maxQuery || len(q.packageType) > maxType {
			t.Errorf("got %+v", q)
		}
		q.shows(&registry.PackageView{ID: registry.PackageID{Format: registry.NuGet, Name: "a"}, Versions: []registry.VersionView{{Version: registry.Version{Version: "1.0.0-a.b"}}}})
	})
}

func FuzzRegistration(f *testing.F) {
	f.Add([]byte(`{"items":[{"@id":"page.json","items":[{"packageContent":"../f/left.1.0.0.nupkg","catalogEntry":{"@id":"c.json","id":"Left","version":"1.0","listed":false,"authors":["a","b"],"tags":"x",
		"dependencyGroups":[{"targetFramework":"net45","dependencies":[{"id":"b","range":"[1.0, )"}]}],"deprecation":{"reasons":["Legacy"]},"vulnerabilities":[{"severity":"2","advisoryUrl":"x"}],"published":"2024-03-05T12:00:00Z"}}]}]}`))
	f.Add([]byte(`{"items":[{"items":[{"catalogEntry":"http://upstream.test/x"},{"catalogEntry":{"id":"left","version":"1.0.0-b.1+c","packageHash":"AA==","packageHashAlgorithm":"SHA512","requireLicenseAcceptance":"True","packageSize":"x"}}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := registry.PackageID{Format: registry.NuGet, Name: "left"}
		in, err := readRegistration(b, "http://upstream.test/v3/left/index.json", p)
		if err != nil {
			if registry.CodeOf(err) != registry.UpstreamFailed {
				t.Errorf("got %v", err)
			}
			return
		}
		l := in.listing(&source{flat: "http://upstream.test/flat/"}, p)
		view := &registry.PackageView{ID: p}
		for _, v := range l.Versions {
			id := registry.VersionID{Package: p, Version: v.Version}
			if c, err := (rules{}).Canonical(id); err != nil || c != id {
				t.Errorf("version %q is not normalized: %v", v.Version, err)
			}
			for _, a := range v.Assets {
				if u, err := url.Parse(a.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
					t.Errorf("%q is at %q", a.Name, a.URL)
				}
			}
			view.Versions = append(view.Versions, registry.VersionView{Version: registry.Version{Version: v.Version, Manifest: v.Manifest, Status: v.Status, Released: v.Released}, Listed: v.Assets})
		}
		if len(view.Versions) == 0 {
			return
		}
		// What we make of it, another one of us reads the same.
		w := writer{"http://registry.test/", hives["registration4"], p}
		index, err := w.renderIndex(view)
		if err != nil || !json.Valid(index) {
			t.Fatalf("got %q, %v", index, err)
		}
		again, err := readRegistration(index, "http://registry.test/v3/registration4/left/index.json", p)
		if err != nil {
			t.Fatalf("%s\nis read again with %v", index, err)
		}
		if r := again.listing(&source{}, p); len(view.Versions) < inlineBelow && len(r.Versions) != len(l.Versions) {
			t.Errorf("%d versions of %d", len(r.Versions), len(l.Versions))
		}
	})
}

func FuzzServiceIndex(f *testing.F) {
	f.Add([]byte(`{"version":"3.0.0","resources":[{"@id":"../x","@type":["RegistrationsBaseUrl","SearchQueryService"]},{"@id":"http://upstream.test/f","@type":"PackageBaseAddress/3.0.0"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := readSource(b, "http://upstream.test/v3/index.json")
		if err != nil {
			if registry.CodeOf(err) != registry.UpstreamFailed {
				t.Errorf("got %v", err)
			}
			return
		}
		for _, w := range wanted {
			if at := *w.field(s); at != "" && !strings.HasPrefix(at, "http://") && !strings.HasPrefix(at, "https://") {
				t.Errorf("got %q", at)
			}
		}
	})
}
