package maven

import (
	"bytes"
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"time"

	"larder/registry"
)

// metadataLimit bounds what is read of a maven-metadata.xml, in bytes: one
// with ten thousand versions has less than a megabyte.
const metadataLimit = 16 << 20

// metadata is a maven-metadata.xml (Maven Repository Metadata 1.1.0).
type metadata struct {
	XMLName    xml.Name    `xml:"metadata"`
	Model      string      `xml:"modelVersion,attr,omitempty"`
	GroupID    string      `xml:"groupId,omitempty"`
	ArtifactID string      `xml:"artifactId,omitempty"`
	Version    string      `xml:"version,omitempty"`
	Versioning *versioning `xml:"versioning"`
	Plugins    []plugin    `xml:"plugins>plugin,omitempty"`
}

type versioning struct {
	Latest           string            `xml:"latest,omitempty"`
	Release          string            `xml:"release,omitempty"`
	Snapshot         *snapshotBuild    `xml:"snapshot"`
	Versions         []string          `xml:"versions>version,omitempty"`
	LastUpdated      string            `xml:"lastUpdated,omitempty"`
	SnapshotVersions []snapshotVersion `xml:"snapshotVersions>snapshotVersion,omitempty"`
}

type snapshotBuild struct {
	Timestamp   string `xml:"timestamp,omitempty"`
	BuildNumber string `xml:"buildNumber,omitempty"`
	LocalCopy   string `xml:"localCopy,omitempty"`
}

type snapshotVersion struct {
	Classifier string `xml:"classifier,omitempty" json:"classifier,omitempty"`
	Extension  string `xml:"extension" json:"extension"`
	Value      string `xml:"value" json:"value"`
	Updated    string `xml:"updated" json:"-"`
}

type plugin struct {
	Name       string `xml:"name,omitempty" json:"name,omitempty"`
	Prefix     string `xml:"prefix" json:"prefix"`
	ArtifactID string `xml:"artifactId" json:"artifactId"`
}

// readMetadata reads a maven-metadata.xml, white space around texts removed.
func readMetadata(r io.Reader) (*metadata, error) {
	var m metadata
	if err := readXML(r, metadataLimit, &m); err != nil {
		return nil, err
	}
	texts := []*string{&m.GroupID, &m.ArtifactID, &m.Version}
	if v := m.Versioning; v != nil {
		texts = append(texts, &v.LastUpdated)
		for i := range v.Versions {
			texts = append(texts, &v.Versions[i])
		}
		if s := v.Snapshot; s != nil {
			texts = append(texts, &s.Timestamp, &s.BuildNumber)
		}
		for i := range v.SnapshotVersions {
			f := &v.SnapshotVersions[i]
			texts = append(texts, &f.Classifier, &f.Extension, &f.Value)
		}
	}
	for i := range m.Plugins {
		texts = append(texts, &m.Plugins[i].Prefix, &m.Plugins[i].ArtifactID, &m.Plugins[i].Name)
	}
	for _, s := range texts {
		*s = strings.TrimSpace(*s)
	}
	return &m, nil
}

func (m *metadata) encode() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	e := xml.NewEncoder(&b)
	e.Indent("", "  ")
	if err := e.Encode(m); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// updated is the form of times in metadata: UTC, to the second.
const updated = "20060102150405"

// versionsMetadata renders the metadata of an artifact: the versions that are
// listed, ascending in Maven's order.
func (o Options) versionsMetadata(view *registry.PackageView) ([]byte, error) {
	v := &versioning{}
	for i := range view.Versions {
		version := view.Versions[i].Version.Version
		if isSnapshot(version) {
			if !view.Versions[i].Held && !o.UpstreamSnapshots {
				continue
			}
		} else {
			v.Release = version
		}
		v.Versions = append(v.Versions, version)
		v.Latest = version
	}
	if v.Versions == nil {
		return nil, registry.Errorf(registry.NotFound, "no version of %s is listed", view.ID.DisplayName())
	}
	if !view.Modified.IsZero() {
		v.LastUpdated = view.Modified.UTC().Format(updated)
	}
	return (&metadata{GroupID: view.ID.Namespace, ArtifactID: view.ID.Name, Versioning: v}).encode()
}

// snapshotMetadata renders the metadata of a snapshot: its newest build, and
// for each kind of file the newest build that has it (pitfalls M3, M4). more
// are files of builds that connections offer.
func snapshotMetadata(view *registry.PackageView, base string, more []snapshotVersion) ([]byte, error) {
	var files []snapshotVersion
	for _, b := range builds(view, base) {
		for _, a := range b.Assets {
			if classifier, extension, ok := classify(a.Name, view.ID, b.Version.Version); ok {
				files = append(files, snapshotVersion{classifier, extension, b.Version.Version, ""})
			}
		}
	}
	_, there := view.Version(base)
	if !there {
		files = nil
	}
	files = append(files, more...)
	if len(files) == 0 {
		return nil, noSnapshot(view.ID, base)
	}
	slices.SortStableFunc(files, func(a, b snapshotVersion) int { return compareVersions(b.Value, a.Value) })
	v := &versioning{}
	type key struct{ classifier, extension string }
	seen := map[key]bool{}
	for _, f := range files {
		m := build.FindStringSubmatch(f.Value)
		f.Updated = strings.ReplaceAll(m[2], ".", "")
		if v.Snapshot == nil {
			v.Snapshot = &snapshotBuild{Timestamp: m[2], BuildNumber: m[3]}
			v.LastUpdated = f.Updated
		}
		if k := (key{f.Classifier, f.Extension}); !seen[k] {
			seen[k] = true
			v.SnapshotVersions = append(v.SnapshotVersions, f)
		}
	}
	return (&metadata{Model: "1.1.0", GroupID: view.ID.Namespace, ArtifactID: view.ID.Name, Version: base, Versioning: v}).encode()
}

func noSnapshot(p registry.PackageID, base string) error {
	return registry.Errorf(registry.NotFound, "there is no build of %s:%s", p.DisplayName(), base)
}

// builds gives the builds of a snapshot that are there, the newest first.
func builds(view *registry.PackageView, base string) []registry.VersionView {
	var out []registry.VersionView
	for _, of := range [][]registry.VersionView{view.Versions, view.Unlisted} {
		for _, v := range of {
			if number := v.Version.Version; number != base && baseVersion(number) == base {
				out = append(out, v)
			}
		}
	}
	slices.SortFunc(out, func(a, b registry.VersionView) int {
		return compareVersions(b.Version.Version, a.Version.Version)
	})
	return out
}

// lastUpdated reads the time in metadata; zero where it cannot be read.
func (v *versioning) lastUpdated() time.Time {
	t, err := time.Parse(updated, v.LastUpdated)
	if err != nil {
		return time.Time{}
	}
	return t
}
