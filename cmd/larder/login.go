package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"larder/cmd/larder/login"
)

func newLoginCommand() *cobra.Command {
	var (
		lives  duration
		scopes []string
		netrc  bool
		helper bool
		dry    bool
	)
	var names, helpers []string
	for _, tool := range login.Tools {
		names = append(names, tool.Name)
		if tool.HasHelper() {
			helpers = append(helpers, tool.Name)
		}
	}
	cmd := &cobra.Command{
		Use:   "login TOOL",
		Short: "Set up a package client: npm, pip, maven, nuget and others",
		Long: `Write a repository's URL and a fresh authorization token into a package client's
own settings. Nothing else in them is touched, and files that hold the token are
for you alone. What belongs into a project's files is printed, not written.

With --helper no token is written: the tool asks larder for one whenever it needs
it, so that none ends after 12 hours. Those that can: ` + strings.Join(helpers, ", ") + `.

TOOL is one of:
  ` + strings.Join(names, ", "),
		Example: `  larder login npm
  larder login pnpm --repository team --scope @acme
  larder login uv --helper
  larder login pip --netrc
  larder login maven --dry-run`,
		Args:      exactly("TOOL", strings.Join(names, ", ")),
		ValidArgs: names,
	}
	lives.add(cmd)
	cmd.Flags().StringSliceVar(&scopes, "scope", nil, "npm `scope` to lead to the repository, instead of all packages; repeatable")
	cmd.Flags().BoolVar(&helper, "helper", false, "let the tool ask larder for a token each time, and write none into its settings")
	cmd.Flags().BoolVar(&netrc, "netrc", false, "for pip: keep the token in .netrc and out of the URL")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show what would be written, and write nothing")
	_ = cmd.RegisterFlagCompletionFunc("scope", cobra.NoFileCompletions)
	return apiCommand(cmd, inRepository|plain, func(ctx context.Context, s *session, args []string) error {
		tool, err := login.Find(args[0])
		if err != nil {
			return usageError{err}
		}
		out, err := s.endpoint(ctx, s.client, tool.Format)
		if err != nil {
			return err
		}
		to := login.Target{
			Endpoint: aws.ToString(out.RepositoryEndpoint), Token: "token", Domain: s.domain, Repository: s.repository,
			Scopes: scopes, Netrc: netrc,
		}
		if err := s.checkServed(ctx, to.Endpoint, tool); err != nil {
			return err
		}
		if helper {
			if to.Helper, err = s.helper(ctx, lives); err != nil {
				return err
			}
		}
		var expires time.Time
		if !dry { // also with a helper: what it would be refused is said now
			token, err := s.token(ctx, s.client, lives)
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
		if dry {
			plan.Show(cmd.OutOrStdout())
		} else if err := s.apply(plan, tool, to, expires); err != nil {
			return err
		}
		for _, n := range plan.Notes {
			s.note("note: %s", n)
		}
		return nil
	})
}

// apply writes what was planned and says so.
func (s *session) apply(plan *login.Plan, tool login.Tool, to login.Target, expires time.Time) error {
	if err := plan.Apply(); err != nil {
		return err
	}
	out := s.cmd.OutOrStdout()
	for _, e := range plan.Edits {
		fmt.Fprintln(out, "wrote", e.File)
	}
	what := "now gets packages from"
	switch {
	case plan.KeyOnly:
		what = "may now use"
	case len(to.Scopes) > 0:
		what = "now gets " + strings.Join(to.Scopes, ", ") + " from"
	}
	until := "until " + expires.Local().Format(time.DateTime)
	if to.Helper != nil {
		until = "with tokens that it gets from larder"
	}
	fmt.Fprintf(out, "%s %s %s %s\n", tool.Name, what, to.Endpoint, until)
	plan.ShowProject(out)
	_, err := fmt.Fprintf(out, "next: %s\n", plan.Try)
	return err
}

// checkServed asks the repository's URL: a server names the URL of every
// format, also of those that it does not serve.
func (s *session) checkServed(ctx context.Context, endpoint string, tool login.Tool) error {
	if s.URL == "" {
		return nil // AWS serves them all
	}
	ctx, cancel := context.WithTimeout(ctx, servedTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return fmt.Errorf("the server named %q as the repository's URL, which is none", endpoint)
	}
	res, err := s.httpClient().Do(r)
	if err != nil {
		return nil // its public address need not lead there from this machine
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	if err != nil || res.StatusCode != http.StatusNotFound || strings.TrimSpace(string(body)) != noSuchFormat {
		return nil
	}
	return errors.New("this server does not serve " + tool.Format + " repositories, which " + tool.Name + " needs; a newer version of it may")
}

// servedTime is how long that question may take.
const servedTime = 3 * time.Second

// noSuchFormat is what a server of this program answers below a path that no
// format has: what net/http answers where nothing is mounted.
const noSuchFormat = "404 page not found"

func thisUser() (login.Machine, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return login.Machine{}, fmt.Errorf("your home folder is not known: %w", err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return login.Machine{}, err
	}
	return login.Machine{Home: home, Dir: dir, OS: runtime.GOOS, Getenv: os.Getenv}, nil
}
