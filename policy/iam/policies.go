package iam

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"larder/policy"
	"larder/registry"
)

// maxVersions is how many versions a managed policy keeps (IAM quotas).
const maxVersions = 5

type policyResult struct {
	PolicyName                    string
	PolicyId                      string
	Arn                           string
	Path                          string
	DefaultVersionId              string
	AttachmentCount               int
	PermissionsBoundaryUsageCount int
	IsAttachable                  bool
	Description                   string `xml:",omitempty"`
	CreateDate                    isoTime
	UpdateDate                    isoTime
	Tags                          []tag `xml:"Tags>member"`
}

// awsSince is when AWS's own policies say they were made.
var awsSince = time.Date(2015, 2, 6, 18, 39, 0, 0, time.UTC)

// awsPolicy gives one of AWS's own policies as if it were an account's.
func awsPolicy(p policy.AWSManaged) registry.ManagedPolicy {
	return registry.ManagedPolicy{
		Account: "aws", Name: p.Name, Path: p.Path, ID: "ANPA" + strings.ToUpper(p.Name), Description: p.Description, Default: "v1", Created: awsSince, Updated: awsSince,
		Versions: []registry.PolicyVersion{{ID: "v1", Document: p.Document, Created: awsSince}},
	}
}

// policyWithARN gives a managed policy that the actor's account may use: its
// own or AWS's. NotFound.
func (c *call) policyWithARN(tx registry.Tx, arn string) (registry.ManagedPolicy, error) {
	if p, ok := policy.AWSManagedPolicy(arn); ok {
		return awsPolicy(p), nil
	}
	missing := registry.Errorf(registry.NotFound, "Policy %s does not exist or is not attachable.", clip(arn))
	if !strings.HasPrefix(arn, c.arn("policy/")) {
		return registry.ManagedPolicy{}, missing
	}
	p, err := tx.ManagedPolicy(c.actor.Account, lastPart(arn))
	if registry.IsNotFound(err) || err == nil && p.ARN() != arn {
		err = missing
	}
	return p, err
}

// policyUses are who has a policy attached, and how many are bounded by it.
type policyUses struct {
	users, roles []held
	bounded      int
}

func (u policyUses) attached() int { return len(u.users) + len(u.roles) }

// uses looks through the users and roles of the actor's account, once for all
// policies, and gives their uses by ARN.
func (c *call) uses(tx registry.Tx) (map[string]policyUses, error) {
	all := map[string]policyUses{}
	count := func(h held, into func(*policyUses) *[]held) {
		for _, arn := range h.Managed {
			u := all[arn]
			*into(&u) = append(*into(&u), h)
			all[arn] = u
		}
		if h.Boundary != "" {
			u := all[h.Boundary]
			u.bounded++
			all[h.Boundary] = u
		}
	}
	allUsers, _, err := tx.Users(c.actor.Account, registry.Page{})
	if err != nil {
		return nil, err
	}
	for _, one := range allUsers {
		count(held{user: one, Permissions: &one.Permissions, name: one.Name}, func(u *policyUses) *[]held { return &u.users })
	}
	allRoles, _, err := tx.Roles(c.actor.Account, registry.Page{})
	for _, one := range allRoles {
		count(held{role: one, Permissions: &one.Permissions, name: one.Name}, func(u *policyUses) *[]held { return &u.roles })
	}
	return all, err
}

// usesOf gives the uses of one policy.
func (c *call) usesOf(tx registry.Tx, arn string) (policyUses, error) {
	all, err := c.uses(tx)
	return all[arn], err
}

func resultOfPolicy(p registry.ManagedPolicy, u policyUses) policyResult {
	return policyResult{
		PolicyName: p.Name, PolicyId: p.ID, Arn: p.ARN(), Path: orSlash(p.Path), DefaultVersionId: p.Default, AttachmentCount: u.attached(),
		PermissionsBoundaryUsageCount: u.bounded, IsAttachable: true, Description: p.Description, CreateDate: isoTime(p.Created), UpdateDate: isoTime(p.Updated), Tags: tagList(p.Tags),
	}
}

func (c *call) createPolicy() (any, error) {
	p := registry.ManagedPolicy{
		Account: c.actor.Account, Name: c.name("PolicyName", maxPolicyName), Path: c.path(), ID: uniqueID("ANPA"), Description: c.description(),
		Default: "v1", Last: 1, Tags: c.tags(), Versions: []registry.PolicyVersion{{ID: "v1", Document: c.document("PolicyDocument", policy.Identity)}},
	}
	if err := c.form.Err(); err != nil {
		return nil, err
	}
	if err := c.allowWith(p.ARN(), requestTags(p.Tags)); err != nil {
		return nil, err
	}
	if err := checkTags(p.Tags); err != nil {
		return nil, err
	}
	err := c.update(func(tx registry.Tx) error {
		p.Created, p.Updated, p.Versions[0].Created = tx.Now(), tx.Now(), tx.Now()
		return taken(tx.CreateManagedPolicy(p), "A policy called %s already exists. Duplicate names are not allowed.", p.Name)
	})
	return struct{ Policy policyResult }{resultOfPolicy(p, policyUses{})}, err
}

