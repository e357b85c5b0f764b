#!/usr/bin/env bash
# Builds the servers that the tests of several processes run, an S3 server and
# NATS, into the folder given (default: where the tests look for them). What is
# there already is left alone. PostgreSQL is the system's own.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=${1:-${LARDER_E2E_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/larder-clients}}/bin
mkdir -p "$dir"
[ -x "$dir/versitygw" ] || GOBIN=$dir go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
[ -x "$dir/nats-server" ] || go build -o "$dir/nats-server" github.com/nats-io/nats-server/v2
