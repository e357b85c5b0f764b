package pypi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"larder/formats/formatstest"
	"larder/formats/pypi"
	"larder/registry"
)

const jsonType = "application/vnd.pypi.simple.v1+json"

// jsonPage is a project's page as clients read it.
type jsonPage struct {
	Meta struct {
		Version string `json:"api-version"`
	}
	Name     string
	Versions []string
	Files    []jsonFile
	Status   map[string]string `json:"project-status"`
}

type jsonFile struct {
	Filename, URL  string
	Hashes         map[string]string
	RequiresPython string `json:"requires-python"`
	Size           int64
	UploadTime     string `json:"upload-time"`
	Yanked         any
	Core           any   `json:"core-metadata"`
	Dist           any   `json:"dist-info-metadata"`
	Signed         *bool `json:"gpg-sig"`
	Provenance     string
}

func pageOf(t *testing.T, s *formatstest.Server, repo, name string) jsonPage {
	t.Helper()
	a := s.Do(formatstest.Call{Repo: repo, Path: "simple/" + name + "/", Header: map[string]string{"Accept": jsonType}})
	var p jsonPage
	if a.Status != 200 || json.Unmarshal(a.Body, &p) != nil {
		t.Fatalf("%s: %d %s", name, a.Status, a.Body)
	}
	return p
}

func (p jsonPage) file(t *testing.T, name string) jsonFile {
	t.Helper()
	for _, f := range p.Files {
		if f.Filename == name {
			return f
		}
	}
	t.Fatalf("%s is not among the files of %s: %v", name, p.Name, p.Files)
	return jsonFile{}
}

func want(t *testing.T, a formatstest.Answer, status int, words ...string) {
	t.Helper()
	if a.Status != status {
		t.Errorf("got %d %s, want %d", a.Status, a.Body, status)
	}
	for _, w := range words {
		if !strings.Contains(string(a.Body), w) {
			t.Errorf("%q is not in %s", w, a.Body)
		}
	}
}

func TestFilesOfAVersionComeOneByOne(t *testing.T) {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	w := wheel("My.Lib", "1.0", "Requires-Python: >=3.8", "Summary: A library", "Requires-Dist: Left_Pad (>=1)")
	want(t, s.Do(upload("My.Lib", "1.0", "my_lib-1.0-py3-none-any.whl", w)), 200)
	want(t, s.Do(upload("my-lib", "1.0.0", "my_lib-1.0.0.tar.gz", sdist("my-lib", "1.0.0"))), 200)
	want(t, s.Do(upload("my-lib", "v1.0", "my-lib-1.0.tar.gz", sdist("my-lib", "1.0"))), 200)

	p := pageOf(t, s, "main", "my-lib")
	f := p.file(t, "my_lib-1.0-py3-none-any.whl")
	if fmt.Sprint(p.Versions) != "[1.0 1.0.0]" || p.Name != "my-lib" || p.Meta.Version != "1.4" {
		t.Errorf("got %+v", p)
	}
	if f.URL != "1.0/my_lib-1.0-py3-none-any.whl" || f.RequiresPython != ">=3.8" || f.Size != int64(len(w)) || f.Yanked != false || len(f.UploadTime) != 27 {
		t.Errorf("got %+v", f)
	}
	meta := s.Do(formatstest.Call{Path: "simple/my-lib/" + f.URL + ".metadata"})
	want(t, meta, 200, "Name: My.Lib", "Requires-Dist: Left_Pad")
	if got := fmt.Sprint(f.Core, f.Dist); got != fmt.Sprintf("map[sha256:%[1]s] map[sha256:%[1]s]", sha256Hex(meta.Body)) {
		t.Errorf("the metadata's digest: %s", got)
	}
	if p.file(t, "my-lib-1.0.tar.gz").Core != nil {
		t.Error("a source distribution has no metadata that could be relied on")
	}

	details, err := s.Service.DescribePackageVersion(context.Background(), s.Repo("main").Actor(), formatstest.RepoID("main"),
		registry.VersionID{Package: registry.PackageID{Format: registry.PyPI, Name: "my-lib"}, Version: "1.0"})
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, a := range details.Version.Assets {
		names = append(names, a.Name)
	}
	if details.Summary != "A library" || details.Readme != "# My.Lib\n" || details.Version.DisplayName != "My.Lib" ||
		fmt.Sprint(names) != "[my-lib-1.0.tar.gz my_lib-1.0-py3-none-any.whl]" ||
		fmt.Sprint(details.Dependencies) != "[{ left-pad Requires-Dist (>=1)}]" {
		t.Errorf("got %+v, assets %v", details.Description, names)
	}
}

