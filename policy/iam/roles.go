package iam

import (
	"strings"
	"time"

	"larder/policy"
	"larder/registry"
)

const (
	defaultSession = time.Hour
	longestSession = 12 * time.Hour
)

type roleResult struct {
	Path                     string
	RoleName                 string
	RoleId                   string
	Arn                      string
	CreateDate               isoTime
	AssumeRolePolicyDocument encodedPolicy
	Description              string `xml:",omitempty"`
	MaxSessionDuration       int
	PermissionsBoundary      *boundaryResult
	Tags                     []tag `xml:"Tags>member"`
}

func resultOfRole(r registry.Role) roleResult {
	return roleResult{
		orSlash(r.Path), r.Name, r.ID, r.ARN(), isoTime(r.Created), encodedPolicy(r.Trust), r.Description,
		int(r.MaxSession / time.Second), boundaryOf(r.Permissions), tagList(r.Tags),
	}
}

// session reads the member MaxSessionDuration.
func (c *call) session(otherwise time.Duration) time.Duration {
	seconds := c.form.Int("MaxSessionDuration", int(otherwise/time.Second))
	if seconds < int(defaultSession/time.Second) || seconds > int(longestSession/time.Second) {
		c.form.Fail(invalid("MaxSessionDuration is %d; it must be from 3600 to 43200 seconds", seconds))
	}
	return time.Duration(seconds) * time.Second
}

func (c *call) description() string {
	d := c.form.String("Description")
	if len([]rune(d)) > 1000 {
		c.form.Fail(invalid("Description has more than 1000 characters"))
	}
	return d
}

func (c *call) createRole() (any, error) {
	r := registry.Role{
		Account: c.actor.Account, Name: c.named(roles), Path: c.path(), ID: uniqueID("AROA"), Description: c.description(),
		Trust: c.document("AssumeRolePolicyDocument", policy.Trust), MaxSession: c.session(defaultSession), Tags: c.tags(),
		Permissions: registry.Permissions{Boundary: c.form.String("PermissionsBoundary")},
	}
	if err := c.form.Err(); err != nil {
		return nil, err
	}
	if err := c.allowWith(r.ARN(), merged(requestTags(r.Tags), boundaryKey(r.Boundary))); err != nil {
		return nil, err
	}
	if err := checkTags(r.Tags); err != nil {
		return nil, err
	}
	err := c.update(func(tx registry.Tx) error {
		if err := c.boundary(tx, r.Boundary); err != nil {
			return err
		}
		r.Created = tx.Now()
		return taken(tx.CreateRole(r), "Role with name %s already exists.", r.Name)
	})
	return struct{ Role roleResult }{resultOfRole(r)}, err
}

func (c *call) getRole() (any, error) {
	found, err := c.find(roles, c.named(roles), nil)
	if err != nil {
		return nil, err
	}
	return struct{ Role roleResult }{resultOfRole(found.role)}, nil
}

func (c *call) listRoles() (any, error) {
	prefix := orSlash(c.form.String("PathPrefix"))
	page, scope, err := c.page()
	if err != nil {
		return nil, err
	}
	if err := c.allow(c.arn("role" + prefix)); err != nil {
		return nil, err
	}
	answer := struct {
		Roles []roleResult `xml:"Roles>member"`
		paged
	}{}
	return &answer, c.view(func(tx registry.Tx) error {
		all, next, err := tx.Roles(c.actor.Account, page)
		for _, r := range all {
			if strings.HasPrefix(orSlash(r.Path), prefix) {
				answer.Roles = append(answer.Roles, resultOfRole(r))
			}
		}
		answer.paged = pagedAt(scope, next)
		return err
	})
}

func (c *call) updateRole() (any, error) {
	name, description := c.named(roles), c.description()
	has, longer := c.form.Has("Description"), c.form.Has("MaxSessionDuration")
	life := c.session(defaultSession)
	return struct{}{}, c.change(roles, name, nil, func(_ registry.Tx, h *held) error {
		if has {
			h.role.Description = description
		}
		if longer {
			h.role.MaxSession = life
		}
		return nil
	})
}

func (c *call) updateRoleDescription() (any, error) {
	name, description := c.named(roles), c.description()
	var r registry.Role
	err := c.change(roles, name, nil, func(_ registry.Tx, h *held) error {
		h.role.Description = description
		r = h.role
		return nil
	})
	return struct{ Role roleResult }{resultOfRole(r)}, err
}

func (c *call) updateAssumeRolePolicy() (any, error) {
	name, document := c.named(roles), c.document("PolicyDocument", policy.Trust)
	return nil, c.change(roles, name, nil, func(_ registry.Tx, h *held) error {
		h.role.Trust = document
		return nil
	})
}

func (c *call) deleteRole() (any, error) {
	name := c.named(roles)
	if _, err := c.find(roles, name, nil); err != nil {
		return nil, err
	}
	return nil, c.update(func(tx registry.Tx) error {
		found, err := roles.read(tx, c.actor.Account, name)
		if err != nil {
			return err
		}
		if err := deletable(found); err != nil {
			return err
		}
		return tx.DeleteRole(c.actor.Account, name)
	})
}

// listInstanceProfilesForRole answers tools that ask before they delete: there
// are no machines here.
func (c *call) listInstanceProfilesForRole() (any, error) {
	if _, err := c.find(roles, c.named(roles), nil); err != nil {
		return nil, err
	}
	return struct {
		InstanceProfiles struct{}
		IsTruncated      bool
	}{}, nil
}
