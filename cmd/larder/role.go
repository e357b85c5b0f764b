package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/spf13/cobra"
)

func newRoleCommand() *cobra.Command {
	return nounCommand("role", "Make, show, assume and delete roles",
		`A role is assumed for a time by those whom its trust policy names: users of your
account or of others, and jobs of a CI system, which then need no stored secret.`,
		newRoleCreateCommand(), newRoleListCommand(), newRoleShowCommand(), newRoleTrustCommand(), newRoleEnvCommand(), newRoleDeleteCommand(),
		newHolderPolicyCommand(ofRoles))
}

func newRoleCreateCommand() *cobra.Command {
	var (
		path, boundary, description string
		managed, tags               []string
		lives                       time.Duration
		t                           trust
	)
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a role",
		Long: `Make a role. Who may assume it is said by a trust policy in a file, or by
--trust-principal, or, for the jobs of a CI system, by --trust-issuer: then the issuer
is registered as OpenID Connect provider where it is not yet.`,
		Example: `  larder role create release --trust trust.json --policy AWSCodeArtifactAdminAccess
  larder role create deploy --trust-principal arn:aws:iam::111122223333:user/ada
  larder role create publish --trust-issuer https://ci.example.com --trust-audience sts.example.com --trust-subject 'repo:acme/app:*'`,
		Args:              exactly("NAME", "up to 64 letters, digits and characters of _+=,.@-"),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	t.add(cmd)
	cmd.Flags().StringVar(&description, "description", "", "what it is for")
	cmd.Flags().DurationVar(&lives, "max-session", time.Hour, "how long a session may last: 1h to 12h")
	_ = cmd.RegisterFlagCompletionFunc("max-session", completeWords("1h", "12h"))
	addMakeFlags(cmd, &path, &boundary, &managed, &tags)
	return apiCommand(cmd, long, func(ctx context.Context, s *session, args []string) error {
		labels, err := tagsForIAM(tags)
		if err != nil {
			return err
		}
		document, err := t.document(ctx, s)
		if err != nil {
			return err
		}
		bound, arns, err := s.policyARNs(ctx, boundary, managed)
		if err != nil {
			return err
		}
		out, err := s.iam().CreateRole(ctx, &iam.CreateRoleInput{
			RoleName: &args[0], AssumeRolePolicyDocument: &document, Path: optional(path), Description: optional(description),
			MaxSessionDuration: aws.Int32(int32(min(max(lives, 0), 1000*time.Hour).Seconds())), PermissionsBoundary: bound, Tags: labels,
		})
		if err != nil {
			return err
		}
		if err := s.attachAll(ctx, ofRoles, args[0], arns); err != nil {
			return err
		}
		out.Role.AssumeRolePolicyDocument = decoded(out.Role.AssumeRolePolicyDocument)
		next := ""
		if len(arns) == 0 {
			next = fmt.Sprintf("\nnext: larder role policy attach %s POLICY%s", shellWord(args[0]), s.again(false))
		}
		return s.done(out, "made the role %s%s", aws.ToString(out.Role.Arn), next)
	})
}

func newRoleListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the roles of your account",
		Example: "  larder role list\n  larder role list --output json",
		Args:    cobra.NoArgs,
	}
	return apiCommand(cmd, long, func(ctx context.Context, s *session, _ []string) error {
		out, err := collect(ctx, iam.NewListRolesPaginator(s.iam(), &iam.ListRolesInput{}), func(o *iam.ListRolesOutput) *[]types.Role { return &o.Roles })
		if err != nil {
			return err
		}
		rows := [][]string{{"NAME", "ARN", "MADE", "DESCRIPTION"}}
		for i, r := range out.Roles {
			out.Roles[i].AssumeRolePolicyDocument = decoded(r.AssumeRolePolicyDocument)
			rows = append(rows, []string{aws.ToString(r.RoleName), aws.ToString(r.Arn), shownTime(r.CreateDate), aws.ToString(r.Description)})
		}
		return s.list(out, rows, "there are no roles; make one with: larder role create NAME"+s.again(false))
	})
}

func newRoleShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "show NAME",
		Short:             "Show a role with its policies",
		Example:           "  larder role show release",
		Args:              exactly("NAME", "of the role"),
		ValidArgsFunction: first(completeRole),
	}
	return apiCommand(cmd, long, func(ctx context.Context, s *session, args []string) error {
		out, err := s.iam().GetRole(ctx, &iam.GetRoleInput{RoleName: &args[0]})
		if err != nil {
			return err
		}
		r := out.Role
		r.AssumeRolePolicyDocument = decoded(r.AssumeRolePolicyDocument)
		return s.answer(out, func(w io.Writer) error {
			policies, err := s.shownPolicies(ctx, ofRoles, args[0])
			if err != nil {
				return err
			}
			return fields(w, []field{
				{"Name", aws.ToString(r.RoleName)},
				{"ARN", aws.ToString(r.Arn)},
				{"ID", aws.ToString(r.RoleId)},
				{"Description", aws.ToString(r.Description)},
				{"Made", shownTime(r.CreateDate)},
				{"Longest session", (time.Duration(aws.ToInt32(r.MaxSessionDuration)) * time.Second).String()},
				{"Policies", policies},
				{"Boundary", shownBoundary(r.PermissionsBoundary)},
				{"Tags", shownIAMTags(r.Tags)},
			})
		})
	})
}

func newRoleTrustCommand() *cobra.Command {
	var t trust
	cmd := &cobra.Command{
		Use:   "trust NAME",
		Short: "Print who may assume a role, or set it",
		Example: `  larder role trust release > trust.json
  larder role trust release --trust trust.json
  larder role trust release --trust-principal 111122223333`,
		Args:              exactly("NAME", "of the role"),
		ValidArgsFunction: first(completeRole),
	}
	t.add(cmd)
	return apiCommand(cmd, 0, func(ctx context.Context, s *session, args []string) error {
		if !t.given() {
			out, err := s.iam().GetRole(ctx, &iam.GetRoleInput{RoleName: &args[0]})
			if err != nil {
				return err
			}
			out.Role.AssumeRolePolicyDocument = decoded(out.Role.AssumeRolePolicyDocument)
			return s.answer(out, func(w io.Writer) error { return printPolicy(w, out.Role.AssumeRolePolicyDocument) })
		}
		document, err := t.document(ctx, s)
		if err != nil {
			return err
		}
		out, err := s.iam().UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: &args[0], PolicyDocument: &document})
		if err != nil {
			return err
		}
		return s.done(out, "the role %s has this trust policy now", args[0])
	})
}

func newRoleEnvCommand() *cobra.Command {
	var a assumed
	cmd := &cobra.Command{
		Use:               "env ROLE",
		Short:             "Assume a role and print shell exports with its credentials",
		Long:              "Assume a role and print shell exports with its temporary credentials. ROLE is the\nname of a role of your account, or an ARN.",
		Example:           "  eval \"$(larder role env release)\"\n  larder role env arn:aws:iam::111122223333:role/release --duration 15m\n  larder role env release --output json",
		Args:              exactly("ROLE", "by its name or ARN"),
		ValidArgsFunction: first(completeRole),
	}
	a.add(cmd)
	return apiCommand(cmd, 0, func(ctx context.Context, s *session, args []string) error {
		role, err := s.roleARN(ctx, args[0])
		if err != nil {
			return err
		}
		return a.print(ctx, s, role)
	})
}

func newRoleDeleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "delete NAME",
		Short:             "Delete a role with its policies",
		Long:              "Delete a role with its policies. Its sessions are refused from then on.",
		Example:           "  larder role delete release --yes",
		Args:              exactly("NAME", "of the role"),
		ValidArgsFunction: first(completeRole),
	}
	return apiCommand(cmd, destroys, func(ctx context.Context, s *session, args []string) error {
		if _, err := s.iam().GetRole(ctx, &iam.GetRoleInput{RoleName: &args[0]}); err != nil {
			return err
		}
		if err := s.confirm("deletes the role %s with its policies", args[0]); err != nil {
			return err
		}
		if err := s.withoutPolicies(ctx, ofRoles, args[0]); err != nil {
			return err
		}
		out, err := s.iam().DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &args[0]})
		if err != nil {
			return err
		}
		return s.done(out, "deleted the role %s", args[0])
	})
}
