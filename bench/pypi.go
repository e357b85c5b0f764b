package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"larder/registry"
)

// What the index page of a large Python project and its uploads should reach.
const (
	pageGoal   = 0.4 // Larder's part of what nginx does
	pageFiles  = 2000
	uploads    = 1500 // of a project each
	uploadPart = 200  // of them at the start, and at the end
)

// pageCases are the forms of the page.
var pageCases = []struct {
	name, file string
	header     map[string]string
}{
	{"page of 2,000 files, JSON", "page.json", map[string]string{"Accept": "application/vnd.pypi.simple.v1+json"}},
	{"the same, gzip", "page.json.gz", map[string]string{"Accept": "application/vnd.pypi.simple.v1+json", "Accept-Encoding": "gzip"}},
	{"the same as HTML, gzip", "page.html.gz", map[string]string{"Accept": "text/html", "Accept-Encoding": "gzip"}},
}

// pypi measures the index page of a project with many files beside nginx with
// the same bytes, and whether an upload costs more where there are more projects.
func (b *bench) pypi() (err error) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.pypi.simple.v1+json")
		w.Write(largePage())
	}))
	defer upstream.Close()
	folder := filepath.Join(b.folder, "pypi")
	if err := os.MkdirAll(filepath.Join(folder, "files"), 0o700); err != nil {
		return err
	}
	s, err := b.serve("pypi/larder", "--external-connection", "public:pypi="+upstream.URL+"/simple/")
	if err != nil {
		return err
	}
	larder := &contender{name: "Larder", pids: []int{s.PID}, stop: s.Stop, requests: map[string]request{}}
	defer func() { err = errors.Join(err, larder.stop()) }()
	repository := s.Running.URL + "/pypi/d/local-000000000000/main/"

	for _, c := range pageCases {
		header := map[string]string{"Authorization": s.header["Authorization"]}
		for k, v := range c.header {
			header[k] = v
		}
		larder.requests[c.name] = request{repository + "simple/large/", header}
		if err := larder.requests[c.name].save(filepath.Join(folder, "files", c.file)); err != nil {
			return err
		}
	}
	nginx, err := startNginx(folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, nginx.stop()) }()
	nginx.requests = map[string]request{}
	for _, c := range pageCases {
		nginx.requests[c.name] = request{nginx.url + c.file, larder.requests[c.name].header}
	}
	rows := make([]row, 0, len(pageCases))
	for _, of := range pageCases {
		rows = append(rows, row{of.name, of.name, pageGoal})
	}
	if err := b.besideNginx("Python index pages", nginx, larder, rows); err != nil {
		return err
	}
	return s.uploadMany()
}

// largePage is the page of a project with many files.
func largePage() []byte {
	type file struct {
		Filename   string            `json:"filename"`
		URL        string            `json:"url"`
		Hashes     map[string]string `json:"hashes"`
		Python     string            `json:"requires-python"`
		Size       int               `json:"size"`
		UploadTime string            `json:"upload-time"`
		Core       map[string]string `json:"core-metadata"`
	}
	var files []file
	for i := range pageFiles {
		name := fmt.Sprintf("large-%d.%d.0-cp3%d-cp3%[3]d-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", i/100, i/5%20, 8+i%5)
		sum := fmt.Sprintf("%064x", i+1)
		files = append(files, file{name, "/files/" + name, map[string]string{"sha256": sum}, ">=3.8", 1 << 20, "2024-03-05T12:00:00.000000Z", map[string]string{"sha256": sum}})
	}
	page, _ := json.Marshal(map[string]any{"meta": map[string]string{"api-version": "1.4"}, "name": "large", "files": files}) // it always marshals
	return page
}

// uploadMany uploads a wheel of each of many projects and compares the first
// uploads with the last ones.
func (s *server) uploadMany() error {
	var took []time.Duration
	for i := range uploads {
		began := time.Now()
		if err := s.publishPyPI(registry.PackageID{Format: registry.PyPI, Name: fmt.Sprint("project", i)}, "1.0"); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	first, last := median(took[:uploadPart]), median(took[uploads-uploadPart:])
	fmt.Printf("\nPython uploads: %v with up to %d projects, %v with %d: %.2f times.\n",
		first.Round(10*time.Microsecond), uploadPart, last.Round(10*time.Microsecond), uploads, float64(last)/float64(first))
	return nil
}
