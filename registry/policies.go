package registry

import (
	"context"
	"encoding/json"
)

const maxPolicy = 7168

// ResourcePolicy is a policy with what it is of.
type ResourcePolicy struct {
	Resource Resource
	Policy
}

// policyTarget authorizes an action on the domain, or on the repository where
// one is named, and gives the resource.
func (s *Service) policyTarget(ctx context.Context, actor Actor, onDomain, onRepository Action, d DomainID, repository string) (Resource, error) {
	if repository == "" {
		_, err := s.enterDomain(ctx, actor, onDomain, d)
		return d.Resource(), err
	}
	n, _, err := s.enter(ctx, actor, onRepository, RepoID{d, repository}, PackageID{})
	if err != nil {
		return Resource{}, err
	}
	return n.resource(), nil
}

// PermissionsPolicy gives the policy of a domain, or of the repository where
// one is named. NotFound where there is none.
func (s *Service) PermissionsPolicy(ctx context.Context, actor Actor, d DomainID, repository string) (ResourcePolicy, error) {
	res, err := s.policyTarget(ctx, actor, GetDomainPermissionsPolicy, GetRepositoryPermissionsPolicy, d, repository)
	if err != nil {
		return ResourcePolicy{}, err
	}
	var p Policy
	err = s.Metadata.View(ctx, func(tx Tx) error {
		var err error
		p, err = tx.Policy(d, repository)
		return err
	})
	if IsNotFound(err) {
		return ResourcePolicy{}, noPolicy(res)
	}
	return ResourcePolicy{res, p}, err
}

// PutPermissionsPolicy sets the policy. Conflict when ifRevision is not empty
// and the policy there has another one; Invalid for a document that cannot be.
func (s *Service) PutPermissionsPolicy(ctx context.Context, actor Actor, d DomainID, repository, document, ifRevision string) (ResourcePolicy, error) {
	res, err := s.policyTarget(ctx, actor, PutDomainPermissionsPolicy, PutRepositoryPermissionsPolicy, d, repository)
	if err != nil {
		return ResourcePolicy{}, err
	}
	if document == "" || len([]rune(document)) > maxPolicy {
		return ResourcePolicy{}, Errorf(Invalid, "a policy document has 1 to %d characters", maxPolicy)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(document), &object); err != nil || object == nil {
		return ResourcePolicy{}, Errorf(Invalid, "a policy document is a JSON object")
	}
	if s.CheckPolicy != nil {
		if err := s.CheckPolicy(res, document); err != nil {
			return ResourcePolicy{}, err
		}
	}
	p := Policy{Document: document, Revision: newID()}
	err = s.Metadata.Update(ctx, func(tx Tx) error {
		if _, err := samePolicy(tx, res, ifRevision); err != nil && !IsNotFound(err) {
			return err
		} else if err != nil && ifRevision != "" {
			return stalePolicy(res)
		}
		return tx.PutPolicy(d, repository, p)
	})
	return ResourcePolicy{res, p}, err
}

// DeletePermissionsPolicy removes the policy and gives it as it was. NotFound
// where there is none; Conflict as PutPermissionsPolicy.
func (s *Service) DeletePermissionsPolicy(ctx context.Context, actor Actor, d DomainID, repository, ifRevision string) (ResourcePolicy, error) {
	res, err := s.policyTarget(ctx, actor, DeleteDomainPermissionsPolicy, DeleteRepositoryPermissionsPolicy, d, repository)
	if err != nil {
		return ResourcePolicy{}, err
	}
	var p Policy
	err = s.Metadata.Update(ctx, func(tx Tx) error {
		var err error
		if p, err = samePolicy(tx, res, ifRevision); err != nil {
			return err
		}
		return tx.DeletePolicy(d, repository)
	})
	return ResourcePolicy{res, p}, err
}

func samePolicy(tx Tx, res Resource, ifRevision string) (Policy, error) {
	p, err := tx.Policy(res.Domain, res.Repository)
	switch {
	case IsNotFound(err):
		return p, noPolicy(res)
	case err == nil && ifRevision != "" && p.Revision != ifRevision:
		return p, stalePolicy(res)
	}
	return p, err
}

func noPolicy(r Resource) error {
	return Errorf(NotFound, "%s %q has no permissions policy", r.Type, r.ID()).About(r)
}

func stalePolicy(r Resource) error {
	return Errorf(Conflict, "the permissions policy of %s %q has another revision by now; read it again and repeat", r.Type, r.ID()).About(r)
}
