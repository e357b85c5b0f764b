package storagetest

import (
	"errors"
	"sync"
	"testing"

	"larder/registry"
)

// moves names which counters of acme a change moves.
type moves struct{ contents, graph, identities bool }

var counterChecks = map[string]func(kit){
	"an unknown domain has zeros for its own": func(k kit) {
		k.update(func(tx registry.Tx) error { return tx.CreateAccount(registry.Account{ID: "1"}) })
		c := want[registry.Counters](k)(k.Counters(k.Context(), acme))
		if c.Contents != 0 || c.Graph != 0 || c.Identities == 0 {
			k.Errorf("counters %+v, want zeros and the identities'", c)
		}
	},
	"each change moves what stands for it, and nothing else": func(k kit) {
		main := repo(acme, "main")
		listing := registry.StoredListing{Body: []byte("one"), ETag: "1"}
		touched := registry.StoredListing{Body: []byte("not kept by touching"), ETag: "2", Fetched: at(1)}
		reordered := registry.StoredListing{Body: []byte("one"), ETag: "3"}
		changed := registry.StoredListing{Body: []byte("two"), ETag: "4"}
		for _, step := range []struct {
			name string
			want moves
			do   func(tx registry.Tx) error
		}{
			{"CreateDomain", moves{graph: true}, func(tx registry.Tx) error { return tx.CreateDomain(registry.Domain{ID: acme}) }},
			{"CreateRepository", moves{graph: true}, func(tx registry.Tx) error { return tx.CreateRepository(registry.Repository{ID: main}) }},
			{"UpdateRepository", moves{graph: true}, func(tx registry.Tx) error { return tx.UpdateRepository(registry.Repository{ID: main}) }},
			{"TagDomain", moves{graph: true}, func(tx registry.Tx) error { return tx.TagDomain(acme, nil) }},
			{"CreateGroup", moves{graph: true}, func(tx registry.Tx) error { return tx.CreateGroup(acme, registry.Group{Pattern: "/npm/*"}) }},
			{"UpdateGroup", moves{graph: true}, func(tx registry.Tx) error { return tx.UpdateGroup(acme, registry.Group{Pattern: "/npm/*"}) }},
			{"DeleteGroup", moves{graph: true}, func(tx registry.Tx) error { return tx.DeleteGroup(acme, "/npm/*") }},
			{"PutPolicy", moves{graph: true}, func(tx registry.Tx) error { return tx.PutPolicy(acme, "main", registry.Policy{}) }},
			{"DeletePolicy", moves{graph: true}, func(tx registry.Tx) error { return tx.DeletePolicy(acme, "main") }},
			{"PutPackage", moves{contents: true}, func(tx registry.Tx) error { return tx.PutPackage(main, registry.Package{ID: npm("p")}) }},
			{"PutVersion", moves{contents: true}, func(tx registry.Tx) error {
				return tx.PutVersion(main, npm("p"), registry.Version{Version: "1"})
			}},
			{"DeleteVersion", moves{contents: true}, func(tx registry.Tx) error {
				return tx.DeleteVersion(main, registry.VersionID{Package: npm("p"), Version: "1"})
			}},
			{"ForgetBlobs", moves{}, func(tx registry.Tx) error { return tx.ForgetBlobs(acme, digest(1)) }},
			{"DeletePackage", moves{contents: true}, func(tx registry.Tx) error { return tx.DeletePackage(main, npm("p")) }},
			{"PutListing, new", moves{contents: true}, func(tx registry.Tx) error { return tx.PutListing(acme, "c", npm("p"), listing) }},
			{"TouchListing", moves{}, func(tx registry.Tx) error { return tx.TouchListing(acme, "c", npm("p"), touched) }},
			{"PutListing, equal body", moves{}, func(tx registry.Tx) error { return tx.PutListing(acme, "c", npm("p"), reordered) }},
			{"PutListing, other body", moves{contents: true}, func(tx registry.Tx) error { return tx.PutListing(acme, "c", npm("p"), changed) }},
			{"PutConnection", moves{graph: true}, func(tx registry.Tx) error { return tx.PutConnection(registry.Connection{Name: "c"}) }},
			{"CreateAccount", moves{identities: true}, func(tx registry.Tx) error { return tx.CreateAccount(registry.Account{ID: "1"}) }},
			{"CreateUser", moves{identities: true}, func(tx registry.Tx) error {
				return tx.CreateUser(registry.User{Account: "1", Name: "u", ID: "AIDA1"})
			}},
			{"CreateAccessKey", moves{identities: true}, func(tx registry.Tx) error {
				return tx.CreateAccessKey(registry.AccessKey{ID: "AKIA1", Account: "1", User: "u"})
			}},
			{"AppendEvents", moves{}, func(tx registry.Tx) error { return tx.AppendEvents(event("e", 1)) }},
			{"CreateKey", moves{}, func(tx registry.Tx) error { return tx.CreateKey(registry.Key{Purpose: "p", ID: "k"}) }},
			{"a refused change", moves{}, func(tx registry.Tx) error {
				if err := tx.CreateDomain(registry.Domain{ID: acme}); registry.CodeOf(err) != registry.Conflict {
					return errors.New("the domain was made again")
				}
				return nil
			}},
			{"reading", moves{}, func(tx registry.Tx) error { _, err := tx.Domain(acme); return err }},
			{"another domain", moves{}, func(tx registry.Tx) error { return tx.CreateDomain(registry.Domain{ID: globex}) }},
			{"DeleteRepository", moves{contents: true, graph: true}, func(tx registry.Tx) error { return tx.DeleteRepository(main) }},
			{"DeleteDomain", moves{contents: true, graph: true}, func(tx registry.Tx) error { return tx.DeleteDomain(acme) }},
			{"CreateDomain, again", moves{graph: true}, func(tx registry.Tx) error { return tx.CreateDomain(registry.Domain{ID: acme}) }},
		} {
			before := want[registry.Counters](k)(k.Counters(k.Context(), acme))
			k.update(func(tx registry.Tx) error {
				if err := step.do(tx); err != nil {
					return err
				}
				if within := want[registry.Counters](k)(k.Counters(k.Context(), acme)); within != before {
					k.Errorf("%s: counters moved before the commit", step.name)
				}
				return nil
			})
			after := want[registry.Counters](k)(k.Counters(k.Context(), acme))
			got := moves{after.Contents > before.Contents, after.Graph > before.Graph, after.Identities > before.Identities}
			if got != step.want {
				k.Errorf("%s moves %+v, want %+v", step.name, got, step.want)
			}
			if after.Contents < before.Contents || after.Graph < before.Graph || after.Identities < before.Identities {
				k.Errorf("%s: counters fell from %+v to %+v", step.name, before, after)
			}
		}
	},
	"a connection moves the graph of every domain": func(k kit) {
		k.build(acme)
		k.build(globex)
		a, g := want[registry.Counters](k)(k.Counters(k.Context(), acme)), want[registry.Counters](k)(k.Counters(k.Context(), globex))
		k.update(func(tx registry.Tx) error { return tx.PutConnection(registry.Connection{Name: "c"}) })
		a2, g2 := want[registry.Counters](k)(k.Counters(k.Context(), acme)), want[registry.Counters](k)(k.Counters(k.Context(), globex))
		if a2.Graph <= a.Graph || g2.Graph <= g.Graph {
			k.Errorf("graphs went from %d and %d to %d and %d", a.Graph, g.Graph, a2.Graph, g2.Graph)
		}
	},
	"a counter read before a view covers what it sees": func(k kit) {
		k.build(acme, "main")
		var all sync.WaitGroup
		stop := make(chan struct{})
		for range 3 {
			all.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					before := want[registry.Counters](k)(k.Counters(k.Context(), acme))
					var seen int64
					err := k.View(k.Context(), func(tx registry.Tx) error {
						p, err := tx.Package(repo(acme, "main"), npm("p"))
						seen = p.Sequence
						if registry.IsNotFound(err) {
							return nil
						}
						return err
					})
					if err != nil {
						k.Error(err)
						return
					}
					// Each update below moves the counter by at least one and writes the
					// number of updates before it.
					if before.Contents > seen {
						k.Errorf("the counter was %d before a view that sees change %d only", before.Contents, seen)
						return
					}
				}
			})
		}
		for n := range int64(100) {
			k.update(func(tx registry.Tx) error {
				return tx.PutPackage(repo(acme, "main"), registry.Package{ID: npm("p"), Sequence: n + 1})
			})
			if c := want[registry.Counters](k)(k.Counters(k.Context(), acme)); c.Contents < n+1 {
				k.Errorf("the counter is %d when update %d returns", c.Contents, n+1)
			}
		}
		close(stop)
		all.Wait()
	},
}

