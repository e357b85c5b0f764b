package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/spf13/cobra"
)

func newRuleCommand() *cobra.Command {
	return nounCommand("rule", "Send events to subjects and web hooks",
		`A rule has an event pattern, as Amazon EventBridge knows them, and targets: a
subject of NATS (nats:SUBJECT) or a web hook (https://…). Every event of the
account that the pattern matches goes to each target.`,
		newRulePutCommand(), newRuleListCommand(), newRuleShowCommand(), newRuleDeleteCommand(), newRuleTestCommand(),
		newRuleSwitchCommand("enable"), newRuleSwitchCommand("disable"), newRuleTargetCommand(), newRuleSecretCommand())
}

const patternHelp = "event `pattern` in JSON, @FILE, or - for standard input"

func newRulePutCommand() *cobra.Command {
	var (
		pattern, description string
		disabled             bool
		targets, tags        []string
	)
	cmd := &cobra.Command{
		Use:   "put NAME",
		Short: "Make a rule, or replace one",
		Long: `Make a rule, or replace one; its targets stay. A target that is given here is
added, with an id made of its address; more can be said of one with: larder rule target put`,
		Example: `  larder rule put left-pad --pattern '{"detail":{"packageName":["left-pad"]}}' --target nats:ci.rebuild
  larder rule put releases --pattern @releases.json --target https://ci.example.com/hooks/packages`,
		Args:              exactly("NAME", "up to 64 letters, digits and characters of ._-"),
		ValidArgsFunction: first(completeRule),
	}
	cmd.Flags().StringVar(&pattern, "pattern", "", patternHelp)
	cmd.Flags().StringArrayVar(&targets, "target", nil, "`target` to add: nats:SUBJECT or https://…; repeatable")
	cmd.Flags().StringVar(&description, "description", "", "what it is for")
	cmd.Flags().BoolVar(&disabled, "disabled", false, "it is not to match yet")
	addTags(cmd, &tags)
	_ = cmd.MarkFlagRequired("pattern")
	return apiCommand(cmd, 0, func(ctx context.Context, s *session, args []string) error {
		text, err := s.given(pattern)
		if err != nil {
			return err
		}
		in := &eventbridge.PutRuleInput{Name: &args[0], EventPattern: &text, Description: optional(description), State: types.RuleStateEnabled}
		if disabled {
			in.State = types.RuleStateDisabled
		}
		t, err := parseTags(tags)
		if err != nil {
			return err
		}
		for _, tag := range t {
			in.Tags = append(in.Tags, types.Tag{Key: tag.Key, Value: tag.Value})
		}
		out, err := s.events().PutRule(ctx, in)
		if err != nil {
			return err
		}
		var all []types.Target
		for _, arn := range targets {
			all = append(all, types.Target{Id: aws.String(idOfTarget(arn)), Arn: aws.String(arn)})
		}
		if len(all) > 0 {
			if err := s.putTargets(ctx, args[0], all...); err != nil {
				return err
			}
			return s.done(out, "put the rule %s with %s", args[0], plural(len(all), "target"))
		}
		return s.done(out, "put the rule %s\nnext: larder rule target put %s ID nats:SUBJECT|https://…%s", args[0], shellWord(args[0]), s.again(false))
	})
}

// idOfTarget is an id for a target that has been given none: always the same
// for the same address.
func idOfTarget(arn string) string {
	sum := sha256.Sum256([]byte(arn))
	return "t-" + hex.EncodeToString(sum[:6])
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func newRuleListCommand() *cobra.Command {
	var prefix string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List rules with their patterns",
		Example: "  larder rule list\n  larder rule list --prefix ci- --output json",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&prefix, "prefix", "", "only names that begin so")
	return apiCommand(cmd, long, func(ctx context.Context, s *session, _ []string) error {
		out, err := s.allRules(ctx, prefix)
		if err != nil {
			return err
		}
		rows := [][]string{{"NAME", "STATE", "PATTERN", "DESCRIPTION"}}
		for _, r := range out.Rules {
			rows = append(rows, []string{aws.ToString(r.Name), strings.ToLower(string(r.State)), aws.ToString(r.EventPattern), aws.ToString(r.Description)})
		}
		return s.list(out, rows, "there are no rules that begin so; make one with: larder rule put")
	})
}

func newRuleShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "show NAME",
		Short:             "Show a rule and its targets",
		Example:           "  larder rule show left-pad",
		Args:              exactly("NAME", "see: larder rule list"),
		ValidArgsFunction: first(completeRule),
	}
	return apiCommand(cmd, 0, func(ctx context.Context, s *session, args []string) error {
		r, err := s.events().DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &args[0]})
		if err != nil {
			return err
		}
		targets, err := s.allTargets(ctx, args[0])
		if err != nil {
			return err
		}
		if s.out.json() {
			return printMembers(s.cmd.OutOrStdout(), struct {
				Rule    *eventbridge.DescribeRuleOutput
				Targets []types.Target
			}{r, targets})
		}
		return s.answer(nil, func(w io.Writer) error {
			rows := [][]string{
				{"name", aws.ToString(r.Name)}, {"arn", aws.ToString(r.Arn)}, {"state", strings.ToLower(string(r.State))},
				{"description", aws.ToString(r.Description)}, {"pattern", aws.ToString(r.EventPattern)},
			}
			for _, t := range targets {
				rows = append(rows, []string{"target " + aws.ToString(t.Id), shownAddress(aws.ToString(t.Arn))})
			}
			return table(w, rows)
		})
	})
}

// shownAddress is a target's address without what may be secret in it.
func shownAddress(arn string) string {
	u, err := url.Parse(arn)
	if err != nil {
		return "(unreadable URL)"
	}
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	return u.Redacted()
}

func newRuleDeleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "delete NAME",
		Short:             "Delete a rule with its targets",
		Example:           "  larder rule delete left-pad --yes",
		Args:              exactly("NAME", "see: larder rule list"),
		ValidArgsFunction: first(completeRule),
	}
	return apiCommand(cmd, destroys, func(ctx context.Context, s *session, args []string) error {
		targets, err := s.allTargets(ctx, args[0])
		if err != nil {
			return err
		}
		if err := s.confirm("deletes the rule %s with %s, and what is on its way to them", args[0], plural(len(targets), "target")); err != nil {
			return err
		}
		var ids []string
		for _, t := range targets {
			ids = append(ids, aws.ToString(t.Id))
		}
		if len(ids) > 0 {
			if _, err := s.events().RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{Rule: &args[0], Ids: ids}); err != nil {
				return err
			}
		}
		out, err := s.events().DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: &args[0]})
		if err != nil {
			return err
		}
		return s.done(out, "deleted the rule %s", args[0])
	})
}

func newRuleSwitchCommand(verb string) *cobra.Command {
	short := "Let a rule match events"
	if verb == "disable" {
		short = "Let a rule match no events for now"
	}
	cmd := &cobra.Command{
		Use:               verb + " NAME",
		Short:             short,
		Example:           "  larder rule " + verb + " left-pad",
		Args:              exactly("NAME", "see: larder rule list"),
		ValidArgsFunction: first(completeRule),
	}
	return apiCommand(cmd, 0, func(ctx context.Context, s *session, args []string) (err error) {
		var out any
		if verb == "enable" {
			out, err = s.events().EnableRule(ctx, &eventbridge.EnableRuleInput{Name: &args[0]})
		} else {
			out, err = s.events().DisableRule(ctx, &eventbridge.DisableRuleInput{Name: &args[0]})
		}
		if err != nil {
			return err
		}
		return s.done(out, "%sd the rule %s", verb, args[0])
	})
}

func newRuleTestCommand() *cobra.Command {
	var pattern, event string
	cmd := &cobra.Command{
		Use:   "test [NAME]",
		Short: "Say whether a pattern matches an event",
		Long: `Say whether the pattern of a rule, or one that is given, matches an event. The exit
status is 0 where it does, and 1 where it does not.`,
		Example: `  larder rule test left-pad --event @event.json
  larder rule test --pattern '{"source":["aws.codeartifact"]}' --event - < event.json`,
		Args:              atMost(1, "the NAME of a rule"),
		ValidArgsFunction: first(completeRule),
	}
	cmd.Flags().StringVar(&pattern, "pattern", "", patternHelp)
	cmd.Flags().StringVar(&event, "event", "", "`event` in JSON, @FILE, or - for standard input")
	_ = cmd.MarkFlagRequired("event")
	return apiCommand(cmd, 0, func(ctx context.Context, s *session, args []string) error {
		if (pattern == "") == (len(args) == 0) {
			return usagef("give either the NAME of a rule or --pattern")
		}
		text, err := s.given(pattern)
		if err != nil {
			return err
		}
		if len(args) > 0 {
			r, err := s.events().DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &args[0]})
			if err != nil {
				return err
			}
			text = aws.ToString(r.EventPattern)
		}
		of, err := s.given(event)
		if err != nil {
			return err
		}
		out, err := s.events().TestEventPattern(ctx, &eventbridge.TestEventPatternInput{EventPattern: &text, Event: &of})
		if err != nil {
			return err
		}
		if !out.Result {
			if s.out.json() {
				if err := s.answer(out, nil); err != nil {
					return err
				}
			}
			return fmt.Errorf("the pattern does not match the event")
		}
		return s.done(out, "the pattern matches the event")
	})
}
