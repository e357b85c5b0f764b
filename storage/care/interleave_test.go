package care_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"larder/internal/pgtest"
	"larder/internal/s3test"
	"larder/registry"
	"larder/storage"
	"larder/storage/care"
	"larder/storage/fs"
	"larder/storage/mem"
	"larder/storage/sqlite"
)

// Requests of several processes, a collector and a sweeper take steps in an order
// that chance decides, one at a time: a step is what a store is asked for, a view,
// or an update, within which bytes are asked for, too. So whatever may come between
// two steps comes between them in some run, and a seed is one run, always the same.
// Time is the run's own.

const (
	seedVariable = "LARDER_TEST_SEED" // runs this one alone
	grace        = time.Minute        // of the collector; a publish may take longer
	steps        = 12                 // each actor's operations
	contents     = 3                  // few: the same bytes in many packages
)

// run is one order of steps.
type run struct {
	rng     *rand.Rand
	clock   time.Time
	meta    registry.Metadata
	blobs   registry.Blobs
	kept    map[registry.Digest]time.Time // what the store has, and since when
	writing *actor                        // is within its update
	deletes map[string]int                // deletions that have begun or ended, by version
	failed  error
	actors  []*actor
}

// actor takes its steps when it is called upon.
type actor struct {
	*run
	name    string
	svc     *registry.Service
	yield   func(update bool) bool
	next    func() (bool, bool)
	updates bool // its next step begins an update
}

var errStopped = errors.New("the run was stopped")

// step waits for the actor's turn.
func (a *actor) step(update bool) error {
	if !a.yield(update) {
		return errStopped
	}
	return nil
}

// actorRows is the database as an actor uses it.
type actorRows struct {
	registry.Metadata
	*actor
}

func (m actorRows) View(ctx context.Context, f func(registry.Tx) error) error {
	if err := m.step(false); err != nil {
		return err
	}
	return m.Metadata.View(ctx, f)
}

func (m actorRows) Update(ctx context.Context, f func(registry.Tx) error) error {
	if err := m.step(true); err != nil {
		return err
	}
	m.writing = m.actor
	defer func() { m.writing = nil }()
	return m.Metadata.Update(ctx, f)
}

// actorBlobs is the store as an actor uses it, by the run's own time.
type actorBlobs struct{ *actor }

func (b actorBlobs) Create(ctx context.Context, d registry.DomainID) (registry.BlobWriter, error) {
	w, err := b.blobs.Create(ctx, d)
	return actorWriter{w, b.actor}, err
}

type actorWriter struct {
	registry.BlobWriter
	*actor
}

func (w actorWriter) Commit(ctx context.Context, digest registry.Digest) error {
	if err := w.step(false); err != nil {
		return err
	}
	w.kept[digest] = w.clock
	return w.BlobWriter.Commit(ctx, digest)
}

func (b actorBlobs) Open(ctx context.Context, d registry.DomainID, digest registry.Digest) (registry.Blob, error) {
	if err := b.step(false); err != nil {
		return nil, err
	}
	return b.blobs.Open(ctx, d, digest)
}

func (b actorBlobs) Delete(ctx context.Context, d registry.DomainID, digest registry.Digest) error {
	if err := b.step(false); err != nil {
		return err
	}
	delete(b.kept, digest)
	return b.blobs.Delete(ctx, d, digest)
}

func (b actorBlobs) List(ctx context.Context, d registry.DomainID) iter.Seq2[registry.BlobInfo, error] {
	return func(yield func(registry.BlobInfo, error) bool) {
		var all []registry.BlobInfo
		for i, err := range b.blobs.List(ctx, d) {
			if err != nil {
				yield(i, err)
				return
			}
			i.Created = b.kept[i.Digest]
			all = append(all, i)
		}
		slices.SortFunc(all, func(a, b registry.BlobInfo) int { return strings.Compare(a.Digest.String(), b.Digest.String()) })
		for _, i := range all {
			if err := b.step(false); err != nil || !yield(i, nil) {
				return
			}
		}
	}
}

// everybody may do everything.
type everybody struct{}

func (everybody) Authorize(context.Context, registry.Access) error { return nil }
func (everybody) Possible(context.Context, registry.Access) error  { return nil }

type plainRules struct{}

func (plainRules) Canonical(id registry.VersionID) (registry.VersionID, error) { return id, nil }
func (plainRules) Compare(a, b string) int                                     { return strings.Compare(a, b) }
func (plainRules) Prerelease(string) bool                                      { return false }
func (plainRules) Describe(json.RawMessage) registry.Description               { return registry.Description{} }

var (
	chain = []string{"app", "team", "store"} // each with the next one upstream
	admin = registry.Actor{Account: acme.Owner, Principal: "arn:aws:iam::" + acme.Owner + ":user/u", User: "u"}
)

func repo(name string) registry.RepoID { return registry.RepoID{Domain: acme, Name: name} }

