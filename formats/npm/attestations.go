package npm

import (
	"net/http"

	"larder/formats"
	"larder/registry"
)

// getKeys answers GET /-/npm/v1/keys: the keys by which the external registry
// signs. Without a connection, 404: npm then expects no signatures (npm:
// verify-signatures.js).
func getKeys(w http.ResponseWriter, r *formats.Request) error {
	a, err := r.Repo.Auxiliary(r.Context(), registry.NPM, registry.AuxiliaryRequest{Kind: "keys", Path: "-/npm/v1/keys"})
	if err != nil {
		return err
	}
	return formats.ServeBytes(w, r, http.StatusOK, a.ContentType, a.Body)
}

// getAttestations answers GET /-/npm/v1/attestations/{package}@{version}: the
// bundle that was published with the version, or for one from outside what the
// registry has that it came from. Nothing is asked outside for a version from here.
func getAttestations(w http.ResponseWriter, r *formats.Request) error {
	p, err := packageOf(r)
	if err != nil {
		return err
	}
	version := r.Vars["version"]
	view, err := r.Repo.Package(r.Context(), p)
	if err != nil {
		return err
	}
	v, ok := view.Version(version)
	if !ok {
		return registry.Errorf(registry.NotFound, "package %q has no version %s here", fullName(p), version)
	}
	if bundles := decode(v.Manifest).bundles; bundles != nil {
		return formats.ServeBytes(w, r, http.StatusOK, fullType, attestationsAnswer(bundles))
	}
	if v.Origin.Type == registry.OriginInternal {
		return registry.Errorf(registry.NotFound, "version %s of %q was published without provenance", version, fullName(p))
	}
	internal, err := r.Repo.Internal(r.Context(), []registry.PackageID{p})
	if err != nil {
		return err
	}
	if len(internal) > 0 { // it was fetched before the name was claimed
		return registry.Errorf(registry.NotFound, "nobody outside is asked for the provenance of %q", fullName(p))
	}
	q := registry.AuxiliaryRequest{Kind: "attestations", Path: attestationsPath(registry.VersionID{Package: p, Version: version})}
	a, err := r.Repo.AuxiliaryOf(r.Context(), registry.NPM, v.Origin, q)
	if err != nil {
		return err
	}
	return formats.ServeBytes(w, r, http.StatusOK, a.ContentType, a.Body)
}
