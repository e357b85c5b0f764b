package maven

import (
	"encoding/json"
	"net/http"
	"strings"

	"larder/formats"
	"larder/registry"
)

// offered is what the adapter keeps of a maven-metadata.xml besides versions:
// the plugins of a group, or the newest builds of a snapshot.
type offered struct {
	Plugins []plugin          `json:"plugins,omitempty"`
	Builds  []snapshotVersion `json:"builds,omitempty"`
}

// offeredBuilds gives the files of builds that the metadata of a snapshot names.
func offeredBuilds(m *metadata) []snapshotVersion {
	v := m.Versioning
	if v == nil || v.Snapshot == nil {
		return nil
	}
	var out []snapshotVersion
	for _, f := range v.SnapshotVersions {
		if build.MatchString(f.Value) && badVersion(f.Value) == "" && f.Extension != "" {
			out = append(out, f)
		}
	}
	if base, ok := strings.CutSuffix(m.Version, snapshot); out == nil && ok && v.Snapshot.Timestamp != "" {
		// As Maven 2 wrote it: one build, and no word about its files.
		value := base + "-" + v.Snapshot.Timestamp + "-" + v.Snapshot.BuildNumber
		if build.MatchString(value) && badVersion(value) == "" {
			out = []snapshotVersion{{Extension: "pom", Value: value}, {Extension: "jar", Value: value}}
		}
	}
	return out
}

// getOffered answers with the metadata of a snapshot, the builds that
// connections offer among those that are held. otherwise is the error where
// there are none, nil where some are held.
func getOffered(w http.ResponseWriter, r *formats.Request, p place, otherwise error) error {
	ctx := r.Context()
	view, err := r.Repo.Package(ctx, p.pkg)
	switch {
	case registry.IsNotFound(err):
		view = &registry.PackageView{ID: p.pkg}
	case err != nil:
		return err
	}
	// Where a snapshot's metadata lies is where that of an artifact would, whose
	// name is the version.
	beside := registry.PackageID{Format: registry.Maven, Namespace: p.pkg.Namespace + "." + p.pkg.Name, Name: p.version}
	lists, err := r.Repo.Offered(ctx, p.pkg, beside)
	if err != nil && otherwise != nil {
		return err
	}
	var more []snapshotVersion
	for _, raw := range lists {
		var o offered
		_ = json.Unmarshal(raw, &o) // as the adapter has written it
		for _, f := range o.Builds {
			if baseVersion(f.Value) == p.version {
				more = append(more, f)
			}
		}
	}
	if more == nil && otherwise != nil {
		return otherwise
	}
	b, err := snapshotMetadata(view, p.version, more)
	if err != nil {
		return err
	}
	return serveMetadata(w, r, p, b)
}
