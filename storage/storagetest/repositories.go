package storagetest

import (
	"fmt"

	"larder/registry"
)

var repositoryChecks = map[string]func(kit){
	"a repository is read as it was made, links in order": func(k kit) {
		k.build(acme, "z", "y", "x")
		r := registry.Repository{
			ID: repo(acme, "main"), Administrator: "222222222222", Description: "d", Upstreams: []string{"y", "z", "x"},
			Connections: []string{"public:npmjs", "custom", "a"}, Created: day, Tags: map[string]string{"a": "b"},
		}
		k.update(func(tx registry.Tx) error { return tx.CreateRepository(r) })
		k.view(func(tx registry.Tx) {
			k.equal("repository", want[registry.Repository](k)(tx.Repository(r.ID)), r)
			k.equal("repositories", want[registry.Domain](k)(tx.Domain(acme)).RepositoryCount, 4)
		})
	},
	"a name is taken within its domain only": func(k kit) {
		k.build(acme, "main")
		k.build(acme2, "main")
		k.refused("again", registry.Conflict, func(tx registry.Tx) error {
			return tx.CreateRepository(registry.Repository{ID: repo(acme, "main")})
		})
	},
	"what a repository needs must be there": func(k kit) {
		k.build(acme, "main")
		k.build(globex, "elsewhere")
		k.refused("missing domain", registry.NotFound, func(tx registry.Tx) error {
			return tx.CreateRepository(registry.Repository{ID: repo(acme2, "main")})
		})
		for _, up := range []string{"missing", "elsewhere"} {
			k.refused("create with missing upstream", registry.NotFound, func(tx registry.Tx) error {
				return tx.CreateRepository(registry.Repository{ID: repo(acme, "new"), Upstreams: []string{"main", up}})
			})
			k.refused("update with missing upstream", registry.NotFound, func(tx registry.Tx) error {
				return tx.UpdateRepository(registry.Repository{ID: repo(acme, "main"), Upstreams: []string{up}})
			})
		}
		k.view(func(tx registry.Tx) {
			_, err := tx.Repository(repo(acme, "new"))
			k.notFound("the refused repository", err)
		})
	},
	"a missing repository is not found": func(k kit) {
		k.build(acme, "main")
		id := repo(acme, "missing")
		k.view(func(tx registry.Tx) {
			_, err := tx.Repository(id)
			k.notFound("read", err)
			_, err = tx.Repository(repo(acme2, "main"))
			k.notFound("read in another domain", err)
		})
		k.refused("update", registry.NotFound, func(tx registry.Tx) error {
			return tx.UpdateRepository(registry.Repository{ID: id})
		})
		k.refused("delete", registry.NotFound, func(tx registry.Tx) error { return tx.DeleteRepository(id) })
	},
	"a refused update changes nothing, even when the transaction goes on": func(k kit) {
		k.build(acme, "up", "main")
		k.update(func(tx registry.Tx) error {
			return tx.UpdateRepository(registry.Repository{ID: repo(acme, "main"), Description: "before", Upstreams: []string{"up"}})
		})
		k.update(func(tx registry.Tx) error {
			err := tx.UpdateRepository(registry.Repository{ID: repo(acme, "main"), Description: "after", Upstreams: []string{"missing"}})
			k.notFound("update", err)
			return nil
		})
		k.view(func(tx registry.Tx) {
			r := want[registry.Repository](k)(tx.Repository(repo(acme, "main")))
			k.equal("repository", r.Description+" "+fmt.Sprint(r.Upstreams), "before [up]")
		})
	},
	"update replaces description, upstreams, connections and tags": func(k kit) {
		k.build(acme, "a", "b")
		r := registry.Repository{
			ID: repo(acme, "main"), Administrator: "333333333333", Description: "old", Upstreams: []string{"a"},
			Connections: []string{"x", "y"}, Created: day, Tags: map[string]string{"old": "1"},
		}
		k.update(func(tx registry.Tx) error { return tx.CreateRepository(r) })
		changed := registry.Repository{
			ID: r.ID, Administrator: "other", Description: "new", Upstreams: []string{"b", "a"},
			Connections: []string{"y"}, Created: at(99), Tags: map[string]string{"new": "2"},
		}
		k.update(func(tx registry.Tx) error { return tx.UpdateRepository(changed) })
		changed.Administrator, changed.Created = r.Administrator, r.Created
		k.view(func(tx registry.Tx) {
			k.equal("repository", want[registry.Repository](k)(tx.Repository(r.ID)), changed)
		})
	},
	"deleting takes contents and the links of others along": func(k kit) {
		k.build(acme, "gone", "kept")
		k.update(func(tx registry.Tx) error {
			return tx.CreateRepository(registry.Repository{ID: repo(acme, "down"), Upstreams: []string{"kept", "gone"}})
		})
		k.publish(repo(acme, "gone"), npm("p"), registry.Version{Version: "1", Assets: []registry.Asset{asset("own", 1, 10), asset("shared", 2, 20)}})
		k.publish(repo(acme, "kept"), npm("p"), registry.Version{Version: "1", Assets: []registry.Asset{asset("shared", 2, 20)}})
		k.update(func(tx registry.Tx) error { return tx.DeleteRepository(repo(acme, "gone")) })
		k.view(func(tx registry.Tx) {
			k.equal("upstreams", want[registry.Repository](k)(tx.Repository(repo(acme, "down"))).Upstreams, []string{"kept"})
			_, err := tx.Package(repo(acme, "gone"), npm("p"))
			k.notFound("package", err)
			want[registry.Version](k)(tx.Version(repo(acme, "kept"), registry.VersionID{Package: npm("p"), Version: "1"}))
			d := want[registry.Domain](k)(tx.Domain(acme))
			k.equal("derived", fmt.Sprint(d.RepositoryCount, d.AssetSize), "2 20")
			k.equal("references", want[int](k)(tx.BlobReferences(acme, digest(1))), 0)
			k.equal("references", want[int](k)(tx.BlobReferences(acme, digest(2))), 1)
		})
		// Within one transaction, too: the new one has nothing of the old one.
		k.update(func(tx registry.Tx) error {
			if err := tx.DeleteRepository(repo(acme, "kept")); err != nil {
				return err
			}
			if err := tx.CreateRepository(registry.Repository{ID: repo(acme, "kept")}); err != nil {
				return err
			}
			_, err := tx.Package(repo(acme, "kept"), npm("p"))
			k.notFound("package of the new repository", err)
			return tx.PutPackage(repo(acme, "kept"), registry.Package{ID: npm("q")})
		})
		k.view(func(tx registry.Tx) {
			want[registry.Package](k)(tx.Package(repo(acme, "kept"), npm("q")))
			k.equal("size", want[registry.Domain](k)(tx.Domain(acme)).AssetSize, int64(0))
		})
	},
	"the graph is every repository of the domain": func(k kit) {
		k.build(acme, "c", "a")
		k.build(globex, "other")
		k.update(func(tx registry.Tx) error {
			return tx.CreateRepository(registry.Repository{ID: repo(acme, "b"), Upstreams: []string{"c", "a"}, Connections: []string{"x"}})
		})
		k.view(func(tx registry.Tx) {
			got := map[string]string{}
			for _, r := range want[[]registry.Repository](k)(tx.Graph(acme)) {
				got[r.ID.Name] = fmt.Sprint(r.ID.Domain.Name, r.Upstreams, r.Connections)
			}
			k.equal("graph", got, map[string]string{"a": "acme[] []", "b": "acme[c a] [x]", "c": "acme[] []"})
			k.equal("graph of a missing domain", len(want[[]registry.Repository](k)(tx.Graph(acme2))), 0)
		})
	},
	"lists are by name, domain and owner, filtered": func(k kit) {
		domains := []registry.DomainID{acme, acme2, globex} // in order of (name, owner)
		var all, inAcme, prefixed, administered []string
		for _, d := range domains {
			k.build(d)
		}
		for _, name := range []string{"a", "b", "ba", "bb", "c"} {
			for i, d := range domains {
				admin := fmt.Sprint("admin", i%2)
				k.update(func(tx registry.Tx) error {
					return tx.CreateRepository(registry.Repository{ID: repo(d, name), Administrator: admin, Connections: []string{name}})
				})
				label := name + " " + d.Name + " " + d.Owner
				all = append(all, label)
				if d == acme {
					inAcme = append(inAcme, label)
				}
				if name[0] == 'b' {
					prefixed = append(prefixed, label)
				}
				if admin == "admin0" && name[0] == 'b' {
					administered = append(administered, label)
				}
			}
		}
		for _, c := range []struct {
			name   string
			filter registry.RepositoryFilter
			want   []string
		}{
			{"all", registry.RepositoryFilter{}, all},
			{"of a domain", registry.RepositoryFilter{Domain: acme}, inAcme},
			{"by prefix", registry.RepositoryFilter{Prefix: "b"}, prefixed},
			{"by administrator and prefix", registry.RepositoryFilter{Administrator: "admin0", Prefix: "b"}, administered},
			{"of a missing domain", registry.RepositoryFilter{Domain: registry.DomainID{Owner: "9", Name: "x"}}, nil},
		} {
			k.view(func(tx registry.Tx) {
				for _, limit := range []int{1, 2, 5, 100} {
					var got []string
					for _, r := range pages(k, limit, func(p registry.Page) ([]registry.Repository, string, error) { return tx.Repositories(c.filter, p) }) {
						k.equal("connections", r.Connections, []string{r.ID.Name})
						got = append(got, r.ID.Name+" "+r.ID.Domain.Name+" "+r.ID.Domain.Owner)
					}
					k.equal(fmt.Sprint(c.name, " by ", limit), got, c.want)
				}
			})
		}
	},
}
