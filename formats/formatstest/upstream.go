package formatstest

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// Upstream is a fake external registry of any format: it serves what it is
// given on a loopback port, remembers what it was asked, and can misbehave in
// every way that Fault has a word for. It is safe for concurrent use.
//
// In bodies of a textual type "{upstream}" stands for the registry's own URL.
type Upstream struct {
	URL string // without a slash at the end

	server *httptest.Server
	gate   *switchable

	mu        sync.Mutex
	behaviour Behaviour
	resources map[string]Resource
	faults    map[string]Fault
	requests  []Request
}

// Behaviour is how well mannered a registry is.
type Behaviour struct {
	ETag         bool // sends strong ETags, another for each representation, and answers 304
	LastModified bool // sends Last-Modified and answers 304 by date
	Gzip         bool // compresses text for those who accept it
	Negotiate    bool // serves Variants by Accept; else always the body

	// User and Password are wanted by Basic authentication, unless User is empty.
	User, Password string
}

// WellMannered is what a registry can do at best, and what Upstream does at first.
var WellMannered = Behaviour{ETag: true, LastModified: true, Gzip: true, Negotiate: true}

// Resource is what the registry has under one path.
type Resource struct {
	Body     []byte
	Type     string // media type; empty: from the path's extension, else by the first byte
	Modified time.Time
	Variants map[string][]byte // further representations, by media type
	// Handler answers instead, for what is asked by POST or depends on a query.
	Handler http.Handler
}

// Request is what the registry was asked.
type Request struct {
	Method string
	Path   string // decoded
	Target string // path and query as they were sent
	Host   string
	Header http.Header
	Body   []byte
}

// NewUpstream starts a registry without any resources, and stops it at the end of the test.
func NewUpstream(t testing.TB) *Upstream {
	u := &Upstream{
		behaviour: WellMannered,
		resources: map[string]Resource{},
		faults:    map[string]Fault{},
	}
	u.server = httptest.NewUnstartedServer(http.HandlerFunc(u.serve))
	u.server.Config.ErrorLog = nil
	u.gate = &switchable{Listener: u.server.Listener}
	u.server.Listener = u.gate
	u.server.Start()
	u.URL = u.server.URL
	t.Cleanup(func() {
		u.server.CloseClientConnections() // ends what stalls
		u.server.Close()
	})
	return u
}

// Serve puts or replaces what is under a path, which begins with a slash and is decoded.
func (u *Upstream) Serve(path string, r Resource) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.resources[path] = r
}

// ServeText puts a body under a path, its type by the path or the first byte.
func (u *Upstream) ServeText(path, body string) {
	u.Serve(path, Resource{Body: []byte(body)})
}

// ServeArchive puts every file of a txtar archive. A file's name is a path,
// the slash before it may be left out; "path media/type" names a further
// representation of the path, which has to stand before.
func (u *Upstream) ServeArchive(t testing.TB, archive []byte) {
	t.Helper()
	for _, f := range txtar.Parse(archive).Files {
		name, media, variant := strings.Cut(f.Name, " ")
		name = "/" + strings.TrimPrefix(name, "/")
		if !variant {
			u.Serve(name, Resource{Body: f.Data})
			continue
		}
		u.mu.Lock()
		r, ok := u.resources[name]
		if ok {
			if r.Variants == nil {
				r.Variants = map[string][]byte{}
			}
			r.Variants[media] = f.Data
			u.resources[name] = r
		}
		u.mu.Unlock()
		if !ok {
			t.Fatalf("archive has %q before %q", f.Name, name)
		}
	}
}

// Remove takes away what is under a path: 404 from then on.
func (u *Upstream) Remove(path string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.resources, path)
}

// Behave changes the manners; Behaviour{} is a plain mirror.
func (u *Upstream) Behave(b Behaviour) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.behaviour = b
}

// Fault makes a path misbehave until it is healed; the empty path is all that have no fault of their own.
func (u *Upstream) Fault(path string, f Fault) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.faults[path] = f
}

// Heal ends a path's fault.
func (u *Upstream) Heal(path string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.faults, path)
}

// Down breaks all connections and resets new ones, until Up.
func (u *Upstream) Down() {
	u.gate.set(true)
	u.server.CloseClientConnections()
}

