// Package harness is what the end-to-end tests have in common: larder built
// once and run in a process of its own, and clients run as people do. A package
// of tests hands its TestMain to Main, says EndToEnd at the beginning of each
// test, and starts servers with Serve.
//
// LARDER_E2E says what runs: unset nothing, "on" what has its client on this
// machine, "required" everything, "live" also what asks public registries.
// LARDER_E2E_TOOLS is the folder that the install-clients.sh below e2e fill.
package harness
