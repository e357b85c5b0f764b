// Package e2e holds the end-to-end tests: real package clients, in many
// versions, against the built larder as a process of its own.
//
// The clients are installed by install-clients.sh; `make e2e` runs it and then
// the tests. The environment says how the tests run:
//
//	LARDER_E2E        unset: all of them are skipped, so that `go test ./...` needs nothing but Go;
//	                  on: those whose client is absent are skipped; required: they fail;
//	                  live: those named Live run too, against the registry that this machine's npm knows
//	LARDER_E2E_TOOLS  the folder of the clients; default: larder-clients in the user's cache folder
//
// Except for the live ones the tests need no network: the upstream is a fake
// registry or a second larder, and what a client sends anywhere else ends at a
// proxy that fails the test. What the packages below have in common is in
// e2e/harness. Start reading at TestClients (scenario_test.go).
package e2e
