package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"larder/registry"
)

// situation is random policies and a random request.
type situation struct {
	who      string
	action   registry.Action
	on       string
	policies map[string][]string // lines by where they stand
}

var places = []string{"identity", "domain", "repo", "session", "boundary"}

func randomSituation(r *rand.Rand) situation {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	s := situation{
		who:      pick("A/u", "B/u", "C/u", "A/role.ci/job", "B/role.ci/job", "anonymous", "A:root", "B:root"),
		action:   registry.Action("codeartifact:" + pick("ReadFromRepository", "PublishPackageVersion", "DescribeDomain", "PutRepositoryPermissionsPolicy", "PutDomainPermissionsPolicy")),
		on:       pick("repo", "team", "react", "core", "dom", "teamlib"),
		policies: map[string][]string{},
	}
	n := 0
	line := func(of Kind, effect string) string {
		n++
		principal := ""
		if of == Resource {
			principal = pick("*", "A", "B", "C", "A/u", "B/u", "B/role.ci", "A/role.ci/job", "!B", "!A,A/u") + " "
		}
		actions := pick("*", "ReadFromRepository", "Publish*", "Describe*,List*", "Put*", "!Describe*")
		resources := pick("*", "*", "repo", "repository/acme/*", "dom", "!repo", "!package/acme/main/npm/acme/*")
		if actions == "Publish*" {
			resources = pick("*", "react", "package/acme/main/npm/${aws:PrincipalTag/team}/*", "package/acme/*/npm/*/co?e")
		}
		condition := ""
		if r.IntN(4) == 0 {
			condition = " if " + pick(
				`{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`,
				`{"Bool":{"aws:SecureTransport":"false"}}`,
				`{"StringNotEquals":{"aws:PrincipalTag/team":"web"}}`,
				`{"StringLikeIfExists":{"aws:username":"u*"}}`,
				`{"Null":{"aws:username":"true"}}`,
				`{"StringNotLike":{"aws:ResourceTag/team":"${aws:username}"}}`,
				`{"DateLessThan":{"aws:CurrentTime":"2027-01-01"}}`)
		}
		return fmt.Sprintf("S%d: %s %s%s %s%s", n, effect, principal, actions, resources, condition)
	}
	for _, p := range places {
		if (p == "session" || p == "boundary") && r.IntN(3) > 0 || p == "session" && !strings.Contains(s.who, "role.") {
			continue
		}
		of := Identity
		if p == "domain" || p == "repo" {
			of = Resource
		}
		for range 1 + r.IntN(3) {
			s.policies[p] = append(s.policies[p], line(of, pick("allow", "allow", "allow", "deny")))
		}
	}
	return s
}

func (s situation) allowed(t *testing.T) bool {
	t.Helper()
	m := newRows()
	m.tags["acme/main"] = map[string]string{"team": "web"}
	actor := actorOf(s.who)
	actor.Source = mustAddr("203.0.113.7")
	lines := func(p string) string { return strings.Join(s.policies[p], "\n") }
	m.identity(actor, lines("identity"), lines("boundary"))
	if l := lines("session"); l != "" {
		actor.Session.Policies = []string{document(Identity, l)}
	}
	if l := lines("domain"); l != "" {
		m.putPolicy(acme, "", document(Resource, l))
	}
	if l := lines("repo"); l != "" {
		for _, name := range []string{"main", "team"} {
			m.putPolicy(acme, name, document(Resource, l))
		}
	}
	err := newTestAuthorizer(m).Authorize(t.Context(), ask(actor, s.action, things[s.on]))
	if code := registry.CodeOf(err); err != nil && code != registry.Denied && code != registry.Unauthenticated {
		t.Fatal(err)
	}
	return err == nil
}

// without gives the situation with one line left out. A policy that becomes
// empty denies as much as before: where it narrows it is kept, about nothing.
func (s situation) without(place string, i int) situation {
	c := s
	c.policies = map[string][]string{}
	for p, lines := range s.policies {
		for j, l := range lines {
			if p != place || i != j {
				c.policies[p] = append(c.policies[p], l)
			}
		}
		if len(c.policies[p]) == 0 && (p == "session" || p == "boundary") {
			c.policies[p] = []string{"Empty: allow DeleteDomain other"}
		}
	}
	return c
}

// TestRemovingAnAllowNeverGrants and its mirror: adding a deny never grants.
func TestPoliciesAreMonotone(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 22))
	rounds, granted := 1500, 0
	if testing.Short() {
		rounds = 300
	}
	for range rounds {
		s := randomSituation(r)
		allowed := s.allowed(t)
		if allowed {
			granted++
		}
		for _, p := range places {
			for i, line := range s.policies[p] {
				less := s.without(p, i).allowed(t)
				if strings.Contains(line, ": allow ") && less && !allowed {
					t.Fatalf("removing the allow %q of %s grants:\n%+v", line, p, s)
				}
				if strings.Contains(line, ": deny ") && allowed && !less {
					t.Fatalf("adding the deny %q of %s grants:\n%+v", line, p, s)
				}
			}
		}
	}
	if granted < rounds/20 {
		t.Errorf("only %d of %d situations were allowed: the test says little", granted, rounds)
	}
}

// TestPossibleRefusesNothingThatIsAllowed holds Possible to its promise.
func TestPossibleRefusesNothingThatIsAllowed(t *testing.T) {
	r := rand.New(rand.NewPCG(33, 44))
	refused := 0
	for range 3000 {
		s := randomSituation(r)
		s.action, s.on = registry.PublishPackageVersion, "core"
		m := newRows()
		actor := actorOf(s.who)
		m.identity(actor, strings.Join(s.policies["identity"], "\n"), "")
		m.putPolicy(acme, "main", document(Resource, strings.Join(s.policies["repo"], "\n")))
		a := newTestAuthorizer(m)
		possible := a.Possible(t.Context(), ask(actor, s.action, things["repo"]))
		if possible != nil {
			refused++
		}
		for _, on := range []string{"core", "react"} {
			if err := a.Authorize(t.Context(), ask(actor, s.action, things[on])); err == nil && possible != nil {
				t.Fatalf("publishing %s is allowed, and yet: %v\n%+v", on, possible, s)
			}
		}
	}
	if refused < 300 || refused > 2900 {
		t.Errorf("%d of 3000 were refused: the test says little", refused)
	}
}
