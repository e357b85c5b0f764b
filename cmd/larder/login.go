package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/spf13/cobra"

	"larder/cmd/larder/login"
)

// target are the flags that name a domain and a repository.
type target struct {
	domain, owner, repository string
	duration                  time.Duration
}

func (t *target) addDomain(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.domain, "domain", firstDomain, "`name` of the domain")
	cmd.Flags().StringVar(&t.owner, "domain-owner", "", "12-digit `account` that owns the domain (default: your own)")
}

func (t *target) addRepository(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.repository, "repository", firstRepository, "`name` of the repository")
}

func (t *target) addDuration(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&t.duration, "duration", 12*time.Hour, "how long the token lives: 15m to 12h, or 0 for as long as your own credentials")
}

func (t *target) endpoint(ctx context.Context, c *client, format string) (string, error) {
	out, err := c.GetRepositoryEndpoint(ctx, &codeartifact.GetRepositoryEndpointInput{
		Domain: &t.domain, DomainOwner: optional(t.owner), Repository: &t.repository, Format: types.PackageFormat(format),
	})
	if err != nil {
		return "", c.say(err)
	}
	return aws.ToString(out.RepositoryEndpoint), nil
}

func (t *target) token(ctx context.Context, c *client) (*codeartifact.GetAuthorizationTokenOutput, error) {
	seconds := t.duration.Seconds()
	if seconds < 0 || seconds > math.MaxInt32 {
		return nil, errors.New("--duration: a token lives 15m to 12h")
	}
	out, err := c.GetAuthorizationToken(ctx, &codeartifact.GetAuthorizationTokenInput{
		Domain: &t.domain, DomainOwner: optional(t.owner), DurationSeconds: aws.Int64(int64(seconds)),
	})
	return out, c.say(err)
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func newLoginCommand() *cobra.Command {
	var (
		t      target
		scopes []string
		dry    bool
	)
	var names []string
	for _, tool := range login.Tools {
		names = append(names, tool.Name)
	}
	cmd := &cobra.Command{
		Use:       "login TOOL",
		Short:     "Set up a package client: " + strings.Join(names, ", "),
		Long:      "Write a repository's URL and a fresh authorization token into a package\nclient's own settings. Nothing else in them is touched.",
		Example:   "  larder login npm\n  larder login pnpm --repository main --scope @acme\n  larder login yarn --dry-run",
		Args:      exactly("TOOL", strings.Join(names, ", ")),
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			tool, err := login.Find(args[0])
			if err != nil {
				return err
			}
			return runLogin(cmd, tool, t, scopes, dry)
		},
	}
	t.addDomain(cmd)
	t.addRepository(cmd)
	t.addDuration(cmd)
	cmd.Flags().StringSliceVar(&scopes, "scope", nil, "npm `scope` to lead to the repository, instead of all packages; repeatable")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show what would be written, and write nothing")
	addDataFlag(cmd)
	return cmd
}

func runLogin(cmd *cobra.Command, tool login.Tool, t target, scopes []string, dry bool) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), callTime)
	defer cancel()
	c, err := newClient(cmd)
	if err != nil {
		return err
	}
	endpoint, err := t.endpoint(ctx, c, tool.Format)
	if err != nil {
		return err
	}
	to := login.Target{Endpoint: endpoint, Token: "token", Scopes: scopes}
	var expires time.Time
	if !dry {
		token, err := t.token(ctx, c)
		if err != nil {
			return err
		}
		to.Token, expires = aws.ToString(token.AuthorizationToken), aws.ToTime(token.Expiration)
	}
	m, err := thisUser()
	if err != nil {
		return err
	}
	plan, err := tool.Plan(m, to)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if dry {
		plan.Show(out)
	} else {
		if err := plan.Apply(); err != nil {
			return err
		}
		for _, e := range plan.Edits {
			fmt.Fprintln(out, "wrote", e.File)
		}
		what := "packages"
		if len(scopes) > 0 {
			what = strings.Join(scopes, ", ")
		}
		fmt.Fprintf(out, "%s now gets %s from %s until %s\nnext: %s\n", tool.Name, what, endpoint, expires.Local().Format(time.DateTime), tool.Try)
	}
	for _, n := range plan.Notes {
		fmt.Fprintln(cmd.ErrOrStderr(), "note:", n)
	}
	return nil
}

func thisUser() (login.Machine, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return login.Machine{}, fmt.Errorf("your home folder is not known: %w", err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return login.Machine{}, err
	}
	return login.Machine{Home: home, Dir: dir, Getenv: os.Getenv}, nil
}

// exactly asks for one argument and says what may stand there.
func exactly(name, known string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return fmt.Errorf("name one %s: %s", name, known)
	}
}
