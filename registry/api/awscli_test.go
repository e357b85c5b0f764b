package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"larder/policy/identity"
)

func newRequest(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequest("GET", url, nil)
	check(t, err)
	return r
}

// awsCLI runs the real command and gives what it prints; a failure's message
// is the error. Nothing of the user's own settings is seen by it.
func (w *world) awsCLI(t *testing.T, pair identity.KeyPair, args ...string) (string, string, error) {
	t.Helper()
	aws, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("the aws command is not on this machine")
	}
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), aws, append([]string{"codeartifact"}, args...)...)
	own := func(s string) bool { return strings.HasPrefix(s, "AWS_") }
	cmd.Env = append(slices.DeleteFunc(os.Environ(), own),
		"HOME="+home, "AWS_CONFIG_FILE="+home+"/config", "AWS_SHARED_CREDENTIALS_FILE="+home+"/credentials",
		"AWS_ENDPOINT_URL="+w.url, "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID="+pair.ID, "AWS_SECRET_ACCESS_KEY="+pair.Secret,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=", "NO_PROXY=127.0.0.1",
	)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

func TestAWSCommand(t *testing.T) {
	w := newWorld(t)
	pkg := []string{"--domain", "local", "--repository", "main", "--format", "npm", "--namespace", "scope", "--package", "ui"}
	for _, c := range []struct {
		name string
		args []string
		want string // JSON of the --query's result
	}{
		{"describe-domain", []string{"--domain", "local", "--query", "domain.[name,owner,status,repositoryCount,createdTime]"}, `["local","000000000000","Active",122,1795341600.123]`},
		{"describe-repository", []string{"--domain", "local", "--repository", "main", "--query", "repository.[description,upstreams,externalConnections]"}, `["everything & more",[{"repositoryName":"store"}],[]]`},
		{"list-domains", []string{"--max-items", "5", "--query", "domains[].name"}, `["local"]`},
		{"list-repositories", []string{"--repository-prefix", "team-", "--page-size", "50", "--query", "length(repositories)"}, `120`},
		{"list-repositories-in-domain", []string{"--domain", "local", "--page-size", "100", "--query", "length(repositories)"}, `122`},
		{"list-packages", []string{"--domain", "local", "--repository", "main", "--query", "packages[].[namespace,package,originConfiguration.restrictions.publish]"}, `[[null,"left-pad","BLOCK"],["scope","ui","ALLOW"]]`},
		{"list-package-versions", append(pkg, "--sort-by", "PUBLISHED_TIME", "--page-size", "1", "--query", "[defaultDisplayVersion,versions[].version]"), `["1.1.0",["2.0.0","1.1.0","1.0.0"]]`},
		{"list-package-version-assets", append(pkg, "--package-version", "1.0.0", "--query", "[versionRevision,assets[].[name,size]]"), `["rev+1/=",[["package.tgz",13]]]`},
		{"get-repository-endpoint", []string{"--domain", "local", "--repository", "main", "--format", "npm", "--endpoint-type", "ipv4"}, `{"repositoryEndpoint":"` + w.url + `/npm/d/local-000000000000/main/"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, stderr, err := w.awsCLI(t, w.admin, append([]string{c.name, "--output", "json"}, c.args...)...)
			if err != nil {
				t.Fatalf("%v: %s", err, stderr)
			}
			var compact bytes.Buffer
			check(t, json.Compact(&compact, []byte(out)))
			if compact.String() != c.want {
				t.Errorf("got %s, want %s", compact.String(), c.want)
			}
		})
	}
}

func TestAWSCommandObtainsATokenThatIsACredential(t *testing.T) {
	w := newWorld(t)
	out, stderr, err := w.awsCLI(t, w.admin, "get-authorization-token", "--domain", "local", "--duration-seconds", "900", "--query", "authorizationToken", "--output", "text")
	if err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	r := newRequest(t, w.url)
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(out))
	if actor, err := w.auth.Client(r); err != nil || actor.Domain != local {
		t.Errorf("the token is taken for %+v, %v", actor, err)
	}
}

func TestAWSCommandLogsNpmIn(t *testing.T) {
	w := newWorld(t)
	out, stderr, err := w.awsCLI(t, w.admin, "login", "--tool", "npm", "--domain", "local", "--repository", "main", "--dry-run")
	if err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	host := strings.TrimPrefix(w.url, "http:")
	for _, want := range []string{"npm config set registry " + w.url + "/npm/d/local-000000000000/main/", host + "/npm/d/local-000000000000/main/:_authToken"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in %s", want, out)
		}
	}
}

func TestAWSCommandSaysWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name string
		pair identity.KeyPair
		args []string
		want string
	}{
		{"not found", w.admin, []string{"describe-repository", "--domain", "local", "--repository", "nope"}, "(ResourceNotFoundException)"},
		{"denied", w.stranger, []string{"describe-domain", "--domain", "local", "--domain-owner", "000000000000"}, "(AccessDeniedException)"},
		{"invalid", w.admin, []string{"get-authorization-token", "--domain", "local", "--duration-seconds", "60"}, "(ValidationException)"},
		{"wrong secret", identity.KeyPair{ID: w.admin.ID, Secret: "wrong"}, []string{"list-domains"}, "(InvalidSignatureException)"},
		{"unknown key", identity.KeyPair{ID: "AKIAAAAAAAAAAAAAAAAA", Secret: "wrong"}, []string{"list-domains"}, "(UnrecognizedClientException)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, stderr, err := w.awsCLI(t, c.pair, c.args...)
			if err == nil || !strings.Contains(stderr, c.want) {
				t.Errorf("got %v %s %s, want %s", err, out, stderr, c.want)
			}
		})
	}
}
