package accounts

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/e2e/harness"
)

// ciSystem is a fake CI system that gives its jobs tokens, as GitHub Actions
// and GitLab do: RS256, keys found by discovery.
type ciSystem struct {
	*httptest.Server
	path string // of the issuer behind the host
	key  *rsa.PrivateKey
	mu   sync.Mutex
	asks int // for its keys
}

func newCISystem(t *testing.T, path string) *ciSystem {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c := &ciSystem{path: path, key: key}
	c.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case path + "/.well-known/openid-configuration":
			json.NewEncoder(w).Encode(map[string]any{ //nolint:errcheck // the server has gone
				"issuer": c.issuer(), "jwks_uri": c.URL + path + "/jwks", "id_token_signing_alg_values_supported": []string{"RS256"},
				"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"},
			})
		case path + "/jwks":
			c.mu.Lock()
			c.asks++
			c.mu.Unlock()
			json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]string{ //nolint:errcheck // as above
				"kty": "RSA", "kid": "ci-1", "alg": "RS256", "use": "sig", "n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
				"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
			}}})
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *ciSystem) issuer() string { return c.URL + c.path }

// certificate is what larder has to trust to ask it.
func (c *ciSystem) certificate() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw}))
}

// token is that of a job.
func (c *ciSystem) token(t *testing.T, claims map[string]any) string {
	t.Helper()
	now := time.Now()
	all := map[string]any{"iss": c.issuer(), "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "jti": rand.Text()}
	for name, v := range claims {
		all[name] = v
	}
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	signed := part(map[string]string{"alg": "RS256", "kid": "ci-1", "typ": "JWT"}) + "." + part(all)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, c.key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// ciSystems are those whose claims the test knows: what its jobs say of
// themselves, what the role asks for, and how another job differs.
var ciSystems = []struct {
	name, path string
	claims     map[string]any
	subject    string
	further    []string
	others     map[string]map[string]any
}{
	{
		name: "GitHub Actions", path: "",
		claims: map[string]any{
			"sub": "repo:acme/app:environment:release", "aud": "sts.larder.test", "repository": "acme/app", "repository_owner": "acme", "repository_id": "74",
			"ref": "refs/heads/main", "ref_type": "branch", "environment": "release", "workflow": "release", "event_name": "push", "run_id": "9001",
			"runner_environment": "github-hosted", "job_workflow_ref": "acme/app/.github/workflows/release.yml@refs/heads/main",
		},
		subject: "repo:acme/app:*",
		further: []string{"environment=release", "job_workflow_ref=acme/app/.github/workflows/release.yml@*"},
		others: map[string]map[string]any{
			"another repository":  {"sub": "repo:evil/app:environment:release", "repository": "evil/app"},
			"a name that is more": {"sub": "repo:acme/app2:environment:release"},
			"another environment": {"environment": "test"},
			"no environment":      {"environment": nil},
			"another workflow":    {"job_workflow_ref": "evil/app/.github/workflows/release.yml@refs/heads/main"},
		},
	},
	{
		name: "GitLab", path: "/gitlab",
		claims: map[string]any{
			"sub": "project_path:acme/app:ref_type:branch:ref:main", "aud": "sts.larder.test", "namespace_path": "acme", "namespace_id": "72", "project_path": "acme/app",
			"project_id": "20", "pipeline_source": "push", "ref": "main", "ref_type": "branch", "ref_protected": "true", "user_login": "ada", "user_identities": []any{},
			"job_id": "302", "runner_id": 1, "runner_environment": "self-hosted",
		},
		subject: "project_path:acme/app:ref_type:branch:ref:main",
		further: []string{"ref_protected=true"},
		others: map[string]map[string]any{
			"another project": {"sub": "project_path:evil/app:ref_type:branch:ref:main"},
			"another branch":  {"sub": "project_path:acme/app:ref_type:branch:ref:feature", "ref": "feature"},
			"no protection":   {"ref_protected": "false"},
		},
	},
}

// TestAJobPublishesWithoutAStoredSecret: a job of a CI system has nothing but
// the token that its system gave it; AWS's own tools and larder find it in the
// environment, and npm publishes.
func TestAJobPublishesWithoutAStoredSecret(t *testing.T) {
	for _, c := range ciSystems {
		t.Run(c.name, func(t *testing.T) {
			harness.EndToEnd(t)
			t.Parallel()
			aws, npm := tool(t, "aws"), tool(t, npmProgram)
			ci := newCISystem(t, c.path)
			trusted := (&person{home: t.TempDir()}).write(t, "~/ci.pem", ci.certificate())
			s := serve(t, []string{"SSL_CERT_FILE=" + trusted}, "--allow-private-targets")
			admin := administrator(t, s)
			create := []string{"role", "create", "release", "--trust-issuer", ci.issuer(), "--trust-audience", "sts.larder.test", "--trust-subject", c.subject}
			for _, claim := range c.further {
				create = append(create, "--trust-claim", claim)
			}
			admin.larder(t, create...)
			admin.allow(t, "role", "release", mayHaveTokens, mayRead, `{"Effect": "Allow", "Action": "codeartifact:PublishPackageVersion", "Resource": "arn:aws:codeartifact:*:*:package/local/main/npm/acme/app"}`)

			// job has the environment of a job whose token has these claims besides.
			job := func(claims map[string]any) *person {
				all := map[string]any{}
				for _, more := range []map[string]any{c.claims, claims} {
					for name, v := range more {
						all[name] = v
						if v == nil {
							delete(all, name)
						}
					}
				}
				p := newPerson(t, s)
				file := p.write(t, "~/token", ci.token(t, all))
				p.env = append(p.env, "AWS_ENDPOINT_URL="+s.URL, "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1",
					"AWS_ROLE_ARN=arn:aws:iam::000000000000:role/release", "AWS_ROLE_SESSION_NAME=run-9001", "AWS_WEB_IDENTITY_TOKEN_FILE="+file)
				return p
			}
			whoami := []string{aws, "sts", "get-caller-identity", "--query", "Arn", "--output", "text"}
			publish := func(p *person, name, version string) (string, error) {
				p.write(t, "package.json", `{"name": "`+name+`", "version": "`+version+`"}`)
				return p.try(t, "node", npm, "publish")
			}

			p := job(nil)
			if got := strings.TrimSpace(p.run(t, whoami...)); got != "arn:aws:sts::000000000000:assumed-role/release/run-9001" {
				t.Errorf("the job is %s", got)
			}
			p.run(t, "/bin/sh", "-c", `PATH=`+npmFolder(t, p)+`:$PATH exec `+aws+` codeartifact login --tool npm --domain local --domain-owner 000000000000 --repository main`)
			if out, err := publish(p, "@acme/app", "1.0.0"); err != nil {
				t.Errorf("publish after aws codeartifact login: %v\n%s", err, out)
			}
			if out, err := publish(p, "@acme/other", "1.0.0"); err == nil || !strings.Contains(out, "403") || !strings.Contains(out, "codeartifact:PublishPackageVersion") {
				t.Errorf("publish of another package: %v\n%s", err, out)
			}
			p = job(nil)
			p.larder(t, "login", "npm")
			if out, err := publish(p, "@acme/app", "1.1.0"); err != nil {
				t.Errorf("publish after larder login: %v\n%s", err, out)
			}

			for name, claims := range c.others {
				for _, command := range [][]string{whoami, {harness.Binary, "token"}} {
					if out, err := job(claims).try(t, command...); err == nil || !strings.Contains(out, "AccessDenied") {
						t.Errorf("%s: %v %s", name, err, out)
					}
				}
			}
			for name, wrong := range map[string]struct {
				claims map[string]any
				code   string
			}{
				"for somebody else":   {map[string]any{"aud": "sts.elsewhere.test"}, "InvalidIdentityToken"},
				"that has ended":      {map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}, "ExpiredToken"},
				"of another issuer":   {map[string]any{"iss": "https://ci.larder.test"}, "InvalidIdentityToken"},
				"that is not yet one": {map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}, "InvalidIdentityToken"},
			} {
				if out, err := job(wrong.claims).try(t, whoami...); err == nil || !strings.Contains(out, wrong.code) {
					t.Errorf("a token %s: %v %s", name, err, out)
				}
			}
			forged := newCISystem(t, c.path)
			forged.Server.URL = ci.URL // the same claims, signed with another key
			p = job(nil)
			p.write(t, "~/token", forged.token(t, c.claims))
			if out, err := p.try(t, whoami...); err == nil || !strings.Contains(out, "InvalidIdentityToken") {
				t.Errorf("a forged token: %v %s", err, out)
			}
			ci.mu.Lock()
			defer ci.mu.Unlock()
			if ci.asks > 5 {
				t.Errorf("the CI system was asked for its keys %d times", ci.asks)
			}

			// Nothing of the token is in the log, its subject is.
			records := admin.run(t, "cat", s.Data+"/audit.log")
			if !strings.Contains(records, c.subject[:8]) || strings.Contains(records, ".eyJ") || !strings.Contains(records, "AssumeRoleWithWebIdentity") {
				t.Errorf("the audit log:\n%s", records)
			}
		})
	}
}

// npmFolder has npm under that name, for the aws command to call.
func npmFolder(t *testing.T, p *person) string {
	t.Helper()
	path := p.write(t, "~/bin/npm", "#!/bin/sh\nexec node "+tool(t, npmProgram)+" \"$@\"\n")
	p.run(t, "chmod", "+x", path)
	return strings.TrimSuffix(path, "/npm")
}
