package registry

import (
	"context"
	"strconv"
	"time"
)

// The control plane's operations that no wire format has. Each authorizes the
// action of its own name; what is not there is NotFound for those who may ask.

// enterDomain authorizes an action on a domain and makes sure it is there.
func (s *Service) enterDomain(ctx context.Context, actor Actor, action Action, id DomainID) (Domain, error) {
	return s.enterDomainWith(ctx, actor, action, id.Resource(), nil)
}

// enterDomainWith is enterDomain for a domain as a resource, with further
// condition keys.
func (s *Service) enterDomainWith(ctx context.Context, actor Actor, action Action, r Resource, keys map[string]string) (Domain, error) {
	if err := s.authorizeWith(ctx, actor, action, r, keys); err != nil {
		return Domain{}, err
	}
	id := r.Domain
	var d Domain
	err := s.Metadata.View(ctx, func(tx Tx) error {
		var err error
		d, err = tx.Domain(id)
		return err
	})
	if IsNotFound(err) {
		err = noDomain(id)
	}
	return d, err
}

func noDomain(id DomainID) error {
	return Errorf(NotFound, "domain %q does not exist in account %s", id.Name, id.Owner).About(id.Resource())
}

// DescribeDomain gives a domain with its counts.
func (s *Service) DescribeDomain(ctx context.Context, actor Actor, id DomainID) (Domain, error) {
	return s.enterDomain(ctx, actor, DescribeDomain, id)
}

// AuthorizeToken decides whether the actor gets a token for the domain that
// lives as long as asked (spec 4.1): the right on the domain and the right to a
// bearer token at all.
func (s *Service) AuthorizeToken(ctx context.Context, actor Actor, id DomainID, lifetime time.Duration) error {
	_, err := s.enterDomain(ctx, actor, GetAuthorizationToken, id)
	if err != nil {
		return err
	}
	return s.Authorizer.Authorize(ctx, Access{
		Actor: actor, Action: GetServiceBearerToken, Time: s.Clock(),
		Context: map[string]string{
			"sts:AWSServiceName":  "codeartifact.amazonaws.com",
			"sts:DurationSeconds": strconv.Itoa(int(lifetime / time.Second)),
		},
	})
}

// DescribeRepository gives a repository.
func (s *Service) DescribeRepository(ctx context.Context, actor Actor, id RepoID) (Repository, error) {
	n, _, err := s.enter(ctx, actor, DescribeRepository, id, PackageID{})
	if err != nil {
		return Repository{}, err
	}
	return n.Repository, nil
}

// AuthorizeEndpoint decides whether the actor may learn the repository's URL
// for a format.
func (s *Service) AuthorizeEndpoint(ctx context.Context, actor Actor, id RepoID, format string) error {
	_, _, err := s.enter(ctx, actor, GetRepositoryEndpoint, id, PackageID{})
	return err
}

// ListDomains gives the domains that the actor's account owns, by name.
func (s *Service) ListDomains(ctx context.Context, actor Actor, p Page) ([]Domain, string, error) {
	if err := s.authorize(ctx, actor, ListDomains, Resource{}); err != nil {
		return nil, "", err
	}
	var out []Domain
	var next string
	err := s.Metadata.View(ctx, func(tx Tx) error {
		var err error
		out, next, err = tx.Domains(actor.Account, p)
		return err
	})
	return out, next, err
}

// ListRepositories gives the repositories that the actor's account administers, by name.
func (s *Service) ListRepositories(ctx context.Context, actor Actor, prefix string, p Page) ([]Repository, string, error) {
	if err := s.authorize(ctx, actor, ListRepositories, Resource{}); err != nil {
		return nil, "", err
	}
	return s.repositories(ctx, RepositoryFilter{Administrator: actor.Account, Prefix: prefix}, p)
}

// ListRepositoriesInDomain gives the repositories of f.Domain, by name.
func (s *Service) ListRepositoriesInDomain(ctx context.Context, actor Actor, f RepositoryFilter, p Page) ([]Repository, string, error) {
	if _, err := s.enterDomain(ctx, actor, ListRepositoriesInDomain, f.Domain); err != nil {
		return nil, "", err
	}
	return s.repositories(ctx, f, p)
}

func (s *Service) repositories(ctx context.Context, f RepositoryFilter, p Page) ([]Repository, string, error) {
	var out []Repository
	var next string
	err := s.Metadata.View(ctx, func(tx Tx) error {
		var err error
		out, next, err = tx.Repositories(f, p)
		return err
	})
	return out, next, err
}

// ListPackages gives the packages of a repository itself, by format, namespace
// and name. A page of those with some origin configuration may be short, or
// empty, and not be the last.
func (s *Service) ListPackages(ctx context.Context, actor Actor, id RepoID, f PackageFilter, p Page) ([]Package, string, error) {
	n, _, err := s.enter(ctx, actor, ListPackages, id, PackageID{})
	if err != nil {
		return nil, "", err
	}
	var out []Package
	var next string
	// No index has the origin configuration: few packages differ from the rest.
	wanted := f
	f.Publish, f.Upstream = "", ""
	err = s.Metadata.View(ctx, func(tx Tx) error {
		fetch := func(p Page) ([]Package, string, error) { return tx.Packages(n.ID, f, p) }
		if wanted == f {
			out, next, err = fetch(p)
			return err
		}
		out, next, err = scan(p, fetch, func(pkg Package) bool {
			return (wanted.Publish == "" || wanted.Publish == pkg.Restrictions.Publish) && (wanted.Upstream == "" || wanted.Upstream == pkg.Restrictions.Upstream)
		})
		return err
	})
	return out, next, err
}

