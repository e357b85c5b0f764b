package iam_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	iamsdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/golang-jwt/jwt/v5"
)

// hostile is a server with two accounts: the first, whose domain "local" has the
// repositories "open" and "secret", and that of mallory, who administers it.
type hostile struct {
	*world
	admin   sdk
	account string
	mallory sdk
	domain  *codeartifact.Client
	theirs  *codeartifact.Client
}

func newHostile(t *testing.T) *hostile {
	t.Helper()
	w := newWorld(t)
	h := &hostile{world: w, admin: w.sdk(w.admin), domain: w.codeartifact(w.admin)}
	status := one[*organizations.CreateAccountOutput](t)(h.admin.org.CreateAccount(t.Context(), &organizations.CreateAccountInput{AccountName: aws.String("b"), Email: aws.String("b@larder.test")})).CreateAccountStatus
	h.account = *status.AccountId
	k := one[*sts.AssumeRoleOutput](t)(h.admin.sts.AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + h.account + ":role/OrganizationAccountAccessRole"), RoleSessionName: aws.String("mallory"),
	})).Credentials
	theirs := creds{*k.AccessKeyId, *k.SecretAccessKey, *k.SessionToken}
	h.mallory, h.theirs = w.sdk(theirs), w.codeartifact(theirs)
	one[*codeartifact.CreateDomainOutput](t)(h.domain.CreateDomain(t.Context(), &codeartifact.CreateDomainInput{Domain: aws.String("local")}))
	for _, name := range []string{"open", "secret"} {
		one[*codeartifact.CreateRepositoryOutput](t)(h.domain.CreateRepository(t.Context(), &codeartifact.CreateRepositoryInput{Domain: aws.String("local"), Repository: &name}))
	}
	return h
}

func (w *world) codeartifact(as creds) *codeartifact.Client {
	return codeartifact.NewFromConfig(w.config(as))
}

// user makes a user of the first account with one policy.
func (h *hostile) user(t *testing.T, name, path, document string) creds {
	t.Helper()
	one[*iamsdk.CreateUserOutput](t)(h.admin.iam.CreateUser(t.Context(), &iamsdk.CreateUserInput{UserName: &name, Path: aws.String(path)}))
	if document != "" {
		one[*iamsdk.PutUserPolicyOutput](t)(h.admin.iam.PutUserPolicy(t.Context(), &iamsdk.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("p"), PolicyDocument: &document}))
	}
	k := one[*iamsdk.CreateAccessKeyOutput](t)(h.admin.iam.CreateAccessKey(t.Context(), &iamsdk.CreateAccessKeyInput{UserName: &name})).AccessKey
	return creds{id: *k.AccessKeyId, secret: *k.SecretAccessKey}
}

func (h *hostile) tokenOf(t *testing.T, as creds, domain, owner string) string {
	t.Helper()
	return *one[*codeartifact.GetAuthorizationTokenOutput](t)(h.codeartifact(as).GetAuthorizationToken(t.Context(), &codeartifact.GetAuthorizationTokenInput{Domain: &domain, DomainOwner: &owner})).AuthorizationToken
}

