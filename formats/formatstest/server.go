// Package formatstest asks every wire format the questions that all of them
// answer the same way, against the real core on memory stores and a fake
// upstream registry that can misbehave. Start reading at Run.
package formatstest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/formats"
	"larder/internal/httpx"
	"larder/registry"
	"larder/registry/guard"
	"larder/registry/upstream"
	"larder/storage/mem"
	"larder/storage/sqlite"
)

// Who may ask a Server: their bearer tokens. Without one a request is anonymous.
const (
	Owner  = "owner"  // may do everything
	Reader = "reader" // may read
	Nobody = "nobody" // may do nothing

	Publisher = "publisher" // may publish versions, and nothing else
)

// Connection is the external connection of repository "store".
const Connection = "public:test"

// Second is an external connection to a registry of its own, Server.Second. No
// repository has it before Connect.
const Second = "public:second"

const account = "111111111111"

// Domain is the domain of a Server's repositories.
var Domain = registry.DomainID{Owner: account, Name: "acme"}

// Server is one format served by the real core. Repository "main" has upstream
// "store", which has the external connection to Upstream; "lone" has neither.
type Server struct {
	URL      string
	Upstream *Upstream
	Second   *Upstream
	Service  *registry.Service
	Blobs    registry.Blobs
	Metadata registry.Metadata

	t      testing.TB
	format formats.Format
	mu     sync.Mutex
	ops    []string
}

// NewServer starts one and stops it at the end of the test.
func NewServer(t testing.TB, f formats.Format, limits registry.Limits) *Server {
	t.Helper()
	return NewServerAt(t, f, limits, time.Now)
}

