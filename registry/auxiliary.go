package registry

import "context"

// Auxiliary passes one request on to the first external connection of the
// format that the repository reaches. NotFound when it reaches none. Needs
// ReadFromRepository.
func (r *Repo) Auxiliary(ctx context.Context, format string, q AuxiliaryRequest) (AuxiliaryAnswer, error) {
	n, _, err := r.enter(ctx, ReadFromRepository, PackageID{})
	if err != nil {
		return AuxiliaryAnswer{}, err
	}
	reach := n.reach[format]
	if len(reach) == 0 || r.svc.Puller == nil {
		return AuxiliaryAnswer{}, Errorf(NotFound, "repository %q has no external connection for %s packages, nor has one upstream of it", n.ID.Name, format).About(n.resource())
	}
	return r.svc.Puller.Fetch(ctx, reach[0], q)
}
