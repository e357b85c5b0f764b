package main

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"larder/bench/process"
)

// installGoal is the memory of a server through which a project was installed.
const installGoal = 150 * megabyte

// sizes of the installed project: how many packages have how many versions.
// Package documents of public registries are long: few versions a package has
// are ever installed, and all are in its document.
var sizes = []struct{ packages, versions int }{{6, 2400}, {14, 700}, {40, 150}, {60, 25}}

// install measures memory after a project of 120 packages came through an
// upstream registry for the first time.
func (b *bench) install() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	documents := 0
	upstream := &publicRegistry{documents: map[string][]byte{}, tarball: map[string]uint64{}}
	var names []string
	for _, s := range sizes {
		for range s.packages {
			name := fmt.Sprintf("bench-%d", len(names))
			names = append(names, name)
			documents += upstream.add("http://"+l.Addr().String()+"/", name, s.versions)
		}
	}
	go http.Serve(l, upstream) //nolint:errcheck // until the listener is closed
	defer l.Close()
	s, err := b.serve("install", "--external-connection", "public:npmjs=http://"+l.Addr().String()+"/")
	if err != nil {
		return err
	}
	most, took, err := s.peak(func() error { return s.installAll(names) })
	if err != nil {
		return err
	}
	now, err := resident(s.PID, "VmRSS")
	if err != nil {
		return err
	}
	time.Sleep(settle)
	later, err := resident(s.PID, "VmRSS")
	if err != nil {
		return err
	}
	fmt.Printf("\nA first install of %d packages (%s of documents) through an upstream: %v; memory (RSS) %s at most, %s at its end, %s after %v (goal %s).\n",
		len(names), megabytes(int64(documents)), took.Round(10*time.Millisecond), megabytes(most), megabytes(now), megabytes(later), settle, megabytes(installGoal))
	return s.Stop()
}

// installAll asks as npm does, for 16 packages at a time.
func (s *server) installAll(names []string) error {
	var wait sync.WaitGroup
	failed := make(chan error, len(names))
	slots := make(chan struct{}, 16)
	for _, name := range names {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			for _, path := range []string{name, name + "/-/" + name + "-1.0.0.tgz"} {
				res, err := s.do("GET", path, nil, map[string]string{"Accept": packumentType, "Accept-Encoding": "gzip"})
				if err != nil {
					failed <- err
					return
				}
				_, err = io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if err != nil {
					failed <- err
				}
			}
		})
	}
	wait.Wait()
	close(failed)
	return <-failed
}

// publicRegistry answers like a plain mirror: whole documents, uncompressed,
// without ETags.
type publicRegistry struct {
	documents map[string][]byte
	tarball   map[string]uint64 // seed of the only one that is asked for, 1.0.0
}

const tarballSize = 100 << 10

// add makes a package and gives the size of its document.
func (p *publicRegistry) add(url, name string, versions int) int {
	seed := uint64(len(p.tarball))
	sum := sha512.New()
	io.Copy(sum, noise(seed, tarballSize)) //nolint:errcheck // does not fail
	all, times := map[string]any{}, map[string]any{}
	for i := range versions {
		r := release(name, i)
		r.Manifest["name"], r.Manifest["version"] = name, r.Version
		random := make([]byte, 64)
		for i := range random {
			random[i] = byte(rand.Uint32())
		}
		integrity := base64.StdEncoding.EncodeToString(random)
		if i == 0 {
			integrity = base64.StdEncoding.EncodeToString(sum.Sum(nil))
		}
		r.Manifest["_id"], r.Manifest["gitHead"] = name+"@"+r.Version, fmt.Sprintf("%040x", random[:20])
		r.Manifest["dist"] = map[string]any{
			"tarball": url + name + "/-/" + r.FileName(), "integrity": "sha512-" + integrity,
			"fileCount": 12, "unpackedSize": 345678,
			"signatures": []any{map[string]string{"keyid": "SHA256:" + integrity[:43], "sig": integrity + "="}},
		}
		r.Manifest["maintainers"] = []any{map[string]string{"name": "somebody", "email": "somebody@mail.example"}}
		all[r.Version] = r.Manifest
		times[r.Version] = time.Unix(1700000000+int64(i)*3600, 0).UTC().Format(time.RFC3339)
	}
	document, _ := json.Marshal(map[string]any{
		"_id": name, "name": name, "dist-tags": map[string]string{"latest": "1.0.0"},
		"versions": all, "time": times, "readme": strings.Repeat("All about it. ", 1000),
	})
	p.documents["/"+name] = document
	p.tarball["/"+name+"/-/"+process.Release{Name: name, Version: "1.0.0"}.FileName()] = seed
	return len(document)
}

func (p *publicRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if document, ok := p.documents[r.URL.Path]; ok {
		w.Header().Set("Content-Type", "application/json")
		io.Copy(w, bytes.NewReader(document)) //nolint:errcheck // the client has left
		return
	}
	seed, ok := p.tarball[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	io.Copy(w, noise(seed, tarballSize)) //nolint:errcheck // the client has left
}
