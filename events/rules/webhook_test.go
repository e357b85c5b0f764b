package rules_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"larder/events"
	"larder/events/rules"
	"larder/registry"
)

func TestAMessageToAWebHook(t *testing.T) {
	w := newWorld(t)
	h := newHook(t, nil)
	to := h.target("hook")
	to.ARN += "?kept=1"
	to.HTTP = &rules.HTTPParameters{Headers: map[string]string{"Authorization": "Bearer x", "X-Own": "1"}, Query: map[string]string{"a b": "ü&"}}
	var query atomic.Value
	h.set(func(_ http.ResponseWriter, r *http.Request, _ []byte) bool { query.Store(r.URL.RawQuery); return true })
	clouds := h.target("clouds")
	clouds.HTTP = &rules.HTTPParameters{Headers: map[string]string{"ce-specversion": "1.0"}}
	w.rule(account, "ci", "build", to)
	d, _ := w.run()
	id := w.put(account, "build", 1)[0]
	d.Wake()
	w.until("it came", func() bool { return h.has(id) })
	m := h.taken[0]
	verify(t, m.header, m.body, secret)
	for name, want := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "Larder/test", "Authorization": "Bearer x", "X-Own": "1", "Webhook-Id": id, "Ce-Id": "",
	} {
		if got := m.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got, want := query.Load(), "a+b=%C3%BC%26&kept=1"; got != want {
		t.Errorf("query %q, want %q", got, want)
	}
	if e := jsonOf(t, m.body); e["id"] != id || e["source"] != "build" || e["account"] != account {
		t.Errorf("body %s", m.body)
	}

	w.rule(account, "clouds", "storm", clouds)
	id = w.put(account, "storm", 1)[0]
	d.Wake()
	w.until("it came", func() bool { return h.has(id) })
	m = h.taken[1]
	for name, want := range map[string]string{
		"Ce-Specversion": "1.0", "Ce-Id": id, "Ce-Source": "storm", "Ce-Type": "T", "Ce-Subject": "r%201", "Ce-Account": account, "Ce-Region": "us-east-1",
	} {
		if got := m.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if _, err := time.Parse(time.RFC3339, m.header.Get("Ce-Time")); err != nil {
		t.Error(err)
	}
}

func TestAnOldSecretSignsForAWhile(t *testing.T) {
	w := newWorld(t)
	h := newHook(t, nil)
	w.rule(account, "ci", "build")
	old := rules.NewSecret()
	put := func(ends time.Time) {
		w.update(func(tx registry.Tx) error {
			row, err := rules.Seal(plainSealer{}, account, "ci", rules.Sealed{Target: h.target("hook"), Secret: secret, Old: old, OldEnds: ends.Unix()})
			if err != nil {
				return err
			}
			return tx.PutTarget(row)
		})
	}
	put(time.Now().Add(time.Hour))
	d, _ := w.run()
	id := w.put(account, "build", 1)[0]
	d.Wake()
	w.until("it came", func() bool { return h.has(id) })
	verify(t, h.taken[0].header, h.taken[0].body, secret)
	verify(t, h.taken[0].header, h.taken[0].body, old)
	put(time.Now().Add(-time.Hour))
	id = w.put(account, "build", 1)[0]
	d.Wake()
	w.until("it came", func() bool { return h.has(id) })
	verify(t, h.taken[1].header, h.taken[1].body, secret)
	if n := len(strings.Fields(h.taken[1].header.Get("Webhook-Signature"))); n != 1 {
		t.Errorf("%d signatures after the old secret has ended", n)
	}
}

// Whatever a web hook does, it gets all events in the end, and others have
// theirs at once.
func TestAWebHookInTrouble(t *testing.T) {
	type handler = func(http.ResponseWriter, *http.Request, []byte) bool
	tests := map[string]struct {
		trouble func(t *testing.T, h *hook) handler
		heal    func(h *hook) // nil: answers well from then on
	}{
		"is slow": {trouble: func(t *testing.T, h *hook) handler {
			release := make(chan struct{})
			t.Cleanup(func() { close(release) })
			return func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
				select {
				case <-release:
				case <-r.Context().Done():
				}
				return false
			}
		}},
		"refuses":         {trouble: func(*testing.T, *hook) handler { return status(403) }},
		"is overwhelmed":  {trouble: func(*testing.T, *hook) handler { return status(429) }},
		"fails":           {trouble: func(*testing.T, *hook) handler { return status(500) }},
		"is somewhere":    {trouble: func(*testing.T, *hook) handler { return redirect("/elsewhere", 302) }},
		"turns in circle": {trouble: func(*testing.T, *hook) handler { return redirect("/hook", 307) }},
		"hangs up": {trouble: func(*testing.T, *hook) handler {
			return func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
				if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
					c.Close()
				}
				return false
			}
		}},
		"answers with no HTTP": {trouble: func(*testing.T, *hook) handler {
			return func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
				if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
					c.Write([]byte("hello\r\n\r\n"))
					c.Close()
				}
				return false
			}
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.config.Timeout = 100 * time.Millisecond
			bad, good := newHook(t, nil), newHook(t, nil)
			bad.set(tt.trouble(t, bad))
			w.rule(account, "bad", "build", bad.target("hook"))
			w.rule(account, "good", "build", good.target("hook"))
			d, _ := w.run()
			ids := w.put(account, "build", 10)
			d.Wake()
			w.until("the other has its events", func() bool { return good.has(ids...) })
			w.until("it was tried again", func() bool { asked, _ := bad.times(); return asked >= 12 })
			if _, took := bad.times(); took > 0 {
				t.Fatalf("it took %d events while it was in trouble", took)
			}
			bad.set(nil)
			w.until("it has its events", func() bool { return bad.has(ids...) && w.waiting() == 0 })
			if _, took := good.times(); took != len(ids) {
				t.Errorf("the other has %d events, want %d", took, len(ids))
			}
		})
	}
}

