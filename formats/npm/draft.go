package npm

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"larder/registry"
)

// draft checks what was submitted for package p, whose name is that of the
// path, and makes the version to commit. user is who publishes.
func (s *submission) draft(p registry.PackageID, user string) (registry.Draft, error) {
	var d registry.Draft
	if err := s.checkName(p); err != nil {
		return d, err
	}
	switch len(s.versions.keys) {
	case 0:
		return d, registry.Errorf(registry.Invalid, "the document has a tarball but no version")
	case 1:
	default:
		return d, registry.Errorf(registry.Invalid, "the document has %d versions; publish one at a time", len(s.versions.keys))
	}
	version := s.versions.keys[0]
	raw := s.versions.values[version]
	if err := checkVersion(p, version, raw); err != nil {
		return d, err
	}
	if err := s.checkTarball(p, version); err != nil {
		return d, err
	}
	m, _ := takeApart(raw)
	dist, err := publishedDist(m.dist, s.tarball.staged)
	if err != nil {
		return d, err
	}
	m.dist, m.attestations = dist, nil
	if err := s.addProvenance(&m, p, version); err != nil {
		return d, err
	}
	if m.readme == nil && len(s.readme) > 2 && s.readme[0] == '"' {
		m.readme = s.readme
	}
	m.signBy(user)
	tags, err := s.checkTags(version)
	if err != nil {
		return d, err
	}
	return registry.Draft{
		ID:       registry.VersionID{Package: p, Version: version},
		Status:   registry.Published,
		Mode:     registry.Seal,
		Manifest: m.encode(),
		Assets:   []string{asset},
		Tags:     tags,
	}, nil
}

// checkName refuses a document that speaks of another package than the path
// (pitfall N17).
func (s *submission) checkName(p registry.PackageID) error {
	for _, name := range []string{s.name, s.id} {
		if name != "" && name != fullName(p) {
			return registry.Errorf(registry.Invalid, "the document is of package %q, the URL of %q", name, fullName(p))
		}
	}
	return nil
}

func checkVersion(p registry.PackageID, version string, raw []byte) error {
	var own struct{ Name, Version string }
	if json.Unmarshal(raw, &own) != nil {
		return registry.Errorf(registry.Invalid, "name and version of a package must be strings")
	}
	switch {
	case own.Name != fullName(p):
		return registry.Errorf(registry.Invalid, "the package.json is of package %q, the URL of %q", own.Name, fullName(p))
	case own.Version != version:
		return registry.Errorf(registry.Invalid, "the package.json has version %q, the document calls it %q", own.Version, version)
	}
	if _, ok := parseVersion(version, true); !ok {
		return registry.Errorf(registry.Invalid, "%q is not a semantic version such as 1.2.3 or 1.2.3-beta.1", version)
	}
	return nil
}

func (s *submission) checkTarball(p registry.PackageID, version string) error {
	t := s.tarball
	if of, _ := versionOfAttachment(p, t.name, ".tgz"); of != version {
		return registry.Errorf(registry.Invalid, "the attachment %q is not of version %s", t.name, version)
	}
	switch {
	case t.staged.Size == 0:
		return registry.Errorf(registry.Invalid, "the attachment %q is empty", t.name)
	case t.length > 0 && t.length != t.staged.Size:
		return registry.Errorf(registry.Invalid, "the attachment %q has %d bytes, but says it has %d", t.name, t.staged.Size, t.length)
	}
	return nil
}

