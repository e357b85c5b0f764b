package care_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larder/internal/pgtest"
	"larder/registry"
	"larder/storage"
	"larder/storage/care"
	"larder/storage/mem"
	"larder/storage/postgres"
)

var (
	acme = registry.DomainID{Owner: "111111111111", Name: "acme"}
	main = registry.RepoID{Domain: acme, Name: "main"}
)

func npm(name string) registry.PackageID {
	return registry.PackageID{Format: registry.NPM, Name: name}
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put makes bytes durable.
func put(ctx context.Context, b registry.Blobs, content string) (registry.Asset, error) {
	w, err := b.Create(ctx, acme)
	if err != nil {
		return registry.Asset{}, err
	}
	defer w.Abort()
	if _, err := io.WriteString(w, content); err != nil {
		return registry.Asset{}, err
	}
	a := registry.Asset{Name: "a.tgz", Size: int64(len(content)), Hashes: registry.Hashes{SHA256: sha256.Sum256([]byte(content))}}
	return a, w.Commit(ctx, a.Hashes.SHA256)
}

// publish puts a version with one asset of that content.
func publish(t *testing.T, m registry.Metadata, b registry.Blobs, name, version, content string) {
	t.Helper()
	a, err := put(t.Context(), b, content)
	fatal(t, err)
	fatal(t, m.Update(t.Context(), func(tx registry.Tx) error { return write(tx, name, version, a) }))
}

func write(tx registry.Tx, name, version string, a registry.Asset) error {
	p, err := tx.Package(main, npm(name))
	if err != nil && !registry.IsNotFound(err) {
		return err
	}
	p.ID = npm(name)
	p.Sequence++
	if err := tx.PutPackage(main, p); err != nil {
		return err
	}
	if err := tx.PutVersion(main, npm(name), registry.Version{Version: version, Manifest: []byte(`{"name":"` + name + `"}`), Assets: []registry.Asset{a}}); err != nil {
		return err
	}
	return tx.AppendEvents(registry.Event{ID: name + version, Sequence: p.Sequence})
}

func setUp(t *testing.T, m registry.Metadata) {
	t.Helper()
	fatal(t, m.Update(t.Context(), func(tx registry.Tx) error {
		return errors.Join(
			tx.CreateAccount(registry.Account{ID: acme.Owner, Name: "ünïcode \" <&>", Created: time.UnixMilli(1).UTC()}),
			tx.CreateDomain(registry.Domain{ID: acme, Tags: map[string]string{"a": "b"}}),
			tx.CreateRepository(registry.Repository{ID: registry.RepoID{Domain: acme, Name: "store"}}),
			tx.CreateRepository(registry.Repository{ID: main, Upstreams: []string{"store"}, Connections: []string{"c"}}),
			tx.CreateUser(registry.User{Account: acme.Owner, Name: "u", ID: "AIDA1"}),
			tx.CreateAccessKey(registry.AccessKey{ID: "AKIA1", Account: acme.Owner, User: "u", Sealed: []byte{0, 1, 255}}),
			tx.PutPolicy(acme, "main", registry.Policy{Document: "{}"}),
			tx.PutListing(acme, "c", npm("x"), registry.StoredListing{Body: []byte("body")}),
			tx.PutRetention(registry.Retention{Repo: main, Policy: registry.Policy{Document: "{}", Revision: "1"}, Due: time.UnixMilli(5).UTC()}),
			tx.AddDownloads(acme, registry.Download{Version: registry.VersionID{Package: npm("p"), Version: "1"}, Actor: "a", Since: time.UnixMilli(1), Latest: time.UnixMilli(2)}),
			tx.WatchDownloads(time.Hour),
		)
	}))
}

// everything is what a server would answer from.
func everything(t *testing.T, m registry.Metadata, b registry.Blobs) []string {
	t.Helper()
	var all []string
	fatal(t, m.View(t.Context(), func(tx registry.Tx) error {
		account, err1 := tx.Account(acme.Owner)
		d, err2 := tx.Domain(acme)
		graph, err3 := tx.Graph(acme)
		key, err4 := tx.AccessKey("AKIA1")
		policy, err5 := tx.Policy(acme, "main")
		packages, _, err6 := tx.Packages(main, registry.PackageFilter{}, registry.Page{})
		events, err7 := tx.UnsentEvents(100)
		listing, err8 := tx.Listing(acme, "c", npm("x"))
		retention, err9 := tx.Retention(main)
		last, err10 := tx.LastDownloads(acme, npm("p"))
		watched, err11 := tx.DownloadsWatched()
		all = append(all, fmt.Sprint(account, d, graph, key, policy, string(listing.Body), retention, last, watched))
		for _, e := range events {
			all = append(all, e.Event.ID)
		}
		for _, p := range packages {
			versions, err := tx.Versions(main, p.ID)
			if err != nil {
				return err
			}
			for _, v := range versions {
				text := "?"
				if r, err := b.Open(t.Context(), acme, v.Assets[0].Hashes.SHA256); err == nil {
					content, err := io.ReadAll(r)
					fatal(t, errors.Join(err, r.Close()))
					text = string(content)
				}
				all = append(all, fmt.Sprint(p.ID, p.Sequence, v.Version, string(v.Manifest), text))
			}
		}
		return errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, err9, err10, err11)
	}))
	return all
}

