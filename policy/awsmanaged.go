package policy

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// AWSManaged is a policy that is there from the start, as AWS keeps them.
type AWSManaged struct {
	ARN         string
	Name        string
	Path        string // empty: "/"
	Description string
	Document    string
}

const (
	awsManagedPrefix = "arn:aws:iam::aws:policy/"
	// AdministratorAccess allows everything.
	AdministratorAccess = awsManagedPrefix + "AdministratorAccess"
)

const bearerToken = `{
      "Effect": "Allow",
      "Action": "sts:GetServiceBearerToken",
      "Resource": "*",
      "Condition": {"StringEquals": {"sts:AWSServiceName": "codeartifact.amazonaws.com"}}
    }`

var awsManaged = map[string]AWSManaged{}

func init() { // a table with what all rows share
	for _, p := range []struct{ name, description, statements string }{
		{"root-task/IAMAuditRootUserCredentials", "What a session of a root user may do that looks at the account's credentials.",
			`{"Effect": "Allow", "Action": ["iam:Get*", "iam:List*", "iam:Simulate*"], "Resource": "*"}`},
		{"root-task/IAMRestoreAdministration", "What a session of a root user may do that gives the account an administrator again.",
			`{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}`},
		{"root-task/CodeArtifactUnlockPermissionsPolicy", "What a session of a root user may do that replaces policies of domains and repositories.",
			`{"Effect": "Allow", "Action": ["codeartifact:GetDomainPermissionsPolicy", "codeartifact:PutDomainPermissionsPolicy", "codeartifact:DeleteDomainPermissionsPolicy",
      "codeartifact:GetRepositoryPermissionsPolicy", "codeartifact:PutRepositoryPermissionsPolicy", "codeartifact:DeleteRepositoryPermissionsPolicy",
      "codeartifact:ListDomains", "codeartifact:ListRepositories*"], "Resource": "*"}`},
		{"AdministratorAccess", "Provides full access to everything on this server.",
			`{"Effect": "Allow", "Action": "*", "Resource": "*"}`},
		{"PowerUserAccess", "Provides full access to everything but users, roles and accounts.",
			`{"Effect": "Allow", "NotAction": ["iam:*", "organizations:*"], "Resource": "*"},
    {"Effect": "Allow", "Action": ["organizations:DescribeOrganization", "iam:ListRoles"], "Resource": "*"}`},
		{"ReadOnlyAccess", "Provides read access to everything, and to packages.",
			`{"Effect": "Allow", "Action": ["codeartifact:Describe*", "codeartifact:Get*", "codeartifact:List*", "codeartifact:ReadFromRepository",
      "iam:Get*", "iam:List*", "iam:Simulate*", "organizations:Describe*", "organizations:List*", "events:Describe*", "events:List*", "larder:Get*", "larder:List*"], "Resource": "*"},
    ` + bearerToken},
		{"AWSCodeArtifactAdminAccess", "Provides full access to CodeArtifact.",
			`{"Effect": "Allow", "Action": ["codeartifact:*"], "Resource": "*"},
    ` + bearerToken},
		{"AWSCodeArtifactReadOnlyAccess", "Provides read access to CodeArtifact.",
			`{"Effect": "Allow", "Action": ["codeartifact:Describe*", "codeartifact:Get*", "codeartifact:List*", "codeartifact:ReadFromRepository"], "Resource": "*"},
    ` + bearerToken},
		{"IAMFullAccess", "Provides full access to users, roles and policies.",
			`{"Effect": "Allow", "Action": ["iam:*", "organizations:DescribeAccount", "organizations:DescribeOrganization", "organizations:ListAccounts"], "Resource": "*"}`},
		{"IAMReadOnlyAccess", "Provides read access to users, roles and policies.",
			`{"Effect": "Allow", "Action": ["iam:Get*", "iam:List*", "iam:Simulate*"], "Resource": "*"}`},
	} {
		arn := awsManagedPrefix + p.name
		awsManaged[arn] = AWSManaged{
			ARN: arn, Name: nameOf(arn), Path: pathOf(p.name), Description: p.description,
			Document: "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    " + p.statements + "\n  ]\n}",
		}
	}
}

// RootTasks is what the ARNs of the policies begin with that sessions of root
// users are limited to.
const RootTasks = awsManagedPrefix + "root-task/"

func pathOf(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return "/" + name[:i+1]
	}
	return ""
}

// AWSManagedPolicies gives all of them, by name.
func AWSManagedPolicies() []AWSManaged {
	return slices.SortedFunc(maps.Values(awsManaged), func(a, b AWSManaged) int { return strings.Compare(a.Name, b.Name) })
}

// AWSManagedPolicy gives the one with that ARN.
func AWSManagedPolicy(arn string) (AWSManaged, bool) {
	p, ok := awsManaged[arn]
	return p, ok
}

// rootPolicy is what the root user of an account may do in it: everything but
// obtain tokens (spec 4.1).
var rootPolicy = sync.OnceValue(func() sided {
	return sided{identitySide, "root", mustParse(Identity, `{"Statement":{"Effect":"Allow","NotAction":
		["sts:GetServiceBearerToken","codeartifact:GetAuthorizationToken"],"Resource":"*"}}`)}
})

// unreadable stands for a stored document that cannot be read any more: it
// denies everything, since what it denied is not known.
func unreadable(of Kind) *Policy {
	elements := map[Kind]string{
		Identity: `"Action":"*","Resource":"*"`,
		Resource: `"Principal":"*","Action":"*","Resource":"*"`,
		Trust:    `"Principal":"*","Action":"*"`,
	}
	return mustParse(of, `{"Statement":{"Sid":"Unreadable","Effect":"Deny",`+elements[of]+`}}`)
}

func mustParse(of Kind, document string) *Policy {
	p, err := Parse(of, document)
	if err != nil {
		panic(err)
	}
	return p
}
