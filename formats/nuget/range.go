package nuget

import "strings"

// versionRange is what a dependency takes (NuGet documentation, "Version ranges").
type versionRange struct {
	min, max               *version // nil: not bounded
	includeMin, includeMax bool
	float                  string // as written, where the lower bound floats: "1.*"
}

// parseRange reads a version range: "1.0" and above, intervals in brackets, and
// floating versions as a lower bound. Nothing at all takes everything.
func parseRange(s string) (versionRange, bool) {
	var r versionRange
	s = strings.TrimSpace(s)
	if s == "" {
		return r, true
	}
	lower, upper := s, ""
	r.includeMin = true
	if s[0] == '(' || s[0] == '[' {
		last := s[len(s)-1]
		if len(s) < 3 || last != ')' && last != ']' {
			return r, false
		}
		r.includeMin, r.includeMax = s[0] == '[', last == ']'
		var pair bool
		lower, upper, pair = strings.Cut(s[1:len(s)-1], ",")
		switch {
		case lower == "" && upper == "", strings.Contains(upper, ","):
			return r, false
		case !pair && !(r.includeMin && r.includeMax):
			return r, false
		case !pair:
			upper = lower
		}
	}
	if lower, upper = strings.TrimSpace(lower), strings.TrimSpace(upper); lower != "" {
		v, ok := parseVersion(lower)
		if strings.Contains(lower, "*") {
			v, ok = parseFloating(lower)
			r.float = lower
		}
		if !ok {
			return r, false
		}
		r.min = &v
	}
	if upper != "" {
		v, ok := parseVersion(upper)
		if !ok {
			return r, false
		}
		r.max = &v
	}
	if r.min != nil && r.max != nil {
		c := r.min.compare(*r.max)
		if c > 0 || c == 0 && r.includeMin != r.includeMax {
			return r, false
		}
	}
	return r, true
}

// parseFloating gives the lowest version that a floating one such as "1.*",
// "1.0.0-beta*" or "*-*" can stand for.
func parseFloating(s string) (version, bool) {
	switch {
	case s == "*":
		return version{}, true
	case s == "*-*":
		return version{labels: []string{"0"}}, true
	case strings.Contains(s, "+") || s[len(s)-1] != '*':
		return version{}, false
	}
	numbers, labels, prerelease := strings.Cut(s, "-")
	switch stars := strings.Count(s, "*"); {
	case stars == 1 && !prerelease:
		if !strings.HasSuffix(numbers, ".*") {
			return version{}, false
		}
		return parseVersion(strings.TrimSuffix(numbers, "*") + "0")
	case stars == 1:
	case stars == 2 && prerelease && (numbers == "*" || strings.HasSuffix(numbers, ".*")):
		numbers = strings.TrimSuffix(numbers, "*") + "0"
	default:
		return version{}, false
	}
	// The lowest label is 0 where one begins, and a dash where one goes on.
	labels = strings.TrimSuffix(labels, "*")
	switch {
	case labels == "" || strings.HasSuffix(labels, "."):
		labels += "0"
	case strings.HasSuffix(labels, "-"):
		labels += "-"
	}
	return parseVersion(numbers + "-" + labels)
}

// String is the normalized spelling, as package metadata has it: "[1.0.0, )".
func (r versionRange) String() string {
	var b strings.Builder
	if r.min != nil && r.includeMin {
		b.WriteByte('[')
	} else {
		b.WriteByte('(')
	}
	switch {
	case r.float != "":
		b.WriteString(r.float)
	case r.min != nil:
		b.WriteString(r.min.String())
	}
	b.WriteString(", ")
	if r.max != nil {
		b.WriteString(r.max.String())
	}
	if r.max != nil && r.includeMax {
		b.WriteByte(']')
	} else {
		b.WriteByte(')')
	}
	return b.String()
}

// semVer2 reports whether a bound cannot be read by clients before 4.3.
func (r versionRange) semVer2() bool {
	return r.min != nil && r.min.semVer2() || r.max != nil && r.max.semVer2()
}
