// Package rules carries events to the targets of rules: it asks every new
// event of the outbox which rules it matches, keeps what is to be delivered in
// the database, and delivers: to subjects of NATS and to web hooks, again and
// again until it succeeds or is given up.
//
// Nothing that matters is in memory. That an event was asked about and what
// came of it is one transaction; a delivery goes from the database when the
// target has taken it. So each target has each of its events at least once,
// whenever the process dies, also while the bus is away; and each target has a
// lane of its own, so that none waits for another.
//
// Start reading at dispatcher.go, then lane.go; target.go is what a target is,
// input.go what is sent to it, webhook.go and subject.go how.
package rules
