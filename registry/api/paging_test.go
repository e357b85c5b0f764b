package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/policy/identity"
	"larder/registry"
)

// aList is one list of n items item-00, item-01, ..., and how it changes.
type aList struct {
	op, in string
	items  string                       // the member that is the list
	name   func(any) string             // of an item
	put    func(registry.Tx, int) error // makes item-{n}
	drop   func(registry.Tx, int) error
	newest bool // the last one made comes first
}

const listed = 23 // items of every list

func itemName(n int) string { return fmt.Sprintf("item-%02d", n) }

func member(name string) func(any) string {
	return func(v any) string { s, _ := v.(map[string]any)[name].(string); return s }
}

// lists are those of every operation that gives pages. They live apart from
// one another, so that one does not change with the other.
func lists() []aList {
	long := registry.DomainID{Owner: identity.FirstAccount, Name: "long"}
	repo := func(name string) registry.RepoID { return registry.RepoID{Domain: long, Name: name} }
	pkg := func(name string) registry.PackageID { return registry.PackageID{Format: registry.NPM, Name: name} }
	putPackage := func(r string) func(tx registry.Tx, n int) error {
		return func(tx registry.Tx, n int) error {
			return tx.PutPackage(repo(r), registry.Package{ID: pkg(itemName(n)), Restrictions: registry.Restrictions{Publish: registry.Allow, Upstream: registry.Allow}, Created: created, Modified: created})
		}
	}
	putVersion := func(of string) func(tx registry.Tx, n int) error {
		return func(tx registry.Tx, n int) error {
			return tx.PutVersion(repo("aside"), pkg(of), registry.Version{Version: itemName(n), Status: registry.Published, Revision: "r", Origin: registry.Origin{Type: registry.OriginUnknown},
				Published: created.Add(time.Duration(n) * time.Second)})
		}
	}
	dropVersion := func(of string) func(tx registry.Tx, n int) error {
		return func(tx registry.Tx, n int) error {
			return tx.DeleteVersion(repo("aside"), registry.VersionID{Package: pkg(of), Version: itemName(n)})
		}
	}
	asset := func(tx registry.Tx, n int, keep bool) error {
		id := registry.VersionID{Package: pkg("assets"), Version: "1"}
		v, err := tx.Version(repo("aside"), id)
		if err != nil {
			return err
		}
		v.Assets = slices.DeleteFunc(v.Assets, func(a registry.Asset) bool { return a.Name == itemName(n) })
		if keep {
			v.Assets = append(v.Assets, registry.Asset{Name: itemName(n)})
		}
		return tx.PutVersion(repo("aside"), id.Package, v)
	}
	group := func(parent string) (put, drop func(tx registry.Tx, n int) error) {
		return func(tx registry.Tx, n int) error {
				return tx.CreateGroup(long, registry.Group{Pattern: parent + itemName(n) + "/*", Created: created})
			}, func(tx registry.Tx, n int) error {
				return tx.DeleteGroup(long, parent+itemName(n)+"/*")
			}
	}
	allow := func(tx registry.Tx, n int, keep bool) error {
		all, err := tx.Groups(long)
		if err != nil {
			return err
		}
		g := all[slices.IndexFunc(all, func(g registry.Group) bool { return g.Pattern == "/npm/*" })]
		names := slices.DeleteFunc(g.Allowed[registry.PublishOrigin], func(s string) bool { return s == itemName(n) })
		if keep {
			names = append(names, itemName(n))
			slices.Sort(names)
		}
		g.Allowed = map[registry.RestrictionType][]string{registry.PublishOrigin: names}
		return tx.UpdateGroup(long, g)
	}
	pattern := func(v any) string {
		s := strings.TrimSuffix(member("pattern")(v), "/*")
		return s[strings.LastIndex(s, "/")+1:]
	}
	putGroup, dropGroup := group("/maven/")
	putSub, dropSub := group("/generic/")
	const in = `"domain":"long","repository":"aside","format":"npm"`
	return []aList{
		{op: "ListDomains", items: "domains", name: member("name"),
			put: func(tx registry.Tx, n int) error {
				return tx.CreateDomain(registry.Domain{ID: registry.DomainID{Owner: long.Owner, Name: itemName(n)}, Created: created})
			},
			drop: func(tx registry.Tx, n int) error {
				return tx.DeleteDomain(registry.DomainID{Owner: long.Owner, Name: itemName(n)})
			}},
		{op: "ListRepositories", in: `"repositoryPrefix":"item-"`, items: "repositories", name: member("name"),
			put: func(tx registry.Tx, n int) error {
				return tx.CreateRepository(registry.Repository{ID: repo(itemName(n)), Administrator: long.Owner, Created: created})
			},
			drop: func(tx registry.Tx, n int) error { return tx.DeleteRepository(repo(itemName(n))) }},
		{op: "ListRepositoriesInDomain", in: `"domain":"long","repositoryPrefix":"item-"`, items: "repositories", name: member("name"),
			put: func(tx registry.Tx, n int) error {
				return tx.CreateRepository(registry.Repository{ID: repo(itemName(n)), Administrator: other, Created: created})
			},
			drop: func(tx registry.Tx, n int) error { return tx.DeleteRepository(repo(itemName(n))) }},
		{op: "ListPackages", in: `"domain":"long","repository":"packages"`, items: "packages", name: member("package"),
			put: putPackage("packages"), drop: func(tx registry.Tx, n int) error { return tx.DeletePackage(repo("packages"), pkg(itemName(n))) }},
		{op: "ListPackageVersions", in: in + `,"package":"versions"`, items: "versions", name: member("version"), put: putVersion("versions"), drop: dropVersion("versions")},
		{op: "ListPackageVersions", in: in + `,"package":"newest","sortBy":"PUBLISHED_TIME"`, items: "versions", name: member("version"), put: putVersion("newest"), drop: dropVersion("newest"), newest: true},
		{op: "ListPackageVersions", in: in + `,"package":"filtered","status":"Published","originType":"UNKNOWN"`, items: "versions", name: member("version"), put: putVersion("filtered"), drop: dropVersion("filtered")},
		{op: "ListPackageVersionAssets", in: in + `,"package":"assets","packageVersion":"1"`, items: "assets", name: member("name"),
			put:  func(tx registry.Tx, n int) error { return asset(tx, n, true) },
			drop: func(tx registry.Tx, n int) error { return asset(tx, n, false) }},
		{op: "ListPackageGroups", in: `"domain":"long","prefix":"/maven/"`, items: "packageGroups", name: pattern, put: putGroup, drop: dropGroup},
		{op: "ListSubPackageGroups", in: `"domain":"long","packageGroup":"/generic/*"`, items: "packageGroups", name: pattern, put: putSub, drop: dropSub},
		{op: "ListAllowedRepositoriesForGroup", in: `"domain":"long","packageGroup":"/npm/*","originRestrictionType":"PUBLISH"`, items: "allowedRepositories", name: func(v any) string { return v.(string) },
			put:  func(tx registry.Tx, n int) error { return allow(tx, n, true) },
			drop: func(tx registry.Tx, n int) error { return allow(tx, n, false) }},
		{op: "ListAssociatedPackages", in: `"domain":"long","packageGroup":"/npm//item~"`, items: "packages", name: member("package"),
			put: putPackage("aside"), drop: func(tx registry.Tx, n int) error { return tx.DeletePackage(repo("aside"), pkg(itemName(n))) }},
	}
}

