package policy

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"larder/registry"
)

// caller is who asks, as policies name it.
type caller struct {
	account  string // empty: anonymous, or a web identity
	arn      string // of the user or role; of the account for root
	session  string // ARN of the role session
	id       string // unique id of the user or role
	userID   string // aws:userid
	username string // aws:username: users only
	kind     string // aws:PrincipalType
	root     bool
	provider string // ARN of the OpenID Connect provider of a web identity
	tags     map[string]string
	source   string    // aws:SourceIdentity
	issued   time.Time // aws:TokenIssueTime: of temporary credentials
}

// question is one request as policies see it. It is for one goroutine.
type question struct {
	caller *caller
	action string // lower case
	// arn is the resource's; noResource for actions that have none, whose
	// resource is "*". With anyPackage it is what the ARNs of all packages of
	// a repository begin with.
	arn        [arnParts]string
	also       [arnParts]string // another ARN by which policies may name it; empty: none
	noResource bool
	anyPackage bool

	owner        string // account of the resource
	organization string
	region       string
	time         time.Time
	address      netip.Addr
	secure       bool
	context      map[string]string // further keys as the caller gives them
	extra        map[string][]string
	// tags gives the resource's tags; nil where it can have none.
	tags func() (map[string]string, error)

	err  error // of tags
	uses uses
}

// uses says which volatile parts of a request a decision looked at.
type uses struct {
	address, secure bool
	other           bool // something that is not in the decision's key
	until           time.Time
}

// lookup gives a key's values; false when the request does not have it. Keys
// are as conditionKey gives them.
func (q *question) lookup(key string) ([]string, bool) {
	if values, ok := q.extra[key]; ok {
		q.uses.other = true
		return values, true
	}
	if v, ok := q.given(key); ok {
		q.uses.other = true
		return v, true
	}
	c := q.caller
	switch key {
	case "aws:sourceip":
		q.uses.address = true
		if !q.address.IsValid() {
			return nil, false
		}
		return one(q.address.Unmap().String())
	case "aws:securetransport":
		q.uses.secure = true
		return one(strconv.FormatBool(q.secure))
	case "aws:currenttime":
		return one(q.time.UTC().Format(time.RFC3339Nano))
	case "aws:epochtime":
		return one(strconv.FormatInt(q.time.Unix(), 10))
	case "aws:requestedregion":
		return one(q.region)
	case "aws:principalarn":
		return some(c.arn)
	case "aws:principalaccount":
		return some(c.account)
	case "aws:principalorgid":
		if c.account == "" {
			return nil, false
		}
		return some(q.organization)
	case "aws:principaltype":
		return some(c.kind)
	case "aws:principalisawsservice", "aws:viaawsservice":
		return one("false")
	case "aws:userid":
		return some(c.userID)
	case "aws:username":
		return some(c.username)
	case "aws:sourceidentity":
		return some(c.source)
	case "aws:federatedprovider":
		return some(c.provider)
	case "aws:tokenissuetime":
		if c.issued.IsZero() {
			return nil, false
		}
		return one(c.issued.UTC().Format(time.RFC3339))
	case "aws:multifactorauthpresent":
		if c.issued.IsZero() {
			return nil, false // long-term keys do not have it
		}
		return one("false")
	case "aws:resourceaccount":
		return some(q.owner)
	case "aws:resourceorgid":
		return some(q.organization)
	}
	if name, ok := strings.CutPrefix(key, "aws:principaltag/"); ok {
		return tagged(c.tags, name)
	}
	if name, ok := strings.CutPrefix(key, "aws:resourcetag/"); ok && q.tags != nil {
		tags, err := q.tags()
		if err != nil {
			q.err = err
			return nil, false
		}
		return tagged(tags, name)
	}
	return nil, false
}