// request is one of the things that clients do.
func (a *actor) request(ctx context.Context) error {
	p := npm(fmt.Sprint("p", a.rng.IntN(3)))
	id := registry.VersionID{Package: p, Version: fmt.Sprint(a.rng.IntN(2))}
	key := p.Name + "@" + id.Version
	at := chain[a.rng.IntN(len(chain))]
	switch n := a.rng.IntN(100); {
	case n < 35:
		pub, err := a.svc.Repo(admin, repo(at)).Publish(ctx, p)
		if err != nil {
			return err
		}
		defer pub.Abort()
		if _, err := pub.Stage(ctx, "a.tgz", strings.NewReader(fmt.Sprint("content ", a.rng.IntN(contents)))); err != nil {
			return err
		}
		return pub.Commit(ctx, registry.Draft{ID: id, Status: registry.Published, Assets: []string{"a.tgz"}})
	case n < 55:
		a.deletes[key]++
		defer func() { a.deletes[key]++ }()
		return a.svc.Repo(admin, repo(at)).DeleteVersions(ctx, p, []string{id.Version}, 0)
	case n < 70:
		to := chain[a.rng.IntN(len(chain))]
		if to == at {
			return nil
		}
		_, err := a.svc.CopyPackageVersions(ctx, admin, registry.Copy{From: repo(at), To: repo(to), Package: p, Versions: []string{id.Version}, Overwrite: a.rng.IntN(2) == 0})
		return err
	}
	return a.read(ctx, at, id, key)
}

// read reads as clients do, which retains what comes from upstream. What was there
// before and was not deleted meanwhile has to come.
func (a *actor) read(ctx context.Context, at string, id registry.VersionID, key string) error {
	deletes, there := a.deletes[key], false
	err := a.meta.View(ctx, func(tx registry.Tx) error {
		_, err := tx.Version(repo(at), id)
		there = err == nil
		if registry.IsNotFound(err) {
			err = nil
		}
		return err
	})
	if err != nil {
		return err
	}
	c, err := a.svc.Repo(admin, repo(at)).Asset(ctx, id, "a.tgz")
	if registry.IsNotFound(err) && there && deletes == a.deletes[key] && deletes%2 == 0 {
		return fmt.Errorf("%s of %s is there and cannot be read: %v", key, at, err)
	}
	if err != nil {
		return err
	}
	defer c.Body.Close()
	h := sha256.New()
	if _, err := io.Copy(h, c.Body); err != nil {
		return err
	}
	if got := registry.Digest(h.Sum(nil)); got != c.Hashes.SHA256 {
		return fmt.Errorf("%s of %s has the bytes %s, want %s", key, at, got, c.Hashes.SHA256)
	}
	return nil
}

// begin makes an actor whose operations f does.
func (r *run) begin(t *testing.T, name string, shared bool, f func(context.Context, *actor) error) func() {
	a := &actor{run: r, name: name}
	rows, bytes := actorRows{r.meta, a}, actorBlobs{a}
	var err error
	a.svc, err = registry.New(registry.Config{
		Metadata: rows, Blobs: bytes, Authorizer: everybody{}, Rules: map[string]registry.Rules{registry.NPM: plainRules{}},
		Clock: func() time.Time { return r.clock }, Shared: shared,
	})
	fatal(t, err)
	next, stop := iter.Pull(func(yield func(bool) bool) {
		a.yield = yield
		for range steps {
			err := f(t.Context(), a)
			switch registry.CodeOf(err) {
			case registry.NotFound, registry.Conflict, registry.Denied, registry.Unavailable:
				err = nil
			}
			if err != nil {
				if r.failed == nil && !errors.Is(err, errStopped) {
					r.failed = fmt.Errorf("%s: %w", name, err)
				}
				return
			}
		}
	})
	a.next = next
	r.actors = append(r.actors, a)
	return stop
}

// whole looks whether every digest that is referred to has its bytes.
func (r *run) whole(ctx context.Context) error {
	return r.meta.View(ctx, func(tx registry.Tx) error {
		for i := range contents {
			digest := registry.Digest(sha256.Sum256([]byte(fmt.Sprint("content ", i))))
			refs, err := tx.BlobReferences(acme, digest)
			if err != nil {
				return err
			}
			if _, there := r.kept[digest]; refs > 0 && !there {
				return fmt.Errorf("%d assets hold content %d, whose bytes are gone", refs, i)
			}
		}
		return nil
	})
}

