package rules

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"larder/events/pattern"
	"larder/registry"
)

// Stream is where events are read from again.
type Stream interface {
	Read(ctx context.Context, account string, from time.Time, f func(body []byte) error) error
}

// Replay sends events that happened in [From, To) to the targets of rules again.
type Replay struct {
	Account  string
	Name     string   // stands in each event as replay-name
	Rules    []string // names; empty: every enabled rule of the account
	From, To time.Time
}

const (
	// late is how much later than it happened an event may come into the stream
	// after one that happened later.
	late = 10 * time.Minute
	// replayBatch is how many deliveries one transaction takes.
	replayBatch = 256
)

var errEnough = errors.New("enough")

// Replay puts deliveries of past events on their way and returns how many
// events matched. They bear "replay-name". Where it fails in between, what was
// on its way stays there. NotFound: a rule.
func (d *Dispatcher) Replay(ctx context.Context, s Stream, r Replay) (matched int, err error) {
	var patterns []*pattern.Pattern
	var targets [][]int64
	err = d.Metadata.View(ctx, func(tx registry.Tx) error {
		patterns, targets = nil, nil
		rules, err := r.rules(tx)
		if err != nil {
			return err
		}
		for _, rule := range rules {
			p, err := pattern.Compile(rule.Pattern)
			if err != nil {
				return err
			}
			all, _, err := tx.Targets(r.Account, rule.Name, registry.Page{})
			if err != nil {
				return err
			}
			var keys []int64
			for _, t := range all {
				keys = append(keys, t.Key)
			}
			patterns, targets = append(patterns, p), append(targets, keys)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	set := pattern.NewSet(patterns)
	var pending []registry.Delivery
	err = s.Read(ctx, r.Account, r.From, func(body []byte) error {
		var e struct {
			ID   string
			Time time.Time
		}
		if json.Unmarshal(body, &e) != nil || e.Time.Before(r.From.Truncate(time.Second)) {
			return nil
		}
		if !e.Time.Before(r.To) {
			if e.Time.After(r.To.Add(late)) {
				return errEnough
			}
			return nil
		}
		again := append(append(append([]byte(`{"replay-name":`), text(r.Name)...), ','), body[1:]...)
		parsed, err := pattern.ParseEvent(again)
		if err != nil {
			return nil // not Larder's
		}
		matching := set.Match(parsed)
		if len(matching) > 0 {
			matched++
		}
		for _, i := range matching {
			for _, key := range targets[i] {
				pending = append(pending, registry.Delivery{Target: key, ID: e.ID + "." + r.Name, Body: again})
			}
		}
		if len(pending) < replayBatch {
			return nil
		}
		err = d.enqueue(ctx, pending)
		pending = nil
		return err
	})
	if err != nil && !errors.Is(err, errEnough) {
		return matched, err
	}
	return matched, d.enqueue(ctx, pending)
}

func (r Replay) rules(tx registry.Tx) ([]registry.Rule, error) {
	var all []registry.Rule
	for _, name := range r.Rules {
		rule, err := tx.Rule(r.Account, name)
		if err != nil {
			return nil, err
		}
		all = append(all, rule)
	}
	if len(r.Rules) > 0 {
		return all, nil
	}
	every, _, err := tx.Rules(r.Account, "", registry.Page{})
	for _, rule := range every {
		if !rule.Disabled {
			all = append(all, rule)
		}
	}
	return all, err
}

// enqueue puts deliveries on their way.
func (d *Dispatcher) enqueue(ctx context.Context, all []registry.Delivery) error {
	if len(all) == 0 {
		return nil
	}
	err := d.Metadata.Update(ctx, func(tx registry.Tx) error {
		for i := range all {
			all[i].Created = tx.Now()
		}
		return tx.AppendDeliveries(all...)
	})
	if err != nil {
		return err
	}
	d.matched.Add(int64(len(all)))
	for _, v := range all {
		d.start(v.Target)
	}
	return nil
}
