package storagetest

import (
	"fmt"
	"slices"

	"larder/registry"
)

var groupChecks = map[string]func(kit){
	"groups are read as they were made, by pattern": func(k kit) {
		k.build(acme)
		k.build(globex)
		rich := registry.Group{
			Pattern: "/npm/scope~*", Contact: "a@b.test", Description: "d", Created: day, Tags: map[string]string{"a": "b"},
			Modes:   map[registry.RestrictionType]registry.RestrictionMode{registry.PublishOrigin: registry.ModeSpecific},
			Allowed: map[registry.RestrictionType][]string{registry.PublishOrigin: {"main", "other"}},
		}
		poor := registry.Group{Pattern: "/maven/*", Created: at(1)}
		k.update(func(tx registry.Tx) error {
			if err := tx.CreateGroup(acme, rich); err != nil {
				return err
			}
			if err := tx.CreateGroup(globex, poor); err != nil {
				return err
			}
			return tx.CreateGroup(acme, poor)
		})
		k.view(func(tx registry.Tx) {
			got := want[[]registry.Group](k)(tx.Groups(acme))
			for _, g := range got { // none is nil
				g.Tags["x"], g.Modes["x"], g.Allowed["x"] = "y", "y", nil
				delete(g.Tags, "x")
				delete(g.Modes, "x")
				delete(g.Allowed, "x")
			}
			k.equalGroups("groups", got, []registry.Group{poor, rich})
			k.equalGroups("groups of another domain", want[[]registry.Group](k)(tx.Groups(globex)), []registry.Group{poor})
			k.equal("groups of a missing domain", len(want[[]registry.Group](k)(tx.Groups(acme2))), 0)
		})
		changed := registry.Group{
			Pattern: rich.Pattern, Contact: "new", Created: at(9),
			Modes: map[registry.RestrictionType]registry.RestrictionMode{registry.ExternalUpstream: registry.ModeBlock},
		}
		k.update(func(tx registry.Tx) error { return tx.UpdateGroup(acme, changed) })
		k.update(func(tx registry.Tx) error { return tx.DeleteGroup(acme, poor.Pattern) })
		changed.Created = rich.Created
		k.view(func(tx registry.Tx) {
			k.equalGroups("groups", want[[]registry.Group](k)(tx.Groups(acme)), []registry.Group{changed})
			k.equalGroups("groups of another domain", want[[]registry.Group](k)(tx.Groups(globex)), []registry.Group{poor})
		})
	},
	"what must be there, or must not": func(k kit) {
		k.build(acme)
		g := registry.Group{Pattern: "/npm/*"}
		k.refused("update", registry.NotFound, func(tx registry.Tx) error { return tx.UpdateGroup(acme, g) })
		k.refused("delete", registry.NotFound, func(tx registry.Tx) error { return tx.DeleteGroup(acme, g.Pattern) })
		k.refused("create in a missing domain", registry.NotFound, func(tx registry.Tx) error { return tx.CreateGroup(globex, g) })
		k.update(func(tx registry.Tx) error { return tx.CreateGroup(acme, g) })
		k.refused("create again", registry.Conflict, func(tx registry.Tx) error { return tx.CreateGroup(acme, g) })
	},
	"groups go with their domain": func(k kit) {
		k.build(acme)
		k.update(func(tx registry.Tx) error { return tx.CreateGroup(acme, registry.Group{Pattern: "/npm/*"}) })
		k.update(func(tx registry.Tx) error { return tx.DeleteDomain(acme) })
		k.build(acme)
		k.view(func(tx registry.Tx) { k.equal("groups", len(want[[]registry.Group](k)(tx.Groups(acme))), 0) })
	},
	"packages of a domain are listed once each": func(k kit) {
		k.build(acme, "a", "b")
		k.build(globex, "a")
		ids := []registry.PackageID{
			{Format: "maven", Namespace: "com.acme", Name: "core"},
			{Format: "npm", Name: "a"}, {Format: "npm", Name: "b"}, {Format: "npm", Name: "ba"},
			{Format: "npm", Namespace: "scope", Name: "a"},
		}
		k.update(func(tx registry.Tx) error {
			for i, id := range slices.Backward(ids) {
				for n, r := range []registry.RepoID{repo(acme, "a"), repo(acme, "b")} {
					if i%3 == n { // in a, in b, in both
						continue
					}
					if err := tx.PutPackage(r, registry.Package{ID: id}); err != nil {
						return err
					}
				}
			}
			return tx.PutPackage(repo(globex, "a"), registry.Package{ID: npm("elsewhere")})
		})
		for _, c := range []struct {
			name   string
			filter registry.PackageFilter
			want   []registry.PackageID
		}{
			{"all", registry.PackageFilter{}, ids},
			{"format", registry.PackageFilter{Format: "npm"}, ids[1:]},
			{"namespace prefix", registry.PackageFilter{NamespacePrefix: "s"}, ids[4:]},
			{"name prefix", registry.PackageFilter{Format: "npm", NamePrefix: "b"}, ids[2:4]},
		} {
			k.view(func(tx registry.Tx) {
				for _, limit := range []int{1, 2, 100} {
					got := pages(k, limit, func(p registry.Page) ([]registry.PackageID, string, error) {
						return tx.PackagesInDomain(acme, c.filter, p)
					})
					k.equal(fmt.Sprint(c.name, " by ", limit), got, c.want)
				}
			})
		}
	},
}

