package storagetest

import (
	"fmt"
	"time"

	"larder/registry"
)

var listingChecks = map[string]func(kit){
	"a listing is read as it was put, with a new revision": func(k kit) {
		k.build(acme)
		l := registry.StoredListing{Body: []byte("body \x00 of any bytes"), ETag: `"x"`, LastModified: "yesterday", Fetched: at(1), FreshUntil: at(6), Revision: 77}
		var last int64
		for n := range 3 {
			k.update(func(tx registry.Tx) error { return tx.PutListing(acme, "c", npm("p"), l) })
			k.view(func(tx registry.Tx) {
				got := want[registry.StoredListing](k)(tx.Listing(acme, "c", npm("p")))
				if got.Revision <= last {
					k.Errorf("put %d: revision %d after %d", n, got.Revision, last)
				}
				last, l.Revision = got.Revision, got.Revision
				k.equal("listing", got, l)
				if n == 0 && !got.FailingSince.IsZero() {
					k.Errorf("failing since %v", got.FailingSince)
				}
			})
			l.FailingSince, l.ETag = at(3), fmt.Sprint(n) // equal body
			if n == 1 {
				l.Body = nil
			}
		}
	},
	"large bodies are kept": func(k kit) {
		k.build(acme)
		body := make([]byte, 5<<20)
		for i := range body {
			body[i] = byte(i>>3) ^ byte(i*i>>11)
		}
		k.update(func(tx registry.Tx) error {
			return tx.PutListing(acme, "c", npm("p"), registry.StoredListing{Body: body})
		})
		k.view(func(tx registry.Tx) {
			if got := want[registry.StoredListing](k)(tx.Listing(acme, "c", npm("p"))); string(got.Body) != string(body) {
				k.Errorf("%d bytes come back of %d, or others", len(got.Body), len(body))
			}
		})
	},
	"listings are per domain, connection and package": func(k kit) {
		k.build(acme)
		k.build(globex)
		k.update(func(tx registry.Tx) error {
			return tx.PutListing(acme, "c", npm("p"), registry.StoredListing{Body: []byte("x")})
		})
		scoped := registry.PackageID{Format: registry.NPM, Namespace: "s", Name: "p"}
		k.view(func(tx registry.Tx) {
			for what, read := range map[string]func() (registry.StoredListing, error){
				"domain":     func() (registry.StoredListing, error) { return tx.Listing(globex, "c", npm("p")) },
				"connection": func() (registry.StoredListing, error) { return tx.Listing(acme, "d", npm("p")) },
				"package":    func() (registry.StoredListing, error) { return tx.Listing(acme, "c", npm("q")) },
				"namespace":  func() (registry.StoredListing, error) { return tx.Listing(acme, "c", scoped) },
			} {
				_, err := read()
				k.notFound("another "+what, err)
			}
		})
	},
	"touching changes what upstream said, not the body": func(k kit) {
		k.build(acme)
		l := registry.StoredListing{Body: []byte("body"), ETag: "1", LastModified: "1", Fetched: at(1), FreshUntil: at(6)}
		k.update(func(tx registry.Tx) error { return tx.PutListing(acme, "c", npm("p"), l) })
		k.view(func(tx registry.Tx) {
			l.Revision = want[registry.StoredListing](k)(tx.Listing(acme, "c", npm("p"))).Revision
		})
		l.ETag, l.LastModified, l.Fetched, l.FreshUntil, l.FailingSince = "2", "2", at(7), at(12), at(7)
		touch := l
		touch.Body, touch.Revision = []byte("other"), 99
		k.update(func(tx registry.Tx) error { return tx.TouchListing(acme, "c", npm("p"), touch) })
		k.view(func(tx registry.Tx) {
			k.equal("listing", want[registry.StoredListing](k)(tx.Listing(acme, "c", npm("p"))), l)
		})
		k.refused("touch of another package", registry.NotFound, func(tx registry.Tx) error { return tx.TouchListing(acme, "c", npm("q"), l) })
		k.refused("touch in another domain", registry.NotFound, func(tx registry.Tx) error { return tx.TouchListing(acme2, "c", npm("p"), l) })
		k.refused("put in a missing domain", registry.NotFound, func(tx registry.Tx) error { return tx.PutListing(acme2, "c", npm("p"), l) })
	},
	"revisions come in the order of the connections": func(k kit) {
		k.build(acme)
		for i, c := range []string{"a", "b"} {
			k.update(func(tx registry.Tx) error {
				return tx.PutListing(acme, c, npm("p"), registry.StoredListing{Body: []byte(c), Fetched: at(i), FreshUntil: at(i + 5), FailingSince: at(i + 3)})
			})
		}
		k.view(func(tx registry.Tx) {
			a := want[registry.StoredListing](k)(tx.Listing(acme, "a", npm("p")))
			b := want[registry.StoredListing](k)(tx.Listing(acme, "b", npm("p")))
			part := func(l registry.StoredListing) registry.ListingRevision {
				return registry.ListingRevision{Revision: l.Revision, FreshUntil: l.FreshUntil, FailingSince: l.FailingSince, Fetched: l.Fetched}
			}
			got := want[[]registry.ListingRevision](k)(tx.ListingRevisions(acme, []string{"b", "none", "a"}, npm("p")))
			k.equal("revisions", got, []registry.ListingRevision{part(b), {}, part(a)})
			k.equal("of no connections", len(want[[]registry.ListingRevision](k)(tx.ListingRevisions(acme, nil, npm("p")))), 0)
			k.equal("in a missing domain", want[[]registry.ListingRevision](k)(tx.ListingRevisions(acme2, []string{"a"}, npm("p"))), []registry.ListingRevision{{}})
		})
	},
}

