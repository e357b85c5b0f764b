package policy

import (
	"fmt"
	"regexp"
	"strings"
)

// principal is one entry of Principal or NotPrincipal.
type principal struct {
	kind  principalKind
	value string // account id, ARN, unique id, service or provider
}

type principalKind int

const (
	anyone    principalKind = iota // "*"
	anAccount                      // every principal of the account
	anARN                          // one user, role or session
	aUniqueID                      // one user or role by its unique id
	aService
	aProvider // of web identities
)

var (
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
	uniqueID  = regexp.MustCompile(`^A(IDA|ROA)[A-Z0-9]{12,124}$`)
	// Users and roles with their paths, sessions of roles (IAM User Guide, "IAM identifiers").
	iamPrincipal = regexp.MustCompile(`^(user|role)/([\x21-\x7e]+/)*[\w+=,.@-]{1,128}$`)
	stsPrincipal = regexp.MustCompile(`^(assumed-role/[\w+=,.@-]{1,64}/[\w+=,.@-]{2,64}|federated-user/[\w+=,.@-]{2,32})$`)
	serviceName  = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*\.amazonaws\.com(\.cn)?$`)
	providerName = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[\w.~/-]*)?$`)
)

// ValidAccountID reports whether s is a 12-digit account id.
func ValidAccountID(s string) bool { return accountID.MatchString(s) }

// parsePrincipals reads the element. What does not exist here is accepted,
// what cannot exist is not (design.md section 2).
func parsePrincipals(v value, element string, of Kind) ([]principal, error) {
	if v.kind == jsonString {
		if v.text == "*" {
			return []principal{{kind: anyone}}, nil
		}
		return nil, fmt.Errorf("%s %s is malformed: it must be \"*\" or an object such as {\"AWS\": \"arn:aws:iam::111122223333:root\"}", element, show(v.text))
	}
	if v.kind != jsonObject {
		return nil, fmt.Errorf("%s is %s; it must be \"*\" or an object", element, v.kind)
	}
	if len(v.members) == 0 {
		return nil, fmt.Errorf("%s is an empty object", element)
	}
	var out []principal
	for _, m := range v.members {
		read := readers[m.name]
		if read == nil {
			return nil, fmt.Errorf("%s has %s; it may have AWS, Service and Federated", element, show(m.name))
		}
		if m.name == "Federated" && of != Trust {
			return nil, fmt.Errorf("%s has Federated, which stands in trust policies of roles only", element)
		}
		values, err := m.strings(element + "." + m.name)
		if err != nil {
			return nil, err
		}
		for _, text := range values {
			p, ok := read(text)
			if !ok {
				return nil, fmt.Errorf("%s %s is malformed: %s", element, show(text), expected[m.name])
			}
			out = append(out, p)
		}
	}
	return out, nil
}

var readers = map[string]func(string) (principal, bool){"AWS": readAWS, "Service": readService, "Federated": readFederated}

var expected = map[string]string{
	"AWS":       "it must be *, a 12-digit account id, the ARN of an account (arn:aws:iam::111122223333:root), user, role or assumed role, or a unique id; a part of it cannot be a wildcard",
	"Service":   "it must be the name of a service, such as codebuild.amazonaws.com",
	"Federated": "it must be the ARN of an OpenID Connect provider (arn:aws:iam::111122223333:oidc-provider/HOST)",
}

func readAWS(s string) (principal, bool) {
	switch {
	case s == "*":
		return principal{kind: anyone}, true
	case accountID.MatchString(s):
		return principal{anAccount, s}, true
	case uniqueID.MatchString(s):
		return principal{aUniqueID, s}, true
	}
	p, ok := splitARN(s)
	if !ok || p[1] != "aws" || p[3] != "" || !accountID.MatchString(p[4]) {
		return principal{}, false
	}
	switch resource := p[5]; {
	case p[2] == "iam" && resource == "root":
		return principal{anAccount, p[4]}, true
	case p[2] == "iam" && iamPrincipal.MatchString(resource), p[2] == "sts" && stsPrincipal.MatchString(resource):
		return principal{anARN, s}, !strings.ContainsAny(resource, "*?")
	}
	return principal{}, false
}

func readService(s string) (principal, bool) {
	return principal{aService, s}, serviceName.MatchString(s)
}

func readFederated(s string) (principal, bool) {
	if p, ok := splitARN(s); ok && p[2] == "iam" && accountID.MatchString(p[4]) {
		host, ok := strings.CutPrefix(p[5], "oidc-provider/")
		return principal{aProvider, s}, ok && providerName.MatchString(host)
	}
	return principal{}, false
}

// is reports whether the principal stands for the caller.
func (p principal) is(c *caller) bool {
	switch p.kind {
	case anyone:
		return true
	case anAccount:
		return c.account != "" && c.account == p.value
	case anARN:
		return c.arn != "" && (p.value == c.arn || p.value == c.session)
	case aUniqueID:
		return c.id != "" && p.value == c.id
	case aProvider:
		return c.provider != "" && p.value == c.provider
	}
	return false
}

// principals is the element of a statement.
type principals struct {
	given bool // trust and resource policies have it, identity policies do not
	not   bool
	list  []principal
}

// cover reports whether a statement with this element is about the caller.
//
// NotPrincipal names who is excepted, and in doubt it decides against the
// caller. A denial excepts a caller only if all that it is (its account, its
// user or role, its session) is listed, as AWS has it; a permission is for
// whom nothing of that is listed, and never for an anonymous caller.
func (p *principals) cover(c *caller, deny bool) bool {
	if !p.given {
		return true
	}
	if !p.not {
		for _, one := range p.list {
			if one.is(c) {
				return true
			}
		}
		return false
	}
	if deny {
		return !p.listsAll(c)
	}
	for _, one := range p.list {
		if one.is(c) {
			return false
		}
	}
	return c.account != ""
}

func (p *principals) listsAll(c *caller) bool {
	has := func(values ...string) bool {
		for _, one := range p.list {
			for _, v := range values {
				if one.kind == anyone || v != "" && one.kind != aService && one.value == v {
					return true
				}
			}
		}
		return false
	}
	switch {
	case c.account == "":
		return has()
	case c.provider != "":
		return has(c.provider)
	case c.root:
		return has(c.account)
	case c.session != "":
		return has(c.account) && has(c.arn, c.id) && has(c.session)
	}
	return has(c.account) && has(c.arn, c.id)
}

// names reports whether the caller is named itself and not by its account
// alone: what same-account trust policies need to grant by themselves.
func (p *principals) names(c *caller) bool {
	for _, one := range p.list {
		if !p.not && (one.kind == anARN || one.kind == aUniqueID || one.kind == aProvider) && one.is(c) {
			return true
		}
	}
	return false
}