// equalGroups compares groups, an empty map being as good as none.
func (k kit) equalGroups(what string, got, want []registry.Group) {
	k.Helper()
	for _, groups := range [][]registry.Group{got, want} {
		for i, g := range groups {
			if len(g.Modes) == 0 {
				groups[i].Modes = nil
			}
			if len(g.Allowed) == 0 {
				groups[i].Allowed = nil
			}
		}
	}
	k.equal(what, got, want)
}

var policyChecks = map[string]func(kit){
	"policies are kept of domains and of repositories": func(k kit) {
		k.build(acme, "main")
		k.build(globex)
		of := func(name string) registry.Policy {
			return registry.Policy{Document: `{"of": "` + name + `", "spacing" :1}`, Revision: name}
		}
		k.update(func(tx registry.Tx) error {
			if err := tx.PutPolicy(acme, "", registry.Policy{Document: "old", Revision: "old"}); err != nil {
				return err
			}
			if err := tx.PutPolicy(acme, "", of("domain")); err != nil {
				return err
			}
			return tx.PutPolicy(acme, "main", of("repository"))
		})
		k.view(func(tx registry.Tx) {
			k.equal("of the domain", want[registry.Policy](k)(tx.Policy(acme, "")), of("domain"))
			k.equal("of the repository", want[registry.Policy](k)(tx.Policy(acme, "main")), of("repository"))
			_, err := tx.Policy(globex, "")
			k.notFound("of another domain", err)
		})
		k.update(func(tx registry.Tx) error { return tx.DeletePolicy(acme, "") })
		k.view(func(tx registry.Tx) {
			_, err := tx.Policy(acme, "")
			k.notFound("deleted", err)
			want[registry.Policy](k)(tx.Policy(acme, "main"))
		})
		k.refused("delete again", registry.NotFound, func(tx registry.Tx) error { return tx.DeletePolicy(acme, "") })
		k.refused("delete of a missing domain", registry.NotFound, func(tx registry.Tx) error { return tx.DeletePolicy(acme2, "") })
		k.refused("put to a missing domain", registry.NotFound, func(tx registry.Tx) error { return tx.PutPolicy(acme2, "", of("x")) })
		k.refused("put to a missing repository", registry.NotFound, func(tx registry.Tx) error { return tx.PutPolicy(acme, "missing", of("x")) })
	},
	"policies go with what they are of": func(k kit) {
		k.build(acme, "main")
		k.update(func(tx registry.Tx) error {
			if err := tx.PutPolicy(acme, "", registry.Policy{Document: "d"}); err != nil {
				return err
			}
			return tx.PutPolicy(acme, "main", registry.Policy{Document: "r"})
		})
		k.update(func(tx registry.Tx) error { return tx.DeleteRepository(repo(acme, "main")) })
		k.update(func(tx registry.Tx) error { return tx.CreateRepository(registry.Repository{ID: repo(acme, "main")}) })
		k.view(func(tx registry.Tx) {
			_, err := tx.Policy(acme, "main")
			k.notFound("of the repository that is made again", err)
			want[registry.Policy](k)(tx.Policy(acme, ""))
		})
		k.update(func(tx registry.Tx) error { return tx.DeleteRepository(repo(acme, "main")) })
		k.update(func(tx registry.Tx) error { return tx.DeleteDomain(acme) })
		k.build(acme)
		k.view(func(tx registry.Tx) {
			_, err := tx.Policy(acme, "")
			k.notFound("of the domain that is made again", err)
		})
	},
}
