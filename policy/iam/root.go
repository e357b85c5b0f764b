package iam

import (
	"strings"
	"time"

	"larder/policy"
	"larder/registry"
)

// rootSession is how long a session of a root user lasts at most (STS API
// Reference, AssumeRoot).
const rootSession = 15 * time.Minute

// assumeRoot lets the first account act as the root user of another for a
// moment and one task, such as to make its administration whole again when
// nobody there can. A root user has no other credentials.
func (c *call) assumeRoot() (any, error) {
	target, task := c.form.Required("TargetPrincipal"), c.form.Required("TaskPolicyArn.arn")
	account := strings.TrimSuffix(strings.TrimPrefix(target, "arn:aws:iam::"), ":root")
	if !policy.ValidAccountID(account) {
		c.form.Fail(invalid("TargetPrincipal is %q; it must be the id of an account, or arn:aws:iam::ACCOUNT:root", clip(target)))
	}
	life := c.life(rootSession, time.Second, rootSession)
	if err := c.form.Err(); err != nil {
		return nil, err
	}
	arn := "arn:aws:iam::" + account + ":root"
	refused := registry.Errorf(registry.Denied, "User: %s is not authorized to perform: sts:AssumeRoot on resource: %s", c.actor.Principal, arn)
	if c.actor.Account != FirstAccount || account == FirstAccount { // there it would be a way out of one's own limits
		return nil, refused
	}
	err := c.Policies.AuthorizeCall(c.ctx, policy.Call{
		Actor: c.actor, Action: "sts:AssumeRoot", ARN: arn, Account: FirstAccount, Context: map[string]string{"sts:TaskPolicyArn": task}, Time: c.now,
	})
	if err != nil {
		return nil, err
	}
	if _, ok := policy.AWSManagedPolicy(task); !ok || !strings.HasPrefix(task, policy.RootTasks) {
		return nil, invalid("TaskPolicyArn is %q; it must be one of those that begin with %s", clip(task), policy.RootTasks)
	}
	err = c.view(func(tx registry.Tx) error {
		a, err := tx.Account(account)
		if registry.IsNotFound(err) || err == nil && a.Closed {
			return invalid("the account %s does not exist, or is closed", account)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	session := &registry.Session{RoleID: account, Managed: []string{task}}
	if own := c.actor.Session; own != nil {
		session.SourceIdentity = own.SourceIdentity
	}
	t, err := c.Credentials.IssueSession(registry.Actor{Account: account, Principal: arn, Session: session}, life)
	return struct {
		Credentials    credentials
		SourceIdentity string `xml:",omitempty"`
	}{resultOf(t), session.SourceIdentity}, err
}