func TestTheSameFileAgain(t *testing.T) {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	name, content := "lib-1.0-py3-none-any.whl", wheel("lib", "1.0")
	want(t, s.Do(upload("lib", "1.0", name, content)), 200)
	before := pageOf(t, s, "main", "lib")
	want(t, s.Do(upload("lib", "1.0", name, content)), 200)
	want(t, s.Do(upload("lib", "1.0", name, wheel("lib", "1.0", "Summary: another"))), 400, "File already exists")
	if after := pageOf(t, s, "main", "lib"); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("the page changed: %v", after)
	}
	events := 0
	err := s.Metadata.View(t.Context(), func(tx registry.Tx) error {
		rows, err := tx.UnsentEvents(10)
		events = len(rows)
		return err
	})
	if err != nil || events != 1 {
		t.Errorf("got %d events, %v; want 1", events, err)
	}
	if n := s.BlobCount(); n != 1 {
		t.Errorf("%d blobs", n)
	}
}

func TestOfTwoFilesOfOneNameInFlightOneWins(t *testing.T) {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	var mu sync.Mutex
	statuses := map[int]int{}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			a := s.Do(upload("lib", "1.0", "lib-1.0-py3-none-any.whl", wheel("lib", "1.0", fmt.Sprintf("Summary: %d", i))))
			mu.Lock()
			defer mu.Unlock()
			statuses[a.Status]++
		})
	}
	all.Wait()
	if statuses[200] != 1 || statuses[400] != 7 || s.BlobCount() != 1 {
		t.Errorf("got %v, %d blobs", statuses, s.BlobCount())
	}
}

func TestFilesInFlightAllCount(t *testing.T) {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			name := fmt.Sprintf("lib-1.0-%d-py3-none-any.whl", i)
			want(t, s.Do(upload("lib", "1.0", name, wheel("lib", "1.0", fmt.Sprintf("Requires-Python: >=3.%d", i)))), 200)
		})
	}
	all.Wait()
	p := pageOf(t, s, "main", "lib")
	for i := range 8 {
		if f := p.file(t, fmt.Sprintf("lib-1.0-%d-py3-none-any.whl", i)); f.RequiresPython != fmt.Sprintf(">=3.%d", i) || f.Core == nil {
			t.Errorf("got %+v", f)
		}
	}
}

