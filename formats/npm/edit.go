package npm

import (
	"encoding/json"
	"net/http"

	"larder/formats"
	"larder/registry"
)

// putRevision answers PUT /{package}/-rev/{rev}: npm unpublish sends the
// document without the version (libnpmpublish: unpublish.js).
func putRevision(w http.ResponseWriter, r *formats.Request) error {
	p, err := packageOf(r)
	if err != nil {
		return err
	}
	body, err := openBody(r)
	if err != nil {
		return err
	}
	if err := mayEdit(r, p); err != nil {
		return err
	}
	s, err := readSubmission(body, p, nil)
	if err != nil {
		return err
	}
	held, revision, err := editable(r, p, s, r.Vars["rev"])
	if err != nil {
		return err
	}
	var removed []string
	for i := range held.Versions {
		if v := held.Versions[i].Version.Version; s.versions.values[v] == nil {
			removed = append(removed, v)
		}
	}
	if len(removed) == 0 {
		return edit(w, r, p, s, r.Vars["rev"])
	}
	r.Log.Op = "unpublish-version"
	if err := r.Repo.DeleteVersions(r.Context(), p, removed, revision); err != nil {
		return err
	}
	return done(w, r, http.StatusOK, p)
}

// mayEdit refuses, before a document is read, who may do nothing that one
// could ask for. What it asks for in the end is decided by the core.
func mayEdit(r *formats.Request, p registry.PackageID) error {
	err := r.Repo.Allowed(r.Context(), registry.PutPackageMetadata, p)
	if err != nil && r.Repo.Allowed(r.Context(), registry.DeletePackageVersions, p) == nil {
		return nil
	}
	return err
}

// edit deprecates and takes deprecations back: of a document that was read
// with ?write=true and comes back changed, the messages count and nothing
// else (npm: deprecate.js; pitfall N26).
func edit(w http.ResponseWriter, r *formats.Request, p registry.PackageID, s *submission, rev string) error {
	held, revision, err := editable(r, p, s, rev)
	if err != nil {
		return err
	}
	manifests := map[string]json.RawMessage{}
	var others []string // versions that this repository does not hold itself
	for _, version := range s.versions.keys {
		message, err := deprecationOf(version, s.versions.values[version])
		if err != nil {
			return err
		}
		v, ok := held.Version(version)
		if !ok {
			others = append(others, version)
			continue
		}
		m := decode(v.Manifest)
		if string(m.deprecation()) != string(message) {
			manifests[version] = m.deprecate(message).encode()
		}
	}
	if err := unchanged(r, p, s, others); err != nil {
		return err
	}
	if err := r.Repo.Amend(r.Context(), p, manifests, revision); err != nil {
		return err
	}
	return done(w, r, http.StatusOK, p)
}

// editable gives the package as it can be edited, and its revision, when the
// document is of that revision.
func editable(r *formats.Request, p registry.PackageID, s *submission, rev string) (*registry.PackageView, int64, error) {
	if err := s.checkName(p); err != nil {
		return nil, 0, err
	}
	if len(s.versions.keys) == 0 {
		if s.owners {
			return nil, 0, noOwners()
		}
		return nil, 0, registry.Errorf(registry.Invalid, "the document has neither a tarball to publish nor versions to edit; remove a whole package with npm unpublish --force")
	}
	held, err := r.Repo.Held(r.Context(), p)
	if err != nil {
		return nil, 0, err
	}
	if rev == "" {
		return held, 0, nil
	}
	if revision, ok := parseRev(rev); !ok || revision != held.Revision {
		return nil, 0, registry.Errorf(registry.Conflict, "%q has changed since revision %s was read; read it again with ?write=true and repeat", fullName(p), rev)
	}
	return held, held.Revision, nil
}

// deprecationOf gives the message that a version object has, nil for none.
func deprecationOf(version string, raw []byte) ([]byte, error) {
	var message []byte
	members(raw, func(key string, value []byte) {
		if key == "deprecated" {
			message = value
		}
	})
	switch {
	case message == nil || !deprecates(message):
		return nil, nil
	case message[0] != '"' && string(message) != "true":
		return nil, registry.Errorf(registry.Invalid, "the deprecation of version %s is not a text", version)
	}
	return message, nil
}

// unchanged refuses other deprecations of versions that come from upstream: an
// edit of theirs would be lost.
func unchanged(r *formats.Request, p registry.PackageID, s *submission, versions []string) error {
	if len(versions) == 0 {
		return nil
	}
	view, err := r.Repo.Package(r.Context(), p)
	if err != nil {
		return err
	}
	for _, version := range versions {
		message, err := deprecationOf(version, s.versions.values[version])
		if err != nil {
			return err
		}
		v, ok := view.Version(version)
		if !ok {
			return registry.Errorf(registry.NotFound, "package %q has no version %s here; publish it first", fullName(p), version)
		}
		m := decode(v.Manifest)
		if string(m.deprecation()) != string(message) {
			return registry.Errorf(registry.NotFound, "version %s of %q is not in this repository itself but upstream of it, so it cannot be edited here", version, fullName(p))
		}
	}
	return nil
}
