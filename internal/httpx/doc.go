// Package httpx is what every HTTP surface of the server shares: the
// outermost handler (request id, one log line, the client behind trusted
// proxies, the base URL that clients are told), a response writer that counts
// without costing sendfile, and handlers that return their error.
//
// It knows nothing of registries. Start reading at Front.
package httpx
