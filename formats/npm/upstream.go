package npm

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"larder/registry"
)

// adapter reads another npm registry. It always asks for the full document:
// the abbreviated one has no dates and lacks what our own full one shows.
type adapter struct{}

// Listing reads a packument. NotFound also for a package that was unpublished
// whole. UpstreamFailed for an answer that is no packument of this package.
func (adapter) Listing(ctx context.Context, g registry.Getter, p registry.PackageID) (*registry.Listing, error) {
	a, err := g.Get(ctx, registry.GetRequest{URL: escapedName(p), Accept: "application/json", Conditional: true})
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		return nil, err
	}
	l, err := readPackument(body, p)
	if err != nil {
		return nil, err
	}
	if l.Modified.IsZero() {
		if t, err := http.ParseTime(a.Header("Last-Modified")); err == nil {
			l.Modified = t
		}
	}
	return l, nil
}

// Locate: nothing is served that a packument does not list.
func (adapter) Locate(v registry.VersionID, name string) (registry.ListedAsset, error) {
	return registry.ListedAsset{}, registry.Errorf(registry.NotFound, "version %s of %s is not listed upstream", v.Version, fullName(v.Package))
}

// Auxiliary passes audit requests, signing keys and attestations on.
func (adapter) Auxiliary(ctx context.Context, g registry.Getter, r registry.AuxiliaryRequest) (registry.AuxiliaryAnswer, error) {
	target := r.Path
	if r.Query != "" {
		target += "?" + r.Query
	}
	a, err := g.Get(ctx, registry.GetRequest{URL: target, Accept: "application/json", Body: r.Body, ContentType: r.ContentType})
	if err != nil {
		return registry.AuxiliaryAnswer{}, err
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err == nil && !json.Valid(body) {
		err = registry.Errorf(registry.UpstreamFailed, "the upstream registry answered %s with something that is not JSON", r.Kind)
	}
	return registry.AuxiliaryAnswer{Status: a.Status, ContentType: "application/json", Body: body}, err
}

// escapedName is a package's name as one path segment.
func escapedName(p registry.PackageID) string {
	if p.Namespace == "" {
		return p.Name
	}
	return "@" + p.Namespace + "%2f" + p.Name
}

// readPackument reads a full packument of package p. "time", "dist" and
// everything else may be missing from it; a version that no client could name
// is left out.
func readPackument(body []byte, p registry.PackageID) (*registry.Listing, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // as npm reads it, too
	if !json.Valid(body) {
		return nil, registry.Errorf(registry.UpstreamFailed, "the upstream registry answered for %s with something that is not a package document", fullName(p))
	}
	if !utf8.Valid(body) {
		body = bytes.ToValidUTF8(body, []byte("\ufffd"))
	}
	doc := map[string][]byte{}
	members(body, func(key string, value []byte) { doc[key] = value })
	for _, key := range []string{"name", "_id"} {
		if own := unquote(doc[key]); own != "" && own != fullName(p) {
			return nil, registry.Errorf(registry.UpstreamFailed, "the upstream registry answered for %s with the document of %q", fullName(p), own)
		}
	}
	if doc["versions"] == nil {
		if doc["time"] != nil {
			return nil, registry.Errorf(registry.NotFound, "%s was unpublished upstream", fullName(p))
		}
		return nil, registry.Errorf(registry.UpstreamFailed, "the upstream registry answered for %s with a document that has no versions", fullName(p))
	}
	l := &registry.Listing{Tags: map[string]string{}, Metadata: about(doc)}
	times := map[string]time.Time{}
	members(doc["time"], func(key string, value []byte) {
		if t, err := time.Parse(time.RFC3339, unquote(value)); err == nil {
			times[key] = t.UTC().Truncate(time.Millisecond)
		}
	})
	l.Modified = times["modified"]
	// The readme at the top is that of the newest version.
	latest := unquote(tagsOf(doc)["latest"])
	var versions object
	members(doc["versions"], func(key string, value []byte) { versions.set(key, value) })
	for _, version := range versions.keys {
		raw := versions.values[version]
		id := registry.VersionID{Package: p, Version: version}
		if _, err := (rules{}).Canonical(id); err != nil || version == "" || raw[0] != '{' {
			continue
		}
		var readme []byte
		if version == latest {
			readme = doc["readme"]
		}
		l.Versions = append(l.Versions, listedVersion(p, version, raw, readme, times[version]))
	}
	slices.SortFunc(l.Versions, func(a, b registry.ListedVersion) int { return compareVersions(a.Version, b.Version) })
	for tag, value := range tagsOf(doc) {
		if version := unquote(value); version != "" && badTag(tag) == "" && versions.values[version] != nil {
			l.Tags[tag] = version
		}
	}
	return l, nil
}

func tagsOf(doc map[string][]byte) map[string][]byte {
	tags := map[string][]byte{}
	members(doc["dist-tags"], func(tag string, value []byte) { tags[tag] = value })
	return tags
}

func listedVersion(p registry.PackageID, version string, raw, readme []byte, released time.Time) registry.ListedVersion {
	m, tarball := takeApart(raw)
	if m.readme == nil && unquote(readme) != "" {
		m.readme = readme
	}
	a := registry.ListedAsset{Name: asset, URL: escapedName(p) + "/-/" + tarballName(p, version)}
	if u, err := url.Parse(tarball); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		a.URL = tarball
		if file := path.Base(u.Path); file != tarballName(p, version) {
			m.file = file
		}
	}
	var integrity, shasum string
	members(m.dist, func(key string, value []byte) {
		switch key {
		case "integrity":
			integrity = unquote(value)
		case "shasum":
			shasum = unquote(value)
		}
	})
	sums := hashesOf(integrity)
	// Of several hashes of one kind any may be the right one: none is a promise.
	one := func(algorithm string) []byte {
		if len(sums[algorithm]) == 1 {
			return sums[algorithm][0]
		}
		return nil
	}
	a.SHA512, a.SHA256, a.SHA1 = one("sha512"), one("sha256"), one("sha1")
	if sum, err := hex.DecodeString(strings.TrimSpace(shasum)); err == nil && len(sum) == digestSize["sha1"] {
		a.SHA1 = sum
	}
	return registry.ListedVersion{
		Version:  version,
		Manifest: m.encode(),
		Status:   registry.Published,
		Released: released,
		Assets:   []registry.ListedAsset{a},
	}
}

// about keeps the members that stand at the top of a packument.
func about(doc map[string][]byte) json.RawMessage {
	var o object
	for _, key := range aboutMembers {
		if doc[key] != nil {
			o.set(key, doc[key])
		}
	}
	return o.bytes()
}
