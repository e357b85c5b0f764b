package storagetest

import (
	"fmt"
	"time"

	"larder/registry"
)

// account makes an account to put things into.
func (k kit) account(id string) {
	k.update(func(tx registry.Tx) error { return tx.CreateAccount(registry.Account{ID: id, Name: id, Created: day}) })
}

const (
	one = "111111111111"
	two = "222222222222"
)

var principalChecks = map[string]func(kit){
	"an account changes all but its id": func(k kit) {
		k.account(one)
		a := registry.Account{ID: one, Name: "new", Email: "new@larder.test", Closed: true, Created: day}
		k.update(func(tx registry.Tx) error { return tx.UpdateAccount(a) })
		k.view(func(tx registry.Tx) { k.equal("account", want[registry.Account](k)(tx.Account(one)), a) })
		k.refused("a missing account", registry.NotFound, func(tx registry.Tx) error { return tx.UpdateAccount(registry.Account{ID: two}) })
	},
	"a user is changed, listed and deleted": func(k kit) {
		k.account(one)
		k.account(two)
		for i, name := range []string{"c", "a", "b"} {
			k.update(func(tx registry.Tx) error {
				if err := tx.CreateUser(registry.User{Account: two, Name: name, ID: fmt.Sprint("AIDATWO", i), Created: day}); err != nil {
					return err
				}
				return tx.CreateUser(registry.User{Account: one, Name: name, ID: fmt.Sprint("AIDAONE", i), Created: day})
			})
		}
		u := registry.User{Account: one, Name: "a", Path: "/x/", ID: "AIDAONE1", Created: day, Tags: map[string]string{"k": "v"}, Permissions: registry.Permissions{
			Managed: []string{"b", "a"}, Inline: map[string]string{"p": "{}"}, Boundary: "c",
		}}
		changed := u
		changed.ID, changed.Created = "AIDAOTHER", at(9)
		k.update(func(tx registry.Tx) error { return tx.UpdateUser(changed) })
		k.view(func(tx registry.Tx) {
			k.equal("user", want[registry.User](k)(tx.User(one, "a")), u)
			var got []string
			for _, u := range pages(k, 2, func(p registry.Page) ([]registry.User, string, error) { return tx.Users(one, p) }) {
				got = append(got, u.Account+u.Name)
			}
			k.equal("names", got, []string{one + "a", one + "b", one + "c"})
		})
		k.update(func(tx registry.Tx) error { return tx.DeleteUser(one, "a") })
		k.view(func(tx registry.Tx) {
			_, err := tx.User(one, "a")
			k.notFound("deleted user", err)
			want[registry.User](k)(tx.User(two, "a"))
		})
		k.refused("a missing user is not changed", registry.NotFound, func(tx registry.Tx) error { return tx.UpdateUser(u) })
		k.refused("a missing user is not deleted", registry.NotFound, func(tx registry.Tx) error { return tx.DeleteUser(one, "a") })
	},
	"access keys are listed, switched, noted and deleted": func(k kit) {
		k.account(one)
		k.update(func(tx registry.Tx) error {
			return tx.CreateUser(registry.User{Account: one, Name: "u", ID: "AIDAU", Created: day})
		})
		first := registry.AccessKey{ID: "AKIAZ", Account: one, User: "u", Sealed: []byte("1"), Active: true, Created: at(1)}
		second := registry.AccessKey{ID: "AKIAA", Account: one, User: "u", Sealed: []byte("2"), Active: true, Created: at(2)}
		k.update(func(tx registry.Tx) error {
			if err := tx.CreateAccessKey(second); err != nil {
				return err
			}
			return tx.CreateAccessKey(first)
		})
		k.refused("a user with access keys is not deleted", registry.Conflict, func(tx registry.Tx) error { return tx.DeleteUser(one, "u") })
		first.Used = registry.KeyUse{Time: at(7), Service: "iam", Region: "here"}
		first.Active = false
		before := want[registry.Counters](k)(k.Counters(k.Context(), acme))
		k.update(func(tx registry.Tx) error { return tx.UseAccessKey(first.ID, first.Used) })
		k.equal("counters after a use", want[registry.Counters](k)(k.Counters(k.Context(), acme)), before)
		k.update(func(tx registry.Tx) error { return tx.ActivateAccessKey(first.ID, false) })
		k.view(func(tx registry.Tx) {
			k.equal("keys", want[[]registry.AccessKey](k)(tx.AccessKeys(one, "u")), []registry.AccessKey{first, second})
			k.equal("key", want[registry.AccessKey](k)(tx.AccessKey(first.ID)), first)
			k.equal("keys of nobody", len(want[[]registry.AccessKey](k)(tx.AccessKeys(two, "u"))), 0)
		})
		k.update(func(tx registry.Tx) error { return tx.DeleteAccessKey(first.ID) })
		for what, f := range map[string]func(registry.Tx) error{
			"switch": func(tx registry.Tx) error { return tx.ActivateAccessKey(first.ID, true) },
			"use":    func(tx registry.Tx) error { return tx.UseAccessKey(first.ID, first.Used) },
			"delete": func(tx registry.Tx) error { return tx.DeleteAccessKey(first.ID) },
		} {
			k.refused(what+" of a missing key", registry.NotFound, f)
		}
	},
	"roles": func(k kit) {
		role := registry.Role{Account: one, Name: "ci", Path: "/build/", ID: "AROACI", Trust: `{"x":1}`, Description: "d", MaxSession: time.Hour, Created: day,
			Tags: map[string]string{"a": "b"}, Permissions: registry.Permissions{Managed: []string{"m"}, Inline: map[string]string{"i": "{}"}}}
		changed := role
		changed.Trust, changed.MaxSession, changed.Boundary = `{"y":2}`, 2*time.Hour, "arn"
		lifeCycle(k, role, changed, registry.Role{Account: one, Name: "CI", ID: "AROANEW"}, registry.Role{Account: two, Name: "ci", ID: "AROANEW"}, rowsOf[registry.Role]{
			create: registry.Tx.CreateRole, read: func(tx registry.Tx) (registry.Role, error) { return tx.Role(one, "ci") },
			update: registry.Tx.UpdateRole, remove: func(tx registry.Tx) error { return tx.DeleteRole(one, "ci") },
			list: func(tx registry.Tx) ([]registry.Role, error) {
				all, _, err := tx.Roles(one, registry.Page{})
				return all, err
			},
		})
	},
	"managed policies": func(k kit) {
		p := registry.ManagedPolicy{Account: one, Name: "read", Path: "/p/", ID: "ANPAREAD", Description: "d", Default: "v2", Last: 3, Created: day, Updated: at(4),
			Versions: []registry.PolicyVersion{{ID: "v1", Document: "{}", Created: day}, {ID: "v2", Document: `{"a":1}`, Created: at(2)}}, Tags: map[string]string{}}
		changed := p
		changed.Default, changed.Last, changed.Updated, changed.Versions = "v1", 4, at(5), p.Versions[:1]
		lifeCycle(k, p, changed, registry.ManagedPolicy{Account: one, Name: "READ", ID: "ANPANEW", Updated: day}, registry.ManagedPolicy{Account: two, Name: "read", ID: "ANPANEW", Updated: day}, rowsOf[registry.ManagedPolicy]{
			create: registry.Tx.CreateManagedPolicy, read: func(tx registry.Tx) (registry.ManagedPolicy, error) { return tx.ManagedPolicy(one, "read") },
			update: registry.Tx.UpdateManagedPolicy, remove: func(tx registry.Tx) error { return tx.DeleteManagedPolicy(one, "read") },
			list: func(tx registry.Tx) ([]registry.ManagedPolicy, error) {
				all, _, err := tx.ManagedPolicies(one, registry.Page{})
				return all, err
			},
		})
		k.equal("document", p.Document(), `{"a":1}`)
		k.equal("ARN", p.ARN(), "arn:aws:iam::111111111111:policy/p/read")
	},
	"OpenID Connect providers": func(k kit) {
		p := registry.Provider{Account: one, Issuer: "issuer.test/path", Clients: []string{"sts"}, Thumbprints: []string{"ab"}, Tags: map[string]string{"a": "b"}, Created: day}
		changed := p
		changed.Clients, changed.Tags = []string{"x", "y"}, map[string]string{}
		lifeCycle(k, p, changed, registry.Provider{Account: one, Issuer: "issuer.test/path"}, registry.Provider{Account: two, Issuer: "issuer.test/path"}, rowsOf[registry.Provider]{
			create: registry.Tx.CreateProvider, read: func(tx registry.Tx) (registry.Provider, error) { return tx.Provider(one, "issuer.test/path") },
			update: registry.Tx.UpdateProvider, remove: func(tx registry.Tx) error { return tx.DeleteProvider(one, "issuer.test/path") },
			list: func(tx registry.Tx) ([]registry.Provider, error) { return tx.Providers(one) },
		})
	},
}

