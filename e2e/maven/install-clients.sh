#!/usr/bin/env bash
# Gets what the end-to-end tests of Maven need, through the repository that this
# machine's mvn knows: further versions of Maven at DIR/maven-VERSION, and at
# DIR/maven-seed the plugins and libraries that the projects in testdata need,
# which the tests serve as an upstream. What is complete is left alone.
set -euo pipefail
cd "$(dirname "$0")"
dir=${1:-${LARDER_E2E_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/larder-clients}}
seed="$dir/maven-seed"
mark="$seed/.complete-$(cat install-clients.sh $(find testdata -type f | LC_ALL=C sort) | sha256sum | cut -c1-16)"
[ -e "$mark" ] && exit
versions="3.9.11 4.0.0-rc-4"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$seed"

for v in $versions; do
  [ -e "$dir/maven-$v/bin/mvn" ] && continue
  echo "clients: maven $v"
  mvn -B -q -Dmaven.repo.local="$work/repo" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
    -Dartifact="org.apache.maven:apache-maven:$v:tar.gz:bin" -DoutputDirectory="$work"
  mkdir -p "$dir/maven-$v"
  tar -xzf "$work/apache-maven-$v-bin.tar.gz" -C "$dir/maven-$v" --strip-components=1
done

echo "clients: what Maven's own builds need"
cp -r testdata "$work/projects"
find "$work/projects" -type f -exec sed -i "s|@VERSION@|1.0|; s|@URL@|file://$work/deployed|" {} +
for mvn in mvn $(for v in $versions; do echo "$dir/maven-$v/bin/mvn"; done); do
  for project in "library deploy" "consumer package"; do
    (cd "$work/projects/${project% *}" && "$mvn" -B -q -Dmaven.repo.local="$seed" "${project#* }")
  done
done
rm -rf "$seed/com/acme" "$seed/com/other"
touch "$mark"
