package registry_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/registry"
	"larder/storage/mem"
	"larder/storage/sqlite"
)

const (
	owner = "111111111111"
	other = "222222222222"
)

var (
	acme  = registry.DomainID{Owner: owner, Name: "acme"}
	alice = registry.Actor{Account: owner, Principal: "arn:aws:iam::" + owner + ":user/alice", User: "alice"}
	bob   = registry.Actor{Account: other, Principal: "arn:aws:iam::" + other + ":user/bob", User: "bob"}
)

// world is a Service on memory stores with a clock that tests move, a fake
// puller, and the repositories
//
//	app -> team -> store -> public:npmjs
type world struct {
	t      *testing.T
	svc    *registry.Service
	meta   registry.Metadata
	blobs  registry.Blobs
	puller *fakePuller
	guard  *fakeGuard
	auth   registry.Authorizer

	mu    sync.Mutex
	clock time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, blobs: mem.New(), guard: &fakeGuard{},
		clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		auth:  ownersOnly{},
	}
	meta, err := sqlite.OpenMemory(t.Context(), sqlite.WithClock(w.now))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { meta.Close() })
	w.meta = meta
	w.puller = &fakePuller{w: w, listings: map[string]*registry.Listing{}, failing: map[string]error{}, bytes: map[string]string{}}
	w.svc, err = registry.New(registry.Config{
		Metadata: meta, Blobs: w.blobs, Authorizer: w, Guard: w.guard, Puller: w.puller,
		Rules: map[string]registry.Rules{registry.NPM: plainRules{}, registry.Maven: guessingRules{}, registry.Generic: plainRules{}, registry.PyPI: growingRules{}},
		Clock: w.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.update(func(tx registry.Tx) error {
		return tx.CreateDomain(registry.Domain{ID: acme, Created: tx.Now()})
	})
	w.repository(registry.Repository{ID: w.id("store"), Connections: []string{"public:npmjs"}})
	w.repository(registry.Repository{ID: w.id("team"), Upstreams: []string{"store"}})
	w.repository(registry.Repository{ID: w.id("app"), Upstreams: []string{"team"}})
	return w
}

func (w *world) Authorize(ctx context.Context, a registry.Access) error {
	return w.auth.Authorize(ctx, a)
}
func (w *world) Possible(ctx context.Context, a registry.Access) error {
	return w.auth.Possible(ctx, a)
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

func (w *world) id(repo string) registry.RepoID { return registry.RepoID{Domain: acme, Name: repo} }

func (w *world) repo(name string) *registry.Repo { return w.svc.Repo(alice, w.id(name)) }

func (w *world) update(f func(registry.Tx) error) {
	w.t.Helper()
	if err := w.meta.Update(w.t.Context(), f); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) repository(r registry.Repository) {
	w.t.Helper()
	w.update(func(tx registry.Tx) error {
		r.Administrator = cmp.Or(r.Administrator, owner)
		r.Created = tx.Now()
		return tx.CreateRepository(r)
	})
}

// publish commits one version whose one asset package.tgz has the content.
func (w *world) publish(repo, name, version, content string, tags ...string) error {
	return w.draft(repo, registry.Draft{
		ID:     vid(name, version),
		Status: registry.Published, Manifest: json.RawMessage(`{"v":"` + version + `"}`), Tags: tags,
	}, content)
}

// draft commits one draft whose one asset package.tgz has the content.
func (w *world) draft(repo string, d registry.Draft, content string) error {
	ctx := w.t.Context()
	pub, err := w.repo(repo).Publish(ctx, d.ID.Package)
	if err != nil {
		return err
	}
	defer pub.Abort()
	d.Assets = append(d.Assets, "package.tgz")
	if _, err := pub.Stage(ctx, "package.tgz", strings.NewReader(content)); err != nil {
		return err
	}
	return pub.Commit(ctx, d)
}

func (w *world) mustPublish(repo, name, version, content string, tags ...string) {
	w.t.Helper()
	if err := w.publish(repo, name, version, content, tags...); err != nil {
		w.t.Fatalf("publish %s@%s into %s: %v", name, version, repo, err)
	}
}

// read gives the content of a version's asset as a client of the repository gets it.
func (w *world) read(repo, name, version string) (string, error) {
	c, err := w.repo(repo).Asset(w.t.Context(), vid(name, version), "package.tgz")
	if err != nil {
		return "", err
	}
	defer c.Body.Close()
	b, err := io.ReadAll(c.Body)
	if int64(len(b)) != c.Size {
		w.t.Errorf("%s@%s: got %d bytes of %d", name, version, len(b), c.Size)
	}
	return string(b), err
}

// listing renders the versions and tags that a client of the repository sees.
func (w *world) listing(repo, name string) (string, error) {
	d, err := w.repo(repo).Document(w.t.Context(), registry.DocumentQuery{Package: pid(name), Kind: "test"}, renderPlain)
	if err != nil {
		return "", err
	}
	return string(d.Plain()), nil
}

func (w *world) wantListing(repo, name, want string) {
	w.t.Helper()
	got, err := w.listing(repo, name)
	if err != nil {
		got = "error: " + err.Error()
	}
	if got != want {
		w.t.Errorf("%s in %s: got %q, want %q", name, repo, got, want)
	}
}

// holds says which of the repositories have a row of the version.
func (w *world) holds(name, version string) string {
	w.t.Helper()
	var out []string
	for _, repo := range []string{"app", "team", "store"} {
		err := w.meta.View(w.t.Context(), func(tx registry.Tx) error {
			_, err := tx.Version(w.id(repo), vid(name, version))
			return err
		})
		if err == nil {
			out = append(out, repo)
		} else if !registry.IsNotFound(err) {
			w.t.Fatal(err)
		}
	}
	return strings.Join(out, " ")
}

// events gives what was appended to the outbox since the last call, a line each.
func (w *world) events() string {
	w.t.Helper()
	var lines []string
	w.update(func(tx registry.Tx) error {
		rows, err := tx.UnsentEvents(1000)
		if err != nil {
			return err
		}
		for _, r := range rows {
			e := r.Event
			line := fmt.Sprintf("%s %s %s@%s %s %s #%d", e.Account, e.Repo.Name, e.Version.Package.Name, e.Version.Version, e.Operation, e.State, e.Sequence)
			for _, c := range []struct {
				n    int
				name string
			}{{e.Changes.AssetsAdded, "added"}, {e.Changes.AssetsRemoved, "removed"}, {e.Changes.AssetsUpdated, "updated"}} {
				if c.n != 0 {
					line += fmt.Sprintf(" %s=%d", c.name, c.n)
				}
			}
			if e.Changes.MetadataUpdated {
				line += " metadata"
			}
			if e.Changes.StatusChanged {
				line += " status"
			}
			lines = append(lines, line)
			if err := tx.MarkSent(r.Row); err != nil {
				return err
			}
		}
		return nil
	})
	return strings.Join(lines, "\n")
}

func (w *world) wantEvents(want ...string) {
	w.t.Helper()
	if got := w.events(); got != strings.Join(want, "\n") {
		w.t.Errorf("events:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func (w *world) blobCount(d registry.DomainID) int {
	w.t.Helper()
	n := 0
	for _, err := range w.blobs.List(w.t.Context(), d) {
		if err != nil {
			w.t.Fatal(err)
		}
		n++
	}
	return n
}

func wantCode(t *testing.T, err error, want registry.Code) {
	t.Helper()
	if err == nil {
		t.Errorf("got no error, want code %d", want)
	} else if got := registry.CodeOf(err); got != want {
		t.Errorf("got code %d (%v), want %d", got, err, want)
	}
}

func pid(name string) registry.PackageID {
	return registry.PackageID{Format: registry.NPM, Name: name}
}

func vid(name, version string) registry.VersionID {
	return registry.VersionID{Package: pid(name), Version: version}
}

func renderPlain(p *registry.PackageView) ([]byte, error) {
	var b bytes.Buffer
	for _, v := range p.Versions {
		fmt.Fprintf(&b, "%s ", v.Version.Version)
	}
	fmt.Fprintf(&b, "latest=%s", p.Tags["latest"])
	if t := p.Tags["beta"]; t != "" {
		fmt.Fprintf(&b, " beta=%s", t)
	}
	return b.Bytes(), nil
}

// plainRules compare versions as text and take "-" for a prerelease.
type plainRules struct{}

func (plainRules) Canonical(id registry.VersionID) (registry.VersionID, error) { return id, nil }
func (plainRules) Compare(a, b string) int                                     { return strings.Compare(a, b) }
func (plainRules) Prerelease(v string) bool                                    { return strings.Contains(v, "-") }
func (plainRules) Describe(json.RawMessage) registry.Description               { return registry.Description{} }

// ownersOnly allows everything to the account that owns the domain.
type ownersOnly struct{}

func (ownersOnly) Authorize(_ context.Context, a registry.Access) error {
	if a.Actor.Anonymous() {
		return registry.Errorf(registry.Unauthenticated, "no credential")
	}
	if a.Resource.Type != registry.NoResource && a.Resource.Type != registry.ConnectionResource && a.Resource.Domain.Owner != a.Actor.Account {
		return registry.Errorf(registry.Denied, "not allowed")
	}
	return nil
}

func (o ownersOnly) Possible(ctx context.Context, a registry.Access) error {
	return o.Authorize(ctx, a)
}

// fakeGuard hides and refuses versions by name@version.
type fakeGuard struct {
	mu       sync.Mutex
	verdicts map[string]registry.Verdict
}

func (g *fakeGuard) set(id string, v registry.Verdict) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.verdicts == nil {
		g.verdicts = map[string]registry.Verdict{}
	}
	g.verdicts[id] = v
}

func (g *fakeGuard) Judge(s registry.Subject) registry.Verdict {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.verdicts[s.Package.Name+"@"+s.Version.Version]
}

// What it says does not hang on documents.
func (g *fakeGuard) Compile(string) (registry.Rulings, error) { return g, nil }

// Of is of what is set by now.
func (g *fakeGuard) Of(registry.PackageID) registry.Ruling {
	g.mu.Lock()
	defer g.mu.Unlock()
	return &fakeGuard{verdicts: maps.Clone(g.verdicts)}
}

func (g *fakeGuard) Advised() bool     { return false }
func (g *fakeGuard) Attested() bool    { return false }
func (g *fakeGuard) Explain() []string { return nil }
func (g *fakeGuard) Block(document string, _ []registry.VersionID, _ string) (string, error) {
	return document, nil
}

// fakePuller offers what tests put into it. Listings are kept in the metadata
// as the real one does, so that revisions move.
type fakePuller struct {
	w *world

	mu       sync.Mutex
	listings map[string]*registry.Listing // by package name
	failing  map[string]error             // by package name
	broken   map[string]error             // by name of the file
	bytes    map[string]string            // by name@version
	locates  bool                         // files that no listing names
	asked    int                          // listings asked for, kept or not
	pulled   int
	fetched  int
	during   func() // runs once while an asset is on its way
}

// offer lets public:npmjs list the versions of a package.
func (f *fakePuller) offer(name string, versions ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := &registry.Listing{Tags: map[string]string{}}
	for _, v := range versions {
		f.bytes[name+"@"+v] = "public " + name + " " + v
		l.Versions = append(l.Versions, registry.ListedVersion{
			Version: v, Status: registry.Published, Manifest: json.RawMessage(`{"public":"` + v + `"}`),
			Assets: []registry.ListedAsset{{Name: "package.tgz", URL: name + "-" + v}},
		})
		l.Tags["latest"] = v
	}
	f.listings[name] = l
}

func (f *fakePuller) fail(name string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failing[name] = err
}

// failFile lets files fail, or with nil come.
func (f *fakePuller) failFile(err error, names ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken == nil {
		f.broken = map[string]error{}
	}
	for _, name := range names {
		f.broken[name] = err
	}
}

func (f *fakePuller) counts() (asked, pulled int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked, f.pulled
}

const fakeFreshness = 5 * time.Minute

func (f *fakePuller) Listing(ctx context.Context, d registry.DomainID, connection string, p registry.PackageID, _ time.Time) (*registry.Listing, error) {
	f.mu.Lock()
	f.asked++
	l, err := f.listings[p.Name], f.failing[p.Name]
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if l == nil {
		return nil, registry.Errorf(registry.NotFound, "upstream has no %s", p.Name)
	}
	body := fmt.Sprintf("%p", l)
	var out registry.Listing
	err = f.w.meta.Update(ctx, func(tx registry.Tx) error {
		kept, err := tx.Listing(d, connection, p)
		if err != nil && !registry.IsNotFound(err) {
			return err
		}
		if string(kept.Body) == body {
			kept.FreshUntil = f.w.now().Add(fakeFreshness)
			if err := tx.TouchListing(d, connection, p, kept); err != nil {
				return err
			}
		} else if err := tx.PutListing(d, connection, p, registry.StoredListing{
			Body: []byte(body), Fetched: f.w.now(), FreshUntil: f.w.now().Add(fakeFreshness),
		}); err != nil {
			return err
		}
		kept, err = tx.Listing(d, connection, p)
		out = *l
		out.Revision, out.FreshUntil = kept.Revision, kept.FreshUntil
		return err
	})
	return &out, err
}

func (f *fakePuller) Known(ctx context.Context, d registry.DomainID, connection string, p registry.PackageID) (*registry.Listing, error) {
	err := f.w.meta.View(ctx, func(tx registry.Tx) error {
		_, err := tx.Listing(d, connection, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.listings[p.Name], nil
}

func (f *fakePuller) Pull(ctx context.Context, r registry.PullRequest) (*registry.Pulled, error) {
	f.mu.Lock()
	content, ok := f.bytes[r.Version.Package.Name+"@"+r.Version.Version]
	broken := f.broken[r.Asset.Name]
	f.pulled++
	f.mu.Unlock()
	if broken != nil {
		return nil, broken
	}
	if !ok {
		return nil, registry.Errorf(registry.NotFound, "no such file")
	}
	h := registry.NewHasher()
	io.WriteString(h, content)
	wr, err := f.w.blobs.Create(ctx, r.Domain)
	if err != nil {
		return nil, err
	}
	io.WriteString(wr, content)
	if err := wr.Commit(ctx, h.Sum().SHA256); err != nil {
		return nil, err
	}
	asset := registry.Asset{Name: r.Asset.Name, Size: h.Size(), Hashes: h.Sum()}
	f.mu.Lock()
	during := f.during
	f.during = nil
	f.mu.Unlock()
	if during != nil {
		during()
	}
	if r.Finish != nil {
		if err := r.Finish(ctx, asset, time.Time{}); err != nil {
			return nil, err
		}
	}
	return &registry.Pulled{
		Size: h.Size(),
		Body: nopCloser{strings.NewReader(content)},
		Wait: func(context.Context) (registry.Asset, time.Time, error) { return asset, time.Time{}, nil },
	}, nil
}

func (f *fakePuller) Fetch(_ context.Context, _ string, r registry.AuxiliaryRequest) (registry.AuxiliaryAnswer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fetched++
	return registry.AuxiliaryAnswer{Status: 200, Body: []byte(f.bytes[r.Path])}, nil
}

func (f *fakePuller) Locate(_ string, v registry.VersionID, asset string) (registry.ListedAsset, error) {
	if f.locates {
		return registry.ListedAsset{Name: asset, URL: asset}, nil
	}
	return registry.ListedAsset{}, registry.Errorf(registry.NotFound, "no %s", asset)
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }
