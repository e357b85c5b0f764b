// Package sqlmeta keeps registry.Metadata's rows in an SQL database: the
// statements, written once, that all databases share. What differs between
// them (connections, transactions, retries, the text of migrations) is the
// business of a dialect's own package, such as storage/sqlite, which opens a
// [Session], begins, runs f on [Session.Tx], calls [Tx.Finish] and commits.
//
// Start reading at tx.go; then one file per noun.
//
// Conventions of the schema: times are milliseconds since 1970, UTC, the zero
// time.Time being what UnixMilli gives for it; tags and other small maps and
// lists are JSON text; large bodies are packed (pack.go). Text is compared byte
// by byte. A migration only adds, so that older builds go on beside it while a
// server is upgraded, or says that it breaks them (migrate.go, additive_test.go);
// once released it is never edited.
package sqlmeta
