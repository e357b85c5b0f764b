package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/spf13/cobra"
)

func newRepositoryCommand() *cobra.Command {
	return nounCommand("repository", "Make, show, connect and delete repositories",
		`A repository holds packages of every format. What it lacks it looks for in its
upstream repositories, in their order, and behind its external connections.`,
		append([]*cobra.Command{
			newRepositoryCreateCommand(), newRepositoryListCommand(), newRepositoryShowCommand(), newRepositoryUpdateCommand(),
			newRepositoryDeleteCommand(), newConnectCommand(), newDisconnectCommand(),
		}, tagged{
			noun: "repository", name: "NAME", example: firstRepository, traits: inDomain, words: completeRepository,
			arn: func(ctx context.Context, s *session, name string) (*string, error) {
				r, err := s.describeRepository(ctx, name)
				if err != nil {
					return nil, err
				}
				return r.Repository.Arn, nil
			},
		}.commands()...)...)
}

func upstreams(names []string) []types.UpstreamRepository {
	all := []types.UpstreamRepository{}
	for _, name := range names {
		all = append(all, types.UpstreamRepository{RepositoryName: &name})
	}
	return all
}

func newRepositoryCreateCommand() *cobra.Command {
	var (
		description, connection string
		above, tags             []string
	)
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a repository",
		Example: `  larder repository create team --description "What the team publishes"
  larder repository create team --upstream npm-store --upstream pypi-store
  larder repository create npm-public --external-connection public:npmjs`,
		Args:              exactly("NAME", "2 to 100 letters, digits, dots, hyphens and underscores"),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&description, "description", "", "what it is for")
	cmd.Flags().StringArrayVar(&above, "upstream", nil, "`repository` of the same domain to look in next; repeatable, the first goes first")
	cmd.Flags().StringVar(&connection, "external-connection", "", "`name` of a connection to a public registry, such as public:npmjs")
	_ = cmd.RegisterFlagCompletionFunc("upstream", completeRepository)
	_ = cmd.RegisterFlagCompletionFunc("external-connection", completeConnection)
	addTags(cmd, &tags)
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, args []string) error {
		t, err := parseTags(tags)
		if err != nil {
			return err
		}
		in := &codeartifact.CreateRepositoryInput{
			Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &args[0], Description: optional(description), Tags: t,
		}
		if len(above) > 0 {
			in.Upstreams = upstreams(above)
		}
		out, err := s.CreateRepository(ctx, in)
		if err != nil {
			return err
		}
		s.repository = args[0]
		var answer any = out
		if connection != "" {
			connected, err := s.AssociateExternalConnection(ctx, &codeartifact.AssociateExternalConnectionInput{
				Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &args[0], ExternalConnection: &connection,
			})
			if err != nil {
				return fmt.Errorf("the repository %s was made, but not connected: %w", s.where(), s.say(err))
			}
			answer = connected
		}
		return s.done(answer, "made the repository %s\nnext: larder login npm%s", s.where(), s.again(true))
	})
}

func newRepositoryListCommand() *cobra.Command {
	var prefix string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the repositories of a domain",
		Example: "  larder repository list\n  larder repository list --domain team --prefix npm-",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&prefix, "prefix", "", "only names that begin so")
	return apiCommand(cmd, inDomain|long, func(ctx context.Context, s *session, _ []string) error {
		out, err := collect(ctx, codeartifact.NewListRepositoriesInDomainPaginator(s.client, &codeartifact.ListRepositoriesInDomainInput{
			Domain: &s.domain, DomainOwner: optional(s.owner), RepositoryPrefix: optional(prefix), MaxResults: aws.Int32(1000),
		}), func(o *codeartifact.ListRepositoriesInDomainOutput) *[]types.RepositorySummary {
			return &o.Repositories
		})
		if err != nil {
			return err
		}
		rows := [][]string{{"NAME", "ADMINISTRATOR", "CREATED", "DESCRIPTION"}}
		for _, r := range out.Repositories {
			rows = append(rows, []string{aws.ToString(r.Name), aws.ToString(r.AdministratorAccount), shownTime(r.CreatedTime), aws.ToString(r.Description)})
		}
		return s.list(out, rows, "the domain "+s.domain+" has no such repositories; make one with: larder repository create NAME"+s.again(false))
	})
}

func newRepositoryShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "show [NAME]",
		Short:             "Show a repository and where it looks for packages",
		Example:           "  larder repository show\n  larder repository show npm-store --output json",
		Args:              atMost(1, "NAME"),
		ValidArgsFunction: first(completeRepository),
	}
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, args []string) error {
		s.repository = argument(args, firstRepository)
		out, err := s.describeRepository(ctx, s.repository)
		if err != nil {
			return err
		}
		return s.answer(out, func(w io.Writer) error {
			r := out.Repository
			tags, err := s.tags(ctx, r.Arn)
			if err != nil {
				return err
			}
			return fields(w, []field{
				{"Name", aws.ToString(r.Name)},
				{"Domain", aws.ToString(r.DomainName) + " of " + aws.ToString(r.DomainOwner)},
				{"Administrator", aws.ToString(r.AdministratorAccount)},
				{"ARN", aws.ToString(r.Arn)},
				{"Description", aws.ToString(r.Description)},
				{"Created", shownTime(r.CreatedTime)},
				{"Upstreams", shownUpstreams(r)},
				{"Connections", shownConnections(r)},
				{"Tags", tags},
			})
		})
	})
}

