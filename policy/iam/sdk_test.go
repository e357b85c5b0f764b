package iam_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	iamsdk "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	"github.com/golang-jwt/jwt/v5"

	"larder/policy/iam"
)

// sdk are clients of the AWS SDK for Go v2 with one credential.
type sdk struct {
	iam *iamsdk.Client
	sts *sts.Client
	org *organizations.Client
}

func (w *world) config(as creds) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: &w.url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(as.id, as.secret, as.token),
	}
}

func (w *world) sdk(as creds) sdk {
	cfg := w.config(as)
	return sdk{iamsdk.NewFromConfig(cfg), sts.NewFromConfig(cfg), organizations.NewFromConfig(cfg)}
}

// as checks that an error is of the SDK's type E, and so has a name that
// programs know.
func as[E error](t *testing.T, err error) {
	t.Helper()
	var want E
	if !errors.As(err, &want) {
		t.Errorf("got %v, want %T", err, want)
	}
}

// code checks the name of an error for which the SDK has no type.
func code(t *testing.T, err error, want string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// one gives an answer, or ends the test.
func one[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		check(t, err)
		return v
	}
}

// TestSDKClients calls every operation with the clients that programs have,
// and reads every answer and error as they do.
func TestSDKClients(t *testing.T) {
	t.Parallel()
	ci := newCISystem(t)
	w := newWorldAsking(t, ci.Client())
	c, ctx := w.sdk(w.admin), t.Context()
	sdkUsers(ctx, t, w, c)
	sdkRoles(ctx, t, w, c)
	sdkPolicies(ctx, t, c)
	sdkProviders(ctx, t, c, ci)
	sdkSessions(ctx, t, w, c, ci)
	sdkAccounts(ctx, t, w, c)

	done := map[string]bool{}
	for _, o := range w.observed() {
		if o.Err == nil {
			done[o.Operation] = true
		}
	}
	for operation := range iam.Operations() {
		if !done[operation] {
			t.Errorf("%s was not called", operation)
		}
	}
	for _, operation := range iam.OrganizationOperations() {
		if !done[operation] {
			t.Errorf("%s was not called", operation)
		}
	}
}

