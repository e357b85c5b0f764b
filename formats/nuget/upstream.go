package nuget

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"larder/registry"
)

// adapter reads another source of protocol version 3. What it remembers are
// service indexes.
type adapter struct{ sources *sources }

// Limits of what is read of one package.
const (
	maxPages      = 500
	maxPage       = 32 << 20  // bytes of a page; those of 64 versions have some megabytes
	maxMetadata   = 128 << 20 // bytes of all pages together, as of an index that has them all
	maxListed     = 20_000
	pagesAtOnce   = 6
	maxCatalogDoc = 4 << 20
	maxReleases   = 4 << 10 // bytes kept of a text that a source says of a version
)

// Listing reads all versions of a package: the registration index, and the
// pages of it that do not stand in it. Sources without package metadata are
// asked for their flat container's list.
func (a adapter) Listing(ctx context.Context, g registry.Getter, p registry.PackageID) (*registry.Listing, error) {
	s, err := a.sources.find(ctx, g)
	if err != nil {
		return nil, err
	}
	if s.metadata == "" && s.flat == "" {
		return nil, registry.Errorf(registry.UpstreamFailed, "the upstream source's service index names neither package metadata (RegistrationsBaseUrl) nor package content (PackageBaseAddress)")
	}
	if s.metadata == "" {
		return a.flatListing(ctx, g, s, p)
	}
	body, at, err := fetch(ctx, g, registry.GetRequest{URL: s.metadata + url.PathEscape(p.Name) + "/index.json", Accept: jsonType, Conditional: true})
	if err != nil {
		return nil, err
	}
	index, err := readRegistration(body, at, p)
	if err != nil {
		return nil, err
	}
	if err := fetchPages(ctx, g, index, p); err != nil {
		return nil, err
	}
	return index.listing(s, p), nil
}

// flatListing reads the list of versions alone.
func (a adapter) flatListing(ctx context.Context, g registry.Getter, s *source, p registry.PackageID) (*registry.Listing, error) {
	body, _, err := fetch(ctx, g, registry.GetRequest{URL: s.flat + url.PathEscape(p.Name) + "/index.json", Accept: jsonType, Conditional: true})
	if err != nil {
		return nil, err
	}
	var in struct{ Versions []string }
	if json.Unmarshal(body, &in) != nil || len(in.Versions) > maxListed {
		return nil, noListing(p, "something that is no list of versions")
	}
	index := &offeredIndex{}
	for _, version := range in.Versions {
		index.Items = append(index.Items, offeredPage{Items: []offeredLeaf{{CatalogEntry: offeredEntry{ID: p.Name, Version: version}}}})
	}
	return index.listing(s, p), nil
}

func noListing(p registry.PackageID, what string) error {
	return registry.Errorf(registry.UpstreamFailed, "the upstream source answered for %s with %s", p.Name, what)
}

// offeredIndex is a registration index of another source, as far as it matters.
type offeredIndex struct {
	Items []offeredPage
	base  *url.URL
}

type offeredPage struct {
	ID    string `json:"@id"`
	Items []offeredLeaf
}

type offeredLeaf struct {
	CatalogEntry   offeredEntry
	PackageContent string
}

// offeredEntry is a catalog entry; a string where only its address is given.
type offeredEntry struct {
	Address                  string `json:"@id"`
	ID                       string
	Version                  string
	Title                    string
	Authors                  stringList
	Description              string
	Summary                  string
	Language                 string
	Copyright                string
	Tags                     stringList
	ProjectURL               string
	IconURL                  string
	LicenseURL               string
	LicenseExpression        string
	ReadmeURL                string
	MinClientVersion         string
	RequireLicenseAcceptance looseBool
	Listed                   *looseBool
	Published                string
	PackageContent           string
	PackageHash              string
	PackageHashAlgorithm     string
	PackageSize              json.Number
	DependencyGroups         []offeredGroup
	PackageTypes             json.RawMessage
	Repository               json.RawMessage
	Deprecation              json.RawMessage
	Vulnerabilities          json.RawMessage
}

type offeredGroup struct {
	TargetFramework string
	Dependencies    []struct{ ID, Range string }
}

// UnmarshalJSON takes an address in place of the entry, and fields of other
// kinds than documented for absent ones.
func (e *offeredEntry) UnmarshalJSON(b []byte) error {
	type plain offeredEntry
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &e.Address)
	}
	var in plain
	err := json.Unmarshal(b, &in)
	if _, odd := err.(*json.UnmarshalTypeError); err != nil && !odd { //nolint:errorlint // as the decoder returns it
		return err
	}
	*e = offeredEntry(in)
	return nil
}

// looseBool reads true, "true" and "True".
type looseBool bool

func (l *looseBool) UnmarshalJSON(b []byte) error {
	*l = looseBool(strings.EqualFold(strings.Trim(string(b), `"`), "true"))
	return nil
}

