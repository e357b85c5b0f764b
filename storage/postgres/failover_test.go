package postgres_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"larder/internal/pgtest"
	"larder/registry"
	"larder/storage/postgres"
)

// way stands between clients and the database, and does what networks and
// poolers do.
type way struct {
	net.Listener
	to string

	mu    sync.Mutex
	conns []*wire
	watch string              // text of a query
	met   func(w *wire) error // of the first connection that sends it; an error ends the connection
}

// wire is a connection of a client through the way.
type wire struct {
	client, server net.Conn
	mu             sync.Mutex
	silent         chan struct{} // nil: bytes pass; else they wait until it is closed
	swallow        bool          // the next answer is lost
	last           []byte        // what the client gets in its place, as the last
}

// through gives a way to the database of the URL, and the URL that takes it.
func through(t *testing.T, u string) (*way, string) {
	t.Helper()
	c, err := cluster()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{Listener: l, to: c.Address()}
	go w.run()
	t.Cleanup(func() {
		l.Close()
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, c := range w.conns {
			c.speak()
			c.close()
		}
	})
	return w, strings.Replace(u, w.to, l.Addr().String(), 1)
}

func (w *way) run() {
	for {
		client, err := w.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.to)
		if err != nil {
			client.Close()
			continue
		}
		c := &wire{client: client, server: server}
		w.mu.Lock()
		w.conns = append(w.conns, c)
		w.mu.Unlock()
		go c.carry(client, server, w.look)
		go c.carry(server, client, c.answer)
	}
}

// look is told what a client sends.
func (w *way) look(c *wire, b []byte) error {
	w.mu.Lock()
	met := w.met
	if met == nil || !bytes.Contains(b, []byte(w.watch)) {
		w.mu.Unlock()
		return nil
	}
	w.met = nil
	w.mu.Unlock()
	return met(c)
}

// when has met called once a client has sent the text.
func (w *way) when(text string, met func(*wire) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watch, w.met = text, met
}

// hush makes the connections that there are silent: nobody hears from the other.
func (w *way) hush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		c.hush()
	}
}

func (c *wire) hush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.silent == nil {
		c.silent = make(chan struct{})
	}
}

func (c *wire) speak() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.silent != nil {
		close(c.silent)
		c.silent = nil
	}
}

func (c *wire) close() {
	c.client.Close()
	c.server.Close()
}

var errEnd = errors.New("the connection ends")