// A backup that is taken while a server publishes goes from files to PostgreSQL
// and back, and is the same each time.
func TestABackupServesTheSameInEveryKindOfStorage(t *testing.T) {
	files := storage.Place{Data: t.TempDir()}
	m, err := storage.Metadata(t.Context(), "", files.Data)
	fatal(t, err)
	defer m.Close()
	b, err := storage.Blobs(t.Context(), "", files.Data, nil)
	fatal(t, err)
	setUp(t, m)
	publish(t, m, b, "p", "1", "one")
	folder := t.TempDir()
	fatal(t, os.WriteFile(filepath.Join(files.Data, "master.key"), []byte("key"), 0o600))
	_, err = care.Backup(t.Context(), files, folder, nil)
	fatal(t, err)
	publish(t, m, b, "p", "2", "two")
	fatal(t, m.Update(t.Context(), func(tx registry.Tx) error {
		return tx.DeleteVersion(main, registry.VersionID{Package: npm("p"), Version: "1"})
	}))
	publish(t, m, b, "q", "1", "two")
	done, err := care.Backup(t.Context(), files, folder, nil)
	fatal(t, err)
	if done.Blobs != 1 || done.Kept != 0 {
		t.Errorf("the second backup copies %d and keeps %d, want 1 and 0", done.Blobs, done.Kept)
	}
	fatal(t, care.CopyKeys(files.Data, folder))
	want := everything(t, m, b)
	counters, err := m.Counters(t.Context(), acme)
	fatal(t, err)

	var places []storage.Place
	places = append(places, storage.Place{Data: t.TempDir()})
	if c, err := pgtest.Start(pgtest.Hasty...); err == nil {
		defer c.Remove()
		places = append(places, storage.Place{Data: t.TempDir(), Metadata: c.URL()}, storage.Place{Data: t.TempDir()})
	} else if !errors.Is(err, pgtest.ErrMissing) || os.Getenv("CI") != "" {
		t.Fatal(err)
	}
	for n, p := range places {
		store, err := storage.Blobs(t.Context(), p.Blobs, p.Data, nil)
		fatal(t, err)
		_, err = care.Restore(t.Context(), folder, p, store, nil)
		fatal(t, err)
		fatal(t, care.CopyKeys(folder, p.Data))
		if key, err := os.ReadFile(filepath.Join(p.Data, "master.key")); string(key) != "key" || err != nil {
			t.Errorf("the key is %q, %v", key, err)
		}
		if _, err := care.Restore(t.Context(), folder, p, store, nil); registry.CodeOf(err) != registry.Conflict {
			t.Errorf("restoring again: %v, want Conflict", err)
		}
		func() {
			m, b, closeBoth, err := p.Open(t.Context())
			fatal(t, err)
			defer closeBoth()
			if diff := cmp.Diff(want, everything(t, m, b)); diff != "" {
				t.Errorf("place %d: %s", n, diff)
			}
			after, err := m.Counters(t.Context(), acme)
			if err != nil || after.Contents <= counters.Contents || after.Graph <= counters.Graph || after.Identities <= counters.Identities {
				t.Errorf("counters %+v after %+v, %v", after, counters, err)
			}
			counters = after
		}()
		// What is restored is backed up for the next.
		folder = t.TempDir()
		_, err = care.Backup(t.Context(), p, folder, nil)
		fatal(t, err)
		fatal(t, care.CopyKeys(p.Data, folder))
		func() {
			// And goes on: ids and revisions that are given are new.
			m, b, closeBoth, err := p.Open(t.Context())
			fatal(t, err)
			defer closeBoth()
			for i := range 3 {
				publish(t, m, b, "after", fmt.Sprint(i), "after")
			}
		}()
	}
}