func shownUpstreams(r *types.RepositoryDescription) string {
	var names []string
	for _, u := range r.Upstreams {
		names = append(names, aws.ToString(u.RepositoryName))
	}
	return strings.Join(names, "\n")
}

func shownConnections(r *types.RepositoryDescription) string {
	var names []string
	for _, c := range r.ExternalConnections {
		names = append(names, fmt.Sprintf("%s (%s)", aws.ToString(c.ExternalConnectionName), c.PackageFormat))
	}
	return strings.Join(names, "\n")
}

func (s *session) describeRepository(ctx context.Context, name string) (*codeartifact.DescribeRepositoryOutput, error) {
	return s.DescribeRepository(ctx, &codeartifact.DescribeRepositoryInput{Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &name})
}

func newRepositoryUpdateCommand() *cobra.Command {
	var (
		description string
		above       []string
		none        bool
	)
	cmd := &cobra.Command{
		Use:   "update NAME",
		Short: "Change a repository's description or upstreams",
		Long:  "Change a repository's description or upstreams. --upstream replaces the whole\nlist, in the order given; what no flag names stays.",
		Example: `  larder repository update team --description "What the team publishes"
  larder repository update team --upstream shared --upstream npm-store
  larder repository update team --no-upstreams`,
		Args:              exactly("NAME", "of the repository"),
		ValidArgsFunction: first(completeRepository),
	}
	cmd.Flags().StringVar(&description, "description", "", "what it is for; an empty one takes it away")
	cmd.Flags().StringArrayVar(&above, "upstream", nil, "`repository` of the same domain to look in next; repeatable, the first goes first")
	cmd.Flags().BoolVar(&none, "no-upstreams", false, "take all upstreams away")
	cmd.MarkFlagsMutuallyExclusive("upstream", "no-upstreams")
	cmd.MarkFlagsOneRequired("description", "upstream", "no-upstreams")
	_ = cmd.RegisterFlagCompletionFunc("upstream", completeRepository)
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, args []string) error {
		s.repository = args[0]
		in := &codeartifact.UpdateRepositoryInput{Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &args[0]}
		if cmd.Flags().Changed("description") {
			in.Description = &description
		}
		if none || len(above) > 0 {
			in.Upstreams = upstreams(above)
		}
		out, err := s.UpdateRepository(ctx, in)
		if err != nil {
			return err
		}
		return s.done(out, "changed the repository %s", s.where())
	})
}

func newRepositoryDeleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "delete NAME",
		Short:             "Delete a repository with everything in it",
		Example:           "  larder repository delete team\n  larder repository delete team --yes",
		Args:              exactly("NAME", "of the repository"),
		ValidArgsFunction: first(completeRepository),
	}
	return apiCommand(cmd, inDomain|destroys, func(ctx context.Context, s *session, args []string) error {
		s.repository = args[0]
		if err := s.confirm("deletes the repository %s with every package in it", s.where()); err != nil {
			return err
		}
		out, err := s.DeleteRepository(ctx, &codeartifact.DeleteRepositoryInput{Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &args[0]})
		if err != nil {
			return err
		}
		return s.done(out, "deleted the repository %s", s.where())
	})
}

func newConnectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "connect NAME CONNECTION",
		Short:             "Connect a repository with a public registry",
		Long:              "Connect a repository with a public registry: what the repository lacks is then\nfetched from there, and kept.",
		Example:           "  larder repository connect npm-store public:npmjs",
		Args:              both("NAME", "CONNECTION", "main public:npmjs"),
		ValidArgsFunction: completeConnected,
	}
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, args []string) error {
		s.repository = args[0]
		out, err := s.AssociateExternalConnection(ctx, &codeartifact.AssociateExternalConnectionInput{
			Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &args[0], ExternalConnection: &args[1],
		})
		if err != nil {
			return err
		}
		return s.done(out, "%s is connected with %s", s.where(), args[1])
	})
}

func newDisconnectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "disconnect NAME CONNECTION",
		Short:             "Take a connection from a repository; what was fetched stays",
		Example:           "  larder repository disconnect npm-store public:npmjs",
		Args:              both("NAME", "CONNECTION", "main public:npmjs"),
		ValidArgsFunction: completeConnected,
	}
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, args []string) error {
		s.repository = args[0]
		out, err := s.DisassociateExternalConnection(ctx, &codeartifact.DisassociateExternalConnectionInput{
			Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &args[0], ExternalConnection: &args[1],
		})
		if err != nil {
			return err
		}
		return s.done(out, "%s is no longer connected with %s", s.where(), args[1])
	})
}
