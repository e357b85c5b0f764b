package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/spf13/cobra"
)

// organizationRole is the role by which the first account administers others.
const organizationRole = "OrganizationAccountAccessRole"

// askStatus is how often it is asked whether an account is made: a server of
// our own has made it at once, AWS takes its time.
const askStatus = 2 * time.Second

func newAccountCommand() *cobra.Command {
	return nounCommand("account", "Make, show and close accounts",
		`Each account has its own users and roles, and owns domains. One account reads
from another's repository only where policies of both allow it. The first account
makes the others, and administers each by the role `+organizationRole+`.`,
		newAccountCreateCommand(), newAccountListCommand(), newAccountShowCommand(), newAccountEnvCommand(), newAccountCloseCommand())
}

func newAccountCreateCommand() *cobra.Command {
	var email, role string
	cmd := &cobra.Command{
		Use:               "create NAME",
		Short:             "Make an account",
		Example:           "  larder account create team-b --email team-b@example.com",
		Args:              exactly("NAME", "up to 50 characters, such as team-b"),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&email, "email", "", "`address` that is the account's alone")
	cmd.Flags().StringVar(&role, "role-name", "", "`name` of the role by which the first account administers it (default: "+organizationRole+")")
	_ = cmd.MarkFlagRequired("email")
	return apiCommand(cmd, long, func(ctx context.Context, s *session, args []string) error {
		out, err := s.organizations().CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: &args[0], Email: &email, RoleName: optional(role)})
		if err != nil {
			return err
		}
		status, err := s.createdAccount(ctx, out.CreateAccountStatus)
		if err != nil {
			return err
		}
		if status.State != types.CreateAccountStateSucceeded {
			return fmt.Errorf("the account %s was not made: %s", args[0], firstOf(string(status.FailureReason), string(status.State)))
		}
		out.CreateAccountStatus = status
		id := aws.ToString(status.AccountId)
		next := ""
		if role != "" {
			next = " --role-name " + shellWord(role)
		}
		return s.done(out, "made the account %s with the id %s\nnext: eval \"$(larder account env %s%s%s)\"", args[0], id, id, next, s.again(false))
	})
}

// createdAccount waits until an account is made, or is not.
func (s *session) createdAccount(ctx context.Context, status *types.CreateAccountStatus) (*types.CreateAccountStatus, error) {
	for status.State == types.CreateAccountStateInProgress {
		select {
		case <-time.After(askStatus):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		out, err := s.organizations().DescribeCreateAccountStatus(ctx, &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: status.Id})
		if err != nil {
			return nil, err
		}
		status = out.CreateAccountStatus
	}
	return status, nil
}

func newAccountListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the accounts",
		Example: "  larder account list\n  larder account list --output json",
		Args:    cobra.NoArgs,
	}
	return apiCommand(cmd, long, func(ctx context.Context, s *session, _ []string) error {
		out, err := collect(ctx, organizations.NewListAccountsPaginator(s.organizations(), &organizations.ListAccountsInput{}),
			func(o *organizations.ListAccountsOutput) *[]types.Account { return &o.Accounts })
		if err != nil {
			return err
		}
		rows := [][]string{{"ID", "NAME", "EMAIL", "STATE", "MADE"}}
		for _, a := range out.Accounts {
			rows = append(rows, []string{aws.ToString(a.Id), aws.ToString(a.Name), aws.ToString(a.Email), string(a.State), shownTime(a.JoinedTimestamp)})
		}
		return s.list(out, rows, "there are no accounts")
	})
}

func newAccountShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "show [ID]",
		Short:             "Show an account, your own without an ID",
		Example:           "  larder account show\n  larder account show 111122223333",
		Args:              atMost(1, "ID"),
		ValidArgsFunction: first(completeAccount),
	}
	return apiCommand(cmd, 0, func(ctx context.Context, s *session, args []string) error {
		id := argument(args, "")
		if id == "" {
			var err error
			if id, err = s.myAccount(ctx); err != nil {
				return err
			}
		}
		out, err := s.organizations().DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: &id})
		if err != nil {
			return err
		}
		return s.answer(out, func(w io.Writer) error {
			a := out.Account
			return fields(w, []field{
				{"ID", aws.ToString(a.Id)},
				{"Name", aws.ToString(a.Name)},
				{"Email", aws.ToString(a.Email)},
				{"ARN", aws.ToString(a.Arn)},
				{"State", string(a.State)},
				{"Made", shownTime(a.JoinedTimestamp)},
			})
		})
	})
}

