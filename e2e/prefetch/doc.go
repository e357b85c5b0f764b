// Package prefetch holds the end-to-end tests of `larder prefetch`: package
// clients write their own locks, larder fetches what these name into an empty
// server, the upstream goes away, and the clients install from the locks.
//
// The clients are those of the other packages below e2e, installed by their
// scripts. Start reading at rehearse (rehearsal_test.go).
package prefetch
