package iam_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"larder/formats"
	"larder/formats/npm"
	"larder/internal/httpx"
	"larder/policy"
	"larder/policy/iam"
	"larder/policy/identity"
	"larder/registry"
	"larder/registry/api"
	"larder/storage/mem"
	"larder/storage/sqlite"
)

const region = "eu-west-1"

// world is a server with all that decides who may, and npm to try it on.
type world struct {
	metadata registry.Metadata
	auth     *identity.Authenticator
	policies *policy.Authorizer
	svc      *registry.Service
	url      string
	admin    creds // of the first account

	mu    sync.Mutex
	calls []iam.Observation
}

// creds are an access key, and a session token where it is a temporary one.
type creds struct{ id, secret, token string }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t testing.TB) *world { return newWorldAsking(t, &http.Client{}) }

// newWorldAsking is newWorld whose OpenID Connect providers are asked by the client.
func newWorldAsking(t testing.TB, issuers *http.Client) *world {
	t.Helper()
	metadata, err := sqlite.OpenMemory(t.Context())
	check(t, err)
	t.Cleanup(func() { metadata.Close() })
	sealer, err := identity.NewSealer(make([]byte, 32))
	check(t, err)
	w := &world{metadata: metadata, auth: identity.New(identity.Config{Metadata: metadata, Sealer: sealer})}
	check(t, metadata.Update(t.Context(), func(tx registry.Tx) error {
		pair, err := identity.Bootstrap(tx, sealer)
		w.admin = creds{id: pair.ID, secret: pair.Secret}
		return err
	}))
	w.policies = policy.New(policy.Config{Metadata: metadata, Region: region, Organization: "o-test000000"})
	w.svc, err = registry.New(registry.Config{
		Metadata: metadata, Blobs: mem.New(), Authorizer: w.policies, Rules: map[string]registry.Rules{registry.NPM: npm.Format().Rules}, CheckPolicy: policy.CheckPolicy,
	})
	check(t, err)
	t.Cleanup(func() { w.svc.Close(context.Background()) })
	handler := iam.New(iam.Config{
		Metadata: metadata, Policies: w.policies, Credentials: w.auth, Sign: w.auth.Signed,
		WebIdentities: identity.NewWebIdentities(issuers, nil),
		Peer: func(r *http.Request) (netip.Addr, bool) {
			return netip.MustParseAddrPort(r.RemoteAddr).Addr(), r.TLS != nil
		},
		Observe: func(_ context.Context, o iam.Observation) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.calls = append(w.calls, o)
		},
	})
	control := api.New(w.svc, api.Config{Sign: w.auth.Signed("codeartifact"), Tokens: w.auth, Base: httpx.Base, Region: region})
	packages := formats.Mount(w.svc, []formats.Format{npm.Format()}, formats.Options{Authenticate: w.auth.Client, Base: httpx.Base})
	server := httptest.NewServer(&httpx.Front{Next: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/":
			handler.ServeHTTP(rw, r)
		case strings.HasPrefix(r.URL.Path, "/v1/"):
			control.ServeHTTP(rw, r)
		default:
			packages.ServeHTTP(rw, r)
		}
	})})
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// awsLoop is what the aws command does, again and again, for each credential
// that it is told: most of a command's time is Python's start.
const awsLoop = `
import contextlib, io, json, os, sys
from awscli.clidriver import create_clidriver
answers = sys.stdout
drivers = {}
for line in sys.stdin:
    job = json.loads(line)
    os.environ.pop("AWS_SESSION_TOKEN", None)
    os.environ.update(job["env"])
    who = json.dumps(job["env"])
    if who not in drivers:
        drivers[who] = create_clidriver()
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = drivers[who].main(job["args"])
        except SystemExit as e:
            code = e.code
    json.dump({"code": code or 0, "out": out.getvalue(), "err": err.getvalue()}, answers)
    answers.write("\n")
    answers.flush()
`

// command is the real aws command.
type command struct {
	in  io.Writer
	out *bufio.Reader
	url string
}