var outboxChecks = map[string]func(kit){
	"events come as they were appended, in order, until they are sent": func(k kit) {
		var all []registry.Event
		for i := range 7 {
			all = append(all, event(fmt.Sprint("e", 9-i), int64(i)))
		}
		k.update(func(tx registry.Tx) error { return tx.AppendEvents(all[:3]...) })
		k.update(func(tx registry.Tx) error { return tx.AppendEvents(all[3:]...) })
		k.update(func(tx registry.Tx) error { return tx.AppendEvents() })
		var rows []int64
		k.view(func(tx registry.Tx) {
			got := want[[]registry.OutboxEvent](k)(tx.UnsentEvents(100))
			k.equal("events", events(got), all)
			for _, e := range got {
				if len(rows) > 0 && e.Row <= rows[len(rows)-1] {
					k.Errorf("row %d after row %d", e.Row, rows[len(rows)-1])
				}
				rows = append(rows, e.Row)
			}
			k.equal("the oldest", events(want[[]registry.OutboxEvent](k)(tx.UnsentEvents(2))), all[:2])
			k.equal("depth", want[int](k)(tx.OutboxDepth()), 7)
		})
		k.update(func(tx registry.Tx) error { return tx.MarkSent(rows[0], rows[2], rows[2]) })
		k.update(func(tx registry.Tx) error { return tx.MarkSent() })
		k.view(func(tx registry.Tx) {
			k.equal("unsent", events(want[[]registry.OutboxEvent](k)(tx.UnsentEvents(2))), []registry.Event{all[1], all[3]})
			k.equal("depth", want[int](k)(tx.OutboxDepth()), 5)
		})
	},
	"events after one, sent or not": func(k kit) {
		all := []registry.Event{event("a", 1), event("b", 2), event("c", 3), event("d", 4)}
		k.update(func(tx registry.Tx) error { return tx.AppendEvents(all...) })
		k.update(func(tx registry.Tx) error {
			unsent, err := tx.UnsentEvents(3)
			if err != nil {
				return err
			}
			return tx.MarkSent(unsent[0].Row, unsent[2].Row)
		})
		k.view(func(tx registry.Tx) {
			after := func(id string, limit int) []registry.Event {
				return events(want[[]registry.OutboxEvent](k)(tx.EventsAfter(id, limit)))
			}
			k.equal("after a", after("a", 10), all[1:])
			k.equal("two after a", after("a", 2), all[1:3])
			k.equal("after the last", after("d", 10), []registry.Event(nil))
			k.equal("from the first", after("", 3), all[:3])
			_, err := tx.EventsAfter("unknown", 10)
			k.notFound("after an unknown one", err)
		})
	},
	"only events that were sent before the time are pruned": func(k kit) {
		all := []registry.Event{event("a", 1), event("b", 2), event("c", 3)}
		k.update(func(tx registry.Tx) error { return tx.AppendEvents(all...) })
		var sent time.Time
		k.update(func(tx registry.Tx) error {
			unsent, err := tx.UnsentEvents(2)
			if err != nil {
				return err
			}
			sent = tx.Now()
			if _, err := tx.MarkRouted(unsent[0].Row, unsent[1].Row); err != nil {
				return err
			}
			return tx.MarkSent(unsent[0].Row, unsent[1].Row)
		})
		prune := func(before time.Time) (n int) {
			k.update(func(tx registry.Tx) (err error) {
				n, err = tx.PruneEvents(before)
				return err
			})
			return n
		}
		k.equal("pruned of what was sent at the time", prune(sent), 0)
		k.equal("pruned", prune(sent.Add(time.Millisecond)), 2)
		k.view(func(tx registry.Tx) {
			_, err := tx.EventsAfter("b", 10)
			k.notFound("after a pruned one", err)
			k.equal("from the first", events(want[[]registry.OutboxEvent](k)(tx.EventsAfter("", 10))), all[2:])
		})
		// Row numbers are not used again: the relay remembers them.
		var row int64
		k.view(func(tx registry.Tx) { row = want[[]registry.OutboxEvent](k)(tx.UnsentEvents(1))[0].Row })
		k.update(func(tx registry.Tx) error { return tx.MarkSent(row) })
		prune(time.Now().Add(time.Hour))
		k.update(func(tx registry.Tx) error { return tx.AppendEvents(event("d", 4)) })
		k.view(func(tx registry.Tx) {
			if next := want[[]registry.OutboxEvent](k)(tx.UnsentEvents(1))[0].Row; next <= row {
				k.Errorf("row %d after row %d", next, row)
			}
		})
	},
	"marking sent once keeps the first time": func(k kit) {
		k.update(func(tx registry.Tx) error { return tx.AppendEvents(event("a", 1)) })
		var row int64
		var first time.Time
		k.update(func(tx registry.Tx) error {
			unsent, err := tx.UnsentEvents(1)
			if err != nil {
				return err
			}
			row, first = unsent[0].Row, tx.Now()
			if _, err := tx.MarkRouted(row); err != nil {
				return err
			}
			return tx.MarkSent(row)
		})
		for again := first; !again.After(first); {
			k.update(func(tx registry.Tx) error { again = tx.Now(); return tx.MarkSent(row, row+1000) })
		}
		k.update(func(tx registry.Tx) error {
			n, err := tx.PruneEvents(first.Add(time.Millisecond))
			k.equal("pruned", n, 1)
			return err
		})
	},
}

