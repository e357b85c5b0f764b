package policy

import (
	"context"
	"strings"
	"time"

	"larder/registry"
)

// Call is a question about something of an account that no resource policy
// covers: users, roles, policies, other accounts.
type Call struct {
	Actor   registry.Actor
	Action  registry.Action
	ARN     string // "*": the action has no resource
	Account string // whose the resource is; empty: the actor's own
	Context map[string]string
	Time    time.Time
}

// AuthorizeCall decides by the caller's own policies; what belongs to another
// account is refused. Denied.
func (a *Authorizer) AuthorizeCall(ctx context.Context, c Call) error {
	b, q, err := a.call(ctx, c)
	if err != nil {
		return err
	}
	v, err := decide(q, relationOfCall(c), b.policies, b.narrowed)
	if err != nil {
		return err
	}
	if !v.allowed {
		return deniedCall(c)
	}
	return nil
}

func relationOfCall(c Call) relation {
	switch {
	case c.Actor.Anonymous():
		return anonymous
	case c.Account != "" && c.Account != c.Actor.Account:
		return other
	}
	return ofAccount
}

func deniedCall(c Call) error {
	return registry.Errorf(registry.Denied, "User: %s is not authorized to perform: %s on resource: %s", c.Actor.Principal, c.Action, c.ARN)
}

// call puts the question as policies see it.
func (a *Authorizer) call(ctx context.Context, c Call) (*bearer, *question, error) {
	counters, err := a.Metadata.Counters(ctx, registry.DomainID{})
	if err != nil {
		return nil, nil, err
	}
	b, err := a.bearer(ctx, c.Actor, counters.Identities)
	if err != nil {
		return nil, nil, err
	}
	q := &question{
		caller:       b.caller,
		action:       strings.ToLower(string(c.Action)),
		owner:        c.Account,
		organization: a.Organization,
		region:       a.Region,
		time:         c.Time,
		address:      c.Actor.Source,
		secure:       c.Actor.Secure,
		context:      c.Context,
	}
	if q.owner == "" {
		q.owner = c.Actor.Account
	}
	var ok bool
	if q.arn, ok = splitARN(c.ARN); !ok {
		q.noResource = true
	}
	return b, q, nil
}

// AuthorizeAssume decides whether the actor of the call may do what it says
// (sts:AssumeRole, sts:TagSession, sts:SetSourceIdentity) to the role. The
// role's trust policy has to allow it, and so has a policy of the caller,
// unless both are of one account and the trust policy names the caller itself
// and not only the account (IAM User Guide, "Policy evaluation logic"). Denied.
func (a *Authorizer) AuthorizeAssume(ctx context.Context, c Call, role registry.Role) error {
	c.Account, c.ARN = role.Account, role.ARN()
	b, q, err := a.call(ctx, c)
	if err != nil {
		return err
	}
	trust := a.compiled(Trust, role.Trust)
	r := assumer
	if c.Actor.Account == role.Account {
		for _, s := range trust.statements {
			if !s.deny && s.principals.names(q.caller) && s.covers(q) {
				r = named
			}
		}
	}
	policies := append(append(make([]sided, 0, len(b.policies)+1), b.policies...), sided{trustSide, c.ARN, trust})
	v, err := decide(q, r, policies, b.narrowed)
	if err != nil {
		return err
	}
	if !v.allowed {
		return deniedCall(c)
	}
	return nil
}

// reserved reports whether an issuer's claims would look like keys of AWS's own.
func reserved(issuer string) bool {
	_, service := actionNames[strings.ToLower(issuer)]
	return service || strings.EqualFold(issuer, "aws")
}

// WebCaller is a verified identity of an OpenID Connect provider.
type WebCaller struct {
	Provider registry.Provider
	Subject  string
	Audience string // the one that the provider is registered with
	// Claims are those that are strings, numbers, truths and lists of them, by
	// their names in the token.
	Claims map[string][]string
}

// Temporary is a temporary credential, as STS hands it out.
type Temporary struct {
	ID      string // "ASIA…"
	Secret  string
	Token   string // sent along in X-Amz-Security-Token
	Expires time.Time
}

// AuthorizeWebIdentity decides whether a web identity may assume the role
// (sts:AssumeRoleWithWebIdentity and such): by the role's trust policy, whose
// conditions see each claim as {issuer}:{claim}. Denied.
func (a *Authorizer) AuthorizeWebIdentity(ctx context.Context, c Call, w WebCaller, role registry.Role) error {
	c.Account, c.ARN = role.Account, role.ARN()
	q := &question{
		caller:       &caller{provider: w.Provider.ARN(), kind: "FederatedUser", userID: w.Subject},
		action:       strings.ToLower(string(c.Action)),
		owner:        role.Account,
		organization: a.Organization,
		region:       a.Region,
		time:         c.Time,
		address:      c.Actor.Source,
		secure:       c.Actor.Secure,
		context:      c.Context,
		extra:        map[string][]string{},
	}
	q.arn, _ = splitARN(c.ARN)
	for name, values := range w.Claims {
		key := strings.ToLower(w.Provider.Issuer + ":" + name)
		// In condition keys letter case does not count: of claims that it alone
		// tells apart, the one in lower case is meant.
		if _, plain := w.Claims[strings.ToLower(name)]; plain && name != strings.ToLower(name) || reserved(w.Provider.Issuer) {
			continue
		}
		q.extra[key] = values
	}
	v, err := decide(q, named, []sided{{trustSide, c.ARN, a.compiled(Trust, role.Trust)}}, nil)
	if err != nil {
		return err
	}
	if !v.allowed {
		return registry.Errorf(registry.Denied, "Not authorized to perform %s", c.Action)
	}
	return nil
}
