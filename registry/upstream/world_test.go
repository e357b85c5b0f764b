package upstream_test

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"larder/formats/formatstest"
	"larder/registry"
	"larder/registry/upstream"
	"larder/storage/mem"
	"larder/storage/sqlite"
)

const connection = "public:test"

var (
	domain = registry.DomainID{Owner: "000000000000", Name: "local"}
	left   = registry.PackageID{Format: registry.NPM, Name: "left"}
	right  = registry.PackageID{Format: registry.NPM, Name: "right"}
)

// world is a Puller with a fake registry before it and real storage behind it.
type world struct {
	*upstream.Puller
	up    *formatstest.Upstream
	meta  *metadata
	blobs registry.Blobs
	clock *clock
	seen  *observations

	mu  sync.Mutex
	url map[string]string // of connections
}

func newWorld(t *testing.T, change ...func(*upstream.Config)) *world {
	t.Helper()
	w := &world{
		up:    formatstest.NewUpstream(t),
		clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)},
		blobs: mem.New(),
		seen:  &observations{},
	}
	w.url = map[string]string{connection: w.up.URL}
	db, err := sqlite.OpenMemory(t.Context(), sqlite.WithClock(w.clock.Now))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w.meta = &metadata{Metadata: db}
	err = db.Update(t.Context(), func(tx registry.Tx) error {
		return tx.CreateDomain(registry.Domain{ID: domain})
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Puller = w.puller(t, change...)
	return w
}

// puller makes a Puller over the world's storage, as another process or a restart would.
func (w *world) puller(t *testing.T, change ...func(*upstream.Config)) *upstream.Puller {
	cfg := upstream.Config{
		Metadata: w.meta, Blobs: w.blobs, Clock: w.clock.Now,
		Adapters: map[string]registry.Upstream{registry.NPM: adapter{}},
		Connections: func(_ context.Context, name string) (registry.Connection, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			url, ok := w.url[name]
			if !ok {
				return registry.Connection{}, registry.Errorf(registry.NotFound, "no connection %s", name)
			}
			return registry.Connection{Name: name, Format: registry.NPM, URL: url}, nil
		},
		ServerID: "me", Version: "1.2.3",
		Observe: w.seen.add,
	}
	for _, f := range change {
		f(&cfg)
	}
	p := upstream.New(cfg)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		p.Close(ctx)
	})
	return p
}

func (w *world) lead(name, url string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.url[name] = url
}

// offer makes the registry offer a package with these versions.
func (w *world) offer(p registry.PackageID, versions ...string) {
	doc := document{Tags: map[string]string{"latest": versions[len(versions)-1]}}
	for _, v := range versions {
		doc.Versions = append(doc.Versions, documentVersion{Version: v, Asset: p.Name + "-" + v + ".tgz"})
	}
	b, _ := json.Marshal(doc)
	w.up.Serve("/"+p.Name, formatstest.Resource{Body: b, Type: "application/json", Modified: w.clock.Now()})
}

func (w *world) list(t *testing.T, p registry.PackageID, now bool) (*registry.Listing, error) {
	t.Helper()
	var since time.Time
	if now {
		since = w.clock.Now()
	}
	return w.Listing(t.Context(), domain, connection, p, since)
}

func (w *world) mustList(t *testing.T, p registry.PackageID, now bool) *registry.Listing {
	t.Helper()
	l, err := w.list(t, p, now)
	if err != nil {
		t.Fatalf("Listing(%s, now=%t): %v", p, now, err)
	}
	return l
}

