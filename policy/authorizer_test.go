package policy

import (
	"slices"
	"strings"
	"testing"

	"larder/registry"
)

// decisionCase is one row of the decision tables: policies, a request, and
// what becomes of it.
type decisionCase struct {
	name     string
	who      string // actorOf
	action   string // without prefix: CodeArtifact's
	on       string // things
	identity string // lines of document
	domain   string
	repo     string // policy of the repository that is asked
	session  string
	boundary string
	change   func(*registry.Access)

	want string // "allow" or "deny", and by which statements: side/Sid; "deny" alone: by silence
}

// TestDecisions holds decisions to the rules of spec 5.3 and AWS's evaluation
// logic (IAM User Guide, "Policy evaluation logic", "Cross-account policy
// evaluation logic").
func TestDecisions(t *testing.T) {
	const read, publish = "ReadFromRepository", "PublishPackageVersion"
	from := func(address string) func(*registry.Access) {
		return func(a *registry.Access) { a.Actor.Source = mustAddr(address) }
	}
	with := func(key, value string) func(*registry.Access) {
		return func(a *registry.Access) { a.Context = map[string]string{key: value} }
	}
	for _, c := range []decisionCase{
		// Nothing means no.
		{name: "no policy at all, own account", who: "A/u", action: read, on: "repo", want: "deny"},
		{name: "no policy at all, other account", who: "B/u", action: read, on: "repo", want: "deny"},
		{name: "no policy at all, administrator's account", who: "C/u", action: read, on: "team", want: "deny"},
		{name: "a policy about another action", who: "A/u", action: read, on: "repo", identity: `S: allow DescribeRepository *`, want: "deny"},
		{name: "a policy about another repository", who: "A/u", action: read, on: "repo", identity: `S: allow ReadFromRepository second`, want: "deny"},
		{name: "a policy about another account's repository", who: "A/u", action: read, on: "repo", identity: `S: allow ReadFromRepository arn:aws:codeartifact:eu-west-1:444455556666:repository/acme/main`, want: "deny"},
		{name: "a policy about another region", who: "A/u", action: read, on: "repo", identity: `S: allow ReadFromRepository arn:aws:codeartifact:us-east-1:111122223333:repository/acme/main`, want: "deny"},

		// The caller's account owns the domain: one side is enough.
		{name: "identity policy alone", who: "A/u", action: read, on: "repo", identity: `S: allow ReadFromRepository *`, want: "allow identity/S"},
		{name: "identity policy by ARN", who: "A/u", action: read, on: "repo", identity: `S: allow ReadFromRepository repo`, want: "allow identity/S"},
		{name: "identity policy by wildcard ARN", who: "A/u", action: read, on: "repo", identity: `S: allow ReadFromRepository repository/acme/m*`, want: "allow identity/S"},
		{name: "identity policy with action wildcard", who: "A/u", action: read, on: "repo", identity: `S: allow Read* repo`, want: "allow identity/S"},
		{name: "letter case of actions does not count", who: "A/u", action: read, on: "repo", identity: `S: allow CODEARTIFACT:readfromREPOSITORY repo`, want: "allow identity/S"},
		{name: "letter case of ARNs counts", who: "A/u", action: read, on: "repo", identity: `S: allow Read* repository/acme/MAIN`, want: "deny"},
		{name: "everything", who: "A/u", action: read, on: "repo", identity: `S: allow * *`, want: "allow identity/S"},
		{name: "repository policy alone, by account", who: "A/u", action: read, on: "repo", repo: `S: allow A ReadFromRepository *`, want: "allow repository/S"},
		{name: "repository policy alone, by user", who: "A/u", action: read, on: "repo", repo: `S: allow A/u ReadFromRepository *`, want: "allow repository/S"},
		{name: "repository policy alone, by everybody", who: "A/u", action: read, on: "repo", repo: `S: allow * ReadFromRepository *`, want: "allow repository/S"},
		{name: "repository policy for another user", who: "A/u", action: read, on: "repo", repo: `S: allow A/v ReadFromRepository *`, want: "deny"},
		{name: "domain policy alone", who: "A/u", action: read, on: "repo", domain: `S: allow A ReadFromRepository *`, want: "allow domain/S"},
		{name: "domain policy by the repository's ARN", who: "A/u", action: read, on: "repo", domain: `S: allow A ReadFromRepository repo`, want: "allow domain/S"},
		{name: "domain policy by another repository's ARN", who: "A/u", action: read, on: "repo", domain: `S: allow A ReadFromRepository second`, want: "deny"},
		{name: "identity policy comes first in the explanation", who: "A/u", action: read, on: "repo", identity: `I: allow ReadFromRepository *`, domain: `D: allow A ReadFromRepository *`, want: "allow identity/I"},
		{name: "silence of one policy is no denial", who: "A/u", action: read, on: "repo", domain: `D: allow B ReadFromRepository *`, repo: `R: allow A ReadFromRepository *`, want: "allow repository/R"},
		{name: "a repository that another account administers, domain owner's identity policy", who: "A/u", action: read, on: "team", identity: `S: allow ReadFromRepository *`, want: "allow identity/S"},
		{name: "a repository that another account administers, domain policy", who: "A/u", action: publish, on: "teamlib", domain: `S: allow A PublishPackageVersion *`, want: "allow domain/S"},

		// Explicit deny wins, wherever it stands.
		{name: "deny beside allow in one policy", who: "A/u", action: read, on: "repo", identity: "Y: allow * *\nN: deny ReadFromRepository repo", want: "deny identity/N"},
		{name: "deny before allow", who: "A/u", action: read, on: "repo", identity: "N: deny ReadFromRepository repo\nY: allow * *", want: "deny identity/N"},
		{name: "deny in the repository policy", who: "A/u", action: read, on: "repo", identity: `Y: allow * *`, repo: `N: deny A ReadFromRepository *`, want: "deny repository/N"},
		{name: "deny in the domain policy", who: "A/u", action: read, on: "repo", identity: `Y: allow * *`, domain: `N: deny A ReadFromRepository *`, want: "deny domain/N"},
		{name: "deny in the domain policy over an allow of the repository", who: "A/u", action: read, on: "repo", domain: `N: deny * ReadFromRepository *`, repo: `Y: allow * ReadFromRepository *`, want: "deny domain/N"},
		{name: "deny in the identity policy over both resource policies", who: "A/u", action: read, on: "repo", identity: `N: deny Read* *`, domain: `D: allow A ReadFromRepository *`, repo: `R: allow A ReadFromRepository *`, want: "deny identity/N"},
		{name: "deny for another principal", who: "A/u", action: read, on: "repo", identity: `Y: allow * *`, repo: `N: deny A/v ReadFromRepository *`, want: "allow identity/Y"},
		{name: "deny of another action", who: "A/u", action: read, on: "repo", identity: `Y: allow * *`, repo: `N: deny A PublishPackageVersion *`, want: "allow identity/Y"},
		{name: "deny of all but some actions", who: "A/u", action: read, on: "repo", identity: "Y: allow * *\nN: deny !Describe*,List* *", want: "deny identity/N"},
		{name: "deny of all but some actions spares those", who: "A/u", action: "DescribeRepository", on: "repo", identity: "Y: allow * *\nN: deny !Describe*,List* *", want: "allow identity/Y"},
		{name: "deny of all but some resources", who: "A/u", action: read, on: "second", identity: "Y: allow * *\nN: deny ReadFromRepository !repo", want: "deny identity/N"},
		{name: "deny of all but some resources spares those", who: "A/u", action: read, on: "repo", identity: "Y: allow * *\nN: deny ReadFromRepository !repo", want: "allow identity/Y"},
		{name: "deny for other accounts by the administrator's own policy", who: "C/u", action: read, on: "team", identity: `Y: allow * *`, domain: `N: deny C ReadFromRepository *`, want: "deny domain/N"},

		// Not elements.
		{name: "all actions but some", who: "A/u", action: read, on: "repo", identity: `S: allow !Put*,Delete* *`, want: "allow identity/S"},
		{name: "an excepted action", who: "A/u", action: "DeleteRepository", on: "repo", identity: `S: allow !Put*,Delete* *`, want: "deny"},
		{name: "all resources but some", who: "A/u", action: read, on: "second", identity: `S: allow ReadFromRepository !repo`, want: "allow identity/S"},
		{name: "an excepted resource", who: "A/u", action: read, on: "repo", identity: `S: allow ReadFromRepository !repo`, want: "deny"},
		{name: "allow for all principals but one, to another", who: "A/u", action: read, on: "repo", repo: `S: allow !A/v ReadFromRepository *`, want: "allow repository/S"},
		{name: "allow for all principals but one, to that one", who: "A/v", action: read, on: "repo", repo: `S: allow !A/v ReadFromRepository *`, want: "deny"},
		{name: "allow for all but an account, to a user of it", who: "A/v", action: read, on: "repo", repo: `S: allow !A ReadFromRepository *`, want: "deny"},
		{name: "deny for all but a user and its account, to that user", who: "A/u", action: read, on: "repo", identity: `Y: allow * *`, repo: `N: deny !A,A/u ReadFromRepository *`, want: "allow identity/Y"},
		{name: "deny for all but a user and its account, to another user of it", who: "A/v", action: read, on: "repo", identity: `Y: allow * *`, repo: `N: deny !A,A/u ReadFromRepository *`, want: "deny repository/N"},
		{name: "deny for all but a user, account not named", who: "A/u", action: read, on: "repo", identity: `Y: allow * *`, repo: `N: deny !A/u ReadFromRepository *`, want: "deny repository/N"},
		{name: "deny for all but a session with its role and account, to that session", who: "A/role.ci/job", action: read, on: "repo", identity: `Y: allow * *`, repo: `N: deny !A,A/role.ci,A/role.ci/job ReadFromRepository *`, want: "allow identity/Y"},
		{name: "deny for all but a role and its account, to a session of it", who: "A/role.ci/job", action: read, on: "repo", identity: `Y: allow * *`, repo: `N: deny !A,A/role.ci ReadFromRepository *`, want: "deny repository/N"},

		// The caller's account administers the repository.
		{name: "administrator's identity policy alone", who: "C/u", action: read, on: "team", identity: `S: allow ReadFromRepository *`, want: "allow identity/S"},
		{name: "administrator publishes by the identity policy alone", who: "C/u", action: publish, on: "teamlib", identity: `S: allow PublishPackageVersion *`, want: "allow identity/S"},
		{name: "administrator without identity policy, repository policy", who: "C/u", action: read, on: "team", repo: `S: allow C ReadFromRepository *`, want: "deny"},
		{name: "administrator's right ends at its repository", who: "C/u", action: read, on: "repo", identity: `S: allow * *`, want: "deny"},
		{name: "administrator has no right on the domain", who: "C/u", action: "DescribeDomain", on: "dom", identity: `S: allow * *`, want: "deny"},
		{name: "administrator has no right on package groups", who: "C/u", action: "DescribePackageGroup", on: "group", identity: `S: allow * *`, want: "deny"},
		{name: "administrator with a right on the domain", who: "C/u", action: "DescribeDomain", on: "dom", identity: `S: allow * *`, domain: `D: allow C DescribeDomain *`, want: "allow identity/S domain/D"},

		// Other accounts need both sides.
		{name: "identity policy alone does not reach into another account", who: "B/u", action: read, on: "repo", identity: `S: allow * *`, want: "deny"},
		{name: "repository policy alone does not give to another account's user", who: "B/u", action: read, on: "repo", repo: `S: allow B ReadFromRepository *`, want: "deny"},
		{name: "domain policy alone does not", who: "B/u", action: read, on: "repo", domain: `S: allow B ReadFromRepository *`, want: "deny"},
		{name: "both sides, repository policy", who: "B/u", action: read, on: "repo", identity: `I: allow ReadFromRepository *`, repo: `R: allow B ReadFromRepository *`, want: "allow identity/I repository/R"},
		{name: "both sides, domain policy", who: "B/u", action: read, on: "repo", identity: `I: allow ReadFromRepository *`, domain: `D: allow B ReadFromRepository *`, want: "allow identity/I domain/D"},
		{name: "both sides, by the user's ARN", who: "B/u", action: read, on: "repo", identity: `I: allow ReadFromRepository *`, repo: `R: allow B/u ReadFromRepository *`, want: "allow identity/I repository/R"},
		{name: "both sides, everybody", who: "B/u", action: read, on: "repo", identity: `I: allow ReadFromRepository *`, repo: `R: allow * ReadFromRepository *`, want: "allow identity/I repository/R"},
		{name: "both sides, for another user of the account", who: "B/u", action: read, on: "repo", identity: `I: allow ReadFromRepository *`, repo: `R: allow B/v ReadFromRepository *`, want: "deny"},
		{name: "both sides, for a third account", who: "B/u", action: read, on: "repo", identity: `I: allow ReadFromRepository *`, repo: `R: allow C ReadFromRepository *`, want: "deny"},
		{name: "both sides, the repository's about another action", who: "B/u", action: read, on: "repo", identity: `I: allow * *`, repo: `R: allow B DescribeRepository *`, want: "deny"},
		{name: "both sides, the repository's about another repository", who: "B/u", action: read, on: "repo", identity: `I: allow * *`, domain: `D: allow B ReadFromRepository second`, want: "deny"},
		{name: "both sides, then the account's own denial", who: "B/u", action: read, on: "repo", identity: "I: allow * *\nN: deny Read* *", repo: `R: allow B ReadFromRepository *`, want: "deny identity/N"},
		{name: "both sides, then the domain's denial", who: "B/u", action: read, on: "repo", identity: `I: allow * *`, domain: `N: deny B ReadFromRepository *`, repo: `R: allow B ReadFromRepository *`, want: "deny domain/N"},
		{name: "a role of another account, by role ARN", who: "B/role.ci/job", action: read, on: "repo", identity: `I: allow ReadFromRepository *`, repo: `R: allow B/role.ci ReadFromRepository *`, want: "allow identity/I repository/R"},
		{name: "a role of another account, by session ARN", who: "B/role.ci/job", action: read, on: "repo", identity: `I: allow ReadFromRepository *`, repo: `R: allow B/role.ci/job ReadFromRepository *`, want: "allow identity/I repository/R"},
		{name: "a role of another account, by another session's ARN", who: "B/role.ci/job", action: read, on: "repo", identity: `I: allow ReadFromRepository *`, repo: `R: allow B/role.ci/other ReadFromRepository *`, want: "deny"},
		{name: "a role of another account, by another role's ARN", who: "B/role.ci/job", action: read, on: "repo", identity: `I: allow ReadFromRepository *`, repo: `R: allow B/role.cd ReadFromRepository *`, want: "deny"},
		{name: "the root user of another account, by account", who: "B:root", action: read, on: "repo", repo: `R: allow B ReadFromRepository *`, want: "allow identity/ repository/R"},
		{name: "the root user of another account, by user", who: "B:root", action: read, on: "repo", repo: `R: allow B/u ReadFromRepository *`, want: "deny"},
		{name: "token of another account needs the domain's grant", who: "B/u", action: "GetAuthorizationToken", on: "dom", identity: `I: allow * *`, want: "deny"},
		{name: "token of another account with the domain's grant", who: "B/u", action: "GetAuthorizationToken", on: "dom", identity: `I: allow * *`, domain: `D: allow B GetAuthorizationToken *`, want: "allow identity/I domain/D"},
		{name: "creating a repository in another account's domain", who: "C/u", action: "CreateRepository", on: "dom", identity: `I: allow * *`, domain: `D: allow C CreateRepository *`, want: "allow identity/I domain/D"},
		{name: "linking to an upstream of another account", who: "B/u", action: "AssociateWithDownstreamRepository", on: "repo", identity: `I: allow * *`, repo: `R: allow B AssociateWithDownstreamRepository *`, want: "allow identity/I repository/R"},

		// What covers what.
		{name: "a repository policy covers its packages", who: "A/u", action: publish, on: "react", repo: `S: allow A PublishPackageVersion *`, want: "allow repository/S"},
		{name: "a domain policy covers packages", who: "A/u", action: publish, on: "react", domain: `S: allow A PublishPackageVersion *`, want: "allow domain/S"},
		{name: "a domain policy covers package groups", who: "A/u", action: "DescribePackageGroup", on: "group", domain: `S: allow A DescribePackageGroup *`, want: "allow domain/S"},
		{name: "a package group by its ARN", who: "A/u", action: "DescribePackageGroup", on: "group", identity: `S: allow DescribePackageGroup package-group/acme/npm/%2a`, want: "allow identity/S"},
		{name: "a repository policy has no say on the domain", who: "A/u", action: "DescribeDomain", on: "dom", repo: `S: allow A DescribeDomain *`, want: "deny"},
		{name: "a package by its ARN", who: "A/u", action: publish, on: "react", identity: `S: allow PublishPackageVersion package/acme/main/npm//react`, want: "allow identity/S"},
		{name: "a package by another's ARN", who: "A/u", action: publish, on: "core", identity: `S: allow PublishPackageVersion package/acme/main/npm//react`, want: "deny"},
		{name: "a package by its namespace", who: "A/u", action: publish, on: "core", identity: `S: allow PublishPackageVersion package/acme/main/npm/acme/*`, want: "allow identity/S"},
		{name: "a package of another namespace", who: "A/u", action: publish, on: "react", identity: `S: allow PublishPackageVersion package/acme/main/npm/acme/*`, want: "deny"},
		{name: "a package in any repository", who: "A/u", action: publish, on: "react", identity: `S: allow PublishPackageVersion package/acme/*/npm//react`, want: "allow identity/S"},
		{name: "a package by question marks", who: "A/u", action: publish, on: "react", identity: `S: allow PublishPackageVersion package/acme/main/npm//re??t`, want: "allow identity/S"},
		{name: "a package by too few question marks", who: "A/u", action: publish, on: "react", identity: `S: allow PublishPackageVersion package/acme/main/npm//re?t`, want: "deny"},
		{name: "a version is authorized as its package", who: "A/u", action: "GetPackageVersionAsset", on: "version", identity: `S: allow GetPackageVersionAsset package/acme/main/npm//react`, want: "allow identity/S"},
		{name: "a repository's ARN does not cover its packages", who: "A/u", action: publish, on: "react", identity: `S: allow PublishPackageVersion repo`, want: "deny"},
		{name: "everything of CodeArtifact", who: "A/u", action: publish, on: "react", identity: `S: allow codeartifact:* arn:aws:codeartifact:*`, want: "allow identity/S"},
		{name: "everything of an account", who: "A/u", action: publish, on: "react", identity: `S: allow codeartifact:* arn:aws:codeartifact:eu-west-1:111122223333:*`, want: "allow identity/S"},
		{name: "everything of another account", who: "A/u", action: publish, on: "react", identity: `S: allow codeartifact:* arn:aws:codeartifact:eu-west-1:444455556666:*`, want: "deny"},
		{name: "a star does not reach over colons", who: "A/u", action: publish, on: "react", identity: `S: allow codeartifact:* arn:aws:*:package/*`, want: "refused"},
		{name: "an ARN of another service", who: "A/u", action: publish, on: "react", identity: `S: allow codeartifact:* arn:aws:s3:::*`, want: "deny"},
		{name: "a domain's ARN does not cover a repository", who: "A/u", action: read, on: "repo", identity: `S: allow ReadFromRepository dom`, want: "deny"},

		{name: "copying into a repository, by the package", who: "A/u", action: "CopyPackageVersions", on: "react", identity: `S: allow CopyPackageVersions react`, want: "allow identity/S"},
		{name: "copying into a repository, by the repository", who: "A/u", action: "CopyPackageVersions", on: "react", identity: `S: allow CopyPackageVersions repo`, want: "allow identity/S"},
		{name: "copying into a repository, denied by the repository", who: "A/u", action: "CopyPackageVersions", on: "react", identity: "Y: allow * *\nN: deny CopyPackageVersions repo", want: "deny identity/N"},
		{name: "copying into another repository", who: "A/u", action: "CopyPackageVersions", on: "react", identity: `S: allow CopyPackageVersions second`, want: "deny"},
		{name: "creating a repository, by the domain", who: "A/u", action: "CreateRepository", on: "new", identity: `S: allow CreateRepository dom`, want: "allow identity/S"},
		{name: "creating a repository, by its own ARN to be", who: "A/u", action: "CreateRepository", on: "new", identity: `S: allow CreateRepository repository/acme/new`, want: "allow identity/S"},
		{name: "creating a repository of another name", who: "A/u", action: "CreateRepository", on: "new", identity: `S: allow CreateRepository repository/acme/old`, want: "deny"},

		// Actions of an account have no resource: identity policies only.
		{name: "listing domains", who: "A/u", action: "ListDomains", on: "none", identity: `S: allow ListDomains *`, want: "allow identity/S"},
		{name: "listing domains by an ARN", who: "A/u", action: "ListDomains", on: "none", identity: `S: allow ListDomains dom`, want: "deny"},
		{name: "listing domains by all but an ARN", who: "A/u", action: "ListDomains", on: "none", identity: `S: allow ListDomains !dom`, want: "allow identity/S"},
		{name: "listing repositories", who: "B/u", action: "ListRepositories", on: "none", identity: `S: allow List* *`, want: "allow identity/S"},
		{name: "a bearer token", who: "A/u", action: "sts:GetServiceBearerToken", on: "none", identity: `S: allow sts:GetServiceBearerToken * if {"StringEquals":{"sts:AWSServiceName":"codeartifact.amazonaws.com"}}`, change: with("sts:AWSServiceName", "codeartifact.amazonaws.com"), want: "allow identity/S"},
		{name: "a bearer token for another service", who: "A/u", action: "sts:GetServiceBearerToken", on: "none", identity: `S: allow sts:GetServiceBearerToken * if {"StringEquals":{"sts:AWSServiceName":"other.amazonaws.com"}}`, change: with("sts:AWSServiceName", "codeartifact.amazonaws.com"), want: "deny"},
		{name: "a bearer token that lives too long", who: "A/u", action: "sts:GetServiceBearerToken", on: "none", identity: `S: allow sts:GetServiceBearerToken * if {"NumericLessThanEquals":{"sts:DurationSeconds":"3600"}}`, change: with("sts:DurationSeconds", "43200"), want: "deny"},
		{name: "a bearer token that lives as long as it may", who: "A/u", action: "sts:GetServiceBearerToken", on: "none", identity: `S: allow sts:GetServiceBearerToken * if {"NumericLessThanEquals":{"sts:DurationSeconds":"3600"}}`, change: with("sts:DurationSeconds", "3600"), want: "allow identity/S"},
		{name: "a bearer token by the domain policy", who: "A/u", action: "sts:GetServiceBearerToken", on: "none", domain: `S: allow * sts:GetServiceBearerToken *`, want: "deny"},
		{name: "following events", who: "B/u", action: "events:Subscribe", on: "none", identity: `S: allow events:Subscribe *`, want: "allow identity/S"},
		{name: "connections are the first account's", who: "0/u", action: "larder:PutConnection", on: "conn", identity: `S: allow larder:* *`, want: "allow identity/S"},
		{name: "connections need a policy in the first account too", who: "0/u", action: "larder:PutConnection", on: "conn", want: "deny"},
		{name: "connections are nobody else's", who: "A/u", action: "larder:PutConnection", on: "conn", identity: `S: allow * *`, want: "deny"},
		{name: "connections are no other root user's", who: "A:root", action: "larder:ListConnections", on: "conn", want: "deny"},

		// Root.
		{name: "root in its account", who: "A:root", action: "DeleteDomain", on: "dom", want: "allow identity/"},
		{name: "root is bound by resource policies", who: "A:root", action: read, on: "repo", repo: `N: deny A ReadFromRepository *`, want: "deny repository/N"},
		{name: "root can replace such a policy", who: "A:root", action: "PutRepositoryPermissionsPolicy", on: "repo", repo: `N: deny * * *`, want: "allow identity/"},
		{name: "root obtains no token", who: "A:root", action: "GetAuthorizationToken", on: "dom", want: "deny"},
		{name: "root obtains no bearer token", who: "A:root", action: "sts:GetServiceBearerToken", on: "none", want: "deny"},
		{name: "root of another account", who: "B:root", action: read, on: "repo", want: "deny"},

		// A policy is not asked about its own replacement.
		{name: "the domain policy denies its replacement in vain", who: "A/u", action: "PutDomainPermissionsPolicy", on: "dom", identity: `I: allow * *`, domain: `N: deny * * *`, want: "allow identity/I"},
		{name: "the domain policy cannot give away its replacement", who: "B/u", action: "PutDomainPermissionsPolicy", on: "dom", identity: `I: allow * *`, domain: `Y: allow B * *`, want: "deny"},
		{name: "nor to its own account", who: "A/u", action: "PutDomainPermissionsPolicy", on: "dom", domain: `Y: allow A * *`, want: "deny"},
		{name: "the domain policy can deny reading it", who: "A/u", action: "GetDomainPermissionsPolicy", on: "dom", identity: `I: allow * *`, domain: `N: deny * GetDomainPermissionsPolicy *`, want: "deny domain/N"},
		{name: "the repository policy denies its replacement in vain", who: "A/u", action: "PutRepositoryPermissionsPolicy", on: "repo", identity: `I: allow * *`, repo: `N: deny * * *`, want: "allow identity/I"},
		{name: "the repository policy cannot give away its replacement", who: "B/u", action: "PutRepositoryPermissionsPolicy", on: "repo", identity: `I: allow * *`, repo: `Y: allow B * *`, want: "deny"},
		{name: "the domain policy can give it away", who: "B/u", action: "PutRepositoryPermissionsPolicy", on: "repo", identity: `I: allow * *`, domain: `Y: allow B * *`, want: "allow identity/I domain/Y"},
		{name: "and can deny it", who: "A/u", action: "PutRepositoryPermissionsPolicy", on: "repo", identity: `I: allow * *`, domain: `N: deny * PutRepositoryPermissionsPolicy *`, want: "deny domain/N"},
		{name: "deleting a policy asks the policy", who: "A/u", action: "DeleteRepositoryPermissionsPolicy", on: "repo", identity: `I: allow * *`, repo: `N: deny * DeleteRepositoryPermissionsPolicy *`, want: "deny repository/N"},

		// Sessions of roles.
		{name: "a session has its role's policies", who: "A/role.ci/job", action: read, on: "repo", identity: `I: allow ReadFromRepository *`, want: "allow identity/I"},
		{name: "a session by its role's ARN", who: "A/role.ci/job", action: read, on: "repo", repo: `R: allow A/role.ci ReadFromRepository *`, want: "allow repository/R"},
		{name: "a session by its own ARN", who: "A/role.ci/job", action: read, on: "repo", repo: `R: allow A/role.ci/job ReadFromRepository *`, want: "allow repository/R"},
		{name: "a user is no session of a role of that name", who: "A/ci", action: read, on: "repo", repo: `R: allow A/role.ci ReadFromRepository *`, want: "deny"},
		{name: "a session policy narrows", who: "A/role.ci/job", action: publish, on: "react", identity: `I: allow * *`, session: `S: allow ReadFromRepository *`, want: "deny"},
		{name: "a session policy that allows adds nothing", who: "A/role.ci/job", action: publish, on: "react", session: `S: allow * *`, want: "deny"},
		{name: "role and session policy both allow", who: "A/role.ci/job", action: publish, on: "react", identity: `I: allow * *`, session: `S: allow PublishPackageVersion package/acme/main/npm//react`, want: "allow identity/I session/S"},
		{name: "role and session policy both allow, another package", who: "A/role.ci/job", action: publish, on: "core", identity: `I: allow * *`, session: `S: allow PublishPackageVersion package/acme/main/npm//react`, want: "deny"},
		{name: "a session policy denies", who: "A/role.ci/job", action: publish, on: "react", identity: `I: allow * *`, session: "S: allow * *\nN: deny Publish* *", want: "deny session/N"},
		{name: "a session policy narrows what the repository grants", who: "A/role.ci/job", action: read, on: "repo", repo: `R: allow A/role.ci ReadFromRepository *`, session: `S: allow ListPackages *`, want: "deny"},
		{name: "across accounts all three have to allow", who: "B/role.ci/job", action: read, on: "repo", identity: `I: allow * *`, repo: `R: allow B ReadFromRepository *`, session: `S: allow Read* *`, want: "allow identity/I repository/R session/S"},
		{name: "across accounts without the session's", who: "B/role.ci/job", action: read, on: "repo", identity: `I: allow * *`, repo: `R: allow B ReadFromRepository *`, session: `S: allow List* *`, want: "deny"},

		// Permissions boundaries.
		{name: "a boundary narrows", who: "A/u", action: publish, on: "react", identity: `I: allow * *`, boundary: `B: allow Read* *`, want: "deny"},
		{name: "inside the boundary", who: "A/u", action: read, on: "repo", identity: `I: allow * *`, boundary: `B: allow Read* *`, want: "allow identity/I boundary/B"},
		{name: "a boundary adds nothing", who: "A/u", action: read, on: "repo", boundary: `B: allow * *`, want: "deny"},
		{name: "a boundary denies", who: "A/u", action: read, on: "repo", identity: `I: allow * *`, boundary: "B: allow * *\nN: deny Read* *", want: "deny boundary/N"},

		// Anonymous.
		{name: "anonymous without a grant", who: "anonymous", action: read, on: "repo", want: "deny"},
		{name: "anonymous by the repository policy", who: "anonymous", action: read, on: "repo", repo: `R: allow * ReadFromRepository *`, want: "allow repository/R"},
		{name: "anonymous by the domain policy", who: "anonymous", action: read, on: "repo", domain: `D: allow * ReadFromRepository *`, want: "allow domain/D"},
		{name: "anonymous does not publish", who: "anonymous", action: publish, on: "react", repo: `R: allow * * *`, want: "deny"},
		{name: "anonymous does not describe", who: "anonymous", action: "DescribeRepository", on: "repo", repo: `R: allow * * *`, want: "deny"},
		{name: "anonymous is of no account", who: "anonymous", action: read, on: "repo", repo: `R: allow A,B,C ReadFromRepository *`, want: "deny"},
		{name: "anonymous is not all but somebody", who: "anonymous", action: read, on: "repo", repo: `R: allow !B ReadFromRepository *`, want: "deny"},
		{name: "anonymous and a denial for everybody", who: "anonymous", action: read, on: "repo", domain: `N: deny * ReadFromRepository *`, repo: `R: allow * ReadFromRepository *`, want: "deny domain/N"},
		{name: "anonymous and a denial for all but an account", who: "anonymous", action: read, on: "repo", domain: `N: deny !A ReadFromRepository *`, repo: `R: allow * ReadFromRepository *`, want: "deny domain/N"},
		{name: "anonymous from a range", who: "anonymous", action: read, on: "repo", repo: `R: allow * ReadFromRepository * if {"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, change: from("203.0.113.9"), want: "allow repository/R"},
		{name: "anonymous from elsewhere", who: "anonymous", action: read, on: "repo", repo: `R: allow * ReadFromRepository * if {"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, change: from("198.51.100.9"), want: "deny"},
		{name: "anonymous and the organization", who: "anonymous", action: read, on: "repo", repo: `R: allow * ReadFromRepository * if {"StringEquals":{"aws:PrincipalOrgID":"o-larder0000"}}`, want: "deny"},

		// Conditions of requests; operators have a table of their own.
		{name: "the caller's address is in the range", who: "A/u", action: read, on: "repo", identity: `S: allow Read* * if {"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, change: from("203.0.113.9"), want: "allow identity/S"},
		{name: "the caller's address is not", who: "A/u", action: read, on: "repo", identity: `S: allow Read* * if {"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, change: from("198.51.100.9"), want: "deny"},
		{name: "TLS is asked for", who: "A/u", action: read, on: "repo", identity: "Y: allow * *\nN: deny * * if {\"Bool\":{\"aws:SecureTransport\":\"false\"}}", want: "deny identity/N"},
		{name: "TLS is there", who: "A/u", action: read, on: "repo", identity: "Y: allow * *\nN: deny * * if {\"Bool\":{\"aws:SecureTransport\":\"false\"}}", change: func(a *registry.Access) { a.Actor.Secure = true }, want: "allow identity/Y"},
		{name: "before the end", who: "A/u", action: read, on: "repo", identity: `S: allow * * if {"DateLessThan":{"aws:CurrentTime":"2026-12-01T00:00:00Z"}}`, want: "allow identity/S"},
		{name: "after the end", who: "A/u", action: read, on: "repo", identity: `S: allow * * if {"DateLessThan":{"aws:CurrentTime":"2026-11-01T00:00:00Z"}}`, want: "deny"},
		{name: "by the caller's ARN", who: "B/role.ci/job", action: read, on: "repo", identity: `I: allow * *`, repo: `R: allow * Read* * if {"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::444455556666:role/c*"}}`, want: "allow identity/I repository/R"},
		{name: "by the caller's account", who: "B/u", action: read, on: "repo", identity: `I: allow * *`, repo: `R: allow * Read* * if {"StringEquals":{"aws:PrincipalAccount":["444455556666","777788889999"]}}`, want: "allow identity/I repository/R"},
		{name: "by the caller's organization", who: "B/u", action: read, on: "repo", identity: `I: allow * *`, repo: `R: allow * Read* * if {"StringEquals":{"aws:PrincipalOrgID":"o-larder0000"}}`, want: "allow identity/I repository/R"},
		{name: "by another organization", who: "B/u", action: read, on: "repo", identity: `I: allow * *`, repo: `R: allow * Read* * if {"StringEquals":{"aws:PrincipalOrgID":"o-other"}}`, want: "deny"},
		{name: "by the caller's tag", who: "A/u", action: read, on: "repo", identity: `S: allow * * if {"StringEquals":{"aws:PrincipalTag/Team":"web"}}`, want: "allow identity/S"},
		{name: "by the resource's tag", who: "A/u", action: read, on: "repo", identity: `S: allow * * if {"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}`, want: "allow identity/S"},
		{name: "by a tag that the resource does not have", who: "A/u", action: read, on: "second", identity: `S: allow * * if {"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}`, want: "deny"},
		{name: "packages have no tags", who: "A/u", action: publish, on: "react", identity: `S: allow * * if {"StringEquals":{"aws:ResourceTag/team":"web"}}`, want: "deny"},
		{name: "by a package group's tag", who: "A/u", action: "DescribePackageGroup", on: "group", identity: `S: allow * * if {"StringEquals":{"aws:ResourceTag/kind":"npm"}}`, want: "allow identity/S"},
		{name: "by a tag that is to be set", who: "A/u", action: "TagResource", on: "repo", identity: `S: allow TagResource * if {"StringEquals":{"aws:RequestTag/env":"dev"},"ForAllValues:StringEquals":{"aws:TagKeys":["env","team"]}}`, change: with("aws:RequestTag/env", "dev"), want: "allow identity/S"},
		{name: "by another value of it", who: "A/u", action: "TagResource", on: "repo", identity: `S: allow TagResource * if {"StringEquals":{"aws:RequestTag/env":"dev"}}`, change: with("aws:RequestTag/env", "prod"), want: "deny"},
		{name: "by keys of tags to be removed", who: "A/u", action: "UntagResource", on: "repo", identity: `S: allow UntagResource * if {"ForAllValues:StringEquals":{"aws:TagKeys":["env","team"]}}`, change: with("aws:TagKeys", "env\nowner"), want: "deny"},
		{name: "by the resource's account", who: "A/u", action: read, on: "repo", identity: `S: allow * * if {"StringEquals":{"aws:ResourceAccount":"${aws:PrincipalAccount}"}}`, want: "allow identity/S"},
		{name: "by region", who: "A/u", action: read, on: "repo", identity: `S: allow * * if {"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}`, want: "allow identity/S"},
		{name: "sessions that are older than a time are cut off", who: "A/role.ci/job", action: read, on: "repo", identity: "I: allow * *\nN: deny * * if {\"DateLessThan\":{\"aws:TokenIssueTime\":\"2026-11-22T10:00:01Z\"}}", want: "deny identity/N"},
		{name: "long-term keys have no such time", who: "A/u", action: read, on: "repo", identity: "I: allow * *\nN: deny * * if {\"DateLessThan\":{\"aws:TokenIssueTime\":\"2026-11-22T10:00:01Z\"}}", want: "allow identity/I"},

		// Policy variables.
		{name: "a user's own namespace", who: "A/acme", action: publish, on: "core", identity: `S: allow Publish* package/acme/main/npm/${aws:username}/*`, want: "allow identity/S"},
		{name: "another user's namespace", who: "A/u", action: publish, on: "core", identity: `S: allow Publish* package/acme/main/npm/${aws:username}/*`, want: "deny"},
		{name: "roles have no user name", who: "A/role.acme/job", action: publish, on: "core", identity: `S: allow Publish* package/acme/main/npm/${aws:username}/*`, want: "deny"},
		{name: "a variable's default", who: "A/role.acme/job", action: publish, on: "core", identity: `S: allow Publish* package/acme/main/npm/${aws:username|'acme'}/*`, want: "allow identity/S"},
		{name: "a star that stands for itself", who: "A/u", action: publish, on: "core", identity: `S: allow Publish* package/acme/main/npm/${*}/core`, want: "deny"},
		{name: "an exception that is not known grants nothing", who: "A/role.ci/job", action: publish, on: "core", identity: `S: allow Publish* !package/acme/main/npm/${aws:username}/*`, want: "deny"},
		{name: "a negated comparison with nothing grants nothing", who: "A/role.ci/job", action: read, on: "repo", identity: `S: allow Read* * if {"StringNotEquals":{"aws:ResourceTag/team":"${aws:username}"}}`, want: "deny"},
		{name: "an account's own ARNs", who: "A/u", action: read, on: "repo", identity: `S: allow Read* arn:aws:codeartifact:*:${aws:PrincipalAccount}:repository/*`, want: "allow identity/S"},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

func (c decisionCase) run(t *testing.T) {
	for of, lines := range map[Kind]string{Identity: c.identity, Resource: c.domain} {
		if lines == "" {
			continue
		}
		if err := Check(of, document(of, lines)); (err != nil) != (c.want == "refused") {
			t.Fatalf("%s: %v", lines, err)
		}
	}
	if c.want == "refused" {
		return
	}
	m := newRows()
	m.tags["acme/main"] = map[string]string{"team": "web"}
	m.tags["acme/npm/*"] = map[string]string{"Kind": "npm"}
	actor, r := actorOf(c.who), things[c.on]
	if c.domain != "" {
		m.putPolicy(acme, "", document(Resource, c.domain))
	}
	if c.repo != "" {
		name := r.Repository
		if name == "" {
			name = "main"
		}
		m.putPolicy(acme, name, document(Resource, c.repo))
	}
	m.identity(actor, c.identity, c.boundary)
	if c.session != "" {
		actor.Session.Policies = []string{document(Identity, c.session)}
	}
	action := registry.Action(c.action)
	if !strings.Contains(c.action, ":") {
		action = registry.Action("codeartifact:" + c.action)
	}
	access := ask(actor, action, r)
	if c.change != nil {
		c.change(&access)
	}
	a := newTestAuthorizer(m)
	word, by, _ := strings.Cut(c.want, " ")
	check(t, a, access, word == "allow")
	d, err := a.Explain(t.Context(), access)
	if err != nil {
		t.Fatal(err)
	}
	if d.Allowed != (word == "allow") {
		t.Errorf("explained as %+v", d)
	}
	var got []string
	for _, s := range d.Statements {
		got = append(got, s.Side+"/"+s.Sid)
	}
	if want := strings.Fields(by); !slices.Equal(got, want) && !(access.Actor.Anonymous() && action != registry.ReadFromRepository) {
		t.Errorf("decided by %v, want %v", got, want)
	}
	if d.Explicit != (word == "deny" && by != "") {
		t.Errorf("explicit: got %v", d.Explicit)
	}
}