// VersionPage is one page of ListPackageVersions.
type VersionPage struct {
	Package               PackageID
	DefaultDisplayVersion string    // npm: what latest points at; else the newest published one; may be empty
	Versions              []Version // without manifest and assets
	Next                  string
}

// ListPackageVersions gives the versions of a package that the repository
// itself holds, in all states unless f says otherwise, but for those that the
// guard hides. A page of those of some origin, or of a package that has guard
// rules, may be short, or empty, and not be the last.
func (s *Service) ListPackageVersions(ctx context.Context, actor Actor, r RepoID, p PackageID, f VersionFilter, page Page) (VersionPage, error) {
	id, _, err := s.canonical(VersionID{Package: p})
	if err != nil {
		return VersionPage{}, err
	}
	n, _, err := s.enter(ctx, actor, ListPackageVersions, r, id.Package)
	if err != nil {
		return VersionPage{}, err
	}
	out := VersionPage{Package: id.Package}
	// No index has the origin: nearly always all versions have the same.
	origin := f.Origin
	f.Origin = ""
	err = s.Metadata.View(ctx, func(tx Tx) error {
		pkg, err := tx.Package(n.ID, id.Package)
		if IsNotFound(err) {
			return notHeld(n.ID, id)
		}
		if err != nil {
			return err
		}
		guard, err := s.ruling(tx, n, id.Package)
		if err != nil {
			return err
		}
		hides := guard.hides(tx)
		fetch := func(p Page) ([]Version, string, error) { return tx.ListVersions(n.ID, id.Package, f, p) }
		if origin == "" && guard == nil {
			out.Versions, out.Next, err = fetch(page)
		} else {
			out.Versions, out.Next, err = scan(page, fetch, func(v Version) bool {
				return (origin == "" || origin == v.Origin.Type) && !hides.version(v)
			})
		}
		if err != nil {
			return err
		}
		out.DefaultDisplayVersion = pkg.Tags["latest"]
		if latest := (Version{Version: out.DefaultDisplayVersion, Status: Published}); latest.Version == "" || hides.version(latest) {
			newest, _, err := scan(Page{Limit: 1}, func(p Page) ([]Version, string, error) {
				return tx.ListVersions(n.ID, id.Package, VersionFilter{Status: Published, Newest: true}, p)
			}, func(v Version) bool { return !hides.version(v) })
			if err != nil {
				return err
			}
			if out.DefaultDisplayVersion = ""; len(newest) > 0 {
				out.DefaultDisplayVersion = newest[0].Version
			}
		}
		return hides.err
	})
	return out, err
}

// AssetPage is one page of ListPackageVersionAssets.
type AssetPage struct {
	Version  VersionID
	Revision string
	Assets   []Asset // by name
	Next     string
}

// ListPackageVersionAssets gives the assets of a version that the repository
// itself holds.
func (s *Service) ListPackageVersionAssets(ctx context.Context, actor Actor, r RepoID, id VersionID, page Page) (AssetPage, error) {
	_, id, v, err := s.readVersion(ctx, actor, ListPackageVersionAssets, r, id)
	if err != nil {
		return AssetPage{}, err
	}
	out := AssetPage{Version: id, Revision: v.Revision}
	for _, a := range v.Assets {
		if a.Name <= page.After {
			continue
		}
		if len(out.Assets) == page.Limit {
			out.Next = out.Assets[len(out.Assets)-1].Name
			break
		}
		out.Assets = append(out.Assets, a)
	}
	return out, nil
}

// notHeld is the control plane's "not found": it looks into the repository
// itself only (spec 3.1).
func notHeld(r RepoID, id VersionID) error {
	res := r.Package(id.Package)
	if id.Version == "" {
		return Errorf(NotFound, "package %q is not in repository %q", id.Package.DisplayName(), r.Name).About(res)
	}
	res.Type, res.Version = VersionResource, id.Version
	return Errorf(NotFound, "version %s of package %q is not in repository %q", id.Version, id.Package.DisplayName(), r.Name).About(res)
}

// ListConnections gives where every external connection leads, by name, those
// that lead nowhere included. URLs come whole: callers mask what they show.
func (s *Service) ListConnections(ctx context.Context, actor Actor) ([]Connection, error) {
	if err := s.authorize(ctx, actor, ListConnections, Resource{Type: ConnectionResource}); err != nil {
		return nil, err
	}
	return s.Config.Connections.All(ctx)
}

// PutConnection sets where a connection leads: the next request goes there.
// Errors as Connections.Put.
func (s *Service) PutConnection(ctx context.Context, actor Actor, c Connection) error {
	if err := s.authorize(ctx, actor, PutConnection, Resource{Type: ConnectionResource, Name: c.Name}); err != nil {
		return err
	}
	return s.Config.Connections.Put(ctx, c)
}
