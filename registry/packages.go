package registry

import "context"

// onPackage authorizes an action on a package and runs f with it as the
// repository itself holds it; NotFound where it does not.
func (s *Service) onPackage(ctx context.Context, actor Actor, action Action, r RepoID, p PackageID, f func(Tx, *node, Package) error) error {
	id, _, err := s.canonical(VersionID{Package: p})
	if err != nil {
		return err
	}
	n, _, err := s.enter(ctx, actor, action, r, id.Package)
	if err != nil {
		return err
	}
	return s.Metadata.View(ctx, func(tx Tx) error {
		pkg, err := tx.Package(n.ID, id.Package)
		if IsNotFound(err) {
			return notHeld(n.ID, id)
		}
		if err != nil {
			return err
		}
		return f(tx, n, pkg)
	})
}

// onVersion authorizes an action on a version's package and gives the version
// as the repository itself holds it; NotFound where it does not (spec 3.1).
func (s *Service) onVersion(ctx context.Context, actor Actor, action Action, r RepoID, id VersionID) (*node, VersionID, Version, error) {
	id, _, err := s.sought(id)
	if err != nil {
		return nil, id, Version{}, err
	}
	n, _, err := s.enter(ctx, actor, action, r, id.Package)
	if err != nil {
		return nil, id, Version{}, err
	}
	var v Version
	err = s.Metadata.View(ctx, func(tx Tx) error {
		var err error
		v, err = tx.Version(n.ID, id)
		return err
	})
	if IsNotFound(err) {
		err = notHeld(n.ID, id)
	}
	return n, id, v, err
}

// readVersion is onVersion for an action that gives away what the version is:
// Denied with the guard's reason where it refuses it.
func (s *Service) readVersion(ctx context.Context, actor Actor, action Action, r RepoID, id VersionID) (*node, VersionID, Version, error) {
	n, id, v, err := s.onVersion(ctx, actor, action, r, id)
	if err != nil {
		return n, id, v, err
	}
	guard, err := s.rulingNow(ctx, n, id.Package)
	if err != nil {
		return n, id, v, err
	}
	if verdict := guard.judge(v, nil); verdict.Refuse && !verdict.Unverified && v.servable() {
		return n, id, Version{}, refused(n.ID, id, verdict)
	}
	return n, id, v, nil
}

// sought is canonical for a version that is looked for: one that the format
// would not take is nowhere, which is not to be found and no mistake.
func (s *Service) sought(id VersionID) (VersionID, Rules, error) {
	out, rules, err := s.canonical(id)
	if CodeOf(err) != Invalid || id.Version == "" || checkNames(id) != nil {
		return out, rules, err
	}
	pkg, rules, err := s.canonical(VersionID{Package: id.Package})
	return VersionID{pkg.Package, id.Version}, rules, err
}

// DescribePackage gives a package of the repository itself.
func (s *Service) DescribePackage(ctx context.Context, actor Actor, r RepoID, p PackageID) (Package, error) {
	var pkg Package
	err := s.onPackage(ctx, actor, DescribePackage, r, p, func(_ Tx, _ *node, have Package) error {
		pkg = have
		return nil
	})
	return pkg, err
}

// DeletePackage removes a package of the repository itself with all its
// versions and its configuration, and gives it as it was.
func (s *Service) DeletePackage(ctx context.Context, actor Actor, r RepoID, p PackageID) (Package, error) {
	var pkg Package
	var n *node
	err := s.onPackage(ctx, actor, DeletePackage, r, p, func(_ Tx, at *node, have Package) error {
		pkg, n = have, at
		return nil
	})
	if err != nil {
		return Package{}, err
	}
	return pkg, s.deletePackage(ctx, n, pkg.ID, 0)
}

// PutPackageOriginConfiguration sets both restrictions of a package. One that
// is not there is made, without versions.
func (s *Service) PutPackageOriginConfiguration(ctx context.Context, actor Actor, r RepoID, p PackageID, restrictions Restrictions) error {
	id, _, err := s.canonical(VersionID{Package: p})
	if err != nil {
		return err
	}
	for _, v := range []Restriction{restrictions.Publish, restrictions.Upstream} {
		if v != Allow && v != Block {
			return Errorf(Invalid, "publish and upstream are both needed, each ALLOW or BLOCK")
		}
	}
	n, _, err := s.enter(ctx, actor, PutPackageOriginConfiguration, r, id.Package)
	if err != nil {
		return err
	}
	return s.update(ctx, func(c *change) error {
		pkg, err := c.packageFor(n, id.Package, restrictions)
		if err != nil {
			return err
		}
		pkg.Restrictions, pkg.Modified = restrictions, c.Now()
		return c.PutPackage(n.ID, *pkg)
	})
}
