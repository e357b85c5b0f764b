package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/spf13/cobra"
)

// maxPolicy is more than a policy may be long, in bytes.
const maxPolicy = 64 << 10

func newPolicyCommand() *cobra.Command {
	return nounCommand("policy", "Show, set, delete and explain permissions policies",
		`A permissions policy says who may do what, in the JSON of AWS policies. A domain
has one that holds for everything in it, each repository may have one of its own:
--repository names it, and without it the domain's is meant.`,
		newPolicyGetCommand(), newPolicyPutCommand(), newPolicyDeleteCommand(), newPolicyExplainCommand())
}

// addPolicyFlags are those of the other commands, but for the repository: here
// it has no default.
func addPolicyFlags(cmd *cobra.Command, repository *string) {
	cmd.Flags().StringVar(repository, "repository", "", "`name` of the repository whose policy is meant, instead of the domain's")
	_ = cmd.RegisterFlagCompletionFunc("repository", completeRepository)
}

// whose names what a policy belongs to.
func (s *session) whose(repository string) string {
	if repository == "" {
		return "the domain " + s.domain
	}
	return "the repository " + s.domain + "/" + repository
}

func flagFor(repository string) string {
	if repository == "" {
		return ""
	}
	return " --repository " + shellWord(repository)
}

func newPolicyGetCommand() *cobra.Command {
	var repository string
	cmd := &cobra.Command{
		Use:     "get",
		Short:   "Print a permissions policy",
		Example: "  larder policy get > domain-policy.json\n  larder policy get --repository main",
		Args:    cobra.NoArgs,
	}
	addPolicyFlags(cmd, &repository)
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, _ []string) error {
		var (
			answer any
			policy *types.ResourcePolicy
		)
		if repository == "" {
			out, err := s.GetDomainPermissionsPolicy(ctx, &codeartifact.GetDomainPermissionsPolicyInput{Domain: &s.domain, DomainOwner: optional(s.owner)})
			if err != nil {
				return s.noPolicy(err, repository)
			}
			answer, policy = out, out.Policy
		} else {
			out, err := s.GetRepositoryPermissionsPolicy(ctx, &codeartifact.GetRepositoryPermissionsPolicyInput{
				Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &repository,
			})
			if err != nil {
				return s.noPolicy(err, repository)
			}
			answer, policy = out, out.Policy
		}
		if err := s.answer(answer, func(w io.Writer) error { return printPolicy(w, policy.Document) }); err != nil || s.out.json() {
			return err
		}
		s.note("revision: %s", aws.ToString(policy.Revision))
		return nil
	})
}

func (s *session) noPolicy(err error, repository string) error {
	err = s.say(err)
	var api *apiFailure
	if errors.As(err, &api) && strings.Contains(strings.ToLower(api.text), "policy") { // else domain or repository are not there
		return s.instead(err, "ResourceNotFoundException", "set one with: larder policy put FILE"+s.again(false)+flagFor(repository))
	}
	return err
}

func newPolicyPutCommand() *cobra.Command {
	var repository, revision string
	cmd := &cobra.Command{
		Use:   "put FILE",
		Short: "Set a permissions policy, in place of the one that is there",
		Long:  "Set a permissions policy, in place of the one that is there. FILE is JSON; - is\nstandard input.",
		Example: `  larder policy put domain-policy.json
  larder policy put repository-policy.json --repository main
  larder policy get | sed s/111122223333/444455556666/ | larder policy put -`,
		Args: exactly("FILE", "with the policy, or - for standard input"),
	}
	addPolicyFlags(cmd, &repository)
	addPolicyRevision(cmd, &revision)
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, args []string) error {
		text, err := readPolicy(cmd, args[0])
		if err != nil {
			return err
		}
		var (
			answer any
			policy *types.ResourcePolicy
		)
		if repository == "" {
			out, err := s.PutDomainPermissionsPolicy(ctx, &codeartifact.PutDomainPermissionsPolicyInput{
				Domain: &s.domain, DomainOwner: optional(s.owner), PolicyDocument: &text, PolicyRevision: optional(revision),
			})
			if err != nil {
				return err
			}
			answer, policy = out, out.Policy
		} else {
			out, err := s.PutRepositoryPermissionsPolicy(ctx, &codeartifact.PutRepositoryPermissionsPolicyInput{
				Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &repository, PolicyDocument: &text, PolicyRevision: optional(revision),
			})
			if err != nil {
				return err
			}
			answer, policy = out, out.Policy
		}
		return s.done(answer, "%s has this policy now, revision %s", s.whose(repository), aws.ToString(policy.Revision))
	})
}

func addPolicyRevision(cmd *cobra.Command, revision *string) {
	cmd.Flags().StringVar(revision, "revision", "", "only if the policy that is there has this `revision`")
	_ = cmd.RegisterFlagCompletionFunc("revision", cobra.NoFileCompletions)
}

// readPolicy reads a policy and says at once where it is no JSON; what it means
// is the server's to judge.
func readPolicy(cmd *cobra.Command, file string) (string, error) {
	in := cmd.InOrStdin()
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxPolicy+1))
	if err != nil {
		return "", err
	}
	if len(text) > maxPolicy {
		return "", fmt.Errorf("%s is too long for a policy", file)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil {
		return "", fmt.Errorf("%s is no JSON object: %w", file, err)
	}
	return string(bytes.TrimSpace(text)), nil
}

func newPolicyDeleteCommand() *cobra.Command {
	var repository, revision string
	cmd := &cobra.Command{
		Use:     "delete",
		Short:   "Delete a permissions policy",
		Example: "  larder policy delete --repository main\n  larder policy delete --domain team --yes",
		Args:    cobra.NoArgs,
	}
	addPolicyFlags(cmd, &repository)
	addPolicyRevision(cmd, &revision)
	return apiCommand(cmd, inDomain|destroys, func(ctx context.Context, s *session, _ []string) error {
		if err := s.confirm("deletes the policy of %s", s.whose(repository)); err != nil {
			return err
		}
		var answer any
		var err error
		if repository == "" {
			answer, err = s.DeleteDomainPermissionsPolicy(ctx, &codeartifact.DeleteDomainPermissionsPolicyInput{
				Domain: &s.domain, DomainOwner: optional(s.owner), PolicyRevision: optional(revision),
			})
		} else {
			answer, err = s.DeleteRepositoryPermissionsPolicy(ctx, &codeartifact.DeleteRepositoryPermissionsPolicyInput{
				Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &repository, PolicyRevision: optional(revision),
			})
		}
		if err != nil {
			return err
		}
		return s.done(answer, "deleted the policy of %s", s.whose(repository))
	})
}
