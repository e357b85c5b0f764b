package accounts

import (
	"fmt"
	"strings"
	"testing"

	"larder/e2e/harness"
)

const (
	mayHaveTokens = `{"Effect": "Allow", "Action": ["codeartifact:GetAuthorizationToken", "sts:GetServiceBearerToken"], "Resource": "*"}`
	mayRead       = `{"Effect": "Allow", "Action": ["codeartifact:ReadFromRepository", "codeartifact:GetRepositoryEndpoint"], "Resource": "*"}`
)

// sharing are two accounts: the first has a domain with a repository, the
// second a user who wants to work with it.
type sharing struct {
	server      *server
	ownerAdmin  *person // administers the account that owns the repository
	otherAdmin  *person // administers the account of bob
	bob         *person
	other       string
	repository  repository
	ownerClient *person // publishes for the owner
	statements  int     // that were made, for their Sids
}

func share(t *testing.T, c client) *sharing {
	t.Helper()
	harness.EndToEnd(t)
	t.Parallel()
	c.have(t)
	w := &sharing{server: serve(t, nil)}
	first := administrator(t, w.server)
	var owner string
	owner, w.ownerAdmin = account(t, first, "a")
	w.other, w.otherAdmin = account(t, first, "b")
	w.repository = repository{"acme", owner, "main"}
	w.ownerAdmin.larder(t, "domain", "create", "acme")
	w.ownerAdmin.larder(t, "repository", "create", "main", "--domain", "acme")
	w.ownerClient = user(t, w.ownerAdmin, "ada")
	w.ownerAdmin.larder(t, "user", "policy", "attach", "ada", "AWSCodeArtifactAdminAccess")
	w.bob = user(t, w.otherAdmin, "bob")
	return w
}

// toOther is a statement for the other account.
func (w *sharing) toOther(actions, resource string) string {
	w.statements++
	return fmt.Sprintf(`{"Sid": "SecretName%d", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::%s:root"}, "Action": %s, "Resource": %q}`, w.statements, w.other, actions, resource)
}

func (w *sharing) mayHaveTokens() string {
	return w.toOther(`"codeartifact:GetAuthorizationToken"`, "*")
}
func (w *sharing) mayRead() string {
	return w.toOther(`["codeartifact:ReadFromRepository", "codeartifact:GetRepositoryEndpoint"]`, "*")
}

// TestAnotherAccountReadsOnceBothSidesAllow: account B's client reads account
// A's repository only while policies of both allow it. The token stays the same:
// each change acts on the next request.
func TestAnotherAccountReadsOnceBothSidesAllow(t *testing.T) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			w := share(t, c)
			c.login(t, w.ownerClient, w.repository)
			if out, err := c.publish(t, w.ownerClient, w.repository, c.ours); err != nil {
				t.Fatalf("publish: %v\n%s", err, out)
			}
			if out, err := c.read(t, w.ownerClient, w.repository, c.ours); err != nil {
				t.Fatalf("the owner reads: %v\n%s", err, out)
			}

			// A token needs the same of both.
			noToken := func(when string) {
				t.Helper()
				if out, err := w.bob.try(t, append([]string{harness.Binary, "token"}, w.repository.flags()[:4]...)...); err == nil || !strings.Contains(out, "AccessDenied") {
					t.Errorf("%s a token was given: %v %s", when, err, out)
				}
			}
			noToken("without a grant")
			w.otherAdmin.allow(t, "user", "bob", mayHaveTokens)
			noToken("with the user's policy alone")
			w.otherAdmin.larder(t, "user", "policy", "delete", "bob", "p", "--yes")
			w.ownerAdmin.put(t, "acme", "", w.mayHaveTokens())
			noToken("with the domain's policy alone")
			// Reading is not allowed for login's own questions yet.
			w.otherAdmin.allow(t, "user", "bob", mayHaveTokens, `{"Effect": "Allow", "Action": "codeartifact:GetRepositoryEndpoint", "Resource": "*"}`)
			w.ownerAdmin.put(t, "acme", "main", w.toOther(`"codeartifact:GetRepositoryEndpoint"`, "*"))
			c.login(t, w.bob, w.repository)

			reads := func(when string, want bool) {
				t.Helper()
				out, err := c.read(t, w.bob, w.repository, c.ours)
				if want != (err == nil) {
					t.Errorf("%s: %v\n%s", when, err, out)
				}
				if !want && !strings.Contains(out, "403") {
					t.Errorf("%s: the client does not say that it is forbidden:\n%s", when, out)
				}
				if strings.Contains(out, "SecretName") {
					t.Errorf("%s: the refusal tells of a policy:\n%s", when, out)
				}
			}
			reads("without a grant", false)
			w.ownerAdmin.put(t, "acme", "main", w.mayRead())
			reads("with the repository's grant alone", false)
			w.otherAdmin.allow(t, "user", "bob", mayHaveTokens, mayRead)
			reads("with both", true)
			w.ownerAdmin.larder(t, "policy", "delete", "--domain", "acme", "--repository", "main", "--yes")
			reads("with the repository's grant removed", false)
			w.ownerAdmin.put(t, "acme", "", w.mayHaveTokens(), w.mayRead())
			reads("with the domain's grant", true)
			w.otherAdmin.allow(t, "user", "bob", mayHaveTokens)
			reads("with the user's own grant removed", false)
			w.otherAdmin.allow(t, "user", "bob", mayHaveTokens, mayRead)
			reads("with both again", true)
			w.otherAdmin.larder(t, "user", "delete", "bob", "--yes")
			if out, err := c.read(t, w.bob, w.repository, c.ours); err == nil {
				t.Errorf("the token of a deleted user reads:\n%s", out)
			}
		})
	}
}

// TestPublishingOnePackageAndNoOther: the right to publish one package's ARN
// is for that one, wherever a client's request names the package.
func TestPublishingOnePackageAndNoOther(t *testing.T) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			w := share(t, c)
			// Some clients read before they publish.
			w.ownerAdmin.put(t, "acme", "", w.mayHaveTokens(), w.mayRead())
			w.otherAdmin.allow(t, "user", "bob", mayHaveTokens, mayRead, `{"Effect": "Allow", "Action": ["codeartifact:PublishPackageVersion", "codeartifact:PutPackageMetadata"], "Resource": "*"}`)
			c.login(t, w.bob, w.repository)
			refused := func(when, name string) {
				t.Helper()
				out, err := c.publish(t, w.bob, w.repository, name)
				if err == nil || !strings.Contains(out, "403") {
					t.Errorf("%s, %s: %v\n%s", when, name, err, out)
				}
			}
			refused("without a grant", c.ours)
			w.ownerAdmin.put(t, "acme", "main", w.toOther(`["codeartifact:PublishPackageVersion", "codeartifact:PutPackageMetadata"]`,
				"arn:aws:codeartifact:us-east-1:"+w.repository.owner+":package/acme/main/"+c.pattern))
			for _, name := range c.others {
				refused("with a grant for another", name)
			}
			if out, err := c.publish(t, w.bob, w.repository, c.ours); err != nil {
				t.Errorf("%s: %v\n%s", c.ours, err, out)
			}
			if out, err := c.read(t, w.bob, w.repository, c.ours); err != nil {
				t.Errorf("what was published is not there: %v\n%s", err, out)
			}
			for _, name := range c.others {
				if out, err := c.read(t, w.bob, w.repository, name); err == nil {
					t.Errorf("%s is there:\n%s", name, out)
				}
			}
		})
	}
}
