package pypi

import "strings"

// version is a parsed version (Version specifiers, "Public version
// identifiers"). Numbers are decimal digits without leading zeros: they may be
// of any length. Absent parts are empty.
type version struct {
	epoch   string
	release []string
	pre     string // "a", "b" or "rc"
	preN    string
	post    string
	dev     string
	local   []string
}

// parseVersion reads a version in any of the spellings that the specification
// allows, such as "v1.0-alpha_1" for 1.0a1.
func parseVersion(s string) (version, bool) {
	var v version
	p := cursor{strings.ToLower(strings.Trim(s, " \t\n\r\f\v"))}
	p.take("v")
	first := p.digits()
	if first == "" {
		return v, false
	}
	v.epoch = "0"
	if p.take("!") {
		v.epoch = first
		if first = p.digits(); first == "" {
			return v, false
		}
	}
	v.release = append(make([]string, 0, 4), first)
	for len(p.rest) > 1 && p.rest[0] == '.' && isDigit(p.rest[1]) {
		p.rest = p.rest[1:]
		v.release = append(v.release, p.digits())
	}
	p.pre(&v)
	p.post(&v)
	if n, ok := p.word("dev"); ok {
		v.dev = n
	}
	if p.take("+") && !p.local(&v) {
		return v, false
	}
	return v, p.rest == ""
}

// cursor takes parts off the front of a version in lower case.
type cursor struct{ rest string }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isSeparator(c byte) bool { return c == '.' || c == '-' || c == '_' }

func (p *cursor) take(prefix string) bool {
	rest, ok := strings.CutPrefix(p.rest, prefix)
	p.rest = rest
	return ok
}

// digits takes a number, "" for none.
func (p *cursor) digits() string {
	i := 0
	for i < len(p.rest) && isDigit(p.rest[i]) {
		i++
	}
	n := p.rest[:i]
	p.rest = p.rest[i:]
	for len(n) > 1 && n[0] == '0' {
		n = n[1:]
	}
	return n
}

// word takes [separator] name [separator] [number]; the number is 0 where there
// is none.
func (p *cursor) word(names ...string) (string, bool) {
	rest := p.rest
	if rest != "" && isSeparator(rest[0]) {
		rest = rest[1:]
	}
	for _, name := range names {
		after, ok := strings.CutPrefix(rest, name)
		if !ok {
			continue
		}
		p.rest = after
		if p.rest != "" && isSeparator(p.rest[0]) {
			p.rest = p.rest[1:]
		}
		if n := p.digits(); n != "" {
			return n, true
		}
		return "0", true
	}
	return "", false
}

func (p *cursor) pre(v *version) {
	for _, spelling := range []struct {
		is    string
		names []string
	}{{"a", []string{"alpha", "a"}}, {"b", []string{"beta", "b"}}, {"rc", []string{"preview", "pre", "c", "rc"}}} {
		if n, ok := p.word(spelling.names...); ok {
			v.pre, v.preN = spelling.is, n
			return
		}
	}
}

func (p *cursor) post(v *version) {
	if len(p.rest) > 1 && p.rest[0] == '-' && isDigit(p.rest[1]) {
		p.rest = p.rest[1:]
		v.post = p.digits()
		return
	}
	if n, ok := p.word("post", "rev", "r"); ok {
		v.post = n
	}
}

func (p *cursor) local(v *version) bool {
	for {
		i := 0
		for i < len(p.rest) && (isDigit(p.rest[i]) || p.rest[i] >= 'a' && p.rest[i] <= 'z') {
			i++
		}
		if i == 0 {
			return false
		}
		segment := p.rest[:i]
		p.rest = p.rest[i:]
		if isNumber(segment) {
			segment = (&cursor{segment}).digits()
		}
		v.local = append(v.local, segment)
		if p.rest == "" {
			return true
		}
		if !isSeparator(p.rest[0]) {
			return false
		}
		p.rest = p.rest[1:]
	}
}

func isNumber(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// String is the normalized spelling.
func (v version) String() string {
	var b strings.Builder
	if v.epoch != "0" {
		b.WriteString(v.epoch + "!")
	}
	b.WriteString(strings.Join(v.release, "."))
	b.WriteString(v.pre + v.preN)
	if v.post != "" {
		b.WriteString(".post" + v.post)
	}
	if v.dev != "" {
		b.WriteString(".dev" + v.dev)
	}
	if v.local != nil {
		b.WriteString("+" + strings.Join(v.local, "."))
	}
	return b.String()
}

func (v version) prerelease() bool { return v.pre != "" || v.dev != "" }

// compare orders versions ("Summary of permitted suffixes and relative
// ordering").
func (v version) compare(w version) int {
	if c := compareNumbers(v.epoch, w.epoch); c != 0 {
		return c
	}
	for i := range max(len(v.release), len(w.release)) {
		if c := compareNumbers(at(v.release, i), at(w.release, i)); c != 0 {
			return c
		}
	}
	if c := v.preRank() - w.preRank(); c != 0 {
		return sign(c)
	}
	if c := compareNumbers(v.preN, w.preN); c != 0 {
		return c
	}
	// No post release comes before any; no development release after any.
	if c := compareNumbers(v.post, w.post); c != 0 {
		return c
	}
	switch {
	case v.dev == w.dev:
		return compareLocal(v.local, w.local)
	case v.dev == "":
		return 1
	case w.dev == "":
		return -1
	}
	return compareNumbers(v.dev, w.dev)
}

// preRank puts a development release without more before all prereleases and
// a release after them.
func (v version) preRank() int {
	switch {
	case v.pre == "a":
		return 1
	case v.pre == "b":
		return 2
	case v.pre == "rc":
		return 3
	case v.post == "" && v.dev != "":
		return 0
	}
	return 4
}

func at(release []string, i int) string {
	if i < len(release) {
		return release[i]
	}
	return "0"
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

// compareNumbers compares digits without leading zeros; none come first.
func compareNumbers(a, b string) int {
	if len(a) != len(b) {
		return sign(len(a) - len(b))
	}
	return strings.Compare(a, b)
}

// compareLocal: numbers come after words, and more segments after fewer.
func compareLocal(a, b []string) int {
	for i := range min(len(a), len(b)) {
		m, n := isNumber(a[i]), isNumber(b[i])
		var c int
		switch {
		case m && n:
			c = compareNumbers(a[i], b[i])
		case m:
			c = 1
		case n:
			c = -1
		default:
			c = strings.Compare(a[i], b[i])
		}
		if c != 0 {
			return c
		}
	}
	return sign(len(a) - len(b))
}
