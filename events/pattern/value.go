package pattern

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// kind is a comparison operator.
type kind uint8

const (
	isExact kind = iota
	isPrefix
	isPrefixFold
	isSuffix
	isSuffixFold
	isFold
	isWildcard
	isPresent
	isAbsent
	isNumeric
	isCIDR
	isAnythingBut
)

// value is one entry of the array of a pattern's field.
type value struct {
	kind          kind
	text          string
	wild          []string
	low, high     float64
	lowIn, highIn bool
	prefix        netip.Prefix
	not           []value
}

// key is equal for equal values.
func (v *value) key() string {
	key := fmt.Sprintf(" %d %q %g %g %t %t %s(", v.kind, v.text, v.low, v.high, v.lowIn, v.highIn, v.prefix)
	for i := range v.not {
		key += v.not[i].key()
	}
	return key + ")"
}

// matches compares with a leaf of an event. isAbsent is decided elsewhere: no
// leaf matches it.
func (v *value) matches(l *leaf) bool {
	switch v.kind {
	case isExact:
		return v.text == l.literal
	case isPresent:
		return true
	case isAbsent:
		return false
	case isNumeric:
		n, ok := l.number()
		return ok && (n > v.low || v.lowIn && n == v.low) && (n < v.high || v.highIn && n == v.high)
	case isAnythingBut:
		for i := range v.not {
			if v.not[i].matches(l) {
				return false
			}
		}
		return true
	}
	s, ok := l.text()
	if !ok {
		return false
	}
	switch v.kind {
	case isPrefix:
		return strings.HasPrefix(s, v.text)
	case isPrefixFold:
		n, ok := foldedPrefix(s, utf8.RuneCountInString(v.text))
		return ok && strings.EqualFold(s[:n], v.text)
	case isSuffix:
		return strings.HasSuffix(s, v.text)
	case isSuffixFold:
		n, ok := foldedSuffix(s, utf8.RuneCountInString(v.text))
		return ok && strings.EqualFold(s[n:], v.text)
	case isFold:
		return strings.EqualFold(s, v.text)
	case isWildcard:
		return matchWildcard(v.wild, s)
	case isCIDR:
		a, err := netip.ParseAddr(s)
		return err == nil && a.Zone() == "" && v.prefix.Contains(a)
	}
	return false
}

// foldedPrefix is where the first n characters of s end.
func foldedPrefix(s string, n int) (int, bool) {
	at := 0
	for range n {
		if at == len(s) {
			return 0, false
		}
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
	}
	return at, true
}

// foldedSuffix is where the last n characters of s begin.
func foldedSuffix(s string, n int) (int, bool) {
	at := len(s)
	for range n {
		if at == 0 {
			return 0, false
		}
		_, size := utf8.DecodeLastRuneInString(s[:at])
		at -= size
	}
	return at, true
}

// matchWildcard finds the parts in s, in order, the first at its start and the
// last at its end. Taking each at its first place is enough, so that the work
// is bounded by the length of s for each part.
func matchWildcard(parts []string, s string) bool {
	if len(parts) == 1 {
		return s == parts[0]
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}
