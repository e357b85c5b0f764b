package api

import (
	"encoding/json"
	"net/url"
	"time"

	"larder/events/rules"
	"larder/registry"
)

const (
	// maxTargets bounds the targets of a rule (EventBridge quotas).
	maxTargets = 5
	// maxEntries bounds the targets of one call.
	maxEntries = 100
	// secretGrace is how long a secret is signed with after it was replaced.
	secretGrace = 24 * time.Hour
)

// putTarget is a target with what only AWS's services have; each is refused.
type putTarget struct {
	rules.Target
	KinesisParameters           json.RawMessage
	RunCommandParameters        json.RawMessage
	EcsParameters               json.RawMessage
	BatchParameters             json.RawMessage
	SqsParameters               json.RawMessage
	RedshiftDataParameters      json.RawMessage
	SageMakerPipelineParameters json.RawMessage
	AppSyncParameters           json.RawMessage
}

func (t *putTarget) unsupported() string {
	for name, raw := range map[string]json.RawMessage{
		"KinesisParameters": t.KinesisParameters, "RunCommandParameters": t.RunCommandParameters, "EcsParameters": t.EcsParameters,
		"BatchParameters": t.BatchParameters, "SqsParameters": t.SqsParameters, "RedshiftDataParameters": t.RedshiftDataParameters,
		"SageMakerPipelineParameters": t.SageMakerPipelineParameters, "AppSyncParameters": t.AppSyncParameters,
	} {
		if len(raw) > 0 && string(raw) != "null" {
			return name
		}
	}
	return ""
}

type failedEntry struct {
	TargetId     string
	ErrorCode    string
	ErrorMessage string
}

type entriesResult struct {
	FailedEntryCount int
	FailedEntries    []failedEntry
}