// rowsOf are the methods for one kind of thing in an account.
type rowsOf[T any] struct {
	create, update func(registry.Tx, T) error
	read           func(registry.Tx) (T, error)
	remove         func(registry.Tx) error
	list           func(registry.Tx) ([]T, error)
}

// lifeCycle makes, changes and removes a thing of account one. Again has a
// name that is taken, astray an account that is not there.
func lifeCycle[T any](k kit, thing, changed, again, astray T, rows rowsOf[T]) {
	k.account(one)
	k.refused("in a missing account", registry.NotFound, func(tx registry.Tx) error { return rows.create(tx, astray) })
	k.refused("update of a missing one", registry.NotFound, func(tx registry.Tx) error { return rows.update(tx, thing) })
	k.refused("delete of a missing one", registry.NotFound, rows.remove)
	counter := func() int64 { return want[registry.Counters](k)(k.Counters(k.Context(), acme)).Identities }
	moves := func(what string, f func(registry.Tx) error) {
		k.Helper()
		before := counter()
		k.update(f)
		if counter() <= before {
			k.Errorf("%s did not move the counter of identities", what)
		}
	}
	moves("create", func(tx registry.Tx) error { return rows.create(tx, thing) })
	k.refused("one of that name", registry.Conflict, func(tx registry.Tx) error { return rows.create(tx, again) })
	k.view(func(tx registry.Tx) { k.equal("as it was made", want[T](k)(rows.read(tx)), thing) })
	moves("update", func(tx registry.Tx) error { return rows.update(tx, changed) })
	k.view(func(tx registry.Tx) {
		k.equal("as it was changed", want[T](k)(rows.read(tx)), changed)
		k.equal("list", want[[]T](k)(rows.list(tx)), []T{changed})
	})
	moves("delete", rows.remove)
	k.view(func(tx registry.Tx) {
		_, err := rows.read(tx)
		k.notFound("deleted one", err)
		k.equal("list", len(want[[]T](k)(rows.list(tx))), 0)
	})
}
