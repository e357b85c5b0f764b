package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
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

// Command lines as people type them; every operation and error is in the
// conformance tests.
func TestAWSCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.aws(t, w.admin)
	if required() {
		a = w.awsAlone(t, w.admin)
	}
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
		{"update-repository", []string{"--domain", "local", "--repository", "main", "--description", "no upstreams", "--upstreams", "--query", "repository.[description,upstreams]"}, `["no upstreams",[]]`},
		{"update-repository", []string{"--domain", "local", "--repository", "main", "--upstreams", "repositoryName=store", "repositoryName=team-000", "--query", "repository.[description,upstreams[].repositoryName]"}, `["no upstreams",["store","team-000"]]`},
		{"update-package-versions-status", append(pkg, "--versions", "1.0.0", "--version-revisions", "1.0.0=rev+1/=", "--target-status", "Archived", "--query", "[successfulVersions,failedVersions]"), `[{"1.0.0":{"revision":"REV","status":"Archived"}},{}]`},
		{"put-package-origin-configuration", append(pkg, "--restrictions", "publish=BLOCK,upstream=ALLOW", "--query", "originConfiguration.restrictions"), `{"publish":"BLOCK","upstream":"ALLOW"}`},
		{"tag-resource", []string{"--resource-arn", "arn:aws:codeartifact:eu-west-1:000000000000:package-group/local/%2a", "--tags", "key=team,value=a b", "key=empty,value="}, ``},
		{"list-tags-for-resource", []string{"--resource-arn", "arn:aws:codeartifact:eu-west-1:000000000000:package-group/local/%2a", "--query", "tags[].[key,value]"}, `[["empty",""],["team","a b"]]`},
	} {
		out := a.must(t, append([]string{c.name, "--output", "json"}, c.args...)...)
		var compact bytes.Buffer
		if out != "" {
			check(t, json.Compact(&compact, []byte(out)))
		}
		got := compact.String()
		if before, after, cut := strings.Cut(c.want, "REV"); cut && strings.HasPrefix(got, before) && strings.HasSuffix(got, after) {
			continue
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAWSCommandObtainsATokenThatIsACredential(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out := w.aws(t, w.admin).must(t, "get-authorization-token", "--domain", "local", "--duration-seconds", "900", "--query", "authorizationToken", "--output", "text")
	r := newRequest(t, w.url)
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(out))
	if actor, err := w.auth.Client(r); err != nil || actor.Domain != local {
		t.Errorf("the token is taken for %+v, %v", actor, err)
	}
}

func TestAWSCommandSaysWhatIsWrongWithKeys(t *testing.T) {
	t.Parallel()
	if !required() {
		t.Skip("a process for each key takes its time: LARDER_E2E is not required")
	}
	w := newWorld(t)
	for _, c := range []struct {
		name string
		pair identity.KeyPair
		args []string
		want string
	}{
		{"wrong secret", identity.KeyPair{ID: w.admin.ID, Secret: "wrong"}, []string{"list-domains"}, "(InvalidSignatureException)"},
		{"unknown key", identity.KeyPair{ID: "AKIAAAAAAAAAAAAAAAAA", Secret: "wrong"}, []string{"list-domains"}, "(UnrecognizedClientException)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, err := w.awsAlone(t, c.pair).run(t, c.args...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v %s, want %s", err, out, c.want)
			}
		})
	}
}
