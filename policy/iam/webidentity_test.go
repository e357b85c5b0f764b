package iam_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// ciSystem is a fake CI system that gives its jobs tokens.
type ciSystem struct {
	*httptest.Server
	key ed25519.PrivateKey
}

func newCISystem(t *testing.T) *ciSystem {
	public, private, err := ed25519.GenerateKey(nil)
	check(t, err)
	c := &ciSystem{key: private}
	c.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			json.NewEncoder(w).Encode(map[string]any{"issuer": c.URL, "jwks_uri": c.URL + "/keys", "id_token_signing_alg_values_supported": []string{"EdDSA"}})
		case "/keys":
			json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]string{"kty": "OKP", "crv": "Ed25519", "kid": "1", "alg": "EdDSA", "use": "sig", "x": base64.RawURLEncoding.EncodeToString(public)}}})
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *ciSystem) token(t *testing.T, claims jwt.MapClaims) string {
	t.Helper()
	all := jwt.MapClaims{"iss": c.URL, "aud": "sts.larder.test", "sub": "repo:acme/app:ref:refs/heads/main", "exp": time.Now().Add(time.Minute).Unix(), "environment": "release"}
	for k, v := range claims {
		all[k] = v
	}
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, all)
	token.Header["kid"] = "1"
	text, err := token.SignedString(c.key)
	check(t, err)
	return text
}

// TestAJobOfACISystemPublishesWithoutAStoredSecret is trusted publishing from
// end to end: the job's token becomes a session, the session an authorization
// token, and that publishes the one package it may.
func TestAJobOfACISystemPublishesWithoutAStoredSecret(t *testing.T) {
	t.Parallel()
	ci := newCISystem(t)
	w := newWorldAsking(t, ci.Client())
	a, admin := w.aws(t), w.admin
	host := strings.TrimPrefix(ci.URL, "https://")
	w.repository(t, a, admin, "local", "main")
	a.want(t, admin, `"arn:aws:iam::000000000000:oidc-provider/`+host+`"`, "iam", "create-open-id-connect-provider", "--url", ci.URL, "--client-id-list", "sts.larder.test", "--query", "OpenIDConnectProviderArn")
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::000000000000:oidc-provider/` + host + `"},"Action":"sts:AssumeRoleWithWebIdentity",
		"Condition":{"StringEquals":{"` + host + `:aud":"sts.larder.test","` + host + `:environment":"release"},"StringLike":{"` + host + `:sub":"repo:acme/app:*"}}}]}`
	a.want(t, admin, `"release"`, "iam", "create-role", "--role-name", "release", "--assume-role-policy-document", trust, "--query", "Role.RoleName")
	a.want(t, admin, ``, "iam", "put-role-policy", "--role-name", "release", "--policy-name", "publish", "--policy-document", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"codeartifact:PublishPackageVersion","Resource":"arn:aws:codeartifact:*:*:package/local/main/npm/acme/app"},
		{"Effect":"Allow","Action":"codeartifact:GetAuthorizationToken","Resource":"*"},
		{"Effect":"Allow","Action":"sts:GetServiceBearerToken","Resource":"*","Condition":{"StringEquals":{"sts:AWSServiceName":"codeartifact.amazonaws.com"}}}]}`)

	const role = "arn:aws:iam::000000000000:role/release"
	assume := func(token string, more ...string) []string {
		return append([]string{"sts", "assume-role-with-web-identity", "--role-arn", role, "--role-session-name", "run-42", "--web-identity-token", token}, more...)
	}
	nobody := creds{"none", "none", ""} // the call is not signed
	a.want(t, nobody, `["repo:acme/app:ref:refs/heads/main","sts.larder.test","arn:aws:sts::000000000000:assumed-role/release/run-42"]`,
		assume(ci.token(t, nil), "--query", "[SubjectFromWebIdentityToken,Audience,AssumedRoleUser.Arn]")...)
	a.refused(t, nobody, "AccessDenied", assume(ci.token(t, jwt.MapClaims{"sub": "repo:acme/other:ref:refs/heads/main"}))...)
	a.refused(t, nobody, "AccessDenied", assume(ci.token(t, jwt.MapClaims{"environment": "test"}))...)
	a.refused(t, nobody, "InvalidIdentityToken", assume(ci.token(t, jwt.MapClaims{"aud": "elsewhere"}))...)
	a.refused(t, nobody, "InvalidIdentityToken", assume(ci.token(t, jwt.MapClaims{"iss": "https://unknown.test"}))...)
	a.refused(t, nobody, "ExpiredTokenException", assume(ci.token(t, jwt.MapClaims{"exp": time.Now().Add(-time.Minute).Unix()}))...)
	a.refused(t, nobody, "AccessDenied", strings.Fields("sts assume-role-with-web-identity --role-arn arn:aws:iam::000000000000:role/none --role-session-name run-42 --web-identity-token "+ci.token(t, nil))...)
	a.refused(t, admin, "AccessDenied", "sts", "assume-role", "--role-arn", role, "--role-session-name", "by-hand")

	// AWS tools do it by themselves where they find these.
	file := filepath.Join(t.TempDir(), "token")
	check(t, os.WriteFile(file, []byte(ci.token(t, nil)), 0o600))
	tool := exec.Command("python3", "-c", "import sys; from awscli.clidriver import main; sys.exit(main())", "sts", "get-caller-identity", "--query", "Arn", "--output", "text")
	tool.Env = append(slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "AWS_") || strings.HasPrefix(s, "HOME=") }),
		"HOME="+t.TempDir(), "AWS_ENDPOINT_URL="+w.url, "AWS_DEFAULT_REGION="+region, "AWS_ROLE_ARN="+role, "AWS_ROLE_SESSION_NAME=run-43", "AWS_WEB_IDENTITY_TOKEN_FILE="+file,
		"AWS_EC2_METADATA_DISABLED=true", "NO_PROXY=127.0.0.1")
	if out, err := tool.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "arn:aws:sts::000000000000:assumed-role/release/run-43" {
		t.Errorf("with AWS_WEB_IDENTITY_TOKEN_FILE: %v %s", err, out)
	}

	job := a.credentials(t, nobody, assume(ci.token(t, nil))...)
	token := w.token(t, a, job, "local", first)
	if status, body := w.publish(t, token, "local", first, "main", "@acme/app", "1.0.0"); status != 201 && status != 200 {
		t.Errorf("publish: %d %s", status, body)
	}
	if status, body := w.publish(t, token, "local", first, "main", "@acme/other", "1.0.0"); status != 403 || !strings.Contains(body, "codeartifact:PublishPackageVersion") {
		t.Errorf("publish of another package: %d %s", status, body)
	}
	if status, _ := w.get(t, token, "/npm/d/local-000000000000/main/@acme%2fapp"); status != 403 {
		t.Errorf("reading without a right: %d", status)
	}
	// The trust ends: no new session. The role ends: the token with it.
	a.want(t, admin, ``, words("iam delete-role-policy --role-name release --policy-name publish")...)
	if status, _ := w.publish(t, token, "local", first, "main", "@acme/app", "1.0.1"); status != 403 {
		t.Errorf("publish without a policy: %d", status)
	}
	a.want(t, admin, ``, words("iam delete-role --role-name release")...)
	if status, _ := w.publish(t, token, "local", first, "main", "@acme/app", "1.0.1"); status != 401 {
		t.Errorf("publish without the role: %d", status)
	}

	// What an audit log sees names who and what, and no secret.
	found := false
	for _, o := range w.observed() {
		if o.Operation != "AssumeRoleWithWebIdentity" {
			continue
		}
		if o.Parameters["WebIdentityToken"] != "****" {
			t.Errorf("the token is shown: %v", o.Parameters)
		}
		found = found || o.Err == nil && o.Subject == "repo:acme/app:ref:refs/heads/main" && o.Parameters["RoleArn"] == role
	}
	if !found {
		t.Error("the call was not observed")
	}
}

