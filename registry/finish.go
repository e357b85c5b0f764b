package registry

import (
	"context"
	"encoding/json"
	"slices"
)

// Allowed says whether the actor may do an action to a package of the
// repository: for what is asked before a body is read. Operations authorize by
// themselves all the same.
func (r *Repo) Allowed(ctx context.Context, action Action, p PackageID) error {
	id, _, err := r.svc.canonical(VersionID{Package: p})
	if err != nil {
		return err
	}
	_, _, err = r.enter(ctx, action, id.Package)
	return err
}

// Held gives a version in whatever state the repository itself holds it, to
// compare what is being published with. NotFound where it does not. Needs
// PublishPackageVersion.
func (p *Publication) Held(ctx context.Context, id VersionID) (Version, error) {
	id, _, err := p.svc.canonical(id)
	if err != nil {
		return Version{}, err
	}
	if _, _, err := p.repo.enter(ctx, PublishPackageVersion, id.Package); err != nil {
		return Version{}, err
	}
	var v Version
	err = p.svc.Metadata.View(ctx, func(tx Tx) error {
		var err error
		v, err = tx.Version(p.node.ID, id)
		return err
	})
	if IsNotFound(err) {
		return v, noVersion(p.node.ID, id)
	}
	return v, err
}

// Ending is what a package's metadata says of a version whose files have come.
type Ending struct {
	Version string
	Status  Status // that it leaves Unfinished for
	// Check is asked of an Unfinished version; its error, Invalid mostly, ends
	// all. Nil: nothing to check.
	Check func(v Version) error
	// As, where not empty, is another version that is Published with the assets
	// and the manifest of this one: "1.0-SNAPSHOT" of a build. It stays as it is
	// where it has those of a newer one already, which Newer tells of its manifest.
	As    string
	Newer func(held, of json.RawMessage) bool
	// Spent, where not nil, says which of the downloadable versions that the
	// repository holds of the package are deleted now, with their bytes: builds
	// of which only so many are kept. Never those that the ending is about.
	Spent func(versions []string) []string
}

// Finish ends the Unfinished state of versions that this repository holds, all
// or none. Versions that it does not hold, or that are finished already, stay
// as they are; As follows them where they are downloadable. Needs
// PutPackageMetadata and PublishPackageVersion.
func (r *Repo) Finish(ctx context.Context, p PackageID, endings ...Ending) error {
	id, _, err := r.svc.canonical(VersionID{Package: p})
	if err != nil {
		return err
	}
	if _, _, err := r.enter(ctx, PublishPackageVersion, id.Package); err != nil {
		return err
	}
	n, _, err := r.enter(ctx, PutPackageMetadata, id.Package)
	if err != nil {
		return err
	}
	spent := false
	err = r.svc.update(ctx, func(c *change) error {
		// Metadata names every version there ever was; few of them are open.
		open, _, err := c.ListVersions(n.ID, id.Package, VersionFilter{Status: Unfinished}, Page{})
		if err != nil {
			return err
		}
		for _, e := range endings {
			isOpen := slices.ContainsFunc(open, func(v Version) bool { return v.Version == e.Version })
			if !isOpen && e.As == "" {
				continue
			}
			if err := c.finish(n, id.Package, e); err != nil {
				return err
			}
			if e.Spent == nil {
				continue
			}
			some, err := c.spend(n, id.Package, e)
			if err != nil {
				return err
			}
			spent = spent || some
		}
		return nil
	})
	if err == nil && spent {
		r.svc.sweep(ctx, n.ID.Domain)
	}
	return err
}

// spend deletes the versions that the ending says are spent.
func (c *change) spend(n *node, p PackageID, e Ending) (some bool, err error) {
	held, _, err := c.ListVersions(n.ID, p, VersionFilter{}, Page{})
	if err != nil {
		return false, err
	}
	var versions []string
	for _, v := range held {
		if v.Status.Downloadable() && v.Version != e.Version && v.Version != e.As {
			versions = append(versions, v.Version)
		}
	}
	for _, version := range e.Spent(versions) {
		pkg, err := c.heldPackage(n, p, 0)
		if err != nil {
			return some, err
		}
		if err := c.remove(n, pkg, VersionID{p, version}); err != nil {
			return some, err
		}
		some = true
	}
	return some, nil
}

func (c *change) finish(n *node, p PackageID, e Ending) error {
	v, err := c.Version(n.ID, VersionID{p, e.Version})
	if IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if v.Status == Unfinished {
		if e.Check != nil {
			if err := e.Check(v); err != nil {
				return err
			}
		}
		pkg, err := c.heldPackage(n, p, 0)
		if err != nil {
			return err
		}
		v.Status, v.Published = e.Status, c.Now()
		if err := c.put(n, pkg, v, OpUpdated, Changes{StatusChanged: true}); err != nil {
			return err
		}
	}
	if e.As == "" || !v.Status.Downloadable() {
		return nil
	}
	return c.follow(n, p, e, v)
}

// follow publishes As with the assets of v.
func (c *change) follow(n *node, p PackageID, e Ending, v Version) error {
	held, err := c.Version(n.ID, VersionID{p, e.As})
	op := OpUpdated
	switch {
	case IsNotFound(err):
		op, held = OpCreated, Version{Version: e.As, Status: Unfinished, Origin: v.Origin, Released: v.Released}
	case err != nil:
		return err
	case held.Status == Archived || held.Status == Disposed:
		return exists(n.ID, VersionID{p, e.As}, held.Status)
	}
	if op == OpUpdated && e.Newer(held.Manifest, v.Manifest) {
		return nil
	}
	now := held
	now.Status, now.Assets, now.Manifest, now.Published = Published, v.Assets, v.Manifest, c.Now()
	ch := changesBetween(held, now)
	if ch == (Changes{}) {
		return nil
	}
	pkg, err := c.heldPackage(n, p, 0)
	if err != nil {
		return err
	}
	return c.put(n, pkg, now, op, ch)
}

// Largest is how large one file may be, in bytes.
func (p *Publication) Largest() int64 { return p.svc.Limits.AssetSize }
