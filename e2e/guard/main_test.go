package guard

import (
	"os"
	"path/filepath"
	"testing"

	"larder/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// user is a person with a home folder and a folder to work in.
type user struct {
	t         *testing.T
	home, dir string
	env       []string
}

// newUser makes one for whom larder login has been run for the tools.
func newUser(t *testing.T, s *harness.Server, env []string, tools ...string) *user {
	t.Helper()
	u := &user{t: t, home: t.TempDir(), dir: t.TempDir()}
	u.env = append([]string{"HOME=" + u.home, "TMPDIR=" + t.TempDir(), "LANG=C.UTF-8", "NO_COLOR=1", "CI=true"}, harness.NoNetwork(t)...)
	u.env = append(u.env, env...)
	for _, tool := range tools {
		s.Larder(t, []string{"HOME=" + u.home}, "login", tool)
	}
	return u
}

func (u *user) write(name, content string) {
	u.t.Helper()
	path := filepath.Join(u.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		u.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		u.t.Fatal(err)
	}
}

func (u *user) run(command ...string) string {
	u.t.Helper()
	out, err := harness.Try(u.t, u.dir, u.env, command...)
	if err != nil {
		u.t.Fatalf("%q: %v\n%s", command, err, out)
	}
	return out
}
