package api_test

import (
	"context"

	"larder/policy/identity"
	"larder/registry"
)

// ownerOnly lets every principal of the account that owns a domain do
// everything in it, the repository's administrator everything in the
// repository, and nobody else anything: what policies say is tested elsewhere.
type ownerOnly struct{}

func (ownerOnly) Authorize(_ context.Context, a registry.Access) error {
	account, r := a.Actor.Account, a.Resource
	switch {
	case a.Actor.Anonymous():
		return registry.Errorf(registry.Unauthenticated, "no credential was sent; send an authorization token").About(r)
	case a.Actor.Domain != (registry.DomainID{}) && a.Actor.Domain != r.Domain:
		return registry.Errorf(registry.Unauthenticated, "the authorization token is for domain %s of account %s", a.Actor.Domain.Name, a.Actor.Domain.Owner).About(r)
	case r.Type == registry.NoResource, account == r.Domain.Owner, account == r.Administrator, r.Type == registry.ConnectionResource && account == identity.FirstAccount:
		return nil
	}
	return registry.Errorf(registry.Denied, "User: %s is not authorized to perform: %s on resource: %s", a.Actor.Principal, a.Action, r.ARN(region)).About(r)
}

func (o ownerOnly) Possible(ctx context.Context, a registry.Access) error { return o.Authorize(ctx, a) }
