package api_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
)

// Tags of a request, keys of tags that go, and tags of what is asked about are
// conditions of policies (spec 5.2).
func TestTagsAreConditions(t *testing.T) {
	t.Parallel()
	w := openWorld(t, nil)
	admin, stranger := sdkClient{w.sdk(w.admin)}, sdkClient{w.sdk(w.stranger)}
	policy := `{\"Version\":\"2012-10-17\",\"Statement\":[` +
		`{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"444455556666\"},\"Action\":[\"codeartifact:CreateRepository\",\"codeartifact:CreatePackageGroup\",\"codeartifact:TagResource\"],\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{\"aws:RequestTag/team\":\"b\"}}},` +
		`{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"444455556666\"},\"Action\":\"codeartifact:UntagResource\",\"Resource\":\"*\",\"Condition\":{\"ForAllValues:StringEquals\":{\"aws:TagKeys\":[\"team\",\"note\"]}}},` +
		`{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"444455556666\"},\"Action\":\"codeartifact:DescribeRepository\",\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{\"aws:ResourceTag/team\":\"b\"}}}]}`
	const theirs = `{"resourceArn":"arn:aws:codeartifact:eu-west-1:000000000000:repository/tagged/theirs",`
	const tagged = `{"domain":"tagged","domainOwner":"000000000000",`
	for _, c := range []struct {
		as     client
		op, in string
		denied bool
	}{
		{admin, "CreateDomain", `{"domain":"tagged"}`, false},
		{admin, "PutDomainPermissionsPolicy", `{"domain":"tagged","policyDocument":"` + policy + `"}`, false},
		{admin, "CreateRepository", `{"domain":"tagged","repository":"theirs","tags":[{"key":"team","value":"a"}]}`, false},
		{stranger, "CreateRepository", tagged + `"repository":"mine"}`, true},
		{stranger, "CreateRepository", tagged + `"repository":"mine","tags":[{"key":"team","value":"a"}]}`, true},
		{stranger, "CreateRepository", tagged + `"repository":"mine","tags":[{"key":"team","value":"b"}]}`, false},
		{stranger, "CreatePackageGroup", tagged + `"packageGroup":"/npm/*"}`, true},
		{stranger, "CreatePackageGroup", tagged + `"packageGroup":"/npm/*","tags":[{"key":"team","value":"b"}]}`, false},
		{stranger, "DescribeRepository", tagged + `"repository":"theirs"}`, true},
		{stranger, "TagResource", theirs + `"tags":[{"key":"team","value":"c"}]}`, true},
		{stranger, "TagResource", theirs + `"tags":[{"key":"team","value":"b"}]}`, false},
		{stranger, "DescribeRepository", tagged + `"repository":"theirs"}`, false},
		{stranger, "UntagResource", theirs + `"tagKeys":["team","cost"]}`, true},
		{stranger, "UntagResource", theirs + `"tagKeys":["team"]}`, false},
	} {
		_, err := c.as.call(t, c.op, c.in)
		var api smithy.APIError
		refused := errors.As(err, &api) && api.ErrorCode() == "AccessDeniedException"
		if refused != c.denied || err != nil && !refused {
			t.Errorf("%s %s: got %v, denied %v is wanted", c.op, c.in, err, c.denied)
		}
	}
}

