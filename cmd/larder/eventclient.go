package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
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
	if c.URL == "" {
		return errors.New("AWS's own service has no such operation; " + noServer)
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%q is no URL of a server", c.URL)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSEvents."+operation)
	key, err := c.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("there are no credentials: %w", err)
	}
	hash := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, key, r, hex.EncodeToString(hash[:]), "events", c.Region, time.Now()); err != nil {
		return err
	}
	res, err := c.httpClient().Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return apiError(res, answer)
	}
	return json.Unmarshal(answer, out)
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