func sdkUsers(ctx context.Context, t *testing.T, w *world, c sdk) {
	ada := aws.String("ada")
	made := one[*iamsdk.CreateUserOutput](t)(c.iam.CreateUser(ctx, &iamsdk.CreateUserInput{UserName: ada, Path: aws.String("/web/"), Tags: []iamtypes.Tag{{Key: aws.String("a"), Value: aws.String("1")}}})).User
	equal(t, "ARN", *made.Arn, "arn:aws:iam::000000000000:user/web/ada")
	if !strings.HasPrefix(*made.UserId, "AIDA") || time.Since(*made.CreateDate) > time.Minute || len(made.Tags) != 1 {
		t.Errorf("made %+v", made)
	}
	_, err := c.iam.CreateUser(ctx, &iamsdk.CreateUserInput{UserName: ada})
	as[*iamtypes.EntityAlreadyExistsException](t, err)
	_, err = c.iam.CreateUser(ctx, &iamsdk.CreateUserInput{UserName: aws.String("a b")})
	code(t, err, "ValidationError")
	_, err = c.iam.GetUser(ctx, &iamsdk.GetUserInput{UserName: aws.String("nobody")})
	as[*iamtypes.NoSuchEntityException](t, err)
	equal(t, "the caller", *one[*iamsdk.GetUserOutput](t)(c.iam.GetUser(ctx, &iamsdk.GetUserInput{})).User.UserName, "admin")

	var names []string
	for p := iamsdk.NewListUsersPaginator(c.iam, &iamsdk.ListUsersInput{MaxItems: aws.Int32(1)}); p.HasMorePages(); {
		for _, u := range one[*iamsdk.ListUsersOutput](t)(p.NextPage(ctx)).Users {
			names = append(names, *u.UserName)
		}
	}
	equal(t, "the list", strings.Join(names, ","), "ada,admin")

	one[*iamsdk.TagUserOutput](t)(c.iam.TagUser(ctx, &iamsdk.TagUserInput{UserName: ada, Tags: []iamtypes.Tag{{Key: aws.String("b"), Value: aws.String("2")}}}))
	one[*iamsdk.UntagUserOutput](t)(c.iam.UntagUser(ctx, &iamsdk.UntagUserInput{UserName: ada, TagKeys: []string{"a"}}))
	tags := one[*iamsdk.ListUserTagsOutput](t)(c.iam.ListUserTags(ctx, &iamsdk.ListUserTagsInput{UserName: ada})).Tags
	if len(tags) != 1 || *tags[0].Key != "b" {
		t.Errorf("tags %+v", tags)
	}
	bound := aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")
	one[*iamsdk.PutUserPermissionsBoundaryOutput](t)(c.iam.PutUserPermissionsBoundary(ctx, &iamsdk.PutUserPermissionsBoundaryInput{UserName: ada, PermissionsBoundary: bound}))
	equal(t, "the boundary", *one[*iamsdk.GetUserOutput](t)(c.iam.GetUser(ctx, &iamsdk.GetUserInput{UserName: ada})).User.PermissionsBoundary.PermissionsBoundaryArn, *bound)
	one[*iamsdk.DeleteUserPermissionsBoundaryOutput](t)(c.iam.DeleteUserPermissionsBoundary(ctx, &iamsdk.DeleteUserPermissionsBoundaryInput{UserName: ada}))
	equal(t, "groups", len(one[*iamsdk.ListGroupsForUserOutput](t)(c.iam.ListGroupsForUser(ctx, &iamsdk.ListGroupsForUserInput{UserName: ada})).Groups), 0)

	// The secret is shown once; a key that is switched off is refused at the next request.
	key := one[*iamsdk.CreateAccessKeyOutput](t)(c.iam.CreateAccessKey(ctx, &iamsdk.CreateAccessKeyInput{UserName: ada})).AccessKey
	equal(t, "the secret's length", len(*key.SecretAccessKey), 40)
	hers := w.sdk(creds{id: *key.AccessKeyId, secret: *key.SecretAccessKey})
	equal(t, "she", *one[*sts.GetCallerIdentityOutput](t)(hers.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})).Arn, *made.Arn)
	used := one[*iamsdk.GetAccessKeyLastUsedOutput](t)(c.iam.GetAccessKeyLastUsed(ctx, &iamsdk.GetAccessKeyLastUsedInput{AccessKeyId: key.AccessKeyId}))
	if *used.UserName != "ada" || *used.AccessKeyLastUsed.ServiceName != "sts" || time.Since(*used.AccessKeyLastUsed.LastUsedDate) > 24*time.Hour {
		t.Errorf("last used %+v %+v", used, used.AccessKeyLastUsed)
	}
	_, err = hers.iam.ListUsers(ctx, &iamsdk.ListUsersInput{})
	code(t, err, "AccessDenied")
	one[*iamsdk.UpdateAccessKeyOutput](t)(c.iam.UpdateAccessKey(ctx, &iamsdk.UpdateAccessKeyInput{UserName: ada, AccessKeyId: key.AccessKeyId, Status: iamtypes.StatusTypeInactive}))
	_, err = hers.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	code(t, err, "InvalidClientTokenId")
	one[*iamsdk.CreateAccessKeyOutput](t)(c.iam.CreateAccessKey(ctx, &iamsdk.CreateAccessKeyInput{UserName: ada}))
	_, err = c.iam.CreateAccessKey(ctx, &iamsdk.CreateAccessKeyInput{UserName: ada})
	as[*iamtypes.LimitExceededException](t, err)
	_, err = c.iam.DeleteUser(ctx, &iamsdk.DeleteUserInput{UserName: ada})
	as[*iamtypes.DeleteConflictException](t, err)
	keys := one[*iamsdk.ListAccessKeysOutput](t)(c.iam.ListAccessKeys(ctx, &iamsdk.ListAccessKeysInput{UserName: ada})).AccessKeyMetadata
	equal(t, "keys", len(keys), 2)
	for _, k := range keys {
		one[*iamsdk.DeleteAccessKeyOutput](t)(c.iam.DeleteAccessKey(ctx, &iamsdk.DeleteAccessKeyInput{UserName: ada, AccessKeyId: k.AccessKeyId}))
	}

	// Policies of its own, and managed ones.
	_, err = c.iam.PutUserPolicy(ctx, &iamsdk.PutUserPolicyInput{UserName: ada, PolicyName: aws.String("p"), PolicyDocument: aws.String(`{"Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`)})
	as[*iamtypes.MalformedPolicyDocumentException](t, err)
	one[*iamsdk.PutUserPolicyOutput](t)(c.iam.PutUserPolicy(ctx, &iamsdk.PutUserPolicyInput{UserName: ada, PolicyName: aws.String("p"), PolicyDocument: aws.String(readDoc)}))
	document, err := url.PathUnescape(*one[*iamsdk.GetUserPolicyOutput](t)(c.iam.GetUserPolicy(ctx, &iamsdk.GetUserPolicyInput{UserName: ada, PolicyName: aws.String("p")})).PolicyDocument)
	check(t, err)
	equal(t, "the document", document, readDoc)
	equal(t, "inline policies", strings.Join(one[*iamsdk.ListUserPoliciesOutput](t)(c.iam.ListUserPolicies(ctx, &iamsdk.ListUserPoliciesInput{UserName: ada})).PolicyNames, ","), "p")
	one[*iamsdk.AttachUserPolicyOutput](t)(c.iam.AttachUserPolicy(ctx, &iamsdk.AttachUserPolicyInput{UserName: ada, PolicyArn: bound}))
	equal(t, "attached", *one[*iamsdk.ListAttachedUserPoliciesOutput](t)(c.iam.ListAttachedUserPolicies(ctx, &iamsdk.ListAttachedUserPoliciesInput{UserName: ada})).AttachedPolicies[0].PolicyName, "ReadOnlyAccess")
	_, err = c.iam.DeleteUser(ctx, &iamsdk.DeleteUserInput{UserName: ada})
	as[*iamtypes.DeleteConflictException](t, err)
	one[*iamsdk.DetachUserPolicyOutput](t)(c.iam.DetachUserPolicy(ctx, &iamsdk.DetachUserPolicyInput{UserName: ada, PolicyArn: bound}))
	_, err = c.iam.DetachUserPolicy(ctx, &iamsdk.DetachUserPolicyInput{UserName: ada, PolicyArn: bound})
	as[*iamtypes.NoSuchEntityException](t, err)
	one[*iamsdk.DeleteUserPolicyOutput](t)(c.iam.DeleteUserPolicy(ctx, &iamsdk.DeleteUserPolicyInput{UserName: ada, PolicyName: aws.String("p")}))
	_, err = c.iam.GetUserPolicy(ctx, &iamsdk.GetUserPolicyInput{UserName: ada, PolicyName: aws.String("p")})
	as[*iamtypes.NoSuchEntityException](t, err)
	one[*iamsdk.DeleteUserOutput](t)(c.iam.DeleteUser(ctx, &iamsdk.DeleteUserInput{UserName: ada}))
}

