package formats

import (
	"cmp"
	"errors"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"

	"larder/internal/httpx"
	"larder/registry"
)

// Challenge is the WWW-Authenticate header of every 401: clients such as Maven
// send no credential before they have seen it (pitfalls M12, U15).
const Challenge = `Basic realm="larder"`

// Options are what Mount needs from the command that wires the server.
type Options struct {
	// Authenticate finds out who asks. No credential is no error: it gives the
	// anonymous actor, and the core says 401 where that is not enough.
	Authenticate func(*http.Request) (registry.Actor, error)
	// Base gives the server's URL as this client is told it, without trailing slash.
	Base func(*http.Request) string
	// ServerID marks this server's own requests: one whose Via names
	// "larder-{ServerID}" has come back to where it started and ends with 508.
	ServerID string
	// Observe is asked once per endpoint, at start, for the function that is told
	// of each answer by httpx.Front. Nil: nobody counts.
	Observe func(format, operation string) func(status int, bytes int64, d time.Duration)
	// Otherwise takes the requests whose first segment is no format. Nil: 404.
	Otherwise http.Handler
}

// Mount serves the formats' repositories as
//
//	/{format}/d/{domain}-{owner}/{repository}/…        on any host
//	/{format}/{repository}/…                           on {domain}-{owner}.d.ANY
//
// (design.md section 1, spec 1.5). Each request passes, in this order: the
// path's check, the loop check, the route table, that of a browser's page,
// authentication, the handler.
// What any of them returns as an error is written by the format's WriteError.
func Mount(svc *registry.Service, fs []Format, o Options) http.Handler {
	m := &mounts{svc: svc, options: o, via: "larder-" + o.ServerID, formats: map[string]*mounted{}, known: newKnownCalls()}
	for _, f := range fs {
		m.formats[f.Name] = mount(f, o)
	}
	return m
}

type mounts struct {
	svc     *registry.Service
	options Options
	via     string
	formats map[string]*mounted
	known   knownCalls
}

// mounted is a format with its endpoints by method, so that a request meets
// only patterns that could serve it.
type mounted struct {
	Format
	methods   []string
	endpoints map[string][]*endpoint
}

type endpoint struct {
	Route
	pattern *regexp.Regexp // one group for each of names
	names   []string
	observe func(status int, bytes int64, d time.Duration)
}

func mount(f Format, o Options) *mounted {
	m := &mounted{Format: f, endpoints: map[string][]*endpoint{}}
	for _, r := range f.Routes {
		e := newEndpoint(r)
		if o.Observe != nil {
			e.observe = o.Observe(f.Name, r.Operation)
		}
		for _, method := range r.Methods {
			m.endpoints[method] = append(m.endpoints[method], e)
		}
	}
	if m.endpoints[http.MethodHead] == nil && m.endpoints[http.MethodGet] != nil {
		m.endpoints[http.MethodHead] = m.endpoints[http.MethodGet]
	}
	m.methods = slices.Sorted(maps.Keys(m.endpoints))
	return m
}

// newEndpoint reads a route's template by gorilla/mux, whose router would run
// the expression twice for each request, and cannot match a path that is
// still encoded without making a request of it.
func newEndpoint(r Route) *endpoint {
	template := mux.NewRouter().Path(r.Pattern)
	pattern, err := template.GetPathRegexp()
	if err != nil {
		panic("formats: route " + r.Pattern + ": " + err.Error())
	}
	names, err := template.GetVarNames()
	if err != nil {
		panic("formats: route " + r.Pattern + ": " + err.Error())
	}
	return &endpoint{Route: r, pattern: regexp.MustCompile(pattern), names: names}
}

// match gives the variables of a path, still encoded.
func (e *endpoint) match(path string) (map[string]string, bool) {
	at := e.pattern.FindStringSubmatchIndex(path)
	if at == nil {
		return nil, false
	}
	vars := make(map[string]string, len(e.names))
	for i, name := range e.names {
		vars[name] = path[at[2*i+2]:at[2*i+3]]
	}
	return vars, true
}

func (m *mounts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := pathAsSent(r)
	name, _ := segment(path)
	f, ok := m.formats[name]
	switch {
	case ok:
	case m.options.Otherwise != nil:
		m.options.Otherwise.ServeHTTP(w, r)
		return
	default:
		http.NotFound(w, r)
		return
	}
	rw := httpx.Recording(w)
	log := httpx.RecordOf(r.Context())
	log.Format, log.Op = f.Name, "unknown"
	err := httpx.Try(rw, r, func(w http.ResponseWriter, r *http.Request) error {
		if m.looped(r) {
			return Statusf(http.StatusLoopDetected, "this request has already passed through this server: an external connection leads back to it")
		}
		c := m.known.get(r.Method, path)
		if c == nil {
			// What is remembered keeps parts of the path: not the whole line with
			// its query, of which the path is a part.
			path := strings.Clone(path)
			_, rest := segment(path)
			var err error
			if c, err = f.resolve(r, rest); err != nil {
				return err
			}
			m.known.put(r.Method, path, c)
		}
		return m.serve(c, w, r, log)
	})
	if err != nil {
		log.Code = code(err)
		f.fail(rw, r, err)
	}
}

