package iam

import (
	"slices"
	"strings"

	"larder/policy"
	"larder/registry"
)

// A holder is a user or a role: what has policies, a boundary and tags.
type holder struct {
	kind   string // "user" or "role"
	member string // of the request that names it
	read   func(tx registry.Tx, account, name string) (held, error)
	write  func(tx registry.Tx, h held) error
}

// held is a user or role; one of the two.
type held struct {
	user registry.User
	role registry.Role
	// What both have, to be changed.
	*registry.Permissions
	tags *map[string]string
	arn  string
	name string
}

var (
	users = holder{
		kind: "user", member: "UserName",
		read: func(tx registry.Tx, account, name string) (held, error) {
			u, err := tx.User(account, name)
			h := &held{user: u, arn: u.ARN(), name: name}
			h.Permissions, h.tags = &h.user.Permissions, &h.user.Tags
			return *h, noEntity(err, "The user with name %s cannot be found.", name)
		},
		write: func(tx registry.Tx, h held) error {
			h.user.Permissions, h.user.Tags = *h.Permissions, *h.tags
			return tx.UpdateUser(h.user)
		},
	}
	roles = holder{
		kind: "role", member: "RoleName",
		read: func(tx registry.Tx, account, name string) (held, error) {
			r, err := tx.Role(account, name)
			h := &held{role: r, arn: r.ARN(), name: name}
			h.Permissions, h.tags = &h.role.Permissions, &h.role.Tags
			return *h, noEntity(err, "The role with name %s cannot be found.", name)
		},
		write: func(tx registry.Tx, h held) error {
			h.role.Permissions, h.role.Tags = *h.Permissions, *h.tags
			return tx.UpdateRole(h.role)
		},
	}
)

// named reads which holder the request names.
func (c *call) named(h holder) string { return c.name(h.member, maxHolderName) }

// find authorizes the operation on a user or role and gives it. Who may not do
// it does not learn whether it is there.
func (c *call) find(h holder, name string, keys map[string]string) (held, error) {
	if err := c.form.Err(); err != nil {
		return held{}, err
	}
	var found held
	err := c.view(func(tx registry.Tx) (err error) {
		found, err = h.read(tx, c.actor.Account, name)
		return err
	})
	if err != nil && !registry.IsNotFound(err) {
		return held{}, err
	}
	arn := found.arn
	if err != nil {
		arn = c.arn(h.kind + "/" + name)
	}
	if denied := c.allowWith(arn, keys); denied != nil {
		if registry.CodeOf(denied) == registry.Denied {
			// The path in the ARN of one that is there would tell that it is.
			denied = c.denied(c.arn(h.kind + "/" + name))
		}
		return held{}, denied
	}
	return found, err
}

// change authorizes the operation on a user or role and changes it in one
// transaction.
func (c *call) change(h holder, name string, keys map[string]string, f func(tx registry.Tx, h *held) error) error {
	if _, err := c.find(h, name, keys); err != nil {
		return err
	}
	return c.update(func(tx registry.Tx) error {
		found, err := h.read(tx, c.actor.Account, name)
		if err != nil {
			return err
		}
		if err := f(tx, &found); err != nil {
			return err
		}
		return h.write(tx, found)
	})
}

// boundary reads the member PermissionsBoundary. A policy that is not there is refused.
func (c *call) boundary(tx registry.Tx, arn string) error {
	if arn == "" {
		return nil
	}
	_, err := c.policyWithARN(tx, arn)
	return err
}

type boundaryResult struct {
	Type string `xml:"PermissionsBoundaryType"`
	ARN  string `xml:"PermissionsBoundaryArn"`
}

func boundaryOf(p registry.Permissions) *boundaryResult {
	if p.Boundary == "" {
		return nil
	}
	return &boundaryResult{"Policy", p.Boundary}
}

func (c *call) putBoundary(h holder) (any, error) {
	name, arn := c.named(h), c.form.Required("PermissionsBoundary")
	return nil, c.change(h, name, boundaryKey(arn), func(tx registry.Tx, h *held) error {
		h.Boundary = arn
		return c.boundary(tx, arn)
	})
}