func sdkRoles(ctx context.Context, t *testing.T, _ *world, c sdk) {
	ci := aws.String("ci")
	role := one[*iamsdk.CreateRoleOutput](t)(c.iam.CreateRole(ctx, &iamsdk.CreateRoleInput{RoleName: ci, AssumeRolePolicyDocument: aws.String(trust)})).Role
	equal(t, "ARN", *role.Arn, "arn:aws:iam::000000000000:role/ci")
	_, err := c.iam.CreateRole(ctx, &iamsdk.CreateRoleInput{RoleName: ci, AssumeRolePolicyDocument: aws.String(trust)})
	as[*iamtypes.EntityAlreadyExistsException](t, err)
	_, err = c.iam.CreateRole(ctx, &iamsdk.CreateRoleInput{RoleName: aws.String("other"), AssumeRolePolicyDocument: aws.String(readDoc)})
	as[*iamtypes.MalformedPolicyDocumentException](t, err)
	one[*iamsdk.UpdateRoleOutput](t)(c.iam.UpdateRole(ctx, &iamsdk.UpdateRoleInput{RoleName: ci, MaxSessionDuration: aws.Int32(7200)}))
	one[*iamsdk.UpdateRoleDescriptionOutput](t)(c.iam.UpdateRoleDescription(ctx, &iamsdk.UpdateRoleDescriptionInput{RoleName: ci, Description: aws.String("builds")}))
	one[*iamsdk.UpdateAssumeRolePolicyOutput](t)(c.iam.UpdateAssumeRolePolicy(ctx, &iamsdk.UpdateAssumeRolePolicyInput{RoleName: ci, PolicyDocument: aws.String(trust)}))
	role = one[*iamsdk.GetRoleOutput](t)(c.iam.GetRole(ctx, &iamsdk.GetRoleInput{RoleName: ci})).Role
	document, err := url.PathUnescape(*role.AssumeRolePolicyDocument)
	check(t, err)
	if document != trust || *role.MaxSessionDuration != 7200 || *role.Description != "builds" {
		t.Errorf("role %+v %s", role, document)
	}
	_, err = c.iam.GetRole(ctx, &iamsdk.GetRoleInput{RoleName: aws.String("nothing")})
	as[*iamtypes.NoSuchEntityException](t, err)
	equal(t, "roles", len(one[*iamsdk.ListRolesOutput](t)(c.iam.ListRoles(ctx, &iamsdk.ListRolesInput{})).Roles), 1)
	one[*iamsdk.TagRoleOutput](t)(c.iam.TagRole(ctx, &iamsdk.TagRoleInput{RoleName: ci, Tags: []iamtypes.Tag{{Key: aws.String("a"), Value: aws.String("")}, {Key: aws.String("b"), Value: aws.String("2")}}}))
	one[*iamsdk.UntagRoleOutput](t)(c.iam.UntagRole(ctx, &iamsdk.UntagRoleInput{RoleName: ci, TagKeys: []string{"a"}}))
	equal(t, "tags", len(one[*iamsdk.ListRoleTagsOutput](t)(c.iam.ListRoleTags(ctx, &iamsdk.ListRoleTagsInput{RoleName: ci})).Tags), 1)
	bound := aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")
	one[*iamsdk.PutRolePermissionsBoundaryOutput](t)(c.iam.PutRolePermissionsBoundary(ctx, &iamsdk.PutRolePermissionsBoundaryInput{RoleName: ci, PermissionsBoundary: bound}))
	one[*iamsdk.DeleteRolePermissionsBoundaryOutput](t)(c.iam.DeleteRolePermissionsBoundary(ctx, &iamsdk.DeleteRolePermissionsBoundaryInput{RoleName: ci}))
	equal(t, "profiles", len(one[*iamsdk.ListInstanceProfilesForRoleOutput](t)(c.iam.ListInstanceProfilesForRole(ctx, &iamsdk.ListInstanceProfilesForRoleInput{RoleName: ci})).InstanceProfiles), 0)
	one[*iamsdk.PutRolePolicyOutput](t)(c.iam.PutRolePolicy(ctx, &iamsdk.PutRolePolicyInput{RoleName: ci, PolicyName: aws.String("p"), PolicyDocument: aws.String(readDoc)}))
	one[*iamsdk.GetRolePolicyOutput](t)(c.iam.GetRolePolicy(ctx, &iamsdk.GetRolePolicyInput{RoleName: ci, PolicyName: aws.String("p")}))
	equal(t, "inline policies", len(one[*iamsdk.ListRolePoliciesOutput](t)(c.iam.ListRolePolicies(ctx, &iamsdk.ListRolePoliciesInput{RoleName: ci})).PolicyNames), 1)
	_, err = c.iam.DeleteRole(ctx, &iamsdk.DeleteRoleInput{RoleName: ci})
	as[*iamtypes.DeleteConflictException](t, err)
	one[*iamsdk.DeleteRolePolicyOutput](t)(c.iam.DeleteRolePolicy(ctx, &iamsdk.DeleteRolePolicyInput{RoleName: ci, PolicyName: aws.String("p")}))
	_, err = c.iam.AttachRolePolicy(ctx, &iamsdk.AttachRolePolicyInput{RoleName: ci, PolicyArn: aws.String("arn:aws:iam::aws:policy/None")})
	as[*iamtypes.NoSuchEntityException](t, err)
	one[*iamsdk.AttachRolePolicyOutput](t)(c.iam.AttachRolePolicy(ctx, &iamsdk.AttachRolePolicyInput{RoleName: ci, PolicyArn: bound}))
	equal(t, "attached", len(one[*iamsdk.ListAttachedRolePoliciesOutput](t)(c.iam.ListAttachedRolePolicies(ctx, &iamsdk.ListAttachedRolePoliciesInput{RoleName: ci})).AttachedPolicies), 1)
	one[*iamsdk.DetachRolePolicyOutput](t)(c.iam.DetachRolePolicy(ctx, &iamsdk.DetachRolePolicyInput{RoleName: ci, PolicyArn: bound}))
	one[*iamsdk.DeleteRoleOutput](t)(c.iam.DeleteRole(ctx, &iamsdk.DeleteRoleInput{RoleName: ci}))
}

