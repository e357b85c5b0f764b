package api_test

import (
	"errors"
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
