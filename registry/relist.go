package registry

import (
	"bytes"
	"context"
	"encoding/json"
)

// Relist moves a version that this repository holds to Published or Unlisted
// and amends its manifest, in one change; where both are so already it does
// nothing. NotFound where it is not held here, Conflict for a version that is
// neither. Needs UpdatePackageVersionsStatus.
func (r *Repo) Relist(ctx context.Context, id VersionID, target Status, amend func(json.RawMessage) json.RawMessage) error {
	if target != Published && target != Unlisted {
		return Errorf(Invalid, "the target status is Published or Unlisted")
	}
	id, _, err := r.svc.canonical(id)
	if err != nil {
		return err
	}
	n, _, err := r.enter(ctx, UpdatePackageVersionsStatus, id.Package)
	if err != nil {
		return err
	}
	return r.svc.update(ctx, func(c *change) error {
		pkg, err := c.heldPackage(n, id.Package, 0)
		if err != nil {
			return err
		}
		v, err := c.Version(n.ID, id)
		if IsNotFound(err) {
			return Errorf(NotFound, "version %s of package %q is not in repository %q itself", id.Version, id.Package.DisplayName(), n.ID.Name).About(n.ID.Package(id.Package))
		}
		if err != nil {
			return err
		}
		if !v.Status.Downloadable() {
			return Errorf(Conflict, "version %s of package %q is %s: it can be neither listed nor unlisted", id.Version, id.Package.DisplayName(), v.Status).About(n.ID.Package(id.Package))
		}
		manifest := amend(v.Manifest)
		ch := Changes{StatusChanged: v.Status != target, MetadataUpdated: !bytes.Equal(manifest, v.Manifest)}
		if ch == (Changes{}) {
			return nil
		}
		v.Status, v.Manifest = target, manifest
		return c.put(n, pkg, v, OpUpdated, ch)
	})
}

// Names gives the packages of a format that this repository itself holds, in
// order of their names. Needs ReadFromRepository.
func (r *Repo) Names(ctx context.Context, format string) ([]PackageID, error) {
	n, _, err := r.enter(ctx, ReadFromRepository, PackageID{})
	if err != nil {
		return nil, err
	}
	var ids []PackageID
	err = r.svc.Metadata.View(ctx, func(tx Tx) error {
		ids = nil
		page := Page{Limit: 1000}
		for {
			packages, next, err := tx.Packages(n.ID, PackageFilter{Format: format}, page)
			if err != nil {
				return err
			}
			for _, p := range packages {
				ids = append(ids, p.ID)
			}
			if page.After = next; next == "" {
				return nil
			}
		}
	})
	return ids, err
}
