package policy

import (
	"context"
	"strings"

	"larder/registry"
)

// firstAccount administers the server itself.
const firstAccount = "000000000000"

// OwnerOnly is a registry.Authorizer that consults no policies: every
// principal of the account that owns a domain may do everything in it, every
// principal of a repository's administrator account everything in the
// repository, and nobody else anything. larder:* actions are the first
// account's.
//
// Refusals: Unauthenticated for an anonymous actor and for a token of another
// domain, Denied else.
type OwnerOnly struct {
	Region string // for ARNs in messages
}

var _ registry.Authorizer = OwnerOnly{}

// Authorize decides one access.
func (o OwnerOnly) Authorize(_ context.Context, a registry.Access) error {
	if a.Actor.Anonymous() {
		return registry.Errorf(registry.Unauthenticated, "no credential was sent; send an authorization token").About(a.Resource)
	}
	bound := a.Actor.Domain
	if bound != (registry.DomainID{}) && bound != a.Resource.Domain {
		return registry.Errorf(registry.Unauthenticated, "the authorization token is for domain %s of account %s; get one for the domain that is asked",
			bound.Name, bound.Owner).About(a.Resource)
	}
	if allowed(a) {
		return nil
	}
	return registry.Errorf(registry.Denied, "User: %s is not authorized to perform: %s on resource: %s",
		a.Actor.Principal, a.Action, a.Resource.ARN(o.Region)).About(a.Resource)
}

// Possible decides as Authorize does: what is allowed for a repository is
// allowed for each of its packages.
func (o OwnerOnly) Possible(ctx context.Context, a registry.Access) error {
	return o.Authorize(ctx, a)
}

func allowed(a registry.Access) bool {
	account := a.Actor.Account
	if strings.HasPrefix(string(a.Action), "larder:") {
		return account == firstAccount
	}
	switch a.Resource.Type {
	case registry.NoResource:
		return ofOwnAccount(a)
	case registry.DomainResource, registry.GroupResource:
		return account == a.Resource.Domain.Owner
	case registry.RepositoryResource, registry.PackageResource, registry.VersionResource, registry.AssetResource:
		return account == a.Resource.Domain.Owner || account == a.Resource.Administrator
	}
	return false
}

// ofOwnAccount decides the actions that have no resource: they concern what
// the actor's account has. Root obtains no tokens (spec 4.1).
func ofOwnAccount(a registry.Access) bool {
	switch a.Action {
	case registry.ListDomains, registry.ListRepositories, registry.Subscribe:
		return true
	case registry.GetServiceBearerToken:
		return !strings.HasSuffix(a.Actor.Principal, ":root")
	}
	return false
}
