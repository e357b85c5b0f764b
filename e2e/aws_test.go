package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"larder/formats/formatstest"

	"larder/e2e/harness"
)

// aws runs the aws command as this user, with what larder env prints, and
// gives its standard output.
func (u *user) aws(t *testing.T, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), awsCommand(t), append([]string{"codeartifact"}, args...)...)
	cmd.Env = append(u.env, append(env, "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1")...)
	cmd.Dir = u.dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("aws codeartifact %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// awsCommand is the machine's own, or the one among the tools.
func awsCommand(t *testing.T) string {
	t.Helper()
	if program, err := exec.LookPath("aws"); err == nil {
		return program
	}
	program, err := exec.LookPath(filepath.Join(harness.Tools(t), "aws", "bin", "aws"))
	if err != nil {
		harness.Absent(t, "aws")
	}
	return program
}

// TestAWSCommand: the cloud's own command sets npm up, and shows what was
// fetched and published.
func TestAWSCommand(t *testing.T) {
	endToEnd(t)
	awsCommand(t)
	u := newUser(t, named("npm11"))
	up := formatstest.NewUpstream(t)
	offerProject(t, up)
	s := serve(t, up.URL)
	env := exports(t, s.Larder(t, nil, "env"))
	repository := []string{"--domain", "local", "--repository", "main"}
	with := func(args ...string) []string { return append(args, repository...) }

	u.aws(t, env, with("login", "--tool", "npm")...)
	u.do(t, "add", "@up/core@1.0.0")
	if got := u.loaded(t, "@up/core")["@up/core"]; got != "core 1.0.0 with leaf 2.0.1" {
		t.Errorf("installed %q", got)
	}
	for _, v := range []string{"1.0.0", "1.1.0"} {
		u.project(t, gadget(v), "index.js", module("gadget"), "cli.js", module("cli"))
		u.do(t, "publish")
	}

	if got := u.aws(t, env, with("get-repository-endpoint", "--format", "npm", "--query", "repositoryEndpoint", "--output", "text")...); got != s.repository() {
		t.Errorf("the endpoint is %s, want %s", got, s.repository())
	}
	token := u.aws(t, env, "get-authorization-token", "--domain", "local", "--query", "authorizationToken", "--output", "text")
	if res, body := s.get(t, token, "gadget"); res.StatusCode != 200 {
		t.Errorf("with the token: %s %s", res.Status, body)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{
			with("list-packages", "--query", "packages[].[namespace,package,originConfiguration.restrictions]"),
			`[[null,"gadget",{"publish":"ALLOW","upstream":"BLOCK"}],[null,"leaf",{"publish":"BLOCK","upstream":"ALLOW"}],["up","core",{"publish":"BLOCK","upstream":"ALLOW"}]]`,
		},
		{
			with("list-package-versions", "--format", "npm", "--package", "gadget", "--sort-by", "PUBLISHED_TIME", "--query", "[defaultDisplayVersion,versions[].[version,status,origin.originType]]"),
			`["1.1.0",[["1.1.0","Published","INTERNAL"],["1.0.0","Published","INTERNAL"]]]`,
		},
		{
			with("list-package-versions", "--format", "npm", "--namespace", "up", "--package", "core", "--query", "versions[].[version,status,origin.[originType,domainEntryPoint]]"),
			`[["1.0.0","Published",["EXTERNAL",{"externalConnectionName":"public:npmjs"}]]]`,
		},
		{
			with("list-package-version-assets", "--format", "npm", "--package", "gadget", "--package-version", "1.0.0", "--query", "assets[].[name,keys(hashes)]"),
			`[["package.tgz",["MD5","SHA-1","SHA-256","SHA-512"]]]`,
		},
	} {
		var got bytes.Buffer
		out := u.aws(t, env, append(c.args, "--output", "json")...)
		if err := json.Compact(&got, []byte(out)); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if got.String() != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.args[0], &got, c.want)
		}
	}
}

// exports reads the lines of larder env as a shell would.
func exports(t *testing.T, lines string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", lines+"\nexec env")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("larder env: %v\n%s", err, lines)
	}
	var env []string
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "AWS_") {
			env = append(env, strings.TrimSuffix(line, "\n"))
		}
	}
	return env
}
