package nuget

import (
	"net/http"

	"larder/formats"
	"larder/registry"
)

// getRegistration answers GET v3/{hive}/{id}/index.json: the metadata of all
// versions, of 128 and more by pages (NuGet documentation, "Package Metadata").
func getRegistration(w http.ResponseWriter, r *formats.Request) error {
	return serveMetadata(w, r, "", "index", writer.renderIndex)
}

// getPage answers GET v3/{hive}/{id}/page/{lower}/{upper}.json.
func getPage(w http.ResponseWriter, r *formats.Request) error {
	name, ok := cutJSON(r.Vars["upper"])
	lower, okLower := parseVersion(r.Vars["lower"])
	upper, okUpper := parseVersion(name)
	if !ok || !okLower || !okUpper {
		return registry.Errorf(registry.NotFound, "there is no such page")
	}
	from, to := lower.key(), upper.key()
	return serveMetadata(w, r, "", "page "+from+" "+to, func(of writer, view *registry.PackageView) ([]byte, error) {
		return of.renderPage(view, from, to)
	})
}

// getLeaf answers GET v3/{hive}/{id}/{version}.json.
func getLeaf(w http.ResponseWriter, r *formats.Request) error {
	name, ok := cutJSON(r.Vars["version"])
	v, valid := parseVersion(name)
	if !ok || !valid {
		return registry.Errorf(registry.NotFound, "there is no version %q: that is no version", name)
	}
	return serveMetadata(w, r, v.key(), "leaf", func(of writer, view *registry.PackageView) ([]byte, error) {
		return of.renderLeaf(view, v.key())
	})
}

func serveMetadata(w http.ResponseWriter, r *formats.Request, version, kind string, render func(writer, *registry.PackageView) ([]byte, error)) error {
	p, err := packageOf(r)
	if err != nil {
		return err
	}
	of := writer{r.Base, hives[r.Vars["hive"]], p}
	q := registry.DocumentQuery{Package: p, Version: version, Kind: of.hive.folder + " " + kind, Base: r.Base}
	d, err := r.Repo.Document(r.Context(), q, func(view *registry.PackageView) ([]byte, error) { return render(of, view) })
	if err != nil {
		return err
	}
	return formats.ServeDocument(w, r, d, jsonType)
}
