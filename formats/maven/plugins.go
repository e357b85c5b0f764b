package maven

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"larder/formats"
	"larder/registry"
)

// getPlugins answers with the metadata of a group that has plugins, by which
// Maven resolves "mvn prefix:goal": those that are held, and those that the
// group has in the external connections. otherwise is the error where there
// are none.
func getPlugins(w http.ResponseWriter, r *formats.Request, p place, otherwise error) error {
	m := &metadata{}
	add := func(plugins ...plugin) {
		for _, g := range plugins {
			same := func(h plugin) bool { return h.ArtifactID == g.ArtifactID }
			if g.ArtifactID != "" && g.Prefix != "" && !slices.ContainsFunc(m.Plugins, same) {
				m.Plugins = append(m.Plugins, g)
			}
		}
	}
	held, err := heldPlugins(r, p.group)
	if err != nil {
		return err
	}
	add(held...)
	if p.pkg.Namespace != "" {
		offered, err := r.Repo.Offered(r.Context(), p.pkg)
		if err != nil && m.Plugins == nil {
			return err
		}
		for _, raw := range offered {
			var plugins []plugin
			_ = json.Unmarshal(raw, &plugins) // as the adapter has written it
			add(plugins...)
		}
	}
	if m.Plugins == nil {
		return otherwise
	}
	slices.SortFunc(m.Plugins, func(a, b plugin) int {
		return cmp.Or(strings.Compare(a.Prefix, b.Prefix), strings.Compare(a.ArtifactID, b.ArtifactID))
	})
	b, err := m.encode()
	if err != nil {
		return err
	}
	if p.checksum != "" {
		return serveChecksum(w, r, sumOf(b, p.checksum))
	}
	return formats.ServeBytes(w, r, http.StatusOK, "text/xml", b)
}

// heldPlugins gives the plugins among the group's artifacts that the
// repository or one upstream of it holds.
func heldPlugins(r *formats.Request, group string) ([]plugin, error) {
	ids, err := r.Repo.InNamespace(r.Context(), registry.Maven, group)
	if err != nil {
		return nil, err
	}
	var out []plugin
	for _, id := range ids {
		view, err := r.Repo.Package(r.Context(), id)
		if registry.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for i := len(view.Versions) - 1; i >= 0; i-- {
			if m := decode(view.Versions[i].Manifest); m.Prefix != "" {
				out = append(out, plugin{Name: m.Name, Prefix: m.Prefix, ArtifactID: id.Name})
				break
			}
		}
	}
	return out, nil
}
