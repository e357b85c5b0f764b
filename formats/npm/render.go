package npm

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"time"

	"larder/registry"
)

// fullPackument renders all that is known of a package (npm "package
// metadata", full form): application/json.
func fullPackument(view *registry.PackageView, base string) []byte {
	name := fullName(view.ID)
	b := make([]byte, 0, estimate(view)*2)
	b = append(b, '{')
	b = appendMember(b, "_id", appendString(nil, name))
	b = appendMember(b, "_rev", appendString(nil, revOf(view.Revision)))
	b = appendMember(b, "name", appendString(nil, name))
	b = appendTags(b, view)
	b = appendKey(b, "versions")
	b = appendVersions(b, view, base, true)
	b = appendTimes(b, view)
	b = appendAbout(b, view)
	return append(b, '}')
}

// abbreviatedPackument renders what an install needs (npm "package metadata",
// abbreviated form): application/vnd.npm.install-v1+json. It has "time" as
// well, which clients with a minimum age ask the full form for.
func abbreviatedPackument(view *registry.PackageView, base string) []byte {
	b := make([]byte, 0, estimate(view))
	b = append(b, '{')
	b = appendMember(b, "name", appendString(nil, fullName(view.ID)))
	b = appendTags(b, view)
	b = appendKey(b, "versions")
	b = appendVersions(b, view, base, false)
	b = appendTime(b, "modified", modified(view))
	b = appendTimes(b, view)
	return append(b, '}')
}

// versionDocument renders one version, as GET /{package}/{version} gives it.
func versionDocument(id registry.PackageID, v *registry.VersionView, base string) []byte {
	p := newPen(id, base)
	return p.version(make([]byte, 0, len(v.Manifest)+512), v, true)
}

func estimate(view *registry.PackageView) int {
	n := 4096
	for i := range view.Versions {
		n += len(view.Versions[i].Manifest)/2 + 512
	}
	return n
}

func appendTags(b []byte, view *registry.PackageView) []byte {
	b = appendKey(b, "dist-tags")
	b = append(b, '{')
	for _, tag := range slices.Sorted(maps.Keys(view.Tags)) {
		b = appendMember(b, tag, appendString(nil, view.Tags[tag]))
	}
	return append(b, '}')
}

func appendVersions(b []byte, view *registry.PackageView, base string, full bool) []byte {
	p := newPen(view.ID, base)
	b = append(b, '{')
	for i := range view.Versions {
		v := &view.Versions[i]
		b = appendKey(b, v.Version.Version)
		b = p.version(b, v, full)
	}
	return append(b, '}')
}

// appendTimes appends when the package and each version came: pnpm and every
// client with a minimum age want each one (pitfall N3).
func appendTimes(b []byte, view *registry.PackageView) []byte {
	b = appendKey(b, "time")
	b = append(b, '{')
	b = appendTime(b, "created", created(view))
	b = appendTime(b, "modified", modified(view))
	for i := range view.Versions {
		v := &view.Versions[i]
		b = appendTime(b, v.Version.Version, released(view, v))
	}
	return append(b, '}')
}

// released is when a version was published. Where nobody knows, it is when the
// package last changed: an unknown date must not pass for an old one.
func released(view *registry.PackageView, v *registry.VersionView) time.Time {
	switch {
	case !v.Released.IsZero():
		return v.Released
	case !v.Published.IsZero():
		return v.Published
	}
	return view.Modified
}

// modified is no earlier than any version: pnpm concludes from it that all of
// them are old enough (pitfall N4).
func modified(view *registry.PackageView) time.Time {
	t := view.Modified
	for i := range view.Versions {
		if r := released(view, &view.Versions[i]); r.After(t) {
			t = r
		}
	}
	return t
}

// created is no later than any version.
func created(view *registry.PackageView) time.Time {
	t := view.Created
	for i := range view.Versions {
		if r := released(view, &view.Versions[i]); t.IsZero() || !r.IsZero() && r.Before(t) {
			t = r
		}
	}
	return t
}

// appendTime appends a member; a date that is not known is left out, which
// clients take for one that is too new.
func appendTime(b []byte, key string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	b = appendKey(b, key)
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	return append(b, '"')
}

// aboutMembers are the members of the newest version that stand at the top of
// the full packument too.
var aboutMembers = []string{
	"description", "homepage", "keywords", "repository", "author", "bugs", "license",
	"contributors", "maintainers", "readmeFilename",
}