// Who administers a repository in another account's domain needs no more than
// the policies of its own account for its tags (spec 5.3).
func TestAdministratorsTagTheirRepositories(t *testing.T) {
	t.Parallel()
	w := openWorld(t, nil)
	admin, stranger := sdkClient{w.sdk(w.admin)}, sdkClient{w.sdk(w.stranger)}
	policy := `{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"444455556666\"},\"Action\":\"codeartifact:CreateRepository\",\"Resource\":\"*\"}}`
	const arn = `{"resourceArn":"arn:aws:codeartifact:eu-west-1:000000000000:repository/shared/`
	for _, c := range []struct {
		as      client
		op, in  string
		refused string
	}{
		{admin, "CreateDomain", `{"domain":"shared"}`, ""},
		{admin, "CreateRepository", `{"domain":"shared","repository":"ours"}`, ""},
		{admin, "PutDomainPermissionsPolicy", `{"domain":"shared","policyDocument":"` + policy + `"}`, ""},
		{stranger, "CreateRepository", `{"domain":"shared","domainOwner":"000000000000","repository":"theirs","tags":[{"key":"team","value":"b"}]}`, ""},
		{stranger, "ListTagsForResource", arn + `theirs"}`, ""},
		{stranger, "TagResource", arn + `theirs","tags":[{"key":"cost","value":"1"}]}`, ""},
		{stranger, "UntagResource", arn + `theirs","tagKeys":["team"]}`, ""},
		{stranger, "ListTagsForResource", arn + `ours"}`, "AccessDeniedException"},
		{stranger, "TagResource", arn + `ours","tags":[{"key":"cost","value":"1"}]}`, "AccessDeniedException"},
		{stranger, "UntagResource", arn + `nowhere","tagKeys":["team"]}`, "AccessDeniedException"},
		{admin, "UntagResource", arn + `nowhere","tagKeys":["team"]}`, "ResourceNotFoundException"},
	} {
		_, err := c.as.call(t, c.op, c.in)
		var api smithy.APIError
		got := ""
		if errors.As(err, &api) {
			got = api.ErrorCode()
		}
		if got != c.refused || err != nil && got == "" {
			t.Errorf("%s %s: got %v, want %q", c.op, c.in, err, c.refused)
		}
	}
}

// What group a package belongs to is told to those who have the right on that
// group (spec 5.1), and the others do not learn what groups there are.
func TestTheGroupOfAPackageIsItsOwnResource(t *testing.T) {
	t.Parallel()
	w := openWorld(t, nil)
	admin, stranger := sdkClient{w.sdk(w.admin)}, sdkClient{w.sdk(w.stranger)}
	call := func(as client, op, in string) error {
		t.Helper()
		_, err := as.call(t, op, in)
		return err
	}
	grant := func(statements ...string) {
		t.Helper()
		check(t, call(admin, "PutDomainPermissionsPolicy", `{"domain":"grouped","policyDocument":`+strconv.Quote(`{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`)+`}`))
	}
	statement := func(effect, pattern string) string {
		return `{"Effect":"` + effect + `","Principal":{"AWS":"444455556666"},"Action":"codeartifact:GetAssociatedPackageGroup","Resource":"arn:aws:codeartifact:eu-west-1:000000000000:package-group/grouped` + pattern + `"}`
	}
	check(t, call(admin, "CreateDomain", `{"domain":"grouped"}`))
	check(t, call(admin, "CreatePackageGroup", `{"domain":"grouped","packageGroup":"/npm/secret/*"}`))
	for _, c := range []struct {
		name          string
		statements    []string
		secret, other string // what is refused in the answer for @secret/x and for @open/x; empty: nothing
	}{
		{"nothing", []string{statement("Allow", "/pypi/%2a")}, "package-group/grouped/%2a", "package-group/grouped/%2a"},
		{"the group", []string{statement("Allow", "/npm/secret/%2a")}, "", "package-group/grouped/%2a"},
		{"the root group", []string{statement("Allow", "/%2a")}, "package-group/grouped/npm/secret/%2a", ""},
		{"all but the group", []string{statement("Allow", "*"), statement("Deny", "/npm/secret/%2a")}, "package-group/grouped/npm/secret/%2a", ""},
	} {
		grant(c.statements...)
		for namespace, want := range map[string]string{"secret": c.secret, "open": c.other} {
			err := call(stranger, "GetAssociatedPackageGroup", `{"domain":"grouped","domainOwner":"000000000000","format":"npm","namespace":"`+namespace+`","package":"x"}`)
			var api smithy.APIError
			switch {
			case want == "" && err != nil:
				t.Errorf("may see %s: @%s/x: %v", c.name, namespace, err)
			case want != "" && (!errors.As(err, &api) || api.ErrorCode() != "AccessDeniedException" || !strings.HasSuffix(api.ErrorMessage(), want)):
				t.Errorf("may see %s: @%s/x: got %v, want a refusal that ends with %s", c.name, namespace, err, want)
			}
		}
	}
}
