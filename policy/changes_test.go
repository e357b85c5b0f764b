package policy

import (
	"context"
	"errors"
	"testing"
	"time"

	"larder/registry"
)

func TestChangesActOnTheNextRequest(t *testing.T) {
	m := newRows()
	a := newTestAuthorizer(m)
	b := actorOf("B/u")
	read := ask(b, registry.ReadFromRepository, things["repo"])
	check(t, a, read, false)
	m.identity(b, `S: allow ReadFromRepository *`, "")
	check(t, a, read, false)
	m.putPolicy(acme, "main", document(Resource, `R: allow B ReadFromRepository *`))
	check(t, a, read, true)
	m.putPolicy(acme, "", document(Resource, `N: deny B/u ReadFromRepository *`))
	check(t, a, read, false)
	m.putPolicy(acme, "", document(Resource, `N: deny B/v ReadFromRepository *`))
	check(t, a, read, true)
	delete(m.policies, accountA+"/acme/main")
	m.graph.Add(1)
	check(t, a, read, false)
	m.putPolicy(acme, "main", document(Resource, `R: allow B ReadFromRepository *`))
	delete(m.users, accountB+"/u")
	m.ids.Add(1)
	check(t, a, read, false)
	// The same name again has none of the old rights.
	m.identity(b, "", "")
	check(t, a, read, false)
}

func TestManagedPoliciesCountByTheirDefaultVersion(t *testing.T) {
	m := newRows()
	u := actorOf("A/u")
	m.identity(u, "", "")
	user := m.users[accountA+"/u"]
	user.Managed = []string{"arn:aws:iam::" + accountA + ":policy/team/reading", "arn:aws:iam::aws:policy/NotThere"}
	m.users[accountA+"/u"] = user
	p := registry.ManagedPolicy{Account: accountA, Name: "reading", Path: "/team/", Default: "v1", Versions: []registry.PolicyVersion{
		{ID: "v1", Document: document(Identity, `S: allow ReadFromRepository *`)},
		{ID: "v2", Document: document(Identity, `S: allow PublishPackageVersion *`)},
	}}
	put := func() { m.managed[accountA+"/reading"] = p; m.ids.Add(1) }
	put()
	a := newTestAuthorizer(m)
	check(t, a, ask(u, registry.ReadFromRepository, things["repo"]), true)
	check(t, a, ask(u, registry.PublishPackageVersion, things["react"]), false)
	p.Default = "v2"
	put()
	check(t, a, ask(u, registry.ReadFromRepository, things["repo"]), false)
	check(t, a, ask(u, registry.PublishPackageVersion, things["react"]), true)
	user.Managed = []string{AdministratorAccess}
	m.users[accountA+"/u"] = user
	m.ids.Add(1)
	check(t, a, ask(u, registry.DeleteDomain, acme.Resource()), true)
}

func TestASessionEndsWithItsRole(t *testing.T) {
	m := newRows()
	job := actorOf("A/role.ci/job")
	m.identity(job, `S: allow * *`, "")
	a := newTestAuthorizer(m)
	check(t, a, ask(job, registry.ReadFromRepository, things["repo"]), true)
	role := m.roles[accountA+"/ci"]
	role.ID = "AROAANOTHER"
	m.roles[accountA+"/ci"] = role
	m.ids.Add(1)
	check(t, a, ask(job, registry.ReadFromRepository, things["repo"]), false)
}

func TestTwoSessionsOfARoleAreNarrowedEachByItsOwnPolicy(t *testing.T) {
	m := newRows()
	one, two := actorOf("A/role.ci/one"), actorOf("A/role.ci/two")
	m.identity(one, `S: allow * *`, "")
	two.Principal = one.Principal // the same session name twice
	one.Session.Policies = []string{document(Identity, `S: allow ReadFromRepository *`)}
	a := newTestAuthorizer(m)
	check(t, a, ask(one, registry.DescribeRepository, things["repo"]), false)
	check(t, a, ask(two, registry.DescribeRepository, things["repo"]), true)
	check(t, a, ask(one, registry.DescribeRepository, things["repo"]), false)
}

func TestDecisionsEndAtTheTimesThatConditionsName(t *testing.T) {
	for _, c := range []struct{ operator, at string }{
		{"DateLessThan", "2026-11-22T10:00:10Z"}, {"DateLessThanEquals", "2026-11-22T10:00:10Z"},
		{"DateGreaterThan", "2026-11-22T10:00:10Z"}, {"DateGreaterThanEquals", "2026-11-22T10:00:10Z"},
		{"DateEquals", "2026-11-22T10:00:10Z"}, {"DateNotEquals", "2026-11-22T10:00:10Z"},
		{"NumericLessThan", "1795341610"}, {"StringLike", "2026-11-22T10:00:1*"},
	} {
		key := "aws:CurrentTime"
		if c.operator == "NumericLessThan" {
			key = "aws:EpochTime"
		}
		t.Run(c.operator, func(t *testing.T) {
			m := newRows()
			u := actorOf("A/u")
			m.identity(u, `S: allow * * if {"`+c.operator+`":{"`+key+`":"`+c.at+`"}}`, "")
			warm := newTestAuthorizer(m)
			for _, after := range []time.Duration{0, 9, 10, 11, 20} {
				for _, bit := range []time.Duration{0, time.Nanosecond, 999 * time.Millisecond} {
					access := ask(u, registry.ReadFromRepository, things["repo"])
					access.Time = epoch.Add(after*time.Second + bit)
					cold := newTestAuthorizer(m)
					want := cold.Authorize(t.Context(), access) == nil
					if got := warm.Authorize(t.Context(), access) == nil; got != want {
						t.Errorf("at +%v: kept decision %v, new one %v", after*time.Second+bit, got, want)
					}
				}
			}
		})
	}
}

