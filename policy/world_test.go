package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"larder/registry"
)

// Accounts of the tests: A owns the domain, C administers one repository of
// it, B has nothing to do with it.
const (
	accountA = "111122223333"
	accountB = "444455556666"
	accountC = "777788889999"
)

var accounts = map[string]string{"A": accountA, "B": accountB, "C": accountC, "0": firstAccount}

var (
	acme  = registry.DomainID{Owner: accountA, Name: "acme"}
	react = registry.PackageID{Format: registry.NPM, Name: "react"}
	core  = registry.PackageID{Format: registry.NPM, Namespace: "acme", Name: "core"}
	epoch = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
)

const region = "eu-west-1"

// things are the resources of the tests by their short names.
var things = map[string]registry.Resource{
	"none":    {},
	"conn":    {Type: registry.ConnectionResource, Name: "public:npmjs"},
	"dom":     acme.Resource(),
	"other":   registry.DomainID{Owner: accountA, Name: "other"}.Resource(),
	"repo":    administered("main", accountA, registry.PackageID{}),
	"second":  administered("second", accountA, registry.PackageID{}),
	"team":    administered("team", accountC, registry.PackageID{}),
	"react":   administered("main", accountA, react),
	"core":    administered("main", accountA, core),
	"teamlib": administered("team", accountC, react),
	"version": {Type: registry.VersionResource, Domain: acme, Repository: "main", Administrator: accountA, Package: react, Version: "18.0.0"},
	"new":     {Type: registry.DomainResource, Domain: acme, Repository: "new"},
	"group":   {Type: registry.GroupResource, Domain: acme, Name: "/npm/*"},
}

func administered(repo, account string, p registry.PackageID) registry.Resource {
	r := registry.RepoID{Domain: acme, Name: repo}.Resource()
	if p.Name != "" {
		r = registry.RepoID{Domain: acme, Name: repo}.Package(p)
	}
	r.Administrator = account
	return r
}

// rows is as much of Metadata as decisions need, in memory.
type rows struct {
	registry.Tx // nil: nothing else is called
	users       map[string]registry.User
	roles       map[string]registry.Role
	managed     map[string]registry.ManagedPolicy
	policies    map[string]registry.Policy // by "owner/domain/repository"
	tags        map[string]map[string]string
	graph, ids  atomic.Int64
	views       atomic.Int64
	broken      error
}

func newRows() *rows {
	return &rows{
		users: map[string]registry.User{}, roles: map[string]registry.Role{}, managed: map[string]registry.ManagedPolicy{},
		policies: map[string]registry.Policy{}, tags: map[string]map[string]string{},
	}
}

func (m *rows) View(_ context.Context, f func(registry.Tx) error) error {
	m.views.Add(1)
	if m.broken != nil {
		return m.broken
	}
	return f(m)
}
func (m *rows) Update(_ context.Context, f func(registry.Tx) error) error { return f(m) }
func (m *rows) Close() error                                              { return nil }
func (m *rows) Counters(context.Context, registry.DomainID) (registry.Counters, error) {
	return registry.Counters{Graph: m.graph.Load(), Identities: m.ids.Load()}, nil
}

func found[V any](m map[string]V, key string) (V, error) {
	v, ok := m[key]
	if !ok {
		return v, registry.Errorf(registry.NotFound, "%s is not there", key)
	}
	return v, nil
}

func (m *rows) User(account, name string) (registry.User, error) {
	return found(m.users, account+"/"+name)
}
func (m *rows) Role(account, name string) (registry.Role, error) {
	return found(m.roles, account+"/"+name)
}
func (m *rows) ManagedPolicy(account, name string) (registry.ManagedPolicy, error) {
	return found(m.managed, account+"/"+name)
}
func (m *rows) Policy(d registry.DomainID, repository string) (registry.Policy, error) {
	return found(m.policies, d.Owner+"/"+d.Name+"/"+repository)
}
func (m *rows) Domain(d registry.DomainID) (registry.Domain, error) {
	return registry.Domain{ID: d, Tags: m.tags[d.Name]}, nil
}
func (m *rows) Repository(id registry.RepoID) (registry.Repository, error) {
	return registry.Repository{ID: id, Tags: m.tags[id.Domain.Name+"/"+id.Name]}, nil
}
func (m *rows) Groups(d registry.DomainID) ([]registry.Group, error) {
	return []registry.Group{{Pattern: "/npm/*", Tags: m.tags[d.Name+"/npm/*"]}}, nil
}

func (m *rows) putPolicy(d registry.DomainID, repository, document string) {
	m.policies[d.Owner+"/"+d.Name+"/"+repository] = registry.Policy{Document: document, Revision: "1"}
	m.graph.Add(1)
}

