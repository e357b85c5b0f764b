package registry

import "context"

// Withheld says which versions of a package, of which somebody outside told, an
// index here would leave out: by the guard, as far as it is known what they
// are, or, all of them, by origin controls. Upstream is not asked. Needs
// ReadFromRepository.
func (r *Repo) Withheld(ctx context.Context, p PackageID, versions []string) (map[string]bool, error) {
	s := r.svc
	id, _, err := s.canonical(VersionID{Package: p})
	if err != nil {
		return nil, err
	}
	n, _, err := r.enter(ctx, ReadFromRepository, PackageID{})
	if err != nil {
		return nil, err
	}
	var at []place
	var guard *ruling
	err = s.Metadata.View(ctx, func(tx Tx) error {
		if at, err = s.places(tx, n, id.Package); err != nil {
			return err
		}
		guard, err = s.ruling(tx, n, id.Package)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	sources := s.sources(at, id.Package.Format)
	if len(sources) > 0 && guard == nil {
		return out, nil
	}
	for _, version := range versions {
		out[version] = len(sources) == 0 || guard.judge(Version{
			Version: version, Status: Published, Origin: Origin{Type: OriginExternal, Connection: sources[0].connection},
		}, nil).Hide
	}
	for _, src := range sources {
		known, err := s.Puller.Known(ctx, n.ID.Domain, src.connection, id.Package)
		if IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, v := range known.Versions {
			if _, asked := out[v.Version]; asked {
				out[v.Version] = guard.judge(known.from(src.connection, v), v.Assets).Hide
			}
		}
	}
	return out, nil
}
