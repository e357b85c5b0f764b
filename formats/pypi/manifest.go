package pypi

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"larder/registry"
)

// manifest is what is stored with a version: what index pages say of each file
// beyond its bytes, and what the core metadata says of the version. "about" is
// the last member, so that who wants the files need not read over it.
type manifest struct {
	// Yanked is the reason given for a yank here; it counts while the version is Unlisted.
	Yanked string          `json:"yanked,omitempty"`
	Files  map[string]file `json:"files,omitempty"`
	About  *about          `json:"about,omitempty"`
}

// file is what index pages say of one file, by its name.
type file struct {
	Uploaded       time.Time `json:"uploaded,omitzero"`
	RequiresPython string    `json:"requires-python,omitempty"`
	// Yanked is the reason of a yank by the index that the file came from; nil: it is not.
	Yanked *string `json:"yanked,omitempty"`
	// Metadata is the SHA-256 in hex of the metadata file beside the file,
	// "true" where there is one of an unknown digest.
	Metadata string `json:"metadata,omitempty"`
	// Provenance is the URL at the index that the file came from.
	Provenance string `json:"provenance,omitempty"`
	// Attestations are those that came with an upload: an array.
	Attestations json.RawMessage `json:"attestations,omitempty"`
	// Signed is what the index said of a signature; where it was uploaded here,
	// there is an asset.
	Signed *bool `json:"gpg-sig,omitempty"`
}

// about is the core metadata of a version in the words of the legacy JSON API.
type about struct {
	Name                   string   `json:"name,omitempty"` // as published
	Summary                string   `json:"summary,omitempty"`
	Description            string   `json:"description,omitempty"`
	DescriptionContentType string   `json:"description_content_type,omitempty"`
	Keywords               string   `json:"keywords,omitempty"`
	HomePage               string   `json:"home_page,omitempty"`
	DownloadURL            string   `json:"download_url,omitempty"`
	ProjectURLs            []string `json:"project_urls,omitempty"` // "label, URL"
	Author                 string   `json:"author,omitempty"`
	AuthorEmail            string   `json:"author_email,omitempty"`
	Maintainer             string   `json:"maintainer,omitempty"`
	MaintainerEmail        string   `json:"maintainer_email,omitempty"`
	License                string   `json:"license,omitempty"`
	LicenseExpression      string   `json:"license_expression,omitempty"`
	LicenseFiles           []string `json:"license_files,omitempty"`
	Classifiers            []string `json:"classifiers,omitempty"`
	Platforms              []string `json:"platform,omitempty"`
	RequiresPython         string   `json:"requires_python,omitempty"`
	RequiresDist           []string `json:"requires_dist,omitempty"`
	RequiresExternal       []string `json:"requires_external,omitempty"`
	ProvidesExtra          []string `json:"provides_extra,omitempty"`
	Dynamic                []string `json:"dynamic,omitempty"`
}

func aboutOf(m metadata) *about {
	a := &about{
		Name: m.first("name"), Summary: m.first("summary"), Description: m.body,
		DescriptionContentType: m.first("description-content-type"), Keywords: m.first("keywords"),
		HomePage: m.first("home-page"), DownloadURL: m.first("download-url"), ProjectURLs: m.all("project-url"),
		Author: m.first("author"), AuthorEmail: m.first("author-email"),
		Maintainer: m.first("maintainer"), MaintainerEmail: m.first("maintainer-email"),
		License: m.first("license"), LicenseExpression: m.first("license-expression"), LicenseFiles: m.all("license-file"),
		Classifiers: m.all("classifier"), Platforms: m.all("platform"),
		RequiresPython: m.first("requires-python"), RequiresDist: m.all("requires-dist"),
		RequiresExternal: m.all("requires-external"), ProvidesExtra: m.all("provides-extra"), Dynamic: m.all("dynamic"),
	}
	if strings.TrimSpace(a.Description) == "" {
		a.Description = m.first("description")
	}
	return a
}

// decode reads a stored manifest; an empty one for what cannot be read.
func decode(raw json.RawMessage) manifest {
	var m manifest
	if len(raw) > 0 {
		_ = json.Unmarshal(raw, &m) // we wrote it
	}
	return m
}

// decodeFiles reads a stored manifest as far as "about".
func decodeFiles(raw json.RawMessage) manifest {
	var m manifest
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return m
	}
	for d.More() {
		var err error
		switch t, _ := d.Token(); t {
		case "yanked":
			err = d.Decode(&m.Yanked)
		case "files":
			err = d.Decode(&m.Files)
		default:
			return m
		}
		if err != nil {
			return m
		}
	}
	return m
}

