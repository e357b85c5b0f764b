#!/usr/bin/env bash
# Installs the Python package clients of the end-to-end tests, from the index
# that this machine's pip knows, into the folder given (default: where the tests
# look for them). Each is a virtual environment at DIR/NAME. What is complete is
# left alone.
set -euo pipefail
dir=${1:-${LARDER_E2E_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/larder-clients}}
mkdir -p "$dir"

install() { # name, requirements
  local name=$1
  shift
  local mark="$dir/$name/.complete-$(echo "$*" | tr -c 'A-Za-z0-9.\n' _)"
  [ -e "$mark" ] && return
  echo "clients: $name ($*)"
  rm -rf "${dir:?}/$name"
  python3 -m venv "$dir/$name"
  "$dir/$name/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
  touch "$mark"
}

# The oldest pip that runs on Python 3.11 and knows nothing of metadata files or
# JSON indexes, and the newest; setuptools and wheel build source distributions
# without an index.
install pip22 pip==22.0.4 setuptools==65.5.1 wheel==0.45.1
install pip pip==26.3 setuptools==80.9.0 wheel==0.45.1 build==1.6.1 packaging==26.3
install uv uv==0.13.9
install poetry poetry==2.5.1
install pdm 'pdm[locked]==2.28.1'
install twine6 twine==6.2.0
install twine twine==7.0.0
install flit flit==4.2.0
