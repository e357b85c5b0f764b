package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/policy/identity"
	"larder/registry"
	"larder/registry/api"
	"larder/storage/sqlite"
)

// The world of the benchmark: a repository with 200,000 package versions.
const (
	manyPackages = 100_000 // each with one version
	manyVersions = 100_000 // of one more package
	manyGroups   = 1_000
	manyRepos    = 1_000

	listLimit = 50 * time.Millisecond // for any page
	listRatio = 3                     // between the first page and the last
)

// BenchmarkLists asks for the first and the last page of every list by signed
// requests, and fails where one takes longer than 50 ms, or, of a whole list,
// one more than three times the other. Its table is in docs/benchmarks.md.
func BenchmarkLists(b *testing.B) {
	w := largeWorld(b)
	w.log.model = nil // which is no part of the server
	const in = `"domain":"large","repository":"main"`
	for _, l := range []struct{ name, op, in, items string }{
		{"ListDomains", "ListDomains", ``, "domains"},
		{"ListRepositories", "ListRepositories", ``, "repositories"},
		{"ListRepositoriesInDomain", "ListRepositoriesInDomain", `"domain":"large"`, "repositories"},
		{"ListPackages", "ListPackages", in, "packages"},
		{"ListPackages, by prefix", "ListPackages", in + `,"format":"npm","packagePrefix":"p4"`, "packages"},
		{"ListPackages, publish=BLOCK (one in 5,000)", "ListPackages", in + `,"publish":"BLOCK"`, "packages"},
		{"ListPackageVersions", "ListPackageVersions", in + `,"format":"npm","package":"huge"`, "versions"},
		{"ListPackageVersions, newest first", "ListPackageVersions", in + `,"format":"npm","package":"huge","sortBy":"PUBLISHED_TIME"`, "versions"},
		{"ListPackageVersions, Archived (one in 1,000)", "ListPackageVersions", in + `,"format":"npm","package":"huge","status":"Archived"`, "versions"},
		{"ListPackageVersions, EXTERNAL (one in 5,000)", "ListPackageVersions", in + `,"format":"npm","package":"huge","originType":"EXTERNAL"`, "versions"},
		{"ListPackageVersionAssets", "ListPackageVersionAssets", in + `,"format":"npm","package":"huge","packageVersion":"assets"`, "assets"},
		{"ListPackageGroups", "ListPackageGroups", `"domain":"large"`, "packageGroups"},
		{"ListSubPackageGroups", "ListSubPackageGroups", `"domain":"large","packageGroup":"/npm/*"`, "packageGroups"},
		{"ListAllowedRepositoriesForGroup", "ListAllowedRepositoriesForGroup", `"domain":"large","packageGroup":"/npm/*","originRestrictionType":"PUBLISH"`, "allowedRepositories"},
		{"ListAssociatedPackages", "ListAssociatedPackages", `"domain":"large","packageGroup":"/npm/*"`, "packages"},
		{"ListAssociatedPackages, of one package", "ListAssociatedPackages", `"domain":"large","packageGroup":"/npm//p99999$","preview":true`, "packages"},
	} {
		b.Run(l.name, func(b *testing.B) {
			q := &question{w: w, op: l.op, in: l.in, items: l.items}
			items, thousands := q.last(b, 1000, "")
			_, end := q.last(b, 0, thousands)
			first, last := q.median(b, ""), q.median(b, end)
			for b.Loop() {
				q.ask(b, 0, end)
			}
			b.ReportMetric(float64(items), "items")
			b.ReportMetric(first.Seconds()*1000, "first-ms")
			b.ReportMetric(last.Seconds()*1000, "last-ms")
			if first > listLimit || last > listLimit {
				b.Errorf("the first page takes %v and the last %v, more than %v", first, last, listLimit)
			}
			// Where few items are kept, the first page stands behind what is passed
			// over. Below a millisecond the difference is noise.
			if slow, fast := max(first, last), min(first, last); !strings.Contains(l.name, ",") && slow > listRatio*fast && slow > time.Millisecond {
				b.Errorf("the first page takes %v and the last %v, more than %d times as long", first, last, listRatio)
			}
		})
	}
}

// question asks for pages of one list.
type question struct {
	w             *world
	op, in, items string
}

// ask gives an answer and how long it took.
func (q *question) ask(b *testing.B, size int, token string) (items int, next string, took time.Duration) {
	b.Helper()
	row := api.Table()[slices.IndexFunc(api.Table(), func(r api.Row) bool { return r.Name == q.op })]
	members, err := decodeObject([]byte("{" + q.in + "}"))
	check(b, err)
	if size > 0 {
		members["maxResults"] = size
	}
	if token != "" {
		members["nextToken"] = token
	}
	query, body := url.Values{}, ""
	for name, v := range members {
		if name != "originRestrictionType" && name != "originType" && name != "sortBy" {
			name = strings.ToLower(kebab.ReplaceAllString(name, "$1-$2"))
		}
		query.Set(strings.Replace(name, "package-version", "version", 1), fmt.Sprint(v))
	}
	if q.op == "ListDomains" {
		text, err := json.Marshal(members)
		check(b, err)
		query, body = url.Values{}, string(text)
	}
	r, err := http.NewRequest(row.Method, q.w.url+row.Path+"?"+query.Encode(), strings.NewReader(body))
	check(b, err)
	sign(b, r, q.w.admin, body)
	start := time.Now()
	status, _, text := send(b, r)
	took = time.Since(start)
	answer, err := decodeObject([]byte(text))
	check(b, err)
	list, ok := answer[q.items].([]any)
	if status != 200 || !ok {
		b.Fatalf("%s: %d %s", q.op, status, text)
	}
	next, _ = answer["nextToken"].(string)
	return len(list), next, took
}

