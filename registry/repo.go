package registry

import (
	"context"
	"sync/atomic"
)

// Repo is one repository as one actor sees it: the only door for wire formats.
// Every operation authorizes first, by itself.
type Repo struct {
	svc   *Service
	actor Actor
	id    RepoID

	heldOnly bool
	looked   uint32 // not zero: the actor's counters are used up
}

// Repo binds an actor to a repository. It does no I/O; what is wrong with
// either is told by the first operation.
func (s *Service) Repo(actor Actor, id RepoID) *Repo {
	return &Repo{svc: s, actor: actor, id: id}
}

// ID names the repository.
func (r *Repo) ID() RepoID { return r.id }

// Actor is who asks.
func (r *Repo) Actor() Actor { return r.actor }

// Ping reports whether the actor may read the repository and it is there.
func (r *Repo) Ping(ctx context.Context) error {
	_, _, err := r.enter(ctx, ReadFromRepository, PackageID{})
	return err
}

// enter authorizes an action on the repository (no package name) or on a
// package in it, and gives the repository's place in its domain's graph with
// the counters that were read before. An unknown repository answers as if it
// were there and nothing were granted; NotFound to those who could do the
// action if it were.
func (r *Repo) enter(ctx context.Context, action Action, p PackageID) (*node, Counters, error) {
	return r.svc.enterAt(ctx, r.actor, action, r.id, p, r.look())
}

// look gives the counters that the actor came with, once: whatever the request
// has done by its second look may have moved them.
func (r *Repo) look() Counters {
	if r.actor.Domain != r.id.Domain || atomic.SwapUint32(&r.looked, 1) != 0 {
		return Counters{}
	}
	return r.actor.Looked
}

func (s *Service) enter(ctx context.Context, actor Actor, action Action, id RepoID, p PackageID) (*node, Counters, error) {
	return s.enterAt(ctx, actor, action, id, p, Counters{})
}

// enterAt is enter with counters of the domain that were read for this request;
// zero: they are read.
func (s *Service) enterAt(ctx context.Context, actor Actor, action Action, id RepoID, p PackageID, counters Counters) (*node, Counters, error) {
	n, counters, err := s.nodeAt(ctx, id, counters)
	if err != nil {
		return nil, counters, err
	}
	res := id.Resource()
	if n != nil {
		res.Administrator = n.Administrator
	}
	if p.Name != "" {
		res.Type, res.Package = PackageResource, p
	}
	err = s.Authorizer.Authorize(ctx, Access{Actor: actor, Action: action, Resource: res, Time: s.Clock(), Counters: counters})
	if err != nil {
		return nil, counters, err
	}
	if n == nil {
		return nil, counters, noRepository(id)
	}
	return n, counters, nil
}

// node finds a repository; nil when it or its domain is not there.
func (s *Service) node(ctx context.Context, id RepoID) (*node, Counters, error) {
	return s.nodeAt(ctx, id, Counters{})
}

func (s *Service) nodeAt(ctx context.Context, id RepoID, counters Counters) (_ *node, _ Counters, err error) {
	if counters == (Counters{}) {
		if counters, err = s.Metadata.Counters(ctx, id.Domain); err != nil {
			return nil, counters, err
		}
	}
	g, err := s.graph(ctx, id.Domain, counters.Graph)
	if err != nil || g == nil {
		return nil, counters, err
	}
	return g.repos[id.Name], counters, nil
}

func noRepository(id RepoID) error {
	return Errorf(NotFound, "repository %q does not exist in domain %q of account %s", id.Name, id.Domain.Name, id.Domain.Owner).About(id.Resource())
}

func noPackage(id RepoID, p PackageID) error {
	return Errorf(NotFound, "package %q is not in repository %q, nor upstream of it", p.DisplayName(), id.Name).About(id.Package(p))
}

func noVersion(id RepoID, v VersionID) error {
	r := id.Package(v.Package)
	r.Type, r.Version = VersionResource, v.Version
	return Errorf(NotFound, "version %s of package %q is not in repository %q, nor upstream of it", v.Version, v.Package.DisplayName(), id.Name).About(r)
}

// DisplayName spells a package for people: @scope/name, group:artifact.
func (p PackageID) DisplayName() string {
	switch {
	case p.Namespace == "":
		return p.Name
	case p.Format == NPM:
		return "@" + p.Namespace + "/" + p.Name
	case p.Format == Maven:
		return p.Namespace + ":" + p.Name
	}
	return p.Namespace + "/" + p.Name
}
