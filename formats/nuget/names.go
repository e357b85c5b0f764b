package nuget

import (
	"encoding/json"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"larder/registry"
)

// rules are what the core knows about NuGet packages.
type rules struct{}

// maxID bounds an id, in characters, as the public gallery does.
const maxID = 100

// Canonical implements registry.Rules: the id in lower case, the version
// normalized, in lower case and without build metadata (spec 7.4).
func (rules) Canonical(id registry.VersionID) (registry.VersionID, error) {
	if id.Package.Namespace != "" {
		return id, registry.Errorf(registry.Invalid, "NuGet packages have no namespace")
	}
	if !validID(id.Package.Name) {
		return id, registry.Errorf(registry.Invalid, "%q cannot name a NuGet package: an id is made of letters, digits and \"_\", with single \".\" and \"-\" between them, and has at most %d characters", id.Package.Name, maxID)
	}
	id.Package.Name = lowerID(id.Package.Name)
	if id.Version == "" {
		return id, nil
	}
	v, ok := parseVersion(id.Version)
	if !ok {
		return id, registry.Errorf(registry.Invalid, "%q is not a version such as 1.2.3, 1.2.3.4 or 1.2.3-beta.1", id.Version)
	}
	id.Version = v.key()
	return id, nil
}

// Compare implements registry.Rules.
func (rules) Compare(a, b string) int { return compareVersions(a, b) }

// VersionKey implements registry.Keyer: the normalized spelling.
func (rules) VersionKey(s string) string {
	v, ok := parseVersion(s)
	if !ok {
		return s
	}
	return v.key()
}

// Prerelease implements registry.Rules.
func (rules) Prerelease(s string) bool {
	v, _ := parseVersion(s)
	return v.prerelease()
}

// ShowsUnlisted implements registry.Unlister: package metadata has them as not listed.
func (rules) ShowsUnlisted() {}

// Describe implements registry.Rules.
func (rules) Describe(raw json.RawMessage) registry.Description { return decode(raw).describe() }

// ReadmeIn implements registry.ReadmeHolder.
func (rules) ReadmeIn(id registry.VersionID) string { return packageFile(id) }

// Readme implements registry.ReadmeHolder: the file that the nuspec names.
func (rules) Readme(r io.ReaderAt, size int64) ([]byte, error) { return readmeOf(r, size) }

var readmeOf = extract(func(p *nupkg) ([]byte, error) { return p.file(p.Readme) })

// validID is the rule of NuGet.Client's PackageIdValidator:
// ^\w+([_.-]\w+)*$ of at most 100 characters.
func validID(s string) bool {
	if s == "" || len(s) > 4*maxID || utf8.RuneCountInString(s) > maxID {
		return false
	}
	word := false
	for _, c := range s {
		switch {
		case isWord(c):
			word = true
		case (c == '.' || c == '-') && word:
			word = false
		default:
			return false
		}
	}
	return word
}

// isWord is \w of .NET's regular expressions.
func isWord(c rune) bool {
	if c < utf8.RuneSelf {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
	}
	return c != utf8.RuneError && unicode.In(c, unicode.L, unicode.Mn, unicode.Nd, unicode.Pc)
}

// lowerID is .NET's ToLowerInvariant, which leaves the dotted capital I alone.
func lowerID(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\u0130' {
			return r
		}
		return unicode.ToLower(r)
	}, s)
}

// packageFile is how a version's package is called, here and in the flat container.
func packageFile(id registry.VersionID) string {
	return id.Package.Name + "." + id.Version + packageSuffix
}

// symbolsFile is how a version's symbol package is called here.
func symbolsFile(id registry.VersionID) string {
	return id.Package.Name + "." + id.Version + symbolsSuffix
}

const (
	packageSuffix = ".nupkg"
	symbolsSuffix = ".snupkg"
	nuspecSuffix  = ".nuspec"
)
