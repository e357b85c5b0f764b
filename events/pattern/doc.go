// Package pattern decides which events an event pattern matches, as Amazon
// EventBridge does: patterns are compiled once, alone or as a set, and asked
// about many events. It knows nothing of rules, accounts or buses.
//
// Source of the meaning: EventBridge User Guide, "Creating Amazon EventBridge
// event patterns" and "Comparison operators"; where the guide is silent, what
// EventBridge's own matcher (the library "event-ruler") documents.
//
// Start reading at pattern.go; parse.go is the grammar, value.go the comparison
// operators, match.go and set.go the evaluation.
package pattern
