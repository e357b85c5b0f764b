package main

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/spf13/cobra"
)

// target are the flags that name a domain and a repository.
type target struct{ domain, owner, repository string }

func (t *target) addDomain(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.domain, "domain", firstDomain, "`name` of the domain")
	_ = cmd.RegisterFlagCompletionFunc("domain", completeDomain)
	t.addOwner(cmd)
}

func (t *target) addOwner(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.owner, "domain-owner", "", "12-digit `account` that owns the domain (default: your own)")
	_ = cmd.RegisterFlagCompletionFunc("domain-owner", cobra.NoFileCompletions)
}

func (t *target) addRepository(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.repository, "repository", firstRepository, "`name` of the repository")
	_ = cmd.RegisterFlagCompletionFunc("repository", completeRepository)
}

func (t *target) endpoint(ctx context.Context, c *client, format string) (*codeartifact.GetRepositoryEndpointOutput, error) {
	f, err := parseFormat(format)
	if err != nil {
		return nil, err
	}
	return c.GetRepositoryEndpoint(ctx, &codeartifact.GetRepositoryEndpointInput{
		Domain: &t.domain, DomainOwner: optional(t.owner), Repository: &t.repository, Format: f,
	})
}

// duration is the flag that says how long a token lives.
type duration time.Duration

func (d *duration) add(cmd *cobra.Command) {
	cmd.Flags().DurationVar((*time.Duration)(d), "duration", 12*time.Hour, "how long the token lives: 15m to 12h, or 0 for as long as your own credentials")
	_ = cmd.RegisterFlagCompletionFunc("duration", completeWords("15m", "1h", "12h"))
}

func (t *target) token(ctx context.Context, c *client, lives duration) (*codeartifact.GetAuthorizationTokenOutput, error) {
	seconds := time.Duration(lives).Seconds()
	if seconds < 0 || seconds > math.MaxInt32 {
		return nil, usageError{errors.New("--duration: a token lives 15m to 12h")}
	}
	return c.GetAuthorizationToken(ctx, &codeartifact.GetAuthorizationTokenInput{
		Domain: &t.domain, DomainOwner: optional(t.owner), DurationSeconds: aws.Int64(int64(seconds)),
	})
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
