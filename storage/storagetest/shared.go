package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"larder/registry"
)

// Shared checks what registry.Metadata promises to several processes: open
// gives two stores over the same empty database, which the suite closes.
func Shared(t *testing.T, open func(t *testing.T) (a, b registry.Metadata)) {
	for name, check := range map[string]func(a, b kit){
		"updates of one package come one after the other":      sharedPackage,
		"a change is there when it is acknowledged":            sharedCounters,
		"events become visible in their order":                 sharedOutbox,
		"contents and graph change side by side":               sharedGraph,
		"bytes that are being deleted are not referred to":     sharedUnused,
		"bytes that are referred to are not deleted":           sharedUsed,
		"changes that meet in any order all come to their end": sharedCrossing,
		"one leads at a time":                                  sharedLead,
	} {
		t.Run(name, func(t *testing.T) {
			a, b := open(t)
			defer func() {
				if err := errors.Join(a.Close(), b.Close()); err != nil {
					t.Errorf("close: %v", err)
				}
			}()
			check(kit{t, a}, kit{t, b})
		})
	}
}

// both runs f some times on each store, side by side.
func both(a, b kit, writers int, f func(k kit, writer int)) {
	var all sync.WaitGroup
	for w := range writers {
		for i, k := range []kit{a, b} {
			all.Go(func() { f(k, 2*w+i) })
		}
	}
	all.Wait()
}

func sharedPackage(a, b kit) {
	a.build(acme, "main")
	const writers, rounds = 4, 20
	both(a, b, writers, func(k kit, _ int) {
		for range rounds {
			err := k.Update(k.Context(), func(tx registry.Tx) error {
				p, err := tx.Package(repo(acme, "main"), npm("counter"))
				if err != nil && !registry.IsNotFound(err) {
					return err
				}
				revision := p.Revision
				p.ID = npm("counter")
				p.Sequence++
				if err := tx.PutPackage(repo(acme, "main"), p); err != nil {
					return err
				}
				if p, err = tx.Package(repo(acme, "main"), npm("counter")); p.Revision <= revision {
					k.Errorf("revision %d after %d", p.Revision, revision)
				}
				return err
			})
			if err != nil {
				k.Errorf("ordinary contention surfaced: %v", err)
				return
			}
		}
	})
	b.view(func(tx registry.Tx) {
		p := want[registry.Package](b)(tx.Package(repo(acme, "main"), npm("counter")))
		b.equal("increments", p.Sequence, int64(2*writers*rounds))
	})
}

func sharedCounters(a, b kit) {
	a.build(acme, "main")
	for n := range int64(50) {
		from, to := a, b
		if n%2 == 1 {
			from, to = b, a
		}
		before := want[registry.Counters](to)(to.Counters(to.Context(), acme))
		from.update(func(tx registry.Tx) error {
			return tx.PutPackage(repo(acme, "main"), registry.Package{ID: npm("p"), Sequence: n})
		})
		if after := want[registry.Counters](to)(to.Counters(to.Context(), acme)); after.Contents <= before.Contents {
			to.Errorf("contents %d after %d", after.Contents, before.Contents)
		}
		to.view(func(tx registry.Tx) {
			to.equal("sequence", want[registry.Package](to)(tx.Package(repo(acme, "main"), npm("p"))).Sequence, n)
		})
	}
}

func sharedOutbox(a, b kit) {
	a.build(acme, "main")
	const writers, rounds = 4, 25
	done := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		var seen []string
		for last := false; ; {
			var ids []string
			a.view(func(tx registry.Tx) {
				ids = ids[:0]
				for _, e := range want[[]registry.OutboxEvent](a)(tx.UnsentEvents(10_000)) {
					ids = append(ids, e.Event.ID)
				}
			})
			for i, id := range seen {
				if i >= len(ids) || ids[i] != id {
					a.Errorf("event %d was %s and another has come before it", i, id)
					return
				}
			}
			seen = append(seen[:0], ids...)
			if last {
				a.equal("events", len(seen), 2*writers*rounds)
				return
			}
			select {
			case <-done:
				last = true
			default:
			}
		}
	})
	both(a, b, writers, func(k kit, writer int) {
		for n := range rounds {
			id := fmt.Sprint("p", writer, "-", n)
			k.update(func(tx registry.Tx) error {
				if err := tx.AppendEvents(event(id, 1)); err != nil {
					return err
				}
				return tx.PutPackage(repo(acme, "main"), registry.Package{ID: npm(id)})
			})
		}
	})
	close(done)
	reader.Wait()
}

