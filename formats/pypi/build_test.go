package pypi_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"mime/multipart"
	"strings"

	"larder/formats/formatstest"
)

// metadataOf is a METADATA or PKG-INFO file.
func metadataOf(name, version string, more ...string) string {
	head := append([]string{"Metadata-Version: 2.1", "Name: " + name, "Version: " + version}, more...)
	return strings.Join(head, "\n") + "\n\n# " + name + "\n"
}

// entry is one file of an archive.
type entry struct{ name, content string }

// wheelEntries are the files of a wheel.
func wheelEntries(name, version, metadata string) []entry {
	module := strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToLower(name))
	folder := module + "-" + version + ".dist-info/"
	return []entry{
		{module + "/__init__.py", "name = '" + name + "'\n"},
		{folder + "METADATA", metadata},
		{folder + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{folder + "RECORD", module + "/__init__.py,,\n" + folder + "METADATA,,\n" + folder + "WHEEL,,\n" + folder + "RECORD,,\n"},
	}
}

func wheel(name, version string, more ...string) []byte {
	return zipped(wheelEntries(name, version, metadataOf(name, version, more...)))
}

func zipped(entries []entry) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		// Not compressed, so that the bytes do not depend on the compressor.
		w, err := z.CreateHeader(&zip.FileHeader{Name: e.name, Method: zip.Store})
		if err != nil {
			panic(err)
		}
		w.Write([]byte(e.content))
	}
	z.Close()
	return b.Bytes()
}

// sizedWheel is a wheel of exactly that size.
func sizedWheel(name, version string, size int) []byte {
	padded := func(n int) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, e := range append(wheelEntries(name, version, metadataOf(name, version)), entry{"padding", strings.Repeat("0123456789", n/10+1)[:n]}) {
			w, _ := z.CreateHeader(&zip.FileHeader{Name: e.name, Method: zip.Store})
			w.Write([]byte(e.content))
		}
		z.Close()
		return b.Bytes()
	}
	return padded(size - len(padded(0)))
}

func tarball(entries []entry) []byte { return tarballOf(gzip.NoCompression, entries) }

func tarballOf(level int, entries []entry) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		panic(err)
	}
	w := tar.NewWriter(z)
	for _, e := range entries {
		w.WriteHeader(&tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.content)), Typeflag: tar.TypeReg})
		w.Write([]byte(e.content))
	}
	w.Close()
	z.Close()
	return b.Bytes()
}

func sdist(name, version string, more ...string) []byte {
	folder := strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToLower(name)) + "-" + version + "/"
	return tarball([]entry{{folder + "setup.py", "from setuptools import setup; setup()\n"}, {folder + "PKG-INFO", metadataOf(name, version, more...)}})
}

// field is one field of a form.
type field struct{ name, value string }

// upload is the form by which twine sends a file; further fields stand before it.
func upload(name, version, file string, content []byte, more ...field) formatstest.Call {
	kind := "sdist"
	if strings.HasSuffix(file, ".whl") {
		kind = "bdist_wheel"
	}
	one, two := md5.Sum(content), sha256.Sum256(content)
	return form(file, content, append([]field{
		{":action", "file_upload"}, {"protocol_version", "1"}, {"name", name}, {"version", version}, {"filetype", kind},
		{"metadata_version", "2.1"}, {"md5_digest", hex.EncodeToString(one[:])}, {"sha256_digest", hex.EncodeToString(two[:])},
	}, more...)...)
}

func form(file string, content []byte, fields ...field) formatstest.Call {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		w.WriteField(f.name, f.value)
	}
	part, _ := w.CreateFormFile("content", file)
	part.Write(content)
	w.Close()
	return formatstest.Call{Method: "POST", Header: map[string]string{"Content-Type": w.FormDataContentType()}, Body: b.Bytes()}
}

func wheelName(name, version string) string {
	return strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToLower(name)) + "-" + version + "-py3-none-any.whl"
}

func uploadWheel(name, version string, more ...string) formatstest.Call {
	return upload(name, version, wheelName(name, version), wheel(name, version, more...))
}

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func md5Hex(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

// bomb is a wheel with an entry that claims to be large.
func bomb() []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range wheelEntries("lib", "1.0", metadataOf("lib", "1.0")) {
		w, _ := z.Create(e.name) // compressed
		w.Write([]byte(e.content))
	}
	w, _ := z.CreateRaw(&zip.FileHeader{Name: "big", Method: zip.Deflate, CompressedSize64: 4, UncompressedSize64: 1 << 31})
	w.Write([]byte("\x03\x00\x00\x00"))
	z.Close()
	return b.Bytes()
}
