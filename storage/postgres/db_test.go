package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"larder/internal/pgtest"
	"larder/registry"
	"larder/storage/postgres"
	"larder/storage/storagetest"
)

// cluster is started by the first test that needs it.
var cluster = sync.OnceValues(func() (*pgtest.Cluster, error) { return pgtest.Start(pgtest.Hasty...) })

func TestMain(m *testing.M) {
	code := m.Run()
	for _, start := range []func() (*pgtest.Cluster, error){cluster, operated} {
		c, err := start()
		if err == nil {
			err = c.Remove()
		}
		if err != nil && !errors.Is(err, pgtest.ErrMissing) {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

var schemas atomic.Int64

// place gives the URL of an empty schema.
func place(t testing.TB) string {
	t.Helper()
	c, err := cluster()
	if errors.Is(err, pgtest.ErrMissing) && os.Getenv("CI") == "" {
		t.Skipf("%v: install the package postgresql", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	schema := fmt.Sprint("s", schemas.Add(1))
	run(t, c.URL(), "CREATE SCHEMA "+schema)
	t.Cleanup(func() {
		run(t, c.URL(), "DROP SCHEMA "+schema+" CASCADE")
	})
	return c.URL("search_path=" + schema)
}

// run runs a statement on a connection of its own.
func run(t testing.TB, url, text string, args ...any) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.WithoutCancel(t.Context()), text, args...); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, url string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestContract(t *testing.T) {
	storagetest.Metadata(t, func(t *testing.T) registry.Metadata { return open(t, place(t)) })
}

func TestReopened(t *testing.T) {
	url := place(t)
	storagetest.Reopened(t, func(t *testing.T, _ string) registry.Metadata { return open(t, url) })
}

func BenchmarkPostgreSQL(b *testing.B) {
	storagetest.Benchmarks(b, 20_000, func(b *testing.B) registry.Metadata { return open(b, place(b)) })
}