func TestBadUploadsAreRefusedWithTheReason(t *testing.T) {
	good := wheel("lib", "1.0")
	const name = "lib-1.0-py3-none-any.whl"
	entries := wheelEntries("lib", "1.0", metadataOf("lib", "1.0"))
	renamed := func(from, to string) []byte {
		changed := make([]entry, len(entries))
		for i, e := range entries {
			changed[i] = entry{strings.Replace(e.name, from, to, 1), e.content}
		}
		return zipped(changed)
	}
	hidden := func() []byte { // the local header has another name than the directory
		b := bytes.Clone(good)
		i := bytes.Index(b, []byte("lib/__init__.py"))
		b[i] = 'x'
		return b
	}
	for title, c := range map[string]struct {
		call   formatstest.Call
		status int
		words  string
	}{
		"no form":                       {formatstest.Call{Method: "POST", Body: []byte("x")}, 400, "multipart/form-data"},
		"a form that breaks off":        {func() formatstest.Call { c := uploadWheel("lib", "1.0"); c.Body = c.Body[:len(c.Body)-400]; return c }(), 400, "breaks off"},
		"no file":                       {form("", nil, field{"name", "lib"}, field{"version", "1.0"}), 400, "no name"},
		"no name":                       {form(name, good, field{"version", "1.0"}), 400, "name and version"},
		"a name that is not allowed":    {upload("-lib-", "1.0", name, good), 400, "cannot name"},
		"a version that is none":        {upload("lib", "french-toast", name, good), 400, "not a version"},
		"another action":                {form(name, good, field{":action", "doc_upload"}), 400, "only files"},
		"a registration":                {form(name, good, field{":action", "submit"}), 400, "not registered"},
		"another protocol":              {form(name, good, field{":action", "file_upload"}, field{"protocol_version", "2"}), 400, "protocol"},
		"a wrong MD5":                   {form(name, good, field{"name", "lib"}, field{"version", "1.0"}, field{"md5_digest", strings.Repeat("0", 32)}), 400, "md5_digest"},
		"a wrong SHA-256":               {form(name, good, field{"name", "lib"}, field{"version", "1.0"}, field{"sha256_digest", strings.Repeat("0", 64)}), 400, "sha256_digest"},
		"a wrong BLAKE2":                {form(name, good, field{"name", "lib"}, field{"version", "1.0"}, field{"blake2_256_digest", "zz"}), 400, "blake2_256_digest"},
		"a file of another project":     {upload("lib", "1.0", "other-1.0-py3-none-any.whl", good), 400, "not the name of a file"},
		"a file of another version":     {upload("lib", "1.0", "lib-2.0-py3-none-any.whl", good), 400, "of version 2.0"},
		"a file of another kind":        {upload("lib", "1.0", "lib-1.0.exe", good), 400, "not the name of a file"},
		"an egg":                        {upload("lib", "1.0", "lib-1.0-py3.egg", good), 400, "egg"},
		"a path for a name":             {upload("lib", "1.0", `..\lib-1.0-py3-none-any.whl`, good), 400, ""},
		"the wrong filetype":            {form(name, good, field{"name", "lib"}, field{"version", "1.0"}, field{"filetype", "sdist"}), 400, "bdist_wheel"},
		"an empty file":                 {upload("lib", "1.0", name, nil), 400, "empty"},
		"not a zip":                     {upload("lib", "1.0", name, []byte("this is not a wheel")), 400, "not a sound zip"},
		"something behind the zip":      {upload("lib", "1.0", name, append(bytes.Clone(good), "more"...)), 400, "not a sound zip"},
		"something before the zip":      {upload("lib", "1.0", name, append([]byte("#!/bin/sh\n"), good...)), 400, "not a sound zip"},
		"an entry twice":                {upload("lib", "1.0", name, zipped(append(entries, entries[0]))), 400, "twice"},
		"an entry that climbs":          {upload("lib", "1.0", name, zipped(append(entries, entry{"../../etc/x", "x"}))), 400, "not taken"},
		"an absolute entry":             {upload("lib", "1.0", name, zipped(append(entries, entry{"/etc/x", "x"}))), 400, "not taken"},
		"an entry with a drive":         {upload("lib", "1.0", name, zipped(append(entries, entry{"c:x", "x"}))), 400, "not taken"},
		"an entry with a control byte":  {upload("lib", "1.0", name, zipped(append(entries, entry{"a\x01", "x"}))), 400, "not taken"},
		"a hidden name":                 {upload("lib", "1.0", name, hidden()), 400, "does not agree"},
		"a bomb":                        {upload("lib", "1.0", name, bomb()), 400, "unpacks"},
		"no METADATA":                   {upload("lib", "1.0", name, renamed("METADATA", "metadata.json")), 400, "METADATA"},
		"no WHEEL":                      {upload("lib", "1.0", name, renamed("WHEEL", "wheel")), 400, "WHEEL"},
		"no RECORD":                     {upload("lib", "1.0", name, renamed("RECORD", "record")), 400, "RECORD"},
		"two dist-infos":                {upload("lib", "1.0", name, zipped(append(entries, wheelEntries("other", "1.0", metadataOf("other", "1.0"))...))), 400, "two .dist-info"},
		"the dist-info of another":      {upload("lib", "1.0", name, zipped(wheelEntries("other", "1.0", metadataOf("lib", "1.0")))), 400, "not of lib"},
		"metadata of another project":   {upload("lib", "1.0", name, zipped(wheelEntries("lib", "1.0", metadataOf("other", "1.0")))), 400, `"other"`},
		"metadata of another version":   {upload("lib", "1.0", name, zipped(wheelEntries("lib", "1.0", metadataOf("lib", "2.0")))), 400, `"2.0"`},
		"metadata without a version":    {upload("lib", "1.0", name, zipped(wheelEntries("lib", "1.0", "Name: lib\nVersion: 1.0\n"))), 400, "Metadata-Version"},
		"metadata of the far future":    {upload("lib", "1.0", name, zipped(wheelEntries("lib", "1.0", "Metadata-Version: 3.0\nName: lib\nVersion: 1.0\n"))), 400, "3.0"},
		"an sdist that is no gzip":      {upload("lib", "1.0", "lib-1.0.tar.gz", []byte("plain")), 400, "not gzip"},
		"an sdist without PKG-INFO":     {upload("lib", "1.0", "lib-1.0.tar.gz", tarball([]entry{{"lib-1.0/setup.py", ""}})), 400, "PKG-INFO"},
		"an sdist that climbs":          {upload("lib", "1.0", "lib-1.0.tar.gz", tarball([]entry{{"lib-1.0/PKG-INFO", metadataOf("lib", "1.0")}, {"../x", ""}})), 400, "not taken"},
		"an sdist that is a bomb":       {upload("lib", "1.0", "lib-1.0.tar.gz", tarballOf(gzip.BestSpeed, []entry{{"lib-1.0/big", strings.Repeat("\x00", 80<<20)}})), 400, "unpacks"},
		"an sdist cut short":            {upload("lib", "1.0", "lib-1.0.tar.gz", sdist("lib", "1.0")[:150]), 400, "not a sound"},
		"an sdist of another":           {upload("lib", "1.0", "lib-1.0.tar.gz", sdist("other", "1.0")), 400, `"other"`},
		"attestations that are none":    {upload("lib", "1.0", name, good, field{"attestations", "{}"}), 400, "array"},
		"attestations of a new version": {upload("lib", "1.0", name, good, field{"attestations", `[{"version":2}]`}), 400, "version 2"},
		"fields without end":            {upload("lib", "1.0", name, good, field{"description", strings.Repeat("x", 17<<20)}), 413, "too large"},
	} {
		t.Run(title, func(t *testing.T) {
			s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
			want(t, s.Do(c.call), c.status, c.words)
			if n := s.BlobCount(); n != 0 {
				t.Errorf("%d blobs stay", n)
			}
			want(t, s.Do(formatstest.Call{Path: "simple/lib/"}), 404)
		})
	}
}

