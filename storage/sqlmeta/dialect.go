package sqlmeta

import (
	"embed"
	"io/fs"
	"strconv"
	"strings"
)

// Dialect is what the shared statements must know of a database.
type Dialect struct {
	Name string
	// Migrations holds the numbered .sql files.
	Migrations fs.FS
	// Translate turns their text into the database's own. Nil: it is its own.
	Translate func(string) string
	// More holds what comes behind a migration in this database alone, under the
	// same name.
	More fs.FS
	// Rebind turns the "?" of a statement into the database's own placeholders.
	// Nil: they are understood as they are.
	Rebind func(string) string
	// Revision gives a number that is greater than every one it gave before.
	Revision string
	// Tables lists the tables but that of the schema's version, each behind those
	// that it refers to: in the order in which they were made.
	Tables string
	// Overriding stands in an INSERT that gives a generated id itself.
	Overriding string
	// Loaded runs when a dump has been loaded: what gives numbers goes on behind
	// those that are there, and by LEAP.
	Loaded []string
	// Locks is nil where there is one writer at a time. Else updates run side by
	// side and take these (locks.go).
	Locks *Locks
}

//go:embed migrations
var migrations embed.FS

// SQLite is the dialect of SQLite 3.35 and later (RETURNING).
var SQLite = &Dialect{
	Name: "sqlite", Migrations: migrationsOf("sqlite"),
	Revision: `UPDATE server SET value = value + 1 WHERE name = 'revision' RETURNING value`,
	Tables:   `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name <> 'schema_version' ORDER BY rowid`,
	Loaded: append([]string{`
		UPDATE server SET value = LEAP + max(value, (SELECT COALESCE(MAX(revision), 0) FROM packages), (SELECT COALESCE(MAX(revision), 0) FROM listings))
		WHERE name = 'revision'`}, leapAhead...),
}

var leapAhead = []string{
	`UPDATE server SET value = value + LEAP WHERE name <> 'revision'`,
	`UPDATE counters SET contents = contents + LEAP, graph = graph + LEAP`,
}

// PostgreSQL is the dialect of PostgreSQL 12 and later.
var PostgreSQL = &Dialect{
	Name: "postgres", Migrations: migrationsOf("sqlite"), Translate: translated, More: migrationsOf("postgres"), Rebind: numbered,
	// A row would be held from here to the commit, and every change takes a number.
	Revision: `SELECT nextval('revisions')`,
	Tables: `
		SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = current_schema() AND c.relkind = 'r' AND c.relname <> 'schema_version' ORDER BY c.oid`,
	Overriding: "OVERRIDING SYSTEM VALUE",
	Loaded: append([]string{
		`SELECT setval('revisions', LEAP + GREATEST((SELECT MAX(value) FROM server WHERE name = 'revision'),
			(SELECT MAX(revision) FROM packages), (SELECT MAX(revision) FROM listings)))`,
		`DO $$
		DECLARE a record; last bigint;
		BEGIN
			FOR a IN SELECT c.relname, t.attname FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
				WHERE n.nspname = current_schema() AND t.attidentity <> ''
			LOOP
				EXECUTE format('SELECT COALESCE(MAX(%I), 0) FROM %I', a.attname, a.relname) INTO last;
				PERFORM setval(pg_get_serial_sequence(quote_ident(a.relname), a.attname), last + 1);
			END LOOP;
		END $$`,
		`ANALYZE`, // plans are made for tables as they are now, not as they were when empty
	}, leapAhead...),
	Locks: &Locks{
		Shared:  "SELECT pg_advisory_xact_lock_shared(hashtext(current_schema()), 1)",
		Alone:   "SELECT pg_advisory_xact_lock(hashtext(current_schema()), 1)",
		Upgrade: "SELECT pg_try_advisory_xact_lock(hashtext(current_schema()), 1)",
		Outbox:  "SELECT pg_advisory_xact_lock(hashtext(current_schema()), 2)",
		Package: "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ?, 0))",
	},
}

// translated is SQLite's text of a migration for PostgreSQL. Text is compared
// byte by byte, as SQLite does.
var translated = strings.NewReplacer(
	" INTEGER PRIMARY KEY AUTOINCREMENT", " BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
	" INTEGER", " BIGINT",
	" BLOB", " BYTEA",
	" TEXT", ` TEXT COLLATE "C"`,
	") WITHOUT ROWID;", ");",
).Replace

// numbered turns each "?" into $1, $2 and so on. No statement has one in a text.
func numbered(text string) string {
	var b strings.Builder
	for n := 1; ; n++ {
		before, rest, found := strings.Cut(text, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
		text = rest
	}
}

func migrationsOf(name string) fs.FS {
	sub, err := fs.Sub(migrations, "migrations/"+name)
	if err != nil {
		panic(err) // a constant path of an embedded tree
	}
	return sub
}