func sdkPolicies(ctx context.Context, t *testing.T, c sdk) {
	p := one[*iamsdk.CreatePolicyOutput](t)(c.iam.CreatePolicy(ctx, &iamsdk.CreatePolicyInput{PolicyName: aws.String("read"), PolicyDocument: aws.String(readDoc), Description: aws.String("to read")})).Policy
	arn := p.Arn
	equal(t, "ARN", *arn, "arn:aws:iam::000000000000:policy/read")
	_, err := c.iam.CreatePolicy(ctx, &iamsdk.CreatePolicyInput{PolicyName: aws.String("read"), PolicyDocument: aws.String(readDoc)})
	as[*iamtypes.EntityAlreadyExistsException](t, err)
	_, err = c.iam.CreatePolicy(ctx, &iamsdk.CreatePolicyInput{PolicyName: aws.String("bad"), PolicyDocument: aws.String(`{"Version":"2012-10-17"}`)})
	as[*iamtypes.MalformedPolicyDocumentException](t, err)
	equal(t, "the default", *one[*iamsdk.GetPolicyOutput](t)(c.iam.GetPolicy(ctx, &iamsdk.GetPolicyInput{PolicyArn: arn})).Policy.DefaultVersionId, "v1")
	v := one[*iamsdk.CreatePolicyVersionOutput](t)(c.iam.CreatePolicyVersion(ctx, &iamsdk.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: aws.String(readDoc), SetAsDefault: true})).PolicyVersion
	equal(t, "the version", *v.VersionId, "v2")
	equal(t, "it", v.IsDefaultVersion, true)
	_, err = c.iam.DeletePolicyVersion(ctx, &iamsdk.DeletePolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v2")})
	as[*iamtypes.DeleteConflictException](t, err)
	one[*iamsdk.SetDefaultPolicyVersionOutput](t)(c.iam.SetDefaultPolicyVersion(ctx, &iamsdk.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v1")}))
	equal(t, "versions", len(one[*iamsdk.ListPolicyVersionsOutput](t)(c.iam.ListPolicyVersions(ctx, &iamsdk.ListPolicyVersionsInput{PolicyArn: arn})).Versions), 2)
	one[*iamsdk.GetPolicyVersionOutput](t)(c.iam.GetPolicyVersion(ctx, &iamsdk.GetPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v2")}))
	one[*iamsdk.DeletePolicyVersionOutput](t)(c.iam.DeletePolicyVersion(ctx, &iamsdk.DeletePolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v2")}))
	_, err = c.iam.GetPolicyVersion(ctx, &iamsdk.GetPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v2")})
	as[*iamtypes.NoSuchEntityException](t, err)
	one[*iamsdk.TagPolicyOutput](t)(c.iam.TagPolicy(ctx, &iamsdk.TagPolicyInput{PolicyArn: arn, Tags: []iamtypes.Tag{{Key: aws.String("a"), Value: aws.String("1")}}}))
	equal(t, "tags", len(one[*iamsdk.ListPolicyTagsOutput](t)(c.iam.ListPolicyTags(ctx, &iamsdk.ListPolicyTagsInput{PolicyArn: arn})).Tags), 1)
	one[*iamsdk.UntagPolicyOutput](t)(c.iam.UntagPolicy(ctx, &iamsdk.UntagPolicyInput{PolicyArn: arn, TagKeys: []string{"a"}}))
	one[*iamsdk.AttachUserPolicyOutput](t)(c.iam.AttachUserPolicy(ctx, &iamsdk.AttachUserPolicyInput{UserName: aws.String("admin"), PolicyArn: arn}))
	equal(t, "who has it", *one[*iamsdk.ListEntitiesForPolicyOutput](t)(c.iam.ListEntitiesForPolicy(ctx, &iamsdk.ListEntitiesForPolicyInput{PolicyArn: arn})).PolicyUsers[0].UserName, "admin")
	equal(t, "own policies", len(one[*iamsdk.ListPoliciesOutput](t)(c.iam.ListPolicies(ctx, &iamsdk.ListPoliciesInput{Scope: iamtypes.PolicyScopeTypeLocal})).Policies), 1)
	_, err = c.iam.DeletePolicy(ctx, &iamsdk.DeletePolicyInput{PolicyArn: arn})
	as[*iamtypes.DeleteConflictException](t, err)
	one[*iamsdk.DetachUserPolicyOutput](t)(c.iam.DetachUserPolicy(ctx, &iamsdk.DetachUserPolicyInput{UserName: aws.String("admin"), PolicyArn: arn}))
	one[*iamsdk.DeletePolicyOutput](t)(c.iam.DeletePolicy(ctx, &iamsdk.DeletePolicyInput{PolicyArn: arn}))

	r := one[*iamsdk.SimulatePrincipalPolicyOutput](t)(c.iam.SimulatePrincipalPolicy(ctx, &iamsdk.SimulatePrincipalPolicyInput{
		PolicySourceArn: aws.String("arn:aws:iam::000000000000:user/admin"), ActionNames: []string{"codeartifact:ListDomains"},
	})).EvaluationResults[0]
	if r.EvalDecision != iamtypes.PolicyEvaluationDecisionTypeAllowed || *r.MatchedStatements[0].SourcePolicyId != "arn:aws:iam::aws:policy/AdministratorAccess statement 1" {
		t.Errorf("simulated %+v", r)
	}
	_, err = c.iam.SimulatePrincipalPolicy(ctx, &iamsdk.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String("arn:aws:iam::000000000000:user/nobody"), ActionNames: []string{"codeartifact:ListDomains"}})
	as[*iamtypes.NoSuchEntityException](t, err)
	_, err = c.iam.SimulatePrincipalPolicy(ctx, &iamsdk.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String("arn:aws:iam::000000000000:user/admin"), ActionNames: []string{"s3:GetObject"}})
	as[*iamtypes.InvalidInputException](t, err)
	custom := one[*iamsdk.SimulateCustomPolicyOutput](t)(c.iam.SimulateCustomPolicy(ctx, &iamsdk.SimulateCustomPolicyInput{PolicyInputList: []string{readDoc}, ActionNames: []string{"codeartifact:DeleteDomain"}})).EvaluationResults[0]
	equal(t, "the decision", custom.EvalDecision, iamtypes.PolicyEvaluationDecisionTypeImplicitDeny)
	if len(custom.EvalDecisionDetails) != 1 {
		t.Errorf("it is not said what is missing: %+v", custom)
	}
}

func sdkProviders(ctx context.Context, t *testing.T, c sdk, ci *ciSystem) {
	arn := one[*iamsdk.CreateOpenIDConnectProviderOutput](t)(c.iam.CreateOpenIDConnectProvider(ctx, &iamsdk.CreateOpenIDConnectProviderInput{Url: &ci.URL, ClientIDList: []string{"sts.larder.test"}})).OpenIDConnectProviderArn
	_, err := c.iam.CreateOpenIDConnectProvider(ctx, &iamsdk.CreateOpenIDConnectProviderInput{Url: &ci.URL})
	as[*iamtypes.EntityAlreadyExistsException](t, err)
	one[*iamsdk.AddClientIDToOpenIDConnectProviderOutput](t)(c.iam.AddClientIDToOpenIDConnectProvider(ctx, &iamsdk.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: aws.String("second")}))
	one[*iamsdk.UpdateOpenIDConnectProviderThumbprintOutput](t)(c.iam.UpdateOpenIDConnectProviderThumbprint(ctx, &iamsdk.UpdateOpenIDConnectProviderThumbprintInput{OpenIDConnectProviderArn: arn, ThumbprintList: []string{strings.Repeat("ab", 20)}}))
	one[*iamsdk.TagOpenIDConnectProviderOutput](t)(c.iam.TagOpenIDConnectProvider(ctx, &iamsdk.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, Tags: []iamtypes.Tag{{Key: aws.String("a"), Value: aws.String("1")}}}))
	equal(t, "tags", len(one[*iamsdk.ListOpenIDConnectProviderTagsOutput](t)(c.iam.ListOpenIDConnectProviderTags(ctx, &iamsdk.ListOpenIDConnectProviderTagsInput{OpenIDConnectProviderArn: arn})).Tags), 1)
	one[*iamsdk.UntagOpenIDConnectProviderOutput](t)(c.iam.UntagOpenIDConnectProvider(ctx, &iamsdk.UntagOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, TagKeys: []string{"a"}}))
	p := one[*iamsdk.GetOpenIDConnectProviderOutput](t)(c.iam.GetOpenIDConnectProvider(ctx, &iamsdk.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn}))
	if strings.Join(p.ClientIDList, ",") != "sts.larder.test,second" || len(p.ThumbprintList) != 1 || "https://"+*p.Url != ci.URL {
		t.Errorf("provider %+v", p)
	}
	one[*iamsdk.RemoveClientIDFromOpenIDConnectProviderOutput](t)(c.iam.RemoveClientIDFromOpenIDConnectProvider(ctx, &iamsdk.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: aws.String("second")}))
	equal(t, "providers", len(one[*iamsdk.ListOpenIDConnectProvidersOutput](t)(c.iam.ListOpenIDConnectProviders(ctx, &iamsdk.ListOpenIDConnectProvidersInput{})).OpenIDConnectProviderList), 1)
	gone := *arn + "x"
	_, err = c.iam.GetOpenIDConnectProvider(ctx, &iamsdk.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: &gone})
	as[*iamtypes.NoSuchEntityException](t, err)
}

