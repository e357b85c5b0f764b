package registry

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// GuardResponse is what is done about versions that turned out to be bad.
type GuardResponse struct {
	Versions  []VersionID
	Reason    string // that clients are told
	KeepBytes bool   // block only
	Rehearse  bool   // say what would be done, and do nothing
}

// RespondedVersion is what was done about one of them.
type RespondedVersion struct {
	ID        VersionID
	Problem   string     // why nothing was done; empty mostly
	Disposed  []string   // repositories that had cached bytes of it
	Kept      []string   // repositories that hold it and keep it: published here, or not to be disposed of
	Downloads []Download // by actor
}

const (
	// RespondedVersions is how many versions one response is about at most.
	RespondedVersions = 5000
	// respondBatch is how many packages are changed in one transaction.
	respondBatch = 50
)

// RespondGuard blocks versions in all of a domain, at once; then it disposes of
// the bytes that repositories have cached of them, points tags elsewhere, with
// an event for each change, and says who downloaded them. What was published
// into the domain itself is blocked and keeps its bytes.
func (s *Service) RespondGuard(ctx context.Context, actor Actor, d DomainID, q GuardResponse) ([]RespondedVersion, error) {
	if _, err := s.enterDomain(ctx, actor, RespondGuard, d); err != nil {
		return nil, err
	}
	switch {
	case s.Guard == nil:
		return nil, noGuard()
	case len(q.Versions) == 0:
		return nil, Errorf(Invalid, "there are no versions to respond to")
	case len(q.Versions) > RespondedVersions:
		return nil, Errorf(Invalid, "one call takes at most %d versions", RespondedVersions)
	case q.Reason == "" || len(q.Reason) > 500:
		return nil, Errorf(Invalid, "a reason of 1 to 500 characters is needed: clients are told it")
	}
	out := make([]RespondedVersion, len(q.Versions))
	byPackage := map[PackageID][]int{}
	var packages []PackageID
	var good []VersionID
	for i, id := range q.Versions {
		out[i].ID = id
		vid, _, err := s.sought(id)
		if err == nil && vid.Version == "" {
			err = Errorf(Invalid, "the version is missing")
		}
		if err != nil {
			out[i].Problem = MessageOf(err)
			continue
		}
		out[i].ID = vid
		if byPackage[vid.Package] == nil {
			packages = append(packages, vid.Package)
		}
		byPackage[vid.Package] = append(byPackage[vid.Package], i)
		good = append(good, vid)
	}
	if err := s.blockVersions(ctx, d, good, q.Reason, q.Rehearse); err != nil {
		return nil, err
	}
	repos, err := s.repositoriesOf(ctx, d)
	if err != nil {
		return nil, err
	}
	// In one order: responses side by side wait for each other's packages.
	slices.SortFunc(packages, func(a, b PackageID) int { return strings.Compare(a.String(), b.String()) })
	for batch := range slices.Chunk(packages, respondBatch) {
		err := s.respondTo(ctx, d, q, repos, batch, byPackage, out)
		if err != nil {
			return nil, err
		}
	}
	if !q.Rehearse && !q.KeepBytes {
		s.sweep(ctx, d)
	}
	s.Downloads.Flush(ctx)
	err = s.Metadata.View(ctx, func(tx Tx) error {
		for i := range out {
			if out[i].Problem != "" {
				continue
			}
			var err error
			if out[i].Downloads, err = tx.Downloads(d, out[i].ID); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

func (s *Service) blockVersions(ctx context.Context, d DomainID, versions []VersionID, reason string, rehearse bool) error {
	blocked := func(tx Tx) (Policy, error) {
		p, err := guardRules(tx, d)
		if err != nil {
			return p, err
		}
		p.Revision = newID()
		p.Document, err = s.Guard.Block(p.Document, versions, reason)
		return p, err
	}
	if rehearse {
		return s.Metadata.View(ctx, func(tx Tx) error { _, err := blocked(tx); return err })
	}
	return s.Metadata.Update(ctx, func(tx Tx) error {
		p, err := blocked(tx)
		if err != nil {
			return err
		}
		return tx.PutGuard(d, p)
	})
}

// repositoriesOf gives all repositories of a domain, by name.
func (s *Service) repositoriesOf(ctx context.Context, d DomainID) ([]*node, error) {
	counters, err := s.Metadata.Counters(ctx, d)
	if err != nil {
		return nil, err
	}
	g, err := s.graph(ctx, d, counters.Graph)
	if err != nil || g == nil {
		return nil, err
	}
	var all []*node
	for _, n := range g.repos {
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b *node) int { return strings.Compare(a.ID.Name, b.ID.Name) })
	return all, nil
}

// respondTo looks into all repositories for versions of some packages.
func (s *Service) respondTo(ctx context.Context, d DomainID, q GuardResponse, repos []*node, packages []PackageID, byPackage map[PackageID][]int, out []RespondedVersion) error {
	names := make([]string, len(repos))
	for i, n := range repos {
		names[i] = n.ID.Name
	}
	return s.update(ctx, func(c *change) error {
		c.dry = q.Rehearse
		for _, p := range packages {
			for _, i := range byPackage[p] {
				out[i].Disposed, out[i].Kept = nil, nil
			}
			revisions, err := c.PackageRevisions(d, names, p)
			if err != nil {
				return err
			}
			rules, err := s.rules(p.Format)
			if err != nil {
				return err
			}
			for at, n := range repos {
				if revisions[at] == 0 {
					continue
				}
				if err := c.respond(n, p, rules, q.KeepBytes, byPackage[p], out); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// respond disposes of the versions of one package in one repository, where they
// came from elsewhere, and points tags elsewhere.
func (c *change) respond(n *node, p PackageID, rules Rules, keep bool, which []int, out []RespondedVersion) error {
	pkg, err := c.heldPackage(n, p, 0)
	if err != nil {
		return err
	}
	bad := map[string]bool{}
	for _, i := range which {
		id := out[i].ID
		bad[id.Version] = true
		v, err := c.Version(n.ID, id)
		switch {
		case IsNotFound(err):
			continue
		case err != nil:
			return err
		case v.Status == Disposed:
			continue
		case keep || v.Origin.Type == OriginInternal:
			out[i].Kept = append(out[i].Kept, n.ID.Name)
			continue
		}
		out[i].Disposed = append(out[i].Disposed, n.ID.Name)
		if _, err := c.dispose(n, pkg, v); err != nil {
			return err
		}
	}
	return c.turn(n, pkg, rules, bad)
}

// turn points tags that name one of the versions at the newest one before it
// that is published, and takes away those for which there is none.
func (c *change) turn(n *node, pkg *Package, rules Rules, bad map[string]bool) error {
	if !slices.ContainsFunc(slices.Collect(maps.Values(pkg.Tags)), func(v string) bool { return bad[v] }) {
		return nil
	}
	all, _, err := c.ListVersions(n.ID, pkg.ID, VersionFilter{Status: Published}, Page{})
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(v Version) bool { return bad[v.Version] })
	for tag, version := range pkg.Tags {
		if !bad[version] {
			continue
		}
		delete(pkg.Tags, tag)
		best := ""
		for _, v := range all {
			if rules.Compare(v.Version, version) < 0 && rules.Prerelease(v.Version) == rules.Prerelease(version) &&
				(best == "" || rules.Compare(v.Version, best) > 0) {
				best = v.Version
			}
		}
		if best != "" {
			pkg.Tags[tag] = best
		}
	}
	if c.dry {
		return nil
	}
	return c.PutPackage(n.ID, *pkg)
}