// repository makes a domain with a repository.
func (w *world) repository(t *testing.T, a *command, as creds, domain, repository string) {
	t.Helper()
	a.want(t, as, `"`+domain+`"`, "codeartifact", "create-domain", "--domain", domain, "--query", "domain.name")
	a.want(t, as, `"`+repository+`"`, "codeartifact", "create-repository", "--domain", domain, "--repository", repository, "--query", "repository.name")
}

// token obtains an authorization token.
func (w *world) token(t *testing.T, a *command, as creds, domain, owner string) string {
	t.Helper()
	out, err := a.run(t, as, "codeartifact", "get-authorization-token", "--domain", domain, "--domain-owner", owner, "--query", "authorizationToken")
	check(t, err)
	var token string
	check(t, json.Unmarshal([]byte(out), &token))
	return token
}

// get asks as a package client does.
func (w *world) get(t *testing.T, token, path string) (int, string) {
	t.Helper()
	return w.send(t, token, "GET", path, "")
}

func (w *world) send(t *testing.T, token, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	check(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	check(t, err)
	defer answer.Body.Close()
	b := new(strings.Builder)
	buffer := make([]byte, 32<<10)
	for {
		n, err := answer.Body.Read(buffer)
		b.Write(buffer[:n])
		if err != nil {
			break
		}
	}
	return answer.StatusCode, b.String()
}

// publish sends what npm publish sends.
func (w *world) publish(t *testing.T, token, domain, owner, repository, name, version string) (int, string) {
	t.Helper()
	tarball := tarballOf(t, name, version)
	file := strings.ReplaceAll(name, "/", "-") + "-" + version + ".tgz"
	body, err := json.Marshal(map[string]any{
		"_id": name, "name": name, "dist-tags": map[string]string{"latest": version},
		"versions": map[string]any{version: map[string]any{
			"name": name, "version": version, "_id": name + "@" + version,
			"dist": map[string]any{"tarball": "http://x/" + file, "shasum": sha1Of(tarball), "integrity": sha512Of(tarball)},
		}},
		"_attachments": map[string]any{name + "-" + version + ".tgz": map[string]any{
			"content_type": "application/octet-stream", "data": base64.StdEncoding.EncodeToString(tarball), "length": len(tarball),
		}},
	})
	check(t, err)
	return w.send(t, token, "PUT", "/npm/d/"+domain+"-"+owner+"/"+repository+"/"+url.PathEscape(name), string(body))
}
