package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"larder/registry"
)

var errTest = errors.New("f's own error")

var transactionChecks = map[string]func(kit){
	"an update that fails leaves nothing": func(k kit) {
		k.build(acme, "main")
		before, _ := k.Counters(k.Context(), acme)
		err := k.Update(k.Context(), func(tx registry.Tx) error {
			changeEverything(k, tx)
			return errTest
		})
		if err != errTest {
			k.Errorf("Update gives %v, want f's own error", err)
		}
		k.untouched(before)
	},
	"an update that panics leaves nothing": func(k kit) {
		k.build(acme, "main")
		before, _ := k.Counters(k.Context(), acme)
		func() {
			defer func() {
				if p := recover(); p != "f's own panic" {
					k.Errorf("recovered %v, want f's own panic", p)
				}
			}()
			k.Update(k.Context(), func(tx registry.Tx) error {
				changeEverything(k, tx)
				panic("f's own panic")
			})
		}()
		k.untouched(before)
	},
	"a view that fails or panics stands in nobody's way": func(k kit) {
		for range 100 {
			if err := k.View(k.Context(), func(registry.Tx) error { return errTest }); err != errTest {
				k.Errorf("View gives %v, want f's own error", err)
			}
			func() {
				defer func() { recover() }()
				k.View(k.Context(), func(registry.Tx) error { panic("in a view") })
			}()
		}
		k.build(acme)
	},
	"a view cannot change anything": func(k kit) {
		k.build(acme)
		err := k.View(k.Context(), func(tx registry.Tx) error {
			return tx.CreateDomain(registry.Domain{ID: globex})
		})
		if e, ok := err.(*registry.Error); !ok || e.Code != registry.Internal {
			k.Errorf("a change in a view: %v, want an *Error with code Internal", err)
		}
		k.view(func(tx registry.Tx) {
			_, err := tx.Domain(globex)
			k.notFound("the domain", err)
		})
	},
	"an update reads what it wrote": func(k kit) {
		k.update(func(tx registry.Tx) error {
			if err := tx.CreateDomain(registry.Domain{ID: acme}); err != nil {
				return err
			}
			_, err := tx.Domain(acme)
			return err
		})
	},
	"time is one instant, in UTC and whole milliseconds": func(k kit) {
		before := time.Now().Add(-time.Millisecond)
		for _, run := range []func(context.Context, func(registry.Tx) error) error{k.View, k.Update} {
			err := run(k.Context(), func(tx registry.Tx) error {
				now := tx.Now()
				if now.Before(before) || now.After(time.Now()) {
					k.Errorf("now is %v", now)
				}
				if now.Location() != time.UTC || now.Nanosecond()%1e6 != 0 {
					k.Errorf("now is %v, want whole milliseconds in UTC", now)
				}
				tx.Domain(acme)
				if again := tx.Now(); !again.Equal(now) {
					k.Errorf("now moved from %v to %v", now, again)
				}
				return nil
			})
			if err != nil {
				k.Error(err)
			}
		}
	},
	"updates come one after the other": func(k kit) {
		k.build(acme, "main")
		var all sync.WaitGroup
		const writers, rounds = 8, 25
		for range writers {
			all.Go(func() {
				for range rounds {
					err := k.Update(k.Context(), func(tx registry.Tx) error {
						p, err := tx.Package(repo(acme, "main"), npm("counter"))
						if err != nil && !registry.IsNotFound(err) {
							return err
						}
						p.ID = npm("counter")
						p.Sequence++
						return tx.PutPackage(repo(acme, "main"), p)
					})
					if err != nil {
						k.Errorf("ordinary contention surfaced: %v", err)
						return
					}
				}
			})
		}
		all.Wait()
		k.view(func(tx registry.Tx) {
			p := want[registry.Package](k)(tx.Package(repo(acme, "main"), npm("counter")))
			k.equal("increments", p.Sequence, int64(writers*rounds))
		})
	},
	"a view is one moment": func(k kit) {
		k.build(acme, "a", "b")
		put := func(tx registry.Tx, n int64) error {
			for _, name := range []string{"a", "b"} {
				p := registry.Package{ID: npm("twin"), Sequence: n}
				if err := tx.PutPackage(repo(acme, name), p); err != nil {
					return err
				}
			}
			return nil
		}
		k.update(func(tx registry.Tx) error { return put(tx, 0) })
		done := make(chan struct{})
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					err := k.View(k.Context(), func(tx registry.Tx) error {
						a, err1 := tx.Package(repo(acme, "a"), npm("twin"))
						b, err2 := tx.Package(repo(acme, "b"), npm("twin"))
						if a.Sequence != b.Sequence {
							k.Errorf("a view sees %d and %d", a.Sequence, b.Sequence)
						}
						return errors.Join(err1, err2)
					})
					if err != nil {
						k.Errorf("view beside updates: %v", err)
						return
					}
				}
			})
		}
		for n := range int64(60) {
			k.update(func(tx registry.Tx) error { return put(tx, n) })
		}
		close(done)
		all.Wait()
	},
	"views and updates do not wait for each other": func(k kit) {
		k.build(acme, "main")
		k.view(func(outer registry.Tx) {
			d := want[registry.Domain](k)(outer.Domain(acme))
			k.equal("repositories", d.RepositoryCount, 1)
			k.update(func(tx registry.Tx) error {
				if err := tx.CreateRepository(registry.Repository{ID: repo(acme, "second")}); err != nil {
					return err
				}
				k.view(func(beside registry.Tx) {
					d := want[registry.Domain](k)(beside.Domain(acme))
					k.equal("repositories beside the update", d.RepositoryCount, 1)
				})
				return nil
			})
			d = want[registry.Domain](k)(outer.Domain(acme))
			k.equal("repositories in the view that began before", d.RepositoryCount, 1)
		})
		k.view(func(tx registry.Tx) {
			d := want[registry.Domain](k)(tx.Domain(acme))
			k.equal("repositories afterwards", d.RepositoryCount, 2)
		})
	},
	"many views at once": func(k kit) {
		k.build(acme, "main")
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				err := k.View(k.Context(), func(tx registry.Tx) error {
					_, err := tx.Repository(repo(acme, "main"))
					return err
				})
				if err != nil {
					k.Error(err)
				}
			})
		}
		all.Wait()
	},
	"a context that is over begins nothing": func(k kit) {
		ctx, cancel := context.WithCancel(k.Context())
		cancel()
		for name, run := range map[string]func(context.Context, func(registry.Tx) error) error{"view": k.View, "update": k.Update} {
			err := run(ctx, func(registry.Tx) error { k.Errorf("%s ran", name); return nil })
			if !errors.Is(err, context.Canceled) {
				k.Errorf("%s: %v, want context.Canceled", name, err)
			}
		}
	},
	"a context that ends within an update rolls it back": func(k kit) {
		ctx, cancel := context.WithCancel(k.Context())
		err := k.Update(ctx, func(tx registry.Tx) error {
			if err := tx.CreateDomain(registry.Domain{ID: acme}); err != nil {
				return err
			}
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			k.Errorf("update: %v, want context.Canceled", err)
		}
		k.view(func(tx registry.Tx) {
			_, err := tx.Domain(acme)
			k.notFound("the domain", err)
		})
		k.build(acme) // the store is not stuck
	},
	"a context that ends stops the wait for an update": func(k kit) {
		k.build(acme)
		k.update(func(tx registry.Tx) error {
			if err := tx.TagDomain(acme, nil); err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(k.Context())
			waiting := make(chan error)
			go func() {
				waiting <- k.Update(ctx, func(tx registry.Tx) error { return tx.TagDomain(acme, nil) })
			}()
			cancel()
			if err := <-waiting; !errors.Is(err, context.Canceled) {
				k.Errorf("waiting update: %v, want context.Canceled", err)
			}
			return nil
		})
	},
	"a transaction is of no use when it is over": func(k kit) {
		var old registry.Tx
		k.update(func(tx registry.Tx) error { old = tx; return tx.CreateDomain(registry.Domain{ID: acme}) })
		if _, err := old.Domain(acme); err == nil || registry.IsNotFound(err) {
			k.Errorf("a read after the end: %v, want an error other than NotFound", err)
		}
		if err := old.DeleteDomain(acme); err == nil {
			k.Error("a change after the end succeeded")
		}
		k.view(func(tx registry.Tx) { want[registry.Domain](k)(tx.Domain(acme)) })
	},
}

