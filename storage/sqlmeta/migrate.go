package sqlmeta

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"sort"
	"strconv"
	"strings"

	"larder/registry"
)

// Migrate brings the schema to the newest version, one transaction for each
// step. A schema that is newer than this build is refused, and stays untouched;
// so is one that was made by steps of another text than this build has. Where
// several processes may open the database, the caller holds a lock.
func Migrate(ctx context.Context, conn *sql.Conn, d *Dialect) error {
	steps, err := steps(d)
	if err != nil {
		return err
	}
	return migrate(ctx, conn, steps)
}

func migrate(ctx context.Context, conn *sql.Conn, steps []step) error {
	if err := versionTable(ctx, conn); err != nil {
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
			if err := s.confirm(ctx, conn); err != nil {
				return err
			}
			continue
		}
		if err := s.apply(ctx, conn); err != nil {
			return fmt.Errorf("schema migration %s: %w", s.name, err)
		}
	}
	return nil
}

// Current refuses a database whose schema is not the newest that this build knows.
func Current(ctx context.Context, conn *sql.Conn, d *Dialect) error {
	steps, err := steps(d)
	if err != nil {
		return err
	}
	var have int
	if err := conn.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM schema_version`).Scan(&have); err != nil {
		return fmt.Errorf("schema version: %w", err)
	}
	if newest := steps[len(steps)-1].version; have != newest {
		return registry.Errorf(registry.Unavailable, "the database has schema version %d, and this build works with version %d: use the larder whose server runs there", have, newest)
	}
	return nil
}

// versionTable makes the table of applied steps, or gives one of the first
// builds its column of hashes.
func versionTable(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL, hash TEXT)`)
	if err != nil {
		return err
	}
	rows, err := conn.QueryContext(ctx, `SELECT * FROM schema_version LIMIT 0`)
	if err != nil {
		return err
	}
	columns, err := rows.Columns()
	rows.Close()
	if err != nil || len(columns) > 1 {
		return err
	}
	_, err = conn.ExecContext(ctx, `ALTER TABLE schema_version ADD COLUMN hash TEXT`)
	return err
}

type step struct {
	version int
	name    string
	text    string
	hash    string // of the text
}

// confirm refuses a database to which the step was applied with another text.
func (s step) confirm(ctx context.Context, conn *sql.Conn) error {
	var hash sql.NullString
	err := conn.QueryRowContext(ctx, `SELECT hash FROM schema_version WHERE version = `+strconv.Itoa(s.version)).Scan(&hash)
	switch {
	case err != nil:
		return fmt.Errorf("schema version %d: %w", s.version, err)
	case !hash.Valid:
		// The first builds wrote none; theirs is what stands in the file.
		_, err := conn.ExecContext(ctx, `UPDATE schema_version SET hash = '`+s.hash+`' WHERE version = `+strconv.Itoa(s.version))
		return err
	case hash.String != s.hash:
		return registry.Errorf(registry.Unavailable,
			"the database was made by another text of schema migration %s than this build has: start the build that made it", s.name)
	}
	return nil
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
		text, err := d.migration(name)
		if err != nil {
			return nil, err
		}
		hash := sha256.Sum256([]byte(text))
		all[i] = step{version: v, name: name, text: text, hash: hex.EncodeToString(hash[:])}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no schema migrations for %s", d.Name)
	}
	return all, nil
}

// migration is the text of a step for this database.
func (d *Dialect) migration(name string) (string, error) {
	b, err := fs.ReadFile(d.Migrations, name)
	if err != nil {
		return "", err
	}
	text := string(b)
	if d.Translate != nil {
		text = d.Translate(text)
	}
	if d.More == nil {
		return text, nil
	}
	more, err := fs.ReadFile(d.More, name)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return text + string(more), err
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
	if _, err := tx.ExecContext(ctx, `INSERT INTO schema_version (version, hash) VALUES (`+strconv.Itoa(s.version)+`, '`+s.hash+`')`); err != nil {
		return err
	}
	return tx.Commit()
}
