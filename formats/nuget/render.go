package nuget

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"larder/registry"
)

// hive is one flavour of package metadata: its folder, and whether it has
// versions that only clients since 4.3 can read.
type hive struct {
	folder  string
	semVer2 bool
}

// hives are the flavours (NuGet documentation, "Package Metadata",
// "Versioning"). "registration4" is what CodeArtifact calls the newest (spec 7.4).
var hives = map[string]hive{
	"registration2": {"registration2", false}, // RegistrationsBaseUrl
	"registration3": {"registration3", false}, // RegistrationsBaseUrl/3.4.0
	"registration4": {"registration4", true},  // RegistrationsBaseUrl/3.6.0
}

// Paging of package metadata, as the public gallery does it.
const (
	inlineBelow = 128 // versions: all of fewer are in the index
	pageSize    = 64
)

// writer renders metadata of one package for clients of one base URL.
type writer struct {
	base string
	hive hive
	id   registry.PackageID
}

func (w writer) folder() string {
	return w.base + "v3/" + w.hive.folder + "/" + url.PathEscape(w.id.Name) + "/"
}
func (w writer) index() string              { return w.folder() + "index.json" }
func (w writer) leaf(version string) string { return w.folder() + version + ".json" }
func (w writer) flat(version string) string {
	return w.base + "v3/flatcontainer/" + url.PathEscape(w.id.Name) + "/" + version + "/"
}
func (w writer) content(version string) string {
	return w.flat(version) + url.PathEscape(packageFile(registry.VersionID{Package: w.id, Version: version}))
}

type registrationIndex struct {
	ID    string             `json:"@id"`
	Type  []string           `json:"@type"`
	Count int                `json:"count"`
	Items []registrationPage `json:"items"`
}

type registrationPage struct {
	ID     string             `json:"@id"`
	Type   string             `json:"@type"`
	Count  int                `json:"count"`
	Items  []registrationLeaf `json:"items,omitempty"`
	Lower  string             `json:"lower"`
	Upper  string             `json:"upper"`
	Parent string             `json:"parent,omitempty"`
}

type registrationLeaf struct {
	ID             string       `json:"@id"`
	Type           string       `json:"@type"`
	CatalogEntry   catalogEntry `json:"catalogEntry"`
	PackageContent string       `json:"packageContent"`
	Registration   string       `json:"registration"`
}

type catalogEntry struct {
	ID                       string            `json:"@id"`
	Type                     string            `json:"@type"`
	Authors                  string            `json:"authors"`
	Copyright                string            `json:"copyright,omitempty"`
	DependencyGroups         []dependencyGroup `json:"dependencyGroups,omitempty"`
	Deprecation              json.RawMessage   `json:"deprecation,omitempty"`
	Description              string            `json:"description"`
	IconURL                  string            `json:"iconUrl"`
	PackageID                string            `json:"id"`
	Language                 string            `json:"language"`
	LicenseExpression        string            `json:"licenseExpression"`
	LicenseURL               string            `json:"licenseUrl"`
	Listed                   bool              `json:"listed"`
	MinClientVersion         string            `json:"minClientVersion"`
	PackageContent           string            `json:"packageContent"`
	Hash                     string            `json:"packageHash,omitempty"`
	HashAlgorithm            string            `json:"packageHashAlgorithm,omitempty"`
	Size                     int64             `json:"packageSize,omitempty"`
	Types                    []packageType     `json:"packageTypes,omitempty"`
	ProjectURL               string            `json:"projectUrl"`
	Published                string            `json:"published"`
	ReadmeURL                string            `json:"readmeUrl,omitempty"`
	Repository               *repository       `json:"repository,omitempty"`
	RequireLicenseAcceptance bool              `json:"requireLicenseAcceptance"`
	Summary                  string            `json:"summary"`
	Tags                     []string          `json:"tags"`
	Title                    string            `json:"title"`
	Version                  string            `json:"version"`
	Vulnerabilities          json.RawMessage   `json:"vulnerabilities,omitempty"`
}

type dependencyGroup struct {
	Type         string           `json:"@type"`
	Framework    string           `json:"targetFramework,omitempty"`
	Dependencies []dependencyItem `json:"dependencies,omitempty"`
}

type dependencyItem struct {
	Type         string `json:"@type"`
	ID           string `json:"id"`
	Range        string `json:"range"`
	Registration string `json:"registration"`
}

// entry is a version with its manifest, read once.
type entry struct {
	*registry.VersionView
	manifest
}

// all gives every version of a view, listed or not, ascending.
func all(view *registry.PackageView) []*registry.VersionView {
	out := make([]*registry.VersionView, 0, len(view.Versions)+len(view.Unlisted))
	for i := range view.Versions {
		out = append(out, &view.Versions[i])
	}
	if len(view.Unlisted) == 0 {
		return out
	}
	for i := range view.Unlisted {
		out = append(out, &view.Unlisted[i])
	}
	slices.SortFunc(out, func(a, b *registry.VersionView) int { return compareVersions(a.Version.Version, b.Version.Version) })
	return out
}

// entries gives the versions that a hive has.
func (w writer) entries(view *registry.PackageView) []entry {
	var out []entry
	for _, v := range all(view) {
		m := decode(v.Manifest)
		if m.Version == "" {
			m.Version = v.Version.Version
		}
		if m.ID == "" {
			m.ID = view.ID.Name
		}
		if w.hive.semVer2 || !m.semVer2() {
			out = append(out, entry{v, m})
		}
	}
	return out
}

