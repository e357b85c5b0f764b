#!/bin/sh
# Makes the secrets of compose.yaml, each once and by chance: what is there stays
# as it is. NAME is what clients call the server.
#
#   deploy/secrets.sh packages.example.com
#
# Without a certificate (tls.crt, tls.key) it makes one that nobody trusts: put
# that of your own authority in its place. Needs openssl.
set -eu
umask 077
name=${1:?"usage: $0 NAME [FOLDER]"}
dir=${2:-$(dirname "$0")/secrets}
mkdir -p "$dir"
chmod 700 "$dir" # the files below are readable to users inside containers, and nobody gets here
cd "$dir"

keep() { # file: takes its content from standard input, unless it is there
  if [ -s "$1" ]; then cat >/dev/null; else cat >"$1.new" && chmod 444 "$1.new" && mv "$1.new" "$1"; fi
}
word() { openssl rand -hex 24; }

openssl rand -base64 32 | keep master.key
word | keep postgres-password
echo larder-admin | keep minio-root-user
word | keep minio-root-password
echo larder-server | keep minio-user
word | keep minio-password
word | keep nats-password

keep larder.yaml <<EOF
metadata: postgres://larder:$(cat postgres-password)@postgres:5432/larder?sslmode=disable
blobs: s3://$(cat minio-user):$(cat minio-password)@larder/packages?endpoint=http://minio:9000&cache=10GiB
nats: nats://larder:$(cat nats-password)@nats-1:4222,nats://nats-2:4222,nats://nats-3:4222
EOF
keep nats-users.conf <<EOF
users = [ { user: larder, password: "$(cat nats-password)" } ]
EOF
if [ ! -s tls.crt ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 \
    -subj "/CN=$name" -addext "subjectAltName=DNS:$name" -keyout tls.key.new -out tls.crt.new 2>/dev/null
  chmod 444 tls.key.new tls.crt.new
  mv tls.key.new tls.key
  mv tls.crt.new tls.crt
  echo "made a certificate for $name that nobody trusts: $dir/tls.crt" >&2
fi
