package npm

import (
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"larder/registry"
)

// asset is the name of the one file that a version has (spec 1.9).
const asset = "package.tgz"

// rules are the format's rules. Names keep their case: the registry has old
// packages that differ in nothing else.
type rules struct{}

// Canonical checks names by the rules for what has ever been published
// (validForOldPackages of validate-npm-package-name 7) and spells both as they
// came. Invalid otherwise.
func (rules) Canonical(id registry.VersionID) (registry.VersionID, error) {
	if why := badName(id.Package); why != "" {
		return id, registry.Errorf(registry.Invalid, "%q is no package name: %s", fullName(id.Package), why)
	}
	if id.Version != "" {
		if _, ok := parseVersion(id.Version, false); !ok {
			return id, registry.Errorf(registry.Invalid, "%q is no version such as 1.2.3", id.Version)
		}
	}
	return id, nil
}

func (rules) Compare(a, b string) int { return compareVersions(a, b) }

// VersionKey implements registry.Keyer: a leading "v" or "=" and build metadata
// say nothing to clients.
func (rules) VersionKey(s string) string {
	v, ok := parseVersion(s, false)
	switch {
	case !ok:
		return s
	case v.pre == "":
		return v.major + "." + v.minor + "." + v.patch
	}
	return v.major + "." + v.minor + "." + v.patch + "-" + v.pre
}

func (rules) Prerelease(s string) bool {
	v, ok := parseVersion(s, false)
	return !ok || v.pre != ""
}

func (rules) Describe(manifest json.RawMessage) registry.Description { return describe(manifest) }

// ReadmeIn implements registry.ReadmeHolder.
func (rules) ReadmeIn(registry.VersionID) string { return asset }

// Readme implements registry.ReadmeHolder.
func (rules) Readme(r io.ReaderAt, size int64) ([]byte, error) { return readmeOf(r, size) }

// badName says why a name cannot be any package's, or "".
func badName(p registry.PackageID) string {
	switch {
	case p.Name == "":
		return "it is empty"
	case p.Name[0] == '.':
		return "it starts with a period"
	case p.Namespace == "" && (p.Name[0] == '-' || p.Name[0] == '_'):
		return "it starts with " + p.Name[:1]
	case !urlSafe(p.Name) || !urlSafe(p.Namespace):
		return "it may only hold letters of the Latin alphabet, digits and -._~!'()*"
	case p.Namespace == "" && (strings.EqualFold(p.Name, "node_modules") || strings.EqualFold(p.Name, "favicon.ico")):
		return "it is reserved"
	case p.Namespace == "." || p.Namespace == "..":
		return "its scope is a path"
	}
	return ""
}

// badNewName says why a name cannot be published, or "": the stricter rules
// that hold since 2015 (validForNewPackages), without the one against the names
// of Node's own modules, which a private registry need not share.
func badNewName(p registry.PackageID) string {
	if why := badName(p); why != "" {
		return why
	}
	switch full := fullName(p); {
	case len(full) > 214:
		return "it is longer than 214 characters"
	case strings.ToLower(full) != full:
		return "it has capital letters"
	case strings.ContainsAny(p.Name, "~'!()*"):
		return "it has one of the characters ~'!()*"
	}
	return ""
}

// urlSafe reports whether encodeURIComponent would leave s alone.
func urlSafe(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', isDigit(c):
		case strings.IndexByte("-_.!~*'()", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// parseName takes "@scope/name" or "name" apart.
func parseName(full string) registry.PackageID {
	if scoped, ok := strings.CutPrefix(full, "@"); ok {
		if scope, name, ok := strings.Cut(scoped, "/"); ok && scope != "" {
			return registry.PackageID{Format: registry.NPM, Namespace: scope, Name: name}
		}
	}
	return registry.PackageID{Format: registry.NPM, Name: full}
}

// fullName is the name as clients spell it.
func fullName(p registry.PackageID) string {
	if p.Namespace == "" {
		return p.Name
	}
	return "@" + p.Namespace + "/" + p.Name
}

// tarballName is the conventional file name of a version: without the scope.
func tarballName(p registry.PackageID, version string) string {
	return p.Name + "-" + version + ".tgz"
}

// versionOfTarball reads a conventional file name.
func versionOfTarball(p registry.PackageID, file string) (string, bool) {
	v, ok := strings.CutPrefix(file, p.Name+"-")
	if !ok {
		return "", false
	}
	if v, ok = strings.CutSuffix(v, ".tgz"); !ok {
		return "", false
	}
	_, ok = parseVersion(v, false)
	return v, ok
}

// maxTag is how long a dist-tag may be, in bytes: what the core takes.
const maxTag = 255

// badTag says why a dist-tag cannot be, or "". npm refuses tags that could be
// read as a range of versions (npm dist-tag); so that no client meets one, so
// do we.
func badTag(tag string) string {
	switch {
	case tag == "":
		return "it is empty"
	case strings.TrimSpace(tag) != tag || strings.ContainsAny(tag, "<>=|^~ "):
		return "it reads like a range of versions"
	case tag[0] == '-' || strings.ContainsAny(tag, "/%\\#?;") || strings.ContainsFunc(tag, unicode.IsControl) || !utf8.ValidString(tag):
		return "it has a character that cannot stand in a URL"
	case len(tag) > maxTag:
		return "it is longer than 255 bytes"
	}
	if rangeLike.MatchString(tag) {
		return "it reads like a range of versions"
	}
	return ""
}

// rangeLike is node-semver's x-range: a version of which parts may be missing.
var rangeLike = regexp.MustCompile(`^v*(\d+|[xX*])(\.(\d+|[xX*])(\.(\d+|[xX*])(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?)?)?$`)
