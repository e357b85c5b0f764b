package rules_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"larder/events/rules"
	"larder/registry"
)

func TestEventsGoToTheTargetsOfTheirRules(t *testing.T) {
	w := newWorld(t)
	h := newHook(t, nil)
	w.rule(account, "ci", "build", h.target("hook"), rules.Target{ID: "bus", ARN: "nats:ci.build"})
	w.rule(account, "same", "build", rules.Target{ID: "bus", ARN: "nats:ci.same"})
	w.rule(other, "ci", "build", rules.Target{ID: "bus", ARN: "nats:ci.other"})
	w.rule(account, "off", "build", rules.Target{ID: "bus", ARN: "nats:ci.off"})
	w.update(func(tx registry.Tx) error {
		r, err := tx.Rule(account, "off")
		if err != nil {
			return err
		}
		r.Disabled = true
		return tx.PutRule(r)
	})
	w.rule(account, "idle", "build") // without targets
	d, _ := w.run()
	ids := w.put(account, "build", 3)
	w.put(account, "another", 2)
	d.Wake()
	w.until("all are delivered", func() bool { return h.has(ids...) && d.Stats().Delivered == 9 && w.waiting() == 0 })

	var got []string
	for _, m := range w.bus.on("ci.build") {
		got = append(got, jsonOf(t, string(m.Data))["id"].(string))
	}
	if !slices.Equal(got, ids) {
		t.Errorf("on the subject came %v, want %v in this order", got, ids)
	}
	if n := len(w.bus.on("ci.same")); n != 3 {
		t.Errorf("%d events for the second rule, want 3", n)
	}
	if len(w.bus.on("ci.other"))+len(w.bus.on("ci.off")) > 0 {
		t.Error("events came to another account, or to a rule that is disabled")
	}
	if a, b := w.bus.on("ci.build")[0].ID, w.bus.on("ci.same")[0].ID; a == b {
		t.Errorf("both rules send the message id %s: a stream would drop one", a)
	}
	if s := d.Stats(); s.Routed != 5 || s.Matched != 9 || s.Failed != 0 || s.Dead != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestARuleThatChangesActsOnTheNextEvent(t *testing.T) {
	w := newWorld(t)
	d, _ := w.run()
	w.put(account, "build", 1) // before there is a rule
	if err := d.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.rule(account, "ci", "build", rules.Target{ID: "bus", ARN: "nats:one"})
	w.put(account, "build", 1)
	d.Wake()
	w.until("the second event", func() bool { return len(w.bus.on("one")) == 1 })
	w.rule(account, "ci", "build", rules.Target{ID: "bus", ARN: "nats:two"})
	w.put(account, "build", 1)
	d.Wake()
	w.until("the third event", func() bool { return len(w.bus.on("two")) == 1 })
	if n := len(w.bus.on("one")); n != 1 {
		t.Errorf("%d events on the first subject", n)
	}
}

func TestWhatWaitsGoesOnAfterADeath(t *testing.T) {
	w := newWorld(t)
	h := newHook(t, status(503))
	w.rule(account, "ci", "build", h.target("hook"))
	ids := w.put(account, "build", 20)
	d, stop := w.run()
	w.until("it was tried", func() bool { return d.Stats().Failed > 2 })
	stop()
	ids = append(ids, w.put(account, "build", 20)...) // while nothing runs
	h.set(nil)
	w.run()
	w.until("all came", func() bool { return h.has(ids...) && w.waiting() == 0 })
}

func TestTwoDispatchersRouteEachEventOnce(t *testing.T) {
	w := newWorld(t)
	w.rule(account, "ci", "build", rules.Target{ID: "bus", ARN: "nats:ci"})
	a, b := rules.New(w.config), rules.New(w.config)
	var all sync.WaitGroup
	for range 40 {
		w.put(account, "build", 5)
		for _, d := range []*rules.Dispatcher{a, b} {
			all.Go(func() {
				if err := d.Flush(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	if n := w.waiting(); n != 200 || a.Stats().Matched+b.Stats().Matched != 200 {
		t.Errorf("%d deliveries of 200 events, %+v, %+v", n, a.Stats(), b.Stats())
	}
}

func TestATargetThatGoesTakesItsDeliveriesAlong(t *testing.T) {
	w := newWorld(t)
	w.bus.deaf["ci"] = true
	w.rule(account, "ci", "build", rules.Target{ID: "bus", ARN: "nats:ci"})
	d, _ := w.run()
	w.put(account, "build", 3)
	d.Wake()
	w.until("it was tried", func() bool { return d.Stats().Failed > 0 })
	w.update(func(tx registry.Tx) error { return tx.DeleteTarget(account, "ci", "bus") })
	w.update(func(tx registry.Tx) error {
		return tx.AppendDeliveries(registry.Delivery{Target: 4711, ID: "x", Created: tx.Now()}) // of a target that went meanwhile
	})
	w.until("nothing waits", func() bool { return w.waiting() == 0 })
}

func TestMoreEventsThanABatch(t *testing.T) {
	w := newWorld(t)
	w.rule(account, "ci", "build", rules.Target{ID: "bus", ARN: "nats:ci"})
	for range 12 {
		w.put(account, "build", 100)
	}
	d, _ := w.run()
	w.until("all came", func() bool { return len(w.bus.on("ci")) >= 1200 && w.waiting() == 0 })
	if s := d.Stats(); s.Delivered != 1200 {
		t.Errorf("%+v", s)
	}
	for i, m := range w.bus.on("ci") {
		if want := fmt.Sprintf(`"n":%d}`, i); !strings.Contains(string(m.Data), want) {
			t.Fatalf("message %d is %s", i, m.Data)
		}
	}
}
