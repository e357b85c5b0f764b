package nuget

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"larder/registry"
)

// manifest is what is stored with a version: what its nuspec says, and what the
// source that it came from says of it.
type manifest struct {
	ID                       string        `json:"id,omitempty"`      // as published
	Version                  string        `json:"version,omitempty"` // as published, normalized, with metadata
	Title                    string        `json:"title,omitempty"`
	Authors                  string        `json:"authors,omitempty"`
	Description              string        `json:"description,omitempty"`
	Summary                  string        `json:"summary,omitempty"`
	ReleaseNotes             string        `json:"releaseNotes,omitempty"`
	Copyright                string        `json:"copyright,omitempty"`
	Language                 string        `json:"language,omitempty"`
	Tags                     []string      `json:"tags,omitempty"`
	ProjectURL               string        `json:"projectUrl,omitempty"`
	IconURL                  string        `json:"iconUrl,omitempty"`
	Icon                     string        `json:"icon,omitempty"`   // path in the package
	Readme                   string        `json:"readme,omitempty"` // likewise
	LicenseURL               string        `json:"licenseUrl,omitempty"`
	LicenseExpression        string        `json:"licenseExpression,omitempty"`
	LicenseFile              string        `json:"licenseFile,omitempty"` // path in the package
	RequireLicenseAcceptance bool          `json:"requireLicenseAcceptance,omitempty"`
	DevelopmentDependency    bool          `json:"developmentDependency,omitempty"`
	MinClientVersion         string        `json:"minClientVersion,omitempty"`
	Repository               *repository   `json:"repository,omitempty"`
	Types                    []packageType `json:"packageTypes,omitempty"`
	Groups                   []group       `json:"dependencyGroups,omitempty"`
	// Signed says that the package has a signature file (.signature.p7s).
	Signed bool `json:"signed,omitempty"`

	// Symbols are the debug files of the symbol package, by the key that
	// debuggers ask for, with their paths in it.
	Symbols map[string]string `json:"symbols,omitempty"`

	// What the source said that the version came from.
	Unlisted        bool            `json:"unlisted,omitempty"`
	Deprecation     json.RawMessage `json:"deprecation,omitempty"`
	Vulnerabilities json.RawMessage `json:"vulnerabilities,omitempty"`
	// Hash is the SHA-512 in base64 that it promised of the package.
	Hash string `json:"packageHash,omitempty"`
}

type repository struct {
	Type   string `json:"type,omitempty"`
	URL    string `json:"url,omitempty"`
	Branch string `json:"branch,omitempty"`
	Commit string `json:"commit,omitempty"`
}

type packageType struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// group are the dependencies for one target framework; empty: for all.
type group struct {
	Framework    string       `json:"targetFramework,omitempty"`
	Dependencies []dependency `json:"dependencies,omitempty"`
}

type dependency struct {
	ID    string `json:"id"`
	Range string `json:"range"` // normalized
}

// decode reads a stored manifest; an empty one for what cannot be read.
func decode(raw json.RawMessage) manifest {
	var m manifest
	if len(raw) > 0 {
		_ = json.Unmarshal(raw, &m) // we wrote it
	}
	return m
}

func (m manifest) encode() json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(m) != nil {
		return json.RawMessage("{}") // no member can fail: raw ones were checked
	}
	return bytes.TrimSpace(b.Bytes())
}

// versionID is the version that the manifest is of.
func (m manifest) versionID() (registry.VersionID, error) {
	return rules{}.Canonical(registry.VersionID{Package: registry.PackageID{Format: registry.NuGet, Name: m.ID}, Version: m.Version})
}

// semVer2 reports whether clients before 4.3 cannot use the version: for its
// number, or for that of a dependency.
func (m manifest) semVer2() bool {
	if v, ok := parseVersion(m.Version); ok && v.semVer2() {
		return true
	}
	return slices.ContainsFunc(m.Groups, func(g group) bool {
		return slices.ContainsFunc(g.Dependencies, func(d dependency) bool {
			r, ok := parseRange(d.Range)
			return ok && r.semVer2()
		})
	})
}

// is reports whether the package has a type; without any it is a dependency.
func (m manifest) is(packageType string) bool {
	if len(m.Types) == 0 {
		return strings.EqualFold(packageType, "Dependency")
	}
	for _, t := range m.Types {
		if strings.EqualFold(t.Name, packageType) {
			return true
		}
	}
	return false
}

// describe gives the neutral fields (spec 2.10). NuGet's dependencies have no type.
func (m manifest) describe() registry.Description {
	d := registry.Description{Summary: m.Summary, HomePage: m.ProjectURL}
	if d.Summary == "" {
		d.Summary = m.Description
	}
	if m.Repository != nil {
		d.SourceCode = m.Repository.URL
	}
	if m.LicenseExpression != "" || m.LicenseURL != "" {
		d.Licenses = []registry.License{{Name: m.LicenseExpression, URL: m.LicenseURL}}
	}
	seen := map[registry.Dependency]bool{}
	for _, g := range m.Groups {
		for _, of := range g.Dependencies {
			dep := registry.Dependency{Package: lowerID(of.ID), Requirement: of.Range}
			if !seen[dep] {
				seen[dep] = true
				d.Dependencies = append(d.Dependencies, dep)
			}
		}
	}
	return d
}

// Refresh implements registry.Refresher: what a source says of a version today
// (listed, deprecated, vulnerable) counts; what was decided here stays.
func (rules) Refresh(held, newer registry.Version) (json.RawMessage, registry.Status) {
	if bytes.Equal(held.Manifest, newer.Manifest) && held.Status == newer.Status {
		return held.Manifest, held.Status
	}
	was, is := decode(held.Manifest), decode(newer.Manifest)
	status := held.Status
	if was.Unlisted != is.Unlisted {
		status = newer.Status
	}
	if was.Unlisted == is.Unlisted && bytes.Equal(was.Deprecation, is.Deprecation) && bytes.Equal(was.Vulnerabilities, is.Vulnerabilities) {
		return held.Manifest, status
	}
	was.Unlisted, was.Deprecation, was.Vulnerabilities = is.Unlisted, is.Deprecation, is.Vulnerabilities
	return was.encode(), status
}
