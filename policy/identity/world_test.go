package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"larder/registry"
)

// rows is as much of Metadata as identities need, in memory.
type rows struct {
	registry.Tx // nil: nothing else is called
	mu          sync.Mutex
	clock       registry.Clock
	accounts    map[string]registry.Account
	users       map[string]registry.User
	accessKeys  map[string]registry.AccessKey
	roles       map[string]registry.Role
	keys        []registry.Key
	identities  atomic.Int64
	views       atomic.Int64
	broken      atomic.Bool
}

func newRows(clock registry.Clock) *rows {
	return &rows{clock: clock, accounts: map[string]registry.Account{}, users: map[string]registry.User{}, accessKeys: map[string]registry.AccessKey{}, roles: map[string]registry.Role{}}
}

var errBroken = &registry.Error{Code: registry.Internal, Err: errors.New("database is away")}

func (m *rows) View(_ context.Context, f func(registry.Tx) error) error {
	m.views.Add(1)
	if m.broken.Load() {
		return errBroken
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return f(m)
}

func (m *rows) Update(_ context.Context, f func(registry.Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	accounts, users, accessKeys, keys := maps.Clone(m.accounts), maps.Clone(m.users), maps.Clone(m.accessKeys), slices.Clone(m.keys)
	err := f(m)
	if err != nil {
		m.accounts, m.users, m.accessKeys, m.keys = accounts, users, accessKeys, keys
		return err
	}
	m.identities.Add(1)
	return nil
}

func (m *rows) Counters(context.Context, registry.DomainID) (registry.Counters, error) {
	return registry.Counters{Identities: m.identities.Load()}, nil
}

func (m *rows) Close() error   { return nil }
func (m *rows) Now() time.Time { return m.clock().UTC().Truncate(time.Millisecond) }

func find[V any](m map[string]V, k string) (V, error) {
	v, ok := m[k]
	if !ok {
		return v, registry.Errorf(registry.NotFound, "%s is not there", k)
	}
	return v, nil
}

func add[V any](m map[string]V, k string, v V) error {
	if _, ok := m[k]; ok {
		return registry.Errorf(registry.Conflict, "%s is there", k)
	}
	m[k] = v
	return nil
}

func (m *rows) CreateAccount(a registry.Account) error          { return add(m.accounts, a.ID, a) }
func (m *rows) Account(id string) (registry.Account, error)     { return find(m.accounts, id) }
func (m *rows) CreateUser(u registry.User) error                { return add(m.users, u.ARN(), u) }
func (m *rows) CreateAccessKey(k registry.AccessKey) error      { return add(m.accessKeys, k.ID, k) }
func (m *rows) AccessKey(id string) (registry.AccessKey, error) { return find(m.accessKeys, id) }
func (m *rows) User(account, name string) (registry.User, error) {
	return find(m.users, registry.User{Account: account, Name: name}.ARN())
}
func (m *rows) Role(account, name string) (registry.Role, error) {
	return find(m.roles, account+"/"+name)
}

func (m *rows) UseAccessKey(id string, u registry.KeyUse) error {
	k, err := find(m.accessKeys, id)
	k.Used = u
	m.accessKeys[id] = k
	m.identities.Add(-1) // Update counts each change; this one moves no counter
	return err
}

func (m *rows) Keys(purpose string) (out []registry.Key, err error) {
	for _, k := range m.keys {
		if k.Purpose == purpose {
			out = append(out, k)
		}
	}
	return out, nil
}

func (m *rows) CreateKey(k registry.Key) error {
	m.keys = append(m.keys, k)
	return nil
}

func (m *rows) DeleteKey(purpose, id string) error {
	m.keys = slices.DeleteFunc(m.keys, func(k registry.Key) bool { return k.Purpose == purpose && k.ID == id })
	return nil
}

// world is a server's identities with a clock that tests move.
type world struct {
	*Authenticator
	rows  *rows
	admin KeyPair
	now   atomic.Pointer[time.Time]
}

var epoch = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{}
	w.set(epoch)
	w.rows = newRows(w.clock)
	w.Authenticator = w.process(t, Config{})
	w.admin = w.bootstrap(t)
	return w
}

func (w *world) clock() time.Time     { return *w.now.Load() }
func (w *world) set(at time.Time)     { w.now.Store(&at) }
func (w *world) pass(d time.Duration) { w.set(w.clock().Add(d)) }

// process is another process of the same server.
func (w *world) process(t testing.TB, c Config) *Authenticator {
	c.Metadata, c.Sealer, c.Clock = w.rows, newSealer(t, 1), w.clock
	return New(c)
}

func (w *world) bootstrap(t testing.TB) (pair KeyPair) {
	t.Helper()
	err := w.rows.Update(context.Background(), func(tx registry.Tx) (err error) {
		pair, err = Bootstrap(tx, newSealer(t, 1))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func (w *world) change(f func()) {
	w.rows.Update(context.Background(), func(registry.Tx) error { f(); return nil })
}

func (w *world) disableKey(id string) {
	w.change(func() {
		k := w.rows.accessKeys[id]
		k.Active = false
		w.rows.accessKeys[id] = k
	})
}

func (w *world) actor() registry.Actor {
	return registry.Actor{Account: FirstAccount, Principal: "arn:aws:iam::000000000000:user/admin", User: "admin", AccessKey: w.admin.ID}
}

var local = registry.DomainID{Owner: FirstAccount, Name: "local"}

func (w *world) token(t testing.TB, life time.Duration) string {
	t.Helper()
	token, _, err := w.IssueToken(context.Background(), w.actor(), local, life)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// ask is a request with these headers, name and value by turns.
func ask(headers ...string) *http.Request {
	r, _ := http.NewRequest("GET", "http://larder.test/npm/d/local-000000000000/main/", nil)
	r.RemoteAddr = "192.0.2.7:4711"
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func mac(key []byte, data string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(data))
	return h.Sum(nil)
}
