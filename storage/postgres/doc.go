// Package postgres keeps registry.Metadata in PostgreSQL 12 or later, for one
// or several processes. The statements are those of storage/sqlmeta; here are
// connections, transactions, and what processes agree on through the database.
//
// Views are REPEATABLE READ. Updates are READ COMMITTED under locks that make
// them serializable ([sqlmeta.Locks]); one that meets a deadlock, a
// serialization failure or a lost connection before its commit is run again.
//
// All locks are named by the schema (search_path), so that several servers may
// share a database, each in a schema of its own. A connection pooler in front
// must keep sessions apart: prepared statements and advisory locks are theirs.
package postgres
