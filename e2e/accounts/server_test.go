package accounts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"larder/e2e/harness"
)

// server is one larder process with a data folder of its own.
type server struct{ *harness.Server }

// serve starts larder with an empty data folder and further variables, and
// stops it at the end of the test.
func serve(t *testing.T, env []string, flags ...string) *server {
	t.Helper()
	data := t.TempDir()
	args := append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--nats-listen", "off"}, flags...)
	return &server{harness.Start(t, data, append([]string{"PATH=", "HOME=" + t.TempDir()}, env...), args...)}
}

// person is a person or a CI job with a home folder, a folder to work in, and
// the environment that says who it is.
type person struct {
	server    *server
	home, dir string
	env       []string
}

// newPerson makes one who has only these variables; PATH leads to Node and Python.
func newPerson(t *testing.T, s *server, env ...string) *person {
	t.Helper()
	p := &person{server: s, home: t.TempDir(), dir: t.TempDir()}
	p.env = append([]string{
		"HOME=" + p.home, "TMPDIR=" + t.TempDir(), "LANG=C.UTF-8", "NO_COLOR=1", "CI=true", "PATH=/usr/local/bin:/usr/bin:/bin",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1",
		"PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_INPUT=1", "PYTHONDONTWRITEBYTECODE=1", "JAVA_HOME=" + os.Getenv("JAVA_HOME"),
		"NPM_CONFIG_UPDATE_NOTIFIER=false", "NPM_CONFIG_FETCH_RETRIES=0",
	}, env...)
	return p
}

// try runs a command in the person's folder; what it prints comes together.
func (p *person) try(t *testing.T, command ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = p.env, p.dir, 5*time.Second
	out, err := cmd.CombinedOutput()
	return string(out), errors.Join(err, ctx.Err())
}

// run is try for what must succeed.
func (p *person) run(t *testing.T, command ...string) string {
	t.Helper()
	out, err := p.try(t, command...)
	if err != nil {
		t.Fatalf("%q: %v\n%s", command, err, out)
	}
	return out
}

// larder runs a command of larder and gives its standard output.
func (p *person) larder(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), harness.Binary, args...)
	cmd.Env, cmd.Dir = p.env, p.dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("larder %q: %v\n%s%s", args, err, out, stderr.String())
	}
	return string(out)
}

// write puts a file into the person's folder, or home when the name begins with "~/".
func (p *person) write(t *testing.T, name, content string) string {
	t.Helper()
	path := p.dir + "/" + name
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		path = p.home + "/" + rest
	}
	if err := errors.Join(os.MkdirAll(path[:strings.LastIndexByte(path, '/')], 0o755), os.WriteFile(path, []byte(content), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

// administrator has the key of the first start.
func administrator(t *testing.T, s *server) *person {
	t.Helper()
	return newPerson(t, s, "AWS_ENDPOINT_URL="+s.URL, "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_SHARED_CREDENTIALS_FILE="+s.Data+"/credentials")
}

// account makes an account and gives its id, and who administers it.
func account(t *testing.T, first *person, name string) (string, *person) {
	t.Helper()
	var made struct {
		CreateAccountStatus struct{ State, AccountId string }
	}
	decode(t, first.larder(t, "account", "create", name, "--email", name+"@larder.test", "-o", "json"), &made)
	id := made.CreateAccountStatus.AccountId
	if made.CreateAccountStatus.State != "SUCCEEDED" || len(id) != 12 {
		t.Fatalf("made %+v", made)
	}
	return id, newPerson(t, first.server, exports(t, first.larder(t, "account", "env", id))...)
}

// user makes a user of the administrator's account, with a key.
func user(t *testing.T, admin *person, name string) *person {
	t.Helper()
	admin.larder(t, "user", "create", name)
	var made struct {
		AccessKey struct{ AccessKeyId, SecretAccessKey string }
	}
	decode(t, admin.larder(t, "user", "key", "create", name, "-o", "json"), &made)
	return newPerson(t, admin.server, "AWS_ENDPOINT_URL="+admin.server.URL, "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID="+made.AccessKey.AccessKeyId, "AWS_SECRET_ACCESS_KEY="+made.AccessKey.SecretAccessKey)
}

func decode(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

// exports reads the lines that larder env prints, as a shell would.
func exports(t *testing.T, lines string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", lines+"\nexec env")
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, lines)
	}
	var env []string
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "AWS_") {
			env = append(env, strings.TrimSuffix(line, "\n"))
		}
	}
	return env
}

// put sets the permissions policy of a domain, or of a repository in it.
func (p *person) put(t *testing.T, domain, repository string, statements ...string) {
	t.Helper()
	args := []string{"policy", "put", p.policy(t, statements), "--domain", domain}
	if repository != "" {
		args = append(args, "--repository", repository)
	}
	p.larder(t, args...)
}

// allow sets the one policy of a user or role of the account.
func (p *person) allow(t *testing.T, noun, name string, statements ...string) {
	t.Helper()
	p.larder(t, noun, "policy", "put", name, "p", p.policy(t, statements))
}

func (p *person) policy(t *testing.T, statements []string) string {
	t.Helper()
	return p.write(t, "policy.json", `{"Version": "2012-10-17", "Statement": [`+strings.Join(statements, ",")+`]}`)
}
