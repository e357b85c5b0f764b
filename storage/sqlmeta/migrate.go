package sqlmeta

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"sort"
	"strconv"
	"strings"

	"larder/registry"
)

// Migrate brings the schema to the newest version, one transaction for each
// step. A schema that is newer than this build is refused, and stays untouched.
func Migrate(ctx context.Context, conn *sql.Conn, d *Dialect) error {
	steps, err := steps(d)
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)`); err != nil {
		return fmt.Errorf("schema version: %w", err)
	}
	var have int
	if err := conn.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM schema_version`).Scan(&have); err != nil {
		return fmt.Errorf("schema version: %w", err)
	}
	newest := steps[len(steps)-1].version
	if have > newest {
		return registry.Errorf(registry.Unavailable,
			"the database has schema version %d, and this build knows versions up to %d only: start the newer larder that wrote it, or restore a backup made before the upgrade", have, newest)
	}
	for _, s := range steps {
		if s.version <= have {
			continue
		}
		if err := s.apply(ctx, conn); err != nil {
			return fmt.Errorf("schema migration %s: %w", s.name, err)
		}
	}
	return nil
}

type step struct {
	version int
	name    string
	text    string
}

func steps(d *Dialect) ([]step, error) {
	names, err := fs.Glob(d.Migrations, "*.sql")
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	all := make([]step, len(names))
	for i, name := range names {
		number, _, _ := strings.Cut(name, "_")
		v, err := strconv.Atoi(number)
		if err != nil || v != i+1 {
			return nil, fmt.Errorf("schema migration %s: its number is not %d", name, i+1)
		}
		text, err := fs.ReadFile(d.Migrations, name)
		if err != nil {
			return nil, err
		}
		all[i] = step{version: v, name: name, text: string(text)}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no schema migrations for %s", d.Name)
	}
	return all, nil
}

func (s step) apply(ctx context.Context, conn *sql.Conn) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, s.text); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO schema_version (version) VALUES (`+strconv.Itoa(s.version)+`)`); err != nil {
		return err
	}
	return tx.Commit()
}