const everything = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`

// A simulation of one's own user must not tell what a 403 does not: whether a
// repository of another account exists, and what its policy says.
func TestASimulationTellsNothingOfAnotherAccountsPolicies(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	one[*iamsdk.CreateUserOutput](t)(h.mallory.iam.CreateUser(t.Context(), &iamsdk.CreateUserInput{UserName: aws.String("m")}))
	one[*iamsdk.PutUserPolicyOutput](t)(h.mallory.iam.PutUserPolicy(t.Context(), &iamsdk.PutUserPolicyInput{UserName: aws.String("m"), PolicyName: aws.String("p"), PolicyDocument: aws.String(everything)}))
	simulate := func(c sdk, repository string) string {
		t.Helper()
		r := one[*iamsdk.SimulatePrincipalPolicyOutput](t)(c.iam.SimulatePrincipalPolicy(t.Context(), &iamsdk.SimulatePrincipalPolicyInput{
			PolicySourceArn: aws.String("arn:aws:iam::" + h.account + ":user/m"), ActionNames: []string{"codeartifact:ReadFromRepository"},
			ResourceArns: []string{"arn:aws:codeartifact:" + region + ":000000000000:repository/local/" + repository},
		})).EvaluationResults[0]
		text := fmt.Sprint(r.EvalDecision, r.EvalDecisionDetails)
		for _, m := range r.MatchedStatements {
			text += " " + *m.SourcePolicyId
		}
		return text
	}
	if there, not := simulate(h.mallory, "secret"), simulate(h.mallory, "nothing"); there != not {
		t.Errorf("a repository that is there: %s\none that is not: %s", there, not)
	}
	put := func(statements string) {
		t.Helper()
		one[*codeartifact.PutRepositoryPermissionsPolicyOutput](t)(h.domain.PutRepositoryPermissionsPolicy(t.Context(), &codeartifact.PutRepositoryPermissionsPolicyInput{
			Domain: aws.String("local"), Repository: aws.String("secret"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[` + statements + `]}`),
		}))
	}
	put(`{"Sid":"FirePartnersInMay","Effect":"Deny","Principal":"*","Action":"codeartifact:ReadFromRepository","Resource":"*"}`)
	if got := simulate(h.mallory, "secret"); got != "explicitDenymap[] a policy of the repository" {
		t.Errorf("got %s", got)
	}
	// Who may read the policy is told its statement.
	put(`{"Sid":"FirePartnersInMay","Effect":"Deny","Principal":"*","Action":"codeartifact:ReadFromRepository","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"` + h.account + `"},"Action":"codeartifact:GetRepositoryPermissionsPolicy","Resource":"*"}`)
	if got := simulate(h.mallory, "secret"); !strings.HasSuffix(got, "repository/local/secret statement 1 (FirePartnersInMay)") {
		t.Errorf("got %s", got)
	}
	_, err := h.mallory.iam.SimulatePrincipalPolicy(t.Context(), &iamsdk.SimulatePrincipalPolicyInput{
		PolicySourceArn: aws.String("arn:aws:iam::000000000000:user/admin"), ActionNames: []string{"codeartifact:ListDomains"},
	})
	code(t, err, "NoSuchEntity")
}

// Nobody learns from a refusal whether a user or role is there.
func TestRefusalsOfUsersAndRolesAreThoseOfOnesThatAreNotThere(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	h.user(t, "ada", "/secret-project/", "")
	one[*iamsdk.CreateRoleOutput](t)(h.admin.iam.CreateRole(t.Context(), &iamsdk.CreateRoleInput{RoleName: aws.String("ci"), Path: aws.String("/secret-project/"), AssumeRolePolicyDocument: aws.String(trust)}))
	nobody := h.sdk(h.user(t, "nobody", "/", ""))
	for what, ask := range map[string]func(name string) error{
		"GetUser": func(n string) error {
			_, err := nobody.iam.GetUser(t.Context(), &iamsdk.GetUserInput{UserName: &n})
			return err
		},
		"DeleteUser": func(n string) error {
			_, err := nobody.iam.DeleteUser(t.Context(), &iamsdk.DeleteUserInput{UserName: &n})
			return err
		},
		"ListAccessKeys": func(n string) error {
			_, err := nobody.iam.ListAccessKeys(t.Context(), &iamsdk.ListAccessKeysInput{UserName: &n})
			return err
		},
		"GetRole": func(n string) error {
			_, err := nobody.iam.GetRole(t.Context(), &iamsdk.GetRoleInput{RoleName: &n})
			return err
		},
		"AssumeRole": func(n string) error {
			_, err := nobody.sts.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::000000000000:role/secret-project/" + n), RoleSessionName: aws.String("s1")})
			return err
		},
	} {
		for _, name := range []string{"ada", "ci"} {
			there, not := ask(name), ask("zzz")
			code(t, there, "AccessDenied")
			mask := func(err error, name string) string {
				s := err.Error()
				if i := strings.Index(s, "User:"); i >= 0 {
					s = s[i:]
				}
				return strings.ReplaceAll(s, "/"+name, "/NAME")
			}
			if a, b := mask(there, name), mask(not, "zzz"); a != b {
				t.Errorf("%s %s:\n%s\nbut for one that is not there:\n%s", what, name, a, b)
			}
		}
	}
}