// NewServerAt is NewServer with a clock for what is recorded: for documents that
// tell when they changed, and checksums of them.
func NewServerAt(t testing.TB, f formats.Format, limits registry.Limits, clock registry.Clock) *Server {
	t.Helper()
	meta, err := sqlite.OpenMemory(t.Context(), sqlite.WithClock(clock))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { meta.Close() })
	s := &Server{t: t, format: f, Upstream: NewUpstream(t), Second: NewUpstream(t), Blobs: mem.New(), Metadata: meta}
	s.makeRepositories()
	puller := upstream.New(upstream.Config{
		Metadata: meta, Blobs: s.Blobs, ServerID: "under-test",
		Adapters:  map[string]registry.Upstream{f.Name: f.Upstream},
		Freshness: upstream.Freshness{Fresh: time.Nanosecond, Recheck: time.Nanosecond, NotFound: time.Nanosecond, Failed: time.Nanosecond},
		Connections: func(_ context.Context, name string) (registry.Connection, error) {
			return s.connections()[name], nil
		},
	})
	rules := map[string]registry.Rules{f.Name: f.Rules}
	s.Service, err = registry.New(registry.Config{
		Metadata: meta, Blobs: s.Blobs, Authorizer: byToken{}, Puller: puller,
		Guard:       guard.New(rules), // which has no rules at first
		Rules:       rules,
		Connections: &registry.Connections{Metadata: meta, Given: s.connections()},
		Limits:      limits,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(&httpx.Front{Next: formats.Mount(s.Service, []formats.Format{f}, formats.Options{
		Authenticate: authenticate,
		Base:         httpx.Base,
		ServerID:     "under-test",
		Observe:      s.observe,
	})})
	s.URL = server.URL
	t.Cleanup(func() {
		server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		puller.Close(ctx)
		s.Service.Close(ctx)
	})
	return s
}

func (s *Server) connections() map[string]registry.Connection {
	return map[string]registry.Connection{
		Connection: {Name: Connection, Format: s.format.Name, URL: s.Upstream.URL + "/"},
		Second:     {Name: Second, Format: s.format.Name, URL: s.Second.URL + "/"},
	}
}

// Connect gives "store" these connections, in this order.
func (s *Server) Connect(names ...string) {
	s.t.Helper()
	err := s.Metadata.Update(s.t.Context(), func(tx registry.Tx) error {
		r, err := tx.Repository(RepoID("store"))
		if err != nil {
			return err
		}
		r.Connections = names
		return tx.UpdateRepository(r)
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *Server) makeRepositories() {
	s.t.Helper()
	err := s.Metadata.Update(s.t.Context(), func(tx registry.Tx) error {
		if err := tx.CreateDomain(registry.Domain{ID: Domain, Created: tx.Now()}); err != nil {
			return err
		}
		for _, r := range []registry.Repository{
			{ID: RepoID("store"), Connections: []string{Connection}},
			{ID: RepoID("main"), Upstreams: []string{"store"}},
			{ID: RepoID("lone")},
		} {
			r.Administrator, r.Created = account, tx.Now()
			if err := tx.CreateRepository(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// RepoID names one of the repositories.
func RepoID(name string) registry.RepoID { return registry.RepoID{Domain: Domain, Name: name} }

// Repo gives a repository as the owner sees it.
func (s *Server) Repo(name string) *registry.Repo {
	return s.Service.Repo(actor(Owner), RepoID(name))
}

// Base is a repository's URL, with a trailing slash.
func (s *Server) Base(repo string) string {
	return fmt.Sprintf("%s/%s/d/%s-%s/%s/", s.URL, s.format.Name, Domain.Name, Domain.Owner, repo)
}

// Call is one request to a repository.
type Call struct {
	Method string // empty: GET
	Repo   string // empty: main
	Path   string // below the repository, percent-encoded, without the slash before it
	Header map[string]string
	Body   []byte
	As     string // whose token; empty: Owner; "-": none
}

// Answer is a whole answer.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Err    error // of reading the body
}

// Do sends a call. The path goes out exactly as it stands.
func (s *Server) Do(c Call) Answer {
	s.t.Helper()
	if c.Method == "" {
		c.Method = http.MethodGet
	}
	if c.Repo == "" {
		c.Repo = "main"
	}
	req, err := http.NewRequestWithContext(s.t.Context(), c.Method, s.URL, strings.NewReader(string(c.Body)))
	if err != nil {
		s.t.Fatal(err)
	}
	path, query, _ := strings.Cut(strings.TrimPrefix(s.Base(c.Repo), s.URL)+c.Path, "?")
	req.URL.Opaque, req.URL.RawQuery = path, query
	if c.As == "" {
		c.As = Owner
	}
	if c.As != "-" {
		req.Header.Set("Authorization", "Bearer "+c.As)
	}
	for k, v := range c.Header {
		req.Header.Set(k, v)
	}
	// The transport neither follows redirects nor undoes compression.
	res, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", c.Method, c.Path, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return Answer{Status: res.StatusCode, Header: res.Header, Body: body, Err: err}
}

// observe notes which endpoints were reached.
func (s *Server) observe(_, operation string) func(int, int64, time.Duration) {
	return func(int, int64, time.Duration) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ops = append(s.ops, operation)
	}
}

func (s *Server) reached(operation string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.ops, operation)
}

// BlobCount counts what is stored.
func (s *Server) BlobCount() int {
	s.t.Helper()
	n := 0
	for _, err := range s.Blobs.List(s.t.Context(), Domain) {
		if err != nil {
			s.t.Fatal(err)
		}
		n++
	}
	return n
}

func actor(token string) registry.Actor {
	return registry.Actor{
		Account: account, Principal: "arn:aws:iam::" + account + ":user/" + token, User: token,
		Source: netip.MustParseAddr("127.0.0.1"),
	}
}

func authenticate(r *http.Request) (registry.Actor, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if _, password, basic := r.BasicAuth(); basic {
		token, ok = password, true
	}
	switch {
	case !ok:
		return registry.Actor{}, nil
	case token != Owner && token != Reader && token != Nobody && token != Publisher:
		return registry.Actor{}, registry.Errorf(registry.Unauthenticated, "the token is not valid")
	}
	return actor(token), nil
}

// byToken authorizes by the user that the token named.
type byToken struct{}

func (byToken) Authorize(_ context.Context, a registry.Access) error {
	switch {
	case a.Actor.Anonymous():
		return registry.Errorf(registry.Unauthenticated, "no credential was sent")
	case a.Actor.User == Owner, a.Actor.User == Reader && a.Action == registry.ReadFromRepository,
		a.Actor.User == Publisher && a.Action == registry.PublishPackageVersion:
		return nil
	}
	return registry.Errorf(registry.Denied, "%s is not allowed to %s", a.Actor.User, a.Action)
}

func (b byToken) Possible(ctx context.Context, a registry.Access) error { return b.Authorize(ctx, a) }
