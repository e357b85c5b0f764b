package policy

import (
	"context"
	"testing"

	"larder/registry"
)

const (
	alice = "111122223333"
	bob   = "444455556666"
)

func user(account string) registry.Actor {
	return registry.Actor{Account: account, Principal: "arn:aws:iam::" + account + ":user/admin"}
}

func TestOwnerOnly(t *testing.T) {
	domain := registry.DomainID{Owner: alice, Name: "local"}
	repo := registry.RepoID{Domain: domain, Name: "main"}
	react := registry.PackageID{Format: registry.NPM, Name: "react"}
	administered := repo.Resource()
	administered.Administrator = bob
	pkg := repo.Package(react)
	pkg.Administrator = bob
	token := user(alice)
	token.Domain = domain
	root := registry.Actor{Account: alice, Principal: "arn:aws:iam::" + alice + ":root"}
	nothing := registry.Resource{}
	const allow = registry.Code(-1)

	for _, c := range []struct {
		name     string
		actor    registry.Actor
		action   registry.Action
		resource registry.Resource
		want     registry.Code
		msg      string
	}{
		{"the owner reads the domain", user(alice), registry.DescribeDomain, domain.Resource(), allow, ""},
		{"the owner reads a repository", user(alice), registry.ReadFromRepository, repo.Resource(), allow, ""},
		{"the owner publishes", user(alice), registry.PublishPackageVersion, repo.Package(react), allow, ""},
		{"the owner acts on what another account administers", user(alice), registry.PublishPackageVersion, pkg, allow, ""},
		{"the administrator reads its repository", user(bob), registry.ReadFromRepository, administered, allow, ""},
		{"the administrator publishes into it", user(bob), registry.PublishPackageVersion, pkg, allow, ""},
		{"the administrator of a repository has no right on the domain", user(bob), registry.DescribeDomain, domain.Resource(), registry.Denied,
			"User: arn:aws:iam::444455556666:user/admin is not authorized to perform: codeartifact:DescribeDomain on resource: arn:aws:codeartifact:eu-west-1:111122223333:domain/local"},
		{"another account reads nothing", user(bob), registry.ReadFromRepository, repo.Resource(), registry.Denied,
			"User: arn:aws:iam::444455556666:user/admin is not authorized to perform: codeartifact:ReadFromRepository on resource: arn:aws:codeartifact:eu-west-1:111122223333:repository/local/main"},
		{"another account publishes nothing", user(bob), registry.PublishPackageVersion, repo.Package(react), registry.Denied,
			"User: arn:aws:iam::444455556666:user/admin is not authorized to perform: codeartifact:PublishPackageVersion on resource: arn:aws:codeartifact:eu-west-1:111122223333:package/local/main/npm//react"},
		{"anonymous is asked for a credential", registry.Actor{}, registry.ReadFromRepository, repo.Resource(), registry.Unauthenticated,
			"no credential was sent; send an authorization token"},
		{"anonymous is nobody's administrator", registry.Actor{}, registry.ReadFromRepository, registry.RepoID{}.Resource(), registry.Unauthenticated,
			"no credential was sent; send an authorization token"},
		{"a token acts in its domain", token, registry.ReadFromRepository, repo.Resource(), allow, ""},
		{"a token of another domain is no credential", token, registry.ReadFromRepository, registry.RepoID{Domain: registry.DomainID{Owner: alice, Name: "other"}, Name: "main"}.Resource(), registry.Unauthenticated,
			"the authorization token is for domain local of account 111122223333; get one for the domain that is asked"},
		{"a token does nothing for the whole account", token, registry.ListDomains, nothing, registry.Unauthenticated,
			"the authorization token is for domain local of account 111122223333; get one for the domain that is asked"},
		{"anyone lists the domains of their account", user(bob), registry.ListDomains, nothing, allow, ""},
		{"anyone lists the repositories of their account", user(bob), registry.ListRepositories, nothing, allow, ""},
		{"a user obtains tokens", user(bob), registry.GetServiceBearerToken, nothing, allow, ""},
		{"root does not", root, registry.GetServiceBearerToken, nothing, registry.Denied,
			"User: arn:aws:iam::111122223333:root is not authorized to perform: sts:GetServiceBearerToken on resource: *"},
		{"another action without a resource is refused", user(alice), registry.DescribeDomain, nothing, registry.Denied,
			"User: arn:aws:iam::111122223333:user/admin is not authorized to perform: codeartifact:DescribeDomain on resource: *"},
		{"the first account sets connections", user(firstAccount), registry.PutConnection, registry.Resource{Type: registry.ConnectionResource, Name: "public:npmjs"}, allow, ""},
		{"another account does not", user(alice), registry.PutConnection, registry.Resource{Type: registry.ConnectionResource, Name: "public:npmjs"}, registry.Denied,
			"User: arn:aws:iam::111122223333:user/admin is not authorized to perform: larder:PutConnection on resource: *"},
	} {
		t.Run(c.name, func(t *testing.T) {
			access := registry.Access{Actor: c.actor, Action: c.action, Resource: c.resource}
			for method, decide := range map[string]func(context.Context, registry.Access) error{
				"Authorize": OwnerOnly{"eu-west-1"}.Authorize, "Possible": OwnerOnly{"eu-west-1"}.Possible,
			} {
				err := decide(t.Context(), access)
				if c.want == allow {
					if err != nil {
						t.Errorf("%s: got %v, want allowed", method, err)
					}
					continue
				}
				if err == nil || registry.CodeOf(err) != c.want || err.Error() != c.msg {
					t.Errorf("%s: got %v, want %q", method, err, c.msg)
				}
			}
		})
	}
}
