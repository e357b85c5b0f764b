// Package identity answers who asks: it keeps access keys and token signing
// keys sealed, issues and verifies authorization tokens, verifies AWS request
// signatures, and turns an *http.Request into a registry.Actor. What an actor
// may do is decided elsewhere.
//
// Start reading at authenticator.go.
package identity