// Session tags that differ in letter case only are one twice (IAM User Guide,
// "Pass session tags"): a policy must not see the one that it allows.
func TestSessionTagsCannotBeSpelledTwice(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	one[*iamsdk.CreateRoleOutput](t)(h.admin.iam.CreateRole(t.Context(), &iamsdk.CreateRoleInput{RoleName: aws.String("ci"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],"Principal":{"AWS":"000000000000"},"Condition":{"StringEquals":{"aws:RequestTag/team":"web"}}}]}`)}))
	for range 10 { // an answer by chance would be another now and then
		_, err := h.admin.sts.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::000000000000:role/ci"), RoleSessionName: aws.String("s1"), Tags: []ststypes.Tag{
			{Key: aws.String("team"), Value: aws.String("web")}, {Key: aws.String("Team"), Value: aws.String("payments")},
		}})
		if err == nil {
			t.Fatal("a session has the tag team and the tag Team")
		}
	}
}

// A token is for one domain, one identity, and as long as that is there.
func TestTokensOfElsewhere(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	one[*codeartifact.CreateDomainOutput](t)(h.domain.CreateDomain(t.Context(), &codeartifact.CreateDomainInput{Domain: aws.String("other")}))
	one[*codeartifact.CreateRepositoryOutput](t)(h.domain.CreateRepository(t.Context(), &codeartifact.CreateRepositoryInput{Domain: aws.String("other"), Repository: aws.String("open")}))
	// The other account has a domain of the same name.
	one[*codeartifact.CreateDomainOutput](t)(h.theirs.CreateDomain(t.Context(), &codeartifact.CreateDomainInput{Domain: aws.String("local")}))
	one[*codeartifact.CreateRepositoryOutput](t)(h.theirs.CreateRepository(t.Context(), &codeartifact.CreateRepositoryInput{Domain: aws.String("local"), Repository: aws.String("open")}))
	ada := h.user(t, "ada", "/", everything)
	token := h.tokenOf(t, ada, "local", first)
	if status, body := h.publish(t, token, "local", first, "open", "lib", "1.0.0"); status != 201 {
		t.Fatalf("publish: %d %s", status, body)
	}
	for path, want := range map[string]int{
		"/npm/d/local-000000000000/open/lib":       200,
		"/npm/d/other-000000000000/open/lib":       401,
		"/npm/d/local-" + h.account + "/open/lib":  401,
		"/npm/d/local-999999999999/open/lib":       401,
		"/npm/d/nothing-000000000000/open/lib":     401,
		"/npm/d/LOCAL-000000000000/open/lib":       401,
		"/npm/d/local-000000000000/OPEN/lib":       404,
		"/npm/d/local-000000000000/nothing/lib":    404, // who may read the domain is told
		"/npm/d/local-000000000000/open%00/lib":    404,
		"/npm/d/local-000000000000/%D0%BEpen/lib":  404, // a Cyrillic letter
		"/npm/d/local-000000000000/open/%6c%69%62": 200,
		"/npm/d/local-000000000000%2fopen/lib":     404,
	} {
		if status, body := h.get(t, token, path); status != want && (want < 400 || status < 400 || status >= 500) {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
	// It is no credential for the control plane, nor is a secret one for packages.
	if status, _ := h.get(t, token, "/v1/domains"); status < 400 {
		t.Errorf("the control plane takes the token: %d", status)
	}
	for _, bad := range []string{ada.secret, ada.id + ":" + ada.secret, token + "x", token[:len(token)-2], "", " "} {
		if status, _ := h.get(t, bad, "/npm/d/local-000000000000/open/lib"); status != 401 {
			t.Errorf("%d for a bad token", status)
		}
	}
	// A user of the same name is another.
	h.delete(t, "ada")
	if status, _ := h.get(t, token, "/npm/d/local-000000000000/open/lib"); status != 401 {
		t.Errorf("the token of a deleted user: %d", status)
	}
	h.user(t, "ada", "/", everything)
	if status, _ := h.get(t, token, "/npm/d/local-000000000000/open/lib"); status != 401 {
		t.Errorf("the token of a deleted user, once there is one of that name: %d", status)
	}
}

func (h *hostile) delete(t *testing.T, name string) {
	t.Helper()
	for _, k := range one[*iamsdk.ListAccessKeysOutput](t)(h.admin.iam.ListAccessKeys(t.Context(), &iamsdk.ListAccessKeysInput{UserName: &name})).AccessKeyMetadata {
		one[*iamsdk.DeleteAccessKeyOutput](t)(h.admin.iam.DeleteAccessKey(t.Context(), &iamsdk.DeleteAccessKeyInput{UserName: &name, AccessKeyId: k.AccessKeyId}))
	}
	one[*iamsdk.DeleteUserPolicyOutput](t)(h.admin.iam.DeleteUserPolicy(t.Context(), &iamsdk.DeleteUserPolicyInput{UserName: &name, PolicyName: aws.String("p")}))
	one[*iamsdk.DeleteUserOutput](t)(h.admin.iam.DeleteUser(t.Context(), &iamsdk.DeleteUserInput{UserName: &name}))
}

// A session that stands already follows its role: what the role may, that it
// is there, and that its account is open.
func TestASessionFollowsItsRole(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	role := aws.String("ci")
	put := func(document string) {
		t.Helper()
		one[*iamsdk.PutRolePolicyOutput](t)(h.admin.iam.PutRolePolicy(t.Context(), &iamsdk.PutRolePolicyInput{RoleName: role, PolicyName: aws.String("p"), PolicyDocument: &document}))
	}
	one[*iamsdk.CreateRoleOutput](t)(h.admin.iam.CreateRole(t.Context(), &iamsdk.CreateRoleInput{RoleName: role, AssumeRolePolicyDocument: aws.String(trust)}))
	put(everything)
	k := one[*sts.AssumeRoleOutput](t)(h.admin.sts.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::000000000000:role/ci"), RoleSessionName: aws.String("s1")})).Credentials
	session := creds{*k.AccessKeyId, *k.SecretAccessKey, *k.SessionToken}
	token := h.tokenOf(t, session, "local", first)
	asks := func(when string, want int, code string) {
		t.Helper()
		if status, body := h.get(t, token, "/npm/d/local-000000000000/open/-/ping"); status != want {
			t.Errorf("%s: %d %s, want %d", when, status, body, want)
		}
		_, err := h.codeartifact(session).ListRepositoriesInDomain(t.Context(), &codeartifact.ListRepositoriesInDomainInput{Domain: aws.String("local")})
		if got := fmt.Sprint(err); !strings.Contains(got, code) {
			t.Errorf("%s: %v, want %s", when, err, code)
		}
	}
	asks("with a policy for everything", 200, "<nil>")
	put(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}`)
	asks("with less", 403, "AccessDenied")
	put(everything)
	one[*iamsdk.PutRolePermissionsBoundaryOutput](t)(h.admin.iam.PutRolePermissionsBoundary(t.Context(), &iamsdk.PutRolePermissionsBoundaryInput{RoleName: role, PermissionsBoundary: aws.String("arn:aws:iam::aws:policy/IAMReadOnlyAccess")}))
	asks("with a boundary", 403, "AccessDenied")
	one[*iamsdk.DeleteRolePermissionsBoundaryOutput](t)(h.admin.iam.DeleteRolePermissionsBoundary(t.Context(), &iamsdk.DeleteRolePermissionsBoundaryInput{RoleName: role}))
	asks("without it", 200, "<nil>")
	one[*iamsdk.DeleteRolePolicyOutput](t)(h.admin.iam.DeleteRolePolicy(t.Context(), &iamsdk.DeleteRolePolicyInput{RoleName: role, PolicyName: aws.String("p")}))
	one[*iamsdk.DeleteRoleOutput](t)(h.admin.iam.DeleteRole(t.Context(), &iamsdk.DeleteRoleInput{RoleName: role}))
	asks("without the role", 401, "UnrecognizedClient")
	one[*iamsdk.CreateRoleOutput](t)(h.admin.iam.CreateRole(t.Context(), &iamsdk.CreateRoleInput{RoleName: role, AssumeRolePolicyDocument: aws.String(trust)}))
	put(everything)
	asks("with another role of that name", 401, "UnrecognizedClient")
}