func boundaryKey(arn string) map[string]string {
	if arn == "" {
		return nil
	}
	return map[string]string{"iam:PermissionsBoundary": arn}
}

func (c *call) deleteBoundary(h holder) (any, error) {
	name := c.named(h)
	return nil, c.change(h, name, nil, func(_ registry.Tx, h *held) error {
		h.Boundary = ""
		return nil
	})
}

func (c *call) putUserBoundary() (any, error)    { return c.putBoundary(users) }
func (c *call) deleteUserBoundary() (any, error) { return c.deleteBoundary(users) }
func (c *call) putRoleBoundary() (any, error)    { return c.putBoundary(roles) }
func (c *call) deleteRoleBoundary() (any, error) { return c.deleteBoundary(roles) }

func (c *call) tagHolder(h holder) (any, error) {
	name, tags := c.named(h), c.tags()
	return nil, c.change(h, name, requestTags(tags), func(_ registry.Tx, h *held) error {
		return addTags(h.tags, tags)
	})
}

// addTags adds tags to those that something has.
func addTags(have *map[string]string, tags map[string]string) error {
	all := map[string]string{}
	for k, v := range *have {
		all[k] = v
	}
	for k, v := range tags {
		for other := range all {
			if strings.EqualFold(other, k) { // IAM keeps one spelling of a key
				delete(all, other)
			}
		}
		all[k] = v
	}
	*have = all
	return checkTags(all)
}

func (c *call) untagHolder(h holder) (any, error) {
	name, keys := c.named(h), c.form.List("TagKeys")
	return nil, c.change(h, name, tagKeys(keys), func(_ registry.Tx, h *held) error {
		for _, k := range keys {
			delete(*h.tags, k)
		}
		return nil
	})
}

// tagKeys is the condition key of tags that are to be removed.
func tagKeys(keys []string) map[string]string {
	text := ""
	for i, k := range keys {
		if i > 0 {
			text += "\n"
		}
		text += k
	}
	return map[string]string{"aws:TagKeys": text}
}

func (c *call) listHolderTags(h holder) (any, error) {
	found, err := c.find(h, c.named(h), nil)
	if err != nil {
		return nil, err
	}
	return tagsResult{Tags: tagList(*found.tags)}, nil
}

func (c *call) tagUser() (any, error)      { return c.tagHolder(users) }
func (c *call) untagUser() (any, error)    { return c.untagHolder(users) }
func (c *call) listUserTags() (any, error) { return c.listHolderTags(users) }
func (c *call) tagRole() (any, error)      { return c.tagHolder(roles) }
func (c *call) untagRole() (any, error)    { return c.untagHolder(roles) }
func (c *call) listRoleTags() (any, error) { return c.listHolderTags(roles) }

// Quotas (IAM User Guide, "IAM and AWS STS quotas").
const (
	maxAttached   = 20
	maxInline     = 10240 // characters of all inline policies of a user or role
	maxHolderName = 64
	maxPolicyName = 128
)

func (c *call) putInline(h holder) (any, error) {
	name, policyName := c.named(h), c.name("PolicyName", maxPolicyName)
	document := c.document("PolicyDocument", policy.Identity)
	return nil, c.change(h, name, nil, func(_ registry.Tx, h *held) error {
		size := len([]rune(document))
		inline := map[string]string{}
		for n, d := range h.Inline {
			if n != policyName {
				inline[n] = d
				size += len([]rune(d))
			}
		}
		if size > maxInline {
			return limitExceeded("characters of inline policies", maxInline)
		}
		inline[policyName] = document
		h.Inline = inline
		return nil
	})
}

type inlineResult struct {
	UserName       string `xml:",omitempty"`
	RoleName       string `xml:",omitempty"`
	PolicyName     string
	PolicyDocument encodedPolicy
}

func (c *call) getInline(h holder) (any, error) {
	name, policyName := c.named(h), c.form.Required("PolicyName")
	found, err := c.find(h, name, nil)
	if err != nil {
		return nil, err
	}
	document, ok := found.Inline[policyName]
	if !ok {
		return nil, noPolicy(h, name, policyName)
	}
	r := inlineResult{UserName: name, PolicyName: policyName, PolicyDocument: encodedPolicy(document)}
	if h.kind == "role" {
		r.UserName, r.RoleName = "", name
	}
	return r, nil
}

