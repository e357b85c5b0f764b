package guard

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/formats"
	"larder/formats/formatstest"
	"larder/formats/maven"
	"larder/formats/npm"
	"larder/formats/nuget"
	"larder/formats/pypi"
	"larder/registry"
)

// The upstream registry has a version that is a month old and one of an hour ago.
const (
	settled = "1.0.0"
	fresh   = "2.0.0"
)

var content = map[string][]byte{settled: []byte("bytes of the old version"), fresh: []byte("bytes of the new version")}

// wire is how one format's clients read a package.
type wire struct {
	format   formats.Format
	pkg      registry.PackageID
	offer    func(u *formatstest.Upstream, published map[string]time.Time)
	index    []string                    // documents that list versions, below the repository
	document func(version string) string // of one version; nil: the format has none
	file     func(version string) string // its path below the repository
	asset    func(version string) string // its name
	more     func(version string) []string
}

func path(format string, elements ...any) string { return fmt.Sprintf(format, elements...) }

var wires = []wire{
	{
		format: npm.Format(), pkg: registry.PackageID{Format: registry.NPM, Name: "lib"},
		index: []string{"lib"},
		offer: func(u *formatstest.Upstream, published map[string]time.Time) {
			var versions, times []string
			for v, t := range published {
				sum := sha512.Sum512(content[v])
				versions = append(versions, fmt.Sprintf(`%q:{"name":"lib","version":%q,"license":"MIT","dist":{"tarball":"{upstream}/lib/-/lib-%s.tgz","integrity":"sha512-%s"}}`,
					v, v, v, base64.StdEncoding.EncodeToString(sum[:])))
				times = append(times, fmt.Sprintf(`%q:%q`, v, t.UTC().Format(time.RFC3339)))
				u.Serve("/lib/-/lib-"+v+".tgz", formatstest.Resource{Body: content[v], Type: "application/octet-stream"})
			}
			u.ServeText("/lib", fmt.Sprintf(`{"name":"lib","dist-tags":{"latest":%q},"versions":{%s},"time":{%s}}`,
				newest(published), strings.Join(versions, ","), strings.Join(times, ",")))
		},
		document: func(v string) string { return "lib/" + v },
		file:     func(v string) string { return path("lib/-/lib-%s.tgz", v) },
		asset:    func(string) string { return "package.tgz" },
	},
	{
		format: pypi.Format(), pkg: registry.PackageID{Format: registry.PyPI, Name: "lib"},
		index: []string{"simple/lib/", "pypi/lib/json"},
		offer: func(u *formatstest.Upstream, published map[string]time.Time) {
			var files, versions []string
			for v, t := range published {
				sum := sha256.Sum256(content[v])
				versions = append(versions, fmt.Sprintf("%q", v))
				files = append(files, fmt.Sprintf(`{"filename":"lib-%s.tar.gz","url":"{upstream}/files/lib-%s.tar.gz","hashes":{"sha256":%q},"size":%d,"upload-time":%q}`,
					v, v, hex.EncodeToString(sum[:]), len(content[v]), t.UTC().Format("2006-01-02T15:04:05.000000Z")))
				u.Serve("/files/lib-"+v+".tar.gz", formatstest.Resource{Body: content[v], Type: "application/octet-stream"})
			}
			u.ServeText("/lib/", fmt.Sprintf(`{"meta":{"api-version":"1.1"},"name":"lib","versions":[%s],"files":[%s]}`, strings.Join(versions, ","), strings.Join(files, ",")))
		},
		document: func(v string) string { return path("pypi/lib/%s/json", v) },
		file:     func(v string) string { return path("simple/lib/%s/lib-%s.tar.gz", v, v) },
		asset:    func(v string) string { return path("lib-%s.tar.gz", v) },
	},
	{
		format: maven.Format(maven.Options{}), pkg: registry.PackageID{Format: registry.Maven, Namespace: "org.acme", Name: "lib"},
		index: []string{"org/acme/lib/maven-metadata.xml"},
		offer: func(u *formatstest.Upstream, published map[string]time.Time) {
			var versions string
			for _, v := range []string{settled, fresh} {
				t, ok := published[v]
				if !ok {
					continue
				}
				versions += "<version>" + v + "</version>"
				at := "/org/acme/lib/" + v + "/lib-" + v + ".jar"
				u.Serve(at, formatstest.Resource{Body: content[v], Type: "application/java-archive", Modified: t})
				sum := sha256.Sum256(content[v])
				u.Serve(at+".sha256", formatstest.Resource{Body: []byte(hex.EncodeToString(sum[:])), Type: "text/plain", Modified: t})
			}
			v := newest(published)
			u.Serve("/org/acme/lib/maven-metadata.xml", formatstest.Resource{Type: "text/xml", Body: fmt.Appendf(nil,
				`<metadata><groupId>org.acme</groupId><artifactId>lib</artifactId><versioning><latest>%s</latest><release>%s</release><versions>%s</versions><lastUpdated>%s</lastUpdated></versioning></metadata>`,
				v, v, versions, published[v].UTC().Format("20060102150405"))})
		},
		file:  func(v string) string { return path("org/acme/lib/%s/lib-%s.jar", v, v) },
		asset: func(v string) string { return path("lib-%s.jar", v) },
		more:  func(v string) []string { return []string{path("org/acme/lib/%s/lib-%s.jar.sha256", v, v)} },
	},
	{
		format: nuget.Format(), pkg: registry.PackageID{Format: registry.NuGet, Name: "lib"},
		index: []string{"v3/registration4/lib/index.json", "v3/flatcontainer/lib/index.json"},
		offer: func(u *formatstest.Upstream, published map[string]time.Time) {
			u.ServeText("/", `{"version":"3.0.0","resources":[{"@id":"{upstream}/v3/registration5-gz-semver2/","@type":"RegistrationsBaseUrl/3.6.0"},
				{"@id":"{upstream}/v3-flatcontainer/","@type":"PackageBaseAddress/3.0.0"}]}`)
			var items []string
			for _, v := range []string{settled, fresh} {
				t, ok := published[v]
				if !ok {
					continue
				}
				sum := sha512.Sum512(content[v])
				items = append(items, fmt.Sprintf(`{"@id":"{upstream}/v3/registration5-gz-semver2/lib/%[1]s.json","catalogEntry":{"@id":"{upstream}/c/lib.%[1]s.json","id":"lib","version":%[1]q,"listed":true,
					"published":%[2]q,"packageHash":%[3]q,"packageHashAlgorithm":"SHA512"},"packageContent":"{upstream}/v3-flatcontainer/lib/%[1]s/lib.%[1]s.nupkg"}`,
					v, t.UTC().Format(time.RFC3339), base64.StdEncoding.EncodeToString(sum[:])))
				u.Serve("/v3-flatcontainer/lib/"+v+"/lib."+v+".nupkg", formatstest.Resource{Body: content[v], Type: "application/octet-stream"})
			}
			u.ServeText("/v3/registration5-gz-semver2/lib/index.json", fmt.Sprintf(`{"count":1,"items":[{"@id":"{upstream}/p#1","count":%d,"lower":%q,"upper":%q,"items":[%s]}]}`,
				len(items), settled, newest(published), strings.Join(items, ",")))
		},
		document: func(v string) string { return path("v3/registration4/lib/%s.json", v) },
		file:     func(v string) string { return path("v3/flatcontainer/lib/%s/lib.%s.nupkg", v, v) },
		asset:    func(v string) string { return path("lib.%s.nupkg", v) },
	},
}