func TestTooManyEntriesAreNotRead(t *testing.T) {
	many := make([]entry, 100_001)
	for i := range many {
		many[i] = entry{fmt.Sprintf("f%d", i), ""}
	}
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	want(t, s.Do(upload("lib", "1.0", "lib-1.0-py3-none-any.whl", zipped(many))), 400, "100000 entries")
	want(t, s.Do(upload("lib", "1.0", "lib-1.0.tar.gz", tarball(many))), 400, "100000 entries")

	// A directory that claims to be huge is not even read.
	lie := bytes.Clone(wheel("lib", "1.0"))
	binary.LittleEndian.PutUint32(lie[len(lie)-22+12:], 0xfffffff0)
	want(t, s.Do(upload("lib", "1.0", "lib-1.0-py3-none-any.whl", lie)), 400)
}

func TestWhatPublicIndexesTakeIsTaken(t *testing.T) {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	for file, content := range map[string][]byte{
		"lib-1.0.zip":                       zipped([]entry{{"lib-1.0/PKG-INFO", metadataOf("lib", "1.0")}}),
		"lib-1.0-2-cp311-cp311-win32.whl":   zipped(wheelEntries("lib", "1.0", "Metadata-Version: 2.4\nName: Lib\nVersion: 1.0\nLicense-Expression: MIT\nLicense-File: a\nLicense-File: b\n")),
		"LIB-1.0.0-py2-none-any.whl":        zipped(wheelEntries("lib", "1.0.0", metadataOf("lib", "1.0.0"))),
		"lib-1.0+local.1-py3-none-any.whl":  zipped(wheelEntries("lib", "1.0+local.1", metadataOf("lib", "1.0+local.1"))),
		"lib-1!1.0-py3-none-any.whl":        zipped(wheelEntries("lib", "1!1.0", metadataOf("lib", "1!1.0"))),
		"lib-2.0.dev1-py3-none-any.whl":     zipped(wheelEntries("lib", "2.0.dev1", "Metadata-Version: 1.0\nName: LIB\nVersion: 2.0.dev1\nDescription: A\n        text\n")),
		"lib-1.1-py3-none-manylinux1_x.whl": zipped(append([]entry{{"lib-1.1.data/", ""}}, wheelEntries("lib", "1.1", metadataOf("lib", "1.1"))...)),
	} {
		version := strings.TrimSuffix(strings.Split(strings.TrimSuffix(file, ".zip"), "-")[1], ".tar.gz")
		if file == "lib-1.0.zip" {
			version = "1.0"
		}
		want(t, s.Do(upload("lib", version, file, content)), 200)
	}
	p := pageOf(t, s, "main", "lib")
	if fmt.Sprint(p.Versions) != "[1.0 1.0.0 1.0+local.1 1.1 2.0.dev1 1!1.0]" {
		t.Errorf("got %v", p.Versions)
	}
	for _, f := range p.Files {
		if a := s.Do(formatstest.Call{Path: "simple/lib/" + f.URL}); a.Status != 200 || sha256Hex(a.Body) != f.Hashes["sha256"] {
			t.Errorf("%s: %d", f.URL, a.Status)
		}
	}
}

