package guard

import (
	"strings"

	"larder/registry"
)

// span is a set of versions: comparators that all hold, or another such list.
// The zero span holds every version.
type span [][]comparator

type comparator struct {
	op      string
	version string
}

// parseSpan reads ">=1.0 <2.0 || =3.1": comparators (=, !=, <, <=, >, >=; none
// is =) with the version right behind, all of which hold, and "||" between
// alternatives. "*" and the empty text are every version. Which version is
// greater the format says.
func parseSpan(text string) (span, error) {
	bad := func(why string) (span, error) {
		return nil, registry.Errorf(registry.Invalid, `%q is no range of versions: %s; write it as ">=1.0 <2.0 || =3.1"`, text, why)
	}
	if t := strings.TrimSpace(text); t == "" || t == "*" {
		return nil, nil
	}
	var s span
	for part := range strings.SplitSeq(text, "||") {
		var all []comparator
		words := strings.Fields(part)
		for i := 0; i < len(words); i++ {
			version := strings.TrimLeft(words[i], "=!<>")
			op := words[i][:len(words[i])-len(version)]
			if version == "" && i+1 < len(words) { // ">= 1.0"
				i++
				version = words[i]
			}
			switch op {
			case "":
				op = "="
			case "=", "!=", "<", "<=", ">", ">=":
			case "==":
				op = "="
			default:
				return bad("\"" + op + "\" is no comparator")
			}
			if version == "" || strings.ContainsAny(version, "*^~,|<>=") {
				return bad("a comparator is followed by one whole version")
			}
			all = append(all, comparator{op, version})
		}
		if len(all) == 0 {
			return bad("an alternative is empty")
		}
		s = append(s, all)
	}
	return s, nil
}

// order compares a version with one that a person or a source wrote, which may
// leave out what is zero: "3" is 3.0.0 in formats of which versions have three
// parts.
type order struct {
	registry.Rules
	padded bool
	keyer  registry.Keyer // nil: no format or one of which versions are written in one way
}

func newOrder(format string, rules registry.Rules) order {
	keyer, _ := rules.(registry.Keyer)
	return order{rules, format == registry.NPM || format == registry.Cargo || format == registry.Swift, keyer}
}

// key is the same for all spellings of one version.
func (o order) key(version string) string {
	if o.keyer != nil && !numbersOnly(version) {
		version = o.keyer.VersionKey(version)
	}
	return short(version)
}

func numbersOnly(version string) bool { return strings.Trim(version, "0123456789.") == "" }

// Compare orders a version of the format and one that was written. Spellings of
// one number are equal, whatever order the format gives them.
func (o order) Compare(version, written string) int {
	if o.key(version) == o.key(written) {
		return 0
	}
	if o.padded && written != "" && numbersOnly(written) {
		written += strings.Repeat(".0", max(2-strings.Count(written, "."), 0))
	}
	return o.Rules.Compare(version, written)
}

// short is a version that is numbers only, without zeros at its end: those that
// are equal by it are one version in every format.
func short(version string) string {
	if !numbersOnly(version) {
		return version
	}
	for {
		rest, ok := strings.CutSuffix(version, ".0")
		if !ok {
			return version
		}
		version = rest
	}
}

// holds reports whether the version is in the set.
func (s span) holds(version string, rules order) bool {
	if s == nil {
		return true
	}
	for _, all := range s {
		ok := true
		for _, c := range all {
			ok = ok && c.holds(rules.Compare(version, c.version))
		}
		if ok {
			return true
		}
	}
	return false
}

func (c comparator) holds(order int) bool {
	switch c.op {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}
