// Package registry is the core of Larder: what domains, repositories,
// packages, package versions and assets are, which rules they obey, and the
// ports through which everything else is reached.
//
// It imports nothing of Larder's other packages, no net/http and no SQL. Wire
// formats and the control plane call it through [Service] and [Repo]; storage,
// policy, events and upstream access implement the interfaces of ports.go.
// Start reading at ports.go, then service.go, read.go and publish.go.
package registry
