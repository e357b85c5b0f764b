package api

import (
	"errors"
	"net/url"
	"strings"

	"larder/events/pattern"
	"larder/events/rules"
	"larder/internal/awswire"
	"larder/registry"
)

const (
	maxName        = 64
	maxDescription = 512
	maxRole        = 1600
	// maxRules bounds the rules of an account.
	maxRules = 10_000
	maxLimit = 100
)

// checkName holds a name of a rule or target to [.-_A-Za-z0-9]{1,64}.
func checkName(member, s string) error {
	if s == "" || len(s) > maxName || strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" {
		return invalid("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+ and have length between 1 and %d", clip(s), member, maxName)
	}
	return nil
}

func (c *call) ruleARN(name string) string { return rules.RuleARN(c.Region, c.actor.Account, name) }

func noRule(name string) error {
	return registry.Errorf(registry.NotFound, "Rule %s does not exist on EventBus default.", name)
}

// rule reads a rule of the actor's account.
func (c *call) rule(tx registry.Tx, name string) (registry.Rule, error) {
	r, err := tx.Rule(c.actor.Account, name)
	if registry.IsNotFound(err) {
		err = noRule(name)
	}
	return r, err
}

// compile reads a pattern, with its error as EventBridge gives it.
func compile(text string) (*pattern.Pattern, error) {
	p, err := pattern.Compile(text)
	var e *pattern.Error
	if errors.As(err, &e) {
		return nil, exception("InvalidEventPatternException", e.Error())
	}
	return p, err
}

type tag struct{ Key, Value string }