// changeEverything uses each method that changes something.
func changeEverything(k kit, tx registry.Tx) {
	k.Helper()
	main := repo(acme, "main")
	v := registry.VersionID{Package: npm("p"), Version: "1.0.0"}
	for i, err := range []error{
		tx.CreateDomain(registry.Domain{ID: globex}),
		tx.CreateRepository(registry.Repository{ID: repo(acme, "new")}),
		tx.UpdateRepository(registry.Repository{ID: main, Description: "changed"}),
		tx.PutPackage(main, registry.Package{ID: npm("p")}),
		tx.PutVersion(main, npm("p"), registry.Version{Version: "1.0.0", Assets: []registry.Asset{asset("a", 1, 10)}}),
		tx.DeleteVersion(main, v),
		tx.PutVersion(main, npm("p"), registry.Version{Version: "2.0.0", Assets: []registry.Asset{asset("a", 2, 10)}}),
		tx.PutListing(acme, "public:x", npm("p"), registry.StoredListing{Body: []byte("body")}),
		tx.AppendEvents(event("e1", 1)),
		tx.PutConnection(registry.Connection{Name: "public:x"}),
		tx.CreateAccount(registry.Account{ID: "1"}),
		tx.CreateUser(registry.User{Account: "1", Name: "u", ID: "AIDA1"}),
		tx.CreateAccessKey(registry.AccessKey{ID: "AKIA1", Account: "1", User: "u"}),
		tx.CreateKey(registry.Key{Purpose: "tokens", ID: "k"}),
		tx.TagDomain(acme, map[string]string{"a": "b"}),
		tx.CreateGroup(acme, registry.Group{Pattern: "/npm/*"}),
		tx.PutPolicy(acme, "", registry.Policy{Document: "{}"}),
		tx.PutPolicy(acme, "main", registry.Policy{Document: "{}"}),
		tx.DeleteRepository(main),
	} {
		if err != nil {
			k.Errorf("change %d: %v", i, err)
		}
	}
}