// pathAsSent gives the path percent-encoded as it came.
func pathAsSent(r *http.Request) string {
	if path, _, _ := strings.Cut(r.RequestURI, "?"); strings.HasPrefix(path, "/") {
		return path
	}
	return r.URL.EscapedPath() // in the absolute form, as for a proxy (RFC 9112, section 3.2.2)
}

// call is what method and path of a request mean. It does not change but for
// what it remembers.
type call struct {
	endpoint *endpoint
	repo     registry.RepoID
	base     string // of the repository, below the server's
	hosted   bool   // named by the host
	vars     map[string]string
	known    *httpx.Known

	told atomic.Pointer[told] // most clients use one name of the server
}

// told is a repository's URL below that of the server.
type told struct{ server, repository string }

// resolve finds repository and endpoint. It does no I/O.
func (f *mounted) resolve(r *http.Request, rest string) (*call, error) {
	c := &call{}
	var domain, repo string
	seg, below := segment(rest)
	if seg == "d" {
		domain, below = segment(below)
		repo, below = segment(below)
		c.base = "/" + f.Name + "/d/" + domain + "/" + repo + "/"
	} else {
		// A proxy that is trusted says in X-Forwarded-Host which host was asked.
		asked := httpx.RecordOf(r.Context()).Peer.Host
		domain, repo, c.hosted = cmp.Or(hostDomain(asked), hostDomain(r.Host)), seg, true
		c.base = "/" + f.Name + "/" + repo + "/"
	}
	id, ok := parseRepo(domain, repo)
	if !ok {
		return nil, registry.Errorf(registry.NotFound, "no repository has this URL: it is /%s/d/{domain}-{owner}/{repository}/", f.Name)
	}
	c.repo = id
	if below == "" {
		below = "/"
	}
	if err := checkPath(below); err != nil {
		return nil, err
	}
	var err error
	if c.endpoint, c.vars, err = f.match(r.Method, below); err != nil {
		return nil, err
	}
	c.known = httpx.Know(httpx.Subject{
		Format: f.Name, Domain: id.Domain.Name, Repo: id.Name, Package: c.vars["package"], Version: c.vars["version"], Op: c.endpoint.Operation,
	})
	return c, nil
}

// match finds the endpoint for a path below a repository. The path stands as it
// was sent, percent-encoded.
func (f *mounted) match(method, path string) (*endpoint, map[string]string, error) {
	for _, e := range f.endpoints[method] {
		vars, ok := e.match(path)
		if !ok {
			continue
		}
		for k, v := range vars {
			s, err := decode(v)
			if err != nil {
				return nil, nil, err
			}
			vars[k] = s
		}
		return e, vars, nil
	}
	var allowed []string
	for _, other := range f.methods {
		if slices.ContainsFunc(f.endpoints[other], func(e *endpoint) bool { return e.pattern.MatchString(path) }) {
			allowed = append(allowed, other)
		}
	}
	if allowed != nil {
		err := Statusf(http.StatusMethodNotAllowed, "%s is not possible here, only %s", method, strings.Join(allowed, ", "))
		err.Allow = allowed
		return nil, nil, err
	}
	return nil, nil, registry.Errorf(registry.NotFound, "there is no such %s endpoint", f.Name)
}

func (m *mounts) serve(c *call, w http.ResponseWriter, r *http.Request, log *httpx.Record) error {
	log.Subject, log.Known, log.Observe = c.known.Subject(), c.known, c.endpoint.observe
	var actor registry.Actor
	if !c.endpoint.Public {
		if sameOrigin.Check(r) != nil {
			return Statusf(http.StatusForbidden, "this request was sent by a page of another site, which may change nothing here")
		}
		var err error
		if actor, err = m.options.Authenticate(r); err != nil {
			return err
		}
	}
	var b struct { // in one allocation
		Request
		repo registry.Repo
	}
	b.repo = *m.svc.Repo(actor, c.repo)
	b.Request = Request{Request: r, Repo: &b.repo, Vars: c.vars, Base: m.base(c, r), Log: log}
	onlyHeld := onlyIfCached(r)
	if onlyHeld {
		b.Repo = b.repo.HeldOnly()
	}
	err := c.endpoint.Handle(w, &b.Request)
	if onlyHeld && errors.Is(err, registry.ErrNotHeld) {
		return Statusf(http.StatusGatewayTimeout, "%s", registry.MessageOf(err))
	}
	return err
}

