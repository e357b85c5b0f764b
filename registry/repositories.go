package registry

import (
	"context"
	"regexp"
	"slices"
)

var repositoryName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,99}$`)

const maxDescription = 1000

// CreateRepository makes a repository that the actor's account administers.
// NotFound for a missing domain or upstream; Conflict where it is there; Quota;
// Invalid for links that cannot be. Each upstream is authorized with
// AssociateWithDownstreamRepository.
func (s *Service) CreateRepository(ctx context.Context, actor Actor, r Repository) (Repository, error) {
	in := r.ID.Domain.Resource()
	in.Repository = r.ID.Name // policies may name the repository that is to be
	if _, err := s.enterDomainWith(ctx, actor, CreateRepository, in, settingTags(r.Tags)); err != nil {
		return Repository{}, err
	}
	if !repositoryName.MatchString(r.ID.Name) {
		return Repository{}, Errorf(Invalid, "%q cannot name a repository: 2 to 100 letters, digits and . _ -, a letter or digit first", r.ID.Name)
	}
	if err := s.checkTags(r.ID.Resource(), r.Tags); err != nil {
		return Repository{}, err
	}
	r.Administrator = actor.Account
	if err := s.checkRepository(ctx, actor, r, nil); err != nil {
		return Repository{}, err
	}
	err := s.Metadata.Update(ctx, func(tx Tx) error {
		d, err := tx.Domain(r.ID.Domain)
		if err != nil {
			return err
		}
		r.Created = tx.Now()
		if err := tx.CreateRepository(r); err != nil {
			return err
		}
		if d.RepositoryCount >= s.Quotas.RepositoriesPerDomain {
			return overQuota(r.ID.Resource(), "repositories of a domain", s.Quotas.RepositoriesPerDomain)
		}
		return acyclic(tx, r.ID)
	})
	return r, err
}

// RepositoryUpdate is what UpdateRepository changes; nil members stay.
type RepositoryUpdate struct {
	Description *string
	Upstreams   *[]string
}

// UpdateRepository changes a repository's description and upstreams. Errors as
// CreateRepository.
func (s *Service) UpdateRepository(ctx context.Context, actor Actor, id RepoID, u RepositoryUpdate) (Repository, error) {
	return s.changeRepository(ctx, actor, UpdateRepository, id, func(r *Repository) error {
		if u.Description != nil {
			r.Description = *u.Description
		}
		if u.Upstreams != nil {
			r.Upstreams = *u.Upstreams
		}
		return nil
	})
}

func checkConnectionName(name string) error {
	if !connectionName.MatchString(name) {
		return Errorf(Invalid, "external-connection is %q; it must be 2 to 100 letters, digits, and . _ : -", name)
	}
	return nil
}

// AssociateExternalConnection adds a connection. NotFound for an unknown one;
// Conflict where the repository has it; Quota.
func (s *Service) AssociateExternalConnection(ctx context.Context, actor Actor, id RepoID, connection string) (Repository, error) {
	return s.changeRepository(ctx, actor, AssociateExternalConnection, id, func(r *Repository) error {
		if err := checkConnectionName(connection); err != nil {
			return err
		}
		if _, err := s.Config.Connections.Find(ctx, connection); err != nil {
			return err
		}
		if slices.Contains(r.Connections, connection) {
			return Errorf(Conflict, "repository %q has the external connection %s already", id.Name, connection).About(id.Resource())
		}
		if len(r.Connections) >= s.Quotas.ConnectionsPerRepository {
			return overQuota(id.Resource(), "external connections of a repository", s.Quotas.ConnectionsPerRepository)
		}
		r.Connections = append(slices.Clone(r.Connections), connection)
		return nil
	})
}

// DisassociateExternalConnection takes a connection away; NotFound where the
// repository does not have it. What came through it stays.
func (s *Service) DisassociateExternalConnection(ctx context.Context, actor Actor, id RepoID, connection string) (Repository, error) {
	return s.changeRepository(ctx, actor, DisassociateExternalConnection, id, func(r *Repository) error {
		if err := checkConnectionName(connection); err != nil {
			return err
		}
		i := slices.Index(r.Connections, connection)
		if i < 0 {
			return Errorf(NotFound, "repository %q has no external connection %s", id.Name, connection).
				About(Resource{Type: ConnectionResource, Name: connection})
		}
		r.Connections = slices.Delete(slices.Clone(r.Connections), i, i+1)
		return nil
	})
}

// changeRepository reads, changes and writes a repository in one transaction.
func (s *Service) changeRepository(ctx context.Context, actor Actor, action Action, id RepoID, change func(*Repository) error) (Repository, error) {
	n, _, err := s.enter(ctx, actor, action, id, PackageID{})
	if err != nil {
		return Repository{}, err
	}
	r := n.Repository
	if err := change(&r); err != nil {
		return Repository{}, err
	}
	if err := s.checkRepository(ctx, actor, r, n.Upstreams); err != nil {
		return Repository{}, err
	}
	err = s.Metadata.Update(ctx, func(tx Tx) error {
		// Again on what is there now: two changes at once must not lose one.
		var err error
		if r, err = tx.Repository(id); err != nil {
			return err
		}
		if err := change(&r); err != nil {
			return err
		}
		if err := tx.UpdateRepository(r); err != nil {
			return err
		}
		return acyclic(tx, id)
	})
	return r, err
}

// checkRepository holds description and upstreams to their limits and
// authorizes the link to each upstream that is not among the linked ones.
func (s *Service) checkRepository(ctx context.Context, actor Actor, r Repository, linked []string) error {
	if len([]rune(r.Description)) > maxDescription {
		return Errorf(Invalid, "a description has at most %d characters", maxDescription)
	}
	if err := checkText("the description", r.Description); err != nil {
		return err
	}
	if len(r.Upstreams) > s.Quotas.UpstreamsPerRepository {
		return overQuota(r.ID.Resource(), "direct upstreams of a repository", s.Quotas.UpstreamsPerRepository)
	}
	for i, up := range r.Upstreams {
		if up == r.ID.Name {
			return Errorf(Invalid, "repository %q cannot be its own upstream", up)
		}
		if slices.Contains(r.Upstreams[:i], up) {
			return Errorf(Invalid, "upstream repository %q is named twice", up)
		}
		if slices.Contains(linked, up) {
			continue
		}
		if _, _, err := s.enter(ctx, actor, AssociateWithDownstreamRepo, RepoID{r.ID.Domain, up}, PackageID{}); err != nil {
			return err
		}
	}
	return nil
}

// acyclic refuses a repository that is upstream of itself.
func acyclic(tx Tx, id RepoID) error {
	all, err := tx.Graph(id.Domain)
	if err != nil {
		return err
	}
	upstreams := map[string][]string{}
	for _, r := range all {
		upstreams[r.ID.Name] = r.Upstreams
	}
	seen := map[string]bool{}
	todo := slices.Clone(upstreams[id.Name])
	for len(todo) > 0 {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if name == id.Name {
			return Errorf(Invalid, "repository %q would be upstream of itself", id.Name)
		}
		if !seen[name] {
			seen[name] = true
			todo = append(todo, upstreams[name]...)
		}
	}
	return nil
}

// DeleteRepository removes a repository with all it holds, and gives it as it
// was. Repositories that had it upstream keep what they retained.
func (s *Service) DeleteRepository(ctx context.Context, actor Actor, id RepoID) (Repository, error) {
	n, _, err := s.enter(ctx, actor, DeleteRepository, id, PackageID{})
	if err != nil {
		return Repository{}, err
	}
	err = s.Metadata.Update(ctx, func(tx Tx) error {
		if err := disallow(tx, id); err != nil {
			return err
		}
		return tx.DeleteRepository(id)
	})
	if err != nil {
		return Repository{}, err
	}
	s.sweep(ctx, id.Domain)
	return n.Repository, nil
}

// disallow takes a repository off the lists of package groups, so that another
// one of its name is not let in by them.
func disallow(tx Tx, id RepoID) error {
	all, err := tx.Groups(id.Domain)
	if err != nil {
		return err
	}
	for _, g := range all {
		listed := false
		for t, names := range g.Allowed {
			if i := slices.Index(names, id.Name); i >= 0 {
				g.Allowed[t], listed = slices.Delete(names, i, i+1), true
			}
		}
		if !listed {
			continue
		}
		if err := tx.UpdateGroup(id.Domain, g); err != nil {
			return err
		}
	}
	return nil
}