// longLists is a world in which lists can have their items.
func longLists(t *testing.T) *world {
	t.Helper()
	w := openWorld(t, nil)
	long := registry.DomainID{Owner: identity.FirstAccount, Name: "long"}
	check(t, w.metadata.Update(t.Context(), func(tx registry.Tx) error {
		if err := tx.CreateDomain(registry.Domain{ID: long, Created: created}); err != nil {
			return err
		}
		for _, name := range []string{"aside", "packages"} {
			if err := tx.CreateRepository(registry.Repository{ID: registry.RepoID{Domain: long, Name: name}, Administrator: long.Owner, Created: created}); err != nil {
				return err
			}
		}
		for _, name := range []string{"versions", "newest", "filtered", "assets"} {
			r, id := registry.RepoID{Domain: long, Name: "aside"}, registry.PackageID{Format: registry.NPM, Name: name}
			if err := tx.PutPackage(r, registry.Package{ID: id, Restrictions: registry.Restrictions{Publish: registry.Allow, Upstream: registry.Allow}, Created: created, Modified: created}); err != nil {
				return err
			}
			if name != "assets" {
				continue
			}
			if err := tx.PutVersion(r, id, registry.Version{Version: "1", Status: registry.Published, Revision: "r", Origin: registry.Origin{Type: registry.OriginUnknown}, Published: created}); err != nil {
				return err
			}
		}
		for _, p := range []string{"/npm/*", "/generic/*", "/npm//item~"} {
			if err := tx.CreateGroup(long, registry.Group{Pattern: p, Created: created, Modes: map[registry.RestrictionType]registry.RestrictionMode{registry.PublishOrigin: registry.ModeSpecific}}); err != nil {
				return err
			}
		}
		return nil
	}))
	return w
}

