package registry

import (
	"context"
	"slices"
)

// DeleteVersions removes versions that this repository holds, all or none,
// with their bytes where nothing else in the domain refers to them. Tags that
// pointed at them go; "latest" moves to the newest version that stays.
// NotFound when one is not held; Conflict when ifRevision is not zero and the
// package has changed since. Needs DeletePackageVersions.
func (r *Repo) DeleteVersions(ctx context.Context, p PackageID, versions []string, ifRevision int64) error {
	id, rules, err := r.svc.canonical(VersionID{Package: p})
	if err != nil {
		return err
	}
	n, _, err := r.enter(ctx, DeletePackageVersions, id.Package)
	if err != nil {
		return err
	}
	err = r.svc.update(ctx, func(c *change) error {
		pkg, err := c.heldPackage(n, id.Package, ifRevision)
		if err != nil {
			return err
		}
		for _, version := range versions {
			vid, _, err := r.svc.canonical(VersionID{id.Package, version})
			if err != nil {
				return err
			}
			if err := c.remove(n, pkg, vid); err != nil {
				return err
			}
		}
		return c.retarget(n, pkg, rules)
	})
	if err == nil {
		r.svc.sweep(ctx, n.ID.Domain)
	}
	return err
}

// DeletePackage removes a package that this repository holds with all its
// versions and its configuration. Errors as DeleteVersions. Needs
// DeletePackageVersions, the right by which clients unpublish.
func (r *Repo) DeletePackage(ctx context.Context, p PackageID, ifRevision int64) error {
	id, _, err := r.svc.canonical(VersionID{Package: p})
	if err != nil {
		return err
	}
	n, _, err := r.enter(ctx, DeletePackageVersions, id.Package)
	if err != nil {
		return err
	}
	return r.svc.deletePackage(ctx, n, id.Package, ifRevision)
}

// deletePackage removes a package with its versions and their bytes.
func (s *Service) deletePackage(ctx context.Context, n *node, p PackageID, ifRevision int64) error {
	err := s.update(ctx, func(c *change) error {
		pkg, err := c.heldPackage(n, p, ifRevision)
		if err != nil {
			return err
		}
		versions, err := c.Versions(n.ID, p)
		if err != nil {
			return err
		}
		for _, v := range versions {
			if err := c.remove(n, pkg, VersionID{p, v.Version}); err != nil {
				return err
			}
		}
		return c.Tx.DeletePackage(n.ID, p)
	})
	if err == nil {
		s.sweep(ctx, n.ID.Domain)
	}
	return err
}

// heldPackage gives the package to be changed.
func (c *change) heldPackage(n *node, id PackageID, ifRevision int64) (*Package, error) {
	p, err := c.Package(n.ID, id)
	switch {
	case IsNotFound(err):
		return nil, Errorf(NotFound, "package %q is not in repository %q itself", id.DisplayName(), n.ID.Name).About(n.ID.Package(id))
	case err != nil:
		return nil, err
	case ifRevision != 0 && p.Revision != ifRevision:
		return nil, Errorf(Conflict, "package %q has changed since it was read; read it again and repeat", id.DisplayName()).About(n.ID.Package(id))
	}
	p.Tags = cloneTags(p.Tags)
	return &p, nil
}

// remove deletes one version.
func (c *change) remove(n *node, pkg *Package, id VersionID) error {
	v, err := c.Version(n.ID, id)
	if IsNotFound(err) {
		return Errorf(NotFound, "version %s of package %q is not in repository %q itself", id.Version, id.Package.DisplayName(), n.ID.Name).About(n.ID.Package(id.Package))
	}
	if err != nil {
		return err
	}
	ch := Changes{AssetsRemoved: len(v.Assets), StatusChanged: true}
	v.Status = Deleted
	return c.record(n, pkg, v, OpDeleted, ch, func() error { return c.DeleteVersion(n.ID, id) })
}

// retarget takes away tags whose version is gone and lets "latest" point at
// the newest version that stays.
func (c *change) retarget(n *node, pkg *Package, rules Rules) error {
	left, err := c.Versions(n.ID, pkg.ID)
	if err != nil {
		return err
	}
	var stays []VersionView
	for _, v := range left {
		if v.Status == Published {
			stays = append(stays, VersionView{Version: v})
		}
	}
	slices.SortFunc(stays, func(a, b VersionView) int { return rules.Compare(a.Version.Version, b.Version.Version) })
	lost := false
	for tag, version := range pkg.Tags {
		if slices.ContainsFunc(left, func(v Version) bool { return v.Version == version }) {
			continue
		}
		delete(pkg.Tags, tag)
		lost = true
		if tag == "latest" && len(stays) > 0 {
			pkg.Tags[tag] = newest(stays, rules)
		}
	}
	if !lost {
		return nil
	}
	return c.PutPackage(n.ID, *pkg)
}

// dispose destroys the bytes of a version and keeps its record.
func (c *change) dispose(n *node, pkg *Package, v Version) (Version, error) {
	removed := len(v.Assets)
	v.Status, v.Assets = Disposed, nil
	err := c.record(n, pkg, v, OpUpdated, Changes{AssetsRemoved: removed, StatusChanged: true}, func() error { return c.PutVersion(n.ID, pkg.ID, v) })
	return v, err
}
