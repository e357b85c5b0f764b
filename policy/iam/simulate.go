package iam

import (
	"fmt"
	"strings"

	"larder/policy"
	"larder/registry"
)

const maxSimulated = 1000 // pairs of action and resource in one call

type matchedStatement struct {
	// SourcePolicyId names the policy and the statement in it.
	SourcePolicyId   string
	SourcePolicyType string
}

type evaluation struct {
	EvalActionName    string
	EvalResourceName  string
	EvalDecision      string
	MatchedStatements []matchedStatement `xml:"MatchedStatements>member"`
	// EvalDecisionDetails says, where nothing allows, which policy should have.
	EvalDecisionDetails []evaluationDetail `xml:"EvalDecisionDetails>entry"`
}

type evaluationDetail struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

// simulatePrincipalPolicy says what becomes of requests of a user or role.
// Unlike AWS it asks the policies that the named domain or repository really
// has, unless the caller gives one instead, and the id of each statement names
// its policy, its number and its Sid.
func (c *call) simulatePrincipalPolicy() (any, error) {
	principal := c.form.Required("PolicySourceArn")
	if err := c.form.Err(); err != nil {
		return nil, err
	}
	if err := c.allow(principal); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(principal, "arn:aws:iam::"+c.actor.Account+":") {
		return nil, registry.Errorf(registry.NotFound, "%s is no user or role of this account", clip(principal))
	}
	return c.simulate(principal)
}

// simulateCustomPolicy says what the given policies do by themselves.
func (c *call) simulateCustomPolicy() (any, error) {
	if err := c.allow("*"); err != nil {
		return nil, err
	}
	if len(c.form.List("PolicyInputList")) == 0 {
		return nil, invalid("PolicyInputList is required")
	}
	return c.simulate("")
}

func (c *call) simulate(principal string) (any, error) {
	s := policy.Simulation{
		Principal: principal, Policies: c.form.List("PolicyInputList"), Boundaries: c.form.List("PermissionsBoundaryPolicyInputList"),
		ResourcePolicy: c.form.String("ResourcePolicy"), Context: map[string][]string{}, Time: c.now,
	}
	for _, e := range c.form.Structs("ContextEntries") {
		s.Context[e.Required("ContextKeyName")] = e.List("ContextKeyValues")
	}
	actions, resources := c.form.List("ActionNames"), c.form.List("ResourceArns")
	if len(actions) == 0 {
		c.form.Fail(invalid("ActionNames is required"))
	}
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	if len(actions)*len(resources) > maxSimulated {
		c.form.Fail(invalid("more than %d pairs of action and resource", maxSimulated))
	}
	if err := c.form.Err(); err != nil {
		return nil, err
	}
	answer := struct {
		EvaluationResults []evaluation `xml:"EvaluationResults>member"`
		IsTruncated       bool
	}{}
	for _, action := range actions {
		known, ok := policy.KnownAction(action)
		if !ok {
			return nil, exception("InvalidInput", 400, "%s is no action of this server", clip(action))
		}
		for _, arn := range resources {
			s.Action, s.ARN = known, arn
			d, err := c.Policies.Simulate(c.ctx, s)
			if err != nil {
				return nil, noEntity(err, "%s", registry.MessageOf(err))
			}
			if err := c.discreet(&d, arn); err != nil {
				return nil, err
			}
			answer.EvaluationResults = append(answer.EvaluationResults, evaluated(action, arn, principal, d))
		}
	}
	return answer, nil
}

// discreet keeps the statements of a domain's or repository's policy from
// whoever may not read that policy: asking about one's own user would tell what
// a 403 does not.
func (c *call) discreet(d *policy.Decision, arn string) error {
	resource, ok := policy.ResourceOf(arn)
	if !ok {
		return nil
	}
	for i, s := range d.Statements {
		access := registry.Access{Actor: c.actor, Time: c.now}
		switch s.Side {
		case "domain":
			access.Action, access.Resource = registry.GetDomainPermissionsPolicy, resource.Domain.Resource()
		case "repository":
			if c.form.Has("ResourcePolicy") {
				continue // the caller's own words
			}
			id := registry.RepoID{Domain: resource.Domain, Name: resource.Repository}
			access.Action, access.Resource = registry.GetRepositoryPermissionsPolicy, id.Resource()
			if err := c.view(func(tx registry.Tx) error {
				repo, err := tx.Repository(id)
				access.Resource.Administrator = repo.Administrator
				return err
			}); err != nil && !registry.IsNotFound(err) {
				return err
			}
		default:
			continue
		}
		err := c.Policies.Authorize(c.ctx, access)
		if registry.CodeOf(err) == registry.Denied {
			d.Statements[i] = policy.StatementID{Side: s.Side, Policy: "a policy of the " + s.Side}
		} else if err != nil {
			return err
		}
	}
	return nil
}

func evaluated(action, arn, principal string, d policy.Decision) evaluation {
	e := evaluation{EvalActionName: action, EvalResourceName: arn, EvalDecision: "implicitDeny"}
	switch {
	case d.Allowed:
		e.EvalDecision = "allowed"
	case d.Explicit:
		e.EvalDecision = "explicitDeny"
	}
	if d.Missing != "" {
		e.EvalDecisionDetails = []evaluationDetail{{d.Missing, e.EvalDecision}}
	}
	for _, s := range d.Statements {
		name := fmt.Sprintf("%s statement %d", s.Policy, s.Index)
		if s.Index == 0 {
			name = s.Policy
		}
		if s.Sid != "" {
			name += " (" + s.Sid + ")"
		}
		e.MatchedStatements = append(e.MatchedStatements, matchedStatement{name, sourceType(s, principal)})
	}
	return e
}

// sourceType gives a PolicySourceType.
func sourceType(s policy.StatementID, principal string) string {
	switch {
	case s.Side == "domain" || s.Side == "repository":
		return "resource"
	case s.Side != "identity":
		return "none"
	case strings.HasPrefix(s.Policy, "arn:aws:iam::aws:"):
		return "aws-managed"
	case strings.HasPrefix(s.Policy, "arn:"):
		return "user-managed"
	case strings.HasPrefix(s.Policy, "PolicyInputList"):
		return "none"
	case strings.Contains(principal, ":role/"):
		return "role"
	}
	return "user"
}
