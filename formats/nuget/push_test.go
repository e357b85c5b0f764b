package nuget_test

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"larder/formats/formatstest"
	"larder/registry"
)

func TestPushKeepsWhatTheNuspecSays(t *testing.T) {
	content := archive("Acme.Lib.nuspec", nuspec("Acme.Lib", "01.2.0.0-Beta.1+abc",
		`<title>The Lib</title><license type="expression">MIT</license><icon>images\icon.png</icon><readme>README.md</readme><tags>one two, three</tags>`,
		`<projectUrl>http://project.test/</projectUrl><repository type="git" url="http://git.test/acme" commit="abc"/><requireLicenseAcceptance>true</requireLicenseAcceptance>`,
		`<packageTypes><packageType name="DotnetTool"/></packageTypes><dependencies><group targetFramework="net6.0"><dependency id="Acme.Right" version="1.0"/></group><group targetFramework=".NETFramework4.5"/></dependencies>`),
		"images/icon.png", "\x89PNG\r\n\x1a\nicon", "README.md", "# Read me", ".signature.p7s", "signed")
	s := published(t, content)
	sum := sha512.Sum512(content)
	entry := at(read(t, s, "v3/registration4/acme.lib/index.json"), "items", 0, "items", 0, "catalogEntry")
	base := s.Base("main")
	for _, c := range []struct {
		want any
		path []any
	}{
		{"Acme.Lib", []any{"id"}}, {"1.2.0-Beta.1+abc", []any{"version"}}, {"The Lib", []any{"title"}}, {"Ada, Grace", []any{"authors"}}, {true, []any{"listed"}},
		{"MIT", []any{"licenseExpression"}}, {base + "v3/flatcontainer/acme.lib/1.2.0-beta.1/icon", []any{"iconUrl"}}, {base + "v3/flatcontainer/acme.lib/1.2.0-beta.1/readme", []any{"readmeUrl"}},
		{"two", []any{"tags", 1}}, {"three", []any{"tags", 2}}, {"http://project.test/", []any{"projectUrl"}}, {"http://git.test/acme", []any{"repository", "url"}}, {true, []any{"requireLicenseAcceptance"}},
		{"DotnetTool", []any{"packageTypes", 0, "name"}}, {"net6.0", []any{"dependencyGroups", 0, "targetFramework"}}, {"Acme.Right", []any{"dependencyGroups", 0, "dependencies", 0, "id"}},
		{"[1.0.0, )", []any{"dependencyGroups", 0, "dependencies", 0, "range"}}, {base + "v3/registration4/acme.right/index.json", []any{"dependencyGroups", 0, "dependencies", 0, "registration"}},
		{".NETFramework4.5", []any{"dependencyGroups", 1, "targetFramework"}}, {base64.StdEncoding.EncodeToString(sum[:]), []any{"packageHash"}}, {"SHA512", []any{"packageHashAlgorithm"}},
		{base + "v3/flatcontainer/acme.lib/1.2.0-beta.1/acme.lib.1.2.0-beta.1.nupkg", []any{"packageContent"}},
	} {
		if got := at(entry, c.path...); got != c.want {
			t.Errorf("%v: got %v, want %v", c.path, got, c.want)
		}
	}
	if a := s.Do(formatstest.Call{Path: "v3/flatcontainer/acme.lib/index.json"}); string(a.Body) != `{"versions":["1.2.0-beta.1"]}` {
		t.Errorf("versions: %s", a.Body)
	}
	for file, want := range map[string]string{"icon": "image/png", "readme": "text/markdown; charset=utf-8", "acme.lib.nuspec": "application/xml", "acme.lib.1.2.0-beta.1.nupkg": "application/octet-stream"} {
		a := s.Do(formatstest.Call{Path: "v3/flatcontainer/acme.lib/1.2.0-beta.1/" + file})
		if a.Status != 200 || a.Header.Get("Content-Type") != want || a.Header.Get("Content-Security-Policy") != "sandbox" {
			t.Errorf("%s: %d, Content-Type %q", file, a.Status, a.Header.Get("Content-Type"))
		}
	}
	if a := s.Do(formatstest.Call{Path: "v3/flatcontainer/Acme.Lib/01.2.0.0-BETA.1+xyz/acme.lib.1.2.0-beta.1.nupkg"}); a.Status != 200 || string(a.Body) != string(content) {
		t.Errorf("another spelling of the version: %d", a.Status)
	}
	d := described(t, s, "acme.lib", "1.2.0-beta.1")
	if d.SourceCode != "http://git.test/acme" || d.HomePage != "http://project.test/" || len(d.Licenses) != 1 || d.Licenses[0].Name != "MIT" || len(d.Dependencies) != 1 ||
		d.Dependencies[0] != (registry.Dependency{Package: "acme.right", Requirement: "[1.0.0, )"}) {
		t.Errorf("the API is told %+v", d)
	}
}

