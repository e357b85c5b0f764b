package main

import (
	"context"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/spf13/cobra"
)

func newUserKeyCommand() *cobra.Command {
	return nounCommand("key", "Make, show, switch and delete the access keys of a user",
		`A user has at most two access keys, so that one can take the place of the other.
What is switched off is refused at the next request, and can be switched on again.`,
		newUserKeyCreateCommand(), newUserKeyListCommand(),
		newUserKeySwitchCommand("activate", "Switch an access key on", types.StatusTypeActive),
		newUserKeySwitchCommand("deactivate", "Switch an access key off, from the next request on", types.StatusTypeInactive),
		newUserKeyDeleteCommand())
}

func newUserKeyCreateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "create NAME",
		Short:             "Make an access key and show its secret, this once",
		Example:           "  larder user key create ada\n  larder user key create ada --output json",
		Args:              exactly("NAME", "of the user"),
		ValidArgsFunction: first(completeUser),
	}
	return apiCommand(cmd, 0, func(ctx context.Context, s *session, args []string) error {
		out, err := s.iam().CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &args[0]})
		if err != nil {
			return err
		}
		if err := s.answer(out, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
				printable(aws.ToString(out.AccessKey.AccessKeyId)), printable(aws.ToString(out.AccessKey.SecretAccessKey)))
			return err
		}); err != nil {
			return err
		}
		s.note("the secret is shown this once: keep it, such as in the file ~/.aws/credentials of %s", args[0])
		return nil
	})
}

func (s *session) accessKeys(ctx context.Context, user string) (*iam.ListAccessKeysOutput, error) {
	return collect(ctx, iam.NewListAccessKeysPaginator(s.iam(), &iam.ListAccessKeysInput{UserName: &user}),
		func(o *iam.ListAccessKeysOutput) *[]types.AccessKeyMetadata { return &o.AccessKeyMetadata })
}

func newUserKeyListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "list NAME",
		Short:             "List the access keys of a user and when each was last used",
		Example:           "  larder user key list ada",
		Args:              exactly("NAME", "of the user"),
		ValidArgsFunction: first(completeUser),
	}
	return apiCommand(cmd, long, func(ctx context.Context, s *session, args []string) error {
		out, err := s.accessKeys(ctx, args[0])
		if err != nil {
			return err
		}
		rows := [][]string{{"ID", "STATUS", "MADE", "LAST USED", "FOR"}}
		for _, k := range out.AccessKeyMetadata {
			if s.out.json() {
				break
			}
			used, err := s.iam().GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: k.AccessKeyId})
			if err != nil {
				return err
			}
			at, service := "never", ""
			if last := used.AccessKeyLastUsed; last != nil && last.LastUsedDate != nil {
				at, service = shownTime(last.LastUsedDate), aws.ToString(last.ServiceName)
			}
			rows = append(rows, []string{aws.ToString(k.AccessKeyId), string(k.Status), shownTime(k.CreateDate), at, service})
		}
		return s.list(out, rows, "it has no access keys; make one with: larder user key create "+shellWord(args[0])+s.again(false))
	})
}

func newUserKeySwitchCommand(verb, short string, to types.StatusType) *cobra.Command {
	cmd := &cobra.Command{
		Use:               verb + " NAME ID",
		Short:             short,
		Example:           "  larder user key " + verb + " ada AKIAEXAMPLEEXAMPLE12",
		Args:              both("NAME", "ID", "ada AKIAEXAMPLEEXAMPLE12"),
		ValidArgsFunction: then(completeUser, completeKey),
	}
	return apiCommand(cmd, 0, func(ctx context.Context, s *session, args []string) error {
		out, err := s.iam().UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: &args[0], AccessKeyId: &args[1], Status: to})
		if err != nil {
			return err
		}
		return s.done(out, "the access key %s is %sd", args[1], verb)
	})
}

func newUserKeyDeleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "delete NAME ID",
		Short:             "Delete an access key",
		Example:           "  larder user key delete ada AKIAEXAMPLEEXAMPLE12 --yes",
		Args:              both("NAME", "ID", "ada AKIAEXAMPLEEXAMPLE12"),
		ValidArgsFunction: then(completeUser, completeKey),
	}
	return apiCommand(cmd, destroys, func(ctx context.Context, s *session, args []string) error {
		if err := s.confirm("deletes the access key %s of the user %s for good", args[1], args[0]); err != nil {
			return err
		}
		out, err := s.iam().DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: &args[0], AccessKeyId: &args[1]})
		if err != nil {
			return err
		}
		return s.done(out, "deleted the access key %s", args[1])
	})
}

// completeKey offers the access keys of the user that is named before.
func completeKey(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	return completing(func(ctx context.Context, c *client, _ *cobra.Command, _ string) ([]string, error) {
		out, err := c.iam().ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: &args[0]})
		if err != nil {
			return nil, err
		}
		var ids []string
		for _, k := range out.AccessKeyMetadata {
			ids = append(ids, aws.ToString(k.AccessKeyId))
		}
		return ids, nil
	})(cmd, nil, word)
}
