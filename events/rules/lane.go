package rules

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"larder/events"
	"larder/registry"
)

const (
	// laneBatch is how many deliveries of a target are read at a time.
	laneBatch = 64
	// concurrency is how many of them are on their way at once to a web hook.
	concurrency = 4
	// settleAfter is how long what has been delivered may stay in the database,
	// so that many take one commit.
	settleAfter = 50 * time.Millisecond
)

// failure is why an attempt did not succeed.
type failure struct {
	reason string
	away   bool          // it is not about this event: the target as a whole is away
	gone   bool          // it says that it is not there for ever
	after  time.Duration // it asks not to be tried before; zero: it does not say
}

func (f *failure) Error() string { return f.reason }

// parcel is one event on its way.
type parcel struct {
	registry.Delivery
	id   string // of the message
	body []byte // the event
	data []byte // what is sent
}

// destination is a target ready to be sent to.
type destination struct {
	row         registry.Target
	sealed      Sealed
	input       *input
	subject     string // of NATS; else a web hook:
	url         string
	shown       string // for logs
	header      http.Header
	cloudEvents bool
}

func (d *Dispatcher) destination(row registry.Target) (*destination, error) {
	sealed, err := Open(d.Sealer, row)
	if err != nil {
		return nil, err
	}
	t := &sealed.Target
	to := &destination{row: row, sealed: sealed, header: http.Header{}}
	if to.input, err = compileInput(t); err != nil {
		return nil, err
	}
	if subject, ok := strings.CutPrefix(t.ARN, natsScheme); ok {
		to.subject, to.shown = subject, t.ARN
		return to, nil
	}
	u, err := url.Parse(t.ARN)
	if err != nil {
		return nil, errors.New("its URL cannot be read")
	}
	to.shown = u.Scheme + "://" + u.Host
	if h := t.HTTP; h != nil {
		q := u.Query()
		for name, value := range h.Query {
			q.Set(name, value)
		}
		if len(h.Query) > 0 {
			u.RawQuery = q.Encode()
		}
		for name, value := range h.Headers {
			to.header.Set(name, value)
		}
		_, to.cloudEvents = to.header[cloudEvents]
	}
	to.url = u.String()
	return to, nil
}

// secrets are those to sign with: for a while after a change, the old one too.
func (t *destination) secrets(now time.Time) []Secret {
	all := []Secret{t.sealed.Secret}
	if t.sealed.Old != "" && now.Unix() < t.sealed.OldEnds {
		all = append(all, t.sealed.Old)
	}
	return all
}

// start wakes the target's lane, or makes it.
func (d *Dispatcher) start(key int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx == nil || d.ctx.Err() != nil {
		return // the next run begins with all that waits
	}
	if wake := d.lanes[key]; wake != nil {
		select {
		case wake <- struct{}{}:
		default:
		}
		return
	}
	l := &lane{Dispatcher: d, ctx: d.ctx, attempt: d.attempt, key: key, wake: make(chan struct{}, 1)}
	d.lanes[key] = l.wake
	d.all.Go(l.run)
}

// lane delivers to one target, for as long as there is something to deliver.
type lane struct {
	*Dispatcher
	ctx, attempt context.Context
	key          int64
	wake         chan struct{}
	failures     int // batches in a row of which the target took nothing
}

// leave ends the lane, unless it was woken since.
func (l *lane) leave() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.wake:
		if l.ctx.Err() == nil {
			return false
		}
	default:
	}
	delete(l.lanes, l.key)
	return true
}

func (l *lane) run() {
	troubles := 0
	for l.ctx.Err() == nil {
		to, due, next, err := l.take()
		switch {
		case err != nil:
			if l.ctx.Err() == nil && troubles == 0 {
				l.Logger.Error("deliveries of a rule's target cannot be read", "target", l.key, "error", err)
			}
			sleep(l.ctx, min(l.MinBackoff<<min(troubles, 10), l.MaxRest), nil)
			troubles++
			continue
		case len(due) == 0 && next.IsZero():
			if l.leave() {
				return
			}
			continue
		case len(due) == 0:
			sleep(l.ctx, time.Until(next), l.wake)
			continue
		}
		troubles = 0
		l.deliver(to, due)
		if l.failures > 0 {
			sleep(l.ctx, l.backoff(l.failures, l.MaxRest), nil)
		}
	}
	l.leave()
}