// untouched checks that nothing of changeEverything is there.
func (k kit) untouched(before registry.Counters) {
	k.Helper()
	after, err := k.Counters(k.Context(), acme)
	if err != nil || after != before {
		k.Errorf("counters %+v, %v; want %+v", after, err, before)
	}
	k.view(func(tx registry.Tx) {
		d := want[registry.Domain](k)(tx.Domain(acme))
		k.equal("derived counts", fmt.Sprint(d.RepositoryCount, d.AssetSize), "1 0")
		r := want[registry.Repository](k)(tx.Repository(repo(acme, "main")))
		k.equal("description", r.Description, "")
		_, err := tx.Domain(globex)
		k.notFound("domain", err)
		_, err = tx.Repository(repo(acme, "new"))
		k.notFound("repository", err)
		_, err = tx.Package(repo(acme, "main"), npm("p"))
		k.notFound("package", err)
		_, err = tx.Listing(acme, "public:x", npm("p"))
		k.notFound("listing", err)
		_, err = tx.Connection("public:x")
		k.notFound("connection", err)
		_, err = tx.Account("1")
		k.notFound("account", err)
		_, err = tx.User("1", "u")
		k.notFound("user", err)
		_, err = tx.AccessKey("AKIA1")
		k.notFound("access key", err)
		k.equal("tags", d.Tags, map[string]string(nil))
		_, err = tx.Policy(acme, "")
		k.notFound("policy of the domain", err)
		_, err = tx.Policy(acme, "main")
		k.notFound("policy of the repository", err)
		k.equal("groups", len(want[[]registry.Group](k)(tx.Groups(acme))), 0)
		k.equal("unused blobs", len(want[[]registry.Digest](k)(tx.UnusedBlobs(acme, 10))), 0)
		k.equal("events", want[int](k)(tx.OutboxDepth()), 0)
		k.equal("keys", len(want[[]registry.Key](k)(tx.Keys("tokens"))), 0)
		k.equal("references", want[int](k)(tx.BlobReferences(acme, digest(2))), 0)
	})
	k.update(func(tx registry.Tx) error {
		return tx.CreateRepository(registry.Repository{ID: repo(acme, "afterwards")})
	})
}
