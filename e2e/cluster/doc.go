// Package cluster has the tests of several Larder processes that are one server:
// they share PostgreSQL, an S3 server and three NATS servers behind nginx, all
// real, and set up by what is in deploy. One after the other is killed and
// brought back while clients publish and install, or replaced by a newer build.
//
// install-servers.sh builds the S3 and the NATS server; PostgreSQL and nginx are
// the machine's own. LARDER_CLUSTER_ROUNDS is how many are killed (default: each
// once, and one of the NATS servers), LARDER_E2E as for the other end-to-end tests.
package cluster