func TestADamagedBackupIsRefused(t *testing.T) {
	p := storage.Place{Data: t.TempDir()}
	m, err := storage.Metadata(t.Context(), "", p.Data)
	fatal(t, err)
	b, err := storage.Blobs(t.Context(), "", p.Data, nil)
	fatal(t, err)
	setUp(t, m)
	publish(t, m, b, "p", "1", "content")
	fatal(t, m.Close())
	folder := t.TempDir()
	if _, err := care.Restore(t.Context(), folder, storage.Place{Data: t.TempDir()}, mem.New(), nil); registry.CodeOf(err) != registry.NotFound {
		t.Errorf("an empty folder: %v, want NotFound", err)
	}
	_, err = care.Backup(t.Context(), p, folder, nil)
	fatal(t, err)
	rows := filepath.Join(folder, "rows.jsonl.gz")
	text, err := os.ReadFile(rows)
	fatal(t, err)
	fatal(t, os.WriteFile(rows, text[:len(text)-40], 0o600))
	to := storage.Place{Data: t.TempDir()}
	if _, err := care.Restore(t.Context(), folder, to, mem.New(), nil); err == nil {
		t.Error("rows that are cut off were restored")
	}
	fatal(t, os.WriteFile(rows, text, 0o600))
	blob, err := filepath.Glob(filepath.Join(folder, "blobs", "sha256", "*", "*", "*", "*", "*"))
	if err != nil || len(blob) != 1 {
		t.Fatal(blob, err)
	}
	fatal(t, os.WriteFile(blob[0], []byte("CONTENT"), 0o600))
	if _, err := care.Restore(t.Context(), folder, to, mem.New(), nil); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("damaged bytes: %v", err)
	}
	if left, _ := os.ReadDir(to.Data); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestABackupOfWhatIsNotWholeSaysWhatToDo(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"missing": os.Remove,
		"damaged": func(path string) error { return os.WriteFile(path, []byte("other"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			p, folder := storage.Place{Data: t.TempDir()}, filepath.Join(t.TempDir(), "backup")
			m, b, closeBoth := fresh(t, p)
			defer closeBoth()
			publish(t, m, b, "lib", "1", "content")
			digest := registry.Digest(sha256.Sum256([]byte("content"))).String()
			fatal(t, harm(filepath.Join(p.Data, "blobs", "sha256", acme.Owner, acme.Name, digest[:2], digest[2:4], digest)))
			_, err := care.Backup(t.Context(), p, folder, nil)
			if registry.CodeOf(err) != registry.Conflict || !strings.Contains(err.Error(), "larder verify --repair") || !strings.Contains(err.Error(), digest) {
				t.Errorf("%v", err)
			}
			if _, err := os.Stat(filepath.Join(folder, "rows.jsonl.gz")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("there is a backup all the same: %v", err)
			}
		})
	}
}

