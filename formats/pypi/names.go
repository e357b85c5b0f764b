package pypi

import (
	"encoding/json"
	"strings"

	"larder/registry"
)

// rules are what the core knows about Python packages.
type rules struct{}

// Canonical gives the normalized name and version (Names and normalization;
// Version specifiers, "Normalization"). Trailing zeros stay: they are part of
// how a version is known.
func (rules) Canonical(id registry.VersionID) (registry.VersionID, error) {
	if id.Package.Namespace != "" {
		return id, registry.Errorf(registry.Invalid, "Python packages have no namespace")
	}
	if !validName(id.Package.Name) {
		return id, registry.Errorf(registry.Invalid, "%q cannot name a Python project: a name is made of ASCII letters, digits, \".\", \"-\" and \"_\", and begins and ends with a letter or digit", id.Package.Name)
	}
	id.Package.Name = normalize(id.Package.Name)
	if id.Version == "" {
		return id, nil
	}
	v, ok := parseVersion(id.Version)
	if !ok {
		return id, registry.Errorf(registry.Invalid, "%q is not a version such as 1.2.3, 1.2rc1 or 1.2.post1", id.Version)
	}
	id.Version = v.String()
	return id, nil
}

// Compare implements registry.Rules.
func (rules) Compare(a, b string) int { return compareVersions(a, b) }

// compareVersions orders versions; of equal ones, such as 1.0 and 1.0.0, the
// shorter spelling comes first.
func compareVersions(a, b string) int {
	v, _ := parseVersion(a)
	w, _ := parseVersion(b)
	if c := v.compare(w); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

// VersionKey implements registry.Keyer: the normalized spelling, and zeros at
// the end of the release say nothing.
func (rules) VersionKey(s string) string {
	v, ok := parseVersion(s)
	if !ok {
		return s
	}
	for len(v.release) > 1 && v.release[len(v.release)-1] == "0" {
		v.release = v.release[:len(v.release)-1]
	}
	return v.String()
}

// Prerelease implements registry.Rules.
func (rules) Prerelease(s string) bool {
	v, _ := parseVersion(s)
	return v.prerelease()
}

// ShowsUnlisted implements registry.Unlister: they are listed as yanked.
func (rules) ShowsUnlisted() {}

// Describe implements registry.Rules.
func (rules) Describe(raw json.RawMessage) registry.Description { return decode(raw).describe() }

// validName is the rule of "Names and normalization".
func validName(s string) bool {
	if s == "" || !alphanumeric(s[0]) || !alphanumeric(s[len(s)-1]) {
		return false
	}
	for i := range len(s) {
		if !alphanumeric(s[i]) && !isSeparator(s[i]) {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c)
}

// normalize spells a name in the one way by which it is known: lower case, and
// each run of ".", "-" and "_" one "-".
func normalize(s string) string {
	clean := true
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' || c == '.' || c == '_' || c == '-' && i > 0 && s[i-1] == '-' {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case !isSeparator(c):
			b.WriteByte(lower(c))
		case i == 0 || !isSeparator(s[i-1]):
			b.WriteByte('-')
		}
	}
	return b.String()
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