// document writes a policy document from lines such as
//
//	Sid: allow A,B/u ReadFromRepository,sts:* repo,acme/second if {"Bool":{"aws:SecureTransport":"true"}}
//
// The principals are left out in policies of identities. Actions without a
// prefix are CodeArtifact's. "!" before principals, actions or resources
// stands for the Not element, and "|" within one of them for a comma.
func document(of Kind, lines string) string {
	type object = map[string]any
	var statements []object
	for line := range strings.Lines(lines) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		line, condition, conditioned := strings.Cut(line, " if ")
		f := strings.Fields(line)
		s := object{"Sid": strings.TrimSuffix(f[0], ":"), "Effect": strings.ToUpper(f[1][:1]) + f[1][1:]}
		f = f[2:]
		put := func(name string, text string, expand func(string) string) {
			if rest, ok := strings.CutPrefix(text, "!"); ok {
				name, text = "Not"+name, rest
			}
			var all []string
			for part := range strings.SplitSeq(text, ",") {
				all = append(all, expand(strings.ReplaceAll(part, "|", ",")))
			}
			if name == "Principal" || name == "NotPrincipal" {
				if text == "*" {
					s[name] = "*"
				} else if strings.Contains(all[0], ":oidc-provider/") {
					s[name] = object{"Federated": all}
				} else {
					s[name] = object{"AWS": all}
				}
				return
			}
			s[name] = all
		}
		if of != Identity {
			put("Principal", f[0], principalARN)
			f = f[1:]
		}
		put("Action", f[0], func(a string) string {
			if a == "*" || strings.Contains(a, ":") {
				return a
			}
			return "codeartifact:" + a
		})
		if of != Trust {
			put("Resource", f[1], resourceARN)
		}
		if conditioned {
			s["Condition"] = json.RawMessage(condition)
		}
		statements = append(statements, s)
	}
	b, err := json.Marshal(object{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		panic(fmt.Sprintf("%v in %s", err, lines))
	}
	return string(b)
}

// principalARN expands A, B/user, A/role.r, A/role.r/session and *.
func principalARN(s string) string {
	account, rest, named := strings.Cut(s, "/")
	id, ok := accounts[account]
	switch {
	case !ok:
		return s
	case !named:
		return "arn:aws:iam::" + id + ":root"
	case strings.HasPrefix(rest, "role."):
		role, session, in := strings.Cut(strings.TrimPrefix(rest, "role."), "/")
		if in {
			return "arn:aws:sts::" + id + ":assumed-role/" + role + "/" + session
		}
		return "arn:aws:iam::" + id + ":role/" + role
	}
	return "arn:aws:iam::" + id + ":user/" + rest
}

// resourceARN expands the names of things, "repository/…" and such.
func resourceARN(s string) string {
	if r, ok := things[s]; ok {
		return r.ARN(region)
	}
	for _, kind := range []string{"repository/", "package/", "domain/", "package-group/"} {
		if strings.HasPrefix(s, kind) {
			return "arn:aws:codeartifact:" + region + ":" + accountA + ":" + s
		}
	}
	return s
}

// actorOf expands A/user, A/role.r/session, A:root and "anonymous".
func actorOf(s string) registry.Actor {
	if s == "anonymous" {
		return registry.Actor{}
	}
	if account, ok := strings.CutSuffix(s, ":root"); ok {
		return registry.Actor{Account: accounts[account], Principal: principalARN(account)}
	}
	account, rest, _ := strings.Cut(s, "/")
	a := registry.Actor{Account: accounts[account], Principal: principalARN(s), User: rest}
	if role, session, ok := strings.Cut(strings.TrimPrefix(rest, "role."), "/"); ok {
		a.Session = &registry.Session{ID: "ASIA" + role + session, Role: principalARN(account + "/role." + role), RoleID: "AROA" + role, Name: session, Issued: epoch}
	}
	return a
}

// identity makes the actor's user or role with an inline policy.
func (m *rows) identity(a registry.Actor, lines, boundary string) {
	has := registry.Permissions{}
	if lines != "" {
		has.Inline = map[string]string{"inline": document(Identity, lines)}
	}
	if boundary != "" {
		has.Boundary = "arn:aws:iam::" + a.Account + ":policy/bound"
		m.managed[a.Account+"/bound"] = registry.ManagedPolicy{
			Account: a.Account, Name: "bound", Default: "v1",
			Versions: []registry.PolicyVersion{{ID: "v1", Document: document(Identity, boundary)}},
		}
	}
	m.ids.Add(1)
	switch {
	case a.Account == "" || strings.HasSuffix(a.Principal, ":root"):
	case a.Session != nil:
		name := nameOf(a.Session.Role)
		m.roles[a.Account+"/"+name] = registry.Role{Account: a.Account, Name: name, ID: a.Session.RoleID, Permissions: has, Tags: map[string]string{"team": "web"}}
	default:
		name := nameOf(a.Principal)
		m.users[a.Account+"/"+name] = registry.User{Account: a.Account, Name: name, ID: "AIDA" + strings.ToUpper(name), Permissions: has, Tags: map[string]string{"team": "web"}}
	}
}

func newTestAuthorizer(m *rows) *Authorizer {
	return New(Config{Metadata: m, Region: region, AnonymousReads: true})
}

func ask(actor registry.Actor, action registry.Action, r registry.Resource) registry.Access {
	return registry.Access{Actor: actor, Action: action, Resource: r, Time: epoch}
}

// check fails the test unless the access is decided as wanted, also a second
// time, when the decision is kept.
func check(t *testing.T, a *Authorizer, access registry.Access, want bool) {
	t.Helper()
	for _, time := range []string{"first", "second"} {
		err := a.Authorize(t.Context(), access)
		if got := err == nil; got != want {
			t.Errorf("%s time: got %v (%v), want %v", time, got, err, want)
		}
		if err != nil && registry.CodeOf(err) != registry.Denied && !access.Actor.Anonymous() {
			t.Errorf("refused with %v, want Denied", err)
		}
	}
}

func mustAddr(s string) netip.Addr { return netip.MustParseAddr(s) }
