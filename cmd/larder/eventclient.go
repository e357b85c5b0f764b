package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/spf13/cobra"
)

// events is the way to rules and targets: at the server's own address, unless
// AWS settings name another (AWS_ENDPOINT_URL_EVENTBRIDGE).
func (c *client) events() *eventbridge.Client {
	return eventbridge.NewFromConfig(c.config, func(o *eventbridge.Options) { o.BaseEndpoint = c.orOwn(o.BaseEndpoint) })
}

// callEvents does one signed call of what the server has besides EventBridge's
// own operations.
func (c *client) callEvents(ctx context.Context, operation string, in, out any) error {
	header := http.Header{"Content-Type": {"application/x-amz-json-1.1"}}
	header.Set("X-Amz-Target", "AWSEvents."+operation)
	return c.signed(ctx, "events", http.MethodPost, "/", header, in, out)
}

// given reads an argument: as it stands, of a file (@FILE), or of standard
// input (-).
func (s *session) given(arg string) (string, error) {
	var text []byte
	var err error
	switch {
	case arg == "-":
		text, err = io.ReadAll(io.LimitReader(s.cmd.InOrStdin(), 1<<20))
	case strings.HasPrefix(arg, "@"):
		text, err = os.ReadFile(arg[1:])
	default:
		return arg, nil
	}
	return strings.TrimSpace(string(text)), err
}

// allRules reads every page of the account's rules.
func (s *session) allRules(ctx context.Context, prefix string) (*eventbridge.ListRulesOutput, error) {
	all := &eventbridge.ListRulesOutput{Rules: []types.Rule{}}
	for in := (&eventbridge.ListRulesInput{NamePrefix: optional(prefix)}); ; {
		page, err := s.events().ListRules(ctx, in)
		if err != nil {
			return nil, err
		}
		all.Rules = append(all.Rules, page.Rules...)
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return all, nil
		}
	}
}

// allTargets reads every page of a rule's targets.
func (s *session) allTargets(ctx context.Context, rule string) ([]types.Target, error) {
	all := []types.Target{}
	for in := (&eventbridge.ListTargetsByRuleInput{Rule: &rule}); ; {
		page, err := s.events().ListTargetsByRule(ctx, in)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Targets...)
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return all, nil
		}
	}
}

// putTargets puts targets and says which of them were not taken.
func (s *session) putTargets(ctx context.Context, rule string, targets ...types.Target) error {
	out, err := s.events().PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: &rule, Targets: targets})
	if err != nil {
		return err
	}
	for _, f := range out.FailedEntries {
		return fmt.Errorf("target %s: %s (%s)", aws.ToString(f.TargetId), aws.ToString(f.ErrorMessage), aws.ToString(f.ErrorCode))
	}
	return nil
}

var completeRule = completing(func(ctx context.Context, c *client, _ *cobra.Command, word string) ([]string, error) {
	out, err := c.events().ListRules(ctx, &eventbridge.ListRulesInput{NamePrefix: optional(word)})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range out.Rules {
		names = append(names, aws.ToString(r.Name))
	}
	return names, nil
})