// given looks at the keys that came with the access. Tags of a request come
// one by one; aws:TagKeys are their keys.
func (q *question) given(key string) ([]string, bool) {
	if q.context == nil {
		return nil, false
	}
	const requestTag = "aws:requesttag/"
	if key == "aws:tagkeys" {
		var keys []string
		for k, v := range q.context {
			if len(k) > len(requestTag) && strings.EqualFold(k[:len(requestTag)], requestTag) {
				keys = append(keys, k[len(requestTag):])
			}
			if strings.EqualFold(k, key) {
				keys = append(keys, strings.Split(v, "\n")...)
			}
		}
		slices.Sort(keys)
		return keys, len(keys) > 0
	}
	if name, ok := strings.CutPrefix(key, requestTag); ok {
		tags := map[string]string{}
		for k, v := range q.context {
			if len(k) > len(requestTag) && strings.EqualFold(k[:len(requestTag)], requestTag) {
				tags[k[len(requestTag):]] = v
			}
		}
		return tagged(tags, name)
	}
	for k, v := range q.context {
		if strings.EqualFold(k, key) {
			return []string{v}, true
		}
	}
	return nil, false
}

func one(v string) ([]string, bool) { return []string{v}, true }

func some(v string) ([]string, bool) {
	if v == "" {
		return nil, false
	}
	return []string{v}, true
}

// tagged finds a tag by its key as the condition spells it. Letter case of
// condition keys does not count, so that without that one it is the first, in
// order, that differs in nothing else: never one by chance.
func tagged(tags map[string]string, name string) ([]string, bool) {
	if v, ok := tags[name]; ok {
		return []string{v}, true
	}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		if strings.EqualFold(k, name) {
			return []string{tags[k]}, true
		}
	}
	return nil, false
}

// clock notes how long a decision that looked at the statement may be kept:
// until the next time that one of its conditions names. A condition that looks
// at the time in another way ends it now.
func (q *question) clock(s *statement) {
	if !s.policy.timed() {
		return
	}
	keep := func(until time.Time) {
		if q.uses.until.IsZero() || until.Before(q.uses.until) {
			q.uses.until = until
		}
	}
	now := func(key string) {
		if isClock(key) {
			keep(q.time)
		}
	}
	for _, r := range s.resources {
		r.keys(now)
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		for _, o := range c.operands {
			at, dated := o.(dateOperand)
			switch {
			case !isClock(c.key):
				if o, ok := o.(stringOperand); ok {
					o.template.keys(now)
				}
			case c.operator.null:
			case !dated || !c.operator.ordered || c.key != "aws:currenttime":
				keep(q.time)
			case !at.time.Before(q.time):
				keep(at.time)
			}
		}
	}
}

func isClock(key string) bool { return key == "aws:currenttime" || key == "aws:epochtime" }

func (p *Policy) timed() bool { return p.keys["aws:currenttime"] || p.keys["aws:epochtime"] }

// newCaller describes an actor; id and tags are those of the user or role.
func newCaller(a registry.Actor, id string, tags map[string]string) *caller {
	c := &caller{account: a.Account, arn: a.Principal, id: id, userID: id, tags: tags, kind: "User"}
	switch {
	case a.Anonymous():
		return &caller{kind: "Anonymous"}
	case strings.HasSuffix(a.Principal, ":root"):
		c.root, c.kind, c.userID = true, "Account", a.Account
	case a.Session == nil || a.Session.Role == "":
		c.username = nameOf(a.Principal)
	default:
		s := a.Session
		c.arn, c.session, c.kind = s.Role, a.Principal, "AssumedRole"
		c.userID = id + ":" + s.Name
	}
	if s := a.Session; s != nil {
		c.source, c.issued = s.SourceIdentity, s.Issued
		if len(s.Tags) > 0 {
			c.tags = s.Tags // session tags outrank those of the role
			for k, v := range tags {
				if _, ok := tagged(s.Tags, k); !ok {
					if len(c.tags) == len(s.Tags) {
						c.tags = cloneTags(s.Tags)
					}
					c.tags[k] = v
				}
			}
		}
	}
	return c
}

func cloneTags(tags map[string]string) map[string]string {
	m := make(map[string]string, len(tags))
	for k, v := range tags {
		m[k] = v
	}
	return m
}

// nameOf gives what stands after the last slash of an ARN.
func nameOf(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
