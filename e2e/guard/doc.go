// Package guard holds the supply-chain guard to its promise: what a rule keeps
// back is kept back on every read path of every format. The matrix needs no
// client; the tests with real ones run with LARDER_E2E, see e2e/doc.go.
package guard
