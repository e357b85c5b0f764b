package npm_test

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"larder/formats/formatstest"
)

// The golden files under testdata/wire are conversations of real clients, one
// folder a client and below it one a request, in order. request.http is what
// the client sent; response.http is what we answer, rewritten by -update.
//
// To record a client again, with its script testdata/wire/{client}.sh:
//
//	go test ./formats/npm -run Record -record npm=$(command -v npm)
var (
	update = flag.Bool("update", false, "rewrite the answers in testdata/wire")
	record = flag.String("record", "", "client=command: record testdata/wire/{client} anew with this command")
)

const wireHost = "registry.test"

// wireServer offers what the scripts install.
func wireServer(t *testing.T) *formatstest.Server {
	s := newServer(t)
	for _, name := range []string{"@dep/left", "right"} {
		file := name[strings.IndexByte(name, '/')+1:] + "-1.2.0.tgz"
		tgz := tarball(t, fmt.Sprintf(`{"name":%q,"version":"1.2.0"}`, name))
		sum := sha512.Sum512(tgz)
		s.Upstream.ServeText("/"+name, fmt.Sprintf(`{"name":%[1]q,"dist-tags":{"latest":"1.2.0"},
			"time":{"created":"2020-01-01T00:00:00.000Z","modified":"2020-01-01T00:00:00.000Z","1.2.0":"2020-01-01T00:00:00.000Z"},
			"versions":{"1.2.0":{"name":%[1]q,"version":"1.2.0","license":"MIT","dist":{"integrity":"sha512-%[2]s","tarball":"{upstream}/%[3]s/-/%[4]s"}}}}`,
			name, base64.StdEncoding.EncodeToString(sum[:]), name, file))
		s.Upstream.Serve("/"+name+"/-/"+file, formatstest.Resource{Body: tgz, Type: "application/octet-stream"})
	}
	s.Upstream.ServeText("/-/npm/v1/security/advisories/bulk", `{}`)
	return s
}

func tarball(t *testing.T, manifest string) []byte {
	t.Helper()
	var b bytes.Buffer
	// Not compressed, so that the bytes do not depend on the compressor.
	z, err := gzip.NewWriterLevel(&b, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	err = cmp.Or(
		w.WriteHeader(&tar.Header{Name: "package/package.json", Mode: 0o644, Size: int64(len(manifest)), Typeflag: tar.TypeReg}),
		func() error { _, err := io.WriteString(w, manifest); return err }(),
		w.Close(), z.Close(),
	)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestConversationsOfRealClients(t *testing.T) {
	files, err := filepath.Glob("testdata/wire/*/*/request.http")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	clients := map[string][]string{}
	for _, f := range files {
		dir := filepath.Dir(filepath.Dir(f))
		clients[dir] = append(clients[dir], f)
	}
	for dir, cases := range clients {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			s := wireServer(t)
			slices.Sort(cases)
			rev := ""
			for _, file := range cases {
				answer := replay(t, s, file, rev)
				if m := revision.FindSubmatch(answer.Body); m != nil {
					rev = string(m[0])
				}
				compare(t, filepath.Join(filepath.Dir(file), "response.http"), shown(t, answer))
			}
		})
	}
}

var (
	revision = regexp.MustCompile(`\d+-larder`)
	date     = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
)

// replay sends a recorded request; rev stands for the revision that the client
// had read.
func replay(t *testing.T, s *formatstest.Server, file, rev string) formatstest.Answer {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(strings.ReplaceAll(string(text), "{rev}", rev), "\n\n")
	lines := strings.Split(head, "\n")
	method, target, _ := strings.Cut(lines[0], " ")
	payload := []byte(strings.TrimSuffix(body, "\n"))
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	path, query, _ := strings.Cut(target, "?")
	req.URL.Opaque, req.URL.RawQuery, req.Host = path, query, wireHost
	for _, line := range lines[1:] {
		k, v, _ := strings.Cut(line, ": ")
		req.Header.Add(k, v)
	}
	if req.Header.Get("Content-Encoding") == "gzip" {
		payload = zip(payload)
	}
	if len(payload) > 0 {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(payload)), int64(len(payload))
	}
	res, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	a := formatstest.Answer{Status: res.StatusCode, Header: res.Header}
	if a.Body, err = io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	return a
}

