package storagetest

import (
	"fmt"

	"larder/registry"
)

var domainChecks = map[string]func(kit){
	"a domain is read as it was made": func(k kit) {
		d := registry.Domain{ID: acme, Created: day, EncryptionKey: "arn:aws:kms:key", Tags: map[string]string{"team": "a \"quoted\" näme"}}
		k.update(func(tx registry.Tx) error { return tx.CreateDomain(d) })
		k.view(func(tx registry.Tx) { k.equal("domain", want[registry.Domain](k)(tx.Domain(acme)), d) })
	},
	"tags are replaced": func(k kit) {
		k.update(func(tx registry.Tx) error {
			return tx.CreateDomain(registry.Domain{ID: acme, Tags: map[string]string{"a": "1"}})
		})
		k.update(func(tx registry.Tx) error { return tx.TagDomain(acme, map[string]string{"b": "2"}) })
		k.view(func(tx registry.Tx) {
			k.equal("tags", want[registry.Domain](k)(tx.Domain(acme)).Tags, map[string]string{"b": "2"})
		})
		k.refused("tagging a missing domain", registry.NotFound, func(tx registry.Tx) error { return tx.TagDomain(acme2, nil) })
	},
	"maps that are read can be written to": func(k kit) {
		k.build(acme, "main")
		k.publish(repo(acme, "main"), npm("p"), registry.Version{Version: "1"})
		k.view(func(tx registry.Tx) {
			want[registry.Domain](k)(tx.Domain(acme)).Tags["a"] = "b"
			want[registry.Repository](k)(tx.Repository(repo(acme, "main"))).Tags["a"] = "b"
			want[registry.Package](k)(tx.Package(repo(acme, "main"), npm("p"))).Tags["a"] = "b"
		})
	},
	"names are unique by owner and name": func(k kit) {
		k.build(acme)
		k.build(acme2)
		k.build(globex)
		k.refused("the same domain", registry.Conflict, func(tx registry.Tx) error { return tx.CreateDomain(registry.Domain{ID: acme}) })
	},
	"a missing domain is not found": func(k kit) {
		k.build(acme)
		k.view(func(tx registry.Tx) {
			_, err := tx.Domain(acme2)
			k.notFound("read", err)
		})
		k.refused("delete", registry.NotFound, func(tx registry.Tx) error { return tx.DeleteDomain(acme2) })
	},
	"a domain with repositories stays": func(k kit) {
		k.build(acme, "main")
		k.refused("delete", registry.Conflict, func(tx registry.Tx) error { return tx.DeleteDomain(acme) })
		k.update(func(tx registry.Tx) error { return tx.DeleteRepository(repo(acme, "main")) })
		k.update(func(tx registry.Tx) error { return tx.DeleteDomain(acme) })
		k.view(func(tx registry.Tx) {
			_, err := tx.Domain(acme)
			k.notFound("read", err)
		})
	},
	"deleting takes the listings of this domain along": func(k kit) {
		k.build(acme)
		k.build(globex)
		for _, d := range []registry.DomainID{acme, globex} {
			k.update(func(tx registry.Tx) error {
				return tx.PutListing(d, "c", npm("p"), registry.StoredListing{Body: []byte("x")})
			})
		}
		k.update(func(tx registry.Tx) error { return tx.DeleteDomain(acme) })
		k.build(acme)
		k.view(func(tx registry.Tx) {
			_, err := tx.Listing(acme, "c", npm("p"))
			k.notFound("listing", err)
			want[registry.StoredListing](k)(tx.Listing(globex, "c", npm("p")))
		})
	},
	"lists are by name, of one owner or of all": func(k kit) {
		var all, own []string
		for _, name := range []string{"a", "b", "b-c", "c", "d"} {
			for _, owner := range []string{"111111111111", "222222222222"} {
				k.build(registry.DomainID{Owner: owner, Name: name}, "r")
				all = append(all, name+" "+owner)
			}
			own = append(own, name+" 222222222222")
		}
		names := func(tx registry.Tx, owner string, limit int) (names []string) {
			for _, d := range pages(k, limit, func(p registry.Page) ([]registry.Domain, string, error) { return tx.Domains(owner, p) }) {
				k.equal("repositories", d.RepositoryCount, 1)
				names = append(names, d.ID.Name+" "+d.ID.Owner)
			}
			return names
		}
		k.view(func(tx registry.Tx) {
			for limit := 1; limit < 12; limit++ {
				k.equal(fmt.Sprint("all, by ", limit), names(tx, "", limit), all)
				k.equal(fmt.Sprint("own, by ", limit), names(tx, "222222222222", limit), own)
			}
			k.equal("of nobody", names(tx, "333333333333", 3), []string(nil))
		})
	},
}