func TestDecisionsDependOnWhereTheRequestComesFromOnlyIfAPolicySaysSo(t *testing.T) {
	m := newRows()
	u := actorOf("A/u")
	m.identity(u, `S: allow * * if {"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, "")
	a := newTestAuthorizer(m)
	access := ask(u, registry.ReadFromRepository, things["repo"])
	for range 3 {
		access.Actor.Source = mustAddr("203.0.113.7")
		check(t, a, access, true)
		access.Actor.Source = mustAddr("198.51.100.7")
		check(t, a, access, false)
	}
	m.identity(u, `S: allow * * if {"Bool":{"aws:SecureTransport":"true"}}`, "")
	for range 3 {
		access.Actor.Secure = true
		check(t, a, access, true)
		access.Actor.Secure = false
		check(t, a, access, false)
	}
	m.identity(u, `S: allow * *`, "")
	check(t, a, access, true)
	access.Actor.Source = mustAddr("192.0.2.1")
	views := m.views.Load()
	check(t, a, access, true)
	if m.views.Load() != views {
		t.Error("another address was another decision, though no policy looks at addresses")
	}
}

func TestADatabaseThatFailsIsNoRefusal(t *testing.T) {
	m := newRows()
	u := actorOf("A/u")
	m.identity(u, `S: allow * * if {"StringEquals":{"aws:ResourceTag/team":"web"}}`, "")
	m.broken = errors.New("away")
	a := newTestAuthorizer(m)
	access := ask(u, registry.ReadFromRepository, things["repo"])
	if err := a.Authorize(t.Context(), access); !errors.Is(err, m.broken) {
		t.Errorf("got %v, want the database's error", err)
	}
	m.broken = nil
	if err := a.Authorize(t.Context(), access); registry.CodeOf(err) != registry.Denied {
		t.Errorf("got %v, want Denied", err)
	}
	m.tags["acme/main"] = map[string]string{"team": "web"}
	m.graph.Add(1)
	// The tags are read only when a condition asks for them: that fails too.
	a.Metadata = failingTags{m}
	if err := a.Authorize(t.Context(), access); !errors.Is(err, errTags) {
		t.Errorf("got %v, want the database's error", err)
	}
	a.Metadata = m
	check(t, a, access, true)
}

var errTags = errors.New("tags are away")

type failingTags struct{ *rows }

func (m failingTags) View(ctx context.Context, f func(registry.Tx) error) error {
	return m.rows.View(ctx, func(tx registry.Tx) error { return f(failingTagsTx{tx}) })
}

type failingTagsTx struct{ registry.Tx }

func (failingTagsTx) Repository(registry.RepoID) (registry.Repository, error) {
	return registry.Repository{}, errTags
}

func TestAStoredDocumentThatCannotBeReadDeniesEverything(t *testing.T) {
	m := newRows()
	u := actorOf("A/u")
	m.identity(u, `S: allow * *`, "")
	m.putPolicy(acme, "main", `{"Statement":[`)
	a := newTestAuthorizer(m)
	check(t, a, ask(u, registry.ReadFromRepository, things["repo"]), false)
	check(t, a, ask(u, registry.ReadFromRepository, things["second"]), true)
	// It can be replaced.
	check(t, a, ask(u, registry.PutRepositoryPermissionsPolicy, things["repo"]), true)
}

func TestRefusalsSayWhatAndNotWhy(t *testing.T) {
	m := newRows()
	u := actorOf("B/u")
	m.identity(u, "N: deny * *", "")
	a := newTestAuthorizer(m)
	token := u
	token.Domain = acme
	for _, c := range []struct {
		name   string
		access registry.Access
		code   registry.Code
		msg    string
	}{
		{"a denial", ask(u, registry.PublishPackageVersion, things["react"]), registry.Denied,
			"User: arn:aws:iam::444455556666:user/u is not authorized to perform: codeartifact:PublishPackageVersion on resource: arn:aws:codeartifact:eu-west-1:111122223333:package/acme/main/npm//react"},
		{"without a resource", ask(u, registry.ListDomains, registry.Resource{}), registry.Denied,
			"User: arn:aws:iam::444455556666:user/u is not authorized to perform: codeartifact:ListDomains on resource: *"},
		{"anonymous", ask(registry.Actor{}, registry.ReadFromRepository, things["repo"]), registry.Unauthenticated, "no credential was sent; send an authorization token"},
		{"a token of another domain", ask(token, registry.ReadFromRepository, registry.RepoID{Domain: registry.DomainID{Owner: accountA, Name: "x"}, Name: "main"}.Resource()), registry.Unauthenticated,
			"the authorization token is for domain acme of account 111122223333; get one for the domain that is asked"},
		{"a token for the whole account", ask(token, registry.ListDomains, registry.Resource{}), registry.Unauthenticated,
			"the authorization token is for domain acme of account 111122223333; get one for the domain that is asked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := a.Authorize(t.Context(), c.access)
			if registry.CodeOf(err) != c.code || err.Error() != c.msg {
				t.Errorf("got %v, want %s", err, c.msg)
			}
		})
	}
}

func TestAnonymousReadsAreOffUnlessAskedFor(t *testing.T) {
	m := newRows()
	m.putPolicy(acme, "main", document(Resource, `R: allow * ReadFromRepository *`))
	a := New(Config{Metadata: m, Region: region})
	check(t, a, ask(registry.Actor{}, registry.ReadFromRepository, things["repo"]), false)
}