func events(rows []registry.OutboxEvent) (all []registry.Event) {
	for _, r := range rows {
		all = append(all, r.Event)
	}
	return all
}

var connectionChecks = map[string]func(kit){
	"a connection is made, replaced and listed by name": func(k kit) {
		b := registry.Connection{Name: "b", Format: registry.NPM, URL: "https://user:secret@upstream.test/", Source: "flag"}
		a := registry.Connection{Name: "a", Format: registry.PyPI, URL: "", Source: "set"}
		k.update(func(tx registry.Tx) error {
			_, err := tx.Connection("a")
			k.notFound("a missing connection", err)
			if err := tx.PutConnection(registry.Connection{Name: "b", Format: "x", URL: "y", Source: "z"}); err != nil {
				return err
			}
			if err := tx.PutConnection(b); err != nil {
				return err
			}
			return tx.PutConnection(a)
		})
		k.view(func(tx registry.Tx) {
			k.equal("b", want[registry.Connection](k)(tx.Connection("b")), b)
			k.equal("all", want[[]registry.Connection](k)(tx.Connections()), []registry.Connection{a, b})
		})
	},
}

var identityChecks = map[string]func(kit){
	"identities are read as they were made": func(k kit) {
		a := registry.Account{ID: "111111111111", Name: "main", Email: "main@larder.test", Created: day}
		u := registry.User{Account: a.ID, Name: "admin", Path: "/staff/", ID: "AIDAEXAMPLE", Created: at(1), Tags: map[string]string{"team": "a"}, Permissions: registry.Permissions{
			Managed: []string{"arn:aws:iam::aws:policy/AdministratorAccess"}, Inline: map[string]string{"p": `{"a":"<ü>"}`}, Boundary: "arn:aws:iam::111111111111:policy/b",
		}}
		key := registry.AccessKey{ID: "AKIAEXAMPLE", Account: a.ID, User: u.Name, Sealed: []byte{0, 1, 2}, Active: true, Created: at(2)}
		off := registry.AccessKey{ID: "AKIAOFF", Account: a.ID, User: u.Name, Created: at(3)}
		plain := registry.User{Account: a.ID, Name: "plain", ID: "AIDAPLAIN", Created: at(1), Tags: map[string]string{}, Permissions: registry.Permissions{Inline: map[string]string{}}}
		k.update(func(tx registry.Tx) error {
			for _, err := range []error{tx.CreateAccount(a), tx.CreateUser(u), tx.CreateUser(plain), tx.CreateAccessKey(key), tx.CreateAccessKey(off)} {
				if err != nil {
					return err
				}
			}
			return nil
		})
		k.view(func(tx registry.Tx) {
			k.equal("account", want[registry.Account](k)(tx.Account(a.ID)), a)
			k.equal("user", want[registry.User](k)(tx.User(a.ID, u.Name)), u)
			k.equal("plain user", want[registry.User](k)(tx.User(a.ID, "plain")), plain)
			k.equal("access key", want[registry.AccessKey](k)(tx.AccessKey(key.ID)), key)
			k.equal("inactive access key", want[registry.AccessKey](k)(tx.AccessKey(off.ID)), off)
			_, err := tx.Account("2")
			k.notFound("account", err)
			_, err = tx.User("2", u.Name)
			k.notFound("user of another account", err)
			_, err = tx.User(a.ID, "Admin")
			k.notFound("user", err)
			_, err = tx.AccessKey("AKIAOTHER")
			k.notFound("access key", err)
		})
		k.refused("account", registry.Conflict, func(tx registry.Tx) error { return tx.CreateAccount(a) })
		k.refused("user", registry.Conflict, func(tx registry.Tx) error {
			return tx.CreateUser(registry.User{Account: a.ID, Name: u.Name, ID: "AIDANEW"})
		})
		k.refused("user whose name differs in letter case", registry.Conflict, func(tx registry.Tx) error {
			return tx.CreateUser(registry.User{Account: a.ID, Name: "ADMIN", ID: "AIDANEW"})
		})
		k.refused("user with an id that was given", registry.Conflict, func(tx registry.Tx) error {
			return tx.CreateUser(registry.User{Account: a.ID, Name: "new", ID: u.ID})
		})
		k.refused("user of a missing account", registry.NotFound, func(tx registry.Tx) error {
			return tx.CreateUser(registry.User{Account: "2", Name: "u", ID: "AIDANEW"})
		})
		k.refused("access key", registry.Conflict, func(tx registry.Tx) error { return tx.CreateAccessKey(key) })
		k.refused("access key of a missing user", registry.NotFound, func(tx registry.Tx) error {
			return tx.CreateAccessKey(registry.AccessKey{ID: "AKIANEW", Account: a.ID, User: "nobody"})
		})
	},
	"accounts are listed by id": func(k kit) {
		var ids []string
		k.update(func(tx registry.Tx) error {
			for i := range 5 {
				ids = append(ids, fmt.Sprintf("%012d", i))
				if err := tx.CreateAccount(registry.Account{ID: fmt.Sprintf("%012d", 4-i)}); err != nil {
					return err
				}
			}
			return nil
		})
		k.view(func(tx registry.Tx) {
			var got []string
			for _, a := range pages(k, 2, tx.Accounts) {
				got = append(got, a.ID)
			}
			k.equal("ids", got, ids)
		})
	},
}