// findPolicy authorizes the operation on the policy that the request names and gives it.
func (c *call) findPolicy() (p registry.ManagedPolicy, uses policyUses, err error) {
	arn := c.form.Required("PolicyArn")
	if err := c.form.Err(); err != nil {
		return p, uses, err
	}
	if err := c.allow(arn); err != nil {
		return p, uses, err
	}
	err = c.view(func(tx registry.Tx) (err error) {
		if p, err = c.policyWithARN(tx, arn); err != nil {
			return err
		}
		uses, err = c.usesOf(tx, arn)
		return err
	})
	return p, uses, err
}

// changePolicy authorizes the operation on a policy of the account and changes it.
func (c *call) changePolicy(keys map[string]string, f func(tx registry.Tx, p *registry.ManagedPolicy) error) error {
	arn := c.form.Required("PolicyArn")
	if err := c.form.Err(); err != nil {
		return err
	}
	if err := c.allowWith(arn, keys); err != nil {
		return err
	}
	return c.update(func(tx registry.Tx) error {
		p, err := c.policyWithARN(tx, arn)
		if err != nil {
			return err
		}
		if p.Account == "aws" {
			return registry.Errorf(registry.Denied, "%s is AWS's own policy and cannot be changed", arn)
		}
		if err := f(tx, &p); err != nil {
			return err
		}
		return tx.UpdateManagedPolicy(p)
	})
}

func (c *call) getPolicy() (any, error) {
	p, uses, err := c.findPolicy()
	if err != nil {
		return nil, err
	}
	return struct{ Policy policyResult }{resultOfPolicy(p, uses)}, nil
}

func (c *call) listPolicies() (any, error) {
	scope, prefix, attached := c.form.String("Scope"), orSlash(c.form.String("PathPrefix")), c.form.Bool("OnlyAttached")
	if scope != "" && scope != "All" && scope != "AWS" && scope != "Local" {
		return nil, invalid("Scope is %q; it must be All, AWS or Local", clip(scope))
	}
	page, pages, err := c.page()
	if err != nil {
		return nil, err
	}
	if err := c.allow(c.arn("policy" + prefix)); err != nil {
		return nil, err
	}
	answer := struct {
		Policies []policyResult `xml:"Policies>member"`
		paged
	}{}
	return &answer, c.view(func(tx registry.Tx) error {
		// AWS's own policies come before an account's, so they are few and on the first page.
		var all []registry.ManagedPolicy
		if scope != "Local" && page.After == "" {
			for _, p := range policy.AWSManagedPolicies() {
				all = append(all, awsPolicy(p))
			}
		}
		next := ""
		if scope != "AWS" {
			own, more, err := tx.ManagedPolicies(c.actor.Account, page)
			if err != nil {
				return err
			}
			all, next = append(all, own...), more
		}
		uses, err := c.uses(tx)
		if err != nil {
			return err
		}
		for _, p := range all {
			if u := uses[p.ARN()]; strings.HasPrefix(orSlash(p.Path), prefix) && (!attached || u.attached() > 0) {
				answer.Policies = append(answer.Policies, resultOfPolicy(p, u))
			}
		}
		answer.paged = pagedAt(pages, next)
		return nil
	})
}

