// Package events tells the world what happened to package versions: the
// envelope that every event travels in, the relay that carries the outbox to
// the bus, the bus on NATS JetStream, and the NATS server inside the process.
//
// The outbox is what is durable. An event is written in the transaction that
// makes the change; the stream is a copy that may lose its tail when the
// machine loses power, and that the relay makes whole again. Deciding what is
// an event is the core's affair, keeping the outbox the storage's.
//
// Start reading at relay.go, then nats.go; embedded.go and followers.go are the
// server inside and who may listen to it.
package events
