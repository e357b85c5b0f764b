// Package process runs the real larder binary as its users do: built from
// source, in a process of its own, on a data folder. The benchmarks and the
// tests that kill the server are made with it. Start at server.go; package.go
// speaks to the server as npm does.
package process