func newest(published map[string]time.Time) string {
	best := ""
	for v := range published {
		best = max(best, v)
	}
	return best
}

func exact(p registry.PackageID) string {
	return "/" + p.Format + "/" + p.Namespace + "/" + p.Name + "$"
}

// rules that concern the fresh version, and what of the reason a client is told.
var rules = []struct {
	name, document, reason string // reason empty: it is served
}{
	{"cooldown", `{"cooldown":[{"age":"3d"}]}`, "too new for this registry"},
	{"blocked", `{"block":[{"package":"PACKAGE","versions":">=2.0.0 <3","reason":"INC-12"}]}`, "blocked by this registry: INC-12"},
	{"blocked by digest", `{"block":[{"digest":"SHA512","reason":"INC-13"}]}`, "blocked by this registry: INC-13"},
	{"an advisory", `{"advisories":[{"severities":["malware"],"action":"block"}]}`, "MAL-2026-1 (malware)"},
	{"allowed by exemption", `{"cooldown":[{"age":"3d"}],"block":[{"package":"PACKAGE","versions":"=2.0.0"}],"exempt":[{"package":"PACKAGE","versions":"=2.0.0","from":["cooldown","block"]}]}`, ""},
	{"no rule", `{}`, ""},
}

// server is one format with a guard, and a repository "app" that reaches the
// connection through two others.
type server struct {
	*formatstest.Server
	wire
	t *testing.T
}

