package formatstest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"mime"
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
)

var (
	update       = flag.Bool("update", false, "rewrite the answers in testdata/wire")
	recordClient = flag.String("record", "", "client=command: record testdata/wire/{client} anew with this command")
)

// WireHost stands for the server in golden files.
const WireHost = "registry.test"

// wireDate stands for every instant that a client sends.
const wireDate = "2020-01-01T00:00:00Z"

// Wire holds a format to conversations of real clients. They stand below
// testdata/wire, one folder a client and below it one a request, in order:
// request.http is what the client sent, response.http what we answer, rewritten
// by -update. To record a client again, by its script testdata/wire/{client}.sh:
//
//	go test ./formats/{format} -run Wire -record {client}={command}
type Wire struct {
	// Server is what the scripts meet, made anew for each client.
	Server func(t *testing.T) *Server
	// Env gives a script what it needs besides PATH, HOME, CLIENT (the command),
	// REGISTRY (the URL of repository main) and TOKEN (Owner's). It may put files
	// into home, where the script runs.
	Env func(t *testing.T, home, registry string) []string
	// AsOwner asks everything with Owner's token, which is then in no file. Else
	// credentials stand as the client sent them.
	AsOwner bool
	// Drop names further headers of requests that differ from run to run.
	Drop []string
	// Vary are parts of answers, by the word that stands for them, that differ
	// from run to run and that clients send back.
	Vary map[string]*regexp.Regexp
}

// Run replays the conversations, or records one where -record says so.
func (w Wire) Run(t *testing.T) {
	if client, command, ok := strings.Cut(*recordClient, "="); ok {
		w.record(t, client, command)
		return
	}
	files, err := filepath.Glob("testdata/wire/*/*/request.http")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	clients := map[string][]string{}
	for _, f := range files {
		dir := filepath.Dir(filepath.Dir(f))
		clients[dir] = append(clients[dir], f)
	}
	for dir, conversation := range clients {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			s := w.Server(t)
			slices.Sort(conversation)
			last := map[string]string{}
			for _, file := range conversation {
				answer := w.replay(t, s, file, last)
				compare(t, filepath.Join(filepath.Dir(file), "response.http"), w.shown(t, answer))
			}
		})
	}
}

// replay sends a recorded request; last is what stood last for the words of
// Vary.
func (w Wire) replay(t *testing.T, s *Server, file string, last map[string]string) Answer {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for word, value := range last {
		text = strings.ReplaceAll(text, "{"+word+"}", value)
	}
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(head, "\n")
	method, target, _ := strings.Cut(lines[0], " ")
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	path, query, _ := strings.Cut(target, "?")
	req.URL.Opaque, req.URL.RawQuery, req.Host = path, query, WireHost
	if w.AsOwner {
		req.Header.Set("Authorization", "Bearer "+Owner)
	}
	for _, line := range lines[1:] {
		k, v, _ := strings.Cut(line, ": ")
		req.Header.Add(k, v)
	}
	payload := []byte(body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		payload = compressed(payload)
	}
	if len(payload) > 0 {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(payload)), int64(len(payload))
	}
	res, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	a := Answer{Status: res.StatusCode, Header: res.Header}
	if a.Body, err = io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	for word, pattern := range w.Vary {
		if value := pattern.Find(a.Body); value != nil {
			last[word] = string(value)
		}
	}
	return a
}

var date = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

// shown writes an answer the way it stands in a golden file: what differs from
// run to run is masked, JSON is indented, bytes that are no text are their digest.
func (w Wire) shown(t *testing.T, a Answer) string {
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
	kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	var text bytes.Buffer
	switch {
	case strings.HasSuffix(kind, "json") && len(body) > 0:
		if err := json.Indent(&text, body, "", " "); err != nil {
			t.Fatal(err)
		}
	case textual(kind), len(body) == 0:
		text.Write(body)
	default:
		fmt.Fprintf(&text, "%d bytes, SHA-256 %x", len(body), sha256.Sum256(body))
	}
	content := w.masked(undated(text.String()))
	if content != text.String() && a.Header.Get("Etag") != "" {
		a.Header.Set("Etag", `"{etag}"`) // of what is masked
	}
	for _, k := range []string{"Date", "X-Request-Id", "Content-Length", "Connection"} {
		a.Header.Del(k)
	}
	if a.Header.Get("Last-Modified") != "" {
		a.Header.Set("Last-Modified", "{date}")
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%d\n", a.Status)
	a.Header.Write(&out) //nolint:errcheck // into memory
	return w.masked(undated(strings.ReplaceAll(out.String(), "\r\n", "\n"))) + "\n" + content + "\n"
}

func undated(text string) string { return date.ReplaceAllString(text, "{date}") }

// masked puts words for what differs from run to run.
func (w Wire) masked(text string) string {
	for word, pattern := range w.Vary {
		text = pattern.ReplaceAllString(text, "{"+word+"}")
	}
	return text
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

// record runs a client's script and writes down what it asks.
func (w Wire) record(t *testing.T, client, command string) {
	t.Helper()
	s := w.Server(t)
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
		if w.AsOwner {
			p.Out.Header.Set("Authorization", "Bearer "+Owner)
		}
	}}
	var mu sync.Mutex
	n := 0
	recorder := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock() // clients ask several things at once; a file has an order
		defer mu.Unlock()
		n++
		w.keep(t, dir, n, r)
		proxy.ServeHTTP(rw, r)
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
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "CLIENT=" + command, "REGISTRY=" + registry, "TOKEN=" + Owner}, w.Env(t, home, registry)...)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// dropped are headers that differ from run to run or from connection to connection.
var dropped = []string{"Connection", "Content-Length", "If-None-Match", "If-Modified-Since", "Keep-Alive", "Transfer-Encoding"}

// keep writes a request down and leaves it to be served.
func (w Wire) keep(t *testing.T, dir string, n int, r *http.Request) {
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
	for _, k := range slices.Concat(dropped, w.Drop) {
		header.Del(k)
	}
	if w.AsOwner {
		header.Del("Authorization")
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s\n", r.Method, r.RequestURI)
	header.Write(&out) //nolint:errcheck // into memory
	text := strings.ReplaceAll(out.String(), "\r\n", "\n") + "\n" + string(body)
	text = strings.ReplaceAll(text, r.Host, WireHost)
	text = w.masked(date.ReplaceAllString(text, wireDate))
	_, below, _ := strings.Cut(r.URL.Path, "/main/")
	slug := strings.Trim(regexp.MustCompile(`[^a-z0-9.]+`).ReplaceAllString(strings.ToLower(r.Method+" "+w.masked(below)), "-"), "-")
	folder := filepath.Join(dir, fmt.Sprintf("%02d-%s", n, slug))
	err = os.MkdirAll(folder, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "request.http"), []byte(text), 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}
