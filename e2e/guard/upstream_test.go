package guard

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"larder/formats/formatstest"
)

// release is a version that an upstream registry has, and how old it is.
type release struct {
	version string
	age     time.Duration
}

const month = 30 * 24 * time.Hour

// tarball packs a package as npm pack does.
func tarball(t testing.TB, name, version string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	archive := tar.NewWriter(z)
	for _, f := range [][2]string{
		{"package/package.json", fmt.Sprintf(`{"name":%q,"version":%q}`, name, version)},
		{"package/index.js", fmt.Sprintf("module.exports = %q\n", version)},
	} {
		archive.WriteHeader(&tar.Header{Name: f[0], Mode: 0o644, Size: int64(len(f[1]))})
		archive.Write([]byte(f[1]))
	}
	archive.Close()
	z.Close()
	return out.Bytes()
}

func offerNPM(t testing.TB, u *formatstest.Upstream, name string, releases ...release) {
	t.Helper()
	versions, times := map[string]any{}, map[string]any{}
	latest := ""
	for _, r := range releases {
		b := tarball(t, name, r.version)
		sum := sha512.Sum512(b)
		file := "/" + name + "/-/" + name + "-" + r.version + ".tgz"
		u.Serve(file, formatstest.Resource{Body: b, Type: "application/octet-stream"})
		versions[r.version] = map[string]any{"name": name, "version": r.version, "dist": map[string]string{
			"tarball": "{upstream}" + file, "integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:]),
		}}
		times[r.version] = time.Now().Add(-r.age).UTC().Format(time.RFC3339)
		latest = r.version
	}
	body, err := json.Marshal(map[string]any{"name": name, "dist-tags": map[string]string{"latest": latest}, "versions": versions, "time": times})
	if err != nil {
		t.Fatal(err)
	}
	u.Serve("/"+name, formatstest.Resource{Body: body, Type: "application/json"})
}

// wheel packs a Python module that knows its version.
func wheel(name, version string) (file string, content []byte) {
	info := name + "-" + version + ".dist-info/"
	files := [][2]string{
		{name + "/__init__.py", "version = '" + version + "'\n"},
		{info + "METADATA", "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n"},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
	}
	record := ""
	for _, f := range files {
		sum := sha256.Sum256([]byte(f[1]))
		record += fmt.Sprintf("%s,sha256=%s,%d\n", f[0], base64.RawURLEncoding.EncodeToString(sum[:]), len(f[1]))
	}
	files = append(files, [2]string{info + "RECORD", record + info + "RECORD,,\n"})
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		if w, err := z.Create(f[0]); err == nil {
			w.Write([]byte(f[1]))
		}
	}
	z.Close()
	return name + "-" + version + "-py3-none-any.whl", b.Bytes()
}

func offerPython(u *formatstest.Upstream, name string, releases ...release) {
	var files, versions []any
	for _, r := range releases {
		file, b := wheel(name, r.version)
		sum := sha256.Sum256(b)
		u.Serve("/files/"+file, formatstest.Resource{Body: b, Type: "application/octet-stream"})
		versions = append(versions, r.version)
		files = append(files, map[string]any{
			"filename": file, "url": "{upstream}/files/" + file, "hashes": map[string]string{"sha256": hex.EncodeToString(sum[:])}, "size": len(b),
			"upload-time": time.Now().Add(-r.age).UTC().Format("2006-01-02T15:04:05.000000Z"),
		})
	}
	body, _ := json.Marshal(map[string]any{"meta": map[string]string{"api-version": "1.1"}, "name": name, "versions": versions, "files": files})
	u.Serve("/simple/"+name+"/", formatstest.Resource{Body: body, Type: "application/vnd.pypi.simple.v1+json"})
}

// offerMaven puts an artifact beside what a folder has.
func offerMaven(u *formatstest.Upstream, folder http.Handler, releases ...release) {
	versions, last := "", ""
	var updated time.Time
	for _, r := range releases {
		at := "/org/acme/lib/" + r.version + "/lib-" + r.version
		modified := time.Now().Add(-r.age)
		var jar bytes.Buffer
		z := zip.NewWriter(&jar)
		if w, err := z.Create("lib.txt"); err == nil {
			w.Write([]byte(r.version))
		}
		z.Close()
		u.Serve(at+".jar", formatstest.Resource{Body: jar.Bytes(), Type: "application/java-archive", Modified: modified})
		u.Serve(at+".pom", formatstest.Resource{Type: "text/xml", Modified: modified, Body: fmt.Appendf(nil,
			`<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>org.acme</groupId><artifactId>lib</artifactId><version>%s</version></project>`, r.version)})
		versions += "<version>" + r.version + "</version>"
		last, updated = r.version, modified
	}
	u.Serve("/org/acme/lib/maven-metadata.xml", formatstest.Resource{Type: "text/xml", Body: fmt.Appendf(nil,
		`<metadata><groupId>org.acme</groupId><artifactId>lib</artifactId><versioning><latest>%s</latest><release>%s</release><versions>%s</versions><lastUpdated>%s</lastUpdated></versioning></metadata>`,
		last, last, versions, updated.UTC().Format("20060102150405"))})
	// All other paths are the folder's: the fault stands for them.
	u.Fault("", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if len(r.URL.Path) >= 10 && r.URL.Path[:10] == "/org/acme/" {
			next.ServeHTTP(w, r)
			return
		}
		folder.ServeHTTP(w, r)
	})
}
