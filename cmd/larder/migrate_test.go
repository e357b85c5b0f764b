package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larder/internal/pgtest"
	"larder/internal/s3test"
	"larder/registry"
	"larder/storage"
	"larder/storage/care"
)

// house is a server with packages of every format, published and fetched.
type house struct {
	data, token string
	upstream    *mirror
	want        map[string]answer
}

// answer is all of an answer that clients go by.
type answer struct {
	Status                                            int
	Type, ETag, Encoding, Vary, Modified, Cache, Body string
}

const houseRepository = "/d/local-000000000000/main/"

// asked is what clients ask of the house: a path, and header lines.
var asked = [][]string{
	{"npm", "lib"},
	{"npm", "lib", "Accept: application/vnd.npm.install-v1+json"},
	{"npm", "lib", "Accept: application/vnd.npm.install-v1+json", "Accept-Encoding: gzip"},
	{"npm", "lib/-/lib-1.0.0.tgz"},
	{"npm", "remote"},
	{"npm", "remote", "Accept-Encoding: gzip"},
	{"npm", "remote/-/remote-1.0.0.tgz"},
	{"pypi", "simple/tool/"},
	{"pypi", "simple/tool/", "Accept: application/vnd.pypi.simple.v1+json"},
	{"pypi", "simple/tool/", "Accept: application/vnd.pypi.simple.v1+json", "Accept-Encoding: gzip"},
	{"pypi", "simple/tool/1.0/tool-1.0.tar.gz"},
	{"maven", "com/acme/app/maven-metadata.xml"},
	{"maven", "com/acme/app/maven-metadata.xml.sha1"},
	{"maven", "com/acme/app/1.0/app-1.0.pom"},
	{"maven", "com/acme/app/1.0/app-1.0.jar"},
	{"maven", "com/acme/app/1.0/app-1.0.jar.sha256"},
	{"nuget", "v3/index.json"},
	{"nuget", "v3/flatcontainer/acme.lib/index.json"},
	{"nuget", "v3/registration4/acme.lib/index.json"},
	{"nuget", "v3/registration4/acme.lib/index.json", "Accept-Encoding: gzip"},
	{"nuget", "v3/flatcontainer/acme.lib/1.0.0/acme.lib.1.0.0.nupkg"},
	{"nuget", "v3/flatcontainer/acme.lib/1.0.0/acme.lib.nuspec"},
}

func settled(s *Server) { s.Config.PublicURL = "https://packages.upstream.test" }

