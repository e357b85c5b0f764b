// Package policy decides what a verified actor may do. Who the actor is has
// been settled by policy/identity.
package policy
