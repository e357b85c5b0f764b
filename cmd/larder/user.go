package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/spf13/cobra"
)

func newUserCommand() *cobra.Command {
	return nounCommand("user", "Make, show and delete users, their keys and policies",
		`A user is a person or program of an account. An access key identifies it, and its
policies say what it may do.`,
		newUserCreateCommand(), newUserListCommand(), newUserShowCommand(), newUserDeleteCommand(), newUserKeyCommand(), newHolderPolicyCommand(ofUsers))
}

func newUserCreateCommand() *cobra.Command {
	var (
		path, boundary string
		managed, tags  []string
	)
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a user",
		Example: `  larder user create ada --policy AWSCodeArtifactReadOnlyAccess
  larder user create build --path /ci/ --tag team=web`,
		Args:              exactly("NAME", "up to 64 letters, digits and characters of _+=,.@-"),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	addMakeFlags(cmd, &path, &boundary, &managed, &tags)
	return apiCommand(cmd, long, func(ctx context.Context, s *session, args []string) error {
		t, err := tagsForIAM(tags)
		if err != nil {
			return err
		}
		bound, arns, err := s.policyARNs(ctx, boundary, managed)
		if err != nil {
			return err
		}
		out, err := s.iam().CreateUser(ctx, &iam.CreateUserInput{UserName: &args[0], Path: optional(path), PermissionsBoundary: bound, Tags: t})
		if err != nil {
			return err
		}
		if err := s.attachAll(ctx, ofUsers, args[0], arns); err != nil {
			return err
		}
		return s.done(out, "made the user %s\nnext: larder user key create %s%s", args[0], shellWord(args[0]), s.again(false))
	})
}

// addMakeFlags are those of what is made with policies.
func addMakeFlags(cmd *cobra.Command, path, boundary *string, managed, tags *[]string) {
	cmd.Flags().StringArrayVar(managed, "policy", nil, "managed `policy` to attach, by name or ARN; repeatable")
	cmd.Flags().StringVar(boundary, "boundary", "", "managed `policy` that bounds what all others allow, by name or ARN")
	cmd.Flags().StringVar(path, "path", "", "`path` in its ARN, such as /ci/")
	_ = cmd.RegisterFlagCompletionFunc("policy", completeManaged)
	_ = cmd.RegisterFlagCompletionFunc("boundary", completeManaged)
	_ = cmd.RegisterFlagCompletionFunc("path", cobra.NoFileCompletions)
	addTags(cmd, tags)
}

func (s *session) policyARNs(ctx context.Context, boundary string, managed []string) (*string, []string, error) {
	var bound *string
	if boundary != "" {
		arn, err := s.policyARN(ctx, boundary)
		if err != nil {
			return nil, nil, err
		}
		bound = &arn
	}
	var arns []string
	for _, name := range managed {
		arn, err := s.policyARN(ctx, name)
		if err != nil {
			return nil, nil, err
		}
		arns = append(arns, arn)
	}
	return bound, arns, nil
}

// attachAll attaches policies to what has just been made.
func (s *session) attachAll(ctx context.Context, h holder, name string, arns []string) error {
	for _, arn := range arns {
		if _, err := h.attach(ctx, s.iam(), name, arn); err != nil {
			return fmt.Errorf("the %s %s was made, but the policy %s was not attached: %w", h.noun, name, arn, s.say(err))
		}
	}
	return nil
}

func newUserListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the users of your account",
		Example: "  larder user list\n  larder user list --output json",
		Args:    cobra.NoArgs,
	}
	return apiCommand(cmd, long, func(ctx context.Context, s *session, _ []string) error {
		out, err := collect(ctx, iam.NewListUsersPaginator(s.iam(), &iam.ListUsersInput{}), func(o *iam.ListUsersOutput) *[]types.User { return &o.Users })
		if err != nil {
			return err
		}
		rows := [][]string{{"NAME", "ARN", "MADE"}}
		for _, u := range out.Users {
			rows = append(rows, []string{aws.ToString(u.UserName), aws.ToString(u.Arn), shownTime(u.CreateDate)})
		}
		return s.list(out, rows, "there are no users; make one with: larder user create NAME"+s.again(false))
	})
}

func newUserShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "show [NAME]",
		Short:             "Show a user with its keys and policies, yourself without a NAME",
		Example:           "  larder user show\n  larder user show ada --output json",
		Args:              atMost(1, "NAME"),
		ValidArgsFunction: first(completeUser),
	}
	return apiCommand(cmd, long, func(ctx context.Context, s *session, args []string) error {
		out, err := s.iam().GetUser(ctx, &iam.GetUserInput{UserName: optional(argument(args, ""))})
		if err != nil {
			return err
		}
		return s.answer(out, func(w io.Writer) error {
			u := out.User
			policies, err := s.shownPolicies(ctx, ofUsers, aws.ToString(u.UserName))
			if err != nil {
				return err
			}
			keys, err := s.accessKeys(ctx, aws.ToString(u.UserName))
			if err != nil {
				return err
			}
			var lines []string
			for _, k := range keys.AccessKeyMetadata {
				lines = append(lines, fmt.Sprintf("%s (%s)", aws.ToString(k.AccessKeyId), strings.ToLower(string(k.Status))))
			}
			return fields(w, []field{
				{"Name", aws.ToString(u.UserName)},
				{"ARN", aws.ToString(u.Arn)},
				{"ID", aws.ToString(u.UserId)},
				{"Made", shownTime(u.CreateDate)},
				{"Access keys", strings.Join(lines, "\n")},
				{"Policies", policies},
				{"Boundary", shownBoundary(u.PermissionsBoundary)},
				{"Tags", shownIAMTags(u.Tags)},
			})
		})
	})
}

func shownBoundary(b *types.AttachedPermissionsBoundary) string {
	if b == nil {
		return ""
	}
	return aws.ToString(b.PermissionsBoundaryArn)
}

func newUserDeleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "delete NAME",
		Short:             "Delete a user with its keys and policies",
		Long:              "Delete a user with its keys and policies. Its tokens are refused from then on.",
		Example:           "  larder user delete ada\n  larder user delete ada --yes",
		Args:              exactly("NAME", "of the user"),
		ValidArgsFunction: first(completeUser),
	}
	return apiCommand(cmd, destroys, func(ctx context.Context, s *session, args []string) error {
		name := args[0]
		keys, err := s.accessKeys(ctx, name)
		if err != nil {
			return err
		}
		if err := s.confirm("deletes the user %s with %s and its policies", name, count(len(keys.AccessKeyMetadata), "access key", "access keys")); err != nil {
			return err
		}
		for _, k := range keys.AccessKeyMetadata {
			if _, err := s.iam().DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: &name, AccessKeyId: k.AccessKeyId}); err != nil {
				return err
			}
		}
		if err := s.withoutPolicies(ctx, ofUsers, name); err != nil {
			return err
		}
		out, err := s.iam().DeleteUser(ctx, &iam.DeleteUserInput{UserName: &name})
		if err != nil {
			return err
		}
		return s.done(out, "deleted the user %s", name)
	})
}
