// Package generic is the format without a client protocol: its packages are
// published, listed, read and copied through the control plane alone (spec
// 7.5). It gives the core its rules and serves no routes.
package generic

import (
	"encoding/json"
	"strings"
	"unicode"

	"larder/registry"
)

// Rules are the format's names and order.
type Rules struct{}

// Canonical implements registry.Rules: names are kept as they are, and the
// namespace is required (spec 2.10).
func (Rules) Canonical(id registry.VersionID) (registry.VersionID, error) {
	if id.Package.Namespace == "" {
		return id, registry.Errorf(registry.Invalid, "packages of the format generic need a namespace")
	}
	return id, nil
}

// Compare implements registry.Rules: generic versions have no order but that
// of their text.
func (Rules) Compare(a, b string) int { return strings.Compare(a, b) }

// Prerelease implements registry.Rules: nothing says that a version is one.
func (Rules) Prerelease(string) bool { return false }

// Describe implements registry.Rules: there is no manifest.
func (Rules) Describe(json.RawMessage) registry.Description { return registry.Description{} }

// CheckAsset implements registry.AssetNamer with the characters of spec 7.5:
// letters, decimal digits and letter numbers, single spaces within the name,
// and some punctuation.
func (Rules) CheckAsset(name string) error {
	bad := strings.HasPrefix(name, " ") || strings.HasSuffix(name, " ") || strings.Contains(name, "  ") || name == "." || name == ".." ||
		strings.ContainsFunc(name, func(r rune) bool {
			return !unicode.In(r, unicode.Ll, unicode.Lm, unicode.Lo, unicode.Lt, unicode.Lu, unicode.Nl, unicode.Nd) && !strings.ContainsRune(" ~!@^&()-`_+[]{};,.", r)
		})
	if name == "" || bad {
		return registry.Errorf(registry.Invalid, "%q cannot name an asset: letters, digits, single spaces within, and ~!@^&()-`_+[]{};,. are what a name is made of", name)
	}
	return nil
}
