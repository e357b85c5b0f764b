package iam_test

import (
	"encoding/json"
	"strings"
	"testing"
)

const (
	first   = "000000000000"
	readDoc = `{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Action":["codeartifact:ReadFromRepository","codeartifact:Describe*"],"Resource":"*"}]}`
	trust   = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}}`
)

func words(s string) []string { return strings.Fields(s) }

// TestAWSCommandKeepsUsers types what people type; the answers are what the
// command makes of ours.
func TestAWSCommandKeepsUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, admin := w.aws(t), w.admin
	a.want(t, admin, `["arn:aws:iam::000000000000:user/admin","000000000000"]`, words("sts get-caller-identity --query [Arn,Account]")...)
	a.want(t, admin, `["/","admin","arn:aws:iam::000000000000:user/admin"]`, words("iam get-user --query User.[Path,UserName,Arn]")...)
	a.want(t, admin, `["/ci/","bot","arn:aws:iam::000000000000:user/ci/bot",[{"Key":"team","Value":"a b"}]]`,
		"iam", "create-user", "--user-name", "bot", "--path", "/ci/", "--tags", "Key=team,Value=a b", "--query", "User.[Path,UserName,Arn,Tags]")
	a.refused(t, admin, "EntityAlreadyExists", words("iam create-user --user-name bot")...)
	a.refused(t, admin, "EntityAlreadyExists", words("iam create-user --user-name BOT")...)
	a.refused(t, admin, "ValidationError", "iam", "create-user", "--user-name", "no spaces")
	a.want(t, admin, `["admin","bot"]`, words("iam list-users --query Users[].UserName")...)
	a.want(t, admin, `["bot"]`, words("iam list-users --path-prefix /ci/ --query Users[].UserName")...)
	a.want(t, admin, `["admin","bot"]`, words("iam list-users --page-size 1 --query Users[].UserName")...)
	a.refused(t, admin, "NoSuchEntity", words("iam get-user --user-name nobody")...)

	key := a.credentials(t, admin, words("iam create-access-key --user-name bot")...)
	if len(key.id) != 20 || !strings.HasPrefix(key.id, "AKIA") || len(key.secret) != 40 {
		t.Errorf("key %q, secret of %d characters", key.id, len(key.secret))
	}
	a.want(t, key, `"arn:aws:iam::000000000000:user/ci/bot"`, words("sts get-caller-identity --query Arn")...)
	a.refused(t, key, "AccessDenied", words("iam list-users")...)
	a.refused(t, key, "AccessDenied", words("iam get-user --user-name nobody")...)
	a.want(t, admin, `[["`+key.id+`","Active"]]`, words("iam list-access-keys --user-name bot --query AccessKeyMetadata[].[AccessKeyId,Status]")...)
	a.want(t, admin, `["bot","sts","eu-west-1"]`, "iam", "get-access-key-last-used", "--access-key-id", key.id, "--query", "[UserName,AccessKeyLastUsed.ServiceName,AccessKeyLastUsed.Region]")
	a.credentials(t, admin, words("iam create-access-key --user-name bot")...)
	a.refused(t, admin, "LimitExceeded", words("iam create-access-key --user-name bot")...)
	a.want(t, admin, ``, "iam", "update-access-key", "--user-name", "bot", "--access-key-id", key.id, "--status", "Inactive")
	a.refused(t, key, "InvalidClientTokenId", words("sts get-caller-identity")...)
	a.want(t, admin, ``, "iam", "update-access-key", "--user-name", "bot", "--access-key-id", key.id, "--status", "Active")
	a.want(t, key, `"000000000000"`, words("sts get-caller-identity --query Account")...)
	a.refused(t, admin, "NoSuchEntity", "iam", "delete-access-key", "--user-name", "admin", "--access-key-id", key.id)
	a.refused(t, admin, "DeleteConflict", words("iam delete-user --user-name bot")...)

	a.want(t, admin, ``, "iam", "put-user-policy", "--user-name", "bot", "--policy-name", "read", "--policy-document", readDoc)
	a.want(t, admin, `["read"]`, words("iam list-user-policies --user-name bot --query PolicyNames")...)
	a.want(t, admin, `["bot","read",["codeartifact:ReadFromRepository","codeartifact:Describe*"]]`,
		words("iam get-user-policy --user-name bot --policy-name read --query [UserName,PolicyName,PolicyDocument.Statement[0].Action]")...)
	a.refused(t, admin, "MalformedPolicyDocument", "iam", "put-user-policy", "--user-name", "bot", "--policy-name", "bad", "--policy-document", `{"Statement":[{"Effect":"Allow","Action":"codeartifact:Nothing","Resource":"*"}]}`)
	a.refused(t, admin, "NoSuchEntity", words("iam get-user-policy --user-name bot --policy-name none")...)
	a.refused(t, admin, "DeleteConflict", words("iam delete-user --user-name bot")...)
	a.want(t, admin, ``, words("iam delete-user-policy --user-name bot --policy-name read")...)
	a.want(t, admin, ``, words("iam tag-user --user-name bot --tags Key=env,Value=dev")...)
	a.want(t, admin, ``, words("iam untag-user --user-name bot --tag-keys team")...)
	a.want(t, admin, `[["env","dev"]]`, words("iam list-user-tags --user-name bot --query Tags[].[Key,Value]")...)
	a.want(t, admin, `[]`, words("iam list-groups-for-user --user-name bot --query Groups")...)
	for _, id := range keysOf(t, a, admin, "bot") {
		a.want(t, admin, ``, "iam", "delete-access-key", "--user-name", "bot", "--access-key-id", id)
	}
	a.want(t, admin, ``, words("iam delete-user --user-name bot")...)
	a.refused(t, key, "InvalidClientTokenId", words("sts get-caller-identity")...)
	a.refused(t, admin, "NoSuchEntity", words("iam delete-user --user-name bot")...)
}

func keysOf(t *testing.T, a *command, as creds, user string) (ids []string) {
	t.Helper()
	out, err := a.run(t, as, "iam", "list-access-keys", "--user-name", user, "--query", "AccessKeyMetadata[].AccessKeyId")
	check(t, err)
	check(t, json.Unmarshal([]byte(out), &ids))
	return ids
}

func TestAWSCommandKeepsPolicies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, admin := w.aws(t), w.admin
	const arn = "arn:aws:iam::000000000000:policy/team/read"
	a.want(t, admin, `["read","`+arn+`","v1",0,true,"reading"]`, "iam", "create-policy", "--policy-name", "read", "--path", "/team/", "--description", "reading", "--policy-document", readDoc,
		"--query", "Policy.[PolicyName,Arn,DefaultVersionId,AttachmentCount,IsAttachable,Description]")
	a.refused(t, admin, "EntityAlreadyExists", "iam", "create-policy", "--policy-name", "read", "--policy-document", readDoc)
	a.refused(t, admin, "MalformedPolicyDocument", "iam", "create-policy", "--policy-name", "bad", "--policy-document", `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`)
	a.want(t, admin, `null`, words("iam create-user --user-name u --query nothing")...)
	a.want(t, admin, ``, "iam", "attach-user-policy", "--user-name", "u", "--policy-arn", arn)
	a.want(t, admin, ``, "iam", "attach-user-policy", "--user-name", "u", "--policy-arn", "arn:aws:iam::aws:policy/AWSCodeArtifactReadOnlyAccess")
	a.refused(t, admin, "NoSuchEntity", "iam", "attach-user-policy", "--user-name", "u", "--policy-arn", "arn:aws:iam::aws:policy/NoSuchPolicy")
	a.refused(t, admin, "NoSuchEntity", "iam", "attach-user-policy", "--user-name", "u", "--policy-arn", "arn:aws:iam::111122223333:policy/x")
	a.want(t, admin, `["read","AWSCodeArtifactReadOnlyAccess"]`, words("iam list-attached-user-policies --user-name u --query AttachedPolicies[].PolicyName")...)
	a.want(t, admin, `[1,"v1"]`, "iam", "get-policy", "--policy-arn", arn, "--query", "Policy.[AttachmentCount,DefaultVersionId]")
	a.want(t, admin, `["u"]`, "iam", "list-entities-for-policy", "--policy-arn", arn, "--query", "PolicyUsers[].UserName")
	a.want(t, admin, `["v2",true]`, "iam", "create-policy-version", "--policy-arn", arn, "--policy-document", strings.ReplaceAll(readDoc, "Describe*", "List*"), "--set-as-default",
		"--query", "PolicyVersion.[VersionId,IsDefaultVersion]")
	a.want(t, admin, `["codeartifact:ReadFromRepository","codeartifact:List*"]`, "iam", "get-policy-version", "--policy-arn", arn, "--version-id", "v2", "--query", "PolicyVersion.Document.Statement[0].Action")
	a.want(t, admin, `[["v2",true],["v1",false]]`, "iam", "list-policy-versions", "--policy-arn", arn, "--query", "Versions[].[VersionId,IsDefaultVersion]")
	a.want(t, admin, ``, "iam", "set-default-policy-version", "--policy-arn", arn, "--version-id", "v1")
	a.refused(t, admin, "DeleteConflict", "iam", "delete-policy-version", "--policy-arn", arn, "--version-id", "v1")
	a.refused(t, admin, "DeleteConflict", "iam", "delete-policy", "--policy-arn", arn)
	a.want(t, admin, ``, "iam", "detach-user-policy", "--user-name", "u", "--policy-arn", arn)
	a.refused(t, admin, "NoSuchEntity", "iam", "detach-user-policy", "--user-name", "u", "--policy-arn", arn)
	a.refused(t, admin, "DeleteConflict", "iam", "delete-policy", "--policy-arn", arn)
	a.want(t, admin, ``, "iam", "delete-policy-version", "--policy-arn", arn, "--version-id", "v2")
	a.want(t, admin, `["read"]`, words("iam list-policies --scope Local --query Policies[].PolicyName")...)
	a.want(t, admin, `["AWSCodeArtifactAdminAccess","AWSCodeArtifactReadOnlyAccess","AdministratorAccess","CodeArtifactUnlockPermissionsPolicy","IAMAuditRootUserCredentials","IAMFullAccess","IAMReadOnlyAccess","IAMRestoreAdministration","PowerUserAccess","ReadOnlyAccess"]`, words("iam list-policies --scope AWS --query Policies[].PolicyName")...)
	a.want(t, admin, `["AWSCodeArtifactReadOnlyAccess","AdministratorAccess"]`, words("iam list-policies --only-attached --query Policies[].PolicyName")...)
	a.want(t, admin, `"*"`, "iam", "get-policy-version", "--policy-arn", "arn:aws:iam::aws:policy/AdministratorAccess", "--version-id", "v1", "--query", "PolicyVersion.Document.Statement[0].Action")
	a.refused(t, admin, "AccessDenied", "iam", "delete-policy", "--policy-arn", "arn:aws:iam::aws:policy/AdministratorAccess")
	a.want(t, admin, ``, "iam", "delete-policy", "--policy-arn", arn)
	a.refused(t, admin, "NoSuchEntity", "iam", "get-policy", "--policy-arn", arn)
}

func TestAWSCommandKeepsRolesAndAssumesThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, admin := w.aws(t), w.admin
	const arn = "arn:aws:iam::000000000000:role/build/ci"
	a.want(t, admin, `["`+arn+`",7200,"sts:AssumeRole"]`, "iam", "create-role", "--role-name", "ci", "--path", "/build/", "--max-session-duration", "7200",
		"--assume-role-policy-document", trust, "--query", "Role.[Arn,MaxSessionDuration,AssumeRolePolicyDocument.Statement.Action[0]]")
	a.refused(t, admin, "MalformedPolicyDocument", "iam", "create-role", "--role-name", "bad", "--assume-role-policy-document", readDoc)
	a.want(t, admin, ``, "iam", "put-role-policy", "--role-name", "ci", "--policy-name", "read", "--policy-document", readDoc)
	a.want(t, admin, ``, words("iam attach-role-policy --role-name ci --policy-arn arn:aws:iam::aws:policy/IAMReadOnlyAccess")...)
	a.want(t, admin, `["read"]`, words("iam list-role-policies --role-name ci --query PolicyNames")...)
	a.want(t, admin, `"Read"`, words("iam get-role-policy --role-name ci --policy-name read --query PolicyDocument.Statement[0].Sid")...)

	out, err := a.run(t, admin, "sts", "assume-role", "--role-arn", arn, "--role-session-name", "job-1", "--duration-seconds", "900", "--source-identity", "ada",
		"--tags", "Key=team,Value=web", "--query", "[AssumedRoleUser.Arn,SourceIdentity]")
	check(t, err)
	if got := strings.Join(strings.Fields(out), ""); got != `["arn:aws:sts::000000000000:assumed-role/ci/job-1","ada"]` {
		t.Errorf("got %s", got)
	}
	job := a.credentials(t, admin, "sts", "assume-role", "--role-arn", arn, "--role-session-name", "job-1")
	if !strings.HasPrefix(job.id, "ASIA") || job.token == "" {
		t.Fatalf("credentials %+v", job)
	}
	a.want(t, job, `"arn:aws:sts::000000000000:assumed-role/ci/job-1"`, words("sts get-caller-identity --query Arn")...)
	a.want(t, job, `["admin"]`, words("iam list-users --query Users[].UserName")...)
	a.refused(t, job, "AccessDenied", words("iam create-user --user-name x")...)
	a.refused(t, job, "ValidationError", words("iam get-user")...)
	a.refused(t, job, "AccessDenied", words("sts get-session-token")...)
	a.refused(t, creds{job.id, job.secret, ""}, "InvalidClientTokenId", words("sts get-caller-identity")...)
	a.refused(t, creds{job.id, job.secret, job.token[:40] + "A" + job.token[41:]}, "InvalidClientTokenId", words("sts get-caller-identity")...)
	a.refused(t, creds{job.id, "wrong", job.token}, "SignatureDoesNotMatch", words("sts get-caller-identity")...)

	// A session policy narrows.
	narrow := a.credentials(t, admin, "sts", "assume-role", "--role-arn", arn, "--role-session-name", "job-2", "--policy", readDoc)
	a.refused(t, narrow, "AccessDenied", words("iam list-users")...)
	narrow = a.credentials(t, admin, "sts", "assume-role", "--role-arn", arn, "--role-session-name", "job-3", "--policy-arns", "arn=arn:aws:iam::aws:policy/ReadOnlyAccess")
	a.want(t, narrow, `["admin"]`, words("iam list-users --query Users[].UserName")...)
	a.refused(t, admin, "MalformedPolicyDocument", "sts", "assume-role", "--role-arn", arn, "--role-session-name", "job", "--policy", `{"Statement":[]}`)
	a.refused(t, admin, "PackedPolicyTooLarge", "sts", "assume-role", "--role-arn", arn, "--role-session-name", "job", "--policy",
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:codeartifact:*:*:`+strings.Repeat("x", 2048)+`"}}`)
	a.refused(t, admin, "ValidationError", "sts", "assume-role", "--role-arn", arn, "--role-session-name", "job", "--duration-seconds", "7201")
	a.refused(t, admin, "AccessDenied", "sts", "assume-role", "--role-arn", "arn:aws:iam::000000000000:role/ci", "--role-session-name", "wrong-path")
	a.refused(t, admin, "AccessDenied", "sts", "assume-role", "--role-arn", "arn:aws:iam::111122223333:role/ci", "--role-session-name", "elsewhere")

	// Who is not trusted, or not allowed, does not assume it.
	a.want(t, admin, `null`, words("iam create-user --user-name u --query nothing")...)
	user := a.credentials(t, admin, words("iam create-access-key --user-name u")...)
	a.refused(t, user, "AccessDenied", "sts", "assume-role", "--role-arn", arn, "--role-session-name", "job")
	a.want(t, admin, ``, "iam", "put-user-policy", "--user-name", "u", "--policy-name", "p", "--policy-document", `{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"`+arn+`"}}`)
	a.credentials(t, user, "sts", "assume-role", "--role-arn", arn, "--role-session-name", "job")
	a.want(t, admin, ``, words("iam delete-user-policy --user-name u --policy-name p")...)
	a.refused(t, user, "AccessDenied", "sts", "assume-role", "--role-arn", arn, "--role-session-name", "job")
	// Named by the trust policy itself, it needs no policy of its own.
	a.want(t, admin, ``, "iam", "update-assume-role-policy", "--role-name", "ci", "--policy-document", strings.ReplaceAll(trust, ":root", ":user/u"))
	a.credentials(t, user, "sts", "assume-role", "--role-arn", arn, "--role-session-name", "job")
	a.refused(t, admin, "AccessDenied", "sts", "assume-role", "--role-arn", arn, "--role-session-name", "job")

	// Sessions of users.
	mine := a.credentials(t, admin, words("sts get-session-token --duration-seconds 900")...)
	a.want(t, mine, `"arn:aws:iam::000000000000:user/admin"`, words("sts get-caller-identity --query Arn")...)
	a.want(t, mine, `["admin","u"]`, words("iam list-users --query Users[].UserName")...)
	a.refused(t, mine, "AccessDenied", words("sts get-session-token")...)

	// The role's end is its sessions' end.
	a.refused(t, admin, "DeleteConflict", words("iam delete-role --role-name ci")...)
	a.want(t, admin, ``, words("iam detach-role-policy --role-name ci --policy-arn arn:aws:iam::aws:policy/IAMReadOnlyAccess")...)
	a.want(t, admin, ``, words("iam delete-role-policy --role-name ci --policy-name read")...)
	a.want(t, admin, `[]`, words("iam list-instance-profiles-for-role --role-name ci --query InstanceProfiles")...)
	a.want(t, admin, ``, words("iam delete-role --role-name ci")...)
	a.refused(t, job, "InvalidClientTokenId", words("sts get-caller-identity")...)
	a.want(t, admin, `null`, "iam", "create-role", "--role-name", "ci", "--path", "/build/", "--assume-role-policy-document", trust, "--query", "nothing")
	a.refused(t, job, "InvalidClientTokenId", words("sts get-caller-identity")...)
}

func TestAWSCommandBoundsUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, admin := w.aws(t), w.admin
	a.want(t, admin, `"arn:aws:iam::aws:policy/IAMReadOnlyAccess"`, "iam", "create-user", "--user-name", "u", "--permissions-boundary", "arn:aws:iam::aws:policy/IAMReadOnlyAccess", "--query", "User.PermissionsBoundary.PermissionsBoundaryArn")
	a.want(t, admin, ``, words("iam attach-user-policy --user-name u --policy-arn arn:aws:iam::aws:policy/AdministratorAccess")...)
	user := a.credentials(t, admin, words("iam create-access-key --user-name u")...)
	a.want(t, user, `["admin","u"]`, words("iam list-users --query Users[].UserName")...)
	a.refused(t, user, "AccessDenied", words("iam create-user --user-name v")...)
	a.want(t, admin, ``, words("iam delete-user-permissions-boundary --user-name u")...)
	a.want(t, user, `null`, words("iam create-user --user-name v --query nothing")...)
}

func TestAWSCommandKeepsAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, admin := w.aws(t), w.admin
	out, err := a.run(t, admin, words("organizations create-account --account-name team-b --email b@larder.test --query CreateAccountStatus.[State,AccountId,Id]")...)
	check(t, err)
	var created []string
	check(t, json.Unmarshal([]byte(out), &created))
	account := created[1]
	if created[0] != "SUCCEEDED" || len(account) != 12 {
		t.Fatalf("got %v", created)
	}
	a.want(t, admin, `["SUCCEEDED","`+account+`","team-b"]`, "organizations", "describe-create-account-status", "--create-account-request-id", created[2], "--query", "CreateAccountStatus.[State,AccountId,AccountName]")
	a.refused(t, admin, "CreateAccountStatusNotFoundException", words("organizations describe-create-account-status --create-account-request-id car-99999999999900000000")...)
	a.want(t, admin, `["FAILED","EMAIL_ALREADY_EXISTS"]`, words("organizations create-account --account-name again --email B@larder.test --query CreateAccountStatus.[State,FailureReason]")...)
	a.want(t, admin, `["team-b","b@larder.test","ACTIVE"]`, "organizations", "describe-account", "--account-id", account, "--query", "Account.[Name,Email,Status]")
	a.refused(t, admin, "AccountNotFoundException", words("organizations describe-account --account-id 999999999999")...)
	a.want(t, admin, `["000000000000","`+account+`"]`, words("organizations list-accounts --query Accounts[].Id")...)
	a.want(t, admin, `"o-test000000"`, words("organizations describe-organization --query Organization.Id")...)

	a.want(t, admin, `""`, "sts", "assume-root", "--target-principal", account, "--task-policy-arn", "arn=arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials", "--query", "Credentials.AccessKeyId && ''")
	a.refused(t, admin, "AccessDenied", "sts", "assume-root", "--target-principal", "000000000000", "--task-policy-arn", "arn=arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials")

	// The first account administers it through the role that it got.
	role := "arn:aws:iam::" + account + ":role/OrganizationAccountAccessRole"
	b := a.credentials(t, admin, "sts", "assume-role", "--role-arn", role, "--role-session-name", "setup")
	a.want(t, b, `"arn:aws:sts::`+account+`:assumed-role/OrganizationAccountAccessRole/setup"`, words("sts get-caller-identity --query Arn")...)
	a.want(t, b, `null`, words("iam create-user --user-name ada --query nothing")...)
	a.want(t, b, `["ada"]`, words("iam list-users --query Users[].UserName")...)
	a.want(t, admin, `["admin"]`, words("iam list-users --query Users[].UserName")...)
	a.refused(t, b, "AccessDeniedException", words("organizations list-accounts")...)
	ada := a.credentials(t, b, words("iam create-access-key --user-name ada")...)
	a.refused(t, ada, "AccessDenied", "sts", "assume-role", "--role-arn", role, "--role-session-name", "me-too")
	a.refused(t, admin, "NoSuchEntity", words("iam get-user --user-name ada")...)

	a.refused(t, admin, "ConstraintViolationException", words("organizations close-account --account-id 000000000000")...)
	a.want(t, admin, ``, "organizations", "close-account", "--account-id", account)
	a.want(t, admin, `"SUSPENDED"`, "organizations", "describe-account", "--account-id", account, "--query", "Account.Status")
	a.refused(t, ada, "InvalidClientTokenId", words("sts get-caller-identity")...)
	a.refused(t, b, "InvalidClientTokenId", words("sts get-caller-identity")...)
	a.refused(t, admin, "AccessDenied", "sts", "assume-role", "--role-arn", role, "--role-session-name", "late")
	a.refused(t, admin, "AccountAlreadyClosedException", "organizations", "close-account", "--account-id", account)
}

