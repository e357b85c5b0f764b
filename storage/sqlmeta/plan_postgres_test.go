package sqlmeta

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"larder/internal/pgtest"
)

// The same for PostgreSQL, whose planner reads whole tables while they are
// small: it is told not to where there is another way.
func TestNoStatementReadsAWholeTableInPostgreSQL(t *testing.T) {
	c := pgtest.Require(t, pgtest.Hasty...)
	ctx := t.Context()
	db, err := sql.Open("pgx", c.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Migrate(ctx, conn, PostgreSQL); err != nil {
		t.Fatal(err)
	}
	s := NewSession(conn, PostgreSQL)
	defer s.Close()
	begin := func(text string) {
		if _, err := conn.ExecContext(ctx, text); err != nil {
			t.Fatal(err)
		}
	}
	begin("BEGIN; " + PostgreSQL.Locks.Shared)
	tx := s.Tx(ctx, time.Now())
	tx.Concurrent(false)
	useEverything(t, tx)
	begin("ROLLBACK")
	begin("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_sort = off; SET enable_hashagg = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_bitmapscan = off")

	// Tables that are read whole on purpose, or are small.
	whole := []string{"sealed_keys", "connections", "server", "advisory_sources", "accounts"}
	scan := regexp.MustCompile(`Seq Scan on (\w+)`)
	number := 0
	for text := range s.statements {
		number++
		for _, line := range postgresPlan(ctx, t, conn, fmt.Sprint("q", number), text) {
			if m := scan.FindStringSubmatch(line); m != nil && !slices.Contains(whole, m[1]) {
				t.Errorf("%s\n%s", strings.TrimSpace(line), text)
			}
			// What is read whole may be sorted; a page of a list is found in its place. An
			// incremental sort goes on from an index.
			if strings.HasPrefix(strings.TrimLeft(line, " ->"), "Sort  (") && strings.Contains(text, "LIMIT") {
				t.Errorf("%s\n%s", strings.TrimSpace(line), text)
			}
		}
	}
	if number < 50 {
		t.Errorf("only %d statements were tried", number)
	}
}

func postgresPlan(ctx context.Context, t *testing.T, conn *sql.Conn, name, text string) (lines []string) {
	t.Helper()
	if _, err := conn.ExecContext(ctx, "PREPARE "+name+" AS "+numbered(text)); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	args := ""
	if n := strings.Count(text, "?"); n > 0 {
		args = "(" + strings.Repeat("NULL, ", n-1) + "NULL)"
	}
	rows, err := conn.QueryContext(ctx, "EXPLAIN EXECUTE "+name+args)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}