func (c *call) putRule() (any, error) {
	var in struct {
		Name, EventPattern, ScheduleExpression, State, Description, RoleArn, EventBusName string
		Tags                                                                              []tag
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if err := checkName("name", in.Name); err != nil {
		return nil, err
	}
	tags, keys, err := readTags(in.Tags)
	if err != nil {
		return nil, err
	}
	if err := c.allow(c.ruleARN(in.Name), keys); err != nil {
		return nil, err
	}
	if err := c.bus(in.EventBusName); err != nil {
		return nil, err
	}
	switch {
	case in.ScheduleExpression != "":
		return nil, invalid("ScheduleExpression is not supported here: rules are about events; run what is to happen by the clock with a scheduler of its own")
	case in.EventPattern == "":
		return nil, invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
	case in.State != "" && in.State != "ENABLED" && in.State != "DISABLED":
		return nil, invalid("State is %q; it must be ENABLED or DISABLED", clip(in.State))
	case len(in.Description) > maxDescription:
		return nil, invalid("Description is longer than %d characters", maxDescription)
	case len(in.RoleArn) > maxRole:
		return nil, invalid("RoleArn is longer than %d characters", maxRole)
	}
	if _, err := compile(in.EventPattern); err != nil {
		return nil, err
	}
	err = c.change(func(tx registry.Tx) error {
		r := registry.Rule{
			Account: c.actor.Account, Name: in.Name, Description: in.Description, Pattern: in.EventPattern,
			Disabled: in.State == "DISABLED", Role: in.RoleArn, Tags: tags, Created: tx.Now(),
		}
		have, err := tx.Rule(r.Account, r.Name)
		switch {
		case err == nil: // tags of a rule that is there are changed by TagResource
			r.Tags, r.Created = have.Tags, have.Created
		case !registry.IsNotFound(err):
			return err
		default:
			n, err := tx.CountRules(r.Account)
			if err != nil {
				return err
			}
			if n >= maxRules {
				return limitExceeded("The requested resource exceeds the maximum number allowed.")
			}
		}
		return tx.PutRule(r)
	})
	return struct{ RuleArn string }{c.ruleARN(in.Name)}, err
}

type ruleResult struct {
	Name, Arn    string
	EventPattern string `json:",omitempty"`
	State        string
	Description  string `json:",omitempty"`
	RoleArn      string `json:",omitempty"`
	EventBusName string
	CreatedBy    string `json:",omitempty"`
}

func (c *call) result(r registry.Rule) ruleResult {
	state := "ENABLED"
	if r.Disabled {
		state = "DISABLED"
	}
	return ruleResult{
		Name: r.Name, Arn: c.ruleARN(r.Name), EventPattern: r.Pattern, State: state,
		Description: r.Description, RoleArn: r.Role, EventBusName: defaultBus,
	}
}

// onRule reads the members of a request about one rule, authorizes it, and
// gives the rule's name.
func (c *call) onRule(member string, into any, of func() (name, bus string)) (string, error) {
	if err := c.read(into); err != nil {
		return "", err
	}
	name, bus := of()
	if err := checkName(member, name); err != nil {
		return "", err
	}
	if err := c.allow(c.ruleARN(name), nil); err != nil {
		return "", err
	}
	return name, c.bus(bus)
}

// named is a request about one rule.
type namedRule struct{ Name, EventBusName string }

func (in *namedRule) of() (name, bus string) { return in.Name, in.EventBusName }

func (c *call) describeRule() (any, error) {
	var in namedRule
	name, err := c.onRule("name", &in, in.of)
	if err != nil {
		return nil, err
	}
	var r registry.Rule
	err = c.view(func(tx registry.Tx) (err error) {
		r, err = c.rule(tx, name)
		return err
	})
	answer := c.result(r)
	answer.CreatedBy = c.actor.Account
	return answer, err
}

func (c *call) enableRule() (any, error)  { return nil, c.switchRule(false) }
func (c *call) disableRule() (any, error) { return nil, c.switchRule(true) }

func (c *call) switchRule(disabled bool) error {
	var in namedRule
	name, err := c.onRule("name", &in, in.of)
	if err != nil {
		return err
	}
	return c.change(func(tx registry.Tx) error {
		r, err := c.rule(tx, name)
		if err != nil || r.Disabled == disabled {
			return err
		}
		r.Disabled = disabled
		return tx.PutRule(r)
	})
}

// deleteRule deletes a rule without targets; a missing one is no error.
func (c *call) deleteRule() (any, error) {
	var in namedRule
	name, err := c.onRule("name", &in, in.of)
	if err != nil {
		return nil, err
	}
	err = c.change(func(tx registry.Tx) error { return tx.DeleteRule(c.actor.Account, name) })
	switch registry.CodeOf(err) {
	case registry.Conflict:
		return nil, invalid("Rule can't be deleted since it has targets.")
	case registry.NotFound:
		return nil, nil
	}
	return nil, err
}

// page reads Limit and NextToken of a list, whose further parameters narrow it.
func (c *call) page(limit *int, token string, narrowing url.Values) (registry.Page, awswire.PageScope, error) {
	scope := awswire.ScopeOfPages(c.operation, c.actor.Account, narrowing)
	after, err := scope.Cursor(token)
	if err != nil {
		return registry.Page{}, scope, err
	}
	n := maxLimit
	if limit != nil {
		n = *limit
	}
	if n < 1 || n > maxLimit {
		return registry.Page{}, scope, invalid("Limit is %d; it must be from 1 to %d", n, maxLimit)
	}
	return registry.Page{After: after, Limit: n}, scope, nil
}

func (c *call) listRules() (any, error) {
	var in struct {
		NamePrefix, EventBusName, NextToken string
		Limit                               *int
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if in.NamePrefix != "" {
		if err := checkName("namePrefix", in.NamePrefix); err != nil {
			return nil, err
		}
	}
	if err := c.allow(c.ruleARN("*"), nil); err != nil {
		return nil, err
	}
	if err := c.bus(in.EventBusName); err != nil {
		return nil, err
	}
	page, scope, err := c.page(in.Limit, in.NextToken, url.Values{"prefix": {in.NamePrefix}})
	if err != nil {
		return nil, err
	}
	answer := struct {
		Rules     []ruleResult
		NextToken string `json:",omitempty"`
	}{Rules: []ruleResult{}}
	return &answer, c.view(func(tx registry.Tx) error {
		all, next, err := tx.Rules(c.actor.Account, in.NamePrefix, page)
		answer.Rules = answer.Rules[:0]
		for _, r := range all {
			answer.Rules = append(answer.Rules, c.result(r))
		}
		answer.NextToken = scope.Token(next)
		return err
	})
}

// testEventPattern says whether a pattern matches an event.
func (c *call) testEventPattern() (any, error) {
	var in struct{ EventPattern, Event string }
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if err := c.allow("*", nil); err != nil {
		return nil, err
	}
	if in.EventPattern == "" || in.Event == "" {
		return nil, invalid("EventPattern and Event are required")
	}
	p, err := compile(in.EventPattern)
	if err != nil {
		return nil, err
	}
	e, err := pattern.ParseEvent([]byte(in.Event))
	if err != nil {
		return nil, invalid("Parameter Event is not valid: it must be a JSON object.")
	}
	return struct{ Result bool }{p.Matches(e)}, nil
}
