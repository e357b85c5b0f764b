package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"time"

	"larder/registry"
)

// kind is packages of one format as they are generated, and as they are
// published over HTTP: the bytes are the same.
type kind struct {
	name    string // of the format, for people
	format  string
	scope   string // the namespace, where packages have one
	files   func(p registry.PackageID, version string) []file
	publish func(s *server, p registry.PackageID, version string) error
	index   func(s *server, p registry.PackageID) (*http.Request, error) // asks for the index document
}

// file is an asset.
type file struct {
	name    string
	content []byte
}

// kinds of packages, and how many of each ninety packages are of it.
var kinds = []struct {
	kind
	share int
}{
	{kind{"npm", registry.NPM, "team", npmFiles, (*server).publishNPM, npmIndex}, 30},
	{kind{"npm", registry.NPM, "", npmFiles, (*server).publishNPM, npmIndex}, 24},
	{kind{"PyPI", registry.PyPI, "", pypiFiles, (*server).publishPyPI, pypiIndex}, 12},
	{kind{"Maven", registry.Maven, "org.team", mavenFiles, (*server).publishMaven, mavenIndex}, 12},
	{kind{"NuGet", registry.NuGet, "", nugetFiles, (*server).publishNuGet, nugetIndex}, 12},
}

// kindOf gives the kind of a format whose packages have no namespace where
// there is such a one.
func kindOf(format string) kind {
	var found kind
	for _, k := range kinds {
		if k.format == format {
			found = k.kind
		}
	}
	return found
}

// repository is the URL of the repository for a format, with slash at its end.
func (s *server) repository(format string) string {
	return s.Running.URL + "/" + format + "/d/local-000000000000/main/"
}

// request asks for something in the repository.
func (s *server) request(format, path string, header map[string]string) (*http.Request, error) {
	req, err := http.NewRequest(http.MethodGet, s.repository(format)+path, nil)
	if err != nil {
		return nil, err
	}
	for _, h := range []map[string]string{s.header, header} {
		for k, v := range h {
			req.Header.Set(k, v)
		}
	}
	return req, nil
}

// send asks and reads the answer to its end.
func (s *server) send(req *http.Request) error {
	res, err := ask(req, s.header)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

// npmName is the package's name as npm spells it.
func npmName(p registry.PackageID) string {
	if p.Namespace == "" {
		return p.Name
	}
	return "@" + p.Namespace + "/" + p.Name
}

// gzips are writers, which are large.
var gzips = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

func npmFiles(p registry.PackageID, version string) []file {
	text := fmt.Appendf(nil, `{"name":%q,"version":%q,"description":"a package of the benchmark","license":"Apache-2.0"}`, npmName(p), version)
	var b bytes.Buffer
	z := gzips.Get().(*gzip.Writer)
	defer gzips.Put(z)
	z.Reset(&b)
	t := tar.NewWriter(z)
	t.WriteHeader(&tar.Header{Name: "package/package.json", Mode: 0o644, Size: int64(len(text)), ModTime: time.Unix(1e9, 0), Format: tar.FormatUSTAR}) //nolint:errcheck // a bytes.Buffer does not fail
	t.Write(text)                                                                                                                                      //nolint:errcheck // as above
	t.Close()
	z.Close()
	return []file{{p.Name + "-" + version + ".tgz", b.Bytes()}}
}

func (s *server) publishNPM(p registry.PackageID, version string) error {
	content := npmFiles(p, version)[0].content
	r := release(npmName(p), 0)
	r.Manifest["dependencies"] = map[string]string{"lib1": "^1.0.0", "lib2": "~1.0.3", "lib3": ">=1 <2", "lib4": "*"} // which are there
	r.Version, r.Tarball = version, func() io.Reader { return bytes.NewReader(content) }
	return s.npmRegistry.publish(r)
}

func npmIndex(s *server, p registry.PackageID) (*http.Request, error) {
	return s.request(registry.NPM, strings.ReplaceAll(npmName(p), "/", "%2f"), npmGzip)
}

// pypiFiles gives the wheel, and what in it has a digest of its own in indexes.
func pypiFiles(p registry.PackageID, version string) []file {
	info := p.Name + "-" + version + ".dist-info/"
	metadata := file{info + "METADATA", fmt.Appendf(nil, "Metadata-Version: 2.1\nName: %s\nVersion: %s\nSummary: a package of the benchmark\nRequires-Python: >=3.8\nRequires-Dist: left>=1.2\n", p.Name, version)}
	return []file{{p.Name + "-" + version + "-py3-none-any.whl", archive(
		file{p.Name + ".py", []byte("x = 1\n")},
		file{info + "WHEEL", []byte("Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n")},
		metadata,
		file{info + "RECORD", nil},
	)}, metadata}
}

func (s *server) publishPyPI(p registry.PackageID, version string) error {
	wheel := pypiFiles(p, version)[0]
	body, contentType, err := uploadForm(p.Name, version, wheel)
	if err != nil {
		return err
	}
	return s.upload(http.MethodPost, s.repository(registry.PyPI), contentType, body)
}

// uploadForm is the form of an upload to a Python repository.
func uploadForm(project, version string, wheel file) (io.Reader, string, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, f := range [][2]string{{":action", "file_upload"}, {"name", project}, {"version", version}, {"filetype", "bdist_wheel"}} {
		if err := form.WriteField(f[0], f[1]); err != nil {
			return nil, "", err
		}
	}
	w, err := form.CreateFormFile("content", wheel.name)
	if err != nil {
		return nil, "", err
	}
	w.Write(wheel.content) //nolint:errcheck // a bytes.Buffer does not fail
	return &body, form.FormDataContentType(), form.Close()
}

// upload sends a body.
func (s *server) upload(method, url, contentType string, body io.Reader) error {
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	return s.send(req)
}

func pypiIndex(s *server, p registry.PackageID) (*http.Request, error) {
	return s.request(registry.PyPI, "simple/"+p.Name+"/", map[string]string{"Accept": "application/vnd.pypi.simple.v1+json", "Accept-Encoding": "gzip"})
}

func mavenFiles(p registry.PackageID, version string) []file {
	name := p.Name + "-" + version
	return []file{
		{name + ".jar", archive(file{"META-INF/MANIFEST.MF", fmt.Appendf(nil, "Manifest-Version: 1.0\nImplementation-Title: %s\nImplementation-Version: %s\n", p.Name, version)})},
		{name + ".pom", fmt.Appendf(nil, "<project><modelVersion>4.0.0</modelVersion><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version>"+
			"<name>a package of the benchmark</name></project>", p.Namespace, p.Name, version)},
	}
}

func mavenFolder(p registry.PackageID) string {
	return strings.ReplaceAll(p.Namespace, ".", "/") + "/" + p.Name + "/"
}

// publishMaven deploys as mvn does: the files, then the metadata.
func (s *server) publishMaven(p registry.PackageID, version string) error {
	at := s.repository(registry.Maven) + mavenFolder(p)
	for _, f := range mavenFiles(p, version) {
		if err := s.upload(http.MethodPut, at+version+"/"+f.name, "application/octet-stream", bytes.NewReader(f.content)); err != nil {
			return err
		}
	}
	return s.upload(http.MethodPut, at+"maven-metadata.xml", "application/xml", strings.NewReader(fmt.Sprintf(
		"<metadata><groupId>%s</groupId><artifactId>%s</artifactId><versioning><release>%[3]s</release><versions><version>%[3]s</version></versions></versioning></metadata>",
		p.Namespace, p.Name, version)))
}

func mavenIndex(s *server, p registry.PackageID) (*http.Request, error) {
	return s.request(registry.Maven, mavenFolder(p)+"maven-metadata.xml", nil)
}

func nugetFiles(p registry.PackageID, version string) []file {
	return []file{{p.Name + "." + version + ".nupkg", nupkg(p.Name, version, 64)}}
}

func (s *server) publishNuGet(p registry.PackageID, version string) error {
	return s.pushNuGet(s.repository(registry.NuGet), nugetFiles(p, version)[0])
}

func nugetIndex(s *server, p registry.PackageID) (*http.Request, error) {
	return s.request(registry.NuGet, "v3/registration4/"+p.Name+"/index.json", map[string]string{"Accept-Encoding": "gzip"})
}

// archive is a zip of the files, uncompressed.
func archive(files ...file) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, _ := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Store}) // a bytes.Buffer does not fail
		w.Write(f.content)                                                       //nolint:errcheck // as above
	}
	z.Close()
	return b.Bytes()
}
