package main

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"larder/internal/lockfile"
	"larder/registry"
)

// mirror is an upstream of files. "{upstream}" in one stands for its URL.
type mirror struct {
	URL string

	mu    sync.Mutex
	files map[string][2]string // type and content
	asked int
	down  bool
}

func newMirror(t *testing.T) *mirror {
	t.Helper()
	m := &mirror{files: map[string][2]string{}}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	m.URL = server.URL
	return m
}

func (m *mirror) Serve(path, mediaType, content string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[path] = [2]string{mediaType, content}
}

func (m *mirror) Count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked
}

func (m *mirror) Down() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = true
}

func (m *mirror) up() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = false
}

func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	f, ok := m.files[r.URL.Path]
	switch {
	case m.down:
		http.Error(w, "down", http.StatusBadGateway)
	case !ok:
		http.NotFound(w, r)
	default:
		w.Header().Set("Content-Type", f[0])
		io.WriteString(w, strings.ReplaceAll(f[1], "{upstream}", m.URL))
	}
}

// stage is a server whose connections lead to a fake upstream, and a folder for
// locks.
type stage struct {
	upstream  *mirror
	data, dir string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	u := newMirror(t)
	s := &stage{u, t.TempDir(), t.TempDir()}
	start(t, s.data, func(server *Server) {
		server.Config.Connections = map[string]registry.Connection{}
		for _, c := range []registry.Connection{
			{Name: "public:npmjs", Format: registry.NPM, URL: "/npm/"}, {Name: "public:pypi", Format: registry.PyPI, URL: "/simple/"},
			{Name: "public:maven-central", Format: registry.Maven, URL: "/maven/"}, {Name: "public:nuget-org", Format: registry.NuGet, URL: "/nuget/index.json"},
		} {
			c.URL, c.Source = u.URL+c.URL, "test"
			server.Config.Connections[c.Name] = c
		}
	})
	return s
}

func (s *stage) file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func (s *stage) prefetch(args ...string) (string, error) {
	return command(append([]string{"prefetch", "--data", s.data}, args...)...)
}

// want runs the command and wants an exit status and words in what it prints,
// error included.
func (s *stage) want(t *testing.T, status int, words []string, args ...string) {
	t.Helper()
	out, err := s.prefetch(args...)
	got := 0
	if err != nil {
		got, out = exitStatus(err), out+err.Error()
	}
	if got != status {
		t.Errorf("prefetch %q: status %d, want %d\n%s", args, got, status, out)
	}
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Errorf("prefetch %q does not say %q:\n%s", args, w, out)
		}
	}
}

