package npm

import (
	"cmp"
	"strings"
)

// version is a version taken apart as node-semver does in loose mode:
// "v1.2.3", "=1.2.3" and "1.2.3beta" count as well, since the registry has
// such old ones.
type version struct {
	major, minor, patch string // digits without leading zeros
	pre, build          string // dot-separated identifiers; empty: none
}

// parseVersion reads s; strict accepts only SemVer 2.0.0.
func parseVersion(s string, strict bool) (version, bool) {
	var v version
	if len(s) > 256 { // node-semver's MAX_LENGTH
		return v, false
	}
	if !strict {
		s = strings.TrimLeft(s, "v=")
	}
	rest, ok := s, true
	for i, part := range []*string{&v.major, &v.minor, &v.patch} {
		if i > 0 {
			if rest, ok = strings.CutPrefix(rest, "."); !ok {
				return v, false
			}
		}
		n := 0
		for n < len(rest) && isDigit(rest[n]) {
			n++
		}
		if n == 0 || strict && n > 1 && rest[0] == '0' {
			return v, false
		}
		*part = trimZeros(rest[:n])
		if tooBig(*part) {
			return v, false
		}
		rest = rest[n:]
	}
	rest, v.build, ok = strings.Cut(rest, "+")
	if ok && !identifiers(v.build, false) {
		return v, false
	}
	if rest == "" {
		return v, true
	}
	if rest[0] == '-' {
		rest = rest[1:]
	} else if strict {
		return v, false
	}
	v.pre = rest
	return v, identifiers(rest, strict)
}

// identifiers checks a dot-separated list; noZeros refuses numbers with
// leading zeros.
func identifiers(s string, noZeros bool) bool {
	for id := range strings.SplitSeq(s, ".") {
		if id == "" {
			return false
		}
		for i := range len(id) {
			if c := id[i]; !isDigit(c) && c != '-' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
				return false
			}
		}
		if noZeros && len(id) > 1 && id[0] == '0' && isNumber(id) {
			return false
		}
	}
	return true
}

// compareVersions orders two versions by SemVer precedence, then by build
// metadata as node-semver's compareBuild does, then by spelling, so that only
// equal strings are equal. What is no version comes first.
func compareVersions(a, b string) int {
	if a == b {
		return 0
	}
	va, oka := parseVersion(a, false)
	vb, okb := parseVersion(b, false)
	switch {
	case !oka && !okb:
		return cmp.Compare(a, b)
	case !oka:
		return -1
	case !okb:
		return 1
	}
	return cmp.Or(
		compareNumbers(va.major, vb.major),
		compareNumbers(va.minor, vb.minor),
		compareNumbers(va.patch, vb.patch),
		comparePre(va.pre, vb.pre),
		compareIdentifiers(va.build, vb.build),
		cmp.Compare(a, b),
	)
}

func comparePre(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "": // a release comes after its prereleases
		return 1
	case b == "":
		return -1
	}
	return compareIdentifiers(a, b)
}

// compareIdentifiers compares dot-separated lists: numbers by value and before
// words, words by their bytes, a longer list after its own beginning.
func compareIdentifiers(a, b string) int {
	for a != "" && b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		nx, ny := isNumber(x), isNumber(y)
		var c int
		switch {
		case nx && ny:
			c = compareNumbers(trimZeros(x), trimZeros(y))
		case nx:
			c = -1
		case ny:
			c = 1
		default:
			c = cmp.Compare(x, y)
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// compareNumbers compares digits without leading zeros by value.
func compareNumbers(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// tooBig is what JavaScript cannot count to (2^53-1), and so no client accepts.
func tooBig(digits string) bool { return compareNumbers(digits, "9007199254740991") > 0 }

func trimZeros(s string) string {
	for len(s) > 1 && s[0] == '0' {
		s = s[1:]
	}
	return s
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNumber(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}
