// Package audit keeps the log of who did what: a record for each call of the
// control plane and for each request of a package client that was denied, in
// the shape of AWS CloudTrail's records (CloudTrail User Guide, "CloudTrail
// record contents"), so that what reads those reads these. It sees no secrets:
// bodies are not looked at, and what signs a request is left out.
//
// Start reading at log.go.
package audit
