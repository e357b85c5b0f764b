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
		lists, err := r.Repo.Offered(r.Context(), p.pkg, p.pkg)
		if err != nil && m.Plugins == nil {
			return err
		}
		for _, raw := range lists {
			var o offered
			_ = json.Unmarshal(raw, &o) // as the adapter has written it
			add(o.Plugins...)
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
	return serveMetadata(w, r, p, b)
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
		// A document of its own: what has not changed is not read again.
		d, err := r.Repo.Document(r.Context(), registry.DocumentQuery{Package: id, Kind: "plugin"}, pluginDocument)
		if registry.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var p plugin
		_ = json.Unmarshal(d.Plain(), &p) // as pluginDocument has written it
		out = append(out, p)
	}
	return out, nil
}

// pluginDocument says what prefix an artifact has, if it is a plugin: that of
// its newest version.
func pluginDocument(view *registry.PackageView) ([]byte, error) {
	for i := len(view.Versions) - 1; i >= 0; i-- {
		if m := decode(view.Versions[i].Manifest); m.Prefix != "" {
			return json.Marshal(plugin{Name: m.Name, Prefix: m.Prefix, ArtifactID: view.ID.Name})
		}
	}
	return []byte("{}"), nil
}
