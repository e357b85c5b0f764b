package registry

import (
	"context"
	"strings"
	"unicode"
)

// SetTag points a dist-tag of this repository at a version that its clients
// can see, here or upstream. NotFound where they cannot. Needs PutPackageMetadata.
func (r *Repo) SetTag(ctx context.Context, p PackageID, tag, version string) error {
	id, rules, err := r.svc.canonical(VersionID{p, version})
	if err != nil {
		return err
	}
	if err := checkTag(tag); err != nil {
		return err
	}
	n, _, err := r.enter(ctx, PutPackageMetadata, id.Package)
	if err != nil {
		return err
	}
	m, err := r.svc.viewOf(ctx, n, id, rules, r.svc.Clock())
	if err != nil {
		return err
	}
	if _, ok := m.view.Version(id.Version); !ok {
		return noVersion(n.ID, id)
	}
	return r.svc.update(ctx, func(c *change) error {
		pkg, err := c.packageFor(n, id.Package, Restrictions{Publish: Block, Upstream: Allow})
		if err != nil {
			return err
		}
		if pkg.Tags[tag] == id.Version {
			return nil
		}
		pkg.Tags[tag] = id.Version
		return c.retag(n, pkg, id)
	})
}

// RemoveTag takes a dist-tag away that this repository itself has; NotFound
// where it does not. "latest" stays: Invalid. Needs PutPackageMetadata.
func (r *Repo) RemoveTag(ctx context.Context, p PackageID, tag string) error {
	id, _, err := r.svc.canonical(VersionID{Package: p})
	if err != nil {
		return err
	}
	n, _, err := r.enter(ctx, PutPackageMetadata, id.Package)
	if err != nil {
		return err
	}
	if tag == "latest" {
		return Errorf(Invalid, "the tag latest cannot be removed; point it at another version instead")
	}
	return r.svc.update(ctx, func(c *change) error {
		pkg, err := c.heldPackage(n, id.Package, 0)
		if err != nil {
			return err
		}
		version, ok := pkg.Tags[tag]
		if !ok {
			return Errorf(NotFound, "package %q has no tag %q in repository %q itself", id.Package.DisplayName(), tag, n.ID.Name).About(n.ID.Package(id.Package))
		}
		delete(pkg.Tags, tag)
		return c.retag(n, pkg, VersionID{id.Package, version})
	})
}

// retag writes the package; where the repository holds the version that a tag
// came to or left, that version's event tells of it.
func (c *change) retag(n *node, pkg *Package, id VersionID) error {
	v, err := c.Version(n.ID, id)
	if IsNotFound(err) {
		pkg.Modified = c.Now()
		return c.PutPackage(n.ID, *pkg)
	}
	if err != nil {
		return err
	}
	return c.record(n, pkg, v, OpUpdated, Changes{MetadataUpdated: true}, func() error { return nil })
}

func checkTag(tag string) error {
	if tag == "" || len(tag) > 255 || strings.ContainsFunc(tag, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '/' || r == '#'
	}) {
		return Errorf(Invalid, "%q cannot be a tag: 1 to 255 characters without white space, \"/\" and \"#\"", tag)
	}
	return nil
}