// appendAbout appends what the latest version says of the package. Of one that
// came from a connection, the connection's own words come first: its list of
// maintainers is today's, the version's is that of its day.
func appendAbout(b []byte, view *registry.PackageView) []byte {
	latest, ok := view.Version(view.Tags["latest"])
	if !ok {
		return b
	}
	m := decode(latest.Manifest)
	about := map[string][]byte{}
	own := func(key string, value []byte) { about[key] = value }
	members(m.install, own)
	members(m.more, own)
	members(view.Metadata, func(key string, value []byte) {
		if latest.Origin.Type != registry.OriginInternal {
			about[key] = value
		}
	})
	for _, key := range aboutMembers {
		if about[key] != nil {
			b = appendMember(b, key, about[key])
		}
	}
	if m.readme != nil {
		b = appendMember(b, "readme", m.readme)
	}
	return b
}

// pen writes versions of one package for one repository.
type pen struct {
	id      registry.PackageID
	name    string
	tarball []byte // `"{base}{name}/-/{name without scope}-`
	attests []byte // `"{base}-/npm/v1/attestations/{name}@`
}

func newPen(id registry.PackageID, base string) pen {
	name := fullName(id)
	open := func(s string) []byte {
		b := appendString(nil, s)
		return b[:len(b)-1]
	}
	escaped := name
	if id.Namespace != "" {
		escaped = "@" + id.Namespace + "%2f" + id.Name
	}
	return pen{
		id: id, name: name,
		// The slash of a scope stands as it is, or lock files differ between
		// clients (spec 10.10, pitfall N6).
		tarball: open(base + name + "/-/" + id.Name + "-"),
		attests: open(base + "-/npm/v1/attestations/" + escaped + "@"),
	}
}

// version appends a version object. Name, version and dist come last: whatever
// the pieces hold, these count.
func (p *pen) version(b []byte, v *registry.VersionView, full bool) []byte {
	m := decode(v.Manifest)
	version := v.Version.Version
	b = append(b, '{')
	b = appendInner(b, m.install)
	if full {
		b = appendInner(b, m.more)
		b = appendMember(b, "_id", appendString(nil, p.name+"@"+version))
	}
	b = appendMember(b, "name", appendString(nil, p.name))
	b = appendMember(b, "version", appendString(nil, version))
	b = appendKey(b, "dist")
	b = p.dist(b, v, &m)
	return append(b, '}')
}

func (p *pen) dist(b []byte, v *registry.VersionView, m *manifest) []byte {
	version := v.Version.Version
	b = append(b, '{')
	b = appendInner(b, m.dist)
	if a, ok := v.Asset(asset); ok {
		// Old upstream versions have a SHA-1 only, or nothing: we know better.
		if !bytes.Contains(m.dist, []byte(`"integrity":`)) {
			b = appendMember(b, "integrity", appendString(nil, "sha512-"+base64.StdEncoding.EncodeToString(a.Hashes.SHA512[:])))
		}
		if !bytes.Contains(m.dist, []byte(`"shasum":`)) {
			b = appendMember(b, "shasum", appendString(nil, hex.EncodeToString(a.Hashes.SHA1[:])))
		}
	}
	b = appendKey(b, "tarball")
	b = append(b, p.tarball...)
	b = append(b, version...)
	b = append(b, `.tgz"`...)
	if m.attestations == nil {
		return append(b, '}')
	}
	b = appendKey(b, "attestations")
	b = append(b, '{')
	b = appendKey(b, "url")
	b = append(b, p.attests...)
	b = append(b, version...)
	b = append(b, '"')
	b = appendInner(b, m.attestations)
	return append(b, "}}"...)
}

// revOf is the _rev of a package at a revision: opaque to clients, who send it
// back with edits.
func revOf(revision int64) string { return strconv.FormatInt(revision, 10) + "-larder" }

// parseRev reads a _rev; 0 for one that is not ours, which no revision equals.
func parseRev(rev string) (int64, bool) {
	digits, ok := cutRev(rev)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil && n > 0
}

func cutRev(rev string) (string, bool) {
	const suffix = "-larder"
	if len(rev) <= len(suffix) || rev[len(rev)-len(suffix):] != suffix {
		return "", false
	}
	return rev[:len(rev)-len(suffix)], true
}