// settle waits for what goes on in the background.
func (w *world) settle(t *testing.T, p *upstream.Puller) {
	t.Helper()
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func versions(l *registry.Listing) []string {
	var all []string
	for _, v := range l.Versions {
		all = append(all, v.Version)
	}
	return all
}

func wantVersions(t *testing.T, l *registry.Listing, want ...string) {
	t.Helper()
	if got := versions(l); !slices.Equal(got, want) {
		t.Fatalf("versions: got %q, want %q", got, want)
	}
}

func wantCode(t *testing.T, err error, want registry.Code) {
	t.Helper()
	if err == nil || registry.CodeOf(err) != want {
		t.Fatalf("error: got %v (code %d), want code %d", err, registry.CodeOf(err), want)
	}
}

func wantCount(t *testing.T, u *formatstest.Upstream, path string, want int) {
	t.Helper()
	if got := u.Count(path); got != want {
		t.Fatalf("requests of %q: got %d, want %d", path, got, want)
	}
}

// clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// metadata counts open transactions, and fails when it is told to.
type metadata struct {
	registry.Metadata
	open atomic.Int32
	down atomic.Bool
}

func (m *metadata) View(ctx context.Context, f func(registry.Tx) error) error {
	return m.during(func() error { return m.Metadata.View(ctx, f) })
}

func (m *metadata) Update(ctx context.Context, f func(registry.Tx) error) error {
	return m.during(func() error { return m.Metadata.Update(ctx, f) })
}

func (m *metadata) during(f func() error) error {
	if m.down.Load() {
		return &registry.Error{Code: registry.Internal, Msg: "disk is gone"}
	}
	m.open.Add(1)
	defer m.open.Add(-1)
	return f()
}

type observations struct {
	mu  sync.Mutex
	all []upstream.Observation
}

func (o *observations) add(n upstream.Observation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, n)
}

// outcomes gives what was observed of a kind, in order.
func (o *observations) outcomes(k upstream.Kind) []upstream.Outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	var got []upstream.Outcome
	for _, n := range o.all {
		if n.Kind == k {
			got = append(got, n.Outcome)
		}
	}
	return got
}

// document is the listing of the format that these tests make up.
type document struct {
	Tags     map[string]string
	Versions []documentVersion
}

type documentVersion struct {
	Version string
	Asset   string
	URL     string
	SHA512  string
	Size    int64
}

// adapter reads documents. before, when set, runs while upstream is asked.
type adapter struct {
	before func()
	read   func(ctx context.Context, g registry.Getter, p registry.PackageID) (*registry.Listing, error)
}

func (a adapter) Listing(ctx context.Context, g registry.Getter, p registry.PackageID) (*registry.Listing, error) {
	if a.before != nil {
		a.before()
	}
	if a.read != nil {
		return a.read(ctx, g, p)
	}
	answer, err := g.Get(ctx, registry.GetRequest{URL: p.Name, Accept: "application/json", Conditional: true})
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	var doc document
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("reading the listing: %w", err)
	}
	l := &registry.Listing{Tags: doc.Tags, Metadata: json.RawMessage(`{"kept":true}`)}
	for _, v := range doc.Versions {
		sum, _ := hex.DecodeString(v.SHA512)
		manifest, _ := json.Marshal(v)
		l.Versions = append(l.Versions, registry.ListedVersion{
			Version: v.Version, Status: registry.Published, Manifest: manifest,
			Released: time.Date(2025, 1, 2, 3, 4, 5, 678_000_000, time.UTC),
			Assets:   []registry.ListedAsset{{Name: v.Asset, URL: cmp.Or(v.URL, v.Asset), SHA512: sum, Size: v.Size}},
		})
	}
	return l, nil
}

func (adapter) Locate(v registry.VersionID, asset string) (registry.ListedAsset, error) {
	return registry.ListedAsset{Name: asset, URL: v.Package.Name + "/" + asset}, nil
}

// Auxiliary passes the request on as it is.
func (adapter) Auxiliary(ctx context.Context, g registry.Getter, r registry.AuxiliaryRequest) (registry.AuxiliaryAnswer, error) {
	q := registry.GetRequest{URL: r.Path, Body: r.Body, ContentType: r.ContentType}
	if r.Query != "" {
		q.URL += "?" + r.Query
	}
	a, err := g.Get(ctx, q)
	if err != nil {
		return registry.AuxiliaryAnswer{}, err
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	return registry.AuxiliaryAnswer{Status: a.Status, ContentType: a.ContentType, Body: b}, err
}
