package maven

import (
	"encoding/json"
	"strings"

	"larder/registry"
)

// rules are the format's rules. Names are kept as they are.
type rules struct{}

// Canonical holds names to the characters that Maven takes
// (DefaultModelValidator, ILLEGAL_VERSION_CHARS); Invalid otherwise.
func (rules) Canonical(id registry.VersionID) (registry.VersionID, error) {
	if why := badPackage(id.Package); why != "" {
		return id, registry.Errorf(registry.Invalid, "%q is no Maven artifact: %s", id.Package.DisplayName(), why)
	}
	if id.Version != "" {
		if why := badVersion(id.Version); why != "" {
			return id, registry.Errorf(registry.Invalid, "%q is no version of a Maven artifact: %s", id.Version, why)
		}
	}
	return id, nil
}

// nameLimit is how long a groupId, an artifactId or a version may be, in bytes
// (spec 1.2).
const nameLimit = 255

// badPackage says why there can be no such artifact, or "".
func badPackage(p registry.PackageID) string {
	switch {
	case p.Namespace == "":
		return "it has no groupId"
	case len(p.Namespace) > nameLimit:
		return "its groupId is too long"
	}
	for part := range strings.SplitSeq(p.Namespace, ".") {
		if why := badName(part); why != "" {
			return "in its groupId, " + why
		}
	}
	if why := badName(p.Name); why != "" {
		return "in its artifactId, " + why
	}
	return ""
}

func badName(s string) string {
	switch {
	case s == "":
		return "a part is empty"
	case s == "." || s == "..":
		return "a part is a path"
	case s == metadataFile:
		return "a part is the name of the metadata file"
	case len(s) > nameLimit:
		return "it is too long"
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return "only letters, digits and -_. may stand in it"
		}
	}
	return ""
}

// badVersion says why a version cannot be, or "".
func badVersion(s string) string {
	switch {
	case s == "" || s == "." || s == "..":
		return "it is a path"
	case s == metadataFile:
		return "it is the name of the metadata file"
	case len(s) > nameLimit:
		return "it is too long"
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`\/:"<>|?*[](){},;%#`, c) >= 0 {
			return "it holds a character that Maven does not take in versions"
		}
	}
	return ""
}

func (rules) Compare(a, b string) int { return compareVersions(a, b) }

// Prerelease: snapshots. Other words say nothing that Maven would know.
func (rules) Prerelease(version string) bool { return isSnapshot(version) }

func (rules) Describe(raw json.RawMessage) registry.Description { return decode(raw).describe() }

// ShowsUnlisted implements registry.Unlister: the builds of a snapshot are what
// its metadata is made of.
func (rules) ShowsUnlisted() {}

// Encloses implements registry.Encloser.
func (rules) Encloses(p registry.PackageID) string { return p.Namespace + "." + p.Name }

// Whole implements registry.Parter: builds are parts of their snapshot.
func (rules) Whole(version string) string { return baseVersion(version) }

// Guess implements registry.Guesser: the names of spec 3.3. Snapshots are not
// imported.
func (rules) Guess(id registry.VersionID) []string {
	if isSnapshot(id.Version) {
		return nil
	}
	stem := id.Package.Name + "-" + id.Version
	return []string{stem + ".pom", stem + ".jar", stem + "-javadoc.jar", stem + "-sources.jar"}
}