// interleave runs one seed to its end and gives the trace of its steps.
func interleave(t *testing.T, seed uint64, meta registry.Metadata, blobs registry.Blobs, shared bool) uint64 {
	t.Helper()
	r := &run{
		rng: rand.New(rand.NewPCG(seed, 0)), clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		meta: meta, blobs: blobs, kept: map[registry.Digest]time.Time{}, deletes: map[string]int{},
	}
	fatal(t, meta.Update(t.Context(), func(tx registry.Tx) error {
		err := tx.CreateDomain(registry.Domain{ID: acme})
		for i := len(chain) - 1; i >= 0; i-- {
			up := chain[i+1:]
			err = errors.Join(err, tx.CreateRepository(registry.Repository{ID: repo(chain[i]), Administrator: acme.Owner, Upstreams: up[:min(1, len(up))]}))
		}
		return err
	}))
	var stops []func()
	for n := range 4 {
		stops = append(stops, r.begin(t, fmt.Sprint("client ", n), shared, func(ctx context.Context, a *actor) error { return a.request(ctx) }))
	}
	stops = append(stops,
		r.begin(t, "collector", shared, func(ctx context.Context, a *actor) error {
			_, err := care.GC{Grace: grace, Now: func() time.Time { return r.clock }}.Run(ctx, actorRows{meta, a}, actorBlobs{a})
			return err
		}),
		r.begin(t, "sweeper", shared, func(ctx context.Context, a *actor) error { return a.svc.Sweep(ctx) }))
	defer func() {
		for _, stop := range stops {
			stop()
		}
	}()
	trace := fnv.New64a()
	for r.failed == nil {
		var ready []*actor
		for _, a := range r.actors {
			if a.next != nil && (r.writing == nil || r.writing == a || !a.updates) {
				ready = append(ready, a)
			}
		}
		if len(ready) == 0 {
			break
		}
		a := ready[r.rng.IntN(len(ready))]
		fmt.Fprintln(trace, a.name, a.updates)
		var more bool
		if a.updates, more = a.next(); !more {
			a.next = nil
		}
		r.clock = r.clock.Add(time.Duration(r.rng.IntN(20)) * time.Second)
		if r.writing == nil && r.failed == nil {
			r.failed = r.whole(t.Context())
		}
	}
	if r.failed == nil {
		_, err := care.Verify{Problem: func(p care.Problem) { r.failed = errors.New(p.String()) }}.Run(t.Context(), meta, blobs)
		r.failed = errors.Join(r.failed, err)
	}
	if r.failed != nil {
		t.Fatalf("%v\nrepeat it with %s=%d", r.failed, seedVariable, seed)
	}
	return trace.Sum64()
}

func TestNoInterleavingTakesBytesAwayThatALaterReadNeeds(t *testing.T) {
	beside := func(t *testing.T, blobs registry.Blobs) (registry.Metadata, registry.Blobs) {
		m, err := sqlite.OpenMemory(t.Context())
		fatal(t, err)
		t.Cleanup(func() { m.Close() })
		return m, blobs
	}
	for _, storage := range []struct {
		name   string
		seeds  uint64
		shared bool
		open   func(*testing.T) (registry.Metadata, registry.Blobs)
	}{
		{"memory", 40, false, func(t *testing.T) (registry.Metadata, registry.Blobs) { return beside(t, mem.New()) }},
		{"SQLite and files", 6, false, func(t *testing.T) (registry.Metadata, registry.Blobs) {
			b, err := fs.Open(t.TempDir())
			fatal(t, err)
			return beside(t, b)
		}},
		{"PostgreSQL and S3", 4, true, engines(t)},
	} {
		seeds := []uint64{rand.Uint64N(1 << 32)}
		for seed := range storage.seeds {
			seeds = append(seeds, seed)
		}
		if text := os.Getenv(seedVariable); text != "" {
			seed, err := strconv.ParseUint(text, 10, 64)
			fatal(t, err)
			seeds = []uint64{seed}
		}
		t.Run(storage.name, func(t *testing.T) {
			for _, seed := range seeds {
				m, b := storage.open(t)
				interleave(t, seed, m, b, storage.shared)
			}
		})
	}
}

func TestASeedIsOneInterleaving(t *testing.T) {
	var traces []uint64
	for range 2 {
		m, err := sqlite.OpenMemory(t.Context())
		fatal(t, err)
		defer m.Close()
		traces = append(traces, interleave(t, 7, m, mem.New(), false))
	}
	if traces[0] != traces[1] {
		t.Error("the same seed took other steps")
	}
}

// engines gives a schema of one PostgreSQL and a prefix of one S3 server at a time.
func engines(t *testing.T) func(*testing.T) (registry.Metadata, registry.Blobs) {
	t.Helper()
	skipped := func(err error) func(*testing.T) (registry.Metadata, registry.Blobs) {
		return func(t *testing.T) (registry.Metadata, registry.Blobs) {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
			return nil, nil
		}
	}
	store, err := s3test.Start("packages")
	if err != nil {
		return skipped(err)
	}
	t.Cleanup(func() { store.Remove() })
	database, err := pgtest.Start(pgtest.Hasty...)
	if err != nil {
		return skipped(err)
	}
	t.Cleanup(func() { database.Remove() })
	n := 0
	return func(t *testing.T) (registry.Metadata, registry.Blobs) {
		n++
		name := fmt.Sprint("run", n)
		db, err := sql.Open("pgx", database.URL())
		fatal(t, err)
		_, err = db.ExecContext(t.Context(), "CREATE SCHEMA "+name)
		fatal(t, errors.Join(err, db.Close()))
		m, err := storage.Metadata(t.Context(), database.URL("search_path="+name), "")
		fatal(t, err)
		t.Cleanup(func() { m.Close() })
		b, err := storage.Blobs(t.Context(), store.URL("packages/"+name, "part-size=5MiB"), "", nil)
		fatal(t, err)
		return m, b
	}
}
