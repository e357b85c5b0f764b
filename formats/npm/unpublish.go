package npm

import (
	"net/http"
	"strings"

	"larder/formats"
	"larder/registry"
)

// deletePackage answers DELETE /{package}/-rev/{rev}: npm unpublish of the
// whole package. The package itself stays, without versions and with its
// origin configuration, so that its name does not begin to lead upstream.
func deletePackage(w http.ResponseWriter, r *formats.Request) error {
	p, err := packageOf(r)
	if err != nil {
		return err
	}
	held, err := r.Repo.Held(r.Context(), p)
	if err != nil {
		return err
	}
	var versions []string
	for i := range held.Versions {
		versions = append(versions, held.Versions[i].Version.Version)
	}
	revision := wantedRevision(r)
	if revision != held.Revision {
		revision = noRevision
	}
	err = r.Repo.DeleteVersions(r.Context(), p, versions, revision)
	if registry.CodeOf(err) == registry.Conflict {
		return registry.Errorf(registry.Conflict, "%q has changed since revision %s was read; run npm unpublish again", fullName(p), r.Vars["rev"])
	}
	if err != nil {
		return err
	}
	return done(w, r, http.StatusOK, p)
}

// deleteTarball answers DELETE /{package}/-/{file}/-rev/{rev}, the last of
// the requests by which npm unpublishes one version. The document without the
// version was sent before, and the version is gone since then: that is success.
func deleteTarball(w http.ResponseWriter, r *formats.Request) error {
	p, err := packageOf(r)
	if err != nil {
		return err
	}
	if again, ok := r.Vars["repeated"]; ok && !strings.HasSuffix(r.Base, "/"+again+"/") {
		return registry.Errorf(registry.NotFound, "%q is not the path of this repository", again)
	}
	version, ok := versionOfTarball(p, r.Vars["file"])
	if !ok {
		return registry.Errorf(registry.Invalid, "%q is not called %s", r.Vars["file"], tarballName(p, "{version}"))
	}
	r.Log.Version = version
	err = r.Repo.DeleteVersions(r.Context(), p, []string{version}, wantedRevision(r))
	if err != nil && !registry.IsNotFound(err) {
		return err
	}
	return done(w, r, http.StatusOK, p)
}

// noRevision is of no package: the core refuses it, after those who may not
// delete at all.
const noRevision = -1

// wantedRevision is that which the client has read.
func wantedRevision(r *formats.Request) int64 {
	if revision, ok := parseRev(r.Vars["rev"]); ok {
		return revision
	}
	return noRevision
}
