package iam_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	iamsdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// root acts as the root user of the account, for a task.
func (h *hostile) root(t *testing.T, c sdk, account, task string) (creds, error) {
	t.Helper()
	out, err := c.sts.AssumeRoot(t.Context(), &sts.AssumeRootInput{
		TargetPrincipal: &account, DurationSeconds: aws.Int32(900), TaskPolicyArn: &ststypes.PolicyDescriptorType{Arn: aws.String("arn:aws:iam::aws:policy/" + task)},
	})
	if err != nil {
		return creds{}, err
	}
	k := out.Credentials
	return creds{*k.AccessKeyId, *k.SecretAccessKey, *k.SessionToken}, nil
}

// An account that has lost its administrators is rescued by its root user, for
// whom the first account acts; nobody else can, and nothing else is possible so.
func TestTheRootUserRescuesAnAccount(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	one[*iamsdk.DetachRolePolicyOutput](t)(h.mallory.iam.DetachRolePolicy(t.Context(), &iamsdk.DetachRolePolicyInput{
		RoleName: aws.String("OrganizationAccountAccessRole"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess"),
	}))
	_, err := h.mallory.iam.ListUsers(t.Context(), &iamsdk.ListUsersInput{})
	code(t, err, "AccessDenied")

	who, err := h.root(t, h.admin, h.account, "root-task/IAMRestoreAdministration")
	check(t, err)
	root := h.sdk(who)
	id := one[*sts.GetCallerIdentityOutput](t)(root.sts.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}))
	if *id.Arn != "arn:aws:iam::"+h.account+":root" || *id.UserId != h.account || *id.Account != h.account {
		t.Errorf("it is %+v", id)
	}
	one[*iamsdk.AttachRolePolicyOutput](t)(root.iam.AttachRolePolicy(t.Context(), &iamsdk.AttachRolePolicyInput{RoleName: aws.String("OrganizationAccountAccessRole"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")}))
	one[*iamsdk.ListUsersOutput](t)(h.mallory.iam.ListUsers(t.Context(), &iamsdk.ListUsersInput{}))

	// The task is all that it may do, and a root user has no tokens and no roles.
	_, err = h.codeartifact(who).CreateDomain(t.Context(), &codeartifact.CreateDomainInput{Domain: aws.String("mine")})
	code(t, err, "AccessDeniedException")
	_, err = root.sts.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + h.account + ":role/OrganizationAccountAccessRole"), RoleSessionName: aws.String("s1")})
	code(t, err, "AccessDenied")
	_, err = root.iam.GetUser(t.Context(), &iamsdk.GetUserInput{})
	code(t, err, "ValidationError")
	_, err = root.iam.CreateAccessKey(t.Context(), &iamsdk.CreateAccessKeyInput{})
	code(t, err, "ValidationError")
	_, err = root.sts.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	code(t, err, "AccessDenied")
	one[*codeartifact.CreateDomainOutput](t)(h.theirs.CreateDomain(t.Context(), &codeartifact.CreateDomainInput{Domain: aws.String("mine")}))
	who, err = h.root(t, h.admin, "arn:aws:iam::"+h.account+":root", "root-task/CodeArtifactUnlockPermissionsPolicy")
	check(t, err)
	unlock := h.codeartifact(who)
	one[*codeartifact.PutDomainPermissionsPolicyOutput](t)(unlock.PutDomainPermissionsPolicy(t.Context(), &codeartifact.PutDomainPermissionsPolicyInput{Domain: aws.String("mine"), PolicyDocument: aws.String(everythingForAll)}))
	_, err = unlock.GetAuthorizationToken(t.Context(), &codeartifact.GetAuthorizationTokenInput{Domain: aws.String("mine")})
	code(t, err, "AccessDeniedException") // whatever the domain's policy says
	_, err = unlock.DeleteDomain(t.Context(), &codeartifact.DeleteDomainInput{Domain: aws.String("mine")})
	code(t, err, "AccessDeniedException")

	// Who may act as root.
	_, err = h.root(t, h.mallory, h.account, "root-task/IAMRestoreAdministration")
	code(t, err, "AccessDenied")
	_, err = h.root(t, h.mallory, first, "root-task/IAMRestoreAdministration")
	code(t, err, "AccessDenied")
	_, err = h.root(t, h.admin, first, "root-task/IAMRestoreAdministration")
	code(t, err, "AccessDenied")
	_, err = h.root(t, h.sdk(h.user(t, "nobody", "/", "")), h.account, "root-task/IAMRestoreAdministration")
	code(t, err, "AccessDenied")
	auditor := h.user(t, "auditor", "/", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRoot","Resource":"arn:aws:iam::*:root",
		"Condition":{"StringEquals":{"sts:TaskPolicyArn":"arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"}}}}`)
	_, err = h.root(t, h.sdk(auditor), h.account, "root-task/IAMRestoreAdministration")
	code(t, err, "AccessDenied")
	_, err = h.root(t, h.sdk(auditor), h.account, "root-task/IAMAuditRootUserCredentials")
	check(t, err)
	_, err = h.root(t, h.admin, h.account, "AdministratorAccess")
	code(t, err, "ValidationError")
	_, err = h.root(t, h.admin, "999999999999", "root-task/IAMRestoreAdministration")
	code(t, err, "ValidationError")
	_, err = h.root(t, h.admin, "root", "root-task/IAMRestoreAdministration")
	code(t, err, "ValidationError")

	// The account's end is its root user's end.
	one[*organizations.CloseAccountOutput](t)(h.admin.org.CloseAccount(t.Context(), &organizations.CloseAccountInput{AccountId: &h.account}))
	_, err = root.iam.ListUsers(t.Context(), &iamsdk.ListUsersInput{})
	code(t, err, "InvalidClientTokenId")
	_, err = h.root(t, h.admin, h.account, "root-task/IAMRestoreAdministration")
	code(t, err, "ValidationError")
}
