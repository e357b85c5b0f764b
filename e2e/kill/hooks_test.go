package kill

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// hook is a web hook that lives through all deaths of the server.
type hook struct {
	*httptest.Server
	flaky bool // it refuses some, and hangs up on others

	mu    sync.Mutex
	calls int
	took  map[string]int // by the event's id
}

func newHook(t *testing.T, flaky bool) *hook {
	h := &hook{flaky: flaky, took: map[string]int{}}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var e struct{ ID string }
	if err != nil || json.Unmarshal(body, &e) != nil || e.ID == "" || e.ID != r.Header.Get("Webhook-Id") {
		http.Error(w, "no event", http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	h.calls++
	calls := h.calls
	if h.flaky && calls%7 == 0 {
		h.mu.Unlock()
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	}
	h.took[e.ID]++
	h.mu.Unlock()
	if h.flaky && calls%11 == 0 { // it took the event, and nobody hears of it
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			c.Close()
		}
	}
}

// lacks counts the events that the hook has not had.
func (h *hook) lacks(all []event) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range all {
		if h.took[e.ID] == 0 {
			n++
		}
	}
	return n
}

// attach makes a rule for every event to each hook, and the repository that
// versions are copied to.
func (c *clients) attach(t *testing.T, hooks ...*hook) {
	t.Helper()
	_, err := c.control.CreateRepository(t.Context(), &codeartifact.CreateRepositoryInput{Domain: aws.String(domain), Repository: aws.String(copies)})
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range hooks {
		name := aws.String([]string{"steady", "flaky"}[i])
		_, err := c.events.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: name, EventPattern: aws.String(`{"source":["aws.codeartifact","kill"]}`)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: name, Targets: []types.Target{{Id: aws.String("hook"), Arn: aws.String(h.URL + "/")}}})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// hooked checks that each hook gets every event of the stream at least once,
// and nothing else.
func (i *inspection) hooked(all []event, hooks ...*hook) {
	ids := map[string]bool{}
	for _, e := range all {
		ids[e.ID] = true
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for _, h := range hooks {
		for h.lacks(all) > 0 {
			select {
			case <-tick.C:
				continue
			case <-deadline:
			}
			i.Errorf("a web hook (flaky: %t) lacks %d of %d events", h.flaky, h.lacks(all), len(all))
			break
		}
		h.mu.Lock()
		again := 0
		for id, n := range h.took {
			if !ids[id] {
				i.Errorf("a web hook got event %s, which is not in the stream", id)
			}
			if n > 1 {
				again++
			}
		}
		i.Logf("web hook (flaky: %t): %d events, %d of them more than once", h.flaky, len(h.took), again)
		h.mu.Unlock()
	}
}