// each puts or drops the items of a list, which are the even numbers.
func (l *aList) each(t *testing.T, w *world, do func(registry.Tx, int) error) {
	t.Helper()
	check(t, w.metadata.Update(t.Context(), func(tx registry.Tx) error {
		for i := range listed {
			if err := do(tx, 2*i); err != nil {
				return fmt.Errorf("%s: %w", l.op, err)
			}
		}
		return nil
	}))
}

// pages follows the tokens from a call to the end; between is run after the
// first page with the name of its last item.
func (l *aList) pages(t *testing.T, c client, size int, between func(last string)) (names []string, pages int) {
	t.Helper()
	members, err := decodeObject([]byte("{" + l.in + "}"))
	check(t, err)
	members["maxResults"] = size
	for {
		in, err := json.Marshal(members)
		check(t, err)
		got, err := c.call(t, l.op, string(in))
		if err != nil {
			t.Fatalf("%s %s: %v", l.op, in, err)
		}
		got = lowered(got)
		items, _ := got[strings.ToLower(l.items)].([]any)
		for _, item := range items {
			if m, ok := item.(map[string]any); ok {
				item = any(lowered(m))
			}
			names = append(names, l.name(item))
		}
		pages++
		token, _ := got["nexttoken"].(string)
		if token == "" {
			return names, pages
		}
		if len(items) != size {
			t.Errorf("%s: a page that is not the last has %d items, want %d", l.op, len(items), size)
		}
		if between != nil && pages == 1 {
			between(names[len(names)-1])
		}
		members["nextToken"] = token
	}
}

// lowered spells members in lower case, since clients differ in that.
func lowered(m map[string]any) map[string]any {
	out := maps.Clone(m)
	for k, v := range m {
		out[strings.ToLower(k)] = v
	}
	return out
}

func (l *aList) want() []string {
	var names []string
	for i := range listed {
		names = append(names, itemName(2*i))
	}
	if l.newest {
		slices.Reverse(names)
	}
	return names
}

func TestListsArePagedToTheEnd(t *testing.T) {
	t.Parallel()
	for _, l := range lists() {
		t.Run(l.op, func(t *testing.T) {
			w := longLists(t)
			l.each(t, w, l.put)
			c := sdkClient{w.sdk(w.admin)}
			want := l.want()
			if l.op == "ListDomains" {
				want = append(want, "long")
			}
			for _, size := range []int{1, 4, len(want) - 1, len(want), len(want) + 1, 1000} {
				got, pages := l.pages(t, c, size, nil)
				if !slices.Equal(got, want) {
					t.Errorf("pages of %d: got %q\nwant %q", size, got, want)
				}
				if most := (len(want) + size - 1) / size; pages != most {
					t.Errorf("%d pages of %d, want %d", pages, size, most)
				}
			}
		})
	}
}

// What comes or goes between two pages neither hides nor repeats anything else.
func TestPagesSurviveChanges(t *testing.T) {
	t.Parallel()
	for _, l := range lists() {
		t.Run(l.op, func(t *testing.T) {
			w := longLists(t)
			l.each(t, w, l.put)
			want := l.want()
			got, _ := l.pages(t, sdkClient{w.sdk(w.admin)}, 5, func(last string) {
				var n int
				_, err := fmt.Sscanf(last, "item-%d", &n)
				check(t, err)
				before, after := n-1, n+1
				if l.newest {
					before, after = after, before
				}
				check(t, w.metadata.Update(t.Context(), func(tx registry.Tx) error {
					if err := l.drop(tx, n); err != nil { // the item that the token stands on
						return err
					}
					if err := l.put(tx, before); err != nil {
						return err
					}
					return l.put(tx, after)
				}))
				want = slices.Insert(want, 5, itemName(after))
			})
			if l.newest {
				// An item that is made later has a later row; its place is by its time.
				slices.SortFunc(want, func(a, b string) int { return strings.Compare(b, a) })
			}
			if l.op == "ListDomains" {
				want = append(want, "long")
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %q\nwant %q", got, want)
			}
		})
	}
}

