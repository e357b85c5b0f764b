package registry

import (
	"context"
	"errors"
	"fmt"
)

// ErrNotHeld is the cause of the error of a HeldOnly repository for an asset
// that would have to be fetched.
var ErrNotHeld = errors.New("not held")

// HeldOnly gives the same repository whose Asset fetches nothing and retains
// nothing: it is for who wants to know what is there already. What a connection
// would bring in is Denied where the guard is known to refuse it, else NotFound
// because of ErrNotHeld; upstream is not asked whether it is there.
func (r *Repo) HeldOnly() *Repo {
	only := *r
	only.heldOnly = true
	return &only
}

// notBrought is why a HeldOnly repository does not give an asset: the guard's
// refusal, by what is kept of the listings, or ErrNotHeld.
func (s *Service) notBrought(ctx context.Context, n *node, id VersionID, sources []source, guard *ruling) error {
	for _, src := range sources {
		listing, err := s.Puller.Known(ctx, n.ID.Domain, src.connection, id.Package)
		if err != nil && !IsNotFound(err) {
			return err
		}
		version, listed := ListedVersion{Version: id.Version, Status: Published}, false
		if listing != nil {
			for _, v := range listing.Versions {
				if v.Version == id.Version {
					version, listed = v, true
				}
			}
		}
		if verdict := guard.judge(listing.from(src.connection, version), version.Assets); verdict.final() {
			return refused(n.ID, id, verdict)
		}
		if listed {
			break // it would come from here
		}
	}
	return notHeldNow(n.ID, id)
}

func notHeldNow(r RepoID, id VersionID) error {
	res := r.Package(id.Package)
	res.Type, res.Version = VersionResource, id.Version
	return &Error{
		Code: NotFound, Resource: res, Err: ErrNotHeld,
		Msg: fmt.Sprintf("version %s of package %q is not held here, and the request wants nothing fetched", id.Version, id.Package.DisplayName()),
	}
}
