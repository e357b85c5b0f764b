package sqlmeta_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/internal/pgtest"
	"larder/storage/postgres"
	"larder/storage/sqlite"
)

// Every table of the schema travels in a dump, behind those that it refers to,
// whatever a migration adds; so a backup, a restore and a move forget none. What
// is not of the dump stands here by name.
func TestADumpHasEveryTableOfTheSchema(t *testing.T) {
	notDumped := []string{"schema_version"} // the head of the dump says it
	path := filepath.Join(t.TempDir(), "larder.db")
	m, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	want := column(t, db, `SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'`)
	for _, kind := range column(t, db, `SELECT DISTINCT type FROM sqlite_schema`) {
		if kind != "table" && kind != "index" {
			t.Errorf("the schema has a %s: see that the dump holds all that is in it", kind)
		}
	}
	var dump bytes.Buffer
	if err := sqlite.Dump(t.Context(), path, &dump); err != nil {
		t.Fatal(err)
	}
	got := dumped(t, dump.Bytes())
	compare(t, want, append(slices.Clone(got), notDumped...))
	for at, table := range got {
		for _, other := range column(t, db, `SELECT "table" FROM pragma_foreign_key_list('`+table+`')`) {
			if i := slices.Index(got, other); i < 0 || i > at {
				t.Errorf("%s stands before %s in the dump, to which it refers", table, other)
			}
		}
	}

	c, err := pgtest.Start(pgtest.Hasty...)
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("the rest needs PostgreSQL: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Remove()
	p, err := postgres.Open(t.Context(), c.URL())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	pg, err := sql.Open("pgx", c.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer pg.Close()
	dump.Reset()
	if err := postgres.Dump(t.Context(), c.URL(), &dump); err != nil {
		t.Fatal(err)
	}
	compare(t, column(t, pg, `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()`), append(dumped(t, dump.Bytes()), notDumped...))
	compare(t, got, dumped(t, dump.Bytes()))
}

func compare(t *testing.T, want, got []string) {
	t.Helper()
	want, got = slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tables of the schema, and of the dump: %s", diff)
	}
}

func column(t *testing.T, db *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// dumped gives the tables of a dump in their order.
func dumped(t *testing.T, text []byte) (all []string) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		var line struct{ Table string }
		var raw json.RawMessage
		err := d.Decode(&raw)
		if err == io.EOF {
			return all
		}
		if err == nil && raw[0] == '{' {
			err = json.Unmarshal(raw, &line)
		}
		if err != nil {
			t.Fatal(err)
		}
		if line.Table != "" {
			all = append(all, line.Table)
		}
	}
}
