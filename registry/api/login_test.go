package api_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// stubs are the tools that `aws codeartifact login` runs, as far as it looks:
// they note how they were called, and list a source as NuGet's tools do.
const stub = `#!/bin/sh
printf '%s' "${0##*/}" >>"$CALLS"
for a in "$@"; do printf ' %s' "$a" >>"$CALLS"; done
echo >>"$CALLS"
case "$1 $2 $3" in
"sources list "*|"nuget list source") printf 'Registered Sources:\n  1.  public [Enabled]\n      https://upstream.test/v3/index.json\n' ;;
esac
`

// loggedIn runs the login command with stubs and gives what they were called
// with, the token masked, and the folder that is the user's home.
func (w *world) loggedIn(t *testing.T, args ...string) (calls []string, home, token string) {
	t.Helper()
	bin := t.TempDir()
	for _, tool := range []string{"npm", "pip", "twine", "nuget", "dotnet", "swift"} {
		check(t, os.WriteFile(filepath.Join(bin, tool), []byte(stub), 0o755))
	}
	log := filepath.Join(bin, "calls")
	aws := w.awsAlone(t, w.admin, "CALLS="+log, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	w.log.operations()
	out := aws.must(t, append([]string{"login", "--domain", "local", "--repository", "main"}, args...)...)
	if !strings.Contains(out, "Successfully configured") || !strings.Contains(out, w.url) {
		t.Errorf("the command says %q", out)
	}
	noted, err := os.ReadFile(log)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, file := range []string{string(noted), read(t, aws.dir, ".pypirc"), read(t, aws.dir, ".netrc")} {
		for word := range strings.FieldsFuncSeq(file, func(r rune) bool { return strings.ContainsRune(" \n:@", r) }) {
			if strings.HasPrefix(word, "eyJ") {
				token = word
			}
		}
	}
	for line := range strings.Lines(string(noted)) {
		calls = append(calls, strings.ReplaceAll(strings.TrimSpace(line), token, "TOKEN"))
	}
	return calls, aws.dir, token
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(b)
}

// login asks for a token and an endpoint and for nothing else, and makes each
// tool's settings of them (spec 9). The URLs end with a slash, since the
// command appends to them.
func TestAWSCommandLogsToolsIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tool  string
		args  []string
		calls []string // URL stands for the endpoint, HOST for its host
		files map[string]string
	}{
		{tool: "npm", calls: []string{
			"npm config set registry URL/npm/d/local-000000000000/main/",
			"npm config set //HOST/npm/d/local-000000000000/main/:always-auth true",
			"npm config set //HOST/npm/d/local-000000000000/main/:_authToken TOKEN",
		}},
		{tool: "npm", args: []string{"--namespace", "@acme", "--domain-owner", "000000000000", "--duration-seconds", "900", "--endpoint-type", "ipv4"}, calls: []string{
			"npm config set @acme:registry URL/npm/d/local-000000000000/main/",
			"npm config set //HOST/npm/d/local-000000000000/main/:always-auth true",
			"npm config set //HOST/npm/d/local-000000000000/main/:_authToken TOKEN",
		}},
		{tool: "pip", calls: []string{"pip config set global.index-url http://aws:TOKEN@HOST/pypi/d/local-000000000000/main/simple/"}},
		{tool: "twine", files: map[string]string{".pypirc": "[distutils]\nindex-servers = \n\tpypi\n\tcodeartifact\n\n[codeartifact]\nrepository = URL/pypi/d/local-000000000000/main/\nusername = aws\npassword = TOKEN\n\n"}},
		{tool: "nuget", calls: []string{
			"nuget sources list -format detailed",
			"nuget sources add -name local/main -source URL/nuget/d/local-000000000000/main/v3/index.json -username aws -password TOKEN",
		}},
		{tool: "dotnet", calls: []string{
			"dotnet nuget list source --format detailed",
			"dotnet nuget add source URL/nuget/d/local-000000000000/main/v3/index.json --name local/main --username aws --password TOKEN --store-password-in-clear-text",
		}},
		{tool: "swift", args: []string{"--namespace", "acme"},
			calls: []string{
				"swift package-registry set URL/swift/d/local-000000000000/main/ --scope acme",
				"swift package-registry login URL/swift/d/local-000000000000/main/login",
			},
			files: map[string]string{".netrc": "machine 127.0.0.1 login token password TOKEN\n"},
		},
	} {
		t.Run(c.tool, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			calls, home, token := w.loggedIn(t, append([]string{"--tool", c.tool}, c.args...)...)
			fill := strings.NewReplacer("URL", w.url, "HOST", strings.TrimPrefix(w.url, "http://"))
			var want []string
			for _, line := range c.calls {
				want = append(want, fill.Replace(line))
			}
			if diff := cmp.Diff(want, calls); diff != "" {
				t.Errorf("what the tool was called with (-want +got)\n%s", diff)
			}
			for name, content := range c.files {
				if diff := cmp.Diff(fill.Replace(content), strings.ReplaceAll(read(t, home, name), token, "TOKEN")); diff != "" {
					t.Errorf("%s (-want +got)\n%s", name, diff)
				}
				if info, err := os.Stat(filepath.Join(home, name)); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("%s: %v, %v", name, info, err)
				}
			}
			if made := w.log.operations(); !slices.Equal(made, []string{"GetAuthorizationToken", "GetRepositoryEndpoint"}) {
				t.Errorf("the server was asked for %q", made)
			}
			r := newRequest(t, w.url)
			r.SetBasicAuth("aws", token)
			if actor, err := w.auth.Client(r); err != nil || actor.Domain != local {
				t.Errorf("the token %q is taken for %+v, %v", token, actor, err)
			}
		})
	}
}

// A dry run shows the same commands and runs none.
func TestAWSCommandShowsWhatLoginWouldDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	aws := w.aws(t, w.admin)
	for tool, want := range map[string]string{
		"npm":    "npm config set registry %s/npm/d/local-000000000000/main/",
		"pip":    "/pypi/d/local-000000000000/main/simple/",
		"twine":  "repository = %s/pypi/d/local-000000000000/main/\n",
		"swift":  "swift package-registry set %s/swift/d/local-000000000000/main/",
		"nuget":  "%s/nuget/d/local-000000000000/main/v3/index.json",
		"dotnet": "%s/nuget/d/local-000000000000/main/v3/index.json",
	} {
		out, err := aws.run(t, "login", "--tool", tool, "--domain", "local", "--repository", "main", "--dry-run")
		if err != nil && (tool == "nuget" || tool == "dotnet") {
			continue // asks the tool for its sources even then, and it is not here
		}
		if strings.Contains(want, "%s") {
			want = fmt.Sprintf(want, w.url)
		}
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %q is not in %s, %v", tool, want, out, err)
		}
	}
	if out, err := aws.run(t, "login", "--tool", "npm", "--domain", "local", "--repository", "nowhere", "--dry-run"); err == nil || !strings.Contains(err.Error(), "ResourceNotFoundException") {
		t.Errorf("a repository that is not there: %s %v", out, err)
	}
}