func sdkSessions(ctx context.Context, t *testing.T, w *world, c sdk, ci *ciSystem) {
	host := strings.TrimPrefix(ci.URL, "https://")
	role := one[*iamsdk.CreateRoleOutput](t)(c.iam.CreateRole(ctx, &iamsdk.CreateRoleInput{RoleName: aws.String("job"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"000000000000"}},
		{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity","Principal":{"Federated":"arn:aws:iam::000000000000:oidc-provider/` + host + `"},
		 "Condition":{"StringLike":{"` + host + `:sub":"repo:acme/app:*"}}}]}`)})).Role.Arn
	name := aws.String("run-1")
	assumed := one[*sts.AssumeRoleOutput](t)(c.sts.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role, RoleSessionName: name}))
	k := assumed.Credentials
	mine := w.sdk(creds{*k.AccessKeyId, *k.SecretAccessKey, *k.SessionToken})
	equal(t, "the session", *one[*sts.GetCallerIdentityOutput](t)(mine.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})).Arn, *assumed.AssumedRoleUser.Arn)
	_, err := c.sts.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role, RoleSessionName: name, Policy: aws.String("{}")})
	as[*ststypes.MalformedPolicyDocumentException](t, err)
	_, err = c.sts.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role, RoleSessionName: name, Policy: aws.String(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:codeartifact:*:*:` + strings.Repeat("x", 2048) + `"}}`)})
	as[*ststypes.PackedPolicyTooLargeException](t, err)
	_, err = c.sts.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String(*role + "x"), RoleSessionName: name})
	code(t, err, "AccessDenied")
	one[*sts.GetSessionTokenOutput](t)(c.sts.GetSessionToken(ctx, &sts.GetSessionTokenInput{}))

	web := one[*sts.AssumeRoleWithWebIdentityOutput](t)(c.sts.AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{RoleArn: role, RoleSessionName: name, WebIdentityToken: aws.String(ci.token(t, nil))}))
	equal(t, "the subject", *web.SubjectFromWebIdentityToken, "repo:acme/app:ref:refs/heads/main")
	_, err = c.sts.AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{RoleArn: role, RoleSessionName: name, WebIdentityToken: aws.String(ci.token(t, jwt.MapClaims{"exp": 1}))})
	as[*ststypes.ExpiredTokenException](t, err)
	_, err = c.sts.AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{RoleArn: role, RoleSessionName: name, WebIdentityToken: aws.String(ci.token(t, jwt.MapClaims{"aud": "x"}))})
	as[*ststypes.InvalidIdentityTokenException](t, err)
	ci.Close()
	other := newCISystem(t)
	other.Close()
	one[*iamsdk.CreateOpenIDConnectProviderOutput](t)(c.iam.CreateOpenIDConnectProvider(ctx, &iamsdk.CreateOpenIDConnectProviderInput{Url: &other.URL, ClientIDList: []string{"sts.larder.test"}}))
	_, err = c.sts.AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{RoleArn: role, RoleSessionName: name, WebIdentityToken: aws.String(other.token(t, nil))})
	as[*ststypes.IDPCommunicationErrorException](t, err)
	one[*iamsdk.DeleteOpenIDConnectProviderOutput](t)(c.iam.DeleteOpenIDConnectProvider(ctx, &iamsdk.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String("arn:aws:iam::000000000000:oidc-provider/" + host)}))
}

