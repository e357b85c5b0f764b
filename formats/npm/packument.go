package npm

import (
	"net/http"

	"larder/formats"
	"larder/registry"
)

// Media types of a package document. The abbreviated one is for who asks for
// it by name; everybody else gets the full one (pitfall N1).
const (
	fullType        = "application/json"
	abbreviatedType = "application/vnd.npm.install-v1+json"
)

var packumentTypes = formats.NewOffers(fullType, abbreviatedType)

// getPackument answers GET /{package}: full or abbreviated by Accept. With
// ?write=true it is what this repository alone holds, to be sent back changed.
func getPackument(w http.ResponseWriter, r *formats.Request) error {
	p := parseName(r.Vars["package"]) // which the core checks
	if r.URL.RawQuery != "" && r.URL.Query().Get("write") == "true" {
		return getForEdit(w, r, p)
	}
	kind, render := fullType, fullPackument
	if packumentTypes.Accepted(r.List("Accept")) == abbreviatedType {
		kind, render = abbreviatedType, abbreviatedPackument
	}
	d, err := r.Repo.Document(r.Context(), registry.DocumentQuery{Package: p, Kind: kind, Base: r.Base},
		func(view *registry.PackageView) ([]byte, error) { return render(view, r.Base), nil })
	if err != nil {
		return err
	}
	return formats.ServeDocument(w, r, d, kind)
}

func getForEdit(w http.ResponseWriter, r *formats.Request, p registry.PackageID) error {
	view, err := r.Repo.Held(r.Context(), p)
	if err != nil {
		return err
	}
	if len(view.Versions) == 0 {
		return registry.Errorf(registry.NotFound, "package %q has no version in this repository", fullName(p))
	}
	return formats.ServeBytes(w, r, http.StatusOK, fullType, fullPackument(view, r.Base))
}
