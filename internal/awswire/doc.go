// Package awswire speaks the wire forms of AWS APIs: rest-json requests are
// decoded into structs, forms of the query protocol and AWS JSON 1.1 are read
// and answered, errors are rendered as AWS clients read them, times
// are epoch seconds, and page tokens are opaque. It knows no operation; the
// tables of operations stand with the services that answer them.
//
// Start reading at decode.go, then errors.go.
package awswire
