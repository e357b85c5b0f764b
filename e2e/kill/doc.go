// Package kill holds the test that kills a server at random moments, again and
// again, while clients publish, delete and fetch, and then checks that it kept
// every promise: what was acknowledged is there whole, nothing is there by
// half, the stream of events has each change once, and web hooks that rules
// name have each at least once.
//
// world_test.go is what the clients know and expect, clients_test.go and
// changes_test.go what they do, hooks_test.go the web hooks, inspect_test.go what
// is looked at in the end.
//
//	go test ./e2e/kill                                   50 kills, half a minute to two
//	go test -short ./e2e/kill                            a few
//	LARDER_KILL_ROUNDS=500 go test -timeout 1h ./e2e/kill
//	LARDER_KILL_SEED=17 go test ./e2e/kill               the choices of a run that failed
package kill
