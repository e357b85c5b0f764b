#!/usr/bin/env bash
# Installs the package clients of the end-to-end tests, from the registries that
# this machine's npm and pip know, into the folder given (default: where the tests
# look for them). Each is at DIR/NAME/node_modules, the aws command, where the
# machine has none, at DIR/aws/bin. What is complete is left alone.
set -euo pipefail
dir=${1:-${LARDER_E2E_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/larder-clients}}
mkdir -p "$dir"

install() { # name, package, folder of a script that fetches what the package needs
  local name=$1 package=$2 script=${3:-}
  local mark="$dir/$name/.complete-${package//[\/@]/_}"
  [ -e "$mark" ] && return
  echo "clients: $name ($package)"
  rm -rf "${dir:?}/$name"
  mkdir -p "$dir/$name"
  echo '{"private":true}' > "$dir/$name/package.json"
  npm install --prefix "$dir/$name" --no-audit --no-fund --ignore-scripts --loglevel=error "$package"
  if [ -n "$script" ]; then (cd "$dir/$name/$script" && node install.js); fi
  touch "$mark"
}

for major in 6 7 8 9 10 11; do install "npm$major" "npm@$major"; done
install yarn1 yarn@1.22.22
install yarn4 @yarnpkg/cli-dist@4.18.1
install pnpm9 pnpm@9.15.9
install pnpm pnpm@12.21.0 node_modules/pnpm
install bun bun@1.4.5 node_modules/bun
install nuget nuget-exe@5.8.0 # runs under Mono

if ! command -v aws >/dev/null && [ ! -e "$dir/aws/.complete" ]; then
  echo "clients: aws"
  rm -rf "${dir:?}/aws"
  python3 -m venv "$dir/aws"
  "$dir/aws/bin/pip" install --quiet --disable-pip-version-check awscli==1.45.11
  touch "$dir/aws/.complete"
fi