// Reopened checks what must outlive the process: open gives the store of the
// folder, made where it is missing. The suite closes what it opens.
func Reopened(t *testing.T, open func(t *testing.T, dir string) registry.Metadata) {
	dir := t.TempDir()
	m := open(t, dir)
	k := kit{t, m}
	k.build(acme, "main")
	k.publish(repo(acme, "main"), npm("p"), registry.Version{Version: "1", Assets: []registry.Asset{asset("a", 1, 10)}})
	k.update(func(tx registry.Tx) error {
		return errors.Join(tx.PutConnection(registry.Connection{Name: "c", URL: "https://upstream.test/"}),
			tx.CreateAccount(registry.Account{ID: "1"}), tx.AppendEvents(event("e1", 1)))
	})
	counters := want[registry.Counters](k)(m.Counters(t.Context(), acme))
	var revision int64
	k.view(func(tx registry.Tx) {
		revision = want[registry.Package](k)(tx.Package(repo(acme, "main"), npm("p"))).Revision
	})
	k.update(func(tx registry.Tx) error { return tx.DeletePackage(repo(acme, "main"), npm("p")) })
	counters.Contents++
	if err := m.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
	if err := m.View(t.Context(), func(registry.Tx) error { return nil }); registry.CodeOf(err) != registry.Unavailable {
		t.Errorf("view of a closed store: %v, want Unavailable", err)
	}
	if err := m.Update(t.Context(), func(registry.Tx) error { return nil }); registry.CodeOf(err) != registry.Unavailable {
		t.Errorf("update of a closed store: %v, want Unavailable", err)
	}

	m = open(t, dir)
	defer m.Close()
	k = kit{t, m}
	if got := want[registry.Counters](k)(m.Counters(t.Context(), acme)); got.Contents < counters.Contents || got.Graph < counters.Graph || got.Identities < counters.Identities {
		t.Errorf("counters fell from %+v to %+v", counters, got)
	}
	k.publish(repo(acme, "main"), npm("p"), registry.Version{Version: "1"})
	k.view(func(tx registry.Tx) {
		p := want[registry.Package](k)(tx.Package(repo(acme, "main"), npm("p")))
		if p.Revision <= revision {
			t.Errorf("the revision is %d after it was %d", p.Revision, revision)
		}
		k.equal("events", want[int](k)(tx.OutboxDepth()), 1)
		k.equal("connection", want[registry.Connection](k)(tx.Connection("c")).URL, "https://upstream.test/")
	})
}
