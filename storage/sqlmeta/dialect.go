package sqlmeta

import (
	"embed"
	"io/fs"
)

// Dialect is what the shared statements must know of a database.
type Dialect struct {
	Name string
	// Migrations holds the numbered .sql files.
	Migrations fs.FS
	// Rebind turns the "?" of a statement into the database's own placeholders.
	// Nil: they are understood as they are.
	Rebind func(string) string
}

//go:embed migrations
var migrations embed.FS

// SQLite is the dialect of SQLite 3.35 and later (RETURNING).
var SQLite = &Dialect{Name: "sqlite", Migrations: migrationsOf("sqlite")}

func migrationsOf(name string) fs.FS {
	sub, err := fs.Sub(migrations, "migrations/"+name)
	if err != nil {
		panic(err) // a constant path of an embedded tree
	}
	return sub
}
