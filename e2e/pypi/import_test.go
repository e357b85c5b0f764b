package pypi

import (
	"strings"
	"testing"

	"larder/e2e/harness"
	"larder/formats/formatstest"
)

// TestAVersionComesInWhole: of a version of which pip took the wheel, a
// repository that reaches nothing outside gets the source distribution, too,
// although the server was killed before it had it.
func TestAVersionComesInWhole(t *testing.T) {
	harness.EndToEnd(t)
	t.Parallel()
	pip := installers[1]
	pip.command(t, "") // skips without waiting for a server
	up := formatstest.NewUpstream(t)
	built, source := wheel("sourced", "1.5", 0), sdist("sourced", "1.5")
	offer(t, up, "sourced", built, source)
	const got = "core None,web_app None,speed_up None,sourced 1.5,winonly None"

	first := serve(t, up.URL+"/simple/")
	if out := pip.install(t, newUser(t, first, "main", "pip"), "sourced"); out != got {
		t.Errorf("got %s", out)
	}
	first.Kill()
	s := &server{harness.ServeFrom(t, first.Data, "--external-connection", "public:pypi="+up.URL+"/simple/")}
	s.Imported(t)
	up.Down()
	s.Larder(t, nil, "repository", "create", "apart")
	s.Larder(t, nil, "package", "copy", "pypi/sourced", "1.5", "--from", "main", "--to", "apart")
	for _, kind := range []string{"--only-binary=:all:", "--no-binary=:all:"} {
		if out := pip.install(t, newUser(t, s, "apart", "pip"), kind, "sourced"); out != got {
			t.Errorf("%s: got %s", kind, out)
		}
	}
	if files := s.Larder(t, nil, "package", "assets", "pypi/sourced", "1.5", "--repository", "apart"); !strings.Contains(files, source.file) || !strings.Contains(files, built.file) {
		t.Errorf("apart has\n%s", files)
	}
}

// TestAskedFilesOnly: who has little room keeps what is asked for.
func TestAskedFilesOnly(t *testing.T) {
	harness.EndToEnd(t)
	t.Parallel()
	pip := installers[1]
	pip.command(t, "")
	up := formatstest.NewUpstream(t)
	offer(t, up, "sourced", wheel("sourced", "1.5", 0), sdist("sourced", "1.5"))
	s := serve(t, up.URL+"/simple/", "--asked-files-only")
	pip.install(t, newUser(t, s, "main", "pip"), "sourced")
	s.Imported(t) // nothing was noted
	if n := fetched(up, ".tar.gz"); n != 0 {
		t.Errorf("the source distribution was fetched %d times", n)
	}
}