// publishedDist compares what the publisher said of the tarball with what came,
// and gives dist with both hashes.
func publishedDist(dist []byte, a registry.Asset) ([]byte, error) {
	var said struct{ Integrity, Shasum string }
	if json.Unmarshal(orEmpty(dist), &said) != nil {
		return nil, registry.Errorf(registry.Invalid, "dist.integrity and dist.shasum must be strings")
	}
	if shasum := hex.EncodeToString(a.Hashes.SHA1[:]); said.Shasum != "" && !strings.EqualFold(said.Shasum, shasum) {
		return nil, registry.Errorf(registry.Invalid, "the tarball has the SHA-1 %s, but dist.shasum says %s: it was changed on its way; publish again", shasum, said.Shasum)
	}
	switch {
	case said.Integrity == "":
	case !readableIntegrity(said.Integrity):
		return nil, registry.Errorf(registry.Invalid, "dist.integrity %q is not Subresource Integrity such as sha512-{base64}", said.Integrity)
	case !matchesIntegrity(said.Integrity, a.Hashes):
		return nil, registry.Errorf(registry.Invalid, "the tarball does not match dist.integrity %s: it was changed on its way; publish again", said.Integrity)
	}
	var out object
	members(dist, func(key string, value []byte) { out.set(key, value) })
	out.set("integrity", appendString(nil, "sha512-"+base64.StdEncoding.EncodeToString(a.Hashes.SHA512[:])))
	out.set("shasum", appendString(nil, hex.EncodeToString(a.Hashes.SHA1[:])))
	return out.bytes(), nil
}

func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte("{}")
	}
	return b
}

// addProvenance keeps the bundle of npm publish --provenance: it is served the
// way the public registry serves attestations, and dist says that there is one.
func (s *submission) addProvenance(m *manifest, p registry.PackageID, version string) error {
	if s.bundle == nil {
		return nil
	}
	if of, _ := versionOfAttachment(p, s.bundle.name, ".sigstore"); of != version {
		return registry.Errorf(registry.Invalid, "the attachment %q is not of version %s", s.bundle.name, version)
	}
	predicate, err := checkBundle(s.bundle.data, s.tarball.staged.Hashes.SHA512)
	if err != nil {
		return err
	}
	kind := appendString(nil, predicate)
	m.attestations = []byte(`{"provenance":{"predicateType":` + string(kind) + `}}`)
	m.bundles = appendCompact([]byte(`[{"predicateType":`+string(kind)+`,"bundle":`), s.bundle.data)
	m.bundles = append(m.bundles, "}]"...)
	return nil
}

// checkBundle gives the predicate type of a Sigstore bundle whose statement is
// about exactly the tarball. The signature is for clients to verify: they have
// the root of trust.
func checkBundle(data []byte, sum [sha512.Size]byte) (string, error) {
	var bundle struct {
		DSSEEnvelope struct{ Payload []byte }
	}
	var statement struct {
		PredicateType string
		Subject       []struct {
			Digest struct{ SHA512 string }
		}
	}
	if json.Unmarshal(data, &bundle) != nil || json.Unmarshal(bundle.DSSEEnvelope.Payload, &statement) != nil || statement.PredicateType == "" {
		return "", registry.Errorf(registry.Invalid, "the provenance attachment is not a Sigstore bundle with an in-toto statement")
	}
	for _, subject := range statement.Subject {
		if subject.Digest.SHA512 == hex.EncodeToString(sum[:]) {
			return statement.PredicateType, nil
		}
	}
	return "", registry.Errorf(registry.Invalid, "the provenance statement is about another tarball")
}

// signBy notes who published, in place of what the client may have written.
// Nobody's address is known, but npm view prints one: "undefined" where there
// is none, nothing for an empty one (npm: view.js).
func (m *manifest) signBy(user string) {
	var more object
	members(m.more, func(key string, value []byte) {
		if key != "_npmUser" {
			more.set(key, value)
		}
	})
	if user != "" {
		more.set("_npmUser", append(appendString([]byte(`{"name":`), user), `,"email":""}`...))
	}
	m.more = more.bytes()
}

// checkTags gives the tags to set. In a publish they can only mean the version
// that is published.
func (s *submission) checkTags(version string) ([]string, error) {
	tags := slices.Sorted(maps.Keys(s.tags))
	for _, tag := range tags {
		if why := badTag(tag); why != "" {
			return nil, registry.Errorf(registry.Invalid, "%q cannot be a dist-tag: %s", tag, why)
		}
		if s.tags[tag] != version {
			return nil, registry.Errorf(registry.Invalid, "dist-tag %s names version %s, but %s is published; set it with npm dist-tag add", tag, s.tags[tag], version)
		}
	}
	return tags, nil
}