func TestAWSCommandKeepsProviders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, admin := w.aws(t), w.admin
	const arn = "arn:aws:iam::000000000000:oidc-provider/issuer.test/ci"
	a.want(t, admin, `"`+arn+`"`, words("iam create-open-id-connect-provider --url https://issuer.test/ci --client-id-list sts.larder.test --query OpenIDConnectProviderArn")...)
	a.refused(t, admin, "EntityAlreadyExists", words("iam create-open-id-connect-provider --url https://issuer.test/ci")...)
	a.refused(t, admin, "ValidationError", words("iam create-open-id-connect-provider --url http://issuer.test/ci")...)
	a.want(t, admin, ``, "iam", "add-client-id-to-open-id-connect-provider", "--open-id-connect-provider-arn", arn, "--client-id", "second")
	a.want(t, admin, `["issuer.test/ci",["sts.larder.test","second"]]`, "iam", "get-open-id-connect-provider", "--open-id-connect-provider-arn", arn, "--query", "[Url,ClientIDList]")
	a.want(t, admin, ``, "iam", "remove-client-id-from-open-id-connect-provider", "--open-id-connect-provider-arn", arn, "--client-id", "second")
	a.want(t, admin, `["`+arn+`"]`, words("iam list-open-id-connect-providers --query OpenIDConnectProviderList[].Arn")...)
	a.want(t, admin, ``, "iam", "tag-open-id-connect-provider", "--open-id-connect-provider-arn", arn, "--tags", "Key=a,Value=b")
	a.want(t, admin, `["a"]`, "iam", "list-open-id-connect-provider-tags", "--open-id-connect-provider-arn", arn, "--query", "Tags[].Key")
	a.want(t, admin, ``, "iam", "delete-open-id-connect-provider", "--open-id-connect-provider-arn", arn)
	a.refused(t, admin, "NoSuchEntity", "iam", "get-open-id-connect-provider", "--open-id-connect-provider-arn", arn)
}