func TestVerifyFindsWhatIsWrongAndRepairsItFromAReplica(t *testing.T) {
	p := storage.Place{Data: t.TempDir()}
	m, b, closeBoth := fresh(t, p)
	defer closeBoth()
	replica := mem.New()
	for i := range 6 {
		content := fmt.Sprint("content ", i)
		publish(t, m, b, fmt.Sprint("p", i), "1", content)
		if i != 5 {
			_, err := put(t.Context(), replica, content)
			fatal(t, err)
		}
	}
	publish(t, m, b, "again", "1", "content 1") // the same bytes twice
	path := func(content string) string {
		digest := registry.Digest(sha256.Sum256([]byte(content))).String()
		return filepath.Join(p.Data, "blobs", "sha256", acme.Owner, acme.Name, digest[:2], digest[2:4], digest)
	}
	fatal(t, os.WriteFile(path("content 1"), []byte("content X"), 0o600))
	fatal(t, os.WriteFile(path("content 2"), []byte("content"), 0o600))
	fatal(t, os.Remove(path("content 3")))
	fatal(t, os.Remove(path("content 5")))
	for _, c := range []struct {
		repair bool
		want   care.Verified
	}{
		{false, care.Verified{Problems: 5, Missing: 2, Damaged: 3}},
		{true, care.Verified{Problems: 5, Missing: 2, Damaged: 3, Repaired: 4}},
		{true, care.Verified{Problems: 1, Missing: 1}},
	} {
		var said []string
		v := care.Verify{Repair: c.repair, Problem: func(p care.Problem) { said = append(said, p.String()) }}
		if c.repair {
			v.Replicas = []care.Replica{{Name: "empty", Blobs: mem.New()}, {Name: "replica", Blobs: replica}}
		}
		sum, err := v.Run(t.Context(), m, b)
		fatal(t, err)
		c.want.Assets, c.want.Blobs, c.want.Bytes = 7, 6, sum.Bytes
		if sum != c.want || int64(len(said)) != c.want.Problems {
			t.Errorf("%+v, %q\nwant %+v", sum, said, c.want)
		}
		for _, s := range said {
			if c.repair && !strings.HasSuffix(s, "; repaired from replica") && !strings.HasSuffix(s, "nobody gives the right ones: empty: the bytes are missing; replica: the bytes are missing") {
				t.Errorf("%q does not say from where, or why not", s)
			}
		}
	}
}

// fakeConnections answers as connections do that have the files of their names.
type fakeConnections struct {
	registry.Puller
	to      registry.Blobs
	content map[string]string // by connection and package
	pulled  []string
}

func (f *fakeConnections) Known(context.Context, registry.DomainID, string, registry.PackageID) (*registry.Listing, error) {
	return nil, registry.Errorf(registry.NotFound, "nothing is kept")
}

func (f *fakeConnections) Listing(context.Context, registry.DomainID, string, registry.PackageID, time.Time) (*registry.Listing, error) {
	return &registry.Listing{Versions: []registry.ListedVersion{{Version: "1", Assets: []registry.ListedAsset{{Name: "a.tgz", URL: "listed", SHA256: make([]byte, 32)}}}}}, nil
}

func (f *fakeConnections) Locate(string, registry.VersionID, string) (registry.ListedAsset, error) {
	return registry.ListedAsset{}, registry.Errorf(registry.NotFound, "no layout")
}

func (f *fakeConnections) Pull(ctx context.Context, r registry.PullRequest) (*registry.Pulled, error) {
	f.pulled = append(f.pulled, r.Connection+" "+r.Version.Package.Name+" "+r.Asset.URL)
	content := f.content[r.Connection+" "+r.Version.Package.Name]
	if sum := sha256.Sum256([]byte(content)); !bytes.Equal(sum[:], r.Asset.SHA256) {
		return nil, registry.Errorf(registry.UpstreamFailed, "the bytes are not those that were promised")
	}
	a, err := put(ctx, f.to, content)
	if err != nil {
		return nil, err
	}
	body, err := f.to.Open(ctx, r.Domain, a.Hashes.SHA256)
	return &registry.Pulled{Size: a.Size, Body: body, Wait: func(context.Context) (registry.Asset, time.Time, error) { return a, time.Time{}, nil }}, err
}

