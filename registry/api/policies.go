package api

import (
	"context"

	"larder/registry"
)

// resourcePolicy is ResourcePolicy of spec 2.9.
type resourcePolicy struct {
	ARN      string `json:"resourceArn"`
	Revision string `json:"revision"`
	Document string `json:"document"`
}

type policyAnswer struct {
	Policy resourcePolicy `json:"policy"`
}

func (c *call) policyAnswer(p registry.ResourcePolicy, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return policyAnswer{resourcePolicy{p.Resource.ARN(c.Region), p.Revision, p.Document}}, nil
}

func getDomainPermissionsPolicy(ctx context.Context, c *call, in *inDomain) (any, error) {
	id, err := in.domain(c)
	if err != nil {
		return nil, err
	}
	return c.policyAnswer(c.core.PermissionsPolicy(ctx, c.actor, id, ""))
}

// putDomainPolicyInput has everything in the body, unlike the other operations
// on domains (spec 2.1).
type putDomainPolicyInput struct {
	Domain   string  `json:"domain" required:"true"`
	Owner    string  `json:"domainOwner"`
	Revision *string `json:"policyRevision"`
	Document string  `json:"policyDocument" required:"true"`
}

func putDomainPermissionsPolicy(ctx context.Context, c *call, in *putDomainPolicyInput) (any, error) {
	id, err := inDomain{in.Domain, in.Owner}.domain(c)
	if err != nil {
		return nil, err
	}
	expected, err := revision("policyRevision", in.Revision, policyRevision)
	if err != nil {
		return nil, err
	}
	return c.policyAnswer(c.core.PutPermissionsPolicy(ctx, c.actor, id, "", in.Document, expected))
}

type deleteDomainPolicyInput struct {
	inDomain
	Revision *string `query:"policy-revision" json:"-"`
}

func deleteDomainPermissionsPolicy(ctx context.Context, c *call, in *deleteDomainPolicyInput) (any, error) {
	id, err := in.domain(c)
	if err != nil {
		return nil, err
	}
	expected, err := revision("policyRevision", in.Revision, policyRevision)
	if err != nil {
		return nil, err
	}
	return c.policyAnswer(c.core.DeletePermissionsPolicy(ctx, c.actor, id, "", expected))
}

func getRepositoryPermissionsPolicy(ctx context.Context, c *call, in *inRepository) (any, error) {
	id, err := in.repository(c)
	if err != nil {
		return nil, err
	}
	return c.policyAnswer(c.core.PermissionsPolicy(ctx, c.actor, id.Domain, id.Name))
}

type putRepositoryPolicyInput struct {
	inRepository
	Revision *string `json:"policyRevision"`
	Document string  `json:"policyDocument" required:"true"`
}

func putRepositoryPermissionsPolicy(ctx context.Context, c *call, in *putRepositoryPolicyInput) (any, error) {
	id, err := in.repository(c)
	if err != nil {
		return nil, err
	}
	expected, err := revision("policyRevision", in.Revision, policyRevision)
	if err != nil {
		return nil, err
	}
	return c.policyAnswer(c.core.PutPermissionsPolicy(ctx, c.actor, id.Domain, id.Name, in.Document, expected))
}

type deleteRepositoryPolicyInput struct {
	inRepository
	Revision *string `query:"policy-revision" json:"-"`
}

func deleteRepositoryPermissionsPolicy(ctx context.Context, c *call, in *deleteRepositoryPolicyInput) (any, error) {
	id, err := in.repository(c)
	if err != nil {
		return nil, err
	}
	expected, err := revision("policyRevision", in.Revision, policyRevision)
	if err != nil {
		return nil, err
	}
	return c.policyAnswer(c.core.DeletePermissionsPolicy(ctx, c.actor, id.Domain, id.Name, expected))
}
