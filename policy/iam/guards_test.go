package iam_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"larder/policy/iam"
	"larder/registry"
)

// call sends a signed request for the service.
func (w *world) call(t *testing.T, as creds, service string, header http.Header, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequest("POST", w.url+"/", strings.NewReader(body))
	check(t, err)
	for name, values := range header {
		r.Header[name] = values
	}
	sum := sha256.Sum256([]byte(body))
	key := aws.Credentials{AccessKeyID: as.id, SecretAccessKey: as.secret, SessionToken: as.token}
	check(t, v4.NewSigner().SignHTTP(context.Background(), key, r, hex.EncodeToString(sum[:]), service, region, time.Now()))
	answer, err := http.DefaultClient.Do(r)
	check(t, err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	check(t, err)
	return answer.StatusCode, string(b)
}

var asForm = http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}

// nobody is a user without any policy.
func (w *world) nobody(t *testing.T) creds {
	t.Helper()
	var c creds
	check(t, w.metadata.Update(t.Context(), func(tx registry.Tx) (err error) {
		if err = tx.CreateUser(registry.User{Account: first, Name: "nobody", ID: "AIDANOBODY"}); err != nil {
			return err
		}
		c.id, c.secret, err = w.auth.CreateAccessKey(tx, first, "nobody")
		return err
	}))
	return c
}

// TestEveryOperationIsGuardedByTheActionOfItsName asks each one as a user
// without policies.
func TestEveryOperationIsGuardedByTheActionOfItsName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	nobody := w.nobody(t)
	check(t, w.metadata.Update(t.Context(), func(tx registry.Tx) error {
		return tx.CreateRole(registry.Role{Account: first, Name: "ci", ID: "AROACI", Trust: trust, MaxSession: time.Hour})
	}))
	// Everybody may ask who they are, and narrow themselves in time.
	open := map[string]bool{"GetCallerIdentity": true, "GetSessionToken": true, "AssumeRoleWithWebIdentity": true}
	form := url.Values{
		"UserName": {"admin"}, "RoleName": {"ci"}, "PolicyName": {"p"}, "PolicyDocument": {readDoc}, "AssumeRolePolicyDocument": {trust},
		"PolicyArn": {"arn:aws:iam::000000000000:policy/p"}, "VersionId": {"v1"}, "AccessKeyId": {w.admin.id}, "Status": {"Inactive"}, "Description": {"d"},
		"PermissionsBoundary": {"arn:aws:iam::aws:policy/AdministratorAccess"}, "Tags.member.1.Key": {"k"}, "Tags.member.1.Value": {"v"}, "TagKeys.member.1": {"k"},
		"OpenIDConnectProviderArn": {"arn:aws:iam::000000000000:oidc-provider/issuer.test"}, "Url": {"https://issuer.test"}, "ClientID": {"c"}, "ThumbprintList.member.1": {strings.Repeat("a", 40)},
		"PolicySourceArn": {"arn:aws:iam::000000000000:user/admin"}, "ActionNames.member.1": {"codeartifact:ListDomains"}, "PolicyInputList.member.1": {readDoc},
		"RoleArn": {"arn:aws:iam::000000000000:role/ci"}, "RoleSessionName": {"s1"},
		"TargetPrincipal": {"111122223333"}, "TaskPolicyArn.arn": {"arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"},
	}
	for operation, service := range iam.Operations() {
		action := service + ":" + operation
		if known, ok := iam.KnownAction(action); !ok || string(known) != action {
			t.Errorf("no policy can name %s", action)
		}
		if open[operation] {
			continue
		}
		form.Set("Action", operation)
		if operation == "UpdateAssumeRolePolicy" {
			form.Set("PolicyDocument", trust)
		} else {
			form.Set("PolicyDocument", readDoc)
		}
		status, body := w.call(t, nobody, service, asForm, form.Encode())
		if status != 403 || !strings.Contains(body, "<Code>AccessDenied</Code>") || !strings.Contains(body, "not authorized to perform: "+action+" on resource") {
			t.Errorf("%s: %d %s", operation, status, body)
		}
	}
	for _, operation := range iam.OrganizationOperations() {
		header := http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"AWSOrganizationsV20161128." + operation}}
		status, body := w.call(t, nobody, "organizations", header, `{"AccountId":"000000000000","AccountName":"a","Email":"a@larder.test","CreateAccountRequestId":"car-1"}`)
		if status != 400 || !strings.Contains(body, `"__type":"AccessDeniedException"`) || !strings.Contains(body, "organizations:"+operation) {
			t.Errorf("%s: %d %s", operation, status, body)
		}
	}
	if keys := len(w.observed()); keys < len(iam.Operations()) {
		t.Errorf("%d calls were observed", keys)
	}
}

func TestCallsThatAreNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		name, service string
		header        http.Header
		body          string
		status        int
		want          string
	}{
		{"an unknown action", "iam", asForm, "Action=MakeCoffee", 400, "InvalidAction"},
		{"no action", "iam", asForm, "Version=2010-05-08", 400, "InvalidAction"},
		{"another service's signature", "sts", asForm, "Action=ListUsers", 403, "SignatureDoesNotMatch"},
		{"no form", "iam", http.Header{"Content-Type": {"text/plain"}}, "Action=ListUsers", 400, "InvalidAction"},
		{"a form that cannot be read", "iam", asForm, "Action=%zz", 400, "ValidationError"},
		{"an unknown target", "organizations", http.Header{"X-Amz-Target": {"AWSOrganizationsV20161128.MakeCoffee"}}, "{}", 400, "UnknownOperationException"},
		{"another service's target", "organizations", http.Header{"X-Amz-Target": {"Coffee.Make"}}, "{}", 400, "UnknownOperationException"},
		{"no JSON", "organizations", http.Header{"X-Amz-Target": {"AWSOrganizationsV20161128.ListAccounts"}}, "[", 400, "InvalidInputException"},
		{"a page that is none", "iam", asForm, "Action=ListUsers&Marker=x", 400, "ValidationError"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := w.call(t, w.admin, c.service, c.header, c.body)
			if status != c.status || !strings.Contains(body, c.want) {
				t.Errorf("got %d %s, want %d %s", status, body, c.status, c.want)
			}
		})
	}
	status, body := w.send(t, "", "POST", "/", "Action=ListUsers")
	if status != 400 || !strings.Contains(body, "InvalidAction") {
		t.Errorf("JSON without a target: %d %s", status, body)
	}
	// A body that is not the one that was signed.
	r, err := http.NewRequest("POST", w.url+"/", strings.NewReader("Action=DeleteUser&UserName=admin"))
	check(t, err)
	r.Header = asForm.Clone()
	sum := sha256.Sum256([]byte("Action=ListUsers"))
	hash := hex.EncodeToString(sum[:])
	r.Header.Set("X-Amz-Content-Sha256", hash)
	check(t, v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: w.admin.id, SecretAccessKey: w.admin.secret}, r, hash, "iam", region, time.Now()))
	answer, err := http.DefaultClient.Do(r)
	check(t, err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	check(t, err)
	if answer.StatusCode != 403 || !strings.Contains(string(b), "SignatureDoesNotMatch") {
		t.Errorf("another body: %d %s", answer.StatusCode, b)
	}
}

// A call whose signature is wrong is recorded, too, but nothing of what it says.
func TestCallsThatDoNotVerifyAreObserved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wrong := creds{id: w.admin.id, secret: "wrong"}
	w.call(t, wrong, "iam", asForm, "Action=CreateUser&UserName=mallory")
	w.call(t, wrong, "organizations", http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"AWSOrganizationsV20161128.ListAccounts"}}, "{}")
	w.call(t, wrong, "iam", asForm, "Action=MakeCoffee")
	var got []string
	for _, o := range w.observed() {
		got = append(got, o.Service+":"+o.Operation)
		if o.Err == nil || !o.Actor.Anonymous() || len(o.Parameters) > 0 {
			t.Errorf("observed %+v", o)
		}
	}
	if want := "iam:CreateUser organizations:ListAccounts"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