// readRegistration reads a registration index that came from at.
func readRegistration(body []byte, at string, p registry.PackageID) (*offeredIndex, error) {
	in := &offeredIndex{}
	if err := json.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), in); err != nil || in.Items == nil {
		return nil, noListing(p, "something that is no package metadata")
	}
	if len(in.Items) > maxPages {
		return nil, noListing(p, "more pages than are read")
	}
	base, err := url.Parse(at)
	if err != nil {
		base = &url.URL{}
	}
	in.base = base
	return in, nil
}

// fetchPages reads the pages that the index only names, some at a time.
func fetchPages(ctx context.Context, g registry.Getter, index *offeredIndex, p registry.PackageID) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, pagesAtOnce)
	var left atomic.Int64
	left.Store(maxMetadata)
	var work sync.WaitGroup
	for i := range index.Items {
		page := &index.Items[i]
		if page.Items != nil {
			continue
		}
		address := absolute(index.base, page.ID)
		if address == "" {
			return noListing(p, "a page without an address")
		}
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			if ctx.Err() != nil {
				return
			}
			if err := fetchPage(ctx, g, page, address, p, &left); err != nil {
				cancel(err)
			}
		})
	}
	work.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return nil
}

// fetchPage reads one of them. left is how many bytes of all may still come.
func fetchPage(ctx context.Context, g registry.Getter, page *offeredPage, address string, p registry.PackageID, left *atomic.Int64) error {
	body, _, err := fetch(ctx, g, registry.GetRequest{URL: address, Accept: jsonType, Limit: maxPage})
	if registry.IsNotFound(err) {
		// A page that is named and not there is no package that is not there.
		return noListing(p, "a page that is not there")
	}
	if err != nil {
		return err
	}
	if left.Add(-int64(len(body))) < 0 {
		return noListing(p, "more metadata than is read")
	}
	var in offeredPage
	if json.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), &in) != nil || in.Items == nil {
		return noListing(p, "a page that is no package metadata")
	}
	page.Items = in.Items
	return nil
}

// listing turns package metadata into what the core keeps. Versions that do not
// parse, or of another package, are left out: no client could use them.
func (in *offeredIndex) listing(s *source, p registry.PackageID) *registry.Listing {
	l := &registry.Listing{Tags: map[string]string{}}
	seen := map[string]bool{}
	for _, page := range in.Items {
		for i := range page.Items {
			v, ok := page.Items[i].version(s, p, in.base)
			if !ok || seen[v.Version] || len(l.Versions) == maxListed {
				continue
			}
			seen[v.Version] = true
			l.Versions = append(l.Versions, v)
			if v.Released.After(l.Modified) {
				l.Modified = v.Released
			}
		}
	}
	slices.SortFunc(l.Versions, func(a, b registry.ListedVersion) int { return compareVersions(a.Version, b.Version) })
	return l
}

func (leaf *offeredLeaf) version(s *source, p registry.PackageID, base *url.URL) (registry.ListedVersion, bool) {
	e := &leaf.CatalogEntry
	v, ok := parseVersion(e.Version)
	if !ok || len(e.Version) > maxVersion || lowerID(e.ID) != p.Name {
		return registry.ListedVersion{}, false
	}
	id := registry.VersionID{Package: p, Version: v.key()}
	out := registry.ListedVersion{Version: id.Version, Status: registry.Published}
	m := e.manifest(s, id, v)
	if e.Listed != nil && !bool(*e.Listed) {
		m.Unlisted, out.Status = true, registry.Unlisted
	}
	if t, err := time.Parse(time.RFC3339Nano, e.Published); err == nil && t.Year() > 1900 {
		out.Released = t.UTC().Truncate(time.Millisecond)
	}
	asset := registry.ListedAsset{Name: packageFile(id)}
	for _, raw := range []string{leaf.PackageContent, e.PackageContent} {
		if base != nil && asset.URL == "" {
			asset.URL = absolute(base, raw)
		}
	}
	if s.flat != "" && asset.URL == "" {
		asset.URL = s.flat + url.PathEscape(p.Name) + "/" + id.Version + "/" + url.PathEscape(asset.Name)
	}
	if asset.URL == "" {
		return out, false
	}
	if sum, ok := sha512Of(e.PackageHashAlgorithm, e.PackageHash); ok {
		asset.SHA512, m.Hash = sum, base64.StdEncoding.EncodeToString(sum)
	} else if base != nil {
		// The fragment, which no server is sent, says where Promise finds the hash.
		if at := absolute(base, e.Address); at != "" {
			asset.URL += "#" + at
		}
	}
	if n, err := e.PackageSize.Int64(); err == nil && n > 0 {
		asset.Size = n
	}
	out.Manifest, out.Assets = m.encode(), []registry.ListedAsset{asset}
	return out, true
}

// sha512Of reads a hash of a package as catalogs have it.
func sha512Of(algorithm, text string) ([]byte, bool) {
	if !strings.EqualFold(strings.ReplaceAll(algorithm, "-", ""), "SHA512") {
		return nil, false
	}
	sum, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	return sum, err == nil && len(sum) == 64
}

