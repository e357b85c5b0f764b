# mvn 4.0.0-rc-4 does the same.
. "$(dirname "$0")/mvn38.sh"
