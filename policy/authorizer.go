package policy

import (
	"context"
	"net/netip"
	"strings"

	"larder/internal/bounded"
	"larder/registry"
)

// firstAccount administers the server itself.
const firstAccount = "000000000000"

// Config is what an Authorizer is made of. Metadata is required.
type Config struct {
	Metadata registry.Metadata
	Region   string // in ARNs
	// Organization is the value of aws:PrincipalOrgID for every account of this
	// server; empty: "o-larder0000".
	Organization string
	// AnonymousReads lets requests without a credential read where a resource
	// policy grants Principal "*".
	AnonymousReads bool
}

// Authorizer decides by the policies that are stored. Safe for concurrent use.
//
// A decision is kept with the counters of policies and identities that it was
// made at: while they stand still, deciding again is a look into a map. Where
// a condition looks at the time, it is kept until the next time that is named.
type Authorizer struct {
	Config
	decisions *bounded.Map[decisionKey, decided]
	bearers   *bounded.Map[bearerKey, *bearer]
	places    *bounded.Map[registry.RepoID, *place]
	documents *bounded.Map[documentKey, *Policy]
}

var _ registry.Authorizer = (*Authorizer)(nil)

// New makes an Authorizer.
func New(c Config) *Authorizer {
	if c.Organization == "" {
		c.Organization = "o-larder0000"
	}
	return &Authorizer{
		Config:    c,
		decisions: bounded.NewMap[decisionKey, decided](1 << 14).Near(decisionKey.near),
		bearers:   bounded.NewMap[bearerKey, *bearer](1 << 12),
		places:    bounded.NewMap[registry.RepoID, *place](1 << 12),
		documents: bounded.NewMap[documentKey, *Policy](1 << 12),
	}
}

// Authorize decides one access (spec 5.3; model.conf). Refusals:
// Unauthenticated for an actor without a credential and for a token of another
// domain, Denied else.
func (a *Authorizer) Authorize(ctx context.Context, access registry.Access) error {
	return a.answer(ctx, access, false)
}

// Possible decides whether the action could be allowed for any package of the
// repository. It never refuses what Authorize would allow for one of them.
func (a *Authorizer) Possible(ctx context.Context, access registry.Access) error {
	return a.answer(ctx, access, true)
}

func (a *Authorizer) answer(ctx context.Context, access registry.Access, anyPackage bool) error {
	actor := &access.Actor
	if actor.Anonymous() && (!a.AnonymousReads || access.Action != registry.ReadFromRepository) {
		return noCredential(access.Resource)
	}
	if bound := actor.Domain; bound != (registry.DomainID{}) && bound != access.Resource.Domain {
		return registry.Errorf(registry.Unauthenticated, "the authorization token is for domain %s of account %s; get one for the domain that is asked",
			bound.Name, bound.Owner).About(access.Resource)
	}
	// Read before the policies are: what moves them later is noticed at the next request.
	counters := access.Counters
	if counters == (registry.Counters{}) {
		var err error
		if counters, err = a.Metadata.Counters(ctx, access.Resource.Domain); err != nil {
			return err
		}
	}
	keep := access.Context == nil
	key := decisionKey{principal: actor.Principal, action: access.Action, resource: identityOf(access.Resource), anyPackage: anyPackage}
	if actor.Session != nil {
		key.session = actor.Session.ID
	}
	if keep {
		known, ok := a.decisions.Get(key)
		if ok && known.whence {
			key.whence, key.address, key.secure = true, actor.Source, actor.Secure
			known, ok = a.decisions.Get(key)
		}
		if ok && known.holds(counters, access.Time) {
			return known.err
		}
	}
	q, v, err := a.decide(ctx, access, anyPackage, counters)
	if err != nil {
		return err
	}
	if !v.allowed {
		err = a.refusal(access)
	}
	if keep && !q.uses.other {
		key.whence, key.address, key.secure = false, netip.Addr{}, false
		if q.uses.address || q.uses.secure {
			a.decisions.Put(key, decided{whence: true})
			key.whence, key.address, key.secure = true, actor.Source, actor.Secure
		}
		a.decisions.Put(key, decided{graph: counters.Graph, identities: counters.Identities, until: q.uses.until, err: err})
	}
	return err
}

func noCredential(r registry.Resource) error {
	return registry.Errorf(registry.Unauthenticated, "no credential was sent; send an authorization token").About(r)
}

