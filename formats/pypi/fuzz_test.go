package pypi

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"larder/registry"
)

func FuzzForm(f *testing.F) {
	const kind = "multipart/form-data; boundary=b"
	part := func(name, file, value string) string {
		head := `Content-Disposition: form-data; name="` + name + `"`
		if file != "" {
			head += `; filename="` + file + `"`
		}
		return "--b\r\n" + head + "\r\n\r\n" + value + "\r\n"
	}
	f.Add(kind, []byte(part(":action", "", "file_upload")+part("name", "", "lib")+part("content", "lib-1.0.tar.gz", "bytes")+"--b--\r\n"))
	f.Add(kind, []byte(part("content", "x", "")+part("content", "y", "")+"--b--"))
	f.Add(kind, []byte("--b\r\n\r\n--b--\r\n"))
	f.Add("multipart/form-data", []byte("--"))
	f.Add("text/plain", []byte(""))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		r := &http.Request{Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(bytes.NewReader(body))}
		files := 0
		form, err := readForm(r, func(project, name string, rd io.Reader) (registry.Asset, error) {
			files++
			n, err := io.Copy(io.Discard, rd)
			if strings.ContainsAny(name, "/") {
				t.Errorf("a file is called %q", name)
			}
			return registry.Asset{Name: name, Size: n}, err
		})
		switch code := registry.CodeOf(err); {
		case err != nil && code != registry.Invalid && code != registry.TooLarge:
			t.Errorf("got %v", err)
		case err == nil && (files > 1 || (files == 1) != (form.file != nil)):
			t.Errorf("%d files were staged", files)
		}
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte("Metadata-Version: 2.1\nName: lib\nVersion: 1.0\nClassifier: a\nClassifier: b\n\nText\n"))
	f.Add([]byte("Metadata-Version: 1.0\r\nDescription: first\r\n        |second\r\n        third\r\n"))
	f.Add([]byte("\xef\xbb\xbfName: \xff\n no: name\n:\n\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := parseMetadata(b)
		_ = m.check("it", "lib", "1.0")
		stored := manifest{About: aboutOf(m)}.encode()
		if !json.Valid(stored) || !utf8.Valid(stored) {
			t.Errorf("stored as %q", stored)
		}
		decode(stored).describe()
	})
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"meta":{"api-version":"1.4"},"name":"left","files":[{"filename":"left-1.0.tar.gz","url":"../f/left-1.0.tar.gz","hashes":{"sha256":"00"},"size":1,"yanked":"x","core-metadata":true,"upload-time":"2024-01-01T00:00:00Z"}],"project-status":{"status":"archived"}}`))
	f.Add([]byte(`<html><head><base href="/x/"></head><a href="left-1.0-py3-none-any.whl#sha256=aa" data-yanked data-core-metadata="sha256=bb">left</a>`))
	f.Add([]byte(`<a href="http://[::1/left-1.0.tar.gz"><a href="javascript:left-1.0.tar.gz"><a href="//h/left-1.0.zip?q#md5=x">`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := registry.PackageID{Format: registry.PyPI, Name: "left"}
		l, err := readPage(b, "http://upstream.test/simple/left/", p)
		if err != nil {
			if registry.CodeOf(err) != registry.UpstreamFailed {
				t.Errorf("got %v", err)
			}
			return
		}
		view := &registry.PackageView{ID: p, Metadata: l.Metadata}
		for _, v := range l.Versions {
			id := registry.VersionID{Package: p, Version: v.Version}
			if c, err := (rules{}).Canonical(id); err != nil || c != id {
				t.Errorf("version %q is not normalized: %v", v.Version, err)
			}
			for _, a := range v.Assets {
				if u, err := url.Parse(a.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Fragment != "" {
					t.Errorf("%q is at %q", a.Name, a.URL)
				}
				if !assetName(strings.TrimSuffix(a.Name, signatureSuffix)) {
					t.Errorf("a file is called %q", a.Name)
				}
			}
			view.Versions = append(view.Versions, registry.VersionView{Version: registry.Version{Version: v.Version, Manifest: v.Manifest, Status: v.Status}, Listed: v.Assets})
		}
		// What we make of it, another one of us reads the same.
		page, err := renderJSON(view, "http://registry.test/")
		if err != nil || !json.Valid(page) {
			t.Fatalf("got %q, %v", page, err)
		}
		for _, again := range [][]byte{page, renderHTML(view, "http://registry.test/")} {
			r, err := readPage(again, "http://registry.test/simple/left/", p)
			if err != nil || len(r.Versions) != len(l.Versions) {
				t.Fatalf("%s\nis read again with %v", again, err)
			}
		}
		if html := string(renderHTML(view, "http://registry.test/")); strings.Contains(strings.ToLower(html), "<script") {
			t.Errorf("a script: %s", html)
		}
	})
}

func FuzzWheel(f *testing.F) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range []string{"lib/__init__.py", "lib-1.0.dist-info/METADATA", "lib-1.0.dist-info/WHEEL", "lib-1.0.dist-info/RECORD"} {
		w, _ := z.Create(name)
		w.Write([]byte("Metadata-Version: 2.1\nName: lib\nVersion: 1.0\n\n"))
	}
	z.Close()
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:b.Len()-1])
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Add([]byte("PK\x06\x06" + strings.Repeat("\x00", 52) + "PK\x06\x07" + strings.Repeat("\x00", 16) + "PK\x05\x06" + strings.Repeat("\xff", 16) + "\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, size := bytes.NewReader(b), int64(len(b))
		info, err := checkWheel(r, size, "lib", "1.0")
		if err != nil && registry.CodeOf(err) != registry.Invalid {
			t.Errorf("got %v", err)
		}
		again, err2 := extractMetadata(r, size)
		if err == nil && (err2 != nil || !bytes.Equal(info, again)) {
			t.Errorf("the metadata is %q at first and %q, %v later", info, again, err2)
		}
		if code := registry.CodeOf(err2); err2 != nil && code != registry.Invalid && code != registry.NotFound {
			t.Errorf("got %v", err2)
		}
	})
}

func FuzzSdist(f *testing.F) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	w.WriteHeader(&tar.Header{Name: "lib-1.0/PKG-INFO", Mode: 0o644, Size: 5, Typeflag: tar.TypeReg})
	w.Write([]byte("Name:"))
	w.Close()
	z.Close()
	f.Add(b.Bytes(), false)
	f.Add(b.Bytes()[:20], false)
	f.Add([]byte("PK\x05\x06"+strings.Repeat("\x00", 18)), true)
	f.Fuzz(func(t *testing.T, b []byte, zipped bool) {
		name := "lib-1.0.tar.gz"
		if zipped {
			name = "lib-1.0.zip"
		}
		info, err := checkSdist(name, bytes.NewReader(b), int64(len(b)))
		if err != nil && registry.CodeOf(err) != registry.Invalid {
			t.Errorf("got %v", err)
		}
		// What is taken is found as well where it comes from elsewhere.
		if found, odd := sdistMetadata(name, bytes.NewReader(b), int64(len(b))); err == nil && (odd != nil || !bytes.Equal(found, info)) {
			t.Errorf("got %q, %v, want %q", found, odd, info)
		}
	})
}