// Up ends Down.
func (u *Upstream) Up() { u.gate.set(false) }

// Requests gives what was asked of a path, oldest first; of all paths for the empty one.
func (u *Upstream) Requests(path string) []Request {
	u.mu.Lock()
	defer u.mu.Unlock()
	var of []Request
	for _, r := range u.requests {
		if path == "" || r.Path == path {
			of = append(of, r)
		}
	}
	return of
}

// Count gives how often a path was asked for; all paths for the empty one.
func (u *Upstream) Count(path string) int { return len(u.Requests(path)) }

func (u *Upstream) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	u.mu.Lock()
	u.requests = append(u.requests, Request{
		Method: r.Method, Path: r.URL.Path, Target: r.RequestURI, Host: r.Host, Header: r.Header.Clone(), Body: body,
	})
	resource, ok := u.resources[r.URL.Path]
	behaviour := u.behaviour
	fault := u.faults[r.URL.Path]
	if fault == nil {
		fault = u.faults[""]
	}
	u.mu.Unlock()

	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case behaviour.User != "" && (user != behaviour.User || password != behaviour.Password):
			w.Header().Set("WWW-Authenticate", `Basic realm="upstream"`)
			http.Error(w, "who are you", http.StatusUnauthorized)
		case !ok:
			http.Error(w, "no such thing", http.StatusNotFound)
		case resource.Handler != nil:
			resource.Handler.ServeHTTP(w, r)
		default:
			u.represent(w, r, resource, behaviour)
		}
	})
	if fault != nil {
		fault(w, r, answer)
		return
	}
	answer(w, r)
}

// represent serves the representation that the client asked for.
func (u *Upstream) represent(w http.ResponseWriter, r *http.Request, res Resource, b Behaviour) {
	body, media := res.Body, cmp.Or(res.Type, guess(r.URL.Path, res.Body))
	h := w.Header()
	if b.Negotiate && len(res.Variants) > 0 {
		h.Add("Vary", "Accept")
		for entry := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
			wanted, params, err := mime.ParseMediaType(entry)
			if v, ok := res.Variants[wanted]; err == nil && ok && params["q"] != "0" {
				body, media = v, wanted
				break
			}
			if err == nil && wanted == media {
				break
			}
		}
	}
	text := textual(media)
	if text {
		body = bytes.ReplaceAll(body, []byte("{upstream}"), []byte(u.URL))
	}
	tag := sha256.Sum256(append([]byte(media+"\n"), body...))
	etag := hex.EncodeToString(tag[:8])
	if b.Gzip && text {
		h.Add("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			body = compressed(body)
			etag += "-gzip"
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("Content-Type", media)
	if b.ETag {
		h.Set("ETag", strconv.Quote(etag))
	}
	if b.LastModified && !res.Modified.IsZero() {
		h.Set("Last-Modified", res.Modified.UTC().Format(http.TimeFormat))
	}
	if unchanged(r, h, res.Modified) {
		h.Del("Content-Type")
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// unchanged answers conditional requests (RFC 9110, 13).
func unchanged(r *http.Request, h http.Header, modified time.Time) bool {
	if match := r.Header.Get("If-None-Match"); match != "" {
		return h.Get("ETag") != "" && strings.Contains(match, h.Get("ETag"))
	}
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	return err == nil && h.Get("Last-Modified") != "" && !modified.Truncate(time.Second).After(since)
}

func guess(name string, body []byte) string {
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	switch {
	case bytes.HasPrefix(body, []byte("{")), bytes.HasPrefix(body, []byte("[")):
		return "application/json"
	case bytes.HasPrefix(body, []byte("<")):
		return "text/html; charset=utf-8"
	}
	return "application/octet-stream"
}

func textual(media string) bool {
	t, _, _ := mime.ParseMediaType(media)
	return strings.HasPrefix(t, "text/") || strings.HasSuffix(t, "json") || strings.HasSuffix(t, "xml")
}

func compressed(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

// switchable is a listener whose connections are reset while it is off.
type switchable struct {
	net.Listener
	mu  sync.Mutex
	off bool
}

func (l *switchable) set(off bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.off = off
}

func (l *switchable) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		off := l.off
		l.mu.Unlock()
		if !off {
			return c, nil
		}
		reset(c)
	}
}

func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	c.Close()
}
