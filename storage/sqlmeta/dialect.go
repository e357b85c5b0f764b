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
}

// PostgreSQL is the dialect of PostgreSQL 12 and later.
var PostgreSQL = &Dialect{
	Name: "postgres", Migrations: migrationsOf("sqlite"), Translate: translated, More: migrationsOf("postgres"), Rebind: numbered,
	// A row would be held from here to the commit, and every change takes a number.
	Revision: `SELECT nextval('revisions')`,
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
