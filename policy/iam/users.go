package iam

import (
	"crypto/rand"
	"strings"

	"larder/registry"
)

type userResult struct {
	Path                string
	UserName            string
	UserId              string
	Arn                 string
	CreateDate          isoTime
	PermissionsBoundary *boundaryResult
	Tags                []tag `xml:"Tags>member"`
}

func resultOfUser(u registry.User) userResult {
	return userResult{orSlash(u.Path), u.Name, u.ID, u.ARN(), isoTime(u.Created), boundaryOf(u.Permissions), tagList(u.Tags)}
}

func orSlash(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

// uniqueID makes the id of a user ("AIDA"), role ("AROA") or policy ("ANPA").
func uniqueID(prefix string) string { return prefix + rand.Text()[:17] }

func lastPart(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func (c *call) createUser() (any, error) {
	u := registry.User{
		Account: c.actor.Account, Name: c.named(users), Path: c.path(), ID: uniqueID("AIDA"), Tags: c.tags(),
		Permissions: registry.Permissions{Boundary: c.form.String("PermissionsBoundary")},
	}
	if err := c.form.Err(); err != nil {
		return nil, err
	}
	if err := c.allowWith(u.ARN(), merged(requestTags(u.Tags), boundaryKey(u.Boundary))); err != nil {
		return nil, err
	}
	if err := checkTags(u.Tags); err != nil {
		return nil, err
	}
	err := c.update(func(tx registry.Tx) error {
		if err := c.boundary(tx, u.Boundary); err != nil {
			return err
		}
		u.Created = tx.Now()
		return taken(tx.CreateUser(u), "User with name %s already exists.", u.Name)
	})
	return struct{ User userResult }{resultOfUser(u)}, err
}

// taken names what is there already as IAM does.
func taken(err error, format string, args ...any) error {
	if registry.CodeOf(err) != registry.Conflict {
		return err
	}
	return registry.Errorf(registry.Conflict, format, args...)
}

func merged(a, b map[string]string) map[string]string {
	for k, v := range b {
		a[k] = v
	}
	return a
}

// ownOr reads a user's name; where it was not sent, the caller's own.
func (c *call) ownOr(member string) string {
	if c.form.Has(member) {
		return c.named(users)
	}
	if c.actor.Session != nil && c.actor.Session.Role != "" || strings.HasSuffix(c.actor.Principal, ":root") {
		c.form.Fail(invalid("Must specify %s when calling with non-User credentials", member))
	}
	return lastPart(c.actor.Principal)
}

func (c *call) getUser() (any, error) {
	found, err := c.find(users, c.ownOr("UserName"), nil)
	if err != nil {
		return nil, err
	}
	return struct{ User userResult }{resultOfUser(found.user)}, nil
}

func (c *call) listUsers() (any, error) {
	prefix := orSlash(c.form.String("PathPrefix"))
	page, scope, err := c.page()
	if err != nil {
		return nil, err
	}
	if err := c.allow(c.arn("user" + prefix)); err != nil {
		return nil, err
	}
	answer := struct {
		Users []userResult `xml:"Users>member"`
		paged
	}{}
	return &answer, c.view(func(tx registry.Tx) error {
		all, next, err := tx.Users(c.actor.Account, page)
		for _, u := range all {
			if strings.HasPrefix(orSlash(u.Path), prefix) {
				answer.Users = append(answer.Users, resultOfUser(u))
			}
		}
		answer.paged = pagedAt(scope, next)
		return err
	})
}

func (c *call) deleteUser() (any, error) {
	name := c.named(users)
	if _, err := c.find(users, name, nil); err != nil {
		return nil, err
	}
	return nil, c.update(func(tx registry.Tx) error {
		found, err := users.read(tx, c.actor.Account, name)
		if err != nil {
			return err
		}
		if err := deletable(found); err != nil {
			return err
		}
		err = tx.DeleteUser(c.actor.Account, name)
		if registry.CodeOf(err) == registry.Conflict {
			return deleteConflict("Cannot delete entity, must delete access keys first.")
		}
		return err
	})
}

// deletable refuses what still has policies.
func deletable(h held) error {
	switch {
	case len(h.Managed) > 0:
		return deleteConflict("Cannot delete entity, must detach all policies first.")
	case len(h.Inline) > 0:
		return deleteConflict("Cannot delete entity, must delete policies first.")
	}
	return nil
}

// listGroupsForUser answers tools that ask before they delete: there are no groups.
func (c *call) listGroupsForUser() (any, error) {
	if _, err := c.find(users, c.named(users), nil); err != nil {
		return nil, err
	}
	return struct {
		Groups      struct{}
		IsTruncated bool
	}{}, nil
}
