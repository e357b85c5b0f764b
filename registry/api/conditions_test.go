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
