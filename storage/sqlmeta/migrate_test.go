package sqlmeta

import (
	"database/sql"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"larder/registry"
)

func database(t *testing.T) *sql.Conn {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "larder.db"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); db.Close() })
	return conn
}

func TestAnEditedMigrationIsNoticed(t *testing.T) {
	conn := database(t)
	first := &Dialect{Name: "test", Migrations: fstest.MapFS{"0001_a.sql": {Data: []byte("CREATE TABLE a (x INTEGER);")}}}
	for range 2 {
		if _, err := Migrate(t.Context(), conn, first); err != nil {
			t.Fatal(err)
		}
	}
	edited := &Dialect{Name: "test", Migrations: fstest.MapFS{
		"0001_a.sql": {Data: []byte("CREATE TABLE a (x INTEGER, y INTEGER);")},
		"0002_b.sql": {Data: []byte("CREATE TABLE b (x INTEGER);")},
	}}
	_, err := Migrate(t.Context(), conn, edited)
	if registry.CodeOf(err) != registry.Unavailable || !strings.Contains(registry.MessageOf(err), "0001_a.sql") {
		t.Errorf("%v, want Unavailable with the migration's name", err)
	}
	if _, err := conn.ExecContext(t.Context(), "SELECT * FROM b"); err == nil {
		t.Error("a later migration was applied")
	}
}

func TestADatabaseOfTheFirstBuildsGoesOn(t *testing.T) {
	conn := database(t)
	text, err := fs.ReadFile(SQLite.Migrations, "0001_first.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"CREATE TABLE schema_version (version INTEGER NOT NULL)", string(text), "INSERT INTO schema_version (version) VALUES (1)",
	} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := Migrate(t.Context(), conn, SQLite); err != nil {
			t.Fatal(err)
		}
	}
	var without int
	if err := conn.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM schema_version WHERE hash IS NULL").Scan(&without); err != nil || without != 0 {
		t.Errorf("%d migrations have no hash, %v", without, err)
	}
}

// What stands in no migration of its own is SQLite's text in PostgreSQL's words.
func TestMigrationsAreTranslated(t *testing.T) {
	names, err := fs.Glob(SQLite.Migrations, "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := PostgreSQL.migration(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, foreign := range []string{"AUTOINCREMENT", "WITHOUT ROWID", " BLOB", " INTEGER"} {
			if strings.Contains(text, foreign) {
				t.Errorf("%s for PostgreSQL still has %q", name, foreign)
			}
		}
	}
	more, err := fs.Glob(PostgreSQL.More, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range more {
		if _, err := fs.Stat(SQLite.Migrations, name); err != nil {
			t.Errorf("%s belongs to no migration: %v", name, err)
		}
	}
}

func TestPlaceholdersAreNumbered(t *testing.T) {
	for text, want := range map[string]string{"": "", "SELECT 1": "SELECT 1", "a = ? AND b IN (?, ?)": "a = $1 AND b IN ($2, $3)"} {
		if got := numbered(text); got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}

func TestAnOlderBuildGoesOnWithASchemaThatWasOnlyAddedTo(t *testing.T) {
	files := fstest.MapFS{"0001_a.sql": {Data: []byte("CREATE TABLE a (x INTEGER);")}}
	older := &Dialect{Name: "older", Migrations: fstest.MapFS{"0001_a.sql": files["0001_a.sql"]}}
	files["0002_b.sql"] = &fstest.MapFile{Data: []byte("ALTER TABLE a ADD COLUMN y INTEGER;")}
	newer := &Dialect{Name: "newer", Migrations: files}
	conn := database(t)
	for _, step := range []struct {
		d     *Dialect
		ahead int
	}{{older, 0}, {newer, 0}, {older, 1}, {newer, 0}} {
		ahead, err := Migrate(t.Context(), conn, step.d)
		if err != nil || ahead != step.ahead {
			t.Errorf("%s: %d steps ahead, %v; want %d", step.d.Name, ahead, err, step.ahead)
		}
		if err := Current(t.Context(), conn, step.d); err != nil {
			t.Errorf("%s beside it: %v", step.d.Name, err)
		}
	}
	files["0003_c.sql"] = &fstest.MapFile{Data: []byte("-- What c is for.\n" + breaks + "they would write to a.\nCREATE TABLE c (x INTEGER);")}
	if _, err := Migrate(t.Context(), conn, newer); err != nil {
		t.Fatal(err)
	}
	_, err := Migrate(t.Context(), conn, older)
	for _, err := range []error{err, Current(t.Context(), conn, older)} {
		if registry.CodeOf(err) != registry.Unavailable || !strings.Contains(registry.MessageOf(err), "version 3") {
			t.Errorf("%v, want Unavailable because of version 3", err)
		}
	}
}

// Builds from before steps said whether they only add left no word about it.
func TestAStepOfWhichNothingIsKnownBreaksOlderBuilds(t *testing.T) {
	conn := database(t)
	one := &Dialect{Name: "test", Migrations: fstest.MapFS{"0001_a.sql": {Data: []byte("CREATE TABLE a (x INTEGER);")}}}
	for _, statement := range []string{
		"CREATE TABLE schema_version (version INTEGER NOT NULL, hash TEXT)", "INSERT INTO schema_version (version) VALUES (1), (2)",
	} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := Current(t.Context(), conn, one); registry.CodeOf(err) != registry.Unavailable {
		t.Errorf("beside it: %v, want Unavailable", err)
	}
	if _, err := Migrate(t.Context(), conn, one); registry.CodeOf(err) != registry.Unavailable {
		t.Errorf("%v, want Unavailable", err)
	}
}
