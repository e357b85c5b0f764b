package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/spf13/cobra"
)

func newDomainCommand() *cobra.Command {
	return nounCommand("domain", "Make, show and delete domains",
		`A domain holds repositories. What is stored in it is stored once, however many
of its repositories have it, and a policy of the domain holds for all of them.`,
		append([]*cobra.Command{newDomainCreateCommand(), newDomainListCommand(), newDomainShowCommand(), newDomainDeleteCommand()},
			tagged{
				noun: "domain", name: "NAME", example: firstDomain, traits: ofOwner, words: completeDomain,
				arn: func(ctx context.Context, s *session, name string) (*string, error) {
					d, err := s.describeDomain(ctx, name)
					if err != nil {
						return nil, err
					}
					return d.Domain.Arn, nil
				},
			}.commands()...)...)
}

func newDomainCreateCommand() *cobra.Command {
	var (
		key  string
		tags []string
	)
	cmd := &cobra.Command{
		Use:               "create NAME",
		Short:             "Make a domain",
		Example:           "  larder domain create team\n  larder domain create team --tag cost-centre=42",
		Args:              exactly("NAME", "2 to 50 lower-case letters, digits and hyphens"),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&key, "encryption-key", "", "`key` that encrypts what is stored, where the server has keys")
	addTags(cmd, &tags)
	return apiCommand(cmd, 0, func(ctx context.Context, s *session, args []string) error {
		t, err := parseTags(tags)
		if err != nil {
			return err
		}
		out, err := s.CreateDomain(ctx, &codeartifact.CreateDomainInput{Domain: &args[0], EncryptionKey: optional(key), Tags: t})
		if err != nil {
			return err
		}
		s.domain = args[0]
		return s.done(out, "made the domain %s\nnext: larder repository create NAME%s", args[0], s.again(false))
	})
}

func newDomainListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List your account's domains",
		Example: "  larder domain list\n  larder domain list --output json",
		Args:    cobra.NoArgs,
	}
	return apiCommand(cmd, long, func(ctx context.Context, s *session, _ []string) error {
		out, err := collect(ctx, codeartifact.NewListDomainsPaginator(s.client, &codeartifact.ListDomainsInput{}),
			func(o *codeartifact.ListDomainsOutput) *[]types.DomainSummary { return &o.Domains })
		if err != nil {
			return err
		}
		rows := [][]string{{"NAME", "OWNER", "STATUS", "CREATED"}}
		for _, d := range out.Domains {
			rows = append(rows, []string{aws.ToString(d.Name), aws.ToString(d.Owner), string(d.Status), shownTime(d.CreatedTime)})
		}
		return s.list(out, rows, "there are no domains; make one with: larder domain create NAME")
	})
}

func newDomainShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "show [NAME]",
		Short:             "Show a domain",
		Example:           "  larder domain show\n  larder domain show team --domain-owner 111122223333",
		Args:              atMost(1, "NAME"),
		ValidArgsFunction: first(completeDomain),
	}
	return apiCommand(cmd, ofOwner, func(ctx context.Context, s *session, args []string) error {
		out, err := s.describeDomain(ctx, argument(args, firstDomain))
		if err != nil {
			return err
		}
		d := out.Domain
		return s.answer(out, func(w io.Writer) error {
			tags, err := s.tags(ctx, d.Arn)
			if err != nil {
				return err
			}
			return fields(w, []field{
				{"Name", aws.ToString(d.Name)},
				{"Owner", aws.ToString(d.Owner)},
				{"ARN", aws.ToString(d.Arn)},
				{"Status", string(d.Status)},
				{"Created", shownTime(d.CreatedTime)},
				{"Repositories", strconv.Itoa(int(d.RepositoryCount))},
				{"Stored", shownSize(d.AssetSizeBytes)},
				{"Encryption key", aws.ToString(d.EncryptionKey)},
				{"Tags", tags},
			})
		})
	})
}

func (s *session) describeDomain(ctx context.Context, name string) (*codeartifact.DescribeDomainOutput, error) {
	return s.DescribeDomain(ctx, &codeartifact.DescribeDomainInput{Domain: &name, DomainOwner: optional(s.owner)})
}

func newDomainDeleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "delete NAME",
		Short:             "Delete a domain that has no repositories",
		Example:           "  larder domain delete team\n  larder domain delete team --yes",
		Args:              exactly("NAME", "of the domain"),
		ValidArgsFunction: first(completeDomain),
	}
	return apiCommand(cmd, ofOwner|destroys, func(ctx context.Context, s *session, args []string) error {
		s.domain = args[0]
		if err := s.confirm("deletes the domain %s with its policy and package groups", args[0]); err != nil {
			return err
		}
		out, err := s.DeleteDomain(ctx, &codeartifact.DeleteDomainInput{Domain: &args[0], DomainOwner: optional(s.owner)})
		if err != nil {
			return s.instead(err, "ConflictException", fmt.Sprintf("see: larder repository list%s", s.again(false)))
		}
		return s.done(out, "deleted the domain %s", args[0])
	})
}
