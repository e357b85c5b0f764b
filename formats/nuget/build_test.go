package nuget_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"strings"
	"testing"

	"larder/formats/formatstest"
	"larder/formats/nuget"
	"larder/registry"
)

// archive is a zip archive with these entries, each a name and a content, as
// they follow one another.
func archive(entries ...string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		w, err := z.CreateHeader(&zip.FileHeader{Name: entries[i], Method: zip.Store})
		if err != nil {
			panic(err) // a bytes.Buffer does not fail
		}
		io.WriteString(w, entries[i+1])
	}
	z.Close()
	return b.Bytes()
}

// nuspec is a manifest with what every package must say, and more elements.
func nuspec(id, version string, more ...string) string {
	return `<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd"><metadata>
<id>` + id + `</id><version>` + version + `</version><authors>Ada, Grace</authors><description>A library.</description>` + strings.Join(more, "") + `</metadata></package>`
}

// nupkg is a package as nuget.exe packs it, with further elements in its nuspec.
func nupkg(id, version string, more ...string) []byte {
	return archive("_rels/.rels", "<Relationships/>", id+".nuspec", nuspec(id, version, more...), "lib/net45/"+id+".dll", "MZ", "[Content_Types].xml", "<Types/>")
}

// sized is a package of exactly that size.
func sized(id, version string, size int) []byte {
	make := func(n int) []byte {
		return archive(id+".nuspec", nuspec(id, version), "content/fill", strings.Repeat("x", n))
	}
	return make(size - len(make(0)))
}

// form is the body of a push, and its type.
func form(content []byte) ([]byte, string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	w.SetBoundary("boundary")
	part, err := w.CreateFormFile("package", "package.nupkg")
	if err != nil {
		panic(err) // as above
	}
	part.Write(content)
	w.Close()
	return b.Bytes(), w.FormDataContentType()
}

func push(content []byte) formatstest.Call { return pushTo("v3/package/", content) }

func pushSymbols(content []byte) formatstest.Call { return pushTo("v3/symbolpackage/", content) }

func pushTo(path string, content []byte) formatstest.Call {
	body, contentType := form(content)
	return formatstest.Call{Method: "PUT", Path: path, Body: body, Header: map[string]string{"Content-Type": contentType}}
}

// snupkg is a symbol package with one debug file.
func snupkg(id, version string, debug []byte) []byte {
	return archive(id+".nuspec", nuspec(id, version, `<packageTypes><packageType name="SymbolsPackage"/></packageTypes>`), "lib/net45/"+id+".pdb", string(debug))
}

// pdb is the beginning of a portable PDB with this id.
func pdb(id [16]byte) []byte {
	var b []byte
	b = binary.LittleEndian.AppendUint32(b, 0x424a5342)
	b = append(b, 1, 0, 1, 0, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, 12)
	b = append(b, "PDB v1.0\x00\x00\x00\x00"...)
	b = append(b, 0, 0, 2, 0) // flags, streams
	const start = 16 + 12 + 4 + 16 + 16
	b = binary.LittleEndian.AppendUint32(b, start+24)
	b = binary.LittleEndian.AppendUint32(b, 4)
	b = append(b, "#Strings"[:7]+"\x00"...)
	b = binary.LittleEndian.AppendUint32(b, start)
	b = binary.LittleEndian.AppendUint32(b, 24)
	b = append(b, "#Pdb\x00\x00\x00\x00"...)
	b = append(b, id[:]...)
	return append(b, make([]byte, 16)...)
}

func newServer(t testing.TB) *formatstest.Server {
	return formatstest.NewServer(t, nuget.Format(), registry.Limits{})
}

// published is a server that holds these packages.
func published(t testing.TB, packages ...[]byte) *formatstest.Server {
	t.Helper()
	s := newServer(t)
	for _, p := range packages {
		if a := s.Do(push(p)); a.Status != 201 {
			t.Fatalf("push: %d %s", a.Status, a.Body)
		}
	}
	return s
}

// read asks for a document, which must be there.
func read(t testing.TB, s *formatstest.Server, path string) map[string]any {
	t.Helper()
	a := s.Do(formatstest.Call{Path: path})
	if a.Status != 200 {
		t.Fatalf("%s: %d %s", path, a.Status, a.Body)
	}
	out := map[string]any{}
	if err := json.Unmarshal(a.Body, &out); err != nil {
		t.Fatalf("%s: %v: %s", path, err, a.Body)
	}
	return out
}

// at walks into a document by names and indexes.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

// offer puts a source into the upstream registry that has this one package:
// its service index, its metadata with one version, and its bytes.
func offer(u *formatstest.Upstream, id, version string, content, promised []byte) {
	sum := sha512.Sum512(promised)
	offerIndex(u)
	name := strings.ToLower(id)
	u.ServeText("/v3/registration5-gz-semver2/"+name+"/index.json", fmt.Sprintf(`{"count":1,"items":[{"@id":"{upstream}/p#1","count":1,"lower":%[2]q,"upper":%[2]q,"items":[
		{"@id":"{upstream}/v3/registration5-gz-semver2/%[4]s/%[2]s.json","catalogEntry":{"@id":"{upstream}/v3/catalog0/data/%[4]s.%[2]s.json","id":%[1]q,"version":%[2]q,"listed":true,
		"published":"2024-03-05T12:00:00.000+00:00","authors":"Ada","description":"offered","packageHash":%[3]q,"packageHashAlgorithm":"SHA512"},
		"packageContent":"{upstream}/v3-flatcontainer/%[4]s/%[2]s/%[4]s.%[2]s.nupkg"}]}]}`, id, version, base64.StdEncoding.EncodeToString(sum[:]), name))
	u.Serve("/v3-flatcontainer/"+name+"/"+version+"/"+name+"."+version+".nupkg", formatstest.Resource{Body: content, Type: "application/octet-stream"})
}

// offerIndex puts the service index of a public gallery there.
func offerIndex(u *formatstest.Upstream, more ...string) {
	u.ServeText("/", `{"version":"3.0.0","resources":[
		{"@id":"{upstream}/v3/registration5-gz-semver2/","@type":"RegistrationsBaseUrl/3.6.0"},
		{"@id":"{upstream}/v3/registration5-semver1/","@type":"RegistrationsBaseUrl"},
		{"@id":"{upstream}/v3-flatcontainer/","@type":"PackageBaseAddress/3.0.0"}`+strings.Join(more, "")+`]}`)
}

// bomb is a small package that unpacks to much.
func bomb(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, size := range map[string]int{"a.nuspec": 0, "content/x": 100 << 20} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if size == 0 {
			io.WriteString(w, nuspec("a", "1.0"))
		}
		w.Write(make([]byte, size))
	}
	z.Close()
	return b.Bytes()
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}
