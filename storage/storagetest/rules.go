package storagetest

import (
	"fmt"
	"time"

	"larder/registry"
)

func rule(account, name string) registry.Rule {
	return registry.Rule{Account: account, Name: name, Pattern: `{"source":["` + name + `"]}`, Tags: map[string]string{}, Created: day}
}

func (k kit) rules(all ...registry.Rule) {
	k.Helper()
	for _, r := range all {
		k.update(func(tx registry.Tx) error { return tx.PutRule(r) })
	}
}

// target puts a target and gives it as it was stored.
func (k kit) target(account, rule, id string, address byte) (stored registry.Target) {
	k.Helper()
	v := registry.Target{Account: account, Rule: rule, ID: id, Address: registry.Digest{address}, Sealed: []byte(id)}
	k.update(func(tx registry.Tx) error { return tx.PutTarget(v) })
	k.view(func(tx registry.Tx) {
		all, _, err := tx.Targets(account, rule, registry.Page{})
		if err != nil {
			k.Fatal(err)
		}
		for _, t := range all {
			if t.ID == id {
				stored = t
			}
		}
	})
	v.Key = stored.Key
	k.equal("the target", stored, v)
	return stored
}

var ruleChecks = map[string]func(kit){
	"a rule is put, replaced, and deleted once it has no targets": func(k kit) {
		r := registry.Rule{
			Account: one, Name: "r", Description: "d", Pattern: `{"a":["ü\u0000"]}`, Disabled: true, Role: "arn:role",
			Tags: map[string]string{"a": "b"}, Created: day,
		}
		k.rules(r)
		k.view(func(tx registry.Tx) { k.equal("rule", want[registry.Rule](k)(tx.Rule(one, "r")), r) })
		later := rule(one, "r")
		later.Created = at(9)
		k.rules(later)
		later.Created = day
		k.view(func(tx registry.Tx) {
			k.equal("replaced", want[registry.Rule](k)(tx.Rule(one, "r")), later)
			_, err := tx.Rule(two, "r")
			k.notFound("of another account", err)
		})
		k.target(one, "r", "t", 1)
		k.refused("a rule with targets", registry.Conflict, func(tx registry.Tx) error { return tx.DeleteRule(one, "r") })
		k.update(func(tx registry.Tx) error { return tx.DeleteTarget(one, "r", "t") })
		k.update(func(tx registry.Tx) error { return tx.DeleteRule(one, "r") })
		k.refused("a missing rule", registry.NotFound, func(tx registry.Tx) error { return tx.DeleteRule(one, "r") })
	},
	"rules are listed by name, of one account or of all": func(k kit) {
		k.rules(rule(one, "b"), rule(one, "a"), rule(two, "a"), rule(one, "ab"), rule(one, "B"))
		k.view(func(tx registry.Tx) {
			list := func(account, prefix string, limit int) (got []string) {
				for p := (registry.Page{Limit: limit}); ; {
					all, next, err := tx.Rules(account, prefix, p)
					if err != nil {
						k.Fatal(err)
					}
					for _, r := range all {
						got = append(got, r.Account+r.Name)
					}
					if p.After = next; next == "" {
						return got
					}
				}
			}
			for _, limit := range []int{0, 1, 2} {
				k.equal("of one", list(one, "", limit), []string{one + "B", one + "a", one + "ab", one + "b"})
				k.equal("by prefix", list(one, "a", limit), []string{one + "a", one + "ab"})
				k.equal("of all", list("", "", limit), []string{one + "B", one + "a", one + "ab", one + "b", two + "a"})
			}
			k.equal("number", want[int](k)(tx.CountRules(one)), 4)
		})
	},
	"a target keeps its key when it is replaced, and is found by its address": func(k kit) {
		k.refused("a target of a missing rule", registry.NotFound, func(tx registry.Tx) error {
			return tx.PutTarget(registry.Target{Account: one, Rule: "r", ID: "t"})
		})
		k.rules(rule(one, "r"), rule(one, "s"), rule(two, "r"))
		first := k.target(one, "r", "t", 1)
		second := k.target(one, "r", "s", 2)
		third := k.target(one, "s", "t", 1)
		fourth := k.target(two, "r", "t", 1)
		if again := k.target(one, "r", "t", 2); again.Key != first.Key {
			k.Errorf("key %d became %d", first.Key, again.Key)
		}
		first.Address = registry.Digest{2}
		k.view(func(tx registry.Tx) {
			page := func(account, rule string, limit int) (got []registry.Target) {
				for p := (registry.Page{Limit: limit}); ; {
					all, next, err := tx.Targets(account, rule, p)
					if err != nil {
						k.Fatal(err)
					}
					got = append(got, all...)
					if p.After = next; next == "" {
						return got
					}
				}
			}
			for _, limit := range []int{0, 1} {
				k.equal("of a rule", page(one, "r", limit), []registry.Target{second, first})
				k.equal("of all", page("", "", limit), []registry.Target{first, second, third, fourth})
			}
			k.equal("by key", want[registry.Target](k)(tx.Target(third.Key)), third)
			_, err := tx.Target(99999)
			k.notFound("a key of none", err)
			by := func(address byte, p registry.Page) []string {
				names, _, err := tx.RulesOfTarget(one, registry.Digest{address}, p)
				if err != nil {
					k.Fatal(err)
				}
				return names
			}
			k.equal("rules of an address", by(1, registry.Page{}), []string{"s"})
			k.equal("a rule with two targets of an address", by(2, registry.Page{}), []string{"r"})
			k.equal("behind it", by(2, registry.Page{After: "r", Limit: 1}), []string{})
		})
		k.update(func(tx registry.Tx) error { return tx.DeleteTarget(one, "r", "t") })
		k.refused("a missing target", registry.NotFound, func(tx registry.Tx) error { return tx.DeleteTarget(one, "r", "t") })
	},
	"the revision moves with every change of rules and targets, and no counter does": func(k kit) {
		last := int64(-1)
		before := want[registry.Counters](k)(k.Counters(k.Context(), acme))
		step := func(what string, moves bool, f func(tx registry.Tx) error) {
			k.Helper()
			k.update(f)
			k.view(func(tx registry.Tx) {
				now := want[int64](k)(tx.RulesRevision())
				if (now > last) != moves {
					k.Errorf("%s: revision %d after %d", what, now, last)
				}
				last = now
			})
		}
		step("at first", true, func(registry.Tx) error { return nil })
		step("nothing", false, func(registry.Tx) error { return nil })
		step("a rule", true, func(tx registry.Tx) error { return tx.PutRule(rule(one, "r")) })
		step("a target", true, func(tx registry.Tx) error {
			return tx.PutTarget(registry.Target{Account: one, Rule: "r", ID: "t"})
		})
		step("a target gone", true, func(tx registry.Tx) error { return tx.DeleteTarget(one, "r", "t") })
		step("a rule gone", true, func(tx registry.Tx) error { return tx.DeleteRule(one, "r") })
		k.equal("counters", want[registry.Counters](k)(k.Counters(k.Context(), acme)), before)
	},
	"events are routed once, and not pruned before": func(k kit) {
		all := []registry.Event{event("a", 1), event("b", 2), {ID: "c", Account: one, Time: day, Own: &registry.OwnEvent{
			Source: "ci", DetailType: "Build", Detail: `{"x":1}`, Resources: []string{"r"},
		}}}
		k.update(func(tx registry.Tx) error { return tx.AppendEvents(all...) })
		var rows []int64
		k.view(func(tx registry.Tx) {
			got := want[[]registry.OutboxEvent](k)(tx.UnroutedEvents(10))
			k.equal("events", events(got), all)
			for _, e := range got {
				rows = append(rows, e.Row)
			}
			k.equal("the oldest", events(want[[]registry.OutboxEvent](k)(tx.UnroutedEvents(1))), all[:1])
		})
		mark := func(rows ...int64) (marked []int64) {
			k.update(func(tx registry.Tx) (err error) {
				marked, err = tx.MarkRouted(rows...)
				return err
			})
			return marked
		}
		k.equal("marked", mark(rows[2], rows[0]), []int64{rows[0], rows[2]})
		k.update(func(tx registry.Tx) error { return tx.MarkSent(rows...) })
		k.update(func(tx registry.Tx) error {
			n, err := tx.PruneEvents(tx.Now().Add(time.Hour))
			k.equal("pruned", n, 2)
			return err
		})
		k.view(func(tx registry.Tx) {
			k.equal("left", events(want[[]registry.OutboxEvent](k)(tx.UnroutedEvents(10))), all[1:2])
		})
		k.equal("marked again, with one that is gone", mark(rows...), []int64{rows[1]})
	},
	"deliveries are taken when they are due, and put off": func(k kit) {
		var now time.Time
		k.update(func(tx registry.Tx) error {
			now = tx.Now()
			return tx.AppendDeliveries(
				registry.Delivery{Target: 1, ID: "later", Body: []byte("x"), Created: now, Due: now.Add(time.Hour)},
				registry.Delivery{Target: 1, ID: "a", Body: []byte{0, 255}, Created: now.Add(-time.Minute)},
				registry.Delivery{Target: 1, ID: "b", Body: []byte("{}"), Created: now.Add(-time.Minute)},
				registry.Delivery{Target: 2, ID: "other", Created: now},
			)
		})
		take := func(target int64, limit int) (ids []string, rows []int64) {
			k.view(func(tx registry.Tx) {
				for _, d := range want[[]registry.Delivery](k)(tx.TakeDeliveries(target, limit)) {
					ids, rows = append(ids, fmt.Sprint(d.ID, d.Attempts)), append(rows, d.Row)
				}
			})
			return ids, rows
		}
		ids, _ := take(1, 1)
		k.equal("the first", ids, []string{"a0"})
		ids, rows := take(1, 10)
		k.equal("all that are due", ids, []string{"a0", "b0"})
		k.view(func(tx registry.Tx) {
			all := want[[]registry.Delivery](k)(tx.TakeDeliveries(1, 1))
			k.equal("whole", all, []registry.Delivery{{
				Row: rows[0], Target: 1, ID: "a", Body: []byte{0, 255}, Created: now.Add(-time.Minute), Due: now.Add(-time.Minute),
			}})
			k.equal("targets", want[[]int64](k)(tx.WaitingTargets()), []int64{1, 2})
			k.equal("waiting", want[int](k)(tx.DeliveriesWaiting()), 4)
		})
		k.update(func(tx registry.Tx) error { return tx.HastenDeliveries(1) })
		ids, _ = take(1, 10)
		k.equal("hastened", ids, []string{"a0", "b0", "later0"})
		k.update(func(tx registry.Tx) error { return tx.RetryDelivery(rows[1], 3, now.Add(2*time.Hour)) })
		k.update(func(tx registry.Tx) error { return tx.FinishDeliveries(rows[0], 99999) })
		k.update(func(tx registry.Tx) error { return tx.RetryDelivery(rows[0], 3, now) })
		ids, _ = take(1, 10)
		k.equal("what is left", ids, []string{"later0"})
		k.update(func(tx registry.Tx) error { return tx.DropDeliveries(2) })
		k.view(func(tx registry.Tx) {
			k.equal("targets", want[[]int64](k)(tx.WaitingTargets()), []int64{1})
			if next := want[time.Time](k)(tx.NextDelivery(1)); next.IsZero() || next.After(time.Now().Add(time.Minute)) {
				k.Errorf("next at %s", next)
			}
			k.equal("none next", want[time.Time](k)(tx.NextDelivery(2)), time.Time{})
		})
		_, rows = take(1, 10)
		k.update(func(tx registry.Tx) error { return tx.FinishDeliveries(rows...) })
		k.view(func(tx registry.Tx) {
			k.equal("put off", want[time.Time](k)(tx.NextDelivery(1)), now.Add(2*time.Hour))
		})
	},
	"a target that goes takes what is on its way to it along": func(k kit) {
		k.rules(rule(one, "r"))
		v := k.target(one, "r", "t", 1)
		k.update(func(tx registry.Tx) error {
			return tx.AppendDeliveries(registry.Delivery{Target: v.Key, ID: "a", Created: tx.Now()}, registry.Delivery{Target: v.Key + 1, ID: "b", Created: tx.Now()})
		})
		k.update(func(tx registry.Tx) error { return tx.DeleteTarget(one, "r", "t") })
		k.view(func(tx registry.Tx) { k.equal("targets", want[[]int64](k)(tx.WaitingTargets()), []int64{v.Key + 1}) })
	},
}
