package policy

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"larder/registry"
)

// Simulation asks what would become of a request (IAM: SimulatePrincipalPolicy).
type Simulation struct {
	Principal string // ARN of a user or role; empty: nobody, only Policies count
	Action    registry.Action
	ARN       string // "*": no resource
	// Policies are documents that count as if they were the principal's as well,
	// Boundaries as if they bounded it.
	Policies, Boundaries []string
	// ResourcePolicy counts instead of the policies that the resource has.
	ResourcePolicy string
	Context        map[string][]string
	Time           time.Time
}

// Simulate decides as for a request of the principal. NotFound for a principal
// that is not there; Invalid for a document that cannot be.
func (a *Authorizer) Simulate(ctx context.Context, s Simulation) (Decision, error) {
	access, err := a.simulated(ctx, s)
	if err != nil {
		return Decision{}, err
	}
	counters, err := a.Metadata.Counters(ctx, access.Resource.Domain)
	if err != nil {
		return Decision{}, err
	}
	b := &bearer{caller: &caller{}}
	if s.Principal != "" {
		if b, err = a.bearer(ctx, access.Actor, counters.Identities); err != nil {
			return Decision{}, err
		}
	}
	extended := *b
	extended.policies = slices.Clone(b.policies)
	extended.narrowed = slices.Clone(b.narrowed)
	for i, document := range s.Policies {
		p, err := Parse(Identity, document)
		if err != nil {
			return Decision{}, err
		}
		extended.policies = append(extended.policies, sided{identitySide, "PolicyInputList." + strconv.Itoa(i+1), p})
	}
	for i, document := range s.Boundaries {
		p, err := Parse(Identity, document)
		if err != nil {
			return Decision{}, err
		}
		if !slices.Contains(extended.narrowed, ofBoundary) {
			extended.narrowed = append(extended.narrowed, ofBoundary)
		}
		extended.policies = append(extended.policies, sided{boundarySide, "PermissionsBoundaryPolicyInputList." + strconv.Itoa(i+1), p})
	}
	policies, r := extended.policies, relationOf(access)
	parts, ok := splitARN(s.ARN)
	if ok && parts[2] != "codeartifact" {
		r = ofAccount
		if parts[4] != "" && parts[4] != access.Actor.Account {
			r = other
		}
	}
	switch {
	case s.ResourcePolicy != "":
		p, err := Parse(Resource, s.ResourcePolicy)
		if err != nil {
			return Decision{}, err
		}
		policies = append(policies, sided{repositorySide, "ResourcePolicy", p})
	case access.Resource.Domain.Name != "":
		if policies, err = a.policiesOn(ctx, access, &extended, counters.Graph); err != nil {
			return Decision{}, err
		}
	}
	q := a.question(ctx, access, extended.caller)
	if q.arn, ok = splitARN(s.ARN); ok {
		q.noResource = false
	}
	q.extra = map[string][]string{}
	for k, v := range maps.All(s.Context) {
		q.extra[conditionKey(k)] = v
	}
	if s.Principal == "" {
		r = ofAccount // what the policies say by themselves
		if s.ResourcePolicy != "" {
			r = owner
		}
	}
	v, err := decide(q, r, policies, extended.narrowed)
	if err != nil {
		return Decision{}, err
	}
	return explained(v), nil
}

// simulated gives the request that is asked about.
func (a *Authorizer) simulated(ctx context.Context, s Simulation) (registry.Access, error) {
	access := registry.Access{Action: s.Action, Time: s.Time}
	err := a.Metadata.View(ctx, func(tx registry.Tx) (err error) {
		if s.Principal != "" {
			if access.Actor, err = actorWithARN(tx, s.Principal); err != nil {
				return err
			}
		}
		r, ok := ResourceOf(s.ARN)
		if !ok {
			return nil
		}
		access.Resource = r
		if r.Repository == "" {
			return nil
		}
		repo, err := tx.Repository(registry.RepoID{Domain: r.Domain, Name: r.Repository})
		if registry.IsNotFound(err) {
			return nil
		}
		access.Resource.Administrator = repo.Administrator
		return err
	})
	return access, err
}

// actorWithARN gives the actor that requests of a user or role have. NotFound.
func actorWithARN(tx registry.Tx, arn string) (registry.Actor, error) {
	parts, ok := splitARN(arn)
	missing := registry.Errorf(registry.NotFound, "%s is no user or role of this server", show(arn))
	if !ok || parts[2] != "iam" && parts[2] != "sts" {
		return registry.Actor{}, missing
	}
	kind, _, _ := strings.Cut(parts[5], "/")
	actor := registry.Actor{Account: parts[4], Principal: arn}
	switch kind {
	case "root":
		_, err := tx.Account(parts[4])
		return actor, err
	case "user":
		user, err := tx.User(parts[4], nameOf(arn))
		if err == nil && user.ARN() != arn {
			err = missing
		}
		actor.User = user.Name
		return actor, err
	case "role", "assumed-role":
		name, session := nameOf(arn), "simulation"
		if kind == "assumed-role" {
			f := strings.Split(parts[5], "/")
			if len(f) != 3 {
				return actor, missing
			}
			name, session = f[1], f[2]
		}
		role, err := tx.Role(parts[4], name)
		if err != nil {
			return actor, err
		}
		if kind == "role" && role.ARN() != arn {
			return actor, missing
		}
		actor.Principal = "arn:aws:sts::" + parts[4] + ":assumed-role/" + name + "/" + session
		actor.Session = &registry.Session{ID: "simulation:" + arn, Role: role.ARN(), RoleID: role.ID, Name: session}
		return actor, nil
	}
	return registry.Actor{}, missing
}

// ResourceOf gives the resource of CodeArtifact that an ARN names (spec 1.4),
// the repository's administrator not filled.
func ResourceOf(arn string) (registry.Resource, bool) {
	parts, ok := splitARN(arn)
	if !ok || parts[2] != "codeartifact" {
		return registry.Resource{}, false
	}
	kind, rest, _ := strings.Cut(parts[5], "/")
	f := strings.Split(rest, "/")
	r := registry.Resource{Domain: registry.DomainID{Owner: parts[4], Name: f[0]}}
	switch {
	case kind == "domain" && len(f) == 1:
		r.Type = registry.DomainResource
	case kind == "repository" && len(f) == 2:
		r.Type, r.Repository = registry.RepositoryResource, f[1]
	case kind == "package" && len(f) >= 5:
		r.Type, r.Repository = registry.PackageResource, f[1]
		r.Package = registry.PackageID{Format: f[2], Namespace: f[3], Name: strings.Join(f[4:], "/")}
	case kind == "package-group" && len(f) > 1:
		r.Type = registry.GroupResource
		r.Name = groupDecoder.Replace("/" + strings.Join(f[1:], "/"))
	default:
		return registry.Resource{}, false
	}
	return r, f[0] != ""
}

var groupDecoder = strings.NewReplacer("%25", "%", "%2a", "*", "%24", "$")
