package sqlite_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"larder/registry"
	"larder/storage/sqlite"
	"larder/storage/storagetest"
)

func open(t testing.TB, dir string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "larder.db"))
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestFile(t *testing.T) {
	storagetest.Metadata(t, func(t *testing.T) registry.Metadata { return open(t, t.TempDir()) })
}

func TestMemory(t *testing.T) {
	storagetest.Metadata(t, func(t *testing.T) registry.Metadata {
		db, err := sqlite.OpenMemory(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return db
	})
}

func TestReopened(t *testing.T) {
	storagetest.Reopened(t, func(t *testing.T, dir string) registry.Metadata { return open(t, dir) })
}

func TestASecondProcessIsRefusedUntilTheFirstEnds(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir)
	_, err := sqlite.Open(t.Context(), filepath.Join(dir, "larder.db"))
	if registry.CodeOf(err) != registry.Unavailable || !strings.Contains(registry.MessageOf(err), "another larder") {
		t.Errorf("second open: %v, want Unavailable and a sentence", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir).Close()
}

func TestANewerSchemaIsRefusedAndStaysAsItIs(t *testing.T) {
	dir := t.TempDir()
	open(t, dir).Close()
	path := filepath.Join(dir, "larder.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var before int
	if err := db.QueryRow(`SELECT COUNT(*) FROM schema_version`).Scan(&before); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`INSERT INTO schema_version (version) VALUES (9999)`); err != nil {
		t.Fatal(err)
	}
	_, err = sqlite.Open(t.Context(), path)
	if registry.CodeOf(err) != registry.Unavailable || !strings.Contains(registry.MessageOf(err), "9999") {
		t.Errorf("open: %v, want Unavailable and the version", err)
	}
	var versions int
	if err := db.QueryRow(`SELECT COUNT(*) FROM schema_version`).Scan(&versions); err != nil || versions != before+1 {
		t.Errorf("%d versions are recorded, %v; want %d", versions, err, before+1)
	}
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	defer db.Close()
	if err := db.Update(t.Context(), func(tx registry.Tx) error { return tx.CreateAccount(registry.Account{ID: "1"}) }); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		i, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if i.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", e.Name(), i.Mode())
		}
	}
}

func TestAPathIsTakenAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "50% of a?b#c &mode=memory.db")
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if i, err := os.Stat(path); err != nil || i.Size() == 0 {
		t.Errorf("the file: %v, %v", i, err)
	}
}

// A registry that takes a failing database for an empty one lets a public
// package take a private one's place.
func TestADamagedFileIsNeverNotFound(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	id := registry.DomainID{Owner: "111111111111", Name: "acme"}
	if err := db.Update(t.Context(), func(tx registry.Tx) error { return tx.CreateDomain(registry.Domain{ID: id}) }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "larder.db")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096 * 2; i < len(b); i++ { // the schema stays readable
		b[i] = 0xa5
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err = sqlite.Open(t.Context(), path)
	if err != nil {
		if registry.IsNotFound(err) {
			t.Errorf("open: %v", err)
		}
		return
	}
	defer db.Close()
	err = db.View(t.Context(), func(tx registry.Tx) error { _, err := tx.Domain(id); return err })
	if err == nil || registry.CodeOf(err) != registry.Internal {
		t.Errorf("read: %v, want Internal", err)
	}
}

func TestTransactionsTakeTheGivenClock(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.FixedZone("", 3600))
	db, err := sqlite.OpenMemory(t.Context(), sqlite.WithClock(func() time.Time { return now }))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.View(t.Context(), func(tx registry.Tx) error {
		if want := time.Date(2026, 1, 2, 2, 4, 5, 678_000_000, time.UTC); tx.Now() != want {
			t.Errorf("now is %v, want %v", tx.Now(), want)
		}
		return nil
	})
}

func TestMemoryLeavesNothingBehind(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	db, err := sqlite.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(os.TempDir()); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestBesideAServerOnlyWhatNoCacheGoesByIsChanged(t *testing.T) {
	dir := t.TempDir()
	server := open(t, dir)
	defer server.Close()
	acme := registry.DomainID{Owner: "111111111111", Name: "acme"}
	if err := server.Update(t.Context(), func(tx registry.Tx) error { return tx.CreateDomain(registry.Domain{ID: acme}) }); err != nil {
		t.Fatal(err)
	}
	beside, err := sqlite.OpenBeside(t.Context(), filepath.Join(dir, "larder.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	err = beside.Update(t.Context(), func(tx registry.Tx) error {
		return tx.CreateRepository(registry.Repository{ID: registry.RepoID{Domain: acme, Name: "main"}})
	})
	if registry.CodeOf(err) != registry.Internal {
		t.Errorf("a new repository: %v, want Internal", err)
	}
	digest := registry.Digest{1}
	err = beside.Update(t.Context(), func(tx registry.Tx) error {
		unused, err := tx.LockUnused(acme, digest)
		if len(unused) != 1 {
			t.Errorf("%d digests are unused, want 1", len(unused))
		}
		return err
	})
	if err != nil {
		t.Errorf("locking unused bytes: %v", err)
	}
	err = server.View(t.Context(), func(tx registry.Tx) error {
		left, err := tx.UnusedBlobs(acme, 10)
		if len(left) != 1 || left[0] != digest {
			t.Errorf("the server sees %v", left)
		}
		graph, err2 := tx.Graph(acme)
		if len(graph) != 0 {
			t.Errorf("the server sees %v", graph)
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Error(err)
	}
}
