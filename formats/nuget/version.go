package nuget

import (
	"cmp"
	"math"
	"strconv"
	"strings"
)

// version is a NuGet version: one to four numbers, then labels of a prerelease
// and build metadata as Semantic Versioning 2.0.0 has them (NuGet
// documentation, "Package versioning").
type version struct {
	numbers  [4]int
	labels   []string
	metadata string
}

// parseVersion reads a version as NuGet's clients do: missing numbers are zero,
// numbers may begin with zeros and are below 2^31.
func parseVersion(s string) (version, bool) {
	var v version
	s = strings.TrimSpace(s)
	rest, metadata, built := strings.Cut(s, "+")
	numbers, labels, prerelease := strings.Cut(rest, "-")
	if built {
		for part := range strings.SplitSeq(metadata, ".") {
			if !validLabel(part, true) {
				return v, false
			}
		}
		v.metadata = metadata
	}
	if prerelease {
		v.labels = strings.Split(labels, ".")
		for _, label := range v.labels {
			if !validLabel(label, false) {
				return v, false
			}
		}
	}
	n := 0
	for part := range strings.SplitSeq(numbers, ".") {
		if n == len(v.numbers) {
			return v, false
		}
		var ok bool
		if v.numbers[n], ok = parseNumber(part); !ok {
			return v, false
		}
		n++
	}
	return v, true
}

func parseNumber(s string) (int, bool) {
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + int(c-'0'); n > math.MaxInt32 {
			return 0, false
		}
	}
	return n, s != ""
}

// validLabel is the rule for one identifier of a prerelease or of build metadata.
func validLabel(s string, zeros bool) bool {
	digits := s != ""
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-'
		digit := c >= '0' && c <= '9'
		if !letter && !digit {
			return false
		}
		digits = digits && digit
	}
	return s != "" && (zeros || !digits || s == "0" || s[0] != '0')
}

// String is the normalized spelling: three numbers, a fourth where it is not
// zero, the labels, and no metadata.
func (v version) String() string {
	b := make([]byte, 0, 32)
	for i, n := range v.numbers {
		if i == 3 && n == 0 {
			break
		}
		if i > 0 {
			b = append(b, '.')
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	for i, label := range v.labels {
		if i == 0 {
			b = append(b, '-')
		} else {
			b = append(b, '.')
		}
		b = append(b, label...)
	}
	return string(b)
}

// full is the normalized spelling with the metadata, as clients are shown it.
func (v version) full() string {
	if v.metadata == "" {
		return v.String()
	}
	return v.String() + "+" + v.metadata
}

// key is the spelling by which a version is known: letter case says nothing.
func (v version) key() string { return strings.ToLower(v.String()) }

func (v version) prerelease() bool { return len(v.labels) > 0 }

// semVer2 reports whether clients from before Semantic Versioning 2.0.0 cannot
// read the version: those before 4.3.
func (v version) semVer2() bool { return len(v.labels) > 1 || v.metadata != "" }

// compare orders versions by precedence; metadata and letter case do not count.
func (v version) compare(w version) int {
	for i := range v.numbers {
		if c := cmp.Compare(v.numbers[i], w.numbers[i]); c != 0 {
			return c
		}
	}
	switch {
	case len(v.labels) == 0 || len(w.labels) == 0:
		return cmp.Compare(len(w.labels), len(v.labels))
	}
	for i := range min(len(v.labels), len(w.labels)) {
		if c := compareLabels(v.labels[i], w.labels[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(v.labels), len(w.labels))
}

// compareLabels orders numbers before words. What does not fit 32 bits is a
// word to NuGet's clients, and "-1" a number.
func compareLabels(a, b string) int {
	m, errA := strconv.ParseInt(a, 10, 32)
	n, errB := strconv.ParseInt(b, 10, 32)
	switch {
	case errA == nil && errB == nil:
		return cmp.Compare(m, n)
	case errA == nil:
		return -1
	case errB == nil:
		return 1
	}
	return strings.Compare(strings.ToUpper(a), strings.ToUpper(b))
}

// compareVersions orders canonical versions; equal ones of different spelling,
// such as 1.0.0--0 and 1.0.0-0, by their text.
func compareVersions(a, b string) int {
	v, _ := parseVersion(a)
	w, _ := parseVersion(b)
	if c := v.compare(w); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}
