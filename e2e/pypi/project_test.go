package pypi

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"larder/formats/formatstest"
)

// released is when everything in the fake index was uploaded.
var released = time.Date(2024, 3, 5, 12, 0, 0, 0, time.UTC)

// dist is one file that somebody built.
type dist struct {
	file     string
	content  []byte
	metadata string // of a wheel
	yanked   string
	requires string // Requires-Python
}

func module(name string) string { return strings.NewReplacer("-", "_", ".", "_").Replace(name) }

// wheel builds a wheel whose module says its version; headers are further ones
// of its metadata, ballast is as many bytes that do not compress.
func wheel(name, version string, ballast int, headers ...string) dist {
	d := dist{
		file:     module(name) + "-" + version + "-py3-none-any.whl",
		metadata: "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n" + strings.Join(append(headers, ""), "\n") + "\n",
	}
	for _, h := range headers {
		if v, ok := strings.CutPrefix(h, "Requires-Python: "); ok {
			d.requires = v
		}
	}
	info := module(name) + "-" + version + ".dist-info/"
	files := [][2]string{
		{module(name) + "/__init__.py", "version = '" + version + "'\n"},
		{info + "METADATA", d.metadata},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
	}
	if ballast > 0 {
		var b strings.Builder
		for i := 0; b.Len() < ballast; i++ {
			sum := sha256.Sum256(fmt.Append(nil, name, version, i))
			b.Write(sum[:])
		}
		files = append(files, [2]string{module(name) + "/ballast", b.String()})
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
		w, err := z.CreateHeader(&zip.FileHeader{Name: f[0], Method: zip.Deflate, Modified: released})
		if err != nil {
			panic(err)
		}
		w.Write([]byte(f[1]))
	}
	z.Close()
	d.content = b.Bytes()
	return d
}

// backend builds the wheel of a source distribution with nothing but Python.
const backend = `import os, zipfile
NAME, VERSION = %q, %q
def build_wheel(directory, config_settings=None, metadata_directory=None):
    file = f"{NAME}-{VERSION}-py3-none-any.whl"
    info = f"{NAME}-{VERSION}.dist-info/"
    files = {f"{NAME}/__init__.py": f"version = '{VERSION}'\n",
             info + "METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n\n",
             info + "WHEEL": "Wheel-Version: 1.0\nGenerator: own\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    files[info + "RECORD"] = "".join(f"{n},,\n" for n in [*files, info + "RECORD"])
    with zipfile.ZipFile(os.path.join(directory, file), "w") as z:
        for name, text in files.items():
            z.writestr(name, text)
    return file
def build_sdist(directory, config_settings=None):
    raise NotImplementedError
`

// sdist builds a source distribution that brings its own way to be built.
func sdist(name, version string) dist {
	folder := module(name) + "-" + version + "/"
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, f := range [][2]string{
		{"PKG-INFO", "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n\n"},
		{"pyproject.toml", "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n"},
		{"backend.py", fmt.Sprintf(backend, module(name), version)},
	} {
		w.WriteHeader(&tar.Header{Name: folder + f[0], Mode: 0o644, Size: int64(len(f[1])), ModTime: released, Typeflag: tar.TypeReg})
		w.Write([]byte(f[1]))
	}
	w.Close()
	z.Close()
	return dist{file: module(name) + "-" + version + ".tar.gz", content: b.Bytes()}
}

func (d dist) sha256() string { return sum([]byte(d.content)) }

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// offer puts a project with its files into the index, as JSON with metadata
// files and as HTML.
func offer(t *testing.T, u *formatstest.Upstream, name string, files ...dist) {
	t.Helper()
	html := "<!DOCTYPE html><html><head><title>Links for " + name + "</title></head><body>\n"
	var list []map[string]any
	for _, d := range files {
		u.Serve("/files/"+d.file, formatstest.Resource{Body: d.content, Type: "application/octet-stream", Modified: released})
		f := map[string]any{
			"filename": d.file, "url": "{upstream}/files/" + d.file, "size": len(d.content), "yanked": false,
			"hashes": map[string]string{"sha256": d.sha256()}, "upload-time": "2024-03-05T12:00:00.000000Z",
		}
		if d.yanked != "" {
			f["yanked"] = d.yanked
		}
		if d.requires != "" {
			f["requires-python"] = d.requires
		}
		if d.metadata != "" {
			u.Serve("/files/"+d.file+".metadata", formatstest.Resource{Body: []byte(d.metadata), Type: "application/octet-stream"})
			f["core-metadata"] = map[string]string{"sha256": sum([]byte(d.metadata))}
		}
		list = append(list, f)
		html += `<a href="{upstream}/files/` + d.file + `#sha256=` + d.sha256() + `">` + d.file + "</a>\n"
	}
	body, err := json.Marshal(map[string]any{"meta": map[string]string{"api-version": "1.4"}, "name": name, "versions": []string{}, "files": list})
	if err != nil {
		t.Fatal(err)
	}
	u.Serve("/simple/"+name+"/", formatstest.Resource{
		Body: []byte(html + "</body></html>"), Type: "text/html; charset=utf-8",
		Variants: map[string][]byte{"application/vnd.pypi.simple.v1+json": body},
	})
}

// offerProject puts what the clients install: extras, markers, a yanked and a
// preliminary version, something for another Python, and a source distribution.
func offerProject(t *testing.T, u *formatstest.Upstream) {
	t.Helper()
	yanked := wheel("core", "1.3", 0)
	yanked.yanked = "it breaks"
	offer(t, u, "core", wheel("core", "1.0", 0), wheel("core", "1.2", 0), yanked, wheel("core", "2.0rc1", 0), wheel("core", "3.0", 0, "Requires-Python: >=4"))
	offer(t, u, "web-app", wheel("web.app", "2.0", 100_000,
		"Requires-Dist: core (>=1.1)", "Provides-Extra: fast", `Requires-Dist: Speed_Up>=1 ; extra == "fast"`, `Requires-Dist: winonly ; sys_platform == "win32"`))
	offer(t, u, "speed-up", wheel("speed-up", "1.0", 0))
	offer(t, u, "sourced", sdist("sourced", "1.5"))
	offer(t, u, "winonly", wheel("winonly", "1.0", 0))
}

// installed is what is there afterwards.
const installed = "core 1.2,web_app 2.0,speed_up 1.0,sourced 1.5,winonly None"

// say is a Python program that says what is installed.
const say = `
def version(name):
    try:
        return __import__(name).version
    except ImportError:
        return None
print(",".join(f"{n} {version(n)}" for n in ["core", "web_app", "speed_up", "sourced", "winonly"]))`

// fetched counts what was fetched from the index of a kind.
func fetched(u *formatstest.Upstream, suffix string) int {
	n := 0
	for _, r := range u.Requests("") {
		if strings.HasSuffix(r.Path, suffix) {
			n++
		}
	}
	return n
}
