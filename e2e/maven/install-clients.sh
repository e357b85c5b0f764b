#!/usr/bin/env bash
# Gets what the end-to-end tests of Maven need, through the repository that this
# machine's mvn knows: further versions of Maven at DIR/maven-VERSION, Gradle at
# DIR/gradle-VERSION, sbt's launcher at DIR/sbt-VERSION, and at DIR/maven-seed
# the plugins and libraries that the projects in testdata need, which the tests
# serve as an upstream. What is complete is left alone.
set -euo pipefail
cd "$(dirname "$0")"
dir=${1:-${LARDER_E2E_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/larder-clients}}
seed="$dir/maven-seed"
mark="$seed/.complete-$(cat install-clients.sh $(find gradle testdata -type f | LC_ALL=C sort) | sha256sum | cut -c1-16)"
[ -e "$mark" ] && exit
versions="3.9.11 4.0.0-rc-4"
gradle=8.11.1
sbt=1.10.11
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$seed"
plugin=org.apache.maven.plugins:maven-dependency-plugin:3.6.1

for v in $versions; do
  [ -e "$dir/maven-$v/bin/mvn" ] && continue
  echo "clients: maven $v"
  mvn -B -q -Dmaven.repo.local="$work/repo" $plugin:copy \
    -Dartifact="org.apache.maven:apache-maven:$v:tar.gz:bin" -DoutputDirectory="$work"
  mkdir -p "$dir/maven-$v"
  tar -xzf "$work/apache-maven-$v-bin.tar.gz" -C "$dir/maven-$v" --strip-components=1
done

# Its distributions are in no package registry; all of its classes in one jar are.
if ! [ -e "$dir/gradle-$gradle/bin/gradle" ]; then
  echo "clients: gradle $gradle"
  sed "s/@VERSION@/$gradle/" gradle/pom.xml >"$work/pom.xml"
  (cd "$work" && mvn -B -q -Dmaven.repo.local="$work/repo" $plugin:copy-dependencies -DoutputDirectory="$work/jars")
  rm -rf "$dir/gradle-$gradle"
  python3 gradle/assemble.py "$work/jars" $gradle "$dir/gradle-$gradle"
  javac -nowarn -cp "$dir/gradle-$gradle/lib/gradle-runtime.jar" -d "$dir/gradle-$gradle/launcher" gradle/Launcher.java
  mkdir "$dir/gradle-$gradle/bin"
  cat >"$dir/gradle-$gradle/bin/gradle" <<'END'
#!/bin/sh
# Tasks of the build in the current folder, in this process.
lib="$(dirname "$0")/../lib"
exec java -Xmx512m $GRADLE_OPTS -cp "$lib/../launcher:$lib/gradle-runtime.jar:$lib/*" Launcher "$@"
END
  chmod +x "$dir/gradle-$gradle/bin/gradle"
fi

if ! [ -e "$dir/sbt-$sbt/sbt-launch.jar" ]; then
  echo "clients: sbt $sbt"
  mvn -B -q -Dmaven.repo.local="$work/repo" $plugin:copy \
    -Dartifact="org.scala-sbt:sbt-launch:$sbt" -DoutputDirectory="$work"
  mkdir -p "$dir/sbt-$sbt"
  cp "$work/sbt-launch-$sbt.jar" "$dir/sbt-$sbt/sbt-launch.jar"
fi

cp -r testdata "$work/projects"
find "$work/projects" -type f -exec sed -i "s|@VERSION@|1.0|; s|@URL@|file://$work/deployed|; s|@LARDER@||" {} +

echo "clients: what Maven's own builds need"
for mvn in mvn $(for v in $versions; do echo "$dir/maven-$v/bin/mvn"; done); do
  for project in "library deploy" "consumer package"; do
    (cd "$work/projects/${project% *}" && "$mvn" -B -q -Dmaven.repo.local="$seed" "${project#* }")
  done
done
rm -rf "$seed/com/acme" "$seed/com/other"

# sbt keeps what it fetched as the repository has it, below the server's name.
echo "clients: what sbt itself needs"
(cd "$work/projects/sbt-library" && java -Xmx700m -Duser.home="$work/sbt" -Dsbt.global.base="$work/sbt/.sbt" -Dsbt.boot.directory="$work/sbt/boot" \
  -Dsbt.coursier.home="$work/sbt/fetched" -Dsbt.server.autostart=false -Dsbt.supershell=false -jar "$dir/sbt-$sbt/sbt-launch.jar" compile) >"$work/log" 2>&1 ||
  { cat "$work/log"; exit 1; }
find "$work/sbt/fetched" "$work/sbt/.cache/coursier" -type d -name 'maven2' -exec sh -c 'cp -r "$1/." "$2"' - {} "$seed" \;
touch "$mark"
