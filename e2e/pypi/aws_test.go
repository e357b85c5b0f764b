package pypi

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"larder/e2e/harness"
	"larder/formats/formatstest"
)

// aws is the aws command with what larder env prints; the machine's own, or
// the one among the tools.
func (u *user) aws(t *testing.T, s *server, args ...string) {
	t.Helper()
	aws, err := exec.LookPath("aws")
	if err != nil {
		aws = program(t, "aws", "aws")
	}
	u.run(t, "/bin/sh", "-c", s.Larder(t, nil, "env")+`exec "$@"`, "sh", aws, "codeartifact", "login", "--domain", "local", "--repository", "main", args[0], args[1])
}

// TestAWSCommandLogsIn: the cloud's own command sets pip and twine up.
func TestAWSCommandLogsIn(t *testing.T) {
	harness.EndToEnd(t)
	t.Parallel()
	up := formatstest.NewUpstream(t)
	offerProject(t, up)
	s := serve(t, up.URL+"/simple/")
	u := newUser(t, s, "main")
	path := strings.Join([]string{filepath.Dir(program(t, "pip", "python")), filepath.Dir(program(t, "twine", "twine")), "/usr/bin", "/bin"}, string(os.PathListSeparator))
	u.env = append(u.env, "PATH="+path)

	u.aws(t, s, "--tool", "twine")
	built := wheel("mine", "1.0", 0)
	u.write(t, "dist/"+built.file, string(built.content))
	u.run(t, program(t, "twine", "twine"), "upload", "--non-interactive", "-r", "codeartifact", "dist/*")

	u.aws(t, s, "--tool", "pip")
	for _, i := range installers[:2] {
		if got := i.install(t, u, "web.app[fast]", "sourced"); got != installed {
			t.Errorf("%s: got %s, want %s", i.name, got, installed)
		}
		if got := i.install(t, u, "mine"); !strings.HasPrefix(got, "core None") {
			t.Errorf("%s: what twine uploaded: %s", i.name, got)
		}
	}
}
