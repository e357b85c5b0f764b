package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/spf13/cobra"
)

// holder is what has policies: users, or roles.
type holder struct {
	noun, example string
	words         completion

	attach, detach func(ctx context.Context, c *iam.Client, name, arn string) (any, error)
	attached       func(ctx context.Context, c *iam.Client, name string) ([]types.AttachedPolicy, error)
	inline         func(ctx context.Context, c *iam.Client, name string) ([]string, error)
	get            func(ctx context.Context, c *iam.Client, name, policy string) (any, *string, error)
	put            func(ctx context.Context, c *iam.Client, name, policy, document string) (any, error)
	remove         func(ctx context.Context, c *iam.Client, name, policy string) (any, error)
}

var ofUsers = holder{
	noun: "user", example: "ada", words: completeUser,
	attach: func(ctx context.Context, c *iam.Client, name, arn string) (any, error) {
		return c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: &arn})
	},
	detach: func(ctx context.Context, c *iam.Client, name, arn string) (any, error) {
		return c.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: &name, PolicyArn: &arn})
	},
	attached: func(ctx context.Context, c *iam.Client, name string) ([]types.AttachedPolicy, error) {
		out, err := collect(ctx, iam.NewListAttachedUserPoliciesPaginator(c, &iam.ListAttachedUserPoliciesInput{UserName: &name}),
			func(o *iam.ListAttachedUserPoliciesOutput) *[]types.AttachedPolicy { return &o.AttachedPolicies })
		if err != nil {
			return nil, err
		}
		return out.AttachedPolicies, nil
	},
	inline: func(ctx context.Context, c *iam.Client, name string) ([]string, error) {
		out, err := collect(ctx, iam.NewListUserPoliciesPaginator(c, &iam.ListUserPoliciesInput{UserName: &name}),
			func(o *iam.ListUserPoliciesOutput) *[]string { return &o.PolicyNames })
		if err != nil {
			return nil, err
		}
		return out.PolicyNames, nil
	},
	get: func(ctx context.Context, c *iam.Client, name, policy string) (any, *string, error) {
		out, err := c.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: &name, PolicyName: &policy})
		if err != nil {
			return nil, nil, err
		}
		out.PolicyDocument = decoded(out.PolicyDocument)
		return out, out.PolicyDocument, nil
	},
	put: func(ctx context.Context, c *iam.Client, name, policy, document string) (any, error) {
		return c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: &policy, PolicyDocument: &document})
	},
	remove: func(ctx context.Context, c *iam.Client, name, policy string) (any, error) {
		return c.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: &name, PolicyName: &policy})
	},
}

var ofRoles = holder{
	noun: "role", example: "release", words: completeRole,
	attach: func(ctx context.Context, c *iam.Client, name, arn string) (any, error) {
		return c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: &arn})
	},
	detach: func(ctx context.Context, c *iam.Client, name, arn string) (any, error) {
		return c.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &name, PolicyArn: &arn})
	},
	attached: func(ctx context.Context, c *iam.Client, name string) ([]types.AttachedPolicy, error) {
		out, err := collect(ctx, iam.NewListAttachedRolePoliciesPaginator(c, &iam.ListAttachedRolePoliciesInput{RoleName: &name}),
			func(o *iam.ListAttachedRolePoliciesOutput) *[]types.AttachedPolicy { return &o.AttachedPolicies })
		if err != nil {
			return nil, err
		}
		return out.AttachedPolicies, nil
	},
	inline: func(ctx context.Context, c *iam.Client, name string) ([]string, error) {
		out, err := collect(ctx, iam.NewListRolePoliciesPaginator(c, &iam.ListRolePoliciesInput{RoleName: &name}),
			func(o *iam.ListRolePoliciesOutput) *[]string { return &o.PolicyNames })
		if err != nil {
			return nil, err
		}
		return out.PolicyNames, nil
	},
	get: func(ctx context.Context, c *iam.Client, name, policy string) (any, *string, error) {
		out, err := c.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &name, PolicyName: &policy})
		if err != nil {
			return nil, nil, err
		}
		out.PolicyDocument = decoded(out.PolicyDocument)
		return out, out.PolicyDocument, nil
	},
	put: func(ctx context.Context, c *iam.Client, name, policy, document string) (any, error) {
		return c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: &policy, PolicyDocument: &document})
	},
	remove: func(ctx context.Context, c *iam.Client, name, policy string) (any, error) {
		return c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &name, PolicyName: &policy})
	},
}