func described(t *testing.T, s *formatstest.Server, name, version string) registry.Description {
	t.Helper()
	view, err := s.Repo("main").Package(t.Context(), registry.PackageID{Format: registry.NuGet, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	v, ok := view.Version(version)
	if !ok {
		t.Fatalf("no version %s", version)
	}
	return s.Service.Rules[registry.NuGet].Describe(v.Manifest)
}

func TestPushRefusesWhatIsNoPackage(t *testing.T) {
	good := nupkg("Acme.Lib", "1.0.0")
	body, contentType := form(good)
	short := push(good)
	short.Body = body[:len(body)/2]
	plain := push(good)
	plain.Body, plain.Header = good, map[string]string{"Content-Type": "application/octet-stream"}
	nothing := push(good)
	nothing.Body, nothing.Header = nil, map[string]string{"Content-Type": contentType}
	dep := func(xml string) []byte { return nupkg("Acme.Lib", "1.0.0", "<dependencies>"+xml+"</dependencies>") }
	for name, c := range map[string]struct {
		call formatstest.Call
		says string
	}{
		"no form":                      {plain, "multipart/form-data"},
		"an empty form":                {nothing, "did not arrive whole"},
		"a body cut short":             {short, "did not arrive whole"},
		"no archive":                   {push([]byte("hello")), "zip archive"},
		"an archive cut short":         {push(good[:len(good)-10]), "zip archive"},
		"bytes after the archive":      {push(append(nupkg("Acme.Lib", "1.0.0"), "more"...)), "zip archive"},
		"no nuspec":                    {push(archive("lib/a.dll", "MZ")), "no .nuspec"},
		"a nuspec in a folder":         {push(archive("sub/a.nuspec", nuspec("a", "1.0"))), "no .nuspec"},
		"two nuspecs":                  {push(archive("a.nuspec", nuspec("a", "1.0"), "b.nuspec", nuspec("b", "1.0"))), "2 .nuspec files"},
		"a file twice":                 {push(archive("a.nuspec", nuspec("a", "1.0"), "x", "1", "x", "2")), "twice"},
		"names that collide":           {push(archive("a.nuspec", nuspec("a", "1.0"), "lib/X.dll", "1", "lib/x.dll", "2")), "letter case"},
		"encoded names that collide":   {push(archive("a.nuspec", nuspec("a", "1.0"), "lib/a b", "1", "lib/a%20B", "2")), "letter case"},
		"a name that leaves":           {push(archive("a.nuspec", nuspec("a", "1.0"), "../x", "1")), "../x"},
		"a document type":              {push(archive("a.nuspec", `<!DOCTYPE x [<!ENTITY e "x">]><package/>`)), "document type"},
		"no XML":                       {push(archive("a.nuspec", "id: a")), "no XML"},
		"another root":                 {push(archive("a.nuspec", "<metadata><id>a</id></metadata>")), "root element package"},
		"no metadata":                  {push(archive("a.nuspec", "<package/>")), "no metadata"},
		"no id":                        {push(nupkg("", "1.0")), "no package id"},
		"an id that is none":           {push(archive("x.nuspec", nuspec("../a", "1.0"))), "no package id"},
		"no version":                   {push(nupkg("a", "")), "no version"},
		"a version that is none":       {push(nupkg("a", "1.0.x")), "no version"},
		"a dependency that is none":    {push(dep(`<dependency id="a/b" version="1.0"/>`)), "depends on"},
		"a range that is none":         {push(dep(`<dependency id="b" version=">=1.0"/>`)), "version range"},
		"a licence of an unknown type": {push(nupkg("a", "1.0", `<license type="text">MIT</license>`)), "type of license"},
		"an icon that is not there":    {push(nupkg("a", "1.0", "<icon>icon.png</icon>")), "not in the package"},
		"a readme that is not there":   {push(nupkg("a", "1.0", "<readme>README.md</readme>")), "not in the package"},
		"an endless text":              {push(nupkg("a", "1.0", "<title>"+strings.Repeat("x", 70_000)+"</title>")), "longer than"},
		"symbols":                      {push(snupkg("a", "1.0", pdb([16]byte{1}))), "v3/symbolpackage"},
	} {
		s := newServer(t)
		a := s.Do(c.call)
		if a.Status != 400 || !strings.Contains(string(a.Body), c.says) {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
		if n := s.BlobCount(); n != 0 {
			t.Errorf("%s: %d blobs stay", name, n)
		}
	}
}

func TestABombIsRefused(t *testing.T) {
	if a := newServer(t).Do(push(bomb(t))); a.Status != 400 || !strings.Contains(string(a.Body), "unpacks to more than") {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
}

func TestTheSameVersionAgainIsAConflict(t *testing.T) {
	s := published(t, nupkg("Acme.Lib", "1.0.0"))
	for name, content := range map[string][]byte{
		"the same bytes":   nupkg("Acme.Lib", "1.0.0"),
		"other bytes":      nupkg("Acme.Lib", "1.0.0", "<title>x</title>"),
		"another spelling": nupkg("ACME.lib", "1.0+x"),
	} {
		if a := s.Do(push(content)); a.Status != 409 {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

func TestUnlistedVersionsStay(t *testing.T) {
	s := published(t, nupkg("Acme.Lib", "1.0.0"), nupkg("Acme.Lib", "2.0.0"))
	listed := func() (of []any) {
		for i := range 2 {
			of = append(of, at(read(t, s, "v3/registration4/acme.lib/index.json"), "items", 0, "items", i, "catalogEntry", "listed"))
		}
		return of
	}
	for range 2 { // again is no error
		if a := s.Do(formatstest.Call{Method: "DELETE", Path: "v3/package/Acme.Lib/2.0"}); a.Status != 204 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	if got := listed(); got[0] != true || got[1] != false {
		t.Errorf("listed: %v", got)
	}
	if a := s.Do(formatstest.Call{Path: "v3/flatcontainer/acme.lib/index.json"}); string(a.Body) != `{"versions":["1.0.0","2.0.0"]}` {
		t.Errorf("versions: %s", a.Body)
	}
	if a := s.Do(formatstest.Call{Path: "v3/flatcontainer/acme.lib/2.0.0/acme.lib.2.0.0.nupkg"}); a.Status != 200 {
		t.Errorf("its package: %d", a.Status)
	}
	if got := at(read(t, s, "v3/query?q=acme"), "data", 0, "version"); got != "1.0.0" {
		t.Errorf("found: %v", got)
	}
	if got := at(read(t, s, "v3/registration4/acme.lib/2.0.0.json"), "listed"); got != false {
		t.Errorf("leaf: %v", got)
	}
	if a := s.Do(push(nupkg("Acme.Lib", "2.0.0"))); a.Status != 409 {
		t.Errorf("pushed again: %d", a.Status)
	}
	if a := s.Do(formatstest.Call{Method: "POST", Path: "v3/package/acme.lib/2.0.0"}); a.Status != 200 {
		t.Fatalf("relist: %d %s", a.Status, a.Body)
	}
	if got := listed(); got[1] != true {
		t.Errorf("listed: %v", got)
	}
	for path, want := range map[string]int{"v3/package/acme.lib/9.0.0": 404, "v3/package/nothing/1.0.0": 404, "v3/package/acme.lib/odd": 404} {
		if a := s.Do(formatstest.Call{Method: "DELETE", Path: path}); a.Status != want {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
}

func TestSymbolsBelongToAVersion(t *testing.T) {
	s := published(t, nupkg("Acme.Lib", "1.0.0"))
	symbols := snupkg("Acme.Lib", "1.0.0", pdb([16]byte{0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}))
	for range 2 { // the same again is no error
		if a := s.Do(pushSymbols(symbols)); a.Status != 201 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	if a := s.Do(formatstest.Call{Path: "v3/flatcontainer/acme.lib/1.0.0/acme.lib.1.0.0.snupkg"}); a.Status != 200 || string(a.Body) != string(symbols) {
		t.Errorf("served: %d", a.Status)
	}
	const key = "00112233445566778899aabbccddeeffffffffff"
	for path, want := range map[string]int{
		"v3/symbols/acme.lib.pdb/" + key + "/acme.lib.pdb":                  200,
		"v3/symbols/Acme.Lib.pdb/" + strings.ToUpper(key) + "/Acme.Lib.pdb": 200,
		"v3/symbols/other.pdb/" + key + "/other.pdb":                        404,
		"v3/symbols/acme.lib.pdb/" + key + "/other.pdb":                     404,
		"v3/symbols/acme.lib.pdb/00/acme.lib.pdb":                           404,
	} {
		if a := s.Do(formatstest.Call{Path: path}); a.Status != want || want == 200 && !strings.HasPrefix(string(a.Body), "BSJB") {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	for name, c := range map[string]struct {
		content []byte
		status  int
	}{
		"other bytes":                {snupkg("Acme.Lib", "1.0.0", pdb([16]byte{2})), 409},
		"of no version":              {snupkg("Acme.Lib", "2.0.0", pdb([16]byte{1})), 404},
		"of no package":              {snupkg("Nothing", "1.0.0", pdb([16]byte{1})), 404},
		"a package":                  {nupkg("Acme.Lib", "1.0.0"), 400},
		"a Windows PDB":              {snupkg("Acme.Lib", "1.0.0", []byte("Microsoft C/C++ MSF 7.00")), 400},
		"a file that is none of its": {archive("a.nuspec", nuspec("Acme.Lib", "1.0.0", `<packageTypes><packageType name="SymbolsPackage"/></packageTypes>`), "lib/a.dll", "MZ"), 400},
	} {
		if a := s.Do(pushSymbols(c.content)); a.Status != c.status {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	var index struct{ Resources []map[string]string }
	a := s.Do(formatstest.Call{Path: "v3/registration4/acme.lib/index.json"})
	if json.Unmarshal(a.Body, &index) != nil || strings.Contains(string(a.Body), "snupkg") {
		t.Errorf("symbols in metadata: %s", a.Body)
	}
}

func TestAWrongKeyBesideNothingIsRefused(t *testing.T) {
	c := push(nupkg("Acme.Lib", "1.0.0"))
	c.As = formatstest.Reader
	if a := newServer(t).Do(c); a.Status != 403 {
		t.Errorf("a reader pushes: %d", a.Status)
	}
}
