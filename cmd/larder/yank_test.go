package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// uploadPython is the script command
//
//	upload-python TOKENFILE URL NAME VERSION
//
// which uploads a source distribution as twine does.
func uploadPython(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: upload-python TOKENFILE URL NAME VERSION")
	}
	token, target, name, version := strings.TrimSpace(ts.ReadFile(args[0])), args[1], args[2], args[3]
	folder := name + "-" + version
	sdist, err := pack(name, version)
	ts.Check(err)

	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, f := range [][2]string{
		{":action", "file_upload"}, {"protocol_version", "1"}, {"metadata_version", "2.1"},
		{"name", name}, {"version", version}, {"filetype", "sdist"}, {"pyversion", "source"},
	} {
		ts.Check(form.WriteField(f[0], f[1]))
	}
	part, err := form.CreateFormFile("content", folder+".tar.gz")
	ts.Check(err)
	_, err = part.Write(sdist)
	ts.Check(err)
	ts.Check(form.Close())

	r, err := http.NewRequest(http.MethodPost, target, &body)
	ts.Check(err)
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.SetBasicAuth("aws", token)
	res, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		ts.Fatalf("upload: %s", res.Status)
	}
}

// pack makes a source distribution with nothing in it but what it is.
func pack(name, version string) ([]byte, error) {
	metadata := fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, version)
	var sdist bytes.Buffer
	z := gzip.NewWriter(&sdist)
	archive := tar.NewWriter(z)
	err := archive.WriteHeader(&tar.Header{Name: name + "-" + version + "/PKG-INFO", Mode: 0o644, Size: int64(len(metadata))})
	if err == nil {
		_, err = archive.Write([]byte(metadata))
	}
	err = errors.Join(err, archive.Close(), z.Close())
	return sdist.Bytes(), err
}
