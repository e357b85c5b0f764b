// Package guard reads the guard rules of a domain and judges versions by them:
// a minimum age (cooldown), block lists, advisories, and what is exempt.
//
// It implements registry.Guard and does no I/O: the core keeps the documents,
// reads advisories, and asks on every read. Start with Document, then Rules.Of.
package guard