// The aws command pages by itself, except where the API has no page size.
func TestAWSCommandPagesToTheEnd(t *testing.T) {
	t.Parallel()
	w := longLists(t)
	aws := w.aws(t, w.admin)
	for _, l := range lists() {
		t.Run(l.op, func(t *testing.T) {
			l.each(t, w, l.put)
			defer l.each(t, w, l.drop)
			w.log.operations()
			args := []string{strings.ToLower(kebab.ReplaceAllString(l.op, "$1-$2")), "--page-size", "4", "--output", "json"}
			members, err := decodeObject([]byte("{" + l.in + "}"))
			check(t, err)
			for name, v := range members {
				args = append(args, "--"+strings.ToLower(kebab.ReplaceAllString(name, "$1-$2"))+"="+fmt.Sprint(v))
			}
			got, err := decodeObject([]byte(aws.must(t, args...)))
			check(t, err)
			var names []string
			for _, item := range got[l.items].([]any) {
				names = append(names, l.name(item))
			}
			want := l.want()
			if l.op == "ListDomains" {
				want = append(want, "long")
			}
			if !slices.Equal(names, want) {
				t.Errorf("got %q\nwant %q", names, want)
			}
			if pages := len(w.log.operations()); pages != (len(want)+3)/4 {
				t.Errorf("%d requests", pages)
			}
		})
	}
}

// Dependencies have a token but no page size.
func TestDependenciesArePagedToTheEnd(t *testing.T) {
	t.Parallel()
	w := openWorld(t, scenarioConfig)
	admin := sdkClient{w.sdk(w.admin)}
	for _, s := range []step{{op: "CreateDomain", in: `{"domain":"conf"}`}, {op: "CreateRepository", in: `{"domain":"conf","repository":"main"}`}} {
		_, err := admin.call(t, s.op, s.in)
		check(t, err)
	}
	deps := map[string]string{}
	var want []string
	for i := range 2345 {
		want = append(want, fmt.Sprintf("dep-%04d", i))
		deps[want[i]] = "*"
	}
	b, err := json.Marshal(deps)
	check(t, err)
	npmPublish("many", "1.0.0", `,"dependencies":`+string(b))(t, w)
	clients := map[string]client{"sdk": admin, "aws": cliClient{w.aws(t, w.admin)}}
	for name, c := range clients {
		var names []string
		token := ""
		for {
			got, err := c.call(t, "ListPackageVersionDependencies", `{"domain":"conf","repository":"main","format":"npm","package":"many","packageVersion":"1.0.0"`+token+`}`)
			check(t, err)
			got = lowered(got)
			for _, d := range got["dependencies"].([]any) {
				names = append(names, lowered(d.(map[string]any))["package"].(string))
			}
			next, _ := got["nexttoken"].(string)
			if next == "" {
				break
			}
			token = `,"nextToken":"` + next + `"`
		}
		slices.Sort(names)
		if !slices.Equal(names, want) {
			t.Errorf("%s: %d dependencies, want %d", name, len(names), len(want))
		}
	}
}

// Names as long as can be do not break the chain of tokens.
func TestTokensOfLongNames(t *testing.T) {
	t.Parallel()
	w := longLists(t)
	long := registry.RepoID{Domain: registry.DomainID{Owner: identity.FirstAccount, Name: "long"}, Name: "packages"}
	var want []string
	check(t, w.metadata.Update(t.Context(), func(tx registry.Tx) error {
		for _, last := range []string{"a", "b", "c"} {
			id := registry.PackageID{Format: registry.Generic, Namespace: strings.Repeat("\U0001F4E6", 255), Name: strings.Repeat("\U0001F4E6", 254) + last}
			want = append(want, id.Name)
			if err := tx.PutPackage(long, registry.Package{ID: id, Restrictions: registry.Restrictions{Publish: registry.Allow, Upstream: registry.Allow}, Created: created, Modified: created}); err != nil {
				return err
			}
		}
		return nil
	}))
	w.log.model = nil // by which tokens have 2,000 characters at most
	l := &aList{op: "ListPackages", in: `"domain":"long","repository":"packages"`, items: "packages", name: member("package")}
	if got, _ := l.pages(t, sdkClient{w.sdk(w.admin)}, 1, nil); !slices.Equal(got, want) {
		t.Errorf("%d packages, want %d", len(got), len(want))
	}
}
