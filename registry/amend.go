package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
)

// Amend replaces manifests of versions that this repository holds, all or
// none; those that are equal already are left alone. NotFound when one is not
// held; Conflict when ifRevision is not zero and the package has changed
// since. Needs PutPackageMetadata.
func (r *Repo) Amend(ctx context.Context, p PackageID, manifests map[string]json.RawMessage, ifRevision int64) error {
	id, _, err := r.svc.canonical(VersionID{Package: p})
	if err != nil {
		return err
	}
	n, _, err := r.enter(ctx, PutPackageMetadata, id.Package)
	if err != nil {
		return err
	}
	return r.svc.update(ctx, func(c *change) error {
		pkg, err := c.heldPackage(n, id.Package, ifRevision)
		if err != nil {
			return err
		}
		for _, version := range slices.Sorted(maps.Keys(manifests)) {
			v, err := c.Version(n.ID, VersionID{id.Package, version})
			if IsNotFound(err) {
				return Errorf(NotFound, "version %s of package %q is not in repository %q itself", version, id.Package.DisplayName(), n.ID.Name).About(n.ID.Package(id.Package))
			}
			if err != nil {
				return err
			}
			if bytes.Equal(v.Manifest, manifests[version]) {
				continue
			}
			v.Manifest = manifests[version]
			if err := c.put(n, pkg, v, OpUpdated, Changes{MetadataUpdated: true}); err != nil {
				return err
			}
		}
		return nil
	})
}