// manifest is what a source says of a version, within the limits of a nuspec.
func (e *offeredEntry) manifest(s *source, id registry.VersionID, v version) manifest {
	m := manifest{
		ID: e.ID, Version: v.full(), Title: clip(e.Title), Authors: clip(strings.Join(e.Authors, ", ")), Description: clip(e.Description),
		Summary: clip(e.Summary), Language: clip(e.Language), Copyright: clip(e.Copyright),
		ProjectURL: clip(e.ProjectURL), IconURL: clip(e.IconURL), LicenseURL: clip(e.LicenseURL), LicenseExpression: clip(e.LicenseExpression),
		MinClientVersion: clip(e.MinClientVersion), RequireLicenseAcceptance: bool(e.RequireLicenseAcceptance),
		Deprecation: compact(e.Deprecation, '{'), Vulnerabilities: compact(e.Vulnerabilities, '['),
	}
	if len(e.Tags) > 0 && len(e.Tags) <= 1000 {
		m.Tags = slices.Clone([]string(e.Tags))
	}
	// What stands in the source's flat container stands in ours as well.
	if s.flat != "" {
		flat := s.flat + url.PathEscape(id.Package.Name) + "/" + id.Version + "/"
		if strings.EqualFold(e.IconURL, flat+"icon") {
			m.IconURL, m.Icon = "", "icon"
		}
		if strings.EqualFold(e.LicenseURL, flat+"license") {
			m.LicenseURL, m.LicenseFile = "", "license"
		}
		if strings.EqualFold(e.ReadmeURL, flat+"readme") {
			m.Readme = "readme"
		}
	}
	if json.Unmarshal(e.PackageTypes, &m.Types) != nil || len(m.Types) > 50 {
		m.Types = nil
	}
	if json.Unmarshal(e.Repository, &m.Repository) != nil || m.Repository != nil && m.Repository.URL == "" {
		m.Repository = nil
	}
	n := 0
	for _, g := range e.DependencyGroups {
		out := group{Framework: clip(g.TargetFramework)}
		for _, d := range g.Dependencies {
			r, ok := parseRange(d.Range)
			if n++; !ok || !validID(d.ID) || n > maxDependencies {
				continue
			}
			out.Dependencies = append(out.Dependencies, dependency{d.ID, r.String()})
		}
		m.Groups = append(m.Groups, out)
	}
	return m
}

// clip bounds a text that a source says of a version.
func clip(s string) string {
	if len(s) <= maxReleases {
		return s
	}
	return strings.ToValidUTF8(s[:maxReleases], "")
}

// compact gives a JSON value of the kind that begins with a character, within
// limits; nil for anything else.
func compact(raw json.RawMessage, begins byte) json.RawMessage {
	raw = bytes.TrimSpace(raw)
	var b bytes.Buffer
	if len(raw) < 3 || raw[0] != begins || len(raw) > maxText || json.Compact(&b, raw) != nil {
		return nil
	}
	return b.Bytes()
}

// Locate: nothing is served that no listing names.
func (adapter) Locate(v registry.VersionID, name string) (registry.ListedAsset, error) {
	return registry.ListedAsset{}, registry.Errorf(registry.NotFound, "version %s of %s has no file %q upstream", v.Version, v.Package.Name, name)
}

// Promise implements registry.Promiser: the hash of a package stands in the
// catalog entry that its metadata names; where it does not, in a file beside
// the package (".nupkg.sha512", as folders of packages have it). Sources that
// have neither promise nothing.
func (adapter) Promise(ctx context.Context, g registry.Getter, a registry.ListedAsset) (registry.ListedAsset, error) {
	address, catalog, _ := strings.Cut(a.URL, "#")
	if catalog != "" {
		body, _, err := fetch(ctx, g, registry.GetRequest{URL: catalog, Accept: jsonType, Limit: maxCatalogDoc})
		if err != nil && !registry.IsNotFound(err) {
			return a, err
		}
		var e struct{ PackageHash, PackageHashAlgorithm string }
		if err == nil && json.Unmarshal(body, &e) == nil {
			if sum, ok := sha512Of(e.PackageHashAlgorithm, e.PackageHash); ok {
				a.SHA512 = sum
				return a, nil
			}
		}
	}
	// No source has to have that file: whatever is answered but a hash says that there is none.
	body, _, err := fetch(ctx, g, registry.GetRequest{URL: address + ".sha512", Accept: "*/*", Limit: 4 << 10})
	if err == nil {
		if sum, ok := sha512Of("SHA512", string(body)); ok {
			a.SHA512 = sum
		}
	}
	return a, ctx.Err()
}

// Enrich implements registry.Enricher: what the nuspec of a package says that
// came in, beside what its source says of it.
func (rules) Enrich(raw json.RawMessage, a registry.Asset, r io.ReaderAt) json.RawMessage {
	if !strings.HasSuffix(a.Name, packageSuffix) {
		return raw
	}
	was := decode(raw)
	p, err := readNupkg(r, a.Size)
	if err != nil {
		return raw // old ones of other sources are odd, and are served as they are
	}
	id, err := p.versionID()
	if err != nil || packageFile(id) != a.Name {
		return raw // it is not what it was listed as
	}
	m := p.manifest
	m.Unlisted, m.Deprecation, m.Vulnerabilities = was.Unlisted, was.Deprecation, was.Vulnerabilities
	return m.encode()
}