// shown writes an answer the way it stands in a golden file: what differs from
// run to run is masked, JSON is indented, other bytes are their digest.
func shown(t *testing.T, a formatstest.Answer) string {
	t.Helper()
	body := a.Body
	if a.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	kind := a.Header.Get("Content-Type")
	var text bytes.Buffer
	switch {
	case len(body) == 0:
	case strings.HasSuffix(kind, "json"):
		if err := json.Indent(&text, body, "", " "); err != nil {
			t.Fatal(err)
		}
		if a.Header.Get("Etag") != "" {
			a.Header.Set("Etag", `"{etag}"`)
		}
	default:
		fmt.Fprintf(&text, "%d bytes, SHA-256 %x", len(body), sha256.Sum256(body))
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%d\n", a.Status)
	for _, k := range []string{"Date", "X-Request-Id", "Content-Length", "Connection"} {
		a.Header.Del(k)
	}
	if a.Header.Get("Last-Modified") != "" {
		a.Header.Set("Last-Modified", "{date}")
	}
	a.Header.Write(&out)
	fmt.Fprintf(&out, "\n%s\n", text.String())
	masked := strings.ReplaceAll(out.String(), "\r\n", "\n")
	return revision.ReplaceAllString(date.ReplaceAllString(masked, "{date}"), "{rev}")
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s: %s", file, diff)
	}
}

func TestRecord(t *testing.T) {
	client, command, ok := strings.Cut(*record, "=")
	if !ok {
		t.Skip("without -record client=command nothing is recorded")
	}
	s := wireServer(t)
	dir := filepath.Join("testdata", "wire", client)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target); p.Out.Host = p.In.Host }}
	var mu sync.Mutex
	n := 0
	recorder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock() // clients ask several things at once; a file has an order
		defer mu.Unlock()
		n++
		keep(t, dir, n, r)
		proxy.ServeHTTP(w, r)
	}))
	defer recorder.Close()

	home := t.TempDir()
	registry := strings.Replace(s.Base("main"), s.URL, recorder.URL, 1)
	script, err := filepath.Abs("testdata/wire/" + client + ".sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-eu", script)
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "HOME="+home, "CLIENT="+command, "REGISTRY="+registry, "NERF="+strings.TrimPrefix(registry, "http:"),
		"TOKEN="+formatstest.Owner, "npm_config_update_notifier=false", "npm_config_cache="+home+"/cache", "XDG_CACHE_HOME="+home+"/xdg")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// dropped are headers that differ from run to run or from connection to connection.
var dropped = []string{"Connection", "Content-Length", "Npm-Session", "If-None-Match", "If-Modified-Since", "Keep-Alive", "Transfer-Encoding"}

// keep writes a request down and leaves it to be served.
func keep(t *testing.T, dir string, n int, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if r.Header.Get("Content-Encoding") == "gzip" {
		if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
			body, _ = io.ReadAll(z)
		}
	}
	header := r.Header.Clone()
	for _, k := range dropped {
		header.Del(k)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s\n", r.Method, r.RequestURI)
	header.Write(&out)
	fmt.Fprintf(&out, "\n%s\n", body)
	text := strings.ReplaceAll(out.String(), "\r\n", "\n")
	text = strings.ReplaceAll(text, r.Host, wireHost)
	text = revision.ReplaceAllString(text, "{rev}")
	text = date.ReplaceAllString(text, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Format(time.RFC3339))
	_, below, _ := strings.Cut(r.URL.Path, "/main/")
	slug := strings.Trim(regexp.MustCompile(`[^a-z0-9.]+`).ReplaceAllString(strings.ToLower(r.Method+" "+below), "-"), "-")
	slug = revision.ReplaceAllString(slug, "rev")
	folder := filepath.Join(dir, fmt.Sprintf("%02d-%s", n, slug))
	err = os.MkdirAll(folder, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "request.http"), []byte(text), 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}