// decoded is a document as it was put: IAM answers it URL-encoded.
func decoded(document *string) *string {
	if text, err := url.PathUnescape(aws.ToString(document)); err == nil {
		return &text
	}
	return document
}

// printPolicy prints a document in lines.
func printPolicy(w io.Writer, document *string) error {
	var text bytes.Buffer
	if json.Indent(&text, []byte(aws.ToString(document)), "", "  ") != nil {
		text.Reset()
		text.WriteString(aws.ToString(document))
	}
	_, err := fmt.Fprintln(w, printable(text.String()))
	return err
}

// shownPolicies lists what a user or role has, one on each line.
func (s *session) shownPolicies(ctx context.Context, h holder, name string) (string, error) {
	attached, err := h.attached(ctx, s.iam(), name)
	if err != nil {
		return "", err
	}
	inline, err := h.inline(ctx, s.iam(), name)
	if err != nil {
		return "", err
	}
	var lines []string
	for _, p := range attached {
		lines = append(lines, aws.ToString(p.PolicyArn))
	}
	for _, p := range inline {
		lines = append(lines, p+" (its own)")
	}
	return strings.Join(lines, "\n"), nil
}

// withoutPolicies takes all policies from what is about to be deleted.
func (s *session) withoutPolicies(ctx context.Context, h holder, name string) error {
	attached, err := h.attached(ctx, s.iam(), name)
	if err != nil {
		return err
	}
	for _, p := range attached {
		if _, err := h.detach(ctx, s.iam(), name, aws.ToString(p.PolicyArn)); err != nil {
			return err
		}
	}
	inline, err := h.inline(ctx, s.iam(), name)
	if err != nil {
		return err
	}
	for _, p := range inline {
		if _, err := h.remove(ctx, s.iam(), name, p); err != nil {
			return err
		}
	}
	return nil
}

// newHolderPolicyCommand holds the commands about policies of users or roles.
func newHolderPolicyCommand(h holder) *cobra.Command {
	return nounCommand("policy", "Attach, set and delete the policies of a "+h.noun,
		`A managed policy is attached by its name or ARN and may be used by many; one of
AWS's own is named without more, such as AdministratorAccess. A `+h.noun+`'s own policy
is JSON that belongs to it alone.`,
		h.listCommand(), h.attachCommand(), h.detachCommand(), h.getCommand(), h.putCommand(), h.deleteCommand())
}

func (h holder) listCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "list NAME",
		Short:             "List the policies of a " + h.noun,
		Example:           "  larder " + h.noun + " policy list " + h.example,
		Args:              exactly("NAME", "of the "+h.noun),
		ValidArgsFunction: first(h.words),
	}
	return apiCommand(cmd, long, func(ctx context.Context, s *session, args []string) error {
		attached, err := h.attached(ctx, s.iam(), args[0])
		if err != nil {
			return err
		}
		inline, err := h.inline(ctx, s.iam(), args[0])
		if err != nil {
			return err
		}
		rows := [][]string{{"NAME", "KIND", "ARN"}}
		for _, p := range attached {
			rows = append(rows, []string{aws.ToString(p.PolicyName), "managed", aws.ToString(p.PolicyArn)})
		}
		for _, p := range inline {
			rows = append(rows, []string{p, "its own", ""})
		}
		all := struct {
			Attached []types.AttachedPolicy `json:"AttachedPolicies"`
			Inline   []string               `json:"PolicyNames"`
		}{attached, inline}
		return s.list(all, rows, "it has no policies and may do nothing; attach one with: larder "+h.noun+" policy attach "+shellWord(args[0])+" POLICY"+s.again(false))
	})
}

