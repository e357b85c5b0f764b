package formats

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"larder/registry"
)

// checkPath refuses, before any route sees it, a path that could mean
// something else to somebody else: one that leaves its place ("..", "."), has
// empty segments, hides a separator (backslash, ";", an encoded slash, encoding
// within encoding), or carries control characters or bytes that are no UTF-8.
// The path is as sent, percent-encoded, and begins with "/"; one trailing slash
// is allowed.
//
// One encoded slash is legal: that of a scoped name, "@scope%2fname".
// Pitfalls N5, N18, G20; CVE-2024-4956, CVE-2024-6915, CVE-2024-36115.
func checkPath(path string) error {
	rest := path[1:]
	for rest != "" {
		seg, next, _ := strings.Cut(rest, "/")
		rest = next
		if seg == "" {
			return registry.Errorf(registry.Invalid, "the path has an empty segment")
		}
		if !plain(seg) {
			if err := checkSegment(seg); err != nil {
				return err
			}
		}
	}
	return nil
}

// plain reports that a segment needs no closer look, which is nearly always so.
func plain(seg string) bool {
	if seg[0] == '.' {
		return false
	}
	for i := range len(seg) {
		if c := seg[i]; c <= ' ' || c >= 0x7f || c == '%' || c == '\\' || c == ';' {
			return false
		}
	}
	return true
}

func checkSegment(seg string) error {
	s, err := url.PathUnescape(seg)
	if err != nil {
		return registry.Errorf(registry.Invalid, "the path is not percent-encoded correctly")
	}
	if strings.Contains(s, "%") {
		return registry.Errorf(registry.Invalid, "the path is percent-encoded twice: encode it once")
	}
	if !utf8.ValidString(s) {
		return registry.Errorf(registry.Invalid, "the path is not UTF-8")
	}
	for _, c := range s {
		if c < ' ' || c >= 0x7f && c < 0xa0 || c == '\\' || c == ';' {
			return registry.Errorf(registry.Invalid, "the path contains the character %q, which is not allowed in it", c)
		}
	}
	for i, part := range strings.Split(s, "/") {
		switch {
		case part == "." || part == "..":
			return registry.Errorf(registry.Invalid, "the path contains the segment %q", part)
		case part == "" || i > 1 || i == 1 && (s[0] != '@' || s[1] == '/'):
			return registry.Errorf(registry.Invalid, "the path contains an encoded slash outside a scoped name")
		}
	}
	return nil
}

// decode gives a variable's value. checkPath has accepted its path.
func decode(v string) (string, error) {
	if strings.IndexByte(v, '%') < 0 {
		return v, nil
	}
	s, err := url.PathUnescape(v)
	if err != nil {
		return "", registry.Errorf(registry.Invalid, "the path is not percent-encoded correctly")
	}
	return s, nil
}
