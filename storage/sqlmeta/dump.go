package sqlmeta

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"larder/registry"
)

// A dump is JSON lines, the same from every database: a head, then for each
// table its name and columns and a line for each row, then an end that says how
// many rows there were.
//
//	{"larder":"rows","format":1,"schema":3}
//	{"table":"domains","columns":["id","owner",…]}
//	[1,"000000000000",…]
//	{"end":true,"rows":1}
//
// Numbers and text stand as they are; bytes are {"b":"base64"}.
type dumpLine struct {
	Larder  string   `json:"larder,omitempty"`
	Format  int      `json:"format,omitempty"`
	Schema  int      `json:"schema,omitempty"`
	Table   string   `json:"table,omitempty"`
	Columns []string `json:"columns,omitempty"`
	End     bool     `json:"end,omitempty"`
	Rows    int64    `json:"rows,omitempty"`
}

const dumpFormat = 1

// longestLine bounds a row of a dump, in bytes.
const longestLine = 1 << 30

// leap is by how much counters and revisions go on when a dump is loaded, so
// that nothing that was cached before is ever taken for what comes after.
const leap = 1 << 32

// Dump writes all rows. The caller has begun a transaction on the connection
// that sees one moment.
func Dump(ctx context.Context, conn *sql.Conn, d *Dialect, w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<20)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	var schema int
	if err := conn.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM schema_version`).Scan(&schema); err != nil {
		return fmt.Errorf("schema version: %w", err)
	}
	if err := lines.Encode(dumpLine{Larder: "rows", Format: dumpFormat, Schema: schema}); err != nil {
		return err
	}
	tables, err := names(ctx, conn, d.Tables)
	if err != nil {
		return err
	}
	var rows int64
	for _, table := range tables {
		n, err := dumpTable(ctx, conn, lines, table)
		if err != nil {
			return fmt.Errorf("table %s: %w", table, err)
		}
		rows += n
	}
	if err := lines.Encode(dumpLine{End: true, Rows: rows}); err != nil {
		return err
	}
	return out.Flush()
}

func names(ctx context.Context, conn *sql.Conn, query string) (all []string, err error) {
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		all = append(all, name)
	}
	return all, rows.Err()
}

func dumpTable(ctx context.Context, conn *sql.Conn, lines *json.Encoder, table string) (n int64, err error) {
	rows, err := conn.QueryContext(ctx, `SELECT * FROM `+table)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return 0, err
	}
	if err := lines.Encode(dumpLine{Table: table, Columns: columns}); err != nil {
		return 0, err
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return n, err
		}
		for i, v := range values {
			switch v := v.(type) {
			case nil, int64:
			case string:
				if !utf8.ValidString(v) {
					return n, fmt.Errorf("column %s holds text that is not UTF-8", columns[i])
				}
			case []byte:
				values[i] = dumpedBytes{base64.StdEncoding.EncodeToString(v)}
			default:
				return n, fmt.Errorf("column %s holds a %T", columns[i], v)
			}
		}
		if err := lines.Encode(values); err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}

type dumpedBytes struct {
	Base64 string `json:"b"`
}

// Reader reads a dump line by line.
type Reader struct {
	Schema int

	lines   *bufio.Scanner
	table   string
	columns []string
	rows    int64
	ended   bool
}

// NewReader reads the head of a dump. Invalid: what is none.
func NewReader(r io.Reader) (*Reader, error) {
	d := &Reader{lines: bufio.NewScanner(r)}
	d.lines.Buffer(make([]byte, 1<<20), longestLine)
	var head dumpLine
	if !d.lines.Scan() || json.Unmarshal(d.lines.Bytes(), &head) != nil || head.Larder != "rows" {
		return nil, registry.Errorf(registry.Invalid, "this is no dump of rows that larder made")
	}
	if head.Format != dumpFormat || head.Schema < 1 {
		return nil, registry.Errorf(registry.Invalid, "the dump has format %d, and this build reads format %d only", head.Format, dumpFormat)
	}
	d.Schema = head.Schema
	return d, nil
}

// Next gives the next row with its table and columns, or io.EOF after the last.
// Invalid: a dump that is damaged or cut off.
func (d *Reader) Next() (table string, columns []string, row []any, err error) {
	damaged := func(why string) error {
		return registry.Errorf(registry.Invalid, "the dump is damaged after %d rows: %s", d.rows, why)
	}
	for {
		if !d.lines.Scan() {
			if err := d.lines.Err(); err != nil {
				return "", nil, nil, damaged(err.Error())
			}
			if !d.ended {
				return "", nil, nil, damaged("its end is missing")
			}
			return "", nil, nil, io.EOF
		}
		text := d.lines.Bytes()
		if d.ended {
			return "", nil, nil, damaged("there is something behind its end")
		}
		if len(text) > 0 && text[0] == '{' {
			var line dumpLine
			if err := json.Unmarshal(text, &line); err != nil {
				return "", nil, nil, damaged(err.Error())
			}
			switch {
			case line.End && line.Rows != d.rows:
				return "", nil, nil, damaged(fmt.Sprintf("it had %d rows", line.Rows))
			case line.End:
				d.ended = true
			case line.Table == "" || len(line.Columns) == 0:
				return "", nil, nil, damaged("a table has no name or no columns")
			default:
				d.table, d.columns = line.Table, line.Columns
			}
			continue
		}
		row, err := d.row(text)
		if err != nil {
			return "", nil, nil, damaged(err.Error())
		}
		d.rows++
		return d.table, d.columns, row, nil
	}
}

func (d *Reader) row(text []byte) ([]any, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, err
	}
	if len(raw) != len(d.columns) || d.table == "" {
		return nil, fmt.Errorf("a row of %d values in a table of %d columns", len(raw), len(d.columns))
	}
	row := make([]any, len(raw))
	for i, v := range raw {
		var err error
		switch {
		case string(v) == "null":
		case v[0] == '"':
			var s string
			err = json.Unmarshal(v, &s)
			row[i] = s
		case v[0] == '{':
			var b dumpedBytes
			if err = json.Unmarshal(v, &b); err == nil {
				row[i], err = base64.StdEncoding.DecodeString(b.Base64)
			}
		default:
			row[i], err = strconv.ParseInt(string(v), 10, 64)
		}
		if err != nil {
			return nil, err
		}
	}
	return row, nil
}

// Load makes the schema that a dump was made of in an empty database, fills it,
// and brings it to the newest version. Conflict: the database is not empty;
// Unavailable: the dump is of a newer schema than this build knows.
func Load(ctx context.Context, conn *sql.Conn, d *Dialect, r io.Reader) error {
	dump, err := NewReader(r)
	if err != nil {
		return err
	}
	steps, err := steps(d)
	if err != nil {
		return err
	}
	if newest := steps[len(steps)-1].version; dump.Schema > newest {
		return registry.Errorf(registry.Unavailable, "the dump has schema version %d, and this build knows versions up to %d only: restore it with the larder that made it, or a newer one", dump.Schema, newest)
	}
	ahead, err := migrate(ctx, conn, d, steps[:dump.Schema])
	if err != nil {
		return err
	}
	if ahead > 0 {
		return registry.Errorf(registry.Conflict, "the database has a newer schema than the dump: restore into an empty one")
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := fillEmpty(ctx, tx, d, dump); err != nil {
		return err
	}
	for _, text := range d.Loaded {
		if _, err := tx.ExecContext(ctx, strings.ReplaceAll(text, "LEAP", strconv.Itoa(leap))); err != nil {
			return fmt.Errorf("after loading: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	_, err = migrate(ctx, conn, d, steps)
	return err
}

// Holder says whose the rows are: the id of the oldest key of that purpose, which
// every server has of its own. Not held: the database is empty, or has a schema at
// most.
func Holder(ctx context.Context, conn *sql.Conn, d *Dialect, purpose string) (id string, held bool, err error) {
	tables, err := names(ctx, conn, d.Tables)
	if err != nil || !slices.Contains(tables, "accounts") || !slices.Contains(tables, "sealed_keys") {
		return "", false, err
	}
	if err := conn.QueryRowContext(ctx, heldRows).Scan(&held); err != nil || !held {
		return "", false, err
	}
	text := `SELECT COALESCE((SELECT id FROM sealed_keys WHERE purpose = ? ORDER BY created, id LIMIT 1), '')`
	if d.Rebind != nil {
		text = d.Rebind(text)
	}
	err = conn.QueryRowContext(ctx, text, purpose).Scan(&id)
	return id, true, err
}

// heldRows asks whether a server has been here.
const heldRows = `SELECT EXISTS (SELECT 1 FROM accounts) OR EXISTS (SELECT 1 FROM domains) OR EXISTS (SELECT 1 FROM sealed_keys)`

// fillEmpty inserts the rows of the dump.
func fillEmpty(ctx context.Context, tx *sql.Tx, d *Dialect, dump *Reader) error {
	var held bool
	if err := tx.QueryRowContext(ctx, heldRows).Scan(&held); err != nil {
		return err
	}
	if held {
		return registry.Errorf(registry.Conflict, "the database holds a server already: restore into an empty one")
	}
	known := map[string]bool{}
	rows, err := tx.QueryContext(ctx, d.Tables)
	if err != nil {
		return err
	}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			rows.Close()
			return err
		}
		known[name] = true
	}
	if err := rows.Close(); err != nil {
		return err
	}
	l := loading{tx: tx, dialect: d}
	for {
		table, columns, row, err := dump.Next()
		if err == io.EOF {
			return l.flush(ctx)
		}
		if err != nil {
			return err
		}
		if table != l.table {
			if !known[table] {
				return registry.Errorf(registry.Invalid, "the dump has a table %q, which its schema does not", table)
			}
			if err := l.begin(ctx, table, columns); err != nil {
				return err
			}
		}
		if err := l.add(ctx, row); err != nil {
			return err
		}
	}
}

// Rows of a dump are inserted together: up to so many, of so many bytes.
const (
	loadRows  = 200
	loadBytes = 1 << 20
)

// loading inserts rows, of one table after another.
type loading struct {
	tx      *sql.Tx
	dialect *Dialect
	table   string
	columns []string
	rows    int
	bytes   int
	values  []any // of the rows that wait
	full    *sql.Stmt
}

// begin goes on to a table.
func (l *loading) begin(ctx context.Context, table string, columns []string) error {
	if err := l.flush(ctx); err != nil {
		return err
	}
	for _, c := range columns {
		if strings.Trim(c, "abcdefghijklmnopqrstuvwxyz_0123456789") != "" {
			return registry.Errorf(registry.Invalid, "the dump has a column %q", c)
		}
	}
	l.table, l.columns, l.full = table, columns, nil
	// What migrations put there stands in the dump, too.
	_, err := l.tx.ExecContext(ctx, `DELETE FROM `+table)
	return err
}

func (l *loading) add(ctx context.Context, row []any) error {
	l.values = append(l.values, row...)
	l.rows++
	for _, v := range row {
		switch v := v.(type) {
		case string:
			l.bytes += len(v)
		case []byte:
			l.bytes += len(v)
		}
	}
	if l.rows < loadRows && l.bytes < loadBytes {
		return nil
	}
	return l.flush(ctx)
}

// flush inserts the rows that wait.
func (l *loading) flush(ctx context.Context) (err error) {
	if l.rows == 0 {
		return nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("table %s: %w", l.table, err)
		}
	}()
	if l.rows < loadRows {
		_, err = l.tx.ExecContext(ctx, l.text(), l.values...)
	} else {
		if l.full == nil {
			if l.full, err = l.tx.PrepareContext(ctx, l.text()); err != nil {
				return err
			}
		}
		_, err = l.full.ExecContext(ctx, l.values...)
	}
	l.rows, l.bytes, l.values = 0, 0, l.values[:0]
	return err
}

// text is the statement that inserts the rows that wait.
func (l *loading) text() string {
	row := ", (" + strings.Repeat("?, ", len(l.columns)-1) + "?)"
	text := `INSERT INTO ` + l.table + ` (` + strings.Join(l.columns, ", ") + `) ` + l.dialect.Overriding + ` VALUES ` + strings.Repeat(row, l.rows)[2:]
	if l.dialect.Rebind != nil {
		text = l.dialect.Rebind(text)
	}
	return text
}