func newAccountEnvCommand() *cobra.Command {
	var (
		a    assumed
		task string
	)
	role := organizationRole
	cmd := &cobra.Command{
		Use:   "env ID",
		Short: "Print shell exports with which to administer an account",
		Long: `Print shell exports with which larder and aws administer an account of yours:
temporary credentials of its role ` + organizationRole + `.

Where nobody there can administer it any more, --root-task gives those of its root
user, for a quarter of an hour and one task: IAMRestoreAdministration,
CodeArtifactUnlockPermissionsPolicy or IAMAuditRootUserCredentials.`,
		Example: `  eval "$(larder account env 111122223333)"
  larder account env 111122223333 --shell fish | source
  eval "$(larder account env 111122223333 --root-task IAMRestoreAdministration)"
  larder account env 111122223333 --output json`,
		Args:              exactly("ID", "of the account, 12 digits"),
		ValidArgsFunction: first(completeAccount),
	}
	cmd.Flags().StringVar(&role, "role-name", role, "`name` of the role to assume there")
	cmd.Flags().StringVar(&task, "root-task", "", "`task` for which to act as the account's root user instead")
	_ = cmd.RegisterFlagCompletionFunc("root-task", completeWords("IAMRestoreAdministration", "CodeArtifactUnlockPermissionsPolicy", "IAMAuditRootUserCredentials"))
	a.add(cmd)
	return apiCommand(cmd, 0, func(ctx context.Context, s *session, args []string) error {
		if task != "" {
			return a.printRoot(ctx, s, args[0], task)
		}
		return a.print(ctx, s, "arn:aws:iam::"+args[0]+":role/"+role)
	})
}

// rootTasks is what the ARNs of tasks for root users begin with.
const rootTasks = awsPolicies + "root-task/"

// printRoot acts as an account's root user and prints its credentials: shell
// exports, or as JSON what STS answered.
func (a *assumed) printRoot(ctx context.Context, s *session, account, task string) error {
	arn := rootTasks + task
	if strings.HasPrefix(task, "arn:") {
		arn = task
	}
	set, err := a.setter()
	if err != nil {
		return err
	}
	out, err := s.sts().AssumeRoot(ctx, &sts.AssumeRootInput{TargetPrincipal: &account, TaskPolicyArn: &ststypes.PolicyDescriptorType{Arn: &arn}})
	if err != nil {
		return err
	}
	return s.answer(out, func(w io.Writer) error { return printEnv(ctx, w, s.client.as(out.Credentials), set) })
}

// assumed are the flags of a command that prints a role's credentials.
type assumed struct {
	shell, session string
	lives          time.Duration
}

func (a *assumed) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.session, "session-name", "larder", "`name` of the session, as logs show it")
	cmd.Flags().DurationVar(&a.lives, "duration", time.Hour, "how long the credentials live: 15m to what the role allows")
	cmd.Flags().StringVar(&a.shell, "shell", "sh", "`shell` to write for: sh (bash, zsh), fish or powershell")
	_ = cmd.RegisterFlagCompletionFunc("shell", completeWords("sh", "fish", "powershell"))
	_ = cmd.RegisterFlagCompletionFunc("duration", completeWords("15m", "1h", "12h"))
}

// print assumes the role and prints its credentials: shell exports, or as JSON
// what STS answered.
func (a *assumed) print(ctx context.Context, s *session, role string) error {
	set, err := a.setter()
	if err != nil {
		return err
	}
	out, err := s.sts().AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: &role, RoleSessionName: &a.session, DurationSeconds: aws.Int32(int32(min(max(a.lives, 0), 1000*time.Hour).Seconds())),
	})
	if err != nil {
		return err
	}
	return s.answer(out, func(w io.Writer) error { return printEnv(ctx, w, s.client.as(out.Credentials), set) })
}

// setter gives the way in which the shell that is asked for sets a variable.
func (a *assumed) setter() (func(w io.Writer, name, value string), error) {
	set, ok := shells[a.shell]
	if !ok {
		return nil, usagef("--shell: %q is not known; take sh, fish or powershell", a.shell)
	}
	return set, nil
}

// as is the way to the same server with temporary credentials.
func (c *client) as(k *ststypes.Credentials) *client {
	other := *c
	other.Credentials = credentials.NewStaticCredentialsProvider(aws.ToString(k.AccessKeyId), aws.ToString(k.SecretAccessKey), aws.ToString(k.SessionToken))
	return &other
}

func newAccountCloseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "close ID",
		Short:             "Close an account: its credentials are refused from then on",
		Long:              "Close an account: its credentials are refused from then on. What it owns stays.",
		Example:           "  larder account close 111122223333",
		Args:              exactly("ID", "of the account, 12 digits"),
		ValidArgsFunction: first(completeAccount),
	}
	return apiCommand(cmd, destroys, func(ctx context.Context, s *session, args []string) error {
		if err := s.confirm("closes the account %s: none of its users and roles can do anything any more", args[0]); err != nil {
			return err
		}
		out, err := s.organizations().CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: &args[0]})
		if err != nil {
			return err
		}
		return s.done(out, "closed the account %s", args[0])
	})
}
