package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/spf13/cobra"
)

func newRuleTargetCommand() *cobra.Command {
	return nounCommand("target", "Say where the events of a rule go",
		`A target is a subject of NATS (nats:SUBJECT) or a web hook (https://…). It gets
each event at least once: what cannot be delivered is tried again for a day,
and then put among the dead letters.`,
		newRuleTargetPutCommand(), newRuleTargetRemoveCommand())
}

func newRuleTargetPutCommand() *cobra.Command {
	var (
		inputPath, template, deadLetter string
		variables, headers              []string
		cloudEvents                     bool
		attempts, age                   int32
	)
	cmd := &cobra.Command{
		Use:   "put RULE ID ADDRESS",
		Short: "Add a target to a rule, or replace one",
		Long: `Add a target to a rule, or replace one. What it gets is the event, a part of it
(--input-path), or a text made of parts (--input-template, in which <NAME>
stands for what --variable names).`,
		Example: `  larder rule target put left-pad ci https://ci.example.com/hooks/build --header 'Authorization=Bearer …' --input-template '{"ref":"main","package":<name>}' --variable name=$.detail.packageName
  larder rule target put left-pad bus nats:ci.rebuild --input-path $.detail`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 3 {
				return fmt.Errorf("give RULE, ID and ADDRESS, such as: %s left-pad ci nats:ci.rebuild", cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: first(completeRule),
	}
	f := cmd.Flags()
	f.StringVar(&inputPath, "input-path", "", "`part` of the event to send, such as $.detail")
	f.StringVar(&template, "input-template", "", "`text` to send, with variables in <>; @FILE, or - for standard input")
	f.StringArrayVar(&variables, "variable", nil, "`NAME=PATH` of a variable, such as name=$.detail.packageName; repeatable")
	f.StringArrayVar(&headers, "header", nil, "`NAME=VALUE` of a header to send to a web hook; repeatable")
	f.BoolVar(&cloudEvents, "cloudevents", false, "send the headers of CloudEvents to a web hook")
	f.StringVar(&deadLetter, "dead-letter", "", "`subject` of NATS for what cannot be delivered (default: larder.deadletters.ACCOUNT.RULE)")
	f.Int32Var(&attempts, "attempts", 185, "`number` of tries after the first")
	f.Int32Var(&age, "max-age", 86400, "`seconds` for which it is tried, from 60")
	return apiCommand(cmd, 0, func(ctx context.Context, s *session, args []string) error {
		t := types.Target{Id: &args[1], Arn: &args[2], InputPath: optional(inputPath)}
		if template != "" {
			text, err := s.given(template)
			if err != nil {
				return err
			}
			paths, err := pairs("--variable", variables)
			if err != nil {
				return err
			}
			t.InputTransformer = &types.InputTransformer{InputTemplate: &text, InputPathsMap: paths}
		} else if len(variables) > 0 {
			return usagef("--variable is for --input-template")
		}
		sent, err := pairs("--header", headers)
		if err != nil {
			return err
		}
		if cloudEvents {
			sent["ce-specversion"] = "1.0"
		}
		if len(sent) > 0 {
			t.HttpParameters = &types.HttpParameters{HeaderParameters: sent}
		}
		if deadLetter != "" {
			t.DeadLetterConfig = &types.DeadLetterConfig{Arn: aws.String("nats:" + strings.TrimPrefix(deadLetter, "nats:"))}
		}
		if s.cmd.Flags().Changed("attempts") || s.cmd.Flags().Changed("max-age") {
			t.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: &attempts, MaximumEventAgeInSeconds: &age}
		}
		if err := s.putTargets(ctx, args[0], t); err != nil {
			return err
		}
		next := ""
		if strings.HasPrefix(args[2], "http") {
			next = fmt.Sprintf("\nnext, for what verifies its signatures: larder rule secret %s %s%s", shellWord(args[0]), shellWord(args[1]), s.again(false))
		}
		return s.done(t, "put target %s of the rule %s%s", args[1], args[0], next)
	})
}

// pairs reads NAME=VALUE flags.
func pairs(flag string, all []string) (map[string]string, error) {
	m := map[string]string{}
	for _, p := range all {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, usagef("%s: write NAME=VALUE", flag)
		}
		m[name] = value
	}
	return m, nil
}

func newRuleTargetRemoveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "remove RULE ID...",
		Short:             "Take targets away from a rule",
		Example:           "  larder rule target remove left-pad ci",
		Args:              atLeast(2, "a RULE and an ID"),
		ValidArgsFunction: first(completeRule),
	}
	return apiCommand(cmd, 0, func(ctx context.Context, s *session, args []string) error {
		out, err := s.events().RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{Rule: &args[0], Ids: args[1:]})
		if err != nil {
			return err
		}
		for _, f := range out.FailedEntries {
			return fmt.Errorf("target %s: %s (%s)", aws.ToString(f.TargetId), aws.ToString(f.ErrorMessage), aws.ToString(f.ErrorCode))
		}
		return s.done(out, "took %s away from the rule %s", plural(len(args)-1, "target"), args[0])
	})
}

// shownSecret is what signs the messages of a web hook.
type shownSecret struct {
	Secret   string
	Previous string
}

func newRuleSecretCommand() *cobra.Command {
	var rotate bool
	var chosen string
	cmd := &cobra.Command{
		Use:   "secret RULE ID",
		Short: "Show what a web hook's messages are signed with",
		Long: `Show the secret that signs the messages of a web hook (Standard Webhooks,
HMAC-SHA256), for whoever verifies them. With --rotate it gets another one; for
a day, messages are signed with the old one as well.`,
		Example:           "  larder rule secret left-pad ci\n  larder rule secret left-pad ci --rotate",
		Args:              both("RULE", "ID", "left-pad ci"),
		ValidArgsFunction: first(completeRule),
	}
	cmd.Flags().BoolVar(&rotate, "rotate", false, "make a new one")
	cmd.Flags().StringVar(&chosen, "set", "", "`secret` to use: whsec_ and base64, @FILE, or - for standard input")
	return apiCommand(cmd, 0, func(ctx context.Context, s *session, args []string) error {
		in := map[string]string{"Rule": args[0], "TargetID": args[1]}
		operation := "GetTargetSecret"
		if rotate || chosen != "" {
			secret, err := s.given(chosen)
			if err != nil {
				return err
			}
			operation, in["Secret"] = "RotateTargetSecret", secret
		}
		var out shownSecret
		if err := s.callEvents(ctx, operation, in, &out); err != nil {
			return err
		}
		if s.out.json() {
			return s.out.print(s.cmd, out)
		}
		return s.answer(nil, func(w io.Writer) error {
			_, err := fmt.Fprintln(w, out.Secret)
			return err
		})
	})
}
