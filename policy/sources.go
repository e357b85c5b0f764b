package policy

import (
	"context"
	"maps"
	"slices"
	"strings"

	"larder/registry"
)

// Policies are read when a decision needs them and kept compiled until the
// counter moves that stands for them.

// bearer is the caller of a request with all policies that are its own.
type bearer struct {
	identities int64 // the counter before they were read
	caller     *caller
	policies   []sided
	narrowed   []matcher // by its session and boundary
}

type bearerKey struct{ principal, session string }

// place is a domain, or a repository in it, with its resource policies.
type place struct {
	graph      int64
	domain     *Policy // nil: none
	repository *Policy
}

type documentKey struct {
	of   Kind
	text string
}

// compiled gives a stored document compiled.
func (a *Authorizer) compiled(of Kind, document string) *Policy {
	key := documentKey{of, document}
	if p, ok := a.documents.Get(key); ok {
		return p
	}
	p, err := Parse(of, document)
	if err != nil {
		p = unreadable(of)
	}
	a.documents.Put(key, p)
	return p
}

// bearer gives the caller's policies at the counter's value. A user or role
// that is not there has none.
func (a *Authorizer) bearer(ctx context.Context, actor registry.Actor, identities int64) (*bearer, error) {
	key := bearerKey{principal: actor.Principal}
	if actor.Session != nil {
		key.session = actor.Session.ID
	}
	if b, ok := a.bearers.Get(key); ok && b.identities == identities {
		return b, nil
	}
	b := &bearer{identities: identities}
	err := a.Metadata.View(ctx, func(tx registry.Tx) error {
		*b = bearer{identities: identities}
		return a.readBearer(tx, actor, b)
	})
	if err != nil {
		return nil, err
	}
	a.bearers.Put(key, b)
	return b, nil
}

func (a *Authorizer) readBearer(tx registry.Tx, actor registry.Actor, b *bearer) error {
	var has registry.Permissions
	var id string
	var tags map[string]string
	s := actor.Session
	switch {
	case actor.Anonymous():
	case strings.HasSuffix(actor.Principal, ":root"):
		b.policies = append(b.policies, rootPolicy())
	case s != nil && s.Role != "":
		role, err := tx.Role(actor.Account, nameOf(s.Role))
		if err != nil && !registry.IsNotFound(err) {
			return err
		}
		if err == nil && role.ID == s.RoleID {
			has, id, tags = role.Permissions, role.ID, role.Tags
		}
	default:
		user, err := tx.User(actor.Account, nameOf(actor.Principal))
		if err != nil && !registry.IsNotFound(err) {
			return err
		}
		if err == nil {
			has, id, tags = user.Permissions, user.ID, user.Tags
		}
	}
	b.caller = newCaller(actor, id, tags)
	if err := a.attach(tx, b, identitySide, has.Managed, has.Inline); err != nil {
		return err
	}
	if has.Boundary != "" {
		b.narrowed = append(b.narrowed, ofBoundary)
		if err := a.attach(tx, b, boundarySide, []string{has.Boundary}, nil); err != nil {
			return err
		}
	}
	if s != nil && len(s.Policies)+len(s.Managed) > 0 {
		b.narrowed = append(b.narrowed, ofSession)
		inline := map[string]string{}
		for _, document := range s.Policies {
			inline["session policy"] = document
		}
		return a.attach(tx, b, sessionSide, s.Managed, inline)
	}
	return nil
}

// attach adds policies of a side. A managed policy that is not there any more
// grants nothing.
func (a *Authorizer) attach(tx registry.Tx, b *bearer, s side, managed []string, inline map[string]string) error {
	for _, arn := range managed {
		document, err := managedDocument(tx, arn)
		if registry.IsNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		b.policies = append(b.policies, sided{s, arn, a.compiled(Identity, document)})
	}
	for _, name := range slices.Sorted(maps.Keys(inline)) {
		b.policies = append(b.policies, sided{s, name, a.compiled(Identity, inline[name])})
	}
	return nil
}

// managedDocument gives a managed policy's document, AWS's own or an
// account's. NotFound where there is none.
func managedDocument(tx registry.Tx, arn string) (string, error) {
	if p, ok := awsManaged[arn]; ok {
		return p.Document, nil
	}
	parts, ok := splitARN(arn)
	if !ok || !strings.HasPrefix(parts[5], "policy/") {
		return "", registry.Errorf(registry.NotFound, "policy %s does not exist", arn)
	}
	p, err := tx.ManagedPolicy(parts[4], nameOf(arn))
	if err != nil {
		return "", err
	}
	return p.Document(), nil
}

// place gives the resource policies of a domain and repository (empty: of the
// domain alone) at the counter's value.
func (a *Authorizer) place(ctx context.Context, id registry.RepoID, graph int64) (*place, error) {
	if p, ok := a.places.Get(id); ok && p.graph == graph {
		return p, nil
	}
	p := &place{graph: graph}
	err := a.Metadata.View(ctx, func(tx registry.Tx) (err error) {
		if p.domain, err = a.resourcePolicy(tx, id.Domain, ""); err != nil || id.Name == "" {
			return err
		}
		p.repository, err = a.resourcePolicy(tx, id.Domain, id.Name)
		return err
	})
	if err != nil {
		return nil, err
	}
	a.places.Put(id, p)
	return p, nil
}

func (a *Authorizer) resourcePolicy(tx registry.Tx, d registry.DomainID, repository string) (*Policy, error) {
	p, err := tx.Policy(d, repository)
	if registry.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return a.compiled(Resource, p.Document), nil
}

// tagsOf reads the tags that aws:ResourceTag gives: packages have none (spec 5.2).
func (a *Authorizer) tagsOf(ctx context.Context, r registry.Resource) func() (map[string]string, error) {
	var tags map[string]string
	read := false
	return func() (map[string]string, error) {
		if read {
			return tags, nil
		}
		err := a.Metadata.View(ctx, func(tx registry.Tx) error {
			var err error
			tags, err = resourceTags(tx, r)
			return err
		})
		if registry.IsNotFound(err) {
			tags, err = nil, nil
		}
		read = err == nil
		return tags, err
	}
}

func resourceTags(tx registry.Tx, r registry.Resource) (map[string]string, error) {
	switch r.Type {
	case registry.DomainResource:
		d, err := tx.Domain(r.Domain)
		return d.Tags, err
	case registry.RepositoryResource:
		repo, err := tx.Repository(registry.RepoID{Domain: r.Domain, Name: r.Repository})
		return repo.Tags, err
	case registry.GroupResource:
		groups, err := tx.Groups(r.Domain)
		for _, g := range groups {
			if g.Pattern == r.Name {
				return g.Tags, err
			}
		}
		return nil, err
	}
	return nil, nil
}