func (m manifest) encode() json.RawMessage {
	b, err := json.Marshal(m)
	if err != nil {
		return json.RawMessage("{}") // no member can fail
	}
	return b
}

// with gives the manifest with the files of another one that it lacks, and
// with what is said of the version where it says nothing.
func (m manifest) with(more manifest) manifest {
	files := maps.Clone(more.Files)
	if files == nil {
		files = map[string]file{}
	}
	maps.Copy(files, m.Files)
	m.Files = files
	if m.About == nil {
		m.About = more.About
	}
	return m
}

// merge adds the files of an upload to the manifest of a version that is there.
// What is known of a file stays; nothing new is no change.
func (m manifest) merge(held json.RawMessage) json.RawMessage {
	have := decode(held)
	known := 0
	for name := range m.Files {
		if _, ok := have.Files[name]; ok {
			known++
		}
	}
	if known == len(m.Files) {
		return held
	}
	merged := have.with(m)
	// What a wheel says of the version is complete; a source distribution may
	// leave some of it to its build.
	if m.About != nil && slices.ContainsFunc(slices.Collect(maps.Keys(m.Files)), isWheel) {
		merged.About = m.About
	}
	return merged.encode()
}

func isWheel(name string) bool { return strings.HasSuffix(name, ".whl") }

// yankedUpstream reports whether the index that the version came from has
// yanked all its files.
func (m manifest) yankedUpstream() bool {
	for _, f := range m.Files {
		if f.Yanked == nil {
			return false
		}
	}
	return len(m.Files) > 0
}

// Refresh implements registry.Refresher: what the index says of a file today
// counts; files that are gone there stay, and a yank made here stays.
func (rules) Refresh(held, newer registry.Version) (json.RawMessage, registry.Status) {
	if bytes.Equal(held.Manifest, newer.Manifest) && held.Status == newer.Status {
		return held.Manifest, held.Status
	}
	was, is := decode(held.Manifest), decode(newer.Manifest)
	merged := is.with(was)
	for name, f := range merged.Files {
		// The index may not know what the bytes told.
		if f.Metadata == "" {
			f.Metadata = was.Files[name].Metadata
			merged.Files[name] = f
		}
	}
	// As in merge.
	if was.About != nil && !slices.ContainsFunc(newer.Assets, func(a registry.Asset) bool { return isWheel(a.Name) }) {
		merged.About = was.About
	}
	merged.Yanked = was.Yanked
	status := newer.Status
	if held.Status == registry.Unlisted && !was.yankedUpstream() {
		status = registry.Unlisted
	}
	return merged.encode(), status
}

func (m manifest) describe() registry.Description {
	a := m.About
	if a == nil {
		return registry.Description{}
	}
	d := registry.Description{Summary: a.Summary, HomePage: a.HomePage, Readme: a.Description}
	for _, entry := range a.ProjectURLs {
		label, url, _ := strings.Cut(entry, ",")
		url = strings.TrimSpace(url)
		switch urlKind(label) {
		case "homepage":
			if d.HomePage == "" {
				d.HomePage = url
			}
		case "source", "repository", "sourcecode", "github":
			d.SourceCode = url
		}
	}
	switch {
	case a.LicenseExpression != "":
		d.Licenses = []registry.License{{Name: a.LicenseExpression}}
	case a.License != "" && len(a.License) <= 100 && !strings.Contains(a.License, "\n"):
		d.Licenses = []registry.License{{Name: a.License}}
	default:
		for _, c := range a.Classifiers {
			if name, ok := strings.CutPrefix(c, "License :: "); ok {
				if i := strings.LastIndex(name, " :: "); i >= 0 {
					name = name[i+len(" :: "):]
				}
				d.Licenses = append(d.Licenses, registry.License{Name: name})
			}
		}
	}
	for _, r := range a.RequiresDist {
		name, rest := cutRequirement(r)
		d.Dependencies = append(d.Dependencies, registry.Dependency{Package: name, Type: "Requires-Dist", Requirement: rest})
	}
	return d
}

// urlKind normalizes the label of a project URL ("Well-known project URLs in
// metadata").
func urlKind(label string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(label))
}

// cutRequirement splits a dependency specifier after its name, which it gives
// in the normalized spelling.
func cutRequirement(s string) (name, rest string) {
	s = strings.TrimSpace(s)
	i := 0
	for i < len(s) && (alphanumeric(s[i]) || isSeparator(s[i])) {
		i++
	}
	return normalize(s[:i]), strings.TrimSpace(s[i:])
}