// aws starts the command's process; the test is skipped where there is none.
func (w *world) aws(t testing.TB) *command {
	t.Helper()
	if err := exec.Command("python3", "-c", "import awscli.clidriver").Run(); err != nil {
		if os.Getenv("LARDER_E2E") == "required" {
			t.Fatalf("the aws command is not on this machine: %v", err)
		}
		t.Skipf("the aws command is not on this machine: %v", err)
	}
	dir := t.TempDir()
	cmd := exec.Command("python3", "-c", awsLoop)
	own := func(s string) bool { return strings.HasPrefix(s, "AWS_") || strings.HasPrefix(s, "HOME=") }
	cmd.Env = append(slices.DeleteFunc(os.Environ(), own),
		"HOME="+dir, "AWS_CONFIG_FILE="+dir+"/config", "AWS_SHARED_CREDENTIALS_FILE="+dir+"/credentials",
		"AWS_REGION="+region, "AWS_DEFAULT_REGION="+region, "AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=",
		"NO_PROXY=127.0.0.1", "PYTHONDONTWRITEBYTECODE=1", "AWS_ENDPOINT_URL="+w.url)
	cmd.Dir = dir
	in, err := cmd.StdinPipe()
	check(t, err)
	out, err := cmd.StdoutPipe()
	check(t, err)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	check(t, cmd.Start())
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the aws process: %v\n%s", err, stderr.String())
		}
	})
	return &command{in, bufio.NewReader(out), w.url}
}

// run runs one command line and gives what it prints.
func (a *command) run(t testing.TB, as creds, args ...string) (string, error) {
	t.Helper()
	env := map[string]string{"AWS_ACCESS_KEY_ID": as.id, "AWS_SECRET_ACCESS_KEY": as.secret}
	if as.token != "" {
		env["AWS_SESSION_TOKEN"] = as.token
	}
	line, err := json.Marshal(map[string]any{"env": env, "args": append(args, "--output", "json")})
	check(t, err)
	_, err = a.in.Write(append(line, '\n'))
	check(t, err)
	answer, err := a.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("the aws process ended: %v", err)
	}
	var got struct {
		Code     int
		Out, Err string
	}
	check(t, json.Unmarshal(answer, &got))
	if got.Code != 0 {
		return "", errors.New(strings.TrimSpace(got.Err))
	}
	return strings.TrimSpace(got.Out), nil
}

// want runs a command line that prints this JSON (by its --query), in any
// layout; "…" at an end stands for anything.
func (a *command) want(t testing.TB, as creds, want string, args ...string) {
	t.Helper()
	out, err := a.run(t, as, args...)
	if err != nil {
		t.Errorf("aws %q: %v", args, err)
		return
	}
	var compact bytes.Buffer
	if out != "" {
		check(t, json.Compact(&compact, []byte(out)))
	}
	got := compact.String()
	if prefix, ok := strings.CutSuffix(want, "…"); ok && strings.HasPrefix(got, prefix) {
		return
	}
	if got != want {
		t.Errorf("aws %q:\n got %s\nwant %s", args, got, want)
	}
}

// refused runs a command line that fails with an error of that name.
func (a *command) refused(t testing.TB, as creds, name string, args ...string) {
	t.Helper()
	out, err := a.run(t, as, args...)
	if err == nil || !strings.Contains(err.Error(), "("+name+")") {
		t.Errorf("aws %q: got %s %v, want %s", args, out, err, name)
	}
}

// credentials runs a command line whose answer holds credentials.
func (a *command) credentials(t testing.TB, as creds, args ...string) creds {
	t.Helper()
	out, err := a.run(t, as, args...)
	check(t, err)
	var got struct {
		Credentials, AccessKey struct{ AccessKeyId, SecretAccessKey, SessionToken string }
	}
	check(t, json.Unmarshal([]byte(out), &got))
	if got.AccessKey.AccessKeyId != "" {
		return creds{id: got.AccessKey.AccessKeyId, secret: got.AccessKey.SecretAccessKey}
	}
	return creds{got.Credentials.AccessKeyId, got.Credentials.SecretAccessKey, got.Credentials.SessionToken}
}

// observed gives what an audit log would have been told.
func (w *world) observed() []iam.Observation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls)
}
