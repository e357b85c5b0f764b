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
	Classifier string `xml:"classifier,omitempty"`
	Extension  string `xml:"extension"`
	Value      string `xml:"value"`
	Updated    string `xml:"updated"`
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
			texts = append(texts, &v.SnapshotVersions[i].Value)
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
func versionsMetadata(view *registry.PackageView) ([]byte, error) {
	v := &versioning{}
	for i := range view.Versions {
		version := view.Versions[i].Version.Version
		v.Versions = append(v.Versions, version)
		v.Latest = version
		if !isSnapshot(version) {
			v.Release = version
		}
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
// for each kind of file the newest build that has it (pitfalls M3, M4).
func snapshotMetadata(view *registry.PackageView, base string) ([]byte, error) {
	if _, ok := view.Version(base); !ok {
		return nil, noSnapshot(view.ID, base)
	}
	v := &versioning{}
	type key struct{ classifier, extension string }
	seen := map[key]bool{}
	for _, b := range builds(view, base) {
		m := build.FindStringSubmatch(b.Version.Version)
		stamp := strings.ReplaceAll(m[2], ".", "")
		if v.Snapshot == nil {
			v.Snapshot = &snapshotBuild{Timestamp: m[2], BuildNumber: m[3]}
			v.LastUpdated = stamp
		}
		for _, a := range b.Assets {
			classifier, extension, ok := classify(a.Name, view.ID, b.Version.Version)
			if k := (key{classifier, extension}); ok && !seen[k] {
				seen[k] = true
				v.SnapshotVersions = append(v.SnapshotVersions, snapshotVersion{classifier, extension, b.Version.Version, stamp})
			}
		}
	}
	if v.Snapshot == nil {
		return nil, noSnapshot(view.ID, base)
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
