package rules_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"larder/events/rules"
	"larder/registry"
)

// past is a stream: the bodies of events.
type past []string

func (p past) Read(_ context.Context, _ string, _ time.Time, f func([]byte) error) error {
	for _, body := range p {
		if err := f([]byte(body)); err != nil {
			return err
		}
	}
	return nil
}

func TestReplay(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var stream past
	for i, minute := range []int{-1, 0, 2, 1, 5, 59, 60, 61, 90, 30} { // the last one behind all that can be late
		stream = append(stream, fmt.Sprintf(`{"version":"0","id":"e%d","source":"build","time":%q}`, i, noon.Add(time.Duration(minute)*time.Minute).Format(time.RFC3339)))
	}
	stream = append(stream[:3:3], append(past{`{"version":"0","id":"other","source":"x","time":"2026-03-01T12:10:00Z"}`}, stream[3:]...)...)
	w := newWorld(t)
	w.rule(account, "ci", "build", rules.Target{ID: "bus", ARN: "nats:ci"})
	w.rule(account, "second", "build", rules.Target{ID: "bus", ARN: "nats:second"})
	w.rule(account, "off", "build", rules.Target{ID: "bus", ARN: "nats:off"})
	w.update(func(tx registry.Tx) error {
		return tx.PutRule(registry.Rule{Account: account, Name: "off", Pattern: `{"source":["build"]}`, Disabled: true})
	})
	d, _ := w.run()
	replay := func(names ...string) int {
		t.Helper()
		n, err := d.Replay(t.Context(), stream, rules.Replay{Account: account, Name: "again", Rules: names, From: noon, To: noon.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		w.until("all came", func() bool { return w.waiting() == 0 })
		return n
	}
	if n := replay("ci"); n != 5 {
		t.Errorf("%d events matched, want 5", n)
	}
	var got []string
	for _, m := range w.bus.on("ci") {
		e := jsonOf(t, string(m.Data))
		got = append(got, e["id"].(string))
		if e["replay-name"] != "again" || e["version"] != "0" {
			t.Errorf("event %s", m.Data)
		}
	}
	if want := []string{"e1", "e2", "e3", "e4", "e5"}; !slices.Equal(got, want) {
		t.Errorf("replayed %v, want %v", got, want)
	}
	if n := len(w.bus.on("second")); n != 0 {
		t.Errorf("%d events of a rule that was not named", n)
	}
	replay()
	if a, b, c := len(w.bus.on("ci")), len(w.bus.on("second")), len(w.bus.on("off")); a != 10 || b != 5 || c != 0 {
		t.Errorf("%d, %d and %d events after a replay of all rules", a, b, c)
	}
	if _, err := d.Replay(t.Context(), stream, rules.Replay{Account: account, Rules: []string{"missing"}}); !registry.IsNotFound(err) {
		t.Errorf("a missing rule: %v", err)
	}
}