func (h holder) attachCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "attach NAME POLICY",
		Short:             "Attach a managed policy",
		Example:           "  larder " + h.noun + " policy attach " + h.example + " AWSCodeArtifactReadOnlyAccess",
		Args:              both("NAME", "POLICY", h.example+" AWSCodeArtifactReadOnlyAccess"),
		ValidArgsFunction: then(h.words, completeManaged),
	}
	return apiCommand(cmd, long, func(ctx context.Context, s *session, args []string) error {
		arn, err := s.policyARN(ctx, args[1])
		if err != nil {
			return err
		}
		out, err := h.attach(ctx, s.iam(), args[0], arn)
		if err != nil {
			return err
		}
		return s.done(out, "the %s %s has the policy %s", h.noun, args[0], arn)
	})
}

func (h holder) detachCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "detach NAME POLICY",
		Short:             "Take a managed policy away",
		Example:           "  larder " + h.noun + " policy detach " + h.example + " AWSCodeArtifactReadOnlyAccess",
		Args:              both("NAME", "POLICY", h.example+" AWSCodeArtifactReadOnlyAccess"),
		ValidArgsFunction: then(h.words, completeManaged),
	}
	return apiCommand(cmd, long, func(ctx context.Context, s *session, args []string) error {
		arn, err := s.policyARN(ctx, args[1])
		if err != nil {
			return err
		}
		out, err := h.detach(ctx, s.iam(), args[0], arn)
		if err != nil {
			return err
		}
		return s.done(out, "the %s %s has the policy %s no longer", h.noun, args[0], arn)
	})
}

func (h holder) getCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "get NAME POLICY",
		Short:             "Print a policy of the " + h.noun + "'s own",
		Example:           "  larder " + h.noun + " policy get " + h.example + " publish > publish.json",
		Args:              both("NAME", "POLICY", h.example+" publish"),
		ValidArgsFunction: first(h.words),
	}
	return apiCommand(cmd, 0, func(ctx context.Context, s *session, args []string) error {
		out, document, err := h.get(ctx, s.iam(), args[0], args[1])
		if err != nil {
			return err
		}
		return s.answer(out, func(w io.Writer) error { return printPolicy(w, document) })
	})
}

func (h holder) putCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "put NAME POLICY FILE",
		Short:   "Set a policy of the " + h.noun + "'s own",
		Long:    "Set a policy of the " + h.noun + "'s own, in place of one of that name. FILE is JSON; - is\nstandard input.",
		Example: "  larder " + h.noun + " policy put " + h.example + " publish publish.json",
		Args:    between(3, 3, "NAME, POLICY and FILE"),
	}
	cmd.ValidArgsFunction = thenFiles(h.words)
	return apiCommand(cmd, 0, func(ctx context.Context, s *session, args []string) error {
		text, err := readPolicy(cmd, args[2])
		if err != nil {
			return err
		}
		out, err := h.put(ctx, s.iam(), args[0], args[1], text)
		if err != nil {
			return err
		}
		return s.done(out, "the %s %s has the policy %s", h.noun, args[0], args[1])
	})
}

func (h holder) deleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "delete NAME POLICY",
		Short:             "Delete a policy of the " + h.noun + "'s own",
		Example:           "  larder " + h.noun + " policy delete " + h.example + " publish --yes",
		Args:              both("NAME", "POLICY", h.example+" publish"),
		ValidArgsFunction: first(h.words),
	}
	return apiCommand(cmd, destroys, func(ctx context.Context, s *session, args []string) error {
		if err := s.confirm("deletes the policy %s of the %s %s", args[1], h.noun, args[0]); err != nil {
			return err
		}
		out, err := h.remove(ctx, s.iam(), args[0], args[1])
		if err != nil {
			return err
		}
		return s.done(out, "deleted the policy %s", args[1])
	})
}
