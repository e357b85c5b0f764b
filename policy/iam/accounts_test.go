package iam_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
)

func tarballOf(t *testing.T, name, version string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	manifest := []byte(`{"name":"` + name + `","version":"` + version + `"}`)
	check(t, w.WriteHeader(&tar.Header{Name: "package/package.json", Mode: 0o644, Size: int64(len(manifest))}))
	_, err := w.Write(manifest)
	check(t, err)
	check(t, w.Close())
	check(t, z.Close())
	return b.Bytes()
}

func sha1Of(b []byte) string {
	sum := sha1.Sum(b)
	return hex.EncodeToString(sum[:])
}

func sha512Of(b []byte) string {
	sum := sha512.Sum512(b)
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

// TestTwoAccounts lets account B read and publish in account A only as far as
// both sides say so, each change acting on the next request.
func TestTwoAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, admin := w.aws(t), w.admin
	out, err := a.run(t, admin, words("organizations create-account --account-name b --email b@larder.test --query CreateAccountStatus.AccountId")...)
	check(t, err)
	var b string
	check(t, json.Unmarshal([]byte(out), &b))
	setup := a.credentials(t, admin, "sts", "assume-role", "--role-arn", "arn:aws:iam::"+b+":role/OrganizationAccountAccessRole", "--role-session-name", "setup")
	a.want(t, setup, `null`, words("iam create-user --user-name bob --query nothing")...)
	bob := a.credentials(t, setup, words("iam create-access-key --user-name bob")...)

	w.repository(t, a, admin, "local", "main")
	mine := w.token(t, a, admin, "local", first)
	for _, name := range []string{"@acme/app", "lib"} {
		if status, body := w.publish(t, mine, "local", first, "main", name, "1.0.0"); status > 201 {
			t.Fatalf("publish %s: %d %s", name, status, body)
		}
	}
	identityPolicy := func(document string) {
		t.Helper()
		a.want(t, setup, ``, "iam", "put-user-policy", "--user-name", "bob", "--policy-name", "p", "--policy-document", document)
	}
	domainPolicy := func(document string) {
		t.Helper()
		a.want(t, admin, `true`, "codeartifact", "put-domain-permissions-policy", "--domain", "local", "--policy-document", document, "--query", "length(policy.document) > `0`")
	}
	repositoryPolicy := func(document string) {
		t.Helper()
		a.want(t, admin, `true`, "codeartifact", "put-repository-permissions-policy", "--domain", "local", "--repository", "main", "--policy-document", document, "--query", "length(policy.document) > `0`")
	}
	getToken := []string{"codeartifact", "get-authorization-token", "--domain", "local", "--domain-owner", first}

	// A token needs three grants.
	a.refused(t, bob, "AccessDeniedException", getToken...)
	identityPolicy(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["codeartifact:*","sts:GetServiceBearerToken"],"Resource":"*"}}`)
	a.refused(t, bob, "AccessDeniedException", getToken...)
	domainPolicy(`{"Version":"2012-10-17","Statement":{"Sid":"Tokens","Effect":"Allow","Principal":{"AWS":"` + b + `"},"Action":"codeartifact:GetAuthorizationToken","Resource":"*"}}`)
	identityPolicy(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"codeartifact:GetAuthorizationToken","Resource":"*"}}`)
	a.refused(t, bob, "AccessDeniedException", getToken...)
	identityPolicy(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["codeartifact:GetAuthorizationToken","sts:GetServiceBearerToken"],"Resource":"*"}}`)
	token := w.token(t, a, bob, "local", first)

	const app, lib = "/npm/d/local-000000000000/main/@acme%2fapp", "/npm/d/local-000000000000/main/lib"
	reads := func(when string, want int) {
		t.Helper()
		for _, path := range []string{app, lib, "/npm/d/local-000000000000/main/lib/-/lib-1.0.0.tgz"} {
			status, body := w.get(t, token, path)
			if status != want {
				t.Errorf("%s: %s gives %d %s, want %d", when, path, status, body, want)
			}
			if want == 403 && (!strings.Contains(body, "codeartifact:ReadFromRepository") || !strings.Contains(body, "repository/local/main") || strings.Contains(body, "Sid")) {
				t.Errorf("%s: the refusal says %s", when, body)
			}
		}
	}
	reads("without a grant", 403)
	repositoryPolicy(`{"Version":"2012-10-17","Statement":{"Sid":"Read","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + b + `:user/bob"},"Action":"codeartifact:ReadFromRepository","Resource":"*"}}`)
	reads("with the repository's grant alone", 403)
	identityPolicy(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["codeartifact:GetAuthorizationToken","codeartifact:ReadFromRepository","sts:GetServiceBearerToken"],"Resource":"*"}}`)
	reads("with both", 200)
	identityPolicy(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["codeartifact:GetAuthorizationToken","sts:GetServiceBearerToken"],"Resource":"*"}}`)
	reads("without its own", 403)
	identityPolicy(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
	reads("with everything on its side", 200)
	a.want(t, admin, `null`, words("codeartifact delete-repository-permissions-policy --domain local --repository main --query nothing")...)
	reads("with the grant removed", 403)
	domainPolicy(`{"Version":"2012-10-17","Statement":[
		{"Sid":"Tokens","Effect":"Allow","Principal":{"AWS":"` + b + `"},"Action":"codeartifact:GetAuthorizationToken","Resource":"*"},
		{"Sid":"ReadAll","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + b + `:root"},"Action":"codeartifact:ReadFromRepository","Resource":"*"}]}`)
	reads("with the domain's grant", 200)
	repositoryPolicy(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":{"AWS":"` + b + `"},"Action":"codeartifact:ReadFromRepository","Resource":"*"}}`)
	reads("with the repository's denial", 403)

	// Publishing one package and no other.
	repositoryPolicy(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"` + b + `"},"Action":["codeartifact:PublishPackageVersion","codeartifact:PutPackageMetadata"],"Resource":"arn:aws:codeartifact:` + region + `:000000000000:package/local/main/npm/acme/app"}]}`)
	if status, body := w.publish(t, token, "local", first, "main", "@acme/app", "1.1.0"); status > 201 {
		t.Errorf("publish of the package that is granted: %d %s", status, body)
	}
	for _, name := range []string{"lib", "@acme/app2", "app", "@other/app"} {
		if status, body := w.publish(t, token, "local", first, "main", name, "1.1.0"); status != 403 {
			t.Errorf("publish of %s: %d %s", name, status, body)
		}
	}
	// A name in the path that is granted does not cover another one in the body.
	if status, body := w.send(t, token, "PUT", "/npm/d/local-000000000000/main/@acme%2fapp", strings.ReplaceAll(`{"_id":"lib","name":"lib","versions":{"9.0.0":{"name":"lib","version":"9.0.0"}},"_attachments":{}}`, "'", "")); status < 400 {
		t.Errorf("another name in the body: %d %s", status, body)
	}

	// What cannot mean what it says is refused.
	a.refused(t, admin, "ValidationException", "codeartifact", "put-repository-permissions-policy", "--domain", "local", "--repository", "main", "--policy-document",
		`{"Statement":{"Effect":"Allow","Principal":"*","Action":"codeartifact:ReadFromRepository","Resource":"arn:aws:codeartifact:eu-west-1:000000000000:package/local/main/npm//lib"}}`)
	// Another account's credentials act in no other way.
	a.refused(t, bob, "AccessDeniedException", words("codeartifact put-domain-permissions-policy --domain local --domain-owner 000000000000 --policy-document {}")...)
	a.refused(t, bob, "AccessDeniedException", words("codeartifact describe-repository --domain local --domain-owner 000000000000 --repository nowhere")...)
	a.refused(t, bob, "ResourceNotFoundException", words("codeartifact describe-domain --domain nowhere")...)
	// A closed account's tokens end with it.
	reads("before the end", 200)
	a.want(t, admin, ``, "organizations", "close-account", "--account-id", b)
	if status, _ := w.get(t, token, lib); status != 401 {
		t.Errorf("a token of a closed account: %d", status)
	}
}
