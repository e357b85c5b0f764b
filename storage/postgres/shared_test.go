package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"larder/internal/pgtest"
	"larder/registry"
	"larder/storage/postgres"
	"larder/storage/sqlmeta"
	"larder/storage/storagetest"
)

func TestShared(t *testing.T) {
	storagetest.Shared(t, func(t *testing.T) (registry.Metadata, registry.Metadata) {
		url := place(t)
		return open(t, url), open(t, url)
	})
}

func TestProcessesThatStartTogetherMakeOneSchema(t *testing.T) {
	url := place(t)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			db, err := postgres.Open(t.Context(), url)
			if err != nil {
				t.Error(err)
				return
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestADatabaseOfAnotherBuildIsRefused(t *testing.T) {
	for what, c := range map[string]struct{ change, say string }{
		"newer schema":  {"INSERT INTO schema_version (version) VALUES (9999)", "9999"},
		"edited schema": {"UPDATE schema_version SET hash = 'x' WHERE version = 1", "0001_first.sql"},
	} {
		url := place(t)
		open(t, url).Close()
		run(t, url, c.change)
		_, err := postgres.Open(t.Context(), url)
		if registry.CodeOf(err) != registry.Unavailable || !strings.Contains(registry.MessageOf(err), c.say) {
			t.Errorf("%s: %v, want Unavailable with %q", what, err, c.say)
		}
	}
}

// Older processes of a server that is being upgraded may be started again.
func TestASchemaThatWasOnlyAddedToIsTaken(t *testing.T) {
	url := place(t)
	open(t, url).Close()
	run(t, url, "INSERT INTO schema_version (version, additive) VALUES (9998, 1), (9999, 1)")
	db := open(t, url)
	defer db.Close()
	if db.Ahead() != 2 {
		t.Errorf("%d steps ahead, want 2", db.Ahead())
	}
}

// A step that waits for a table keeps all who come behind it from the table: it
// has to let them pass while something else holds the table for long.
func TestAStepThatWaitsForATableLetsOthersPass(t *testing.T) {
	url := place(t)
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	earlier := *sqlmeta.PostgreSQL // than the step that adds to versions
	files := fstest.MapFS{}
	for _, name := range []string{"0001_first.sql", "0002_rules.sql"} {
		text, err := fs.ReadFile(earlier.Migrations, name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: text}
	}
	earlier.Migrations = files
	conn, err := db.Conn(t.Context())
	if err == nil {
		_, err = sqlmeta.Migrate(t.Context(), conn, &earlier)
	}
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	backup, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Exec("SELECT COUNT(*) FROM versions"); err != nil {
		t.Fatal(err)
	}
	opened := make(chan error)
	go func() {
		d, err := postgres.Open(t.Context(), url)
		if err == nil {
			err = d.Close()
		}
		opened <- err
	}()
	waits := map[string]bool{} // by when they began
	for len(waits) < 2 {
		rows, err := db.QueryContext(t.Context(), "SELECT query_start::text FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE %versions%'")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var began string
			if err := rows.Scan(&began); err != nil {
				t.Fatal(err)
			}
			waits[began] = true
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := backup.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

func TestWhatCannotBeUsedIsSaidWithoutThePassword(t *testing.T) {
	place(t) // or skip
	c, err := cluster()
	if err != nil {
		t.Fatal(err)
	}
	base := c.URL()
	for url, say := range map[string]string{
		strings.Replace(base, "larder@", "nobody:secret@", 1):           "does not exist",
		strings.Replace(base, "/postgres?", "/missing?", 1):             "does not exist",
		c.URL("search_path=missing"):                                    "search_path",
		"postgres://larder:secret@127.0.0.1:1/postgres?sslmode=disable": "cannot be reached",
	} {
		_, err := postgres.Open(t.Context(), url)
		if msg := registry.MessageOf(err); registry.CodeOf(err) != registry.Unavailable || !strings.Contains(msg, say) || strings.Contains(msg, "secret") {
			t.Errorf("%q, %v: want Unavailable with %q", msg, err, say)
		}
	}
}

func TestAStatementThatFailsFailsTheWhole(t *testing.T) {
	db := open(t, place(t))
	defer db.Close()
	err := db.Update(t.Context(), func(tx registry.Tx) error {
		if err := tx.CreateAccount(registry.Account{ID: "1"}); err != nil {
			return err
		}
		if err := tx.CreateAccount(registry.Account{ID: "2", Name: "a\x00b"}); registry.CodeOf(err) != registry.Internal {
			t.Errorf("a NUL character: %v", err)
		}
		return nil // as if nothing had happened
	})
	if err == nil {
		t.Error("the update was acknowledged")
	}
	err = db.View(t.Context(), func(tx registry.Tx) error { _, err := tx.Account("1"); return err })
	if !registry.IsNotFound(err) {
		t.Errorf("the account: %v, want NotFound", err)
	}
	err = db.Update(t.Context(), func(tx registry.Tx) error { return tx.CreateAccount(registry.Account{ID: "2", Name: "a\x00b"}) })
	if registry.CodeOf(err) != registry.Invalid {
		t.Errorf("a NUL character: %v, want Invalid", err)
	}
}

func TestAnUpdateThatWaitsTooLongIsUnavailable(t *testing.T) {
	url := place(t)
	slow, db := open(t, url), open(t, url+"&lock_timeout=50")
	defer slow.Close()
	defer db.Close()
	change := func(tx registry.Tx) error {
		return tx.CreateDomain(registry.Domain{ID: registry.DomainID{Owner: "1", Name: "d"}})
	}
	err := slow.Update(t.Context(), func(tx registry.Tx) error {
		if err := change(tx); err != nil {
			return err
		}
		if err := db.Update(t.Context(), change); registry.CodeOf(err) != registry.Unavailable {
			t.Errorf("the other: %v, want Unavailable", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A database that dies and comes back is met by the next transaction, and what
// it had acknowledged is there.
func TestADatabaseThatDiesAndComesBack(t *testing.T) {
	c := pgtest.Require(t, pgtest.Hasty...)
	db := open(t, c.URL())
	defer db.Close()
	id := registry.DomainID{Owner: "111111111111", Name: "acme"}
	put := func(name string) error {
		return db.Update(t.Context(), func(tx registry.Tx) error {
			return tx.CreateDomain(registry.Domain{ID: registry.DomainID{Owner: id.Owner, Name: name}})
		})
	}
	for round := range 3 {
		// Several connections, all of which die.
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() {
				if err := put(fmt.Sprint("d", round, i)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if err := c.Kill(); err != nil {
			t.Fatal(err)
		}
		err := db.View(t.Context(), func(tx registry.Tx) error { _, err := tx.Domain(id); return err })
		if registry.CodeOf(err) != registry.Unavailable {
			t.Errorf("view while it is dead: %v, want Unavailable", err)
		}
		if _, err := db.Counters(t.Context(), id); registry.CodeOf(err) != registry.Unavailable {
			t.Errorf("counters while it is dead: %v, want Unavailable", err)
		}
		if err := put("never"); registry.CodeOf(err) != registry.Unavailable {
			t.Errorf("update while it is dead: %v, want Unavailable", err)
		}
		if err := c.Run(); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Counters(t.Context(), id); err != nil {
			t.Errorf("counters afterwards: %v", err)
		}
	}
	err := db.View(t.Context(), func(tx registry.Tx) error {
		all, _, err := tx.Domains("", registry.Page{})
		if len(all) != 18 {
			t.Errorf("%d domains, want 18", len(all))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// The lead ends with the connection that holds it.
func TestALeadEndsWithItsConnection(t *testing.T) {
	url := place(t)
	db := open(t, url)
	defer db.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	turns := make(chan context.Context)
	ended := make(chan error)
	go func() {
		ended <- db.Lead(ctx, "test", func(ctx context.Context) error {
			turns <- ctx
			<-ctx.Done()
			return errors.New("ended")
		})
	}()
	first := <-turns
	run(t, url, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid() AND classid = (hashtext(current_schema())::bigint & 4294967295)::oid")
	<-first.Done()
	<-turns // again
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("when it is over: %v", err)
	}
}

// An update that finds out late that it needs the database alone is run again,
// whatever f made of that.
func TestAnUpdateThatNeedsTheDatabaseAloneIsRunAgain(t *testing.T) {
	url := place(t)
	a, b := open(t, url), open(t, url)
	defer a.Close()
	defer b.Close()
	runs := 0
	entered, leave := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		done <- b.Update(t.Context(), func(tx registry.Tx) error { // beside others
			close(entered)
			<-leave
			_, err := tx.Keys("p")
			return err
		})
	}()
	<-entered
	err := a.Update(t.Context(), func(tx registry.Tx) error {
		if runs++; runs == 1 {
			defer close(leave)
		}
		if err := tx.CreateKey(registry.Key{Purpose: "p", ID: "k"}); err != nil && runs > 1 {
			return err
		}
		return nil
	})
	if err := errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	if runs != 2 {
		t.Errorf("f ran %d times, want twice", runs)
	}
	err = b.View(t.Context(), func(tx registry.Tx) error {
		all, err := tx.Keys("p")
		if len(all) != 1 {
			t.Errorf("%d keys", len(all))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
