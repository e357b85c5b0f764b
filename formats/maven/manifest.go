package maven

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"larder/registry"
)

// manifest is what is kept of a version besides its files: what its POM says,
// and while it is Unfinished the checksums that were put.
type manifest struct {
	Packaging    string       `json:"packaging,omitempty"`
	Name         string       `json:"name,omitempty"`
	Description  string       `json:"description,omitempty"`
	URL          string       `json:"url,omitempty"`
	SCM          string       `json:"scm,omitempty"`
	Licenses     []license    `json:"licenses,omitempty"`
	Parent       *coordinates `json:"parent,omitempty"`
	Dependencies []dependency `json:"dependencies,omitempty"`
	// Prefix is the goal prefix of a plugin.
	Prefix string `json:"prefix,omitempty"`
	// Build is the version, where it is that of a snapshot's build.
	Build string `json:"build,omitempty"`
	// Checksums are by the name of the checksum file.
	Checksums map[string]string `json:"checksums,omitempty"`
}

func decode(raw json.RawMessage) manifest {
	var m manifest
	_ = json.Unmarshal(raw, &m) // one that cannot be read says nothing
	return m
}

func (m manifest) encode() json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(m) // texts always encode
	return bytes.TrimSpace(b.Bytes())
}

// listLimit bounds the licences and dependencies that are kept of one POM.
const listLimit = 2000

// take keeps what a POM says.
func (m *manifest) take(p *project) {
	m.Packaging = cmp.Or(p.expand(p.Packaging), "jar")
	m.Name, m.Description, m.URL = p.expand(p.Name), p.expand(p.Description), p.expand(p.URL)
	m.SCM = p.expand(cmp.Or(p.SCM.URL, p.SCM.Connection))
	m.Parent = nil
	if c := p.Parent; c != nil {
		m.Parent = &coordinates{cut(c.GroupID), cut(c.ArtifactID), cut(c.Version)}
	}
	m.Licenses, m.Dependencies = nil, nil
	for _, l := range p.Licenses[:min(len(p.Licenses), listLimit)] {
		m.Licenses = append(m.Licenses, license{cut(l.Name), cut(l.URL)})
	}
	for _, d := range p.Dependencies[:min(len(p.Dependencies), listLimit)] {
		d.GroupID, d.ArtifactID, d.Version = p.expand(d.GroupID), p.expand(d.ArtifactID), p.expand(d.Version)
		d.Scope, d.Type, d.Optional = p.expand(d.Scope), p.expand(d.Type), p.expand(d.Optional)
		m.Dependencies = append(m.Dependencies, d)
	}
	if m.Packaging == "maven-plugin" && m.Prefix == "" {
		m.Prefix = goalPrefix(cut(p.ArtifactID))
	}
}

// goalPrefix is what Maven makes of a plugin's name where its descriptor says
// nothing else (PluginDescriptor.getGoalPrefixFromArtifactId).
func goalPrefix(artifact string) string {
	if artifact == "maven-plugin-plugin" {
		return "plugin"
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.Replace(artifact, "-maven-plugin", "", 1), "maven-"), "-plugin")
}

// describe gives the neutral fields (spec 2.10).
func (m manifest) describe() registry.Description {
	d := registry.Description{Summary: cmp.Or(m.Description, m.Name), HomePage: m.URL, SourceCode: m.SCM}
	for _, l := range m.Licenses {
		d.Licenses = append(d.Licenses, registry.License{Name: l.Name, URL: l.URL})
	}
	if m.Parent != nil {
		d.Dependencies = append(d.Dependencies, registry.Dependency{
			Namespace: m.Parent.GroupID, Package: m.Parent.ArtifactID, Type: "parent", Requirement: m.Parent.Version,
		})
	}
	for _, p := range m.Dependencies {
		kind := cmp.Or(p.Scope, "compile")
		if p.Optional == "true" {
			kind = "optional"
		}
		d.Dependencies = append(d.Dependencies, registry.Dependency{
			Namespace: p.GroupID, Package: p.ArtifactID, Type: kind, Requirement: p.Version,
		})
	}
	return d
}

// sum gives one of an asset's checksums in lower-case hex.
func sum(h registry.Hashes, algorithm string) string {
	switch algorithm {
	case "md5":
		return hex.EncodeToString(h.MD5[:])
	case "sha1":
		return hex.EncodeToString(h.SHA1[:])
	case "sha256":
		return h.SHA256.String()
	}
	return hex.EncodeToString(h.SHA512[:])
}

// mismatch names a checksum that was put and is not that of its file, or "".
func (m manifest) mismatch(assets []registry.Asset) string {
	for _, name := range slices.Sorted(maps.Keys(m.Checksums)) {
		at := strings.LastIndexByte(name, '.')
		for _, a := range assets {
			if a.Name == name[:at] && sum(a.Hashes, name[at+1:]) != m.Checksums[name] {
				return name
			}
		}
	}
	return ""
}
