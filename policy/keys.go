package policy

import (
	"fmt"
	"regexp"
	"strings"
)

var keyForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?(/[a-z0-9._~/-]*)?:[^\s"]{1,256}$`)

// globalKeys are AWS's global condition keys (IAM User Guide, "AWS global
// condition context keys"), in lower case. Most never have a value here, which
// conditions can rely on. aws:Referer and aws:UserAgent are not among them:
// CodeArtifact does not support them (spec 5.2).
var globalKeys = setOf(`CalledVia CalledViaFirst CalledViaLast CurrentTime EpochTime FederatedProvider
	MultiFactorAuthAge MultiFactorAuthPresent PrincipalAccount PrincipalArn PrincipalIsAWSService PrincipalOrgID
	PrincipalOrgPaths PrincipalServiceName PrincipalServiceNamesList PrincipalType RequestedRegion ResourceAccount
	ResourceOrgID ResourceOrgPaths SecureTransport SourceAccount SourceArn SourceIdentity SourceIp SourceOrgID
	SourceOrgPaths SourceVpc SourceVpce SourceVpcArn TagKeys TokenIssueTime userid username ViaAWSService
	VpcSourceIp Ec2InstanceSourceVpc Ec2InstanceSourcePrivateIPv4 AssumedRoot ChatbotSourceArn`, "aws:")

// taggedKeys are families of keys, one for each tag.
var taggedKeys = []string{"aws:principaltag/", "aws:resourcetag/", "aws:requesttag/"}

// conditionKey is how a condition key is known here: in lower case, since the
// case of its letters does not count, but for the key of a tag that it names:
// resources can have tags that differ in that alone (spec 1.2).
func conditionKey(name string) string {
	lower := strings.ToLower(name)
	for _, family := range taggedKeys {
		if strings.HasPrefix(lower, family) {
			return family + name[len(family):]
		}
	}
	return lower
}

// checkKey refuses what cannot be a condition key, as conditionKey gives it, and keys of
// AWS's own name space that do not exist: a permission with a negated
// condition on one would always hold.
func checkKey(key string) error {
	if !keyForm.MatchString(key) {
		return fmt.Errorf("%s is no condition key: it must be PREFIX:NAME", show(key))
	}
	if !strings.HasPrefix(key, "aws:") || globalKeys[key] {
		return nil
	}
	for _, family := range taggedKeys {
		if rest, ok := strings.CutPrefix(key, family); ok && rest != "" {
			return nil
		}
	}
	return fmt.Errorf("%s is no condition key that a request has here", show(key))
}
