package storagetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"larder/registry"
)

// Benchmarks measures the statements that requests wait for, beside a package
// with the number of versions; open gives an empty store.
func Benchmarks(b *testing.B, versions int, open func(b *testing.B) registry.Metadata) {
	m := open(b)
	defer m.Close()
	main, huge := repo(acme, "main"), npm("huge")
	fillStore(b, m, main, huge, versions)

	view := func(name string, f func(tx registry.Tx) error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := m.View(b.Context(), f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("Counters", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Counters(b.Context(), acme); err != nil {
				b.Fatal(err)
			}
		}
	})
	view("View", func(registry.Tx) error { return nil })
	view("Package", func(tx registry.Tx) error { _, err := tx.Package(main, npm("p7")); return err })
	view("Version", func(tx registry.Tx) error {
		_, err := tx.Version(main, registry.VersionID{Package: npm("p7"), Version: "1.0.7"})
		return err
	})
	chain := []string{"main", "npm-store", "team", "other"}
	view("PackageRevisions", func(tx registry.Tx) error { _, err := tx.PackageRevisions(acme, chain, npm("p7")); return err })
	view("ListingRevisions", func(tx registry.Tx) error {
		_, err := tx.ListingRevisions(acme, []string{"public:npmjs"}, npm("p7"))
		return err
	})
	view("Listing of 2 MB", func(tx registry.Tx) error { _, err := tx.Listing(acme, "public:npmjs", npm("p7")); return err })
	view("Versions, 300 of them", func(tx registry.Tx) error {
		all, err := tx.Versions(main, npm("p7"))
		if err == nil && len(all) != 300 {
			err = fmt.Errorf("%d versions", len(all))
		}
		return err
	})
	for order, f := range map[string]registry.VersionFilter{
		"by version": {}, "newest": {Newest: true},
		"Published": {Status: registry.Published}, "newest Archived": {Status: registry.Archived, Newest: true},
	} {
		list := func(after string) (next string, err error) {
			err = m.View(b.Context(), func(tx registry.Tx) error {
				_, next, err = tx.ListVersions(main, huge, f, registry.Page{Limit: 50, After: after})
				return err
			})
			return next, err
		}
		last := ""
		for next := ""; ; {
			var err error
			err = m.View(b.Context(), func(tx registry.Tx) error {
				_, next, err = tx.ListVersions(main, huge, f, registry.Page{Limit: 5000, After: next})
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
			if next == "" {
				break
			}
			last = next
		}
		for name, after := range map[string]string{"first": "", "last": last} {
			b.Run("ListVersions, "+order+", "+name+" page", func(b *testing.B) {
				for b.Loop() {
					if _, err := list(after); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
	view("Repository", func(tx registry.Tx) error { _, err := tx.Repository(main); return err })
	view("Domain", func(tx registry.Tx) error { _, err := tx.Domain(acme); return err })
	view("BlobReferences", func(tx registry.Tx) error { _, err := tx.BlobReferences(acme, digest(7)); return err })

	n := 0
	update := func(name string, f func(tx registry.Tx) error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n++
				if err := m.Update(b.Context(), f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	update("Update of one publish", func(tx registry.Tx) error {
		p, err := tx.Package(main, huge)
		if err != nil {
			return err
		}
		p.Sequence++
		v := sampleVersion("9.0." + strconv.Itoa(n))
		v.Manifest, v.Assets = manifest(n), []registry.Asset{asset("a", versions+n, 10)}
		if err := tx.PutPackage(main, p); err != nil {
			return err
		}
		if err := tx.PutVersion(main, huge, v); err != nil {
			return err
		}
		return tx.AppendEvents(event(fmt.Sprint("bench ", n), p.Sequence))
	})
	body := listingBody()
	update("PutListing of 2 MB", func(tx registry.Tx) error {
		copy(body, strconv.Itoa(n))
		return tx.PutListing(acme, "public:npmjs", npm("p8"), registry.StoredListing{Body: body})
	})
	update("TouchListing", func(tx registry.Tx) error {
		return tx.TouchListing(acme, "public:npmjs", npm("p8"), registry.StoredListing{Fetched: at(n)})
	})
}

func fillStore(b *testing.B, m registry.Metadata, main registry.RepoID, huge registry.PackageID, versions int) {
	b.Helper()
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	check(m.Update(b.Context(), func(tx registry.Tx) error {
		if err := tx.CreateDomain(registry.Domain{ID: acme}); err != nil {
			return err
		}
		for _, name := range []string{"npm-store", "team", "other", "main"} {
			if err := tx.CreateRepository(registry.Repository{ID: repo(acme, name), Connections: []string{"public:npmjs"}}); err != nil {
				return err
			}
		}
		for i := range 1000 {
			if err := publish(tx, main, npm(fmt.Sprint("p", i)), registry.Version{Version: "0.0.0"}); err != nil {
				return err
			}
		}
		for i := range 300 {
			v := sampleVersion(fmt.Sprint("1.0.", i))
			v.Manifest = manifest(i)
			if err := tx.PutVersion(main, npm("p7"), v); err != nil {
				return err
			}
		}
		if err := tx.DeleteVersion(main, registry.VersionID{Package: npm("p7"), Version: "0.0.0"}); err != nil {
			return err
		}
		return tx.PutListing(acme, "public:npmjs", npm("p7"), registry.StoredListing{Body: listingBody()})
	}))
	for i := 0; i < versions; {
		check(m.Update(b.Context(), func(tx registry.Tx) error {
			if err := tx.PutPackage(main, registry.Package{ID: huge}); err != nil {
				return err
			}
			for end := min(i+10_000, versions); i < end; i++ {
				v := registry.Version{
					Version: fmt.Sprintf("%d.%d.%d", i%7, i%1000, i), Status: registry.Published, Published: at(i), Manifest: manifest(i),
					Assets: []registry.Asset{asset("a", i, 10)},
				}
				if i%10_000 == 0 {
					v.Status = registry.Archived
				}
				if err := tx.PutVersion(main, huge, v); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

// manifest is some 2 KB of JSON as a package.json is.
func manifest(n int) []byte {
	dependencies := map[string]string{}
	for i := range 25 {
		dependencies[fmt.Sprintf("some-dependency-%x", (n+1)*(i+7)*2654435761%99991)] = fmt.Sprintf("^%d.%d.0", i%9, n%17)
	}
	b, err := json.Marshal(map[string]any{
		"name": "huge", "version": fmt.Sprint(n), "description": "A package that has a great many versions", "license": "MIT",
		"repository": map[string]string{"type": "git", "url": "git+https://upstream.test/huge.git"},
		"scripts":    map[string]string{"test": "node --test", "build": "tsc -p .", "lint": "eslint ."},
		"engines":    map[string]string{"node": ">=18"}, "dependencies": dependencies, "devDependencies": dependencies,
		"_id": fmt.Sprint("huge@", n), "_nodeVersion": "20.20.0", "_npmVersion": "11.19.0", "dist": map[string]any{
			"integrity": fmt.Sprintf("sha512-%x", bytes.Repeat([]byte{byte(n), byte(n >> 8), byte(n * 31)}, 20)), "fileCount": n, "unpackedSize": n * 1000,
		},
	})
	if err != nil {
		panic(err)
	}
	return b
}

func listingBody() []byte {
	var body []byte
	for i := 0; len(body) < 2<<20; i++ {
		body = append(body, manifest(i)...)
	}
	return body
}