func TestAWSCommandSimulates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, admin := w.aws(t), w.admin
	a.want(t, admin, `"local"`, words("codeartifact create-domain --domain local --query domain.name")...)
	a.want(t, admin, `"main"`, words("codeartifact create-repository --domain local --repository main --query repository.name")...)
	a.want(t, admin, `null`, words("iam create-user --user-name u --query nothing")...)
	a.want(t, admin, ``, "iam", "put-user-policy", "--user-name", "u", "--policy-name", "mine", "--policy-document", readDoc)
	const repo = "arn:aws:codeartifact:eu-west-1:000000000000:repository/local/main"
	simulate := func(want string, more ...string) {
		t.Helper()
		a.want(t, admin, want, append([]string{"iam", "simulate-principal-policy", "--policy-source-arn", "arn:aws:iam::000000000000:user/u", "--resource-arns", repo,
			"--query", "EvaluationResults[].[EvalActionName,EvalDecision,MatchedStatements[0].SourcePolicyId,MatchedStatements[0].SourcePolicyType]"}, more...)...)
	}
	simulate(`[["codeartifact:ReadFromRepository","allowed","mine statement 1 (Read)","user"],["codeartifact:DeleteRepository","implicitDeny",null,null]]`,
		"--action-names", "codeartifact:ReadFromRepository", "codeartifact:DeleteRepository")
	a.want(t, admin, `"main"`, "codeartifact", "put-repository-permissions-policy", "--domain", "local", "--repository", "main", "--query", `policy.resourceArn && 'main'`, "--policy-document",
		`{"Statement":{"Sid":"NoU","Effect":"Deny","Principal":{"AWS":"arn:aws:iam::000000000000:user/u"},"Action":"codeartifact:ReadFromRepository","Resource":"*"}}`)
	simulate(`[["codeartifact:ReadFromRepository","explicitDeny","`+repo+` statement 1 (NoU)","resource"]]`, "--action-names", "codeartifact:ReadFromRepository")
	simulate(`[["codeartifact:DeleteRepository","allowed","PolicyInputList.1 statement 1","none"]]`, "--action-names", "codeartifact:DeleteRepository",
		"--policy-input-list", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
	a.refused(t, admin, "InvalidInput", "iam", "simulate-principal-policy", "--policy-source-arn", "arn:aws:iam::000000000000:user/u", "--action-names", "codeartifact:Frobnicate")
	a.refused(t, admin, "NoSuchEntity", "iam", "simulate-principal-policy", "--policy-source-arn", "arn:aws:iam::000000000000:user/nobody", "--action-names", "codeartifact:ListDomains")
	a.want(t, admin, `["allowed"]`, "iam", "simulate-custom-policy", "--policy-input-list", readDoc, "--action-names", "codeartifact:ReadFromRepository", "--resource-arns", repo, "--query", "EvaluationResults[].EvalDecision")
}

func TestAWSCommandTagsAndBoundsRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, admin := w.aws(t), w.admin
	const bound = "arn:aws:iam::aws:policy/ReadOnlyAccess"
	a.want(t, admin, `null`, "iam", "create-role", "--role-name", "ci", "--assume-role-policy-document", trust, "--query", "nothing")
	a.want(t, admin, `["ci"]`, words("iam list-roles --query Roles[].RoleName")...)
	a.want(t, admin, ``, words("iam tag-role --role-name ci --tags Key=a,Value=1 Key=b,Value=2")...)
	a.want(t, admin, ``, words("iam untag-role --role-name ci --tag-keys a")...)
	a.want(t, admin, `["b"]`, words("iam list-role-tags --role-name ci --query Tags[].Key")...)
	a.refused(t, admin, "NoSuchEntity", words("iam list-role-tags --role-name other")...)
	a.want(t, admin, ``, words("iam update-role --role-name ci --description builds --max-session-duration 7200")...)
	a.refused(t, admin, "NoSuchEntity", words("iam update-role --role-name other --max-session-duration 3600")...)
	a.want(t, admin, `["deploys",7200]`, words("iam update-role-description --role-name ci --description deploys --query Role.[Description,MaxSessionDuration]")...)
	a.want(t, admin, ``, "iam", "put-role-permissions-boundary", "--role-name", "ci", "--permissions-boundary", bound)
	a.want(t, admin, `"`+bound+`"`, words("iam get-role --role-name ci --query Role.PermissionsBoundary.PermissionsBoundaryArn")...)
	a.want(t, admin, ``, words("iam delete-role-permissions-boundary --role-name ci")...)
	a.refused(t, admin, "NoSuchEntity", words("iam put-role-permissions-boundary --role-name ci --permissions-boundary arn:aws:iam::aws:policy/None")...)
	a.want(t, admin, ``, "iam", "put-user-permissions-boundary", "--user-name", "admin", "--permissions-boundary", "arn:aws:iam::aws:policy/AdministratorAccess")
	a.want(t, admin, ``, words("iam delete-user-permissions-boundary --user-name admin")...)
	a.want(t, admin, ``, "iam", "attach-role-policy", "--role-name", "ci", "--policy-arn", bound)
	a.want(t, admin, `["ReadOnlyAccess"]`, words("iam list-attached-role-policies --role-name ci --query AttachedPolicies[].PolicyName")...)

	const arn = "arn:aws:iam::000000000000:policy/read"
	a.want(t, admin, `"`+arn+`"`, "iam", "create-policy", "--policy-name", "read", "--policy-document", readDoc, "--query", "Policy.Arn")
	a.want(t, admin, ``, "iam", "tag-policy", "--policy-arn", arn, "--tags", "Key=a,Value=1", "Key=b,Value=2")
	a.want(t, admin, ``, "iam", "untag-policy", "--policy-arn", arn, "--tag-keys", "a")
	a.want(t, admin, `["b"]`, "iam", "list-policy-tags", "--policy-arn", arn, "--query", "Tags[].Key")

	const provider = "arn:aws:iam::000000000000:oidc-provider/issuer.test"
	a.want(t, admin, `"`+provider+`"`, words("iam create-open-id-connect-provider --url https://issuer.test --client-id-list c --tags Key=a,Value=1 --query OpenIDConnectProviderArn")...)
	a.want(t, admin, ``, "iam", "untag-open-id-connect-provider", "--open-id-connect-provider-arn", provider, "--tag-keys", "a")
	a.want(t, admin, ``, "iam", "update-open-id-connect-provider-thumbprint", "--open-id-connect-provider-arn", provider, "--thumbprint-list", strings.Repeat("ab", 20))
	a.refused(t, admin, "ValidationError", "iam", "update-open-id-connect-provider-thumbprint", "--open-id-connect-provider-arn", provider, "--thumbprint-list", strings.Repeat("zz", 20))
	a.want(t, admin, `[[],["`+strings.Repeat("ab", 20)+`"]]`, "iam", "get-open-id-connect-provider", "--open-id-connect-provider-arn", provider, "--query", "[Tags,ThumbprintList]")
}
