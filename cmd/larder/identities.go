package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"
)

// The services beside CodeArtifact that keep accounts, users and roles. A
// server answers all of them at one address, unless AWS settings name another
// for one of them (AWS_ENDPOINT_URL_IAM and such).

func (c *client) iam() *iam.Client {
	return iam.NewFromConfig(c.config, func(o *iam.Options) { o.BaseEndpoint = c.orOwn(o.BaseEndpoint) })
}

func (c *client) sts() *sts.Client {
	return sts.NewFromConfig(c.config, func(o *sts.Options) { o.BaseEndpoint = c.orOwn(o.BaseEndpoint) })
}

func (c *client) organizations() *organizations.Client {
	return organizations.NewFromConfig(c.config, func(o *organizations.Options) { o.BaseEndpoint = c.orOwn(o.BaseEndpoint) })
}

func (c *client) orOwn(endpoint *string) *string {
	if endpoint == nil {
		return optional(c.URL)
	}
	return endpoint
}

// awsPolicies is what the ARNs of AWS's own managed policies begin with.
const awsPolicies = "arn:aws:iam::aws:policy/"

// policyARN gives the ARN of a managed policy that is named by it, or by the
// name alone: then one of the account, else one of AWS's own.
func (s *session) policyARN(ctx context.Context, name string) (string, error) {
	if strings.HasPrefix(name, "arn:") {
		return name, nil
	}
	own, err := collect(ctx, iam.NewListPoliciesPaginator(s.iam(), &iam.ListPoliciesInput{Scope: iamtypes.PolicyScopeTypeLocal}),
		func(o *iam.ListPoliciesOutput) *[]iamtypes.Policy { return &o.Policies })
	if err != nil {
		return "", err
	}
	for _, p := range own.Policies {
		if aws.ToString(p.PolicyName) == name {
			return aws.ToString(p.Arn), nil
		}
	}
	return awsPolicies + name, nil
}

// tagsForIAM reads the flag --tag for users and roles.
func tagsForIAM(all []string) ([]iamtypes.Tag, error) {
	tags, err := parseTags(all)
	var out []iamtypes.Tag
	for _, t := range tags {
		out = append(out, iamtypes.Tag{Key: t.Key, Value: t.Value})
	}
	return out, err
}

func shownIAMTags(all []iamtypes.Tag) string {
	var lines []string
	for _, t := range all {
		lines = append(lines, aws.ToString(t.Key)+"="+aws.ToString(t.Value))
	}
	return strings.Join(lines, "\n")
}

// myAccount is the account of the credentials in use.
func (s *session) myAccount(ctx context.Context) (string, error) {
	out, err := s.sts().GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Account), nil
}

// principalARN gives the ARN of a user or role that is named by it, or as
// user/NAME or role/NAME of one's own account.
func (s *session) principalARN(ctx context.Context, name string) (string, error) {
	if strings.HasPrefix(name, "arn:") {
		return name, nil
	}
	kind, _, _ := strings.Cut(name, "/")
	if kind != "user" && kind != "role" || kind == name {
		return "", usagef("%q names no user or role: write user/NAME, role/NAME, or an ARN", name)
	}
	account, err := s.myAccount(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("arn:aws:iam::%s:%s", account, name), nil
}

var completeUser = completing(func(ctx context.Context, c *client, _ *cobra.Command, _ string) ([]string, error) {
	out, err := c.iam().ListUsers(ctx, &iam.ListUsersInput{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, u := range out.Users {
		names = append(names, aws.ToString(u.UserName))
	}
	return names, nil
})

var completeRole = completing(func(ctx context.Context, c *client, _ *cobra.Command, _ string) ([]string, error) {
	out, err := c.iam().ListRoles(ctx, &iam.ListRolesInput{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range out.Roles {
		names = append(names, aws.ToString(r.RoleName))
	}
	return names, nil
})

var completeAccount = completing(func(ctx context.Context, c *client, _ *cobra.Command, _ string) ([]string, error) {
	out, err := c.organizations().ListAccounts(ctx, &organizations.ListAccountsInput{})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, a := range out.Accounts {
		ids = append(ids, aws.ToString(a.Id))
	}
	return ids, nil
})

// completeManaged offers the managed policies of AWS's own and of the account.
var completeManaged = completing(func(ctx context.Context, c *client, _ *cobra.Command, _ string) ([]string, error) {
	out, err := c.iam().ListPolicies(ctx, &iam.ListPoliciesInput{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p := range out.Policies {
		names = append(names, aws.ToString(p.PolicyName))
	}
	return names, nil
})

// then completes a first argument, and a second.
func then(one, other completion) completion {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return one(cmd, args, word)
		case 1:
			return other(cmd, args, word)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}