// renderIndex writes a registration index; NotFound where the hive has no version.
func (w writer) renderIndex(view *registry.PackageView) ([]byte, error) {
	entries := w.entries(view)
	if len(entries) == 0 {
		return nil, registry.Errorf(registry.NotFound, "package %q has versions for clients since 4.3 only", w.id.Name)
	}
	out := registrationIndex{ID: w.index(), Type: []string{"catalog:CatalogRoot", "PackageRegistration", "catalog:Permalink"}}
	inline := len(entries) < inlineBelow
	for part := range slices.Chunk(entries, pageSize) {
		out.Items = append(out.Items, w.page(part, inline))
	}
	out.Count = len(out.Items)
	return encodeJSON(out)
}

// renderPage writes the page of the versions between two; NotFound where there is none.
func (w writer) renderPage(view *registry.PackageView, lower, upper string) ([]byte, error) {
	entries := slices.DeleteFunc(w.entries(view), func(e entry) bool {
		return compareVersions(e.VersionView.Version.Version, lower) < 0 || compareVersions(e.VersionView.Version.Version, upper) > 0
	})
	if len(entries) == 0 {
		return nil, registry.Errorf(registry.NotFound, "package %q has no versions from %s to %s", w.id.Name, lower, upper)
	}
	return encodeJSON(w.page(entries, true))
}

func (w writer) page(entries []entry, inline bool) registrationPage {
	lower, upper := entries[0].VersionView.Version.Version, entries[len(entries)-1].VersionView.Version.Version
	p := registrationPage{
		ID: w.folder() + "page/" + lower + "/" + upper + ".json", Type: "catalog:CatalogPage",
		Count: len(entries), Lower: lower, Upper: upper,
	}
	if !inline {
		return p
	}
	p.Parent = w.index()
	for _, e := range entries {
		p.Items = append(p.Items, registrationLeaf{
			ID: w.leaf(e.VersionView.Version.Version), Type: "Package", CatalogEntry: w.catalogEntry(e),
			PackageContent: w.content(e.VersionView.Version.Version), Registration: w.index(),
		})
	}
	return p
}

// renderLeaf writes one version; NotFound where the hive does not have it.
func (w writer) renderLeaf(view *registry.PackageView, version string) ([]byte, error) {
	for _, e := range w.entries(view) {
		if e.VersionView.Version.Version == version {
			return encodeJSON(struct {
				ID             string   `json:"@id"`
				Type           []string `json:"@type"`
				Listed         bool     `json:"listed"`
				PackageContent string   `json:"packageContent"`
				Published      string   `json:"published"`
				Registration   string   `json:"registration"`
			}{w.leaf(version), []string{"Package", "catalog:Permalink"}, e.Status == registry.Published, w.content(version), published(e), w.index()})
		}
	}
	return nil, registry.Errorf(registry.NotFound, "package %q has no version %s", w.id.Name, version)
}

func (w writer) catalogEntry(e entry) catalogEntry {
	version := e.VersionView.Version.Version
	c := catalogEntry{
		ID: w.leaf(version), Type: "PackageDetails",
		Authors: e.Authors, Copyright: e.Copyright, Deprecation: e.Deprecation, Description: e.Description,
		IconURL: w.iconURL(e), PackageID: e.ID, Language: e.Language,
		LicenseExpression: e.LicenseExpression, LicenseURL: w.licenseURL(e), Listed: e.Status == registry.Published,
		MinClientVersion: e.MinClientVersion, PackageContent: w.content(version),
		Types: e.Types, ProjectURL: e.ProjectURL, Published: published(e), Repository: e.Repository,
		RequireLicenseAcceptance: e.RequireLicenseAcceptance, Summary: e.Summary, Tags: e.Tags, Title: e.Title,
		Version: e.manifest.Version, Vulnerabilities: e.Vulnerabilities,
	}
	if c.Tags == nil {
		c.Tags = []string{}
	}
	if e.Readme != "" {
		c.ReadmeURL = w.flat(version) + "readme"
	}
	file := packageFile(registry.VersionID{Package: w.id, Version: version})
	if a, ok := e.Asset(file); ok {
		c.Hash, c.HashAlgorithm, c.Size = base64.StdEncoding.EncodeToString(a.Hashes.SHA512[:]), "SHA512", a.Size
	} else if e.manifest.Hash != "" {
		c.Hash, c.HashAlgorithm = e.manifest.Hash, "SHA512"
	}
	for _, g := range e.Groups {
		out := dependencyGroup{Type: "PackageDependencyGroup", Framework: g.Framework}
		for _, d := range g.Dependencies {
			out.Dependencies = append(out.Dependencies, dependencyItem{
				"PackageDependency", d.ID, d.Range, w.base + "v3/" + w.hive.folder + "/" + url.PathEscape(lowerID(d.ID)) + "/index.json",
			})
		}
		c.DependencyGroups = append(c.DependencyGroups, out)
	}
	return c
}

func (w writer) iconURL(e entry) string {
	if e.Icon != "" {
		return w.flat(e.VersionView.Version.Version) + "icon"
	}
	return e.IconURL
}

func (w writer) licenseURL(e entry) string {
	if e.LicenseFile != "" {
		return w.flat(e.VersionView.Version.Version) + "license"
	}
	return e.LicenseURL
}

// published is when a version was published first, as far as it is known.
func published(e entry) string {
	t := e.Released
	if t.IsZero() {
		t = e.Published
	}
	if t.IsZero() {
		t = time.Unix(0, 0)
	}
	return t.UTC().Format("2006-01-02T15:04:05.999Z")
}

func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// cutJSON takes ".json" off the last part of a path.
func cutJSON(s string) (string, bool) { return strings.CutSuffix(s, ".json") }