func sri(content string) string {
	sum := sha512.Sum512([]byte(content))
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

// npm puts a version into the upstream; its bytes need be no tarball.
func (s *stage) npm(t *testing.T, name, version, content string) {
	t.Helper()
	file := fmt.Sprintf("/npm/%s/-/%s-%s.tgz", name, name, version)
	s.upstream.Serve(file, "application/octet-stream", content)
	body, err := json.Marshal(map[string]any{"name": name, "dist-tags": map[string]string{"latest": version}, "versions": map[string]any{
		version: map[string]any{"name": name, "version": version, "dist": map[string]string{"tarball": "{upstream}" + file, "integrity": sri(content)}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.upstream.Serve("/npm/"+name, "application/json", string(body))
}

func npmLock(entries ...string) string {
	return `{"lockfileVersion": 3, "packages": {"": {}, ` + strings.Join(entries, ",") + `}}`
}

func locked(name, version, content string) string {
	return fmt.Sprintf(`"node_modules/%s": {"version": %q, "integrity": %q}`, name, version, sri(content))
}

func TestPrefetchFetchesOnceAndChecksWithoutUpstream(t *testing.T) {
	s := newStage(t)
	s.npm(t, "left", "1.0.0", "the bytes of left")
	s.npm(t, "right", "2.0.0", strings.Repeat("the bytes of right", 10_000))
	lock := s.file(t, "package-lock.json", npmLock(locked("left", "1.0.0", "the bytes of left"), locked("a/node_modules/left", "1.0.0", "the bytes of left"),
		locked("right", "2.0.0", strings.Repeat("the bytes of right", 10_000)), `"packages/ours": {"version": "1.0.0"}`))

	s.want(t, exitMissing, []string{"missing  npm/left@1.0.0  left-1.0.0.tgz\n", "0 held, 2 missing, 1 skipped", "2 files are missing, for local/main"}, "--check", lock)
	if n := s.upstream.Count(); n != 0 {
		t.Errorf("the check asked upstream %d times", n)
	}
	s.want(t, 0, []string{"local/main: 2 fetched (180 kB), 0 held, 1 skipped", "skipped: packages/ours (a folder or a file of the project)"}, lock)
	before := s.upstream.Count()
	s.upstream.Down()
	s.want(t, 0, []string{"local/main: 2 held"}, lock)
	s.want(t, 0, []string{"local/main: 2 held"}, "--check", lock)
	if n := s.upstream.Count(); n != before {
		t.Errorf("what is there was asked for upstream %d times", n-before)
	}
}

func TestPrefetchNamesWhatIsNotAsPromised(t *testing.T) {
	s := newStage(t)
	s.npm(t, "left", "1.0.0", "the bytes of left")
	lock := s.file(t, "package-lock.json", npmLock(locked("left", "1.0.0", "other bytes"), locked("gone", "1.0.0", "x")))
	other := sha512.Sum512([]byte("other bytes"))
	mine := sha512.Sum512([]byte("the bytes of left"))
	words := []string{"failed  npm/left@1.0.0  left-1.0.0.tgz", "expected SHA-512 " + hex.EncodeToString(other[:]) + ", got " + hex.EncodeToString(mine[:]), "missing  npm/gone@1.0.0"}
	s.want(t, exitFailed, words, lock)
	s.want(t, exitFailed, words, lock) // by what is held now
	s.want(t, exitFailed, words, "--check", lock)
}

func TestPrefetchPrintsWhyAVersionIsRefused(t *testing.T) {
	s := newStage(t)
	s.npm(t, "left", "1.0.0", "left")
	s.npm(t, "right", "1.0.0", "right")
	lock := s.file(t, "package-lock.json", npmLock(locked("left", "1.0.0", "left"), locked("right", "1.0.0", "right")))
	if out, err := command("group", "create", "/npm//right$", "--data", s.data); err != nil {
		t.Fatal(err, out)
	}
	if out, err := command("group", "origin", "set", "/npm//right$", "--external", "block", "--data", s.data); err != nil {
		t.Fatal(err, out)
	}
	s.want(t, exitRefused, []string{"refused  npm/right@1.0.0", "/npm//right$", "1 file is missing, 1 file is refused"}, "--check", lock)
	s.want(t, exitRefused, []string{"refused  npm/right@1.0.0", "/npm//right$", "1 fetched", "1 file is refused, for local/main"}, lock)
}

func TestPrefetchAnswersInJSON(t *testing.T) {
	s := newStage(t)
	s.npm(t, "left", "1.0.0", "left")
	lock := s.file(t, "package-lock.json", npmLock(locked("left", "1.0.0", "left"), `"ours": {}`))
	out, err := s.prefetch("--output", "json", lock)
	if err != nil {
		t.Fatal(err, out)
	}
	var got struct {
		Repository string
		Counts     map[string]int
		Files      []struct{ Format, Package, Version, File, State string }
		Skipped    []struct{ Name, Reason string }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err, out)
	}
	if got.Repository != "main" || got.Counts["fetched"] != 1 || len(got.Files) != 1 || got.Files[0].File != "left-1.0.0.tgz" || got.Files[0].State != "fetched" || len(got.Skipped) != 1 || got.Skipped[0].Name != "ours" {
		t.Errorf("got %+v", got)
	}
}

func TestPrefetchOfPython(t *testing.T) {
	s := newStage(t)
	var files []map[string]any
	digests := map[string]string{}
	for _, name := range []string{"kit-1.0-py3-none-any.whl", "kit-1.0.tar.gz", "kit-1.1.tar.gz"} {
		sum := sha256.Sum256([]byte(name))
		digests[name] = hex.EncodeToString(sum[:])
		s.upstream.Serve("/files/"+name, "application/octet-stream", name)
		files = append(files, map[string]any{"filename": name, "url": "{upstream}/files/" + name, "hashes": map[string]string{"sha256": digests[name]}})
	}
	body, err := json.Marshal(map[string]any{"meta": map[string]string{"api-version": "1.0"}, "name": "kit", "files": files})
	if err != nil {
		t.Fatal(err)
	}
	s.upstream.Serve("/simple/kit/", "application/vnd.pypi.simple.v1+json", string(body))

	one := s.file(t, "requirements.txt", "Kit==1.0.0 --hash=sha256:"+digests["kit-1.0.tar.gz"]+"\n")
	s.want(t, exitMissing, []string{"a file with SHA-256 " + digests["kit-1.0.tar.gz"]}, "--check", one)
	s.want(t, 0, []string{"1 fetched"}, one)
	s.want(t, 0, []string{"1 held"}, "--check", one)
	both := s.file(t, "both.txt", "Kit==1.0 --hash=sha256:"+digests["kit-1.0.tar.gz"]+" --hash=sha256:"+digests["kit-1.0-py3-none-any.whl"]+"\n")
	s.want(t, exitMissing, []string{"1 held, 1 missing"}, "--check", both)
	plain := s.file(t, "plain.txt", "kit==1.0\n")
	s.want(t, 0, []string{"1 fetched (24 B), 1 held"}, plain)
	s.want(t, 0, []string{"2 held"}, "--check", both)
	s.want(t, exitFailed, []string{"failed  pypi/kit@1.1", "none of them: the index has 1 file"}, s.file(t, "false.txt", "kit==1.1 --hash=sha256:"+strings.Repeat("0", 64)+"\n"))
	s.want(t, exitMissing, []string{"the index has no file of this version"}, s.file(t, "gone.txt", "kit==9\n"))
	s.want(t, exitMissing, []string{"missing  pypi/never@1"}, s.file(t, "never.txt", "never==1\n"))
	s.want(t, 0, []string{"1 held"}, "--only", "*.whl", plain)
}

func TestPrefetchOfMavenModules(t *testing.T) {
	s := newStage(t)
	serve := func(path, text string) {
		s.upstream.Serve("/maven/"+path, "application/octet-stream", text)
	}
	serve("org/up/lib/1/lib-1.pom", "<project><!-- do_not_remove: published-with-gradle-metadata --><parent><groupId>org.up</groupId><artifactId>parent</artifactId><version>2</version></parent><artifactId>lib</artifactId><version>1</version></project>")
	serve("org/up/lib/1/lib-1.jar", "jar")
	serve("org/up/lib/1/lib-1.module", "{}")
	serve("org/up/parent/2/parent-2.pom", `<project><groupId>org.up</groupId><artifactId>parent</artifactId><version>2</version><packaging>pom</packaging>
		<dependencyManagement><dependencies><dependency><groupId>org.up</groupId><artifactId>bom</artifactId><version>3</version><type>pom</type><scope>import</scope></dependency></dependencies></dependencyManagement></project>`)
	serve("org/up/bom/3/bom-3.pom", "<project><groupId>org.up</groupId><artifactId>bom</artifactId><version>3</version><packaging>pom</packaging></project>")
	lock := s.file(t, "gradle.lockfile", "org.up:lib:1=compileClasspath\norg.up:bom:3=compileClasspath\nempty=\n")
	s.want(t, exitMissing, []string{"lib-1.pom", "lib-1.jar"}, "--check", lock)
	s.want(t, 0, []string{"5 fetched"}, lock)
	s.want(t, 0, []string{"5 held"}, "--check", lock)

	pom := s.file(t, "pom.xml", "<project><groupId>a</groupId><artifactId>b</artifactId><version>1</version><dependencies><dependency><groupId>org.up</groupId><artifactId>lib</artifactId><version>1</version></dependency></dependencies></project>")
	s.want(t, 0, []string{"4 held"}, pom)
	serve("org/up/lib/1/lib-1.jar.sha1", "x")
	sbom := s.file(t, "bom.json", `{"bomFormat": "CycloneDX", "components": [{"purl": "pkg:maven/org.up/lib@1", "hashes": [{"alg": "SHA-1", "content": "0000000000000000000000000000000000000000"}]}]}`)
	s.want(t, exitFailed, []string{"failed  maven/org.up:lib@1  lib-1.jar", "expected SHA-1 0000"}, "--check", sbom)
}

func TestPrefetchOfNuGet(t *testing.T) {
	s := newStage(t)
	content := "PK is not checked here"
	u := s.upstream.URL + "/nuget/"
	s.upstream.Serve("/nuget/index.json", "application/json", `{"version": "3.0.0", "resources": [{"@id": "`+u+`flat/", "@type": "PackageBaseAddress/3.0.0"}, {"@id": "`+u+`reg/", "@type": "RegistrationsBaseUrl/3.6.0"}]}`)
	s.upstream.Serve("/nuget/flat/kit/index.json", "application/json", `{"versions": ["1.2.0"]}`)
	s.upstream.Serve("/nuget/reg/kit/index.json", "application/json", `{"count": 1, "items": [{"lower": "1.2.0", "upper": "1.2.0", "count": 1, "items": [{"catalogEntry": {"id": "Kit", "version": "1.2.0"}, "packageContent": "`+u+`flat/kit/1.2.0/kit.1.2.0.nupkg"}]}]}`)
	s.upstream.Serve("/nuget/flat/kit/1.2.0/kit.1.2.0.nupkg", "application/octet-stream", content)
	lock := func(hash string) string {
		return s.file(t, "packages.lock.json", `{"version": 1, "dependencies": {"net8.0": {"Kit": {"type": "Direct", "resolved": "1.02.0.0+build", "contentHash": "`+hash+`"}, "Ours": {"type": "Project"}}}}`)
	}
	s.want(t, exitFailed, []string{"failed  nuget/kit@1.02.0.0+build  kit.1.2.0.nupkg"}, lock(strings.TrimPrefix(sri("other"), "sha512-")))
	s.want(t, 0, []string{"1 held, 1 skipped"}, "--check", lock(strings.TrimPrefix(sri(content), "sha512-")))
}

func TestPrefetchSaysWhatItCannotRead(t *testing.T) {
	s := newStage(t)
	for _, c := range []struct {
		status int
		say    string
		args   []string
	}{
		{exitFailed, "package-lock.json: line 2: it is no JSON", []string{s.file(t, "package-lock.json", "{\n")}},
		{exitUsage, "say it: npm, pnpm", []string{s.file(t, "something", "else")}},
		{exitFailed, "cannot read", []string{filepath.Join(s.dir, "missing.lock")}},
		{exitUsage, "--jobs", []string{"--jobs", "0", "x"}},
		{exitUsage, "--only", []string{"--only", "[", "x"}},
		{exitUsage, "--as", []string{"--as", "cargo", "x"}},
		{exitMissing, "nowhere", []string{"--domain", "nowhere", s.file(t, "gradle.lockfile", "")}},
		{0, "local/main: 0 held", []string{"--as", "requirements", s.file(t, "anything", "")}},
	} {
		s.want(t, c.status, []string{c.say}, c.args...)
	}
}

// bareWire asks a server that the test makes up.
func bareWire(t *testing.T, h http.HandlerFunc) (*wire, string) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return &wire{
		session: &session{client: &client{URL: server.URL}, cmd: &cobra.Command{}}, token: "token", knows: true,
		client: server.Client(), slots: make(chan struct{}, 2), remembered: map[string]func() (string, error){},
	}, server.URL
}

func TestTheWireTriesAgain(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	w, base := bareWire(t, func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.URL.Path]++
		n := asked[r.URL.Path]
		mu.Unlock()
		if user, password, _ := r.BasicAuth(); user != "aws" || password != "token" {
			t.Errorf("asked as %s with %q", user, password)
		}
		switch {
		case r.URL.Path == "/busy" && n < 3:
			http.Error(rw, "later", http.StatusTooManyRequests)
		case r.URL.Path == "/cut" && n < 2:
			rw.Header().Set("Content-Length", "100")
			rw.Write([]byte("half"))
			panic(http.ErrAbortHandler)
		case r.URL.Path == "/expired":
			http.Error(rw, "the token has ended", http.StatusUnauthorized)
		case r.URL.Path == "/refused":
			rw.WriteHeader(http.StatusForbidden)
			rw.Write([]byte(`{"error": "left@1.0.0 is blocked"}`))
		default:
			rw.Write([]byte("whole"))
		}
	})
	for path, want := range map[string]int{"/busy": 3, "/cut": 2, "/once": 1} {
		if size, err := w.receive(t.Context(), wanting(base+path, "whole"), false); err != nil || size != 5 || asked[path] != want {
			t.Errorf("%s: %d bytes after %d tries, %v", path, size, asked[path], err)
		}
	}
	if _, err := w.receive(t.Context(), wanting(base+"/expired", ""), false); !errors.Is(err, errOver) || asked["/expired"] != 1 {
		t.Errorf("a token that has ended: %v", err)
	}
	o, err := w.outcome(outcome{}, func() error { _, err := w.receive(t.Context(), wanting(base+"/refused", ""), false); return err }())
	if err != nil || o.state != stateRefused || o.reason != "left@1.0.0 is blocked" {
		t.Errorf("%+v, %v", o, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	cancel()
	if _, err := w.receive(ctx, wanting(base+"/once", ""), false); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

func wanting(address, content string) want {
	f := want{file: "file", url: address}
	if content != "" {
		sum := sha256.Sum256([]byte(content))
		f.promises = [][]lockfile.Digest{{{Algorithm: lockfile.SHA256, Sum: string(sum[:])}}}
	}
	return f
}

func TestTheTokenGoesToNoOtherServer(t *testing.T) {
	for ref, want := range map[string]string{
		"file.whl#sha256=x": "https://larder.test/simple/kit/file.whl", "/other/file": "https://larder.test/other/file",
		"https://upstream.test/file": "", "http://larder.test/file": "", "//upstream.test/file": "", ":": "",
	} {
		got, err := within("https://larder.test/simple/kit/", ref)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", ref, got, err)
		}
	}
	for _, segments := range [][]string{{"..", "x"}, {"a", "", "x"}, {"."}} {
		if got, err := below("https://larder.test/npm/", segments...); err == nil {
			t.Errorf("%q: %s", segments, got)
		}
	}
	if got, err := below("https://larder.test/npm/", "@a/b", "c d", ""); err != nil || got != "https://larder.test/npm/@a%2Fb/c%20d/" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestVersionsOfFiles(t *testing.T) {
	for in, want := range map[string]string{"1.0": "1.0.0", "01.2.3.0": "1.2.3", "1.2.3.4": "1.2.3.4", "1.0.0-Beta.01+build": "1.0.0-beta.01", "1": "1.0.0", "0.0.0.0": "0.0.0"} {
		if got := nugetVersion(in); got != want {
			t.Errorf("NuGet %s: %s, want %s", in, got, want)
		}
	}
	for _, c := range []struct {
		file, version string
		want          bool
	}{
		{"Some_Kit-1.0-py3-none-any.whl", "1.0.0", true}, {"some-kit-1.0.tar.gz", "1.0", true}, {"some.kit-1.0.1.zip", "1.0", false},
		{"some_kit-1.0+local.1-py3-none-any.whl", "1.0+local_1", true}, {"some_kit-1.0-py3.8.egg", "1.0", true}, {"some_kit-1.0.tar.gz.asc", "1.0", false}, {"other.txt", "1.0", false},
	} {
		if got := pypiOf(c.file, "some-kit", c.version); got != c.want {
			t.Errorf("%s of %s: %v", c.file, c.version, got)
		}
	}
}