// An account that administers a repository in another's domain is no key to
// that domain: not by a link, not by a copy, not by its own policies.
func TestAnAdministratorOfARepositoryReachesNoOther(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	put := func(statements string) {
		t.Helper()
		one[*codeartifact.PutDomainPermissionsPolicyOutput](t)(h.domain.PutDomainPermissionsPolicy(t.Context(), &codeartifact.PutDomainPermissionsPolicyInput{
			Domain: aws.String("local"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[` + statements + `]}`),
		}))
	}
	grant := `{"Effect":"Allow","Principal":{"AWS":"` + h.account + `"},"Action":["codeartifact:CreateRepository","codeartifact:GetAuthorizationToken"],"Resource":"*"}`
	put(grant)
	local, owner := aws.String("local"), aws.String(first)
	one[*codeartifact.CreateRepositoryOutput](t)(h.theirs.CreateRepository(t.Context(), &codeartifact.CreateRepositoryInput{Domain: local, DomainOwner: owner, Repository: aws.String("theirs")}))

	admin := h.tokenOf(t, h.world.admin, "local", first)
	if status, body := h.publish(t, admin, "local", first, "secret", "lib", "1.0.0"); status != 201 {
		t.Fatalf("publish: %d %s", status, body)
	}
	mallory := *one[*codeartifact.GetAuthorizationTokenOutput](t)(h.theirs.GetAuthorizationToken(t.Context(), &codeartifact.GetAuthorizationTokenInput{Domain: local, DomainOwner: owner})).AuthorizationToken
	if status, body := h.publish(t, mallory, "local", first, "theirs", "tool", "1.0.0"); status != 201 {
		t.Errorf("publish into one's own repository: %d %s", status, body)
	}
	_, err := h.theirs.UpdateRepository(t.Context(), &codeartifact.UpdateRepositoryInput{Domain: local, DomainOwner: owner, Repository: aws.String("theirs"), Upstreams: upstreamsTo("secret")})
	code(t, err, "AccessDeniedException")
	_, err = h.theirs.CreateRepository(t.Context(), &codeartifact.CreateRepositoryInput{Domain: local, DomainOwner: owner, Repository: aws.String("linked"), Upstreams: upstreamsTo("secret")})
	code(t, err, "AccessDeniedException")
	_, missing := h.theirs.UpdateRepository(t.Context(), &codeartifact.UpdateRepositoryInput{Domain: local, DomainOwner: owner, Repository: aws.String("theirs"), Upstreams: upstreamsTo("nothing")})
	code(t, missing, "AccessDeniedException")
	for _, source := range []string{"secret", "nothing"} {
		_, err = h.theirs.CopyPackageVersions(t.Context(), &codeartifact.CopyPackageVersionsInput{
			Domain: local, DomainOwner: owner, SourceRepository: &source, DestinationRepository: aws.String("theirs"), Format: "npm", Package: aws.String("lib"), Versions: []string{"1.0.0"},
		})
		code(t, err, "AccessDeniedException")
	}
	_, err = h.theirs.PutRepositoryPermissionsPolicy(t.Context(), &codeartifact.PutRepositoryPermissionsPolicyInput{Domain: local, DomainOwner: owner, Repository: aws.String("secret"), PolicyDocument: aws.String(everythingForAll)})
	code(t, err, "AccessDeniedException")
	_, err = h.theirs.PutDomainPermissionsPolicy(t.Context(), &codeartifact.PutDomainPermissionsPolicyInput{Domain: local, DomainOwner: owner, PolicyDocument: aws.String(everythingForAll)})
	code(t, err, "AccessDeniedException")
	// Its own repository's policy lets others into its repository, and nowhere else.
	one[*codeartifact.PutRepositoryPermissionsPolicyOutput](t)(h.theirs.PutRepositoryPermissionsPolicy(t.Context(), &codeartifact.PutRepositoryPermissionsPolicyInput{Domain: local, DomainOwner: owner, Repository: aws.String("theirs"), PolicyDocument: aws.String(everythingForAll)}))
	if status, _ := h.get(t, mallory, "/npm/d/local-000000000000/secret/lib"); status != 403 {
		t.Errorf("the secret is read: %d", status)
	}
	// The owner of the domain has the last word.
	put(grant + `,{"Effect":"Deny","Principal":{"AWS":"` + h.account + `"},"Action":"codeartifact:*","Resource":"*"}`)
	if status, _ := h.get(t, mallory, "/npm/d/local-000000000000/theirs/tool"); status != 403 {
		t.Errorf("what the domain denies is read: %d", status)
	}
}

const everythingForAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"codeartifact:*","Resource":"*"}]}`

// A role that trusts another account's principal by name does not trust that
// account's other principals, nor one without the external id.
func TestConfusedDeputies(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	role := aws.String("arn:aws:iam::000000000000:role/deputy")
	one[*iamsdk.CreateRoleOutput](t)(h.admin.iam.CreateRole(t.Context(), &iamsdk.CreateRoleInput{RoleName: aws.String("deputy"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::` + h.account + `:user/robot"},"Condition":{"StringEquals":{"sts:ExternalId":"for-us"}}}]}`)}))
	robot := func(name string) sdk {
		one[*iamsdk.CreateUserOutput](t)(h.mallory.iam.CreateUser(t.Context(), &iamsdk.CreateUserInput{UserName: &name}))
		one[*iamsdk.PutUserPolicyOutput](t)(h.mallory.iam.PutUserPolicy(t.Context(), &iamsdk.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("p"), PolicyDocument: aws.String(everything)}))
		k := one[*iamsdk.CreateAccessKeyOutput](t)(h.mallory.iam.CreateAccessKey(t.Context(), &iamsdk.CreateAccessKeyInput{UserName: &name})).AccessKey
		return h.sdk(creds{id: *k.AccessKeyId, secret: *k.SecretAccessKey})
	}
	assume := func(c sdk, external *string) error {
		_, err := c.sts.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: role, RoleSessionName: aws.String("s1"), ExternalId: external})
		return err
	}
	named := robot("robot")
	check(t, assume(named, aws.String("for-us")))
	code(t, assume(named, nil), "AccessDenied")
	code(t, assume(named, aws.String("FOR-US")), "AccessDenied")
	code(t, assume(robot("robot2"), aws.String("for-us")), "AccessDenied")
	code(t, assume(h.mallory, aws.String("for-us")), "AccessDenied")
	// Its own policy has to allow it, too.
	one[*iamsdk.DeleteUserPolicyOutput](t)(h.mallory.iam.DeleteUserPolicy(t.Context(), &iamsdk.DeleteUserPolicyInput{UserName: aws.String("robot"), PolicyName: aws.String("p")}))
	code(t, assume(named, aws.String("for-us")), "AccessDenied")
	// Nobody outside the account manages its users by naming them.
	for _, arn := range []string{"arn:aws:iam::000000000000:policy/p", "arn:aws:iam::000000000000:oidc-provider/x.test"} {
		_, err := h.mallory.iam.GetPolicy(t.Context(), &iamsdk.GetPolicyInput{PolicyArn: &arn})
		code(t, err, "NoSuchEntity")
	}
}

// A provider whose host is a word of AWS's own cannot say what AWS's keys say.
func TestClaimsCannotPoseAsKeysOfAWS(t *testing.T) {
	t.Parallel()
	ci := newCISystem(t)
	w := newWorldAsking(t, ci.Client())
	c := w.sdk(w.admin)
	host := strings.TrimPrefix(ci.URL, "https://")
	one[*iamsdk.CreateOpenIDConnectProviderOutput](t)(c.iam.CreateOpenIDConnectProvider(t.Context(), &iamsdk.CreateOpenIDConnectProviderInput{Url: &ci.URL, ClientIDList: []string{"sts.larder.test"}}))
	one[*iamsdk.CreateRoleOutput](t)(c.iam.CreateRole(t.Context(), &iamsdk.CreateRoleInput{RoleName: aws.String("job"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity","Principal":{"Federated":"arn:aws:iam::000000000000:oidc-provider/` + host + `"},
		"Condition":{"StringEquals":{"` + host + `:environment":"release"}}}]}`)}))
	for range 10 { // an answer by chance would be another now and then
		_, err := c.sts.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: aws.String("arn:aws:iam::000000000000:role/job"), RoleSessionName: aws.String("s1"),
			WebIdentityToken: aws.String(ci.token(t, jwt.MapClaims{"environment": "test", "Environment": "release"})),
		})
		code(t, err, "AccessDenied")
	}
}

// Of a request that was caught on its way nothing else can be made.
func TestACaughtRequestIsGoodForItselfAlone(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	form := url.Values{"Action": {"ListUsers"}, "Version": {"2010-05-08"}}.Encode()
	caught := h.signed(t, h.world.admin, "iam", form)
	resend := func(change func(r *http.Request)) int {
		t.Helper()
		r := caught.Clone(t.Context())
		r.Body = body(form)
		change(r)
		answer, err := http.DefaultClient.Do(r)
		check(t, err)
		answer.Body.Close()
		return answer.StatusCode
	}
	if got := resend(func(*http.Request) {}); got != 200 {
		t.Fatalf("as it was sent: %d", got)
	}
	for name, change := range map[string]func(r *http.Request){
		"another action in the body": func(r *http.Request) {
			f := strings.Replace(form, "ListUsers", "ListRoles", 1)
			r.Body, r.ContentLength = body(f), int64(len(f))
		},
		"another action in the query": func(r *http.Request) { r.URL.RawQuery = "Action=ListRoles" },
		"a target": func(r *http.Request) {
			r.Header.Set("X-Amz-Target", "AWSOrganizationsV20161128.ListAccounts")
			r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		},
		"another path":   func(r *http.Request) { r.URL.Path = "/v1/domains" },
		"another method": func(r *http.Request) { r.Method = "PUT" },
		"another time": func(r *http.Request) {
			r.Header.Set("X-Amz-Date", time.Now().Add(time.Minute).UTC().Format("20060102T150405Z"))
		},
		"a session": func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "x") },
	} {
		if got := resend(change); got == 200 {
			t.Errorf("%s: %d", name, got)
		}
	}
}

// A closed account's credentials are good for nothing, and what others granted
// it with them.
func TestAClosedAccountReachesNothing(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	one[*codeartifact.PutDomainPermissionsPolicyOutput](t)(h.domain.PutDomainPermissionsPolicy(t.Context(), &codeartifact.PutDomainPermissionsPolicyInput{Domain: aws.String("local"), PolicyDocument: aws.String(everythingForAll)}))
	token := *one[*codeartifact.GetAuthorizationTokenOutput](t)(h.theirs.GetAuthorizationToken(t.Context(), &codeartifact.GetAuthorizationTokenInput{Domain: aws.String("local"), DomainOwner: aws.String(first)})).AuthorizationToken
	if status, _ := h.get(t, token, "/npm/d/local-000000000000/open/-/ping"); status != 200 {
		t.Fatalf("before: %d", status)
	}
	one[*organizations.CloseAccountOutput](t)(h.admin.org.CloseAccount(t.Context(), &organizations.CloseAccountInput{AccountId: &h.account}))
	if status, _ := h.get(t, token, "/npm/d/local-000000000000/open/-/ping"); status != 401 {
		t.Errorf("a token of a closed account: %d", status)
	}
	_, err := h.theirs.ListDomains(t.Context(), &codeartifact.ListDomainsInput{})
	code(t, err, "UnrecognizedClientException")
}

func upstreamsTo(name string) []types.UpstreamRepository {
	return []types.UpstreamRepository{{RepositoryName: &name}}
}

func body(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }

// signed gives a request of the query protocol as a client signs it.
func (w *world) signed(t *testing.T, as creds, service, form string) *http.Request {
	t.Helper()
	r, err := http.NewRequest("POST", w.url+"/", strings.NewReader(form))
	check(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(form))
	check(t, v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: as.id, SecretAccessKey: as.secret}, r, hex.EncodeToString(sum[:]), service, region, time.Now()))
	return r
}