func (c *call) putTargets() (any, error) {
	var in struct {
		Rule, EventBusName string
		Targets            []putTarget
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if err := checkName("rule", in.Rule); err != nil {
		return nil, err
	}
	if len(in.Targets) == 0 || len(in.Targets) > maxEntries {
		return nil, invalid("Targets must have 1 to %d members", maxEntries)
	}
	for i := range in.Targets {
		keys := map[string]string{"events:TargetArn": in.Targets[i].ARN}
		if err := c.allow(c.ruleARN(in.Rule), keys); err != nil {
			return nil, err
		}
	}
	if err := c.bus(in.EventBusName); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i := range in.Targets {
		t := &in.Targets[i]
		if err := checkName("targets.id", t.ID); err != nil {
			return nil, err
		}
		if seen[t.ID] {
			return nil, invalid("Duplicate target ID %s.", t.ID)
		}
		seen[t.ID] = true
		if name := t.unsupported(); name != "" {
			return nil, invalid("%s of target %s are not supported: targets are nats:SUBJECT and https://…", name, t.ID)
		}
		if err := t.Check(c.Targets); err != nil {
			return nil, err
		}
	}
	err := c.change(func(tx registry.Tx) error {
		if _, err := c.rule(tx, in.Rule); err != nil {
			return err
		}
		have, err := c.targets(tx, in.Rule)
		if err != nil {
			return err
		}
		for i := range in.Targets {
			t := in.Targets[i].Target
			sealed := have[t.ID]
			if sealed.Secret == "" {
				sealed.Secret = rules.NewSecret()
			}
			sealed.Target = t
			have[t.ID] = sealed
			if err := c.put(tx, in.Rule, sealed); err != nil {
				return err
			}
		}
		if len(have) > maxTargets {
			return limitExceeded("The requested resource exceeds the maximum number allowed.")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range in.Targets {
		for _, subject := range in.Targets[i].Subjects() {
			c.Widen(c.actor.Account, subject)
		}
	}
	return entriesResult{0, []failedEntry{}}, nil
}

// targets gives the targets of a rule by their ids.
func (c *call) targets(tx registry.Tx, rule string) (map[string]rules.Sealed, error) {
	rows, _, err := tx.Targets(c.actor.Account, rule, registry.Page{})
	if err != nil {
		return nil, err
	}
	all := map[string]rules.Sealed{}
	for _, row := range rows {
		if all[row.ID], err = rules.Open(c.Sealer, row); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (c *call) put(tx registry.Tx, rule string, v rules.Sealed) error {
	row, err := rules.Seal(c.Sealer, c.actor.Account, rule, v)
	if err != nil {
		return err
	}
	return tx.PutTarget(row)
}

type ofRule struct {
	Rule, EventBusName, NextToken string
	Limit                         *int
}

func (in *ofRule) of() (name, bus string) { return in.Rule, in.EventBusName }

func (c *call) listTargetsByRule() (any, error) {
	var in ofRule
	rule, err := c.onRule("rule", &in, in.of)
	if err != nil {
		return nil, err
	}
	page, scope, err := c.page(in.Limit, in.NextToken, url.Values{"rule": {rule}})
	if err != nil {
		return nil, err
	}
	answer := struct {
		Targets   []rules.Target
		NextToken string `json:",omitempty"`
	}{Targets: []rules.Target{}}
	return &answer, c.view(func(tx registry.Tx) error {
		if _, err := c.rule(tx, rule); err != nil {
			return err
		}
		rows, next, err := tx.Targets(c.actor.Account, rule, page)
		if err != nil {
			return err
		}
		answer.Targets = answer.Targets[:0]
		for _, row := range rows {
			sealed, err := rules.Open(c.Sealer, row)
			if err != nil {
				return err
			}
			answer.Targets = append(answer.Targets, sealed.Target)
		}
		answer.NextToken = scope.Token(next)
		return nil
	})
}

func (c *call) removeTargets() (any, error) {
	var in struct {
		Rule, EventBusName string
		IDs                []string `json:"Ids"`
	}
	rule, err := c.onRule("rule", &in, func() (string, string) { return in.Rule, in.EventBusName })
	if err != nil {
		return nil, err
	}
	if len(in.IDs) == 0 || len(in.IDs) > maxEntries {
		return nil, invalid("Ids must have 1 to %d members", maxEntries)
	}
	answer := entriesResult{}
	err = c.change(func(tx registry.Tx) error {
		answer = entriesResult{FailedEntries: []failedEntry{}}
		if _, err := c.rule(tx, rule); err != nil {
			return err
		}
		for _, id := range in.IDs {
			err := tx.DeleteTarget(c.actor.Account, rule, id)
			if registry.IsNotFound(err) {
				answer.FailedEntryCount++
				answer.FailedEntries = append(answer.FailedEntries, failedEntry{clip(id), "ResourceNotFoundException", "Target does not exist on rule " + rule + "."})
				continue
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return answer, err
}

func (c *call) listRuleNamesByTarget() (any, error) {
	var in struct {
		TargetArn, EventBusName, NextToken string
		Limit                              *int
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if err := c.allow(c.ruleARN("*"), nil); err != nil {
		return nil, err
	}
	if in.TargetArn == "" {
		return nil, invalid("TargetArn is required")
	}
	if err := c.bus(in.EventBusName); err != nil {
		return nil, err
	}
	page, scope, err := c.page(in.Limit, in.NextToken, url.Values{"target": {in.TargetArn}})
	if err != nil {
		return nil, err
	}
	answer := struct {
		RuleNames []string
		NextToken string `json:",omitempty"`
	}{RuleNames: []string{}}
	return &answer, c.view(func(tx registry.Tx) error {
		names, next, err := tx.RulesOfTarget(c.actor.Account, rules.Address(in.TargetArn), page)
		answer.RuleNames = append([]string{}, names...)
		answer.NextToken = scope.Token(next)
		return err
	})
}

type secretRequest struct{ Rule, TargetID, Secret string }

func (in *secretRequest) of() (name, bus string) { return in.Rule, "" }

type secretResult struct {
	Secret   string
	Previous string `json:",omitempty"` // also signed with, for a while
}

// getTargetSecret tells what a web hook's messages are signed with. Larder's own.
func (c *call) getTargetSecret() (any, error) {
	var in secretRequest
	rule, err := c.onRule("rule", &in, in.of)
	if err != nil {
		return nil, err
	}
	var answer secretResult
	return &answer, c.view(func(tx registry.Tx) error {
		v, err := c.target(tx, rule, in.TargetID)
		if err == nil {
			answer.Secret = string(v.Secret)
			if v.OldEnds > c.Clock().Unix() {
				answer.Previous = string(v.Old)
			}
		}
		return err
	})
}

// rotateTargetSecret gives a web hook another secret, the one of the request or
// a new one. For a day, messages are signed with the old one as well. Larder's own.
func (c *call) rotateTargetSecret() (any, error) {
	var in secretRequest
	rule, err := c.onRule("rule", &in, in.of)
	if err != nil {
		return nil, err
	}
	secret := rules.NewSecret()
	if in.Secret != "" {
		if secret, err = rules.ParseSecret(in.Secret); err != nil {
			return nil, err
		}
	}
	var answer secretResult
	return &answer, c.Metadata.Update(c.ctx, func(tx registry.Tx) error {
		v, err := c.target(tx, rule, in.TargetID)
		if err != nil {
			return err
		}
		if v.Secret != secret {
			v.Old, v.OldEnds, v.Secret = v.Secret, tx.Now().Add(secretGrace).Unix(), secret
		}
		answer = secretResult{string(v.Secret), string(v.Old)}
		return c.put(tx, rule, v)
	})
}

// target reads a web hook of a rule.
func (c *call) target(tx registry.Tx, rule, id string) (rules.Sealed, error) {
	if _, err := c.rule(tx, rule); err != nil {
		return rules.Sealed{}, err
	}
	all, err := c.targets(tx, rule)
	if err != nil {
		return rules.Sealed{}, err
	}
	v, ok := all[id]
	if !ok {
		return v, registry.Errorf(registry.NotFound, "Target %s does not exist on rule %s.", clip(id), rule)
	}
	return v, nil
}
