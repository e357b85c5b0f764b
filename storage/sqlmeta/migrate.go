package sqlmeta

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"larder/registry"
)

// breaks is the beginning of a line in the text of a step with which older
// builds cannot go on; why stands behind it. All other steps only add: what older
// builds do beside them has to be right. A test reads whether the text allows
// that; whether it is so (that older builds may leave the new column out, that
// they delete no bytes which only new rows refer to) is for who writes the step.
const breaks = "-- Breaks older builds: "

// Migrate brings the schema to the newest version, one transaction for each
// step. A schema that was made by steps of another text than this build has is
// refused (Unavailable) and stays untouched; so is one that is newer than this
// build, unless the steps that this build lacks only add: then ahead is how many
// they are. Where several processes may open the database, the caller holds a lock.
func Migrate(ctx context.Context, conn *sql.Conn, d *Dialect) (ahead int, err error) {
	steps, err := steps(d)
	if err != nil {
		return 0, err
	}
	return migrate(ctx, conn, d, steps)
}

func migrate(ctx context.Context, conn *sql.Conn, d *Dialect, steps []step) (ahead int, err error) {
	if err := versionTable(ctx, conn); err != nil {
		return 0, fmt.Errorf("schema version: %w", err)
	}
	have, ahead, err := aheadOf(ctx, conn, steps)
	if err != nil {
		return 0, err
	}
	for _, s := range steps {
		if s.version <= have {
			if err := s.confirm(ctx, conn); err != nil {
				return 0, err
			}
			continue
		}
		if err := s.apply(ctx, conn, d); err != nil {
			return 0, fmt.Errorf("schema migration %s: %w", s.name, err)
		}
	}
	return ahead, nil
}

// aheadOf gives the version of the schema, and how many steps it has that are
// not among these. It refuses one that has a step with which builds that lack it
// cannot go on.
func aheadOf(ctx context.Context, conn *sql.Conn, steps []step) (have, ahead int, err error) {
	columns, err := columnsOfVersions(ctx, conn)
	if err != nil {
		return 0, 0, fmt.Errorf("schema version: %w", err)
	}
	additive := "0" // of earlier builds nothing is known
	if slices.Contains(columns, "additive") {
		additive = "COALESCE(additive, 0)"
	}
	newest := steps[len(steps)-1].version
	var breaking sql.NullInt64
	err = conn.QueryRowContext(ctx, fmt.Sprintf(
		`SELECT COALESCE(MAX(version), 0), COUNT(CASE WHEN version > %d THEN 1 END), MIN(CASE WHEN version > %d AND %s = 0 THEN version END) FROM schema_version`,
		newest, newest, additive)).Scan(&have, &ahead, &breaking)
	switch {
	case err != nil:
		return 0, 0, fmt.Errorf("schema version: %w", err)
	case breaking.Valid:
		return 0, 0, registry.Errorf(registry.Unavailable,
			"the database has schema version %d, and this build knows versions up to %d only and cannot work with version %d: start the newer larder that wrote it, or restore a backup made before the upgrade",
			have, newest, breaking.Int64)
	}
	return have, ahead, nil
}

// Current refuses a database whose schema lacks a step of this build, or has one
// with which older builds cannot go on.
func Current(ctx context.Context, conn *sql.Conn, d *Dialect) error {
	steps, err := steps(d)
	if err != nil {
		return err
	}
	have, _, err := aheadOf(ctx, conn, steps)
	if err != nil {
		return err
	}
	if newest := steps[len(steps)-1].version; have < newest {
		return registry.Errorf(registry.Unavailable, "the database has schema version %d, and this build works with version %d: use the larder whose server runs there", have, newest)
	}
	return nil
}

// versionTable makes the table of applied steps, or gives one of earlier builds
// the columns that it lacks.
func versionTable(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL, hash TEXT, additive INTEGER)`)
	if err != nil {
		return err
	}
	columns, err := columnsOfVersions(ctx, conn)
	if err != nil {
		return err
	}
	for _, c := range []struct{ name, kind string }{{"hash", "TEXT"}, {"additive", "INTEGER"}} {
		if slices.Contains(columns, c.name) {
			continue
		}
		if _, err := conn.ExecContext(ctx, `ALTER TABLE schema_version ADD COLUMN `+c.name+` `+c.kind); err != nil {
			return err
		}
	}
	return nil
}

func columnsOfVersions(ctx context.Context, conn *sql.Conn) ([]string, error) {
	rows, err := conn.QueryContext(ctx, `SELECT * FROM schema_version LIMIT 0`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return rows.Columns()
}

type step struct {
	version  int
	name     string
	text     string
	hash     string // of the text
	additive bool   // older builds may go on with it
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
		all[i] = step{version: v, name: name, text: text, hash: hex.EncodeToString(hash[:]), additive: !strings.Contains("\n"+text, "\n"+breaks)}
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

func (s step) apply(ctx context.Context, conn *sql.Conn, d *Dialect) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if d.Locks != nil {
		if err := s.lock(ctx, tx, d); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, s.text); err != nil {
		return err
	}
	additive := 0
	if s.additive {
		additive = 1
	}
	_, err = tx.ExecContext(ctx, fmt.Sprintf(`INSERT INTO schema_version (version, hash, additive) VALUES (%d, '%s', %d)`, s.version, s.hash, additive))
	if err != nil {
		return err
	}
	return tx.Commit()
}

var altered = regexp.MustCompile(`(?m)^ALTER TABLE (\w+)`)

// lock keeps the step from meeting those that go on beside it half-way, each
// holding what the other wants: updates wait for its end, and views at the first
// table that they share with it, for tables are taken in the order in which they
// refer to each other, as views mostly read them.
func (s step) lock(ctx context.Context, tx *sql.Tx, d *Dialect) error {
	if _, err := tx.ExecContext(ctx, d.Locks.Alone); err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, m := range altered.FindAllStringSubmatch(s.text, -1) {
		wanted[m[1]] = true
	}
	rows, err := tx.QueryContext(ctx, d.Tables)
	if err != nil {
		return err
	}
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		if wanted[name] {
			tables = append(tables, name)
		}
	}
	if err := rows.Err(); err != nil || len(tables) == 0 {
		return err
	}
	_, err = tx.ExecContext(ctx, `LOCK TABLE `+strings.Join(tables, ", ")+` IN ACCESS EXCLUSIVE MODE`)
	return err
}