func sharedGraph(a, b kit) {
	a.build(acme, "main", "doomed")
	both(a, b, 3, func(k kit, writer int) {
		for n := range 12 {
			name := fmt.Sprint("p", writer)
			var err error
			switch {
			case n%6 == 5 && writer == 0:
				err = k.Update(k.Context(), func(tx registry.Tx) error {
					if err := tx.DeleteRepository(repo(acme, "doomed")); err != nil {
						return err
					}
					return tx.CreateRepository(registry.Repository{ID: repo(acme, "doomed")})
				})
			case n%6 == 2:
				err = k.Update(k.Context(), func(tx registry.Tx) error {
					return tx.PutPolicy(acme, "main", registry.Policy{Document: name})
				})
			default:
				err = k.Update(k.Context(), func(tx registry.Tx) error {
					return publish(tx, repo(acme, "doomed"), npm(name), registry.Version{Version: fmt.Sprint(n), Assets: []registry.Asset{asset("x", n%5, 10)}})
				})
			}
			if err != nil {
				k.Errorf("writer %d: %v", writer, err)
			}
		}
	})
	a.update(func(tx registry.Tx) error { return tx.DeleteRepository(repo(acme, "doomed")) })
	a.view(func(tx registry.Tx) {
		a.equal("size", want[registry.Domain](a)(tx.Domain(acme)).AssetSize, int64(0))
		for n := range 5 {
			a.equal("references", want[int](a)(tx.BlobReferences(acme, digest(n))), 0)
		}
	})
}

func sharedUnused(a, b kit) {
	a.build(acme, "main")
	started, deleted := make(chan struct{}), false
	var all sync.WaitGroup
	all.Go(func() {
		<-started
		b.publish(repo(acme, "main"), npm("p"), registry.Version{Version: "1", Assets: []registry.Asset{asset("x", 1, 10)}})
		if !deleted {
			b.Error("bytes were referred to while they were being deleted")
		}
	})
	a.update(func(tx registry.Tx) error {
		unused := want[[]registry.Digest](a)(tx.LockUnused(acme, digest(1)))
		a.equal("unused", len(unused), 1)
		if !deleted {
			close(started)
		}
		// The publisher must come to its end only after this update.
		for range 20 {
			b.view(func(tx registry.Tx) {
				b.equal("references", want[int](b)(tx.BlobReferences(acme, digest(1))), 0)
			})
		}
		deleted = true
		return tx.ForgetBlobs(acme, unused...)
	})
	all.Wait()
	a.view(func(tx registry.Tx) {
		a.equal("references", want[int](a)(tx.BlobReferences(acme, digest(1))), 1)
		a.equal("size", want[registry.Domain](a)(tx.Domain(acme)).AssetSize, int64(10))
	})
}

func sharedUsed(a, b kit) {
	a.build(acme, "main")
	a.publish(repo(acme, "main"), npm("p"), registry.Version{Version: "1", Assets: []registry.Asset{asset("x", 1, 10)}})
	b.update(func(tx registry.Tx) error {
		unused, err := tx.LockUnused(acme, digest(2), digest(1))
		b.equal("unused", unused, []registry.Digest{digest(2)})
		return errors.Join(err, tx.ForgetBlobs(acme, unused...))
	})
	b.view(func(tx registry.Tx) {
		b.equal("on the list", len(want[[]registry.Digest](b)(tx.UnusedBlobs(acme, 10))), 0)
	})
}

func sharedCrossing(a, b kit) {
	a.build(acme, "main")
	a.build(globex, "main")
	both(a, b, 2, func(k kit, writer int) {
		for range 5 {
			names := []string{"x", "y"}
			domains := []registry.DomainID{acme, globex}
			if writer%2 == 1 {
				names[0], names[1], domains[0], domains[1] = names[1], names[0], domains[1], domains[0]
			}
			err := k.Update(k.Context(), func(tx registry.Tx) error {
				for i, d := range domains {
					p, err := tx.Package(repo(d, "main"), npm(names[i]))
					if err != nil && !registry.IsNotFound(err) {
						return err
					}
					p.ID = npm(names[i])
					p.Sequence++
					if err := tx.PutPackage(repo(d, "main"), p); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				k.Errorf("%v", err)
			}
		}
	})
	a.view(func(tx registry.Tx) {
		for d, name := range map[registry.DomainID]string{acme: "x", globex: "y"} {
			a.equal(name, want[registry.Package](a)(tx.Package(repo(d, "main"), npm(name))).Sequence, int64(20))
		}
	})
}

func sharedLead(a, b kit) {
	ctx, cancel := context.WithCancel(a.Context())
	defer cancel()
	var mu sync.Mutex
	leads, turns := 0, make(chan string)
	lead := func(name string, k kit, ctx context.Context) {
		err := k.Metadata.(registry.Leader).Lead(ctx, "test", func(ctx context.Context) error {
			mu.Lock()
			leads++
			if leads > 1 {
				k.Error("two lead")
			}
			mu.Unlock()
			turns <- name
			<-ctx.Done()
			mu.Lock()
			leads--
			mu.Unlock()
			return nil
		})
		if err != nil {
			k.Errorf("lead: %v", err)
		}
	}
	first, end := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() { lead("a", a, first) })
	a.equal("leader", <-turns, "a")
	all.Go(func() { lead("b", b, ctx) })
	other := make(chan error, 1)
	all.Go(func() {
		other <- b.Metadata.(registry.Leader).Lead(ctx, "another", func(context.Context) error { return errTest })
	})
	if err := <-other; err != errTest {
		b.Errorf("another name: %v, want what f returned", err)
	}
	end()
	a.equal("leader afterwards", <-turns, "b")
	cancel()
	all.Wait()
}