// answer is told what the server sends.
func (c *wire) answer(_ *wire, _ []byte) error {
	c.mu.Lock()
	silent := c.silent
	c.mu.Unlock()
	if silent != nil {
		<-silent
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.swallow {
		return nil
	}
	c.client.Write(c.last) //nolint:errcheck // the client may have left
	return errEnd
}

func (c *wire) carry(from, to net.Conn, look func(*wire, []byte) error) {
	defer c.close()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			if look(c, b[:n]) != nil {
				return
			}
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func domain(name string) registry.DomainID {
	return registry.DomainID{Owner: "111111111111", Name: name}
}

func create(ctx context.Context, m registry.Metadata, name string) error {
	return m.Update(ctx, func(tx registry.Tx) error { return tx.CreateDomain(registry.Domain{ID: domain(name)}) })
}

// Whoever asks again after a commit without an answer may do the same twice.
func TestACommitWithoutAnAnswerIsNotRepeated(t *testing.T) {
	lost, err := (&pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "08P01", Message: "server conn crashed?"}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, last := range map[string][]byte{"the connection is cut": nil, "a pooler has lost the server": lost} {
		t.Run(name, func(t *testing.T) {
			url := place(t)
			w, by := through(t, url)
			db := open(t, by)
			defer db.Close()
			w.when("COMMIT\x00", func(c *wire) error {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.swallow, c.last = true, last
				return nil
			})
			runs := 0
			err := db.Update(t.Context(), func(tx registry.Tx) error {
				runs++
				return tx.CreateDomain(registry.Domain{ID: domain("acme")})
			})
			if runs != 1 || registry.CodeOf(err) != registry.Unavailable {
				t.Errorf("ran %d times: %v; want once, and Unavailable", runs, err)
			}
			err = db.View(t.Context(), func(tx registry.Tx) error { _, err := tx.Domain(domain("acme")); return err })
			if err != nil {
				t.Errorf("what was committed: %v", err)
			}
		})
	}
}

// A machine that is gone says nothing, and those that wait for it would wait for
// as long as TCP does.
func TestASilentConnectionIsGivenUp(t *testing.T) {
	w, by := through(t, place(t))
	db := open(t, by+"&lock_timeout=100")
	defer db.Close()
	var all sync.WaitGroup
	for range 4 { // several that nobody uses
		all.Go(func() {
			if err := create(t.Context(), db, "acme"); err != nil && registry.CodeOf(err) != registry.Conflict {
				t.Error(err)
			}
		})
	}
	all.Wait()
	w.hush()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := create(ctx, db, "other"); err != nil {
		t.Errorf("another update: %v", err)
	}
}

// operated is a cluster to which operators do what they do. Each test leaves it
// as it was.
var operated = sync.OnceValues(func() (*pgtest.Cluster, error) { return pgtest.Start(pgtest.Hasty...) })

func operate(t *testing.T) (*pgtest.Cluster, *postgres.DB) {
	t.Helper()
	c, err := operated()
	if errors.Is(err, pgtest.ErrMissing) && os.Getenv("CI") == "" {
		t.Skipf("%v: install the package postgresql", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	run(t, c.URL(), "CREATE SCHEMA operated")
	t.Cleanup(func() { run(t, c.URL(), "DROP SCHEMA operated CASCADE") })
	db := open(t, c.URL("search_path=operated"))
	t.Cleanup(func() { db.Close() })
	return c, db
}

// eventually waits until the database says yes.
func eventually(t *testing.T, url, question string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var yes bool
		if err := db.QueryRowContext(t.Context(), question).Scan(&yes); err != nil {
			t.Fatal(err)
		}
		if yes {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("never: %s", question)
		}
	}
}

const endAll = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'larder'"

// What ends a connection that nobody uses is met by nobody.
func TestConnectionsThatTheServerEndsAreReplaced(t *testing.T) {
	c, db := operate(t)
	operator := c.URL("idle_session_timeout=0")
	run(t, operator, "ALTER ROLE larder SET idle_session_timeout = '20ms'")
	defer run(t, operator, "ALTER ROLE larder RESET idle_session_timeout")
	run(t, operator, endAll)
	for _, name := range []string{"one", "two", "three"} {
		if err := create(t.Context(), db, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		eventually(t, operator, "SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE application_name = 'larder')")
	}
}

func TestADatabaseThatLetsNobodyInIsUnavailable(t *testing.T) {
	c, db := operate(t)
	run(t, c.URL(), "CREATE ROLE operator SUPERUSER LOGIN; ALTER ROLE larder NOLOGIN")
	operator := strings.Replace(c.URL(), "larder@", "operator@", 1)
	defer func() {
		run(t, operator, "ALTER ROLE larder LOGIN")
		run(t, c.URL(), "DROP ROLE operator")
	}()
	run(t, operator, endAll)
	if err := create(t.Context(), db, "acme"); registry.CodeOf(err) != registry.Unavailable {
		t.Errorf("update: %v, want Unavailable", err)
	}
	if _, err := db.Counters(t.Context(), domain("acme")); registry.CodeOf(err) != registry.Unavailable {
		t.Errorf("counters: %v, want Unavailable", err)
	}
}

// A standby lets read what is old, and gives leads that the primary gives, too.
func TestAStandbyIsNotUsed(t *testing.T) {
	c, db := operate(t)
	if err := create(t.Context(), db, "acme"); err != nil {
		t.Fatal(err)
	}
	if err := c.Demote(); err != nil {
		t.Fatal(err)
	}
	err := db.View(t.Context(), func(tx registry.Tx) error { _, err := tx.Domain(domain("acme")); return err })
	if registry.CodeOf(err) != registry.Unavailable {
		t.Errorf("view: %v, want Unavailable", err)
	}
	if _, err := db.Counters(t.Context(), domain("acme")); registry.CodeOf(err) != registry.Unavailable {
		t.Errorf("counters: %v, want Unavailable", err)
	}
	if err := create(t.Context(), db, "other"); registry.CodeOf(err) != registry.Unavailable {
		t.Errorf("update: %v, want Unavailable", err)
	}
	if _, err := postgres.Open(t.Context(), c.URL("search_path=operated")); err == nil || !strings.Contains(err.Error(), "standby") {
		t.Errorf("a start: %v, want a sentence about the standby", err)
	}
	if err := c.Promote(); err != nil {
		t.Fatal(err)
	}
	if err := create(t.Context(), db, "other"); err != nil {
		t.Errorf("when it is the primary again: %v", err)
	}
}

// Some databases take no changes while their disk is full.
func TestADatabaseThatTakesNoChangesIsUnavailable(t *testing.T) {
	c, db := operate(t)
	run(t, c.URL(), "ALTER DATABASE postgres SET default_transaction_read_only = on")
	run(t, c.URL(), endAll)
	err := create(t.Context(), db, "acme")
	if registry.CodeOf(err) != registry.Unavailable {
		t.Errorf("update: %v, want Unavailable", err)
	}
	err = db.View(t.Context(), func(tx registry.Tx) error { _, _, err := tx.Domains("", registry.Page{}); return err })
	if err != nil {
		t.Errorf("view: %v", err)
	}
	run(t, c.URL("default_transaction_read_only=off"), "ALTER DATABASE postgres RESET default_transaction_read_only")
	if err := create(t.Context(), db, "acme"); err != nil {
		t.Errorf("update afterwards: %v", err)
	}
}