// take reads what is due; where nothing is, when something will be. What waits
// for a target that is gone is dropped. A target that is away is asked with one
// event at a time.
func (l *lane) take() (to *destination, due []registry.Delivery, next time.Time, err error) {
	limit := laneBatch
	if l.failures > 0 {
		limit = 1
	}
	var row registry.Target
	gone := false
	err = l.Metadata.View(l.ctx, func(tx registry.Tx) (err error) {
		if due, err = tx.TakeDeliveries(l.key, limit); err != nil {
			return err
		}
		if len(due) == 0 {
			next, err = tx.NextDelivery(l.key)
			return err
		}
		row, err = tx.Target(l.key)
		if gone = registry.IsNotFound(err); gone {
			return nil
		}
		return err
	})
	if err != nil || len(due) == 0 {
		return nil, nil, next, err
	}
	if gone {
		return nil, nil, next, l.Metadata.Update(l.ctx, func(tx registry.Tx) error { return tx.DropDeliveries(l.key) })
	}
	to, err = l.destination(row)
	return to, due, next, err
}

// result is what became of an attempt.
type result struct {
	delivery registry.Delivery
	err      error
	finished bool // delivered, or given up
}

// deliver tries all deliveries and writes down what became of each.
func (l *lane) deliver(to *destination, due []registry.Delivery) {
	work, results := make(chan registry.Delivery), make(chan result, len(due))
	workers := 1 // a subject keeps its order
	if to.subject == "" {
		workers = min(concurrency, len(due))
	}
	var down atomic.Bool // the others are not tried before the target is back
	for range workers {
		l.all.Go(func() {
			for v := range work {
				err := errStopped
				if !down.Load() {
					err = l.try(to, v)
				}
				var f *failure
				if errors.As(err, &f) && f.away {
					down.Store(true)
				}
				results <- result{v, err, err == nil || l.given(to, v, err)}
			}
		})
	}
	go func() {
		defer close(work)
		for _, v := range due {
			select {
			case work <- v:
			case <-l.ctx.Done():
				results <- result{delivery: v, err: errStopped}
			}
		}
	}()
	took, away := false, false
	var pending []result
	timer := time.NewTimer(settleAfter)
	defer timer.Stop()
	for n := 0; n < len(due); {
		select {
		case r := <-results:
			n++
			pending = append(pending, r)
			var f *failure
			took = took || r.err == nil
			away = away || errors.As(r.err, &f) && f.away
		case <-timer.C:
			l.settle(to, pending)
			pending = nil
			timer.Reset(settleAfter)
		}
	}
	switch before := l.failures; {
	case took:
		l.failures = 0
		if before > 0 {
			l.Logger.Info("a rule's target is back", "account", to.row.Account, "rule", to.row.Rule, "target", to.row.ID, "address", to.shown)
			l.back()
		}
	case away:
		l.failures++
	}
	l.settle(to, pending)
}

// back lets all that waits go at once: the waits were for a target that was away.
func (l *lane) back() {
	err := l.Metadata.Update(l.ctx, func(tx registry.Tx) error { return tx.HastenDeliveries(l.key) })
	if err != nil && l.ctx.Err() == nil {
		l.Logger.Debug("deliveries cannot be hastened", "target", l.key, "error", err)
	}
}

// settle writes down what became of attempts. Where that fails they are made
// again.
func (l *lane) settle(to *destination, results []result) {
	if len(results) == 0 {
		return
	}
	// Also when the dispatcher ends: what was delivered is not delivered twice.
	err := l.Metadata.Update(context.WithoutCancel(l.ctx), func(tx registry.Tx) error {
		var done []int64
		for _, r := range results {
			switch {
			case errors.Is(r.err, errStopped):
			case r.finished:
				done = append(done, r.delivery.Row)
			default:
				attempts := r.delivery.Attempts + 1
				wait := l.backoff(attempts, l.MaxBackoff)
				var f *failure
				if errors.As(r.err, &f) {
					wait = max(wait, min(f.after, l.MaxBackoff))
				}
				if err := tx.RetryDelivery(r.delivery.Row, attempts, tx.Now().Add(wait)); err != nil {
					return err
				}
			}
		}
		return tx.FinishDeliveries(done...)
	})
	if err != nil {
		l.Logger.Warn("deliveries cannot be written down and are made again", "account", to.row.Account, "rule", to.row.Rule, "target", to.row.ID, "error", err)
		sleep(l.ctx, l.MinBackoff, nil)
	}
}

// backoff doubles with every try, up to a limit; a half of it is left to chance.
func (d *Dispatcher) backoff(tries int, limit time.Duration) time.Duration {
	wait := limit
	if tries < 30 {
		wait = min(limit, d.MinBackoff<<(tries-1))
	}
	return wait/2 + rand.N(wait/2+1)
}

