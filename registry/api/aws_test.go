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
// of whoever runs the tests. One process of it takes one command line after the
// other, because most of a command's time is Python's start.
type command struct {
	program program
	env     []string
	dir     string

	mu      sync.Mutex
	process *awsProcess // nil: a process for each command line
}

// program says where the aws command is, and which Python loads it.
type program struct{ aws, python string }

// awsProgram looks beside Python first: what stands in PATH may be a shim that
// changes PATH for what the command runs.
var awsProgram = sync.OnceValues(func() (program, error) {
	aws, err := exec.LookPath("aws")
	if err != nil {
		return program{}, err
	}
	out, err := exec.Command("python3", "-c", "import sys, awscli.clidriver; print(sys.executable)").Output()
	if err != nil {
		return program{aws: aws}, nil
	}
	python := strings.TrimSpace(string(out))
	if beside := filepath.Join(filepath.Dir(python), "aws"); exec.Command(beside, "--version").Run() == nil {
		aws = beside
	}
	return program{aws, python}, nil
})

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

// awsAlone gives the command for a key pair, a process for each command line;
// env is added to the environment. The test is skipped where there is none.
func (w *world) awsAlone(t testing.TB, pair identity.KeyPair, env ...string) *command {
	t.Helper()
	p, err := awsProgram()
	if err != nil {
		absent(t, "the aws command is not on this machine: %v", err)
	}
	a := &command{program: p, dir: t.TempDir()}
	own := func(s string) bool { return strings.HasPrefix(s, "AWS_") || strings.HasPrefix(s, "HOME=") }
	a.env = append(slices.DeleteFunc(os.Environ(), own),
		"HOME="+a.dir, "AWS_CONFIG_FILE="+a.dir+"/config", "AWS_SHARED_CREDENTIALS_FILE="+a.dir+"/credentials",
		"AWS_ENDPOINT_URL="+w.url, "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID="+pair.ID, "AWS_SECRET_ACCESS_KEY="+pair.Secret,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=", "NO_PROXY=127.0.0.1", "PYTHONDONTWRITEBYTECODE=1",
	)
	a.env = append(a.env, env...)
	return a
}

// aws is awsAlone with one process for all command lines, where Python can load
// the command.
func (w *world) aws(t testing.TB, pair identity.KeyPair, env ...string) *command {
	t.Helper()
	a := w.awsAlone(t, pair, env...)
	if a.program.python == "" {
		return a
	}
	cmd := exec.Command(a.program.python, "-c", awsLoop)
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
func (a *command) run(t testing.TB, args ...string) (string, error) {
	t.Helper()
	args = append([]string{"codeartifact"}, args...)
	if a.process == nil {
		cmd := exec.CommandContext(t.Context(), a.program.aws, args...)
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
func (a *command) must(t testing.TB, args ...string) string {
	t.Helper()
	out, err := a.run(t, args...)
	if err != nil {
		t.Fatalf("aws %q: %v", args, err)
	}
	return out
}

// file puts content where command lines find it by the name.
func (a *command) file(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(a.dir, name)
	check(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}