func newServer(t *testing.T, w wire) *server {
	s := &server{formatstest.NewServer(t, w.format, registry.Limits{}), w, t}
	err := s.Metadata.Update(t.Context(), func(tx registry.Tx) error {
		return tx.CreateRepository(registry.Repository{ID: formatstest.RepoID("app"), Upstreams: []string{"main"}, Administrator: formatstest.Domain.Owner, Created: tx.Now()})
	})
	if err != nil {
		t.Fatal(err)
	}
	w.offer(s.Upstream, map[string]time.Time{settled: time.Now().Add(-30 * 24 * time.Hour), fresh: time.Now().Add(-time.Hour)})
	advisories := registry.Advisories{Metadata: s.Metadata, Rules: map[string]registry.Rules{w.format.Name: w.format.Rules}}
	_, err = advisories.Put(t.Context(), "test", 1, []registry.Advisory{{ID: "MAL-2026-1", Package: w.pkg, AdvisoryBody: registry.AdvisoryBody{
		Severity: registry.Malware, Ranges: []registry.AdvisoryRange{{Introduced: fresh}},
	}}})
	if err == nil {
		_, err = advisories.Settle(t.Context(), "test", 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *server) rule(document string) {
	s.t.Helper()
	sum := sha512.Sum512(content[fresh])
	document = strings.NewReplacer("PACKAGE", exact(s.pkg), "SHA512", hex.EncodeToString(sum[:])).Replace(document)
	if _, err := s.Service.PutGuardRules(s.t.Context(), owner(), formatstest.Domain, document, nil); err != nil {
		s.t.Fatal(err)
	}
}

func owner() registry.Actor {
	return registry.Actor{Account: formatstest.Domain.Owner, Principal: "arn:aws:iam::" + formatstest.Domain.Owner + ":user/owner", User: formatstest.Owner}
}

// fetch brings a version in through the repository.
func (s *server) fetch(repo, version string) {
	s.t.Helper()
	if a := s.Do(formatstest.Call{Repo: repo, Path: s.file(version)}); a.Status != http.StatusOK || !bytes.Equal(a.Body, content[version]) {
		s.t.Fatalf("fetch %s through %s: %d %q", version, repo, a.Status, a.Body)
	}
}

func TestWhatARuleKeepsBackIsKeptBackOnEveryPath(t *testing.T) {
	for _, w := range wires {
		for _, rule := range rules {
			for _, cached := range []bool{false, true} {
				state := "not fetched yet"
				if cached {
					state = "cached"
				}
				t.Run(w.format.Name+"/"+rule.name+"/"+state, func(t *testing.T) {
					if rule.name == "blocked by digest" && w.format.Name != registry.NPM && w.format.Name != registry.NuGet && !cached {
						t.Skip("nobody tells the SHA-512 of a file before it is here: it is refused when it comes, see TestADigestIsKnownWhenTheBytesCome")
					}
					s := newServer(t, w)
					if cached {
						for _, repo := range []string{"main", "app", "store"} {
							s.fetch(repo, settled)
							s.fetch(repo, fresh)
						}
						s.check("before the rule", "", cached)
					}
					s.rule(rule.document)
					s.check("with the rule", rule.reason, cached)
					s.rule(`{}`)
					s.check("without it again", "", true)
				})
			}
		}
	}
}

// check reads the fresh version on every path, from every repository of the
// chain. reason is empty where it has to be served.
func (s *server) check(when, reason string, held bool) {
	s.t.Helper()
	for _, repo := range []string{"main", "app", "store"} {
		for _, index := range s.index {
			s.wantListed(when, formatstest.Call{Repo: repo, Path: index}, reason == "")
			s.wantListed(when+", again", formatstest.Call{Repo: repo, Path: index}, reason == "")
		}
		at := s.file(fresh)
		s.want(when, formatstest.Call{Repo: repo, Path: at}, reason)
		s.want(when, formatstest.Call{Repo: repo, Path: at, Method: http.MethodHead}, reason)
		s.want(when, formatstest.Call{Repo: repo, Path: at, Header: map[string]string{"Range": "bytes=2-5"}}, reason)
		if s.more != nil {
			for _, at := range s.more(fresh) {
				s.want(when, formatstest.Call{Repo: repo, Path: at}, reason)
			}
		}
		if s.document != nil {
			s.want(when, formatstest.Call{Repo: repo, Path: s.document(fresh)}, reason)
		}
		s.want(when, formatstest.Call{Repo: repo, Path: s.file(settled)}, "")
		s.search(when, repo, reason == "")
	}
	if held || reason == "" {
		s.api(when, reason)
	}
	s.copy(when, reason)
}

func (s *server) want(when string, c formatstest.Call, reason string) {
	s.t.Helper()
	a := s.Do(c)
	switch {
	case reason == "":
		if a.Status != http.StatusOK && a.Status != http.StatusPartialContent {
			s.t.Errorf("%s: %s %s of %s: %d %s", when, c.Method, c.Path, c.Repo, a.Status, a.Body)
		}
	case a.Status != http.StatusForbidden:
		s.t.Errorf("%s: %s %s of %s: %d %.200s, want 403", when, c.Method, c.Path, c.Repo, a.Status, a.Body)
	case c.Method != http.MethodHead && !strings.Contains(string(a.Body), reason):
		s.t.Errorf("%s: %s of %s says %q, which lacks %q", when, c.Path, c.Repo, a.Body, reason)
	}
}

func (s *server) wantListed(when string, c formatstest.Call, listed bool) {
	s.t.Helper()
	a := s.Do(c)
	if a.Status != http.StatusOK || !strings.Contains(string(a.Body), settled) {
		s.t.Errorf("%s: index %s of %s: %d %.300s", when, c.Path, c.Repo, a.Status, a.Body)
	}
	if got := strings.Contains(string(a.Body), fresh); got != listed {
		s.t.Errorf("%s: index %s of %s lists %s: %t", when, c.Path, c.Repo, fresh, got)
	}
}

// search finds only what a repository holds; never what is hidden.
func (s *server) search(when, repo string, shown bool) {
	s.t.Helper()
	found, err := s.Repo(repo).Search(s.t.Context(), registry.SearchQuery{Format: s.pkg.Format, Text: s.pkg.Name, Size: 10})
	if err != nil {
		s.t.Error(err)
	}
	for _, hit := range found.Hits {
		if _, ok := hit.Version(fresh); ok && !shown {
			s.t.Errorf("%s: a search in %s finds %s", when, repo, fresh)
		}
	}
}

// api reads the version as the control plane does, of a repository that holds it.
func (s *server) api(when, reason string) {
	s.t.Helper()
	ctx, repo, id := s.t.Context(), formatstest.RepoID("main"), registry.VersionID{Package: s.pkg, Version: fresh}
	for name, call := range map[string]func() error{
		"DescribePackageVersion": func() error { _, err := s.Service.DescribePackageVersion(ctx, owner(), repo, id); return err },
		"ListPackageVersionAssets": func() error {
			_, err := s.Service.ListPackageVersionAssets(ctx, owner(), repo, id, registry.Page{Limit: 10})
			return err
		},
		"ListPackageVersionDependencies": func() error {
			_, err := s.Service.PackageVersionDependencies(ctx, owner(), repo, id)
			return err
		},
		"GetPackageVersionAsset": func() error {
			c, _, err := s.Service.VersionAsset(ctx, owner(), repo, id, s.asset(fresh), "")
			if err == nil {
				c.Body.Close()
			}
			return err
		},
	} {
		s.wantError(when+", "+name, call(), reason)
	}
	page, err := s.Service.ListPackageVersions(ctx, owner(), repo, s.pkg, registry.VersionFilter{}, registry.Page{Limit: 10})
	if err != nil {
		s.t.Error(err)
	}
	listed := slices.ContainsFunc(page.Versions, func(v registry.Version) bool { return v.Version == fresh })
	if listed != (reason == "") || (reason != "" && page.DefaultDisplayVersion != settled) {
		s.t.Errorf("%s: ListPackageVersions lists %s: %t; it shows %q", when, fresh, listed, page.DefaultDisplayVersion)
	}
}

// copy copies the version into a repository that has nothing upstream.
func (s *server) copy(when, reason string) {
	s.t.Helper()
	results, err := s.Service.CopyPackageVersions(s.t.Context(), owner(), registry.Copy{
		From: formatstest.RepoID("main"), To: formatstest.RepoID("lone"), Package: s.pkg, Versions: []string{fresh}, FromUpstream: true,
	})
	if err != nil {
		s.t.Errorf("%s: copy: %v", when, err)
	}
	r := results[fresh]
	switch {
	case reason == "" && r.Code != "":
		s.t.Errorf("%s: copy: %+v", when, r)
	case reason != "" && (r.Code != registry.CodeNotAllowed || !strings.Contains(r.Message, reason)):
		s.t.Errorf("%s: copy: %+v, want %s with %q", when, r, registry.CodeNotAllowed, reason)
	}
	if reason == "" { // the next copy finds nothing there
		_, err := s.Service.DeletePackageVersions(s.t.Context(), owner(), formatstest.RepoID("lone"), s.pkg, registry.Batch{Versions: []string{fresh}})
		if err != nil && !registry.IsNotFound(err) {
			s.t.Error(err)
		}
	}
}

func (s *server) wantError(what string, err error, reason string) {
	s.t.Helper()
	if reason == "" && err != nil {
		s.t.Errorf("%s: %v", what, err)
	}
	if reason != "" && (registry.CodeOf(err) != registry.Denied || !strings.Contains(registry.MessageOf(err), reason)) {
		s.t.Errorf("%s: %v, want it denied with %q", what, err, reason)
	}
}

func TestADigestIsKnownWhenTheBytesCome(t *testing.T) {
	for _, w := range wires {
		t.Run(w.format.Name, func(t *testing.T) {
			s := newServer(t, w)
			s.rule(`{"block":[{"digest":"SHA512","reason":"INC-13"}]}`)
			s.want("first request", formatstest.Call{Path: s.file(fresh)}, "INC-13")
			if n := s.BlobCount(); n > 1 {
				t.Errorf("%d blobs are kept", n)
			}
			s.want("the other version", formatstest.Call{Path: s.file(settled)}, "")
		})
	}
}

// A version that comes with a date of long ago, after the package was looked at,
// was first seen then.
func TestABackdatedVersionIsTooNew(t *testing.T) {
	for _, w := range wires {
		t.Run(w.format.Name, func(t *testing.T) {
			s := newServer(t, w)
			long := time.Now().Add(-30 * 24 * time.Hour)
			w.offer(s.Upstream, map[string]time.Time{settled: long})
			s.rule(`{"cooldown":[{"age":"3d"}]}`)
			s.wantListed("first look", formatstest.Call{Path: s.index[0]}, false)
			w.offer(s.Upstream, map[string]time.Time{settled: long, fresh: long.Add(time.Hour)})
			s.fetchListing()
			s.wantListed("later", formatstest.Call{Path: s.index[0]}, false)
			s.want("later", formatstest.Call{Path: s.file(fresh)}, "first seen here")
			s.want("later", formatstest.Call{Path: s.file(settled)}, "")
		})
	}
}

// fetchListing has upstream's listing looked at again.
func (s *server) fetchListing() {
	s.t.Helper()
	c, err := s.Repo("main").Asset(context.WithoutCancel(s.t.Context()), registry.VersionID{Package: s.pkg, Version: fresh}, s.asset(fresh))
	if err == nil {
		io.Copy(io.Discard, c.Body)
		c.Body.Close()
		s.t.Error("the back-dated version is served")
	}
}