func (c *call) deletePolicy() (any, error) {
	p, _, err := c.findPolicy()
	if err != nil {
		return nil, err
	}
	return nil, c.update(func(tx registry.Tx) error {
		uses, err := c.usesOf(tx, p.ARN())
		switch {
		case err != nil:
			return err
		case p.Account == "aws":
			return registry.Errorf(registry.Denied, "%s is AWS's own policy and cannot be deleted", p.ARN())
		case uses.attached()+uses.bounded > 0:
			return deleteConflict("Cannot delete a policy attached to entities.")
		case len(p.Versions) > 1:
			return deleteConflict("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		return noEntity(tx.DeleteManagedPolicy(p.Account, p.Name), "Policy %s was not found.", p.ARN())
	})
}

type versionResult struct {
	Document         *encodedPolicy
	VersionId        string
	IsDefaultVersion bool
	CreateDate       isoTime
}

func resultOfVersion(p registry.ManagedPolicy, v registry.PolicyVersion, whole bool) versionResult {
	r := versionResult{VersionId: v.ID, IsDefaultVersion: v.ID == p.Default, CreateDate: isoTime(v.Created)}
	if whole {
		document := encodedPolicy(v.Document)
		r.Document = &document
	}
	return r
}

func (c *call) createPolicyVersion() (any, error) {
	document, makeDefault := c.document("PolicyDocument", policy.Identity), c.form.Bool("SetAsDefault")
	var r versionResult
	err := c.changePolicy(nil, func(tx registry.Tx, p *registry.ManagedPolicy) error {
		if len(p.Versions) >= maxVersions {
			return limitExceeded("versions of a policy; delete one", maxVersions)
		}
		p.Last++
		v := registry.PolicyVersion{ID: "v" + strconv.Itoa(p.Last), Document: document, Created: tx.Now()}
		p.Versions = append(p.Versions, v)
		p.Updated = tx.Now()
		if makeDefault {
			p.Default = v.ID
		}
		r = resultOfVersion(*p, v, false)
		return nil
	})
	return struct{ PolicyVersion versionResult }{r}, err
}

// version finds the version that the request names.
func (c *call) version(p registry.ManagedPolicy) (int, error) {
	id := c.form.Required("VersionId")
	i := slices.IndexFunc(p.Versions, func(v registry.PolicyVersion) bool { return v.ID == id })
	if i < 0 {
		return i, registry.Errorf(registry.NotFound, "Policy %s version %s does not exist or is not attachable.", p.ARN(), clip(id))
	}
	return i, nil
}

func (c *call) getPolicyVersion() (any, error) {
	p, _, err := c.findPolicy()
	if err != nil {
		return nil, err
	}
	i, err := c.version(p)
	if err != nil {
		return nil, err
	}
	return struct{ PolicyVersion versionResult }{resultOfVersion(p, p.Versions[i], true)}, nil
}

func (c *call) listPolicyVersions() (any, error) {
	p, _, err := c.findPolicy()
	if err != nil {
		return nil, err
	}
	answer := struct {
		Versions    []versionResult `xml:"Versions>member"`
		IsTruncated bool
	}{}
	for _, v := range slices.Backward(p.Versions) {
		answer.Versions = append(answer.Versions, resultOfVersion(p, v, false))
	}
	return answer, nil
}

func (c *call) deletePolicyVersion() (any, error) {
	return nil, c.changePolicy(nil, func(tx registry.Tx, p *registry.ManagedPolicy) error {
		i, err := c.version(*p)
		if err != nil {
			return err
		}
		if p.Versions[i].ID == p.Default {
			return deleteConflict("Cannot delete the default version of a policy.")
		}
		p.Versions, p.Updated = slices.Delete(p.Versions, i, i+1), tx.Now()
		return nil
	})
}

func (c *call) setDefaultPolicyVersion() (any, error) {
	return nil, c.changePolicy(nil, func(tx registry.Tx, p *registry.ManagedPolicy) error {
		i, err := c.version(*p)
		if err != nil {
			return err
		}
		p.Default, p.Updated = p.Versions[i].ID, tx.Now()
		return nil
	})
}

func (c *call) tagPolicy() (any, error) {
	tags := c.tags()
	return nil, c.changePolicy(requestTags(tags), func(_ registry.Tx, p *registry.ManagedPolicy) error { return addTags(&p.Tags, tags) })
}

func (c *call) untagPolicy() (any, error) {
	keys := c.form.List("TagKeys")
	return nil, c.changePolicy(tagKeys(keys), func(_ registry.Tx, p *registry.ManagedPolicy) error {
		for _, k := range keys {
			delete(p.Tags, k)
		}
		return nil
	})
}

func (c *call) listPolicyTags() (any, error) {
	p, _, err := c.findPolicy()
	if err != nil {
		return nil, err
	}
	return tagsResult{Tags: tagList(p.Tags)}, nil
}

func (c *call) listEntitiesForPolicy() (any, error) {
	_, uses, err := c.findPolicy()
	if err != nil {
		return nil, err
	}
	type entity struct {
		UserName string `xml:",omitempty"`
		UserId   string `xml:",omitempty"`
		RoleName string `xml:",omitempty"`
		RoleId   string `xml:",omitempty"`
	}
	answer := struct {
		PolicyUsers []entity `xml:"PolicyUsers>member"`
		PolicyRoles []entity `xml:"PolicyRoles>member"`
		IsTruncated bool
	}{}
	for _, u := range uses.users {
		answer.PolicyUsers = append(answer.PolicyUsers, entity{UserName: u.name, UserId: u.user.ID})
	}
	for _, r := range uses.roles {
		answer.PolicyRoles = append(answer.PolicyRoles, entity{RoleName: r.name, RoleId: r.role.ID})
	}
	return answer, nil
}