func noPolicy(h holder, name, policyName string) error {
	return registry.Errorf(registry.NotFound, "The %s policy with name %s cannot be found on %s.", h.kind, clip(policyName), name)
}

func (c *call) listInline(h holder) (any, error) {
	found, err := c.find(h, c.named(h), nil)
	if err != nil {
		return nil, err
	}
	var names []string
	for n := range found.Inline {
		names = append(names, n)
	}
	slices.Sort(names)
	return struct {
		IsTruncated bool
		PolicyNames []string `xml:"PolicyNames>member"`
	}{PolicyNames: names}, nil
}

func (c *call) deleteInline(h holder) (any, error) {
	name, policyName := c.named(h), c.form.Required("PolicyName")
	return nil, c.change(h, name, nil, func(_ registry.Tx, found *held) error {
		if _, ok := found.Inline[policyName]; !ok {
			return noPolicy(h, name, policyName)
		}
		delete(found.Inline, policyName)
		return nil
	})
}

func (c *call) putUserPolicy() (any, error)    { return c.putInline(users) }
func (c *call) getUserPolicy() (any, error)    { return c.getInline(users) }
func (c *call) listUserPolicies() (any, error) { return c.listInline(users) }
func (c *call) deleteUserPolicy() (any, error) { return c.deleteInline(users) }
func (c *call) putRolePolicy() (any, error)    { return c.putInline(roles) }
func (c *call) getRolePolicy() (any, error)    { return c.getInline(roles) }
func (c *call) listRolePolicies() (any, error) { return c.listInline(roles) }
func (c *call) deleteRolePolicy() (any, error) { return c.deleteInline(roles) }

func (c *call) attach(h holder) (any, error) {
	name, arn := c.named(h), c.form.Required("PolicyArn")
	return nil, c.change(h, name, map[string]string{"iam:PolicyARN": arn}, func(tx registry.Tx, h *held) error {
		if _, err := c.policyWithARN(tx, arn); err != nil {
			return err
		}
		if slices.Contains(h.Managed, arn) {
			return nil
		}
		if len(h.Managed) >= maxAttached {
			return limitExceeded("managed policies of a user or role", maxAttached)
		}
		h.Managed = append(slices.Clone(h.Managed), arn)
		return nil
	})
}

func (c *call) detach(h holder) (any, error) {
	name, arn := c.named(h), c.form.Required("PolicyArn")
	return nil, c.change(h, name, map[string]string{"iam:PolicyARN": arn}, func(_ registry.Tx, h *held) error {
		i := slices.Index(h.Managed, arn)
		if i < 0 {
			return registry.Errorf(registry.NotFound, "Policy %s was not found.", clip(arn))
		}
		h.Managed = slices.Delete(slices.Clone(h.Managed), i, i+1)
		return nil
	})
}

type attachedPolicy struct {
	PolicyName string
	PolicyArn  string
}

func (c *call) listAttached(h holder) (any, error) {
	found, err := c.find(h, c.named(h), nil)
	if err != nil {
		return nil, err
	}
	answer := struct {
		IsTruncated      bool
		AttachedPolicies []attachedPolicy `xml:"AttachedPolicies>member"`
	}{}
	for _, arn := range found.Managed {
		answer.AttachedPolicies = append(answer.AttachedPolicies, attachedPolicy{lastPart(arn), arn})
	}
	return answer, nil
}

func (c *call) attachUserPolicy() (any, error)         { return c.attach(users) }
func (c *call) detachUserPolicy() (any, error)         { return c.detach(users) }
func (c *call) listAttachedUserPolicies() (any, error) { return c.listAttached(users) }
func (c *call) attachRolePolicy() (any, error)         { return c.attach(roles) }
func (c *call) detachRolePolicy() (any, error)         { return c.detach(roles) }
func (c *call) listAttachedRolePolicies() (any, error) { return c.listAttached(roles) }