// Pitfall Y20.
func TestFieldsOfManyValuesStayLists(t *testing.T) {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	metadata := "Metadata-Version: 2.5\nName: lib\nVersion: 1.0\nLicense-File: LICENSE\nLicense-File: NOTICE\nClassifier: A\nClassifier: B\n" +
		"Provides-Extra: x\nProvides-Extra: y\nRequires-Dist: left>=1\nRequires-Dist: right; extra == 'x'\nDynamic: Keywords\n"
	want(t, s.Do(upload("lib", "1.0", "lib-1.0-py3-none-any.whl", zipped(wheelEntries("lib", "1.0", metadata)))), 200)
	want(t, s.Do(formatstest.Call{Path: "pypi/lib/1.0/json"}), 200,
		`"license_files":["LICENSE","NOTICE"]`, `"classifiers":["A","B"]`, `"provides_extra":["x","y"]`, `"requires_dist":["left>=1","right; extra == 'x'"]`, `"dynamic":["Keywords"]`)
}

func TestSignaturesAndAttestationsAreKept(t *testing.T) {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	const name = "lib-1.0-py3-none-any.whl"
	attestation := `[{"version": 1, "verification_material": {}, "envelope": {"statement": "` + base64.StdEncoding.EncodeToString([]byte("{}")) + `", "signature": "x"}}]`
	c := upload("lib", "1.0", name, wheel("lib", "1.0"), field{"attestations", attestation}, field{"gpg_signature", "-----BEGIN PGP SIGNATURE-----"})
	want(t, s.Do(c), 200)
	f := pageOf(t, s, "main", "lib").file(t, name)
	if f.Signed == nil || !*f.Signed || f.Provenance != s.Base("main")+"simple/lib/1.0/"+name+".provenance" {
		t.Errorf("got %+v", f)
	}
	want(t, s.Do(formatstest.Call{Path: "simple/lib/1.0/" + name + ".asc"}), 200, "BEGIN PGP SIGNATURE")
	a := s.Do(formatstest.Call{Path: "simple/lib/1.0/" + name + ".provenance"})
	want(t, a, 200, `"attestation_bundles"`, `"signature":"x"`)
	if !json.Valid(a.Body) {
		t.Errorf("got %s", a.Body)
	}
}

func TestTheRightIsCheckedBeforeTheFileIsRead(t *testing.T) {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	c := uploadWheel("lib", "1.0")
	c.As = formatstest.Reader
	want(t, s.Do(c), 403, "PublishPackageVersion")
}

func TestAFormMayBeInAnyOrder(t *testing.T) {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	content := wheel("lib", "1.0")
	sum := md5.Sum(content)
	c := form("lib-1.0-py3-none-any.whl", content)
	boundary := c.Header["Content-Type"][strings.Index(c.Header["Content-Type"], "boundary=")+len("boundary="):]
	end := "--" + boundary + "--\r\n"
	body := strings.TrimSuffix(string(c.Body), end)
	for _, f := range []field{{"name", "lib"}, {"version", "1.0"}, {"md5_digest", strings.ToUpper(hex.EncodeToString(sum[:]))}} {
		body += "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + f.name + "\"\r\n\r\n" + f.value + "\r\n"
	}
	c.Body = []byte(body + end)
	want(t, s.Do(c), 200)
}
