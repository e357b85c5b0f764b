package pypi_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
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

	gocmp "github.com/google/go-cmp/cmp"

	"larder/formats/formatstest"
	"larder/formats/pypi"
	"larder/registry"
)

// The golden files under testdata/wire are conversations of real clients, one
// folder a client and below it one a request, in order. request.http is what
// the client sent, byte by byte; response.http is what we answer, rewritten by
// -update.
//
// To record a client again, with its script testdata/wire/{client}.sh:
//
//	go test ./formats/pypi -run Record -record twine=$HOME/.cache/larder-clients/twine/bin/twine
var (
	update = flag.Bool("update", false, "rewrite the answers in testdata/wire")
	record = flag.String("record", "", "client=command: record testdata/wire/{client} anew with this command")
)

const wireHost = "registry.test"

// wireServer offers what the scripts install, and holds one package.
func wireServer(t *testing.T) *formatstest.Server {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	info := metadataOf("left", "1.0")
	s.Upstream.ServeText("/files/left-1.0-py3-none-any.whl.metadata", info)
	offer(s.Upstream, "left",
		offered{"left-1.0-py3-none-any.whl", wheel("left", "1.0"), map[string]any{"core-metadata": map[string]string{"sha256": sha256Hex([]byte(info))}}},
		offered{"left-0.9.tar.gz", sdist("left", "0.9"), map[string]any{"yanked": "broken"}},
	)
	want(t, s.Do(uploadWheel("Held.Lib", "2.0", "Requires-Dist: left")), 200)
	return s
}

func TestConversationsOfRealClients(t *testing.T) {
	files, err := filepath.Glob("testdata/wire/*/*/request.http")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	slices.Sort(files)
	servers := map[string]*formatstest.Server{}
	for _, file := range files {
		client := filepath.Dir(filepath.Dir(file))
		if servers[client] == nil {
			servers[client] = wireServer(t)
		}
		got := shown(t, replay(t, servers[client], file))
		golden := filepath.Join(filepath.Dir(file), "response.http")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
			t.Errorf("%s: %s", golden, diff)
		}
	}
}

// replay sends a recorded request.
func replay(t *testing.T, s *formatstest.Server, file string) formatstest.Answer {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	method, target, _ := strings.Cut(lines[0], " ")
	header := map[string]string{}
	for _, line := range lines[1:] {
		k, v, _ := strings.Cut(line, ": ")
		header[k] = v
	}
	header["Authorization"] = "Bearer " + formatstest.Owner
	_, path, _ := strings.Cut(target, "/main/")
	return s.Do(formatstest.Call{Method: method, Path: path, Header: header, Body: body})
}

var (
	date    = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	address = regexp.MustCompile(`127\.0\.0\.1:\d+`)
)

// shown writes an answer the way it stands in a golden file: what differs from
// run to run is masked, JSON is indented, bytes that are no text are their digest.
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
	case strings.HasSuffix(kind, "json"):
		if err := json.Indent(&text, body, "", " "); err != nil {
			t.Fatal(err)
		}
	case strings.HasPrefix(kind, "text/"), strings.HasSuffix(kind, "html"), len(body) == 0:
		text.Write(body)
	default:
		fmt.Fprintf(&text, "%d bytes, SHA-256 %x", len(body), sha256.Sum256(body))
	}
	if strings.HasSuffix(kind, "json") || strings.Contains(kind, "html") {
		a.Header.Set("Etag", `"{etag}"`) // of what is masked
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
	return address.ReplaceAllString(date.ReplaceAllString(masked, "{date}"), wireHost)
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
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(target)
		p.Out.Host = p.In.Host
		p.Out.Header.Set("Authorization", "Bearer "+formatstest.Owner)
	}}
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
	for name, content := range map[string][]byte{"mine-1.0-py3-none-any.whl": wheel("mine", "1.0"), "mine-1.0.tar.gz": sdist("mine", "1.0")} {
		if err := os.WriteFile(filepath.Join(home, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	script, err := filepath.Abs("testdata/wire/" + client + ".sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-eu", script)
	cmd.Dir = home
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "CLIENT=" + command, "NO_COLOR=1",
		"INDEX=" + strings.Replace(s.Base("main"), s.URL, "http://aws:"+formatstest.Owner+"@"+strings.TrimPrefix(recorder.URL, "http://"), 1),
		"REGISTRY=" + strings.Replace(s.Base("main"), s.URL, recorder.URL, 1), "TOKEN=" + formatstest.Owner}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// dropped are headers that differ from run to run or are put there by replay.
var dropped = []string{"Authorization", "Connection", "Content-Length", "If-None-Match", "Keep-Alive", "Transfer-Encoding", "User-Agent"}

// keep writes a request down and leaves it to be served.
func keep(t *testing.T, dir string, n int, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	header := r.Header.Clone()
	for _, k := range dropped {
		header.Del(k)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s %s\n", r.Method, r.RequestURI)
	for _, k := range slices.Sorted(func(yield func(string) bool) {
		for k := range header {
			if !yield(k) {
				return
			}
		}
	}) {
		fmt.Fprintf(&out, "%s: %s\n", k, strings.Join(header[k], ", "))
	}
	out.WriteString("\n")
	out.Write(body)
	_, below, _ := strings.Cut(r.URL.Path, "/main/")
	slug := strings.Trim(regexp.MustCompile(`[^a-z0-9.]+`).ReplaceAllString(strings.ToLower(r.Method+" "+below), "-"), "-")
	folder := filepath.Join(dir, fmt.Sprintf("%02d-%s", n, slug))
	err = os.MkdirAll(folder, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "request.http"), out.Bytes(), 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}
