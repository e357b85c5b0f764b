package nuget

import (
	"encoding/json"
	"net/http"

	"larder/formats"
	"larder/registry"
)

// deletePackage answers DELETE v3/package/{id}/{version}: the version is not
// listed any more, and stays for those who name it (NuGet documentation, "Push
// and Delete", "Delete a package").
func deletePackage(w http.ResponseWriter, r *formats.Request) error {
	return relist(w, r, registry.Unlisted, http.StatusNoContent)
}

// relistPackage answers POST v3/package/{id}/{version}: it is listed again.
func relistPackage(w http.ResponseWriter, r *formats.Request) error {
	return relist(w, r, registry.Published, http.StatusOK)
}

func relist(w http.ResponseWriter, r *formats.Request, target registry.Status, status int) error {
	id, err := versionOf(r)
	if err != nil {
		return err
	}
	if err := r.Repo.Relist(r.Context(), id, target, func(raw json.RawMessage) json.RawMessage { return raw }); err != nil {
		return err
	}
	w.WriteHeader(status)
	return nil
}