var keyChecks = map[string]func(kit){
	"keys are kept per purpose, oldest first": func(k kit) {
		all := []registry.Key{
			{Purpose: "tokens", ID: "z", Sealed: []byte("1"), Created: at(1)},
			{Purpose: "tokens", ID: "a", Sealed: []byte("2"), Created: at(2)},
			{Purpose: "tokens", ID: "m", Sealed: []byte("3"), Created: at(3)},
		}
		other := registry.Key{Purpose: "other", ID: "z", Sealed: []byte("4"), Created: at(1)}
		k.update(func(tx registry.Tx) error {
			for _, key := range []registry.Key{all[2], all[0], other, all[1]} {
				if err := tx.CreateKey(key); err != nil {
					return err
				}
			}
			return nil
		})
		k.refused("the same key", registry.Conflict, func(tx registry.Tx) error { return tx.CreateKey(all[0]) })
		k.update(func(tx registry.Tx) error { return tx.DeleteKey("tokens", "a") })
		k.update(func(tx registry.Tx) error { return tx.DeleteKey("tokens", "a") })
		k.view(func(tx registry.Tx) {
			k.equal("tokens", want[[]registry.Key](k)(tx.Keys("tokens")), []registry.Key{all[0], all[2]})
			k.equal("other", want[[]registry.Key](k)(tx.Keys("other")), []registry.Key{other})
			k.equal("none", len(want[[]registry.Key](k)(tx.Keys("none"))), 0)
		})
	},
}