// newHouse fills a server with SQLite and files, and stops it.
func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{data: filepath.Join(t.TempDir(), "data"), upstream: newMirror(t)}
	h.upstream.Serve("/remote", "application/json", `{"name":"remote","dist-tags":{"latest":"1.0.0"},"time":{"1.0.0":"2020-01-01T00:00:00Z"},
		"versions":{"1.0.0":{"name":"remote","version":"1.0.0","dist":{"tarball":"{upstream}/remote-1.0.0.tgz","integrity":"`+sri("remote bytes")+`"}}}}`)
	h.upstream.Serve("/remote-1.0.0.tgz", "application/octet-stream", "remote bytes")
	s, _ := start(t, h.data, settled)
	if err := waitDiscovered(s); err != nil {
		t.Fatal(err)
	}
	for name, u := range map[string]string{"public:npmjs": h.upstream.URL + "/", "public:maven-central": "https://me:secret@upstream.test/maven"} {
		if err := s.service.Connections.Put(t.Context(), registry.Connection{Name: name, URL: u, Source: "set"}); err != nil {
			t.Fatal(err)
		}
	}
	out, err := command("token", "--data", h.data)
	if err != nil {
		t.Fatal(err)
	}
	h.token = strings.TrimSpace(out)

	h.put(t, s, "PUT", "npm", "lib", packument(t, "lib"), "application/json")
	sdist, err := pack("tool", "1.0")
	if err != nil {
		t.Fatal(err)
	}
	h.upload(t, s, "pypi", "", "content", "tool-1.0.tar.gz", string(sdist), [][2]string{
		{":action", "file_upload"}, {"protocol_version", "1"}, {"metadata_version", "2.1"},
		{"name", "tool"}, {"version", "1.0"}, {"filetype", "sdist"}, {"pyversion", "source"},
	})
	h.put(t, s, "PUT", "maven", "com/acme/app/1.0/app-1.0.jar", "PK bytes of a jar", "application/java-archive")
	h.put(t, s, "PUT", "maven", "com/acme/app/1.0/app-1.0.pom", `<project><modelVersion>4.0.0</modelVersion><groupId>com.acme</groupId><artifactId>app</artifactId><version>1.0</version></project>`, "text/xml")
	h.put(t, s, "PUT", "maven", "com/acme/app/maven-metadata.xml", `<metadata><groupId>com.acme</groupId><artifactId>app</artifactId><versioning><release>1.0</release><versions><version>1.0</version></versions></versioning></metadata>`, "text/xml")
	h.upload(t, s, "nuget", "v3/package", "package", "package.nupkg", nugetPackage(t, "Acme.Lib", "1.0.0"), nil)
	for i := range 40 { // bytes that a migration takes some time for
		h.put(t, s, "PUT", "maven", fmt.Sprintf("com/acme/app/1.0/app-1.0-part%d.jar", i), fmt.Sprint("part ", i), "application/java-archive")
	}
	h.answers(t, s) // fetches what is elsewhere
	h.want = h.answers(t, s)
	for path, a := range h.want {
		if a.Status != http.StatusOK || a.ETag == "" && !strings.Contains(path, "index.json") && !strings.Contains(path, "sha") {
			t.Fatalf("%s: %d, ETag %q, %q", path, a.Status, a.ETag, a.Body)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	h.upstream.Down()
	return h
}

func (h *house) put(t *testing.T, s *Server, method, format, path, body, mediaType string) {
	t.Helper()
	r, err := http.NewRequest(method, s.URL()+"/"+format+houseRepository+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", mediaType)
	r.SetBasicAuth("aws", h.token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); res.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %s", format, path, res.Status, text)
	}
}

func (h *house) upload(t *testing.T, s *Server, format, path, name, file, content string, more [][2]string) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, f := range more {
		if err := form.WriteField(f[0], f[1]); err != nil {
			t.Fatal(err)
		}
	}
	part, err := form.CreateFormFile(name, file)
	if err == nil {
		_, err = io.WriteString(part, content)
	}
	if err = errors.Join(err, form.Close()); err != nil {
		t.Fatal(err)
	}
	method := http.MethodPost
	if format == "nuget" {
		method = http.MethodPut
	}
	h.put(t, s, method, format, path, body.String(), form.FormDataContentType())
}

