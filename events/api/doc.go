// Package api answers the calls of Amazon EventBridge that keep rules and
// targets, test patterns and put events (API version 2015-10-07, AWS JSON
// 1.1): X-Amz-Target AWSEvents.… on POST / of the server. Each account has one
// bus, default. What a pattern means is decided by package pattern, how events
// are delivered by package rules.
//
// Start reading at server.go; each noun has a file.
package api
