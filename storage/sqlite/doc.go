// Package sqlite keeps registry.Metadata in one SQLite file, without cgo. It
// owns connections, transactions and durability; what is in the rows is the
// business of storage/sqlmeta.
//
// The file is in WAL mode with synchronous=FULL: when Update returns, the
// change is on disk. One connection writes, one transaction after the other;
// others read, each transaction from one snapshot, and neither waits for the
// other. One process has the file to itself (see lock), because counters are
// kept in its memory; commands may open it beside that one and change what no
// counter stands for (OpenBeside).
package sqlite