func TestVerifyFetchesWhatCameThroughAConnectionAnewAndTakesOnlyTheSameBytes(t *testing.T) {
	m, b, closeBoth := fresh(t, storage.Place{Data: t.TempDir()})
	defer closeBoth()
	external := registry.Origin{Type: registry.OriginExternal, Connection: "c"}
	digests := map[string]registry.Digest{}
	for _, a := range []struct {
		name, is string // what became of its bytes; empty: they are missing
		origin   registry.Origin
	}{
		{"missing", "", external},
		{"damaged", "DAMAGED", external},
		{"changed upstream", "CHANGED", external},
		{"ours", "OURS", registry.Origin{Type: registry.OriginInternal, Repository: "main"}},
		{"whole", "whole", external},
	} {
		asset, err := put(t.Context(), b, a.name)
		fatal(t, err)
		digests[a.name] = asset.Hashes.SHA256
		fatal(t, m.Update(t.Context(), func(tx registry.Tx) error {
			return errors.Join(
				tx.PutPackage(main, registry.Package{ID: npm(a.name)}),
				tx.PutVersion(main, npm(a.name), registry.Version{Version: "1", Origin: a.origin, Assets: []registry.Asset{asset}}))
		}))
		fatal(t, b.Delete(t.Context(), acme, asset.Hashes.SHA256))
		if a.is != "" {
			w, err := b.Create(t.Context(), acme)
			fatal(t, err)
			_, err = io.WriteString(w, a.is)
			fatal(t, errors.Join(err, w.Commit(t.Context(), asset.Hashes.SHA256)))
		}
	}
	up := &fakeConnections{to: care.Mending(b), content: map[string]string{"c missing": "missing", "c damaged": "damaged", "c changed upstream": "other"}}
	found := map[string]string{}
	v := care.Verify{Repair: true, Puller: up, Problem: func(p care.Problem) { found[p.Version.Package.Name] = p.From }}
	sum, err := v.Run(t.Context(), m, b)
	fatal(t, err)
	if want := (care.Verified{Assets: 5, Blobs: 5, Bytes: sum.Bytes, Problems: 4, Missing: 1, Damaged: 3, Repaired: 2, SetAside: 2}); sum != want {
		t.Errorf("%+v, want %+v", sum, want)
	}
	if diff := cmp.Diff(map[string]string{"missing": "external connection c", "damaged": "external connection c", "changed upstream": "", "ours": ""}, found); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"c changed upstream listed", "c damaged listed", "c missing listed"}, up.pulled); diff != "" {
		t.Error(diff)
	}
	// What is wrong is not served; what is served is right.
	for name, digest := range digests {
		r, err := b.Open(t.Context(), acme, digest)
		if name == "ours" || name == "changed upstream" {
			if !registry.IsNotFound(err) {
				t.Errorf("%s: %v, want NotFound", name, err)
			}
			continue
		}
		fatal(t, err)
		if got, err := io.ReadAll(r); string(got) != name || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		fatal(t, r.Close())
	}
}

func fresh(t *testing.T, p storage.Place) (registry.Metadata, registry.Blobs, func() error) {
	t.Helper()
	_, err := storage.Blobs(t.Context(), p.Blobs, p.Data, nil)
	fatal(t, err)
	m, b, closeBoth, err := p.Open(t.Context())
	fatal(t, err)
	setUp(t, m)
	return m, b, closeBoth
}

