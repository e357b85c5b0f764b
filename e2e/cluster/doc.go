// Package cluster has the tests of several Larder processes that are one server:
// they share PostgreSQL, an S3 server and a NATS server, all real. One after the
// other is killed and brought back while clients publish and install.
//
// install-servers.sh builds the S3 and the NATS server; PostgreSQL is the
// machine's own. LARDER_CLUSTER_ROUNDS is how many are killed (default 6: each
// once), LARDER_E2E as for the other end-to-end tests.
package cluster
