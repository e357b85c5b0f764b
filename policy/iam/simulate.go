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
			answer.EvaluationResults = append(answer.EvaluationResults, evaluated(action, arn, principal, d))
		}
	}
	return answer, nil
}

func evaluated(action, arn, principal string, d policy.Decision) evaluation {
	e := evaluation{EvalActionName: action, EvalResourceName: arn, EvalDecision: "implicitDeny"}
	switch {
	case d.Allowed:
		e.EvalDecision = "allowed"
	case d.Explicit:
		e.EvalDecision = "explicitDeny"
	}
	for _, s := range d.Statements {
		name := fmt.Sprintf("%s statement %d", s.Policy, s.Index)
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