func sdkAccounts(ctx context.Context, t *testing.T, w *world, c sdk) {
	status := one[*organizations.CreateAccountOutput](t)(c.org.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: aws.String("b"), Email: aws.String("b@larder.test")})).CreateAccountStatus
	equal(t, "the state", status.State, orgtypes.CreateAccountStateSucceeded)
	equal(t, "the account", *one[*organizations.DescribeCreateAccountStatusOutput](t)(c.org.DescribeCreateAccountStatus(ctx, &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: status.Id})).CreateAccountStatus.AccountId, *status.AccountId)
	again := one[*organizations.CreateAccountOutput](t)(c.org.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: aws.String("b"), Email: aws.String("b@larder.test")})).CreateAccountStatus
	equal(t, "the reason", again.FailureReason, orgtypes.CreateAccountFailureReasonEmailAlreadyExists)
	_, err := c.org.DescribeCreateAccountStatus(ctx, &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: aws.String("car-00000000000000000000")})
	as[*orgtypes.CreateAccountStatusNotFoundException](t, err)
	_, err = c.org.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: aws.String("c"), Email: aws.String("nobody")})
	as[*orgtypes.InvalidInputException](t, err)
	equal(t, "the name", *one[*organizations.DescribeAccountOutput](t)(c.org.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: status.AccountId})).Account.Name, "b")
	_, err = c.org.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: aws.String("999999999999")})
	as[*orgtypes.AccountNotFoundException](t, err)
	n := 0
	for p := organizations.NewListAccountsPaginator(c.org, &organizations.ListAccountsInput{MaxResults: aws.Int32(1)}); p.HasMorePages(); {
		n += len(one[*organizations.ListAccountsOutput](t)(p.NextPage(ctx)).Accounts)
	}
	equal(t, "accounts", n, 2)
	one[*organizations.DescribeOrganizationOutput](t)(c.org.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{}))

	k := one[*sts.AssumeRoleOutput](t)(c.sts.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + *status.AccountId + ":role/OrganizationAccountAccessRole"), RoleSessionName: aws.String("setup")})).Credentials
	b := w.sdk(creds{*k.AccessKeyId, *k.SecretAccessKey, *k.SessionToken})
	root := one[*sts.AssumeRootOutput](t)(c.sts.AssumeRoot(ctx, &sts.AssumeRootInput{TargetPrincipal: status.AccountId, TaskPolicyArn: &ststypes.PolicyDescriptorType{Arn: aws.String("arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials")}})).Credentials
	asRoot := w.sdk(creds{*root.AccessKeyId, *root.SecretAccessKey, *root.SessionToken})
	equal(t, "root", *one[*sts.GetCallerIdentityOutput](t)(asRoot.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})).Arn, "arn:aws:iam::"+*status.AccountId+":root")
	_, err = b.org.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: aws.String("c"), Email: aws.String("c@larder.test")})
	as[*orgtypes.AccessDeniedException](t, err)
	_, err = c.org.CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: aws.String("000000000000")})
	as[*orgtypes.ConstraintViolationException](t, err)
	one[*organizations.CloseAccountOutput](t)(c.org.CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: status.AccountId}))
	_, err = c.org.CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: status.AccountId})
	as[*orgtypes.AccountAlreadyClosedException](t, err)
	_, err = b.iam.ListUsers(ctx, &iamsdk.ListUsersInput{})
	code(t, err, "InvalidClientTokenId")
}
