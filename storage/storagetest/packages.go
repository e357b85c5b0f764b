package storagetest

import (
	"fmt"
	"slices"

	"larder/registry"
)

var packageChecks = map[string]func(kit){
	"the sequence number of a package that is gone is kept": func(k kit) {
		k.build(acme)
		r := registry.RepoID{Domain: acme, Name: "sequences"}
		id := registry.PackageID{Format: "npm", Namespace: "s", Name: "p"}
		put := func(sequence int64) {
			k.update(func(tx registry.Tx) error {
				if _, err := tx.Repository(r); registry.IsNotFound(err) {
					if err := tx.CreateRepository(registry.Repository{ID: r, Administrator: acme.Owner, Created: day}); err != nil {
						return err
					}
				}
				return tx.PutPackage(r, registry.Package{ID: id, Sequence: sequence, Created: day, Modified: day})
			})
		}
		ended := func() (n int64) {
			k.view(func(tx registry.Tx) { n = want[int64](k)(tx.EndedSequence(r, id)) })
			return n
		}
		put(5)
		k.equal("while it is there", ended(), int64(0))
		k.update(func(tx registry.Tx) error { return tx.DeletePackage(r, id) })
		k.equal("deleted", ended(), int64(5))
		put(9)
		k.update(func(tx registry.Tx) error { return tx.DeleteRepository(r) })
		k.equal("gone with its repository", ended(), int64(9))
	},
	"a package is read as it was put": func(k kit) {
		k.build(acme, "main")
		p := registry.Package{
			ID:           registry.PackageID{Format: registry.Maven, Namespace: "org.example", Name: "Lib_%"},
			Restrictions: registry.Restrictions{Publish: registry.Allow, Upstream: registry.Block},
			Tags:         map[string]string{"latest": "1.0.0", "next": "2.0.0-rc.1"}, Created: at(1), Modified: at(2), Sequence: 7, Revision: 99,
		}
		for range 2 { // made, then replaced
			k.update(func(tx registry.Tx) error { return tx.PutPackage(repo(acme, "main"), p) })
			k.view(func(tx registry.Tx) {
				got := want[registry.Package](k)(tx.Package(repo(acme, "main"), p.ID))
				p.Revision = got.Revision
				k.equal("package", got, p)
			})
			p.Restrictions = registry.Restrictions{Publish: registry.Block, Upstream: registry.Allow}
			p.Tags, p.Created, p.Modified, p.Sequence = nil, at(3), at(4), 8
		}
	},
	"a missing package is not found": func(k kit) {
		k.build(acme, "main", "other")
		k.publish(repo(acme, "main"), npm("p"), registry.Version{Version: "1"})
		for what, id := range map[string]registry.PackageID{
			"other name": npm("q"), "other case": npm("P"), "other format": {Format: registry.PyPI, Name: "p"}, "other namespace": {Format: registry.NPM, Namespace: "s", Name: "p"},
		} {
			k.view(func(tx registry.Tx) {
				_, err := tx.Package(repo(acme, "main"), id)
				k.notFound(what, err)
			})
			k.refused("delete "+what, registry.NotFound, func(tx registry.Tx) error { return tx.DeletePackage(repo(acme, "main"), id) })
		}
		k.view(func(tx registry.Tx) {
			_, err := tx.Package(repo(acme, "other"), npm("p"))
			k.notFound("other repository", err)
			_, err = tx.Package(repo(globex, "main"), npm("p"))
			k.notFound("other domain", err)
		})
		k.refused("put into a missing repository", registry.NotFound, func(tx registry.Tx) error {
			return tx.PutPackage(repo(acme, "missing"), registry.Package{ID: npm("p")})
		})
	},
	"revisions never repeat": func(k kit) {
		k.build(acme, "main", "other")
		seen := map[int64]string{}
		note := func(what string) {
			k.view(func(tx registry.Tx) {
				r := want[registry.Package](k)(tx.Package(repo(acme, "main"), npm("p"))).Revision
				if was, twice := seen[r]; twice || r <= 0 {
					k.Errorf("revision %d of %q was that of %q", r, what, was)
				}
				seen[r] = what
			})
		}
		put := func(tx registry.Tx) error {
			return tx.PutPackage(repo(acme, "main"), registry.Package{ID: npm("p"), Revision: 1})
		}
		k.update(put)
		note("new")
		k.update(put)
		note("put again")
		k.update(func(tx registry.Tx) error { return tx.DeletePackage(repo(acme, "main"), npm("p")) })
		k.update(put)
		note("deleted and made again")
		k.update(func(tx registry.Tx) error {
			if err := tx.DeletePackage(repo(acme, "main"), npm("p")); err != nil {
				return err
			}
			return put(tx)
		})
		note("in one transaction")
		k.update(func(tx registry.Tx) error { return tx.DeleteRepository(repo(acme, "main")) })
		k.update(func(tx registry.Tx) error { return tx.CreateRepository(registry.Repository{ID: repo(acme, "main")}) })
		k.update(put)
		note("repository made again")
		k.update(func(tx registry.Tx) error { return tx.PutListing(acme, "c", npm("p"), registry.StoredListing{}) })
		k.view(func(tx registry.Tx) {
			if r := want[registry.StoredListing](k)(tx.Listing(acme, "c", npm("p"))).Revision; seen[r] != "" {
				k.Errorf("the listing has the revision of the package %q", seen[r])
			}
		})
	},
	"revisions of a chain come in its order": func(k kit) {
		k.build(acme, "a", "b", "c")
		k.build(globex, "a")
		k.publish(repo(acme, "a"), npm("p"), registry.Version{Version: "1"})
		k.publish(repo(acme, "c"), npm("p"), registry.Version{Version: "1"})
		k.publish(repo(globex, "a"), npm("p"), registry.Version{Version: "1"})
		k.view(func(tx registry.Tx) {
			a := want[registry.Package](k)(tx.Package(repo(acme, "a"), npm("p"))).Revision
			c := want[registry.Package](k)(tx.Package(repo(acme, "c"), npm("p"))).Revision
			for _, ask := range []struct {
				repositories []string
				want         []int64
			}{
				{nil, nil},
				{[]string{"a"}, []int64{a}},
				{[]string{"c", "missing", "b", "a", "a"}, []int64{c, 0, 0, a, a}},
			} {
				got := want[[]int64](k)(tx.PackageRevisions(acme, ask.repositories, npm("p")))
				if !slices.Equal(got, ask.want) {
					k.Errorf("revisions in %q: %d, want %d", ask.repositories, got, ask.want)
				}
			}
		})
	},
	"deleting takes the versions along": func(k kit) {
		k.build(acme, "main")
		main := repo(acme, "main")
		for _, v := range []string{"1", "2"} {
			k.publish(main, npm("p"), registry.Version{Version: v, Assets: []registry.Asset{asset("a", 1, 10)}})
		}
		k.publish(main, npm("q"), registry.Version{Version: "1", Assets: []registry.Asset{asset("a", 1, 10), asset("b", 2, 5)}})
		k.update(func(tx registry.Tx) error { return tx.DeletePackage(main, npm("p")) })
		k.view(func(tx registry.Tx) {
			_, err := tx.Version(main, registry.VersionID{Package: npm("p"), Version: "1"})
			k.notFound("version", err)
			k.equal("references", want[int](k)(tx.BlobReferences(acme, digest(1))), 1)
			k.equal("size", want[registry.Domain](k)(tx.Domain(acme)).AssetSize, int64(15))
		})
		k.update(func(tx registry.Tx) error { return tx.PutPackage(main, registry.Package{ID: npm("p")}) })
		k.view(func(tx registry.Tx) {
			k.equal("versions of the new package", len(want[[]registry.Version](k)(tx.Versions(main, npm("p")))), 0)
		})
	},
	"lists are by format, namespace and name, filtered": func(k kit) {
		k.build(acme, "main", "other")
		main := repo(acme, "main")
		allow, block := registry.Restrictions{Publish: registry.Allow, Upstream: registry.Block}, registry.Restrictions{Publish: registry.Block, Upstream: registry.Allow}
		all := []registry.Package{
			{ID: registry.PackageID{Format: "maven", Namespace: "com.acme", Name: "Core"}, Restrictions: allow},
			{ID: registry.PackageID{Format: "maven", Namespace: "com.acme.sub", Name: "a_b"}, Restrictions: block},
			{ID: registry.PackageID{Format: "maven", Namespace: "org", Name: "core"}, Restrictions: block},
			{ID: registry.PackageID{Format: "npm", Name: "Upper"}, Restrictions: allow},
			{ID: registry.PackageID{Format: "npm", Name: "core"}, Restrictions: allow},
			{ID: registry.PackageID{Format: "npm", Name: "core-js"}, Restrictions: block},
			{ID: registry.PackageID{Format: "npm", Name: "core.x"}, Restrictions: block},
			{ID: registry.PackageID{Format: "npm", Namespace: "acme", Name: "axb"}, Restrictions: allow},
			{ID: registry.PackageID{Format: "npm", Namespace: "acme", Name: "core-a"}, Restrictions: allow},
			{ID: registry.PackageID{Format: "npm", Namespace: "acme", Name: "zebra"}, Restrictions: block},
			{ID: registry.PackageID{Format: "pypi", Name: "100%"}, Restrictions: block},
		}
		k.update(func(tx registry.Tx) error {
			for _, p := range slices.Backward(all) {
				if err := tx.PutPackage(main, p); err != nil {
					return err
				}
			}
			return tx.PutPackage(repo(acme, "other"), registry.Package{ID: npm("elsewhere")})
		})
		for _, c := range []struct {
			name   string
			filter registry.PackageFilter
			want   []int
		}{
			{"all", registry.PackageFilter{}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
			{"format", registry.PackageFilter{Format: "npm"}, []int{3, 4, 5, 6, 7, 8, 9}},
			{"namespace prefix", registry.PackageFilter{NamespacePrefix: "com.acme"}, []int{0, 1}},
			{"format and namespace", registry.PackageFilter{Format: "npm", NamespacePrefix: "ac"}, []int{7, 8, 9}},
			{"name prefix, by format and name", registry.PackageFilter{NamePrefix: "core"}, []int{2, 4, 8, 5, 6}},
			{"format and name prefix, by name", registry.PackageFilter{Format: "npm", NamePrefix: "core"}, []int{4, 8, 5, 6}},
			{"namespace and name prefix", registry.PackageFilter{NamespacePrefix: "ac", NamePrefix: "core"}, []int{8}},
			{"name prefix and publish", registry.PackageFilter{NamePrefix: "core", Publish: registry.Allow}, []int{4, 8}},
			{"name prefix is exact in case", registry.PackageFilter{NamePrefix: "C"}, []int{0}},
			{"publish", registry.PackageFilter{Publish: registry.Allow}, []int{0, 3, 4, 7, 8}},
			{"upstream", registry.PackageFilter{Format: "npm", Upstream: registry.Allow}, []int{5, 6, 9}},
			{"search in names, any case", registry.PackageFilter{Search: "CORE"}, []int{0, 2, 4, 5, 6, 8}},
			{"search in namespaces", registry.PackageFilter{Search: "acme"}, []int{0, 1, 7, 8, 9}},
			{"search in the middle", registry.PackageFilter{Format: "npm", Search: "ebr"}, []int{9}},
			{"search takes _ as it is", registry.PackageFilter{Search: "a_b"}, []int{1}},
			{"search takes % as it is", registry.PackageFilter{Search: "%"}, []int{10}},
			{"nothing", registry.PackageFilter{Format: "nuget"}, nil},
		} {
			k.view(func(tx registry.Tx) {
				var wanted []registry.PackageID
				for _, i := range c.want {
					wanted = append(wanted, all[i].ID)
				}
				for _, limit := range []int{1, 2, 3, 100} {
					var got []registry.PackageID
					for _, p := range pages(k, limit, func(p registry.Page) ([]registry.Package, string, error) { return tx.Packages(main, c.filter, p) }) {
						got = append(got, p.ID)
					}
					k.equal(fmt.Sprint(c.name, " by ", limit), got, wanted)
				}
			})
		}
		k.view(func(tx registry.Tx) {
			_, _, err := tx.Packages(repo(acme, "missing"), registry.PackageFilter{}, registry.Page{Limit: 3})
			if err != nil {
				k.Errorf("packages of a missing repository: %v, want none", err)
			}
			_, _, err = tx.Packages(main, registry.PackageFilter{}, registry.Page{Limit: 3, After: "\xff"})
			if registry.CodeOf(err) != registry.Invalid {
				k.Errorf("a page token that is no text: %v, want Invalid", err)
			}
		})
	},
	"pages survive inserts and deletes between them": func(k kit) {
		k.build(acme, "main")
		main := repo(acme, "main")
		put := func(names ...string) {
			k.update(func(tx registry.Tx) error {
				for _, n := range names {
					if err := tx.PutPackage(main, registry.Package{ID: npm(n)}); err != nil {
						return err
					}
				}
				return nil
			})
		}
		put("b", "d", "f", "h", "j")
		var got []string
		next := ""
		for n := 0; ; n++ {
			k.view(func(tx registry.Tx) {
				all, after, err := tx.Packages(main, registry.PackageFilter{}, registry.Page{After: next, Limit: 2})
				if err != nil {
					k.Fatal(err)
				}
				for _, p := range all {
					got = append(got, p.ID.Name)
				}
				next = after
			})
			if next == "" {
				break
			}
			if n == 0 { // behind the page, at its end, and before the next one
				put("a", "da", "e")
				k.update(func(tx registry.Tx) error { return tx.DeletePackage(main, npm("d")) })
				k.update(func(tx registry.Tx) error { return tx.DeletePackage(main, npm("f")) })
			}
		}
		k.equal("names", got, []string{"b", "d", "da", "e", "h", "j"})
	},
	"a page without a limit is everything": func(k kit) {
		k.build(acme, "a", "b", "c")
		k.view(func(tx registry.Tx) {
			all, next, err := tx.Repositories(registry.RepositoryFilter{}, registry.Page{})
			if err != nil || next != "" || len(all) != 3 {
				k.Errorf("%d repositories, next %q, %v", len(all), next, err)
			}
		})
	},
}
