// Package api is the control plane: CodeArtifact's own rest-json API, and
// Larder's few additions to it, over the core. It reads requests and renders
// answers; rights and meaning are the core's.
//
// Start reading at the table in ops.go.
package api