func redirect(to string, code int) func(http.ResponseWriter, *http.Request, []byte) bool {
	return func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		http.Redirect(w, r, to, code)
		return false
	}
}

func TestAWebHookThatIsDown(t *testing.T) {
	w := newWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	w.rule(account, "ci", "build", rules.Target{ID: "hook", ARN: "http://" + address + "/"})
	d, _ := w.run()
	ids := w.put(account, "build", 5)
	d.Wake()
	w.until("it was tried", func() bool { return d.Stats().Failed > 3 })
	h := &hook{}
	if l, err = net.Listen("tcp", address); err != nil {
		t.Skipf("the port was taken by another program: %v", err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
	s.Start()
	defer s.Close()
	w.until("it has its events", func() bool { return h.has(ids...) && w.waiting() == 0 })
}

func TestARedirectThatKeepsTheRequestIsFollowed(t *testing.T) {
	w := newWorld(t)
	end := newHook(t, nil)
	elsewhere := newHook(t, redirect(strings.Replace(end.URL, "127.0.0.1", "localhost", 1)+"/end", 308))
	here := newHook(t, redirect(end.URL+"/end", 307))
	for _, h := range []*hook{elsewhere, here} {
		to := h.target("hook")
		to.HTTP = &rules.HTTPParameters{Headers: map[string]string{"X-Token": "hush"}}
		w.rule(account, "ci", "build", to)
		d, stop := w.run()
		id := w.put(account, "build", 1)[0]
		d.Wake()
		w.until("it came", func() bool { return end.has(id) })
		stop()
		m := end.taken[len(end.taken)-1]
		verify(t, m.header, m.body, secret)
		if m.header.Get("X-Token") != "" {
			t.Error("a header that was meant for one host went to another")
		}
	}
}

func TestAPrivateAddressIsNotReached(t *testing.T) {
	w := newWorld(t)
	inside := newHook(t, nil)
	outside := newHook(t, redirect(inside.URL+"/", 307))
	allowed := strings.TrimPrefix(outside.URL, "http://")
	w.config.Control = func(_, address string, _ syscall.RawConn) error {
		if address == allowed { // stands for an address that is not private
			return nil
		}
		return &net.AddrError{Err: "refused to connect to special address", Addr: address}
	}
	w.rule(account, "direct", "build", inside.target("hook"))
	w.rule(account, "redirected", "build", outside.target("hook"))
	d, _ := w.run()
	w.put(account, "build", 1)
	d.Wake()
	w.until("it was tried", func() bool { return d.Stats().Failed > 5 })
	if asked, _ := inside.times(); asked > 0 {
		t.Errorf("the private address was asked %d times", asked)
	}
	if !strings.Contains(w.log.String(), "special address") {
		t.Errorf("the log does not say why: %s", w.log.String())
	}
}

func TestLogsTellNoSecrets(t *testing.T) {
	w := newWorld(t)
	h := newHook(t, status(500))
	one := 1
	w.rule(account, "ci", "build", rules.Target{
		ID: "hook", ARN: strings.Replace(h.URL, "http://", "http://user:hush1@", 1) + "/hush2?token=hush3",
		HTTP: &rules.HTTPParameters{Headers: map[string]string{"Authorization": "hush4"}, Query: map[string]string{"q": "hush5"}}, Retry: &rules.RetryPolicy{Attempts: &one},
	}, rules.Target{ID: "gone", ARN: "http://user:hush6@127.0.0.1:1/hush7?x=hush8", Retry: &rules.RetryPolicy{Attempts: &one}})
	d, _ := w.run()
	w.put(account, "build", 1)
	d.Wake()
	w.until("both are given up", func() bool { return d.Stats().Dead == 2 })
	said := w.log.String()
	for _, m := range w.bus.on("larder.deadletters." + account + ".ci") {
		for name, values := range m.Header {
			said += name + strings.Join(values, "")
		}
	}
	if strings.Contains(said, "hush") || strings.Contains(said, string(secret)) {
		t.Errorf("a secret was told:\n%s", said)
	}
}

func TestDeadLetters(t *testing.T) {
	two, none := 2, 0
	tests := map[string]struct {
		answer    int
		retry     *rules.RetryPolicy
		asked     int
		condition string
	}{
		"after so many tries": {500, &rules.RetryPolicy{Attempts: &two}, 3, "MaximumRetryAttempts"},
		"after the first":     {404, &rules.RetryPolicy{Attempts: &none}, 1, "MaximumRetryAttempts"},
		"which is gone":       {410, nil, 1, "Gone"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			h := newHook(t, status(tt.answer))
			to := h.target("hook")
			to.Retry, to.DeadLetter = tt.retry, &rules.DeadLetter{ARN: "nats:dead"}
			to.InputPath = "$.detail"
			w.bus.deaf["dead"] = true
			w.rule(account, "ci", "build", to)
			d, _ := w.run()
			id := w.put(account, "build", 1)[0]
			d.Wake()
			w.until("it was tried", func() bool { asked, _ := h.times(); return asked >= tt.asked })
			w.until("the dead letter waits for a listener", func() bool { return strings.Contains(w.log.String(), "among the dead letters") })
			w.bus.set(func() { w.bus.deaf["dead"] = false })
			w.until("the dead letter came", func() bool { return len(w.bus.on("dead")) == 1 && w.waiting() == 0 })
			m := w.bus.on("dead")[0]
			if e := jsonOf(t, string(m.Data)); e["id"] != id {
				t.Errorf("the dead letter is not the whole event: %s", m.Data)
			}
			if got := m.Header["EXHAUSTED_RETRY_CONDITION"]; !slices.Equal(got, []string{tt.condition}) || m.Header["TARGET_ID"][0] != "hook" || !strings.HasSuffix(m.Header["RULE_ARN"][0], "rule/ci") {
				t.Errorf("header %v", m.Header)
			}
			if asked, _ := h.times(); tt.condition != "Gone" && asked != tt.asked {
				t.Errorf("asked %d times, want %d", asked, tt.asked)
			}
		})
	}
}

func TestAnEventThatIsTooOldIsGivenUp(t *testing.T) {
	w := newWorld(t)
	h := newHook(t, status(500))
	age := 60
	to := h.target("hook")
	to.Retry = &rules.RetryPolicy{Age: &age}
	w.rule(account, "ci", "build", to)
	var ahead atomic.Int64
	w.config.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	d, _ := w.run()
	w.put(account, "build", 1)
	d.Wake()
	w.until("it was tried", func() bool { return d.Stats().Failed > 2 })
	if d.Stats().Dead != 0 {
		t.Fatal("given up too early")
	}
	ahead.Store(int64(2 * time.Minute))
	w.until("it is given up", func() bool { return d.Stats().Dead == 1 && w.waiting() == 0 })
	if n := len(w.bus.on(events.DeadLetters(account, "ci"))); n != 1 {
		t.Errorf("%d dead letters", n)
	}
}

// It is given up like any other, and holds up no other meanwhile.
func TestAnEventThatIsTooLargeForNATSIsGivenUp(t *testing.T) {
	w := newWorld(t)
	w.bus.limit = 10
	two := 2
	retry := &rules.RetryPolicy{Attempts: &two}
	w.rule(account, "ci", "build", rules.Target{ID: "whole", ARN: "nats:ci", Retry: retry})
	d, _ := w.run()
	w.put(account, "build", 2)
	d.Wake()
	w.until("they are given up", func() bool { return d.Stats().Dead == 2 && w.waiting() == 0 })
	letters := w.bus.on(events.DeadLetters(account, "ci"))
	if len(letters) != 2 || len(letters[0].Data) > 0 || letters[0].Header["TARGET_ID"][0] != "whole" || !strings.Contains(letters[0].Header["ERROR_MESSAGE"][0], "larger") {
		t.Errorf("dead letters %+v", letters)
	}
	if strings.Contains(w.log.String(), "is back") {
		t.Error("the target as a whole was taken for away")
	}
}

func TestASubjectThatNobodyListensOnIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.bus.deaf["ci"] = true
	w.rule(account, "ci", "build", rules.Target{ID: "bus", ARN: "nats:ci"})
	w.rule(account, "hook", "build", rules.Target{ID: "bus", ARN: "nats:other"})
	d, _ := w.run()
	w.put(account, "build", 3)
	d.Wake()
	w.until("it was tried", func() bool { return d.Stats().Failed > 3 && len(w.bus.on("other")) == 3 })
	w.bus.set(func() { w.bus.deaf["ci"] = false })
	w.until("it came", func() bool { return len(w.bus.on("ci")) >= 3 && w.waiting() == 0 })
}