// try makes one attempt.
func (l *lane) try(to *destination, v registry.Delivery) error {
	if l.ctx.Err() != nil {
		return errStopped
	}
	if l.overdue(to, v) != "" {
		return &failure{reason: "it was not delivered in time"}
	}
	p := l.parcel(to, v)
	var err error
	if to.subject != "" {
		err = l.publish(to, p)
	} else {
		err = l.post(l.attempt, to, p)
	}
	switch {
	case err == nil:
		l.delivered.Add(1)
		return nil
	case l.attempt.Err() != nil:
		return errStopped
	}
	l.failed.Add(1)
	if v.Attempts == 0 && l.failures == 0 {
		l.Logger.Warn("an event was not delivered and is tried again", "account", to.row.Account, "rule", to.row.Rule, "target", to.row.ID,
			"address", to.shown, "event", v.ID, "error", err)
	}
	return err
}

func (l *lane) parcel(to *destination, v registry.Delivery) parcel {
	return parcel{Delivery: v, id: v.ID, body: v.Body, data: to.input.make(v.Body, moment{
		ruleARN: RuleARN(l.Region, to.row.Account, to.row.Rule), ruleName: to.row.Rule, ingested: v.Created,
	})}
}

// RuleARN names a rule.
func RuleARN(region, account, name string) string {
	return "arn:aws:events:" + region + ":" + account + ":rule/" + name
}

// publish sends an event to a subject.
func (l *lane) publish(to *destination, p parcel) error {
	ctx, cancel := context.WithTimeout(l.attempt, l.Timeout)
	defer cancel()
	err := l.NATS.Send(ctx, to.row.Account, events.Message{
		Subject: to.subject, ID: fmt.Sprintf("%s.%d", p.id, to.row.Key), Data: p.data,
	})
	if err != nil {
		return &failure{reason: err.Error(), away: !errors.Is(err, events.ErrTooLarge)}
	}
	return nil
}

// overdue says which limit a delivery has passed, in EventBridge's words; empty: none.
func (l *lane) overdue(to *destination, v registry.Delivery) string {
	switch {
	case v.Attempts > to.sealed.Target.tries():
		return "MaximumRetryAttempts"
	case l.Clock().Sub(v.Created) > to.sealed.Target.age():
		return "MaximumEventAgeInSeconds"
	}
	return ""
}

// given gives a delivery up after an attempt, if it is not to be tried again,
// and reports whether it is done with.
func (l *lane) given(to *destination, v registry.Delivery, err error) bool {
	if errors.Is(err, errStopped) {
		return false
	}
	condition := l.overdue(to, v)
	var f *failure
	switch {
	case errors.As(err, &f) && f.gone:
		condition = "Gone"
	case condition == "" && v.Attempts >= to.sealed.Target.tries():
		condition = "MaximumRetryAttempts"
	case condition == "":
		return false
	}
	if err := l.bury(to, v, condition, err); err != nil {
		l.Logger.Warn("an event that could not be delivered waits to be put among the dead letters", "account", to.row.Account, "rule", to.row.Rule,
			"target", to.row.ID, "event", v.ID, "error", err)
		return false
	}
	l.dead.Add(1)
	l.Logger.Warn("an event was given up", "account", to.row.Account, "rule", to.row.Rule, "target", to.row.ID, "address", to.shown,
		"event", v.ID, "attempts", v.Attempts+1, "condition", condition, "error", err)
	return true
}

// bury publishes an event that is given up as a dead letter, with the
// attributes that EventBridge gives one as headers. A subject that the target
// names is waited for, as long again as the event may be old; on the default
// one nobody has to listen. Of one that is too large there, too, only the headers go.
func (l *lane) bury(to *destination, v registry.Delivery, condition string, why error) error {
	t := &to.sealed.Target
	subject, named := events.DeadLetters(to.row.Account, to.row.Rule), false
	if t.DeadLetter != nil && t.DeadLetter.ARN != "" {
		subject, named = strings.CutPrefix(t.DeadLetter.ARN, natsScheme)
	}
	ctx, cancel := context.WithTimeout(l.attempt, l.Timeout)
	defer cancel()
	letter := events.Message{
		Subject: subject, ID: fmt.Sprintf("%s.%d.dead", v.ID, to.row.Key), Data: v.Body,
		Header: map[string][]string{
			"RULE_ARN": {RuleARN(l.Region, to.row.Account, to.row.Rule)}, "TARGET_ID": {to.row.ID},
			"ERROR_MESSAGE": {headerValue(why.Error())}, "EXHAUSTED_RETRY_CONDITION": {condition}, "RETRY_ATTEMPTS": {fmt.Sprint(v.Attempts)},
		},
	}
	err := l.NATS.Send(ctx, to.row.Account, letter)
	if errors.Is(err, events.ErrTooLarge) {
		letter.Data = nil
		err = l.NATS.Send(ctx, to.row.Account, letter)
	}
	if errors.Is(err, events.ErrNobodyListens) && (!named || l.Clock().Sub(v.Created) > t.age()+maxAge) {
		return nil
	}
	return err
}
