package storagetest

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larder/registry"
)

// Metadata checks the contract of registry.Metadata; open gives an empty store
// that the suite closes.
func Metadata(t *testing.T, open func(t *testing.T) registry.Metadata) {
	groups := map[string]map[string]func(kit){
		"transactions": transactionChecks,
		"counters":     counterChecks,
		"domains":      domainChecks,
		"repositories": repositoryChecks,
		"packages":     packageChecks,
		"versions":     versionChecks,
		"blobs":        referenceChecks,
		"listings":     listingChecks,
		"outbox":       outboxChecks,
		"connections":  connectionChecks,
		"groups":       groupChecks,
		"guard":        guardChecks,
		"retention":    retentionChecks,
		"imports":      importChecks,
		"policies":     policyChecks,
		"identities":   identityChecks,
		"principals":   principalChecks,
		"keys":         keyChecks,
		"rules":        ruleChecks,
	}
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		t.Run(group, func(t *testing.T) {
			for _, name := range slices.Sorted(maps.Keys(groups[group])) {
				t.Run(name, func(t *testing.T) {
					m := open(t)
					defer func() {
						if err := m.Close(); err != nil {
							t.Errorf("close: %v", err)
						}
					}()
					groups[group][name](kit{t, m})
				})
			}
		})
	}
}

// kit is what a check works with.
type kit struct {
	*testing.T
	registry.Metadata
}

// update and view fail the check when the transaction fails.
func (k kit) update(f func(tx registry.Tx) error) {
	k.Helper()
	if err := k.Update(k.Context(), f); err != nil {
		k.Fatalf("update: %v", err)
	}
}

func (k kit) view(f func(tx registry.Tx)) {
	k.Helper()
	if err := k.View(k.Context(), func(tx registry.Tx) error { f(tx); return nil }); err != nil {
		k.Fatalf("view: %v", err)
	}
}

// refused runs f in an update that must fail with the code, and be the *Error itself.
func (k kit) refused(what string, want registry.Code, f func(tx registry.Tx) error) {
	k.Helper()
	var inner error
	err := k.Update(k.Context(), func(tx registry.Tx) error {
		inner = f(tx)
		return inner
	})
	if err == nil {
		k.Errorf("%s succeeded, want code %d", what, want)
		return
	}
	if err != inner {
		k.Errorf("%s: Update gives %v instead of f's own error", what, err)
	}
	if e, ok := err.(*registry.Error); !ok || e.Code != want {
		k.Errorf("%s: %T %v, want an *Error with code %d", what, err, err, want)
	}
}

// equal compares, a nil slice being an empty one.
func (k kit) equal(what string, got, want any) {
	k.Helper()
	if diff := cmp.Diff(want, got, emptyIsNil); diff != "" {
		k.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

var emptyIsNil = cmp.FilterValues(func(a, b any) bool { return isEmpty(a) && isEmpty(b) }, cmp.Ignore())

func isEmpty(v any) bool {
	switch v := v.(type) {
	case []string:
		return len(v) == 0
	case map[string]string:
		return len(v) == 0
	case []registry.Asset:
		return len(v) == 0
	case []byte:
		return len(v) == 0
	}
	return false
}

// want fails the check when a read failed.
func want[T any](k kit) func(T, error) T {
	return func(v T, err error) T {
		k.Helper()
		if err != nil {
			k.Errorf("read: %v", err)
		}
		return v
	}
}

func (k kit) notFound(what string, err error) {
	k.Helper()
	if e, ok := err.(*registry.Error); !ok || e.Code != registry.NotFound {
		k.Errorf("%s: %v, want an *Error with code NotFound", what, err)
	}
}

// Sample data.

var day = time.Date(2026, 3, 1, 12, 30, 15, 123_000_000, time.UTC)

func at(minutes int) time.Time { return day.Add(time.Duration(minutes) * time.Minute) }

func repo(d registry.DomainID, name string) registry.RepoID {
	return registry.RepoID{Domain: d, Name: name}
}

func npm(name string) registry.PackageID {
	return registry.PackageID{Format: registry.NPM, Name: name}
}

func digest(n int) (d registry.Digest) {
	copy(d[:], fmt.Sprintf("digest %d", n))
	return d
}

// asset makes an asset whose bytes are number n, of that size.
func asset(name string, n int, size int64) registry.Asset {
	a := registry.Asset{Name: name, Size: size, Hashes: registry.Hashes{SHA256: digest(n)}}
	for i := range a.Hashes.MD5 {
		a.Hashes.MD5[i] = byte(n + i)
	}
	for i := range a.Hashes.SHA1 {
		a.Hashes.SHA1[i] = byte(n + 2*i)
	}
	for i := range a.Hashes.SHA512 {
		a.Hashes.SHA512[i] = byte(n + 3*i)
	}
	return a
}

// build makes domains with repositories of the names.
func (k kit) build(d registry.DomainID, repositories ...string) {
	k.Helper()
	k.update(func(tx registry.Tx) error {
		if err := tx.CreateDomain(registry.Domain{ID: d, Created: day}); err != nil {
			return err
		}
		for _, name := range repositories {
			if err := tx.CreateRepository(registry.Repository{ID: repo(d, name), Administrator: d.Owner, Created: day}); err != nil {
				return err
			}
		}
		return nil
	})
}

// publish puts the package and a version of it.
func (k kit) publish(r registry.RepoID, p registry.PackageID, v registry.Version) {
	k.Helper()
	k.update(func(tx registry.Tx) error { return publish(tx, r, p, v) })
}

func publish(tx registry.Tx, r registry.RepoID, p registry.PackageID, v registry.Version) error {
	if err := tx.PutPackage(r, registry.Package{ID: p, Created: day, Modified: day}); err != nil {
		return err
	}
	return tx.PutVersion(r, p, v)
}

func event(id string, sequence int64) registry.Event {
	return registry.Event{
		ID: id, DeduplicationID: "dedup " + id, Account: acme.Owner, Time: day, Repo: repo(acme, "main"), Administrator: globex.Owner,
		Version: registry.VersionID{Package: registry.PackageID{Format: registry.NPM, Namespace: "scope", Name: "name"}, Version: "1.0.0"},
		State:   registry.Published, Revision: "revision", Operation: registry.OpUpdated,
		Changes:  registry.Changes{AssetsAdded: 1, AssetsRemoved: 2, AssetsUpdated: 3, MetadataUpdated: true, StatusChanged: true},
		Sequence: sequence,
	}
}

// pages reads a whole list page by page and checks that each is full and the
// last one says so.
func pages[T any](k kit, limit int, page func(registry.Page) ([]T, string, error)) []T {
	k.Helper()
	var all []T
	p := registry.Page{Limit: limit}
	for {
		items, next, err := page(p)
		if err != nil {
			k.Fatalf("page after %q: %v", p.After, err)
		}
		all = append(all, items...)
		if next == "" {
			if len(items) > limit {
				k.Errorf("a page of %d items, the limit is %d", len(items), limit)
			}
			return all
		}
		if len(items) != limit {
			k.Errorf("a page of %d items, not the last, the limit is %d", len(items), limit)
		}
		p.After = next
	}
}
