package api_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"larder/policy/identity"
)

// command is the real aws command as one user has it, with nothing of the settings
// of whoever runs the tests. A process of it takes one command line after the
// other, because most of a command's time is Python's start; with
// LARDER_E2E=required each command line is a process of its own.
type command struct {
	env []string
	dir string

	mu      sync.Mutex
	process *awsProcess // nil: a process for each
}

// awsLoop is what /usr/bin/aws does, again and again: it reads command lines as
// JSON and writes what they print.
const awsLoop = `
import contextlib, io, json, sys
from awscli.clidriver import create_clidriver
driver = create_clidriver()
answers = sys.stdout
for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = driver.main(json.loads(line))
        except SystemExit as e:
            code = e.code
    json.dump({"code": code or 0, "out": out.getvalue(), "err": err.getvalue()}, answers)
    answers.write("\n")
    answers.flush()
`

type awsProcess struct {
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
}

// aws gives the command for a key pair; the test is skipped where there is none.
func (w *world) aws(t *testing.T, pair identity.KeyPair) *command {
	t.Helper()
	if _, err := exec.LookPath("aws"); err != nil {
		absent(t, "the aws command is not on this machine")
	}
	a := &command{dir: t.TempDir()}
	own := func(s string) bool { return strings.HasPrefix(s, "AWS_") || strings.HasPrefix(s, "HOME=") }
	a.env = append(slices.DeleteFunc(os.Environ(), own),
		"HOME="+a.dir, "AWS_CONFIG_FILE="+a.dir+"/config", "AWS_SHARED_CREDENTIALS_FILE="+a.dir+"/credentials",
		"AWS_ENDPOINT_URL="+w.url, "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID="+pair.ID, "AWS_SECRET_ACCESS_KEY="+pair.Secret,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=", "NO_PROXY=127.0.0.1", "PYTHONDONTWRITEBYTECODE=1",
		"PYENV_VERSION="+os.Getenv("PYENV_VERSION"),
	)
	if required() || exec.Command("python3", "-c", "import awscli.clidriver").Run() != nil {
		return a
	}
	cmd := exec.Command("python3", "-c", awsLoop)
	cmd.Env, cmd.Dir = a.env, a.dir
	in, err := cmd.StdinPipe()
	check(t, err)
	out, err := cmd.StdoutPipe()
	check(t, err)
	a.process = &awsProcess{in: in, out: bufio.NewReader(out)}
	cmd.Stderr = &a.process.stderr
	check(t, cmd.Start())
	t.Cleanup(func() {
		in.Close() //nolint:errcheck // the process ends when it reads this
		if err := cmd.Wait(); err != nil {
			t.Errorf("the aws process: %v\n%s", err, a.process.stderr.String())
		}
	})
	return a
}

// run runs one command line and gives what it prints; a failure's text is the error.
func (a *command) run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	args = append([]string{"codeartifact"}, args...)
	if a.process == nil {
		cmd := exec.CommandContext(t.Context(), "aws", args...)
		cmd.Env, cmd.Dir = a.env, a.dir
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			return stdout.String(), errors.New(strings.TrimSpace(stderr.String()))
		}
		return stdout.String(), nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	line, err := json.Marshal(args)
	check(t, err)
	_, err = a.process.in.Write(append(line, '\n'))
	check(t, err)
	answer, err := a.process.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("the aws process ended: %v", err)
	}
	var got struct {
		Code     int
		Out, Err string
	}
	check(t, json.Unmarshal(answer, &got))
	if got.Code != 0 {
		return got.Out, errors.New(strings.TrimSpace(got.Err))
	}
	return got.Out, nil
}

// must is run for a command line that succeeds.
func (a *command) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := a.run(t, args...)
	if err != nil {
		t.Fatalf("aws %q: %v", args, err)
	}
	return out
}

// file puts content where command lines find it by the name.
func (a *command) file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(a.dir, name)
	check(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}
