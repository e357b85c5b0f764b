//go:build unix

package main

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"syscall"
	"testing"
	"time"

	"larder/internal/sigstoretest"
	"larder/policy/identity"
	"larder/registry"
	"larder/registry/guard/sigstore"
)

// BenchmarkWarm is what this server's own code costs for a request that is
// answered from what is here, without net/http and the kernel. design.md
// section 3 has the budget.
func BenchmarkWarm(b *testing.B) {
	s, _ := start(b, b.TempDir(), func(s *Server) { s.Stderr = io.Discard })
	h := s.handler(&operations{server: s})
	domain := registry.DomainID{Owner: identity.FirstAccount, Name: firstDomain}
	token := warmToken(b, s, domain)
	repository := "/npm/d/local-000000000000/main/"
	trusted := sigstoretest.New(b)
	var err error
	if s.service.Attestor, err = sigstore.New(trusted.Root()); err != nil {
		b.Fatal(err)
	}
	for _, version := range []string{"1.0.0", "1.0.1"} {
		req := httptest.NewRequest(http.MethodPut, repository+"warm", bytes.NewReader(warmRelease(b, trusted, version)))
		req.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, req); w.Code >= 300 {
			b.Fatalf("publish: %d %s", w.Code, w.Body)
		}
	}
	const metadata = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*"
	for _, c := range []struct {
		name, path string
		header     map[string]string
		again      bool // with the ETag of the first answer
		guard      bool
	}{
		{name: "tarball", path: "warm/-/warm-1.0.1.tgz"},
		{name: "packument", path: "warm", header: map[string]string{"Accept": metadata, "Accept-Encoding": "gzip,deflate"}},
		{name: "unchanged", path: "warm", header: map[string]string{"Accept": "application/vnd.npm.install-v1+json"}, again: true},
		{name: "tarball, guarded", path: "warm/-/warm-1.0.1.tgz", guard: true},
		{name: "packument, guarded", path: "warm", header: map[string]string{"Accept": metadata, "Accept-Encoding": "gzip,deflate"}, guard: true},
		{name: "unchanged, guarded", path: "warm", header: map[string]string{"Accept": "application/vnd.npm.install-v1+json"}, again: true, guard: true},
	} {
		b.Run(c.name, func(b *testing.B) {
			warmGuard(b, s, domain, c.guard)
			req := httptest.NewRequest(http.MethodGet, repository+c.path, nil)
			req.RemoteAddr = "127.0.0.1:40000"
			req.Header.Set("Authorization", "Bearer "+token)
			for k, v := range c.header {
				req.Header.Set(k, v)
			}
			want := http.StatusOK // which is written by no word, too
			w := &nobody{header: http.Header{}}
			h.ServeHTTP(w, req)
			if c.again {
				req.Header.Set("If-None-Match", w.header.Get("ETag"))
				want = http.StatusNotModified
			}
			b.ReportAllocs()
			before := cpuTime()
			for b.Loop() {
				clear(w.header)
				h.ServeHTTP(w, req)
			}
			// Elapsed time says little on a machine that does other things, too.
			b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
			if w.status != want && w.status != 0 {
				b.Fatalf("status %d, want %d", w.status, want)
			}
		})
	}
}

// warmSigner attests what is published.
var warmSigner = sigstoretest.Signer{Issuer: "https://login.test", Identity: "me@acme.test"}

// warmRelease is what npm publish --provenance sends, with a tarball of 100 KB.
func warmRelease(b *testing.B, v *sigstoretest.Instance, version string) []byte {
	tarball := make([]byte, 100<<10)
	sum := sha512.Sum512(tarball)
	bundle := v.Bundle(warmSigner, "pkg:npm/warm@"+version, "provenance", map[string]string{"sha512": hex.EncodeToString(sum[:])})
	body, err := json.Marshal(map[string]any{
		"name": "warm", "dist-tags": map[string]string{"latest": version},
		"versions": map[string]any{version: map[string]any{"name": "warm", "version": version}},
		"_attachments": map[string]any{
			"warm-" + version + ".tgz":      map[string]any{"data": base64.StdEncoding.EncodeToString(tarball)},
			"warm-" + version + ".sigstore": map[string]any{"data": string(bundle)},
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	return body
}

// warmGuard gives the domain rules of every kind, 2,000 blocked versions among
// them, or takes them away.
func warmGuard(b *testing.B, s *Server, d registry.DomainID, on bool) {
	document := "{}"
	if on {
		var versions []registry.VersionID
		for i := range 2000 {
			versions = append(versions, registry.VersionID{Package: registry.PackageID{Format: registry.NPM, Name: fmt.Sprint("worm-", i/5)}, Version: fmt.Sprint("1.0.", i%5)})
		}
		var err error
		document, err = s.service.Guard.Block(`{"cooldown":[{"age":"3d"}],"advisories":[{"action":"warn"}],"block":[{"package":"/npm/*","license":"AGPL-*"}],
			"attest":[{"package":"/npm//warm$","issuer":"https://login.test","identity":"me@acme.test"}]}`, versions, "worm")
		if err != nil {
			b.Fatal(err)
		}
	}
	actor := registry.Actor{Account: d.Owner, Principal: registry.User{Account: d.Owner, Name: "admin"}.ARN(), User: "admin"}
	if _, err := s.service.PutGuardRules(b.Context(), actor, d, document, nil); err != nil {
		b.Fatal(err)
	}
}

func warmToken(b *testing.B, s *Server, d registry.DomainID) string {
	text, err := os.ReadFile(s.folder.credentials())
	if err != nil {
		b.Fatal(err)
	}
	key := regexp.MustCompile(`aws_access_key_id = (\S+)`).FindSubmatch(text)
	actor := registry.Actor{Account: d.Owner, Principal: registry.User{Account: d.Owner, Name: "admin"}.ARN(), User: "admin", AccessKey: string(key[1])}
	token, _, err := s.identity.IssueToken(b.Context(), actor, d, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	return token
}

// nobody takes an answer and forgets it.
type nobody struct {
	header http.Header
	status int
}

func (w *nobody) Header() http.Header               { return w.header }
func (w *nobody) WriteHeader(status int)            { w.status = status }
func (w *nobody) Write(p []byte) (int, error)       { return len(p), nil }
func (w *nobody) ReadFrom(io.Reader) (int64, error) { return 0, nil }

// cpuTime is what this process has used of the processors so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