// sameOrigin refuses what a browser sends for another site's page and may
// change something: a browser that was once asked for a password (Challenge)
// sends it with every form. Package clients are no browsers.
var sameOrigin = http.NewCrossOriginProtection()

// onlyIfCached reports whether a request wants only what is here already, and
// 504 for an asset that is not (RFC 9111, section 5.2.1.7).
func onlyIfCached(r *http.Request) bool {
	for _, v := range r.Header["Cache-Control"] {
		if strings.Contains(v, "only-if-cached") {
			return true
		}
	}
	return false
}

// base is the repository's URL for this client. Where the server goes by one
// public URL, that one leads to every repository by path.
func (m *mounts) base(c *call, r *http.Request) string {
	server := m.options.Base(r)
	if t := c.told.Load(); t != nil && t.server == server {
		return t.repository
	}
	t := &told{server: server, repository: server + c.base}
	if c.hosted && hostDomain(hostOf(server)) == "" {
		t.repository = server + "/" + registryPath(c)
	}
	c.told.Store(t)
	return t.repository
}

func registryPath(c *call) string {
	format, _, _ := strings.Cut(c.base[1:], "/")
	d := c.repo.Domain
	return format + "/d/" + d.Name + "-" + d.Owner + "/" + c.repo.Name + "/"
}

func (m *mounts) looped(r *http.Request) bool {
	for _, v := range r.Header["Via"] {
		for hop := range strings.SplitSeq(v, ",") {
			if fields := strings.Fields(hop); len(fields) > 1 && fields[1] == m.via {
				return true
			}
		}
	}
	return false
}

// fail writes an error once.
func (f *mounted) fail(w *httpx.Recorder, r *http.Request, err error) {
	httpx.Fail(w, r, err, func(w http.ResponseWriter, r *http.Request, err error) {
		if Status(err) == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", Challenge)
		}
		var refused *StatusError
		if errors.As(err, &refused) && refused.Status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", strings.Join(refused.Allow, ", ")) // empty: none is possible (RFC 9110, 10.2.1)
		}
		drain(w, r)
		if registry.CodeOf(err) == registry.Unavailable {
			w.Header().Set("Retry-After", "1") // RFC 9110, 10.2.3
		}
		f.WriteError(w, r, err)
	})
}

// How much of a refused body is still read, and for how long. A client that
// is cut off while it sends reports a broken connection and never the reason;
// most bodies are worth less than that.
const (
	drainBytes = 64 << 20
	drainTime  = 10 * time.Second
)

func drain(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody || r.Header.Get("Expect") != "" {
		return
	}
	httpx.Hurry(r, drainTime)
	if _, err := io.CopyN(io.Discard, r.Body, drainBytes); err != io.EOF {
		w.Header().Set("Connection", "close")
	}
}

// segment cuts the first segment off a path that begins with "/"; rest begins
// with "/" or is empty.
func segment(path string) (seg, rest string) {
	if path == "" {
		return "", ""
	}
	path = path[1:]
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

// hostDomain gives "{domain}-{owner}" of the host "{domain}-{owner}.d.ANY", or "".
func hostDomain(host string) string {
	label, rest, _ := strings.Cut(host, ".")
	if d, rest, _ := strings.Cut(rest, "."); rest != "" && strings.EqualFold(d, "d") {
		return strings.ToLower(label)
	}
	return ""
}

func hostOf(base string) string {
	_, host, _ := strings.Cut(base, "://")
	host, _, _ = strings.Cut(host, "/")
	return host
}

// ownerDigits is the length of an account id.
const ownerDigits = 12

// parseRepo reads "{domain}-{owner}" and a repository's name (spec 1.2).
func parseRepo(domain, repo string) (registry.RepoID, bool) {
	i := len(domain) - ownerDigits - 1
	if i < 2 || domain[i] != '-' {
		return registry.RepoID{}, false
	}
	id := registry.RepoID{Domain: registry.DomainID{Name: domain[:i], Owner: domain[i+1:]}, Name: repo}
	for _, c := range []byte(id.Domain.Owner) {
		if c < '0' || c > '9' {
			return registry.RepoID{}, false
		}
	}
	for _, c := range []byte(id.Domain.Name) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return registry.RepoID{}, false
		}
	}
	if len(repo) < 2 || len(repo) > 100 || !alphanumeric(repo[0]) {
		return registry.RepoID{}, false
	}
	for _, c := range []byte(repo) {
		if !alphanumeric(c) && c != '.' && c != '_' && c != '-' {
			return registry.RepoID{}, false
		}
	}
	return id, true
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