// last walks to the end and gives the token of the last page that is full, and
// how many items there were.
func (q *question) last(b *testing.B, size int, token string) (items int, last string) {
	b.Helper()
	full := 0
	for {
		n, next, _ := q.ask(b, size, token)
		if items += n; n >= full {
			full, last = n, token
		}
		if next == "" {
			return items, last
		}
		token = next
	}
}

func (q *question) median(b *testing.B, token string) time.Duration {
	b.Helper()
	var all []time.Duration
	for range 25 {
		_, _, took := q.ask(b, 0, token)
		all = append(all, took)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func largeWorld(b *testing.B) *world {
	b.Helper()
	metadata, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "db"))
	check(b, err)
	w := openWorldOn(b, metadata, nil)
	large := registry.DomainID{Owner: identity.FirstAccount, Name: "large"}
	main := registry.RepoID{Domain: large, Name: "main"}
	open := registry.Restrictions{Publish: registry.Allow, Upstream: registry.Allow}
	pkg := func(name string) registry.PackageID { return registry.PackageID{Format: registry.NPM, Name: name} }
	put := func(f func(registry.Tx) error) {
		b.Helper()
		check(b, metadata.Update(b.Context(), f))
	}
	version := func(name string, n int) registry.Version {
		v := registry.Version{Version: name, Status: registry.Published, Revision: "revision", Published: created.Add(time.Duration(n) * time.Second),
			Origin: registry.Origin{Type: registry.OriginInternal, Repository: "main"}, Manifest: []byte(`{"more":{"description":"one of many"}}`)}
		if n%1000 == 7 {
			v.Status = registry.Archived
		}
		if n%5000 == 11 {
			v.Origin = registry.Origin{Type: registry.OriginExternal, Connection: "public:npmjs"}
		}
		return v
	}
	put(func(tx registry.Tx) error {
		if err := tx.CreateDomain(registry.Domain{ID: large, Created: created}); err != nil {
			return err
		}
		var names []string
		for i := range manyRepos {
			name := fmt.Sprintf("repo-%04d", i)
			names = append(names, name)
			if err := tx.CreateRepository(registry.Repository{ID: registry.RepoID{Domain: large, Name: name}, Administrator: large.Owner, Created: created}); err != nil {
				return err
			}
		}
		if err := tx.CreateRepository(registry.Repository{ID: main, Administrator: large.Owner, Created: created}); err != nil {
			return err
		}
		groups := []registry.Group{{Pattern: "/npm/*", Created: created, Modes: map[registry.RestrictionType]registry.RestrictionMode{registry.PublishOrigin: registry.ModeSpecific},
			Allowed: map[registry.RestrictionType][]string{registry.PublishOrigin: names}}}
		for i := range manyGroups {
			groups = append(groups, registry.Group{Pattern: fmt.Sprintf("/npm/scope%d/*", i), Created: created})
		}
		for _, g := range groups {
			if err := tx.CreateGroup(large, g); err != nil {
				return err
			}
		}
		return nil
	})
	for from := 0; from < manyPackages; from += 5000 {
		put(func(tx registry.Tx) error {
			for i := from; i < from+5000; i++ {
				p := registry.Package{ID: pkg(fmt.Sprintf("p%d", i)), Restrictions: open, Created: created, Modified: created}
				if i%5000 == 13 {
					p.Restrictions.Publish = registry.Block
				}
				if err := tx.PutPackage(main, p); err != nil {
					return err
				}
				for _, v := range []string{"1.0.0"} {
					if err := tx.PutVersion(main, p.ID, version(v, i)); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	for from := 0; from < manyVersions; from += 10_000 {
		put(func(tx registry.Tx) error {
			if err := tx.PutPackage(main, registry.Package{ID: pkg("huge"), Restrictions: open, Created: created, Modified: created}); err != nil {
				return err
			}
			for i := from; i < from+10_000; i++ {
				if err := tx.PutVersion(main, pkg("huge"), version(fmt.Sprintf("%d.%d.%d", i%7, i%1000, i), i)); err != nil {
					return err
				}
			}
			v := version("assets", 0)
			for i := range 350 {
				v.Assets = append(v.Assets, registry.Asset{Name: fmt.Sprintf("file-%03d", i)})
			}
			return tx.PutVersion(main, pkg("huge"), v)
		})
	}
	return w
}