func TestGCDeletesWhatIsOldAndUnusedAndNothingElse(t *testing.T) {
	m, b, closeBoth := fresh(t, storage.Place{Data: t.TempDir()})
	defer closeBoth()
	publish(t, m, b, "p", "1", "in use")
	publish(t, m, b, "q", "1", "was in use")
	fatal(t, m.Update(t.Context(), func(tx registry.Tx) error { return tx.DeletePackage(main, npm("q")) }))
	for i := range 100 {
		_, err := put(t.Context(), b, fmt.Sprint("never in use ", i))
		fatal(t, err)
	}
	for _, c := range []struct {
		gc   care.GC
		want care.Garbage
	}{
		{care.GC{}, care.Garbage{Blobs: 102, Size: 1506}},
		{care.GC{Grace: time.Nanosecond, DryRun: true}, care.Garbage{Blobs: 102, Size: 1506, Unused: 101, Bytes: 10*14 + 90*15 + 10}},
		{care.GC{Grace: time.Nanosecond}, care.Garbage{Blobs: 102, Size: 1506, Unused: 101, Bytes: 10*14 + 90*15 + 10}},
		{care.GC{Grace: time.Nanosecond}, care.Garbage{Blobs: 1, Size: 6}},
	} {
		got, err := c.gc.Run(t.Context(), m, b)
		fatal(t, err)
		if got != c.want {
			t.Errorf("%+v finds %+v, want %+v", c.gc, got, c.want)
		}
	}
	fatal(t, m.View(t.Context(), func(tx registry.Tx) error {
		left, err := tx.UnusedBlobs(acme, 10)
		if len(left) != 0 {
			t.Errorf("%d digests are still on the list", len(left))
		}
		return err
	}))
}

// Publishers and deleters of the same few contents, in processes of their own,
// beside a collector without any grace: what a row refers to is there.
func TestGCBesidePublishersRemovesNothingThatIsReferredTo(t *testing.T) {
	c := pgtest.Require(t, pgtest.Hasty...)
	open := func() registry.Metadata {
		m, err := postgres.Open(t.Context(), c.URL())
		fatal(t, err)
		t.Cleanup(func() { m.Close() })
		return m
	}
	blobs, collector := mem.New(), open()
	setUp(t, collector)
	ctx, cancel := context.WithCancel(t.Context())
	var all, gc sync.WaitGroup
	gc.Go(func() {
		for ctx.Err() == nil {
			if _, err := (care.GC{Grace: time.Nanosecond}).Run(ctx, collector, blobs); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
		}
	})
	for process := range 3 {
		m := open()
		all.Go(func() {
			for n := 0; n < 61; n++ {
				name := fmt.Sprint("p", process)
				if n%3 == 2 {
					err := m.Update(ctx, func(tx registry.Tx) error { return tx.DeletePackage(main, npm(name)) })
					if err != nil && !registry.IsNotFound(err) {
						t.Error(err)
					}
					continue
				}
				a, err := put(ctx, blobs, fmt.Sprint("content ", n%4))
				if err != nil {
					t.Error(err)
					continue
				}
				refused := errors.New("deleted in between")
				err = m.Update(ctx, func(tx registry.Tx) error {
					if err := write(tx, name, fmt.Sprint(n), a); err != nil {
						return err
					}
					// As registry.Service does.
					r, err := blobs.Open(ctx, acme, a.Hashes.SHA256)
					if registry.IsNotFound(err) {
						return refused
					}
					if err != nil {
						return err
					}
					return r.Close()
				})
				switch {
				case err == refused:
					n-- // again
				case err != nil:
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	cancel()
	gc.Wait()
	sum, err := care.Verify{Problem: func(p care.Problem) { t.Error(p) }}.Run(t.Context(), open(), blobs)
	fatal(t, err)
	if sum.Assets == 0 {
		t.Error("nothing was left to be verified")
	}
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte(`{"larder":"rows","format":1,"schema":1}` + "\n" + `{"table":"accounts","columns":["id","name","email","closed","created"]}` + "\n" + `["1","a","b",0,1]` + "\n" + `{"end":true,"rows":1}` + "\n"))
	f.Add([]byte(`{"larder":"rows","format":1,"schema":1}` + "\n" + `{"table":"a; DROP TABLE b","columns":["x"]}` + "\n[1]\n"))
	f.Add([]byte(`{"larder":"rows","format":1,"schema":99}` + "\n"))
	f.Fuzz(func(t *testing.T, dump []byte) {
		p := storage.Place{Data: t.TempDir()}
		err := p.Restore(t.Context(), bytes.NewReader(dump))
		_, there := os.Stat(filepath.Join(p.Data, "larder.db"))
		if (err == nil) != (there == nil) {
			t.Errorf("%v, and the database: %v", err, there)
		}
	})
}
