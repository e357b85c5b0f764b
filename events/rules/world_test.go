package rules_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/events"
	"larder/events/rules"
	"larder/registry"
	"larder/storage/sqlite"
)

const account, other = "111111111111", "222222222222"

// plainSealer hides nothing; it knows what was sealed for what.
type plainSealer struct{}

func (plainSealer) Seal(purpose, id string, plain []byte) []byte {
	return append([]byte(purpose+"\n"+id+"\n"), plain...)
}

func (plainSealer) Open(purpose, id string, sealed []byte) ([]byte, error) {
	plain, ok := bytes.CutPrefix(sealed, []byte(purpose+"\n"+id+"\n"))
	if !ok {
		return nil, errors.New("sealed for something else")
	}
	return plain, nil
}

// bus is the subjects of NATS.
type bus struct {
	mu       sync.Mutex
	deaf     map[string]bool // subjects that nobody listens on
	limit    int             // bytes of a message; zero: none
	away     error
	messages []events.Message
	came     chan struct{}
}

func (b *bus) Send(_ context.Context, _ string, m events.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away != nil {
		return b.away
	}
	if b.limit > 0 && len(m.Data) > b.limit {
		return events.ErrTooLarge
	}
	if b.deaf[m.Subject] {
		return events.ErrNobodyListens
	}
	b.messages = append(b.messages, m)
	select {
	case b.came <- struct{}{}:
	default:
	}
	return nil
}

func (b *bus) set(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// on gives the ids of what was sent to a subject.
func (b *bus) on(subject string) (all []events.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.messages {
		if m.Subject == subject {
			all = append(all, m)
		}
	}
	return all
}

// world is a dispatcher over an empty database, which waits hardly at all
// between tries.
type world struct {
	*testing.T
	meta   registry.Metadata
	bus    *bus
	config rules.Config
	log    lockedBuffer
	n      int
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	meta, err := sqlite.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { meta.Close() })
	w := &world{T: t, meta: meta, bus: &bus{deaf: map[string]bool{}, came: make(chan struct{}, 1)}}
	w.config = rules.Config{
		Metadata: meta, Sealer: plainSealer{}, NATS: w.bus, Region: "us-east-1", UserAgent: "Larder/test",
		Logger:     slog.New(slog.NewTextHandler(&w.log, nil)),
		MinBackoff: time.Millisecond, MaxBackoff: 5 * time.Millisecond, MaxRest: 2 * time.Millisecond, Poll: 10 * time.Millisecond,
	}
	return w
}

// run starts a dispatcher, which ends with the test or when stop is called.
func (w *world) run() (d *rules.Dispatcher, stop func()) {
	w.Helper()
	d = rules.New(w.config)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := d.Run(ctx); err != nil {
			w.Error(err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	w.Cleanup(stop)
	return d, stop
}

func (w *world) update(f func(registry.Tx) error) {
	w.Helper()
	if err := w.meta.Update(w.Context(), f); err != nil {
		w.Fatal(err)
	}
}

// rule puts a rule of an account for events of a source, with targets.
func (w *world) rule(account, name, source string, targets ...rules.Target) {
	w.Helper()
	w.update(func(tx registry.Tx) error {
		if err := tx.PutRule(registry.Rule{Account: account, Name: name, Pattern: fmt.Sprintf(`{"source":[%q]}`, source), Created: tx.Now()}); err != nil {
			return err
		}
		for _, t := range targets {
			row, err := rules.Seal(plainSealer{}, account, name, rules.Sealed{Target: t, Secret: secret})
			if err != nil {
				return err
			}
			if err := tx.PutTarget(row); err != nil {
				return err
			}
		}
		return nil
	})
}

const secret rules.Secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// put appends events of a source to the outbox, and gives their ids.
func (w *world) put(account, source string, n int) (ids []string) {
	w.Helper()
	w.update(func(tx registry.Tx) error {
		ids = nil
		var all []registry.Event
		for i := range n {
			id := fmt.Sprintf("%s-%s-%d", account, source, w.n+i)
			ids = append(ids, id)
			all = append(all, registry.Event{
				ID: id, Account: account, Time: tx.Now(),
				Own: &registry.OwnEvent{Source: source, DetailType: "T", Detail: fmt.Sprintf(`{"n":%d}`, w.n+i), Resources: []string{"r 1"}},
			})
		}
		return tx.AppendEvents(all...)
	})
	w.n += n
	return ids
}

// waiting is how many deliveries are on their way.
func (w *world) waiting() (n int) {
	w.Helper()
	err := w.meta.View(context.Background(), func(tx registry.Tx) (err error) {
		n, err = tx.DeliveriesWaiting()
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return n
}

// until waits for something that comes by itself.
func (w *world) until(what string, is func() bool) {
	w.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			w.Fatalf("in vain: %s\n%s", what, w.log.String())
		}
	}
}

// hook is a web hook that answers as it is told, and keeps what it took.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(w http.ResponseWriter, r *http.Request, body []byte) bool // whether it took the event
	taken  []taken
	asked  int
}

type taken struct {
	id     string
	body   string
	header http.Header
}

func newHook(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, body []byte) bool) *hook {
	t.Helper()
	h := &hook{answer: answer}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	h.mu.Lock()
	h.asked++
	answer := h.answer
	h.mu.Unlock()
	if answer != nil && !answer(w, r, body) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.taken = append(h.taken, taken{r.Header.Get("Webhook-Id"), string(body), r.Header.Clone()})
}

func (h *hook) set(answer func(http.ResponseWriter, *http.Request, []byte) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = answer
}

func (h *hook) has(ids ...string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	have := map[string]bool{}
	for _, t := range h.taken {
		have[t.id] = true
	}
	for _, id := range ids {
		if !have[id] {
			return false
		}
	}
	return true
}

func (h *hook) times() (asked, took int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked, len(h.taken)
}

func (h *hook) target(id string) rules.Target { return rules.Target{ID: id, ARN: h.URL + "/hook"} }

func status(code int) func(http.ResponseWriter, *http.Request, []byte) bool {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		w.WriteHeader(code)
		return code/100 == 2
	}
}

// verify checks a message as Standard Webhooks says.
func verify(t *testing.T, h http.Header, body string, secret rules.Secret) {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(secret), "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	io.WriteString(mac, h.Get("Webhook-Id")+"."+h.Get("Webhook-Timestamp")+"."+body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for got := range strings.FieldsSeq(h.Get("Webhook-Signature")) {
		if got == want {
			return
		}
	}
	t.Errorf("signature %q, want %q", h.Get("Webhook-Signature"), want)
}

func jsonOf(t *testing.T, text string) (v map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}
