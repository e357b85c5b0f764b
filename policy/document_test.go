package policy

import (
	"strings"
	"testing"

	"larder/registry"
)

// statement1 puts one statement into a document.
func statement1(elements string) string {
	return `{"Version":"2012-10-17","Statement":[{` + elements + `}]}`
}

const (
	pkgARN  = `"arn:aws:codeartifact:eu-west-1:111122223333:package/acme/main/npm//react"`
	repoARN = `"arn:aws:codeartifact:eu-west-1:111122223333:repository/acme/main"`
)

func TestDocumentsThatAreRefused(t *testing.T) {
	long := statement1(`"Effect":"Allow","Action":"*","Resource":"` + strings.Repeat("*", MaxDocument) + `"`)
	for _, c := range []struct {
		name     string
		of       Kind
		document string
		want     string // part of the message
	}{
		{"no JSON", Identity, `Allow everything`, `invalid character 'A'`},
		{"nothing", Identity, ``, `it ends early`},
		{"cut off", Identity, `{"Version":"2012-10-17","Statement":[{"Effect":`, `it ends early`},
		{"two documents", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*"`) + `{}`, `something follows its end`},
		{"a list", Identity, `[]`, `it is a list; it must be an object`},
		{"not UTF-8", Identity, "{\"Id\":\"\xff\"}", `it is not UTF-8`},
		{"too long", Identity, long, `it may have 7168`},
		{"too deep", Identity, `{"Statement":` + strings.Repeat(`[`, 100) + strings.Repeat(`]`, 100) + `}`, `it nests deeper than 8 levels`},
		{"a member twice", Identity, `{"Statement":{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}}`, `an object has the member "Effect" twice`},
		{"Version of the day", Identity, `{"Version":"2026-11-22","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, `Version must be "2012-10-17"`},
		{"Version as a number", Identity, `{"Version":2012,"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, `Version must be`},
		{"an Id that is no string", Identity, `{"Id":1,"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, `Id is a number`},
		{"an element that is none", Identity, `{"Statements":[]}`, `it has the element "Statements"; it may have Version, Id and Statement`},
		{"no statement", Identity, `{"Version":"2012-10-17"}`, `it has no Statement`},
		{"an empty list of statements", Identity, `{"Version":"2012-10-17","Statement":[]}`, `Statement is an empty list`},
		{"a statement that is a string", Identity, `{"Version":"2012-10-17","Statement":["Allow"]}`, `statement 1: it is a string; it must be an object`},
		{"too many statements", Identity, `{"Statement":[` + strings.Repeat(`{},`, 500) + `{}]}`, `it has 501 statements; it may have 500`},
		{"an empty statement", Identity, statement1(``), `statement 1: it has no Effect`},
		{"an unknown element", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Resources":"*"`), `it has the element "Resources"`},
		{"elements in lower case", Identity, statement1(`"effect":"Allow","Action":"*","Resource":"*"`), `it has the element "effect"`},
		{"a Sid with other characters", Identity, statement1(`"Sid":"a b","Effect":"Allow","Action":"*","Resource":"*"`), `statement 1 (Sid "a b"): the Sid must be a string of letters and digits`},
		{"a Sid twice", Identity, `{"Statement":[{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"}]}`, `statement 2 (Sid "A"): another statement has this Sid`},
		{"the second statement is named", Identity, `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"Second","Effect":"Maybe","Action":"*","Resource":"*"}]}`, `statement 2 (Sid "Second"): the Effect must be "Allow" or "Deny"`},
		{"Effect in capitals", Identity, statement1(`"Effect":"ALLOW","Action":"*","Resource":"*"`), `Effect must be "Allow" or "Deny"`},
		{"Effect as a list", Identity, statement1(`"Effect":["Allow"],"Action":"*","Resource":"*"`), `Effect must be "Allow" or "Deny"`},

		{"no Action", Identity, statement1(`"Effect":"Allow","Resource":"*"`), `it has no Action`},
		{"Action and NotAction", Identity, statement1(`"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"`), `it has Action and NotAction`},
		{"an unknown action", Identity, statement1(`"Effect":"Allow","Action":"codeartifact:ReadRepository","Resource":"*"`), `Action "codeartifact:ReadRepository" names no action`},
		{"an unknown action behind known ones", Identity, statement1(`"Effect":"Allow","Action":["codeartifact:*","codeartifact:Frob*"],"Resource":"*"`), `Action "codeartifact:Frob*" names no action`},
		{"an action without a service", Identity, statement1(`"Effect":"Allow","Action":"ReadFromRepository","Resource":"*"`), `is no action: it must be * or SERVICE:NAME`},
		{"an action of another service", Identity, statement1(`"Effect":"Allow","Action":"s3:GetObject","Resource":"*"`), `names no action of this server`},
		{"a wildcard for the service", Identity, statement1(`"Effect":"Allow","Action":"code*:Read*","Resource":"*"`), `names no action of this server`},
		{"an unknown action that is excepted", Identity, statement1(`"Effect":"Deny","NotAction":"codeartifact:Reed*","Resource":"*"`), `NotAction "codeartifact:Reed*" names no action`},
		{"an empty list of actions", Identity, statement1(`"Effect":"Allow","Action":[],"Resource":"*"`), `Action is an empty list`},
		{"an action that is a number", Identity, statement1(`"Effect":"Allow","Action":[1],"Resource":"*"`), `Action has a number in its list`},
		{"an action that is an object", Identity, statement1(`"Effect":"Allow","Action":{},"Resource":"*"`), `Action is an object; it must be a string or a list of strings`},

		{"no Resource", Identity, statement1(`"Effect":"Allow","Action":"*"`), `it has no Resource`},
		{"Resource and NotResource", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","NotResource":"*"`), `it has Resource and NotResource`},
		{"a resource that is no ARN", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"acme/main"`), `Resource "acme/main" is no ARN`},
		{"a short ARN", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"arn:aws:codeartifact:eu-west-1"`), `it has 4 of the 6 parts`},
		{"an ARN without a resource", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"arn:aws:codeartifact:eu-west-1:111122223333:"`), `cannot be empty`},
		{"a variable for the service", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"arn:aws:${aws:username}:::x"`), `has a policy variable before the account`},
		{"a variable without end", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"arn:aws:codeartifact:*:*:repository/${aws:username"`), `has a policy variable without end`},
		{"a variable that is none", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"arn:aws:codeartifact:*:*:repository/${username}"`), `the policy variable ${username} is none`},
		{"a variable's default without quotes", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"arn:aws:codeartifact:*:*:repository/${aws:username, x}"`), `must stand in single quotes`},

		{"reading a package", Resource, statement1(`"Effect":"Allow","Principal":"*","Action":"codeartifact:ReadFromRepository","Resource":` + pkgARN), `reading is for a whole repository or not at all`},
		{"reading a package, in an identity policy", Identity, statement1(`"Effect":"Allow","Action":"codeartifact:ReadFromRepository","Resource":` + pkgARN), `statement 1: the action "codeartifact:ReadFromRepository" cannot be granted`},
		{"reading a package, by a wildcard", Identity, statement1(`"Effect":"Allow","Action":"codeartifact:Read*","Resource":` + pkgARN), `reading is for a whole repository`},
		{"reading a package, among other actions", Identity, statement1(`"Effect":"Allow","Action":["codeartifact:PublishPackageVersion","codeartifact:ReadFromRepository"],"Resource":` + pkgARN), `reading is for a whole repository`},
		{"reading a package, among other resources", Identity, statement1(`"Effect":"Allow","Action":"codeartifact:ReadFromRepository","Resource":[` + repoARN + `,` + pkgARN + `]`), `reading is for a whole repository`},
		{"reading packages of any domain", Identity, statement1(`"Effect":"Allow","Action":"codeartifact:ReadFromRepository","Resource":"arn:aws:codeartifact:*:*:package/*"`), `reading is for a whole repository`},
		{"not reading a package", Identity, statement1(`"Effect":"Deny","Action":"codeartifact:ReadFromRepository","Resource":` + pkgARN), `cannot be granted or denied`},

		{"a principal in an identity policy", Identity, statement1(`"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"`), `it has Principal, which policies of users and roles do not have`},
		{"no principal in a resource policy", Resource, statement1(`"Effect":"Allow","Action":"*","Resource":"*"`), `it has no Principal`},
		{"Principal and NotPrincipal", Resource, statement1(`"Effect":"Allow","Principal":"*","NotPrincipal":{"AWS":"*"},"Action":"*","Resource":"*"`), `it has Principal and NotPrincipal`},
		{"a principal as a plain ARN", Resource, statement1(`"Effect":"Allow","Principal":"arn:aws:iam::111122223333:root","Action":"*","Resource":"*"`), `Principal "arn:aws:iam::111122223333:root" is malformed`},
		{"a principal that is a list", Resource, statement1(`"Effect":"Allow","Principal":["*"],"Action":"*","Resource":"*"`), `Principal is a list`},
		{"an empty principal", Resource, statement1(`"Effect":"Allow","Principal":{},"Action":"*","Resource":"*"`), `Principal is an empty object`},
		{"a kind of principal that is none", Resource, statement1(`"Effect":"Allow","Principal":{"aws":"*"},"Action":"*","Resource":"*"`), `Principal has "aws"; it may have AWS, Service and Federated`},
		{"a short account id", Resource, statement1(`"Effect":"Allow","Principal":{"AWS":"12345"},"Action":"*","Resource":"*"`), `Principal "12345" is malformed`},
		{"a user by name", Resource, statement1(`"Effect":"Allow","Principal":{"AWS":"user/ada"},"Action":"*","Resource":"*"`), `is malformed`},
		{"all users of an account by a wildcard", Resource, statement1(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/*"},"Action":"*","Resource":"*"`), `is malformed`},
		{"an account by a wildcard", Resource, statement1(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::*:root"},"Action":"*","Resource":"*"`), `is malformed`},
		{"a group", Resource, statement1(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:group/devs"},"Action":"*","Resource":"*"`), `is malformed`},
		{"a principal of another service", Resource, statement1(`"Effect":"Allow","Principal":{"AWS":"arn:aws:s3:::bucket"},"Action":"*","Resource":"*"`), `is malformed`},
		{"a role session without session", Resource, statement1(`"Effect":"Allow","Principal":{"AWS":"arn:aws:sts::111122223333:assumed-role/ci"},"Action":"*","Resource":"*"`), `is malformed`},
		{"a service that is none", Resource, statement1(`"Effect":"Allow","Principal":{"Service":"codebuild"},"Action":"*","Resource":"*"`), `it must be the name of a service`},
		{"a web identity on a repository", Resource, statement1(`"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/issuer.test"},"Action":"*","Resource":"*"`), `trust policies of roles only`},
		{"a list of principals with a number", Resource, statement1(`"Effect":"Allow","Principal":{"AWS":[1]},"Action":"*","Resource":"*"`), `Principal.AWS has a number in its list`},

		{"a resource in a trust policy", Trust, statement1(`"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"`), `it has Resource, which trust policies do not have`},
		{"all but some in a trust policy", Trust, statement1(`"Effect":"Allow","NotPrincipal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"`), `it has NotPrincipal, which trust policies do not have`},
		{"a provider that is none", Trust, statement1(`"Effect":"Allow","Principal":{"Federated":"https://issuer.test"},"Action":"sts:AssumeRoleWithWebIdentity"`), `it must be the ARN of an OpenID Connect provider`},

		{"a condition that is a list", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":[]`), `Condition is a list; it must be an object`},
		{"an operator that is none", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringMatches":{"aws:username":"a"}}`), `Condition "StringMatches" on "aws:username": there is no such operator`},
		{"an operator in lower case", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"stringequals":{"aws:username":"a"}}`), `there is no such operator`},
		{"an operator with two suffixes", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEqualsIfExistsIfExists":{"aws:username":"a"}}`), `there is no such operator`},
		{"NullIfExists", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NullIfExists":{"aws:username":"true"}}`), `Null stands alone`},
		{"an operator without keys", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{}}`), `Condition "StringEquals" is empty`},
		{"a key that is none", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"username":"a"}}`), `"username" is no condition key`},
		{"a global key that does not exist", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:Username1":"a"}}`), `is no condition key that a request has here`},
		{"a key that CodeArtifact does not support", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:UserAgent":"npm*"}}`), `is no condition key that a request has here`},
		{"a tag without name", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:ResourceTag/":"a"}}`), `is no condition key`},
		{"no values", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":[]}}`), `the list of values is empty`},
		{"a value that is an object", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":{}}}`), `a value is an object`},
		{"a number that is none", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NumericEquals":{"sts:DurationSeconds":"many"}}`), `"many" is no number`},
		{"a date that is none", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"tomorrow"}}`), `"tomorrow" is no date`},
		{"a truth that is none", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"yes"}}`), `"yes" is neither true nor false`},
		{"an address that is none", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.300"}}`), `is neither an address nor a range`},
		{"a range with surplus bits", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.7/24"}}`), `write 203.0.113.0/24`},
		{"an ARN that is none", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ArnLike":{"aws:PrincipalArn":"ada"}}`), `"ada" is no ARN`},
		{"bytes that are not base64", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"BinaryEquals":{"x:y":"%%"}}`), `is not base64`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.of, c.document)
			if err == nil || registry.CodeOf(err) != registry.Invalid || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want Invalid with %q", err, c.want)
			}
		})
	}
}

func TestDocumentsThatAreAccepted(t *testing.T) {
	for _, c := range []struct {
		name     string
		of       Kind
		document string
	}{
		{"one statement as an object", Identity, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`},
		{"without Version", Identity, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`},
		{"the old Version and an Id", Identity, `{"Version":"2008-10-17","Id":"x","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`},
		{"in the old Version a variable is text", Identity, `{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:codeartifact:*:*:repository/${x"}}`},
		{"white space around it", Identity, " \n" + statement1(`"Effect":"Allow","Action":"*","Resource":"*"`) + "\n"},
		{"7,168 characters", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"arn:aws:codeartifact:*:*:` + strings.Repeat("ü", MaxDocument-127) + `"`)},
		{"a Sid with spaces on a repository", Resource, statement1(`"Sid":"Read for B","Effect":"Allow","Principal":"*","Action":"*","Resource":"*"`)},
		{"principals of all kinds", Resource, statement1(`"Effect":"Allow","Principal":{"AWS":["111122223333","arn:aws:iam::444455556666:root","arn:aws:iam::444455556666:user/a/b/ada","arn:aws:iam::444455556666:role/ci","arn:aws:sts::444455556666:assumed-role/ci/job-1","AIDAABCDEFGHIJKLMNOP","*"],"Service":"codebuild.amazonaws.com"},"Action":"*","Resource":"*"`)},
		{"a principal that does not exist here", Resource, statement1(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:user/nobody"},"Action":"*","Resource":"*"`)},
		{"everything on a package", Resource, statement1(`"Effect":"Allow","Principal":"*","Action":"codeartifact:*","Resource":` + pkgARN)},
		{"reading everything", Resource, statement1(`"Effect":"Allow","Principal":"*","Action":["codeartifact:ReadFromRepository","codeartifact:Describe*"],"Resource":"*"`)},
		{"an ARN that stands for all of CodeArtifact", Identity, statement1(`"Effect":"Allow","Action":"codeartifact:*","Resource":"arn:aws:codeartifact:*"`)},
		{"the read-only policy of AWS", Identity, awsManaged[awsManagedPrefix+"AWSCodeArtifactReadOnlyAccess"].Document},
		{"a web identity's trust", Trust, statement1(`"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.issuer.test/org"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"token.issuer.test/org:aud":"sts.amazonaws.com"},"StringLike":{"token.issuer.test/org:sub":"repo:acme/*:ref:refs/heads/main"}}`)},
		{"an account's trust", Trust, statement1(`"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":["sts:AssumeRole","sts:TagSession"]`)},
		{"values of all kinds", Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NumericLessThan":{"sts:DurationSeconds":900.5},"Bool":{"aws:SecureTransport":[true,"false"]},"DateGreaterThan":{"aws:CurrentTime":["2026-11-22","2026-11-22T10:00:00.5+02:00",1795000000]},"Null":{"aws:username":true},"ForAnyValue:StringLikeIfExists":{"aws:TagKeys":"a*"},"NotIpAddress":{"aws:SourceIp":["2001:db8::/32","203.0.113.9"]},"BinaryEquals":{"x:y":"AAA="},"ArnNotLikeIfExists":{"aws:SourceArn":"arn:aws:iam::*:user/${aws:username}"}}`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Parse(c.of, c.document); err != nil {
				t.Error(err)
			}
		})
	}
	for _, p := range AWSManagedPolicies() {
		if _, err := Parse(Identity, p.Document); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(0, statement1(`"Effect":"Allow","Action":"*","Resource":"*"`))
	f.Add(1, statement1(`"Effect":"Deny","NotPrincipal":{"AWS":["111122223333"]},"NotAction":["codeartifact:Re?d*"],"NotResource":`+pkgARN))
	f.Add(2, statement1(`"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/a"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"a:sub":"x"}}`))
	f.Add(0, statement1(`"Effect":"Allow","Action":"*","Resource":"arn:aws:codeartifact:*:${aws:PrincipalAccount}:repository/${aws:username,'x'}/${*}","Condition":{"ForAllValues:StringNotLikeIfExists":{"aws:TagKeys":["a*","${aws:userid}"]}}`))
	f.Add(0, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"2026"}}}}`)
	f.Fuzz(func(t *testing.T, kind int, document string) {
		of := Kind(uint(kind) % 3)
		p, err := Parse(of, document)
		if err != nil {
			if registry.CodeOf(err) != registry.Invalid || err.Error() == "" {
				t.Fatalf("%v is not Invalid with a message", err)
			}
			return
		}
		// What was accepted can be asked, by anybody and about anything.
		for _, who := range []string{"A/u", "B/role.ci/job", "anonymous", "A:root"} {
			for _, r := range things {
				a := Authorizer{Config: Config{Region: region}}
				access := ask(actorOf(who), registry.ReadFromRepository, r)
				q := a.question(t.Context(), access, newCaller(access.Actor, "AIDA", nil))
				q.tags = nil
				if _, err := decide(q, owner, []sided{{identitySide, "x", p}}, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
