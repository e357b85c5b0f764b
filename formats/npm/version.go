package npm

import (
	"net/http"

	"larder/formats"
	"larder/registry"
)

// getVersion answers GET /{package}/{version or tag} with that version's
// object (pitfall N9).
func getVersion(w http.ResponseWriter, r *formats.Request) error {
	p, err := packageOf(r)
	if err != nil {
		return err
	}
	wanted := r.Vars["version"]
	q := registry.DocumentQuery{Package: p, Kind: "version " + wanted, Base: r.Base}
	if _, ok := parseVersion(wanted, false); ok {
		q.Version = wanted
	}
	d, err := r.Repo.Document(r.Context(), q, func(view *registry.PackageView) ([]byte, error) {
		version := wanted
		if tagged, ok := view.Tags[wanted]; ok {
			version = tagged
		}
		v, ok := view.Version(version)
		if !ok {
			return nil, registry.Errorf(registry.NotFound, "package %q has no version or tag %q here", fullName(p), wanted)
		}
		return versionDocument(p, v, r.Base), nil
	})
	if err != nil {
		return err
	}
	return formats.ServeDocument(w, r, d, fullType)
}
