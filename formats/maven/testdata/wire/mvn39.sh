# mvn 3.9.11 does the same.
. "$(dirname "$0")/mvn38.sh"