func nugetPackage(t *testing.T, id, version string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(id + ".nuspec")
	if err == nil {
		_, err = fmt.Fprintf(w, `<?xml version="1.0" encoding="utf-8"?><package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd"><metadata>`+
			`<id>%s</id><version>%s</version><authors>Ada</authors><description>A library.</description></metadata></package>`, id, version)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// answers is what a server says to all that is asked, by the request.
func (h *house) answers(t *testing.T, s *Server) map[string]answer {
	t.Helper()
	all := map[string]answer{}
	bare := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer bare.CloseIdleConnections()
	for _, q := range asked {
		r, err := http.NewRequest(http.MethodGet, s.URL()+"/"+q[0]+houseRepository+q[1], nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range q[2:] {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Set(name, value)
		}
		r.SetBasicAuth("aws", h.token)
		res, err := bare.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err = errors.Join(err, res.Body.Close()); err != nil {
			t.Fatal(err)
		}
		head := res.Header.Get
		all[strings.Join(q, " ")] = answer{res.StatusCode, head("Content-Type"), head("ETag"), head("Content-Encoding"), head("Vary"), head("Last-Modified"), head("Cache-Control"), string(body)}
	}
	return all
}

// same starts a server, compares all that it says, publishes into it, and stops it.
// It tells the last events of the stream and of the outbox.
func (h *house) same(t *testing.T, data, metadata, blobs string) (events int) {
	t.Helper()
	s, log := start(t, data, settled, func(s *Server) { s.Config.Metadata, s.Config.Blobs = metadata, blobs })
	if diff := cmp.Diff(h.want, h.answers(t, s)); diff != "" {
		t.Errorf("on %s %s: %s", data, metadata, diff)
	}
	where := map[string]string{}
	all, err := s.service.Connections.All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		where[c.Name] = c.URL
	}
	if where["public:npmjs"] != h.upstream.URL+"/" || where["public:maven-central"] != "https://me:secret@upstream.test/maven" {
		t.Errorf("connections lead to %v", where)
	}
	h.put(t, s, "PUT", "npm", "more"+filepath.Base(data), packument(t, "more"+filepath.Base(data)), "application/json")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if text := log.String(); strings.Contains(text, "level=WARN") || strings.Contains(text, "level=ERROR") {
		t.Errorf("the server warns: %s", text)
	}
	return h.streamed(t, data, metadata, blobs)
}

// streamed counts the events of the stream, each of which is there once.
func (h *house) streamed(t *testing.T, data, metadata, blobs string) int {
	t.Helper()
	s, _ := start(t, data, settled, func(s *Server) { s.Config.Metadata, s.Config.Blobs = metadata, blobs })
	defer s.Close()
	seen := map[string]int{}
	err := s.bus.Read(t.Context(), "000000000000", time.Unix(0, 0), func(body []byte) error {
		var e struct{ ID string }
		if err := json.Unmarshal(body, &e); err != nil {
			return err
		}
		if seen[e.ID]++; e.ID == "" || seen[e.ID] > 1 {
			t.Errorf("event %q is in the stream %d times", e.ID, seen[e.ID])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return len(seen)
}

func (h *house) larder(t *testing.T, args ...string) string {
	t.Helper()
	out, err := command(args...)
	if err != nil {
		t.Fatalf("larder %q: %v\n%s", args, err, out)
	}
	return out
}

func TestARestoredBackupServesTheSame(t *testing.T) {
	h := newHouse(t)
	before := h.streamed(t, h.data, "", "")
	folder, to := t.TempDir(), filepath.Join(t.TempDir(), "restored")
	h.larder(t, "backup", folder, "--data", h.data)
	h.larder(t, "restore", folder, "--data", to)
	if n := h.same(t, to, "", ""); n < before {
		t.Errorf("%d events are in the new stream, and %d were in the old one", n, before)
	}
}

// breaking is a door before an S3 server that kills who comes through it with its
// nth object.
type breaking struct {
	mu   sync.Mutex
	left int // zero: nobody is killed
	who  *os.Process
}

func (b *breaking) kill(who *os.Process, nth int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.who, b.left = who, nth
}

func (b *breaking) ServeHTTP(w http.ResponseWriter, r *http.Request, next http.Handler) {
	b.mu.Lock()
	closed := false
	if r.Method == http.MethodPut && b.left > 0 {
		if b.left--; b.left == 0 {
			b.left, closed = 1, true // nor does anything come through behind it
			b.who.Kill()
		}
	}
	b.mu.Unlock()
	if closed {
		panic(http.ErrAbortHandler)
	}
	next.ServeHTTP(w, r)
}

func TestAServerMovesToPostgreSQLAndS3AndBackThoughKilledOnTheWay(t *testing.T) {
	store, err := s3test.Start("packages")
	if errors.Is(err, s3test.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer store.Remove()
	database := pgtest.Require(t, pgtest.Hasty...)
	h := newHouse(t)
	before := h.streamed(t, h.data, "", "")

	// Long sent, and so of the stream alone.
	m, err := storage.Metadata(t.Context(), "", h.data)
	if err != nil {
		t.Fatal(err)
	}
	err = m.Update(t.Context(), func(tx registry.Tx) error {
		n, err := tx.PruneEvents(time.Now().Add(time.Hour))
		if n == 0 {
			t.Errorf("none of %d events was dropped", before)
		}
		return err
	})
	if err = errors.Join(err, m.Close()); err != nil {
		t.Fatal(err)
	}

	// A door before the store, through which the address of the URL leads.
	direct, err := url.Parse(store.URL("packages/one", "part-size=5MiB"))
	if err != nil {
		t.Fatal(err)
	}
	q := direct.Query()
	behind, err := url.Parse(q.Get("endpoint"))
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = behind.Scheme, behind.Host, r.In.Host
	}}
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	door := &breaking{}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { door.ServeHTTP(w, r, proxy) }))
	defer front.Close()
	q.Set("endpoint", front.URL)
	through := *direct
	through.RawQuery = q.Encode()
	blobs, rows := through.String(), database.URL()

	second := filepath.Join(t.TempDir(), "second")
	args := []string{"migrate", "--data", h.data, "--to-data", second, "--to-metadata", rows, "--to-blobs", blobs, "-o", "json"}
	var plan migrated
	read := func(out string) (m migrated) {
		t.Helper()
		if err := json.Unmarshal([]byte(out), &m); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return m
	}
	plan = read(h.larder(t, append(args, "--dry-run")...))
	if plan.Blobs < 40 || plan.Kept != 0 || plan.Complete {
		t.Errorf("the plan is %+v %+v", plan.Migration, plan.Moved)
	}
	if _, err := os.Stat(second); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a dry run made the folder: %v", err)
	}

	// Killed twice in the middle, once beside the server.
	serving, _ := start(t, h.data, settled)
	for n, more := range [][]string{{"--online"}, nil} {
		child := exec.Command(os.Args[0], append(args, more...)...)
		child.Env = append(os.Environ(), beMain+"=1")
		var out bytes.Buffer
		child.Stdout, child.Stderr = &out, &out
		if n == 1 {
			if _, err := command(append(args, more...)...); err == nil || !strings.Contains(err.Error(), "--online copies its bytes") {
				t.Errorf("beside the server: %v", err)
			}
			if err := serving.Close(); err != nil {
				t.Fatal(err)
			}
		}
		door.kill(nil, 0)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		door.kill(child.Process, 12) // of eight at a time: four are whole by then
		if err := child.Wait(); err == nil || child.ProcessState.Exited() {
			t.Fatalf("it was not killed: %v, %s", err, out.String())
		}
	}
	door.kill(nil, 0)
	done := read(h.larder(t, args...))
	if !done.Complete || done.Copied == 0 || done.Kept < 8 || done.Copied+done.Kept != plan.Blobs {
		t.Errorf("the end copies %+v of %d", done.Moved, plan.Blobs)
	}
	if n := h.same(t, second, rows, blobs); n != before+1 {
		t.Errorf("%d events are in the stream, want those %d and one more", n, before)
	}
	if out, err := command(args...); err == nil || !strings.Contains(err.Error(), "rows of this very server") {
		t.Errorf("again: %v %s", err, out)
	}

	// Another server does not get in there, neither rows nor bytes.
	other := filepath.Join(t.TempDir(), "other")
	s, _ := start(t, other)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := command("migrate", "--data", other, "--to-metadata", rows); err == nil || !strings.Contains(err.Error(), "holds another server") {
		t.Errorf("another server's database: %v", err)
	}
	if _, err := command("migrate", "--data", other, "--to-blobs", blobs); err == nil || !strings.Contains(err.Error(), "did not put there") {
		t.Errorf("another server's bytes: %v", err)
	}

	// And back; rows that came are known again after a kill behind them.
	third := filepath.Join(t.TempDir(), "third")
	serving, _ = start(t, second, settled, func(s *Server) { s.Config.Metadata, s.Config.Blobs = rows, blobs })
	for led := false; !led; { // it takes up its work in the background
		if led, err = (storage.Place{Metadata: rows}).Led(t.Context(), relayWork); err != nil {
			t.Fatal(err)
		}
	}
	// Beside it, what is missing comes from where it came.
	remote := sha256.Sum256([]byte("remote bytes"))
	if err := serving.blobs.Delete(t.Context(), registry.DomainID{Owner: "000000000000", Name: firstDomain}, remote); err != nil {
		t.Fatal(err)
	}
	h.upstream.up()
	out := h.larder(t, "verify", "--repair", "--data", second, "--metadata", rows, "--blobs", blobs, "-o", "json")
	if !strings.Contains(out, `"repaired": 2`) || !strings.Contains(out, `"missing": 2`) {
		t.Errorf("verify --repair: %s", out)
	}
	h.upstream.Down()
	back := []string{"migrate", "--data", second, "--metadata", rows, "--blobs", blobs, "--to-data", third, "-o", "json"}
	if _, err := command(back...); err == nil || !strings.Contains(err.Error(), "stop every process") {
		t.Errorf("beside the server: %v", err)
	}
	if done := read(h.larder(t, append(back, "--online")...)); done.Complete || done.Copied != plan.Blobs+1 {
		t.Errorf("beside the server: %+v", done.Moved)
	}
	if err := serving.Close(); err != nil {
		t.Fatal(err)
	}
	state, err := os.ReadFile(filepath.Join(third, begunName))
	if err != nil {
		t.Fatal(err)
	}
	if done := read(h.larder(t, back...)); !done.Complete || done.Copied != 0 || done.Kept != plan.Blobs+1 {
		t.Errorf("the end: %+v", done.Moved)
	}
	rowsNow, err := care.Migrate(t.Context(), storage.Place{Metadata: rows}, filepath.Join(t.TempDir(), "spool"))
	if err != nil {
		t.Fatal(err)
	}
	defer rowsNow.Close()
	cutOff := strings.Replace(string(state), `"bytes"`, `"rows":"`+rowsNow.Sum+`","bytes"`, 1)
	if err := os.WriteFile(filepath.Join(third, begunName), []byte(cutOff), 0o600); err != nil {
		t.Fatal(err)
	}
	if done := read(h.larder(t, back...)); !done.Complete {
		t.Errorf("cut off behind the rows: %+v", done)
	}
	if n := h.same(t, third, "", ""); n != before+2 {
		t.Errorf("%d events are in the stream, want those %d and two more", n, before)
	}
	left, err := filepath.Glob(filepath.Join(third, "migration*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Beside the server that runs, what came from elsewhere is fetched anew and what
// was published is taken from a backup.
func TestVerifyRepairsBesideTheServer(t *testing.T) {
	h := newHouse(t)
	folder := t.TempDir()
	h.larder(t, "backup", folder, "--data", h.data)
	s, _ := start(t, h.data, settled)
	damage := func() {
		t.Helper()
		n := 0
		err := filepath.WalkDir(filepath.Join(h.data, "blobs", "sha256"), func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			if err == nil && (string(text) == "remote bytes" || string(text) == "PK bytes of a jar") {
				n++
				err = os.WriteFile(path, []byte(strings.ToUpper(string(text))), 0o600)
			}
			return err
		})
		if err != nil || n != 2 {
			t.Fatalf("%d files are damaged, %v", n, err)
		}
	}
	damage()
	out, err := command("verify", "--data", h.data)
	if err == nil || !strings.Contains(err.Error(), "3 assets are not whole; repair them with") {
		t.Errorf("verify: %v\n%s", err, out)
	}
	h.upstream.up()
	out, err = command("verify", "--data", h.data, "--repair", "-o", "json")
	if err == nil || !strings.Contains(out, `"repairedFrom": "external connection public:npmjs"`) || !strings.Contains(out, `"setAside": 1`) {
		t.Errorf("verify --repair: %v\n%s", err, out)
	}
	const jar = "maven com/acme/app/1.0/app-1.0.jar"
	if got := h.answers(t, s)[jar]; got.Status != http.StatusNotFound {
		t.Errorf("what nobody had whole is answered with %+v", got)
	}
	h.larder(t, "verify", "--data", h.data, "--replica", folder)
	if diff := cmp.Diff(h.want, h.answers(t, s)); diff != "" {
		t.Error(diff)
	}
}

// A publish that is under way while bytes are deleted beside its server is whole,
// or told to come again.
func TestGCRunsBesideTheServer(t *testing.T) {
	dir := t.TempDir()
	s, _ := start(t, dir)
	d := registry.DomainID{Owner: "000000000000", Name: firstDomain}
	w, err := s.blobs.Create(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	h := registry.NewHasher()
	if _, err := io.WriteString(io.MultiWriter(w, h), "nobody's"); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(context.Background(), h.Sum().SHA256); err != nil {
		t.Fatal(err)
	}
	out, err := command("gc", "--data", dir, "--grace", "1ns")
	if err != nil || !strings.Contains(out, "1 blobs; 1 deleted (8 B)") {
		t.Errorf("%v, %s", err, out)
	}
	if _, err := s.blobs.Open(t.Context(), d, h.Sum().SHA256); !registry.IsNotFound(err) {
		t.Errorf("the bytes: %v, want NotFound", err)
	}
}