// refusal says what is not allowed, and nothing of policies.
func (a *Authorizer) refusal(access registry.Access) error {
	if access.Actor.Anonymous() {
		return noCredential(access.Resource)
	}
	return registry.Errorf(registry.Denied, "User: %s is not authorized to perform: %s on resource: %s",
		access.Actor.Principal, access.Action, access.Resource.ARN(a.Region)).About(access.Resource)
}

// identityOf is the part of a resource that is authorized: a version or asset
// is authorized as its package.
func identityOf(r registry.Resource) registry.Resource {
	switch r.Type {
	case registry.VersionResource, registry.AssetResource, registry.PackageResource:
		r.Type, r.Version, r.Name = registry.PackageResource, "", ""
	case registry.ConnectionResource:
		r.Name = ""
	}
	return r
}

// decide asks all policies that concern an access.
func (a *Authorizer) decide(ctx context.Context, access registry.Access, anyPackage bool, c registry.Counters) (*question, verdict, error) {
	b, err := a.bearer(ctx, access.Actor, c.Identities)
	if err != nil {
		return nil, verdict{}, err
	}
	q := a.question(ctx, access, b.caller)
	policies, err := a.policiesOn(ctx, access, b, c.Graph)
	if err != nil {
		return nil, verdict{}, err
	}
	if anyPackage {
		q.anyPackage = true
		q.arn[arnParts-1] = "package/" + access.Resource.Domain.Name + "/" + access.Resource.Repository + "/"
		if f := access.Resource.Package.Format; f != "" {
			q.arn[arnParts-1] += f + "/"
		}
	}
	v, err := decide(q, relationOf(access), policies, b.narrowed)
	return q, v, err
}

// question puts an access as policies see it.
func (a *Authorizer) question(ctx context.Context, access registry.Access, c *caller) *question {
	r := identityOf(access.Resource)
	q := &question{
		caller:       c,
		action:       strings.ToLower(string(access.Action)),
		owner:        r.Domain.Owner,
		organization: a.Organization,
		region:       a.Region,
		time:         access.Time,
		address:      access.Actor.Source,
		secure:       access.Actor.Secure,
		context:      access.Context,
	}
	switch r.Type {
	case registry.NoResource:
		q.noResource, q.owner = true, c.account
	case registry.ConnectionResource:
		q.noResource, q.owner = true, firstAccount
	default:
		q.arn, _ = splitARN(r.ARN(a.Region))
	}
	if r.Type != registry.PackageResource {
		q.tags = a.tagsOf(ctx, r)
	}
	if r.Repository != "" && (access.Action == registry.CopyPackageVersions || access.Action == registry.CreateRepository) {
		// Texts differ on what these are done to (spec 5.1): to copy, on the
		// package or on the repository it comes into; to create a repository, on
		// the domain or on the repository that is to be.
		q.also, _ = splitARN(registry.RepoID{Domain: r.Domain, Name: r.Repository}.Resource().ARN(a.Region))
	}
	return q
}

// policiesOn gives the policies that have a say (spec 5.3).
func (a *Authorizer) policiesOn(ctx context.Context, access registry.Access, b *bearer, graph int64) ([]sided, error) {
	r := access.Resource
	if r.Domain.Name == "" {
		return b.policies, nil
	}
	id := registry.RepoID{Domain: r.Domain}
	if r.Type != registry.DomainResource && r.Type != registry.GroupResource {
		id.Name = r.Repository
	}
	p, err := a.place(ctx, id, graph)
	if err != nil {
		return nil, err
	}
	policies := append(make([]sided, 0, len(b.policies)+2), b.policies...)
	// Nobody locks themselves out: a policy is not asked about its own replacement.
	if p.domain != nil && access.Action != registry.PutDomainPermissionsPolicy {
		policies = append(policies, sided{domainSide, r.Domain.Resource().ARN(a.Region), p.domain})
	}
	if p.repository != nil && access.Action != registry.PutRepositoryPermissionsPolicy {
		policies = append(policies, sided{repositorySide, id.Resource().ARN(a.Region), p.repository})
	}
	return policies, nil
}

// relationOf says what the caller is to the resource.
func relationOf(access registry.Access) relation {
	account, r := access.Actor.Account, access.Resource
	switch {
	case account == "":
		return anonymous
	case r.Type == registry.NoResource, r.Type == registry.ConnectionResource:
		if strings.HasPrefix(string(access.Action), "larder:") && account != firstAccount {
			return other // nothing can allow it: the server has no resource policy
		}
		return ofAccount
	case account == r.Domain.Owner:
		return owner
	case account == r.Administrator && r.Repository != "":
		return administrator
	}
	return other
}
