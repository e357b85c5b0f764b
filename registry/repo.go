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
	looked   uint32 // not zero: the actor's look is used up
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
// the look at the domain that came before. An unknown repository answers as if it
// were there and nothing were granted; NotFound to those who could do the
// action if it were.
func (r *Repo) enter(ctx context.Context, action Action, p PackageID) (*node, Look, error) {
	return r.svc.enterAt(ctx, r.actor, action, r.id, p, r.look())
}

// look gives the look that the actor came with, once: whatever the request has
// done by its second one may have moved the counters.
func (r *Repo) look() Look {
	if r.actor.Domain != r.id.Domain || atomic.SwapUint32(&r.looked, 1) != 0 {
		return Look{}
	}
	return r.actor.Looked
}

func (s *Service) enter(ctx context.Context, actor Actor, action Action, id RepoID, p PackageID) (*node, Look, error) {
	return s.enterAt(ctx, actor, action, id, p, Look{})
}

// enterAt is enter with a look at the domain that was made for this request;
// zero: it is made.
func (s *Service) enterAt(ctx context.Context, actor Actor, action Action, id RepoID, p PackageID, look Look) (*node, Look, error) {
	n, look, err := s.nodeAt(ctx, id, look)
	if err != nil {
		return nil, look, err
	}
	res := id.Resource()
	if n != nil {
		res.Administrator = n.Administrator
	}
	if p.Name != "" {
		res.Type, res.Package = PackageResource, p
	}
	err = s.Authorizer.Authorize(ctx, Access{Actor: actor, Action: action, Resource: res, Time: look.At, Counters: look.Counters})
	if err != nil {
		return nil, look, err
	}
	if n == nil {
		return nil, look, noRepository(id)
	}
	return n, look, nil
}

// node finds a repository; nil when it or its domain is not there.
func (s *Service) node(ctx context.Context, id RepoID) (*node, Look, error) {
	return s.nodeAt(ctx, id, Look{})
}

func (s *Service) nodeAt(ctx context.Context, id RepoID, look Look) (_ *node, _ Look, err error) {
	if look.At.IsZero() {
		look.At = s.Clock()
		if look.Counters, err = s.Metadata.Counters(ctx, id.Domain); err != nil {
			return nil, look, err
		}
	}
	g, err := s.graph(ctx, id.Domain, look.Graph)
	if err != nil || g == nil {
		return nil, look, err
	}
	return g.repos[id.Name], look, nil
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
