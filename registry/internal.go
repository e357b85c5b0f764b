package registry

import "context"

// Internal gives those of the packages of which a version was published into a
// repository that this one reaches, or which origin controls keep from coming
// through any connection: names that nobody outside has to learn.
// Ids that no package can have are passed over. Needs ReadFromRepository.
func (r *Repo) Internal(ctx context.Context, ids []PackageID) ([]PackageID, error) {
	n, _, err := r.enter(ctx, ReadFromRepository, PackageID{})
	if err != nil {
		return nil, err
	}
	var out []PackageID
	err = r.svc.Metadata.View(ctx, func(tx Tx) error {
		out = nil
		for _, p := range ids {
			id, _, err := r.svc.canonical(VersionID{Package: p})
			if err != nil {
				continue
			}
			internal, err := r.svc.internal(tx, n, id.Package)
			if err != nil {
				return err
			}
			if internal {
				out = append(out, p)
			}
		}
		return nil
	})
	return out, err
}

// internal reports whether a repository of the chain holds a version of the
// package that was published here, or none may ask a connection for it.
func (s *Service) internal(tx Tx, n *node, p PackageID) (bool, error) {
	if len(n.reach[p.Format]) > 0 {
		at, err := s.places(tx, n, p)
		if err != nil || len(s.sources(at, p.Format)) == 0 {
			return err == nil, err
		}
	}
	revisions, err := tx.PackageRevisions(n.ID.Domain, n.chain, p)
	if err != nil {
		return false, err
	}
	for i, name := range n.chain {
		if revisions[i] == 0 {
			continue
		}
		versions, _, err := tx.ListVersions(RepoID{n.ID.Domain, name}, p, VersionFilter{Origin: OriginInternal}, Page{Limit: 1})
		if err != nil || len(versions) > 0 {
			return len(versions) > 0, err
		}
	}
	return false, nil
}
