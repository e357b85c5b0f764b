package maven

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/e2e/harness"
)

const sbt = "sbt-1.10.11/sbt-launch.jar"

// A library is published and used by another build; sbt itself comes through
// the server, too.
func TestSBT(t *testing.T) {
	harness.EndToEnd(t)
	for name, args := range map[string][]string{"with a token in a file": nil, "which asks larder in each build": {"--helper"}} {
		t.Run(name, func(t *testing.T) {
			s, _ := withUpstream(t)
			launcher := tool(t, sbt)
			u := newSBT(t, s, args)
			u.run(t, project(t, s, "sbt-library", "1.0", "@LARDER@", u.settings(t)), u.sbt(launcher, "publish")...)
			for path, say := range map[string]string{
				"com/acme/widget_2.13/maven-metadata.xml":                               "<release>1.0</release>",
				"com/acme/widget_2.13/1.0/widget_2.13-1.0.pom":                          "<artifactId>commons-io</artifactId>",
				"com/acme/widget_2.13/1.0/widget_2.13-1.0.jar":                          "PK",
				"com/acme/widget_2.13/1.0/widget_2.13-1.0-sources.jar":                  "PK",
				"com/acme/widget_2.13/1.0/widget_2.13-1.0.jar.sha1":                     "",
				"org/scala-lang/scala-library/2.13.16/scala-library-2.13.16.jar.sha256": "",
			} {
				if status, body := s.get(t, path); status != http.StatusOK || !strings.Contains(body, say) {
					t.Errorf("%s: %d %.300s", path, status, body)
				}
			}
			consumer := newSBT(t, s, args)
			consumer.run(t, project(t, s, "sbt-consumer", "1.0", "@LARDER@", consumer.settings(t)), consumer.sbt(launcher, "compile")...)
		})
	}
}

// newSBT sets sbt up; its launcher, too, gets everything through the server.
func newSBT(t *testing.T, s *server, args []string) *user {
	t.Helper()
	u := newUser(t, s, append(args, "sbt")...)
	repositories := "[repositories]\n  local\n  larder: " + s.repository() + ", allowInsecureProtocol\n"
	if err := os.WriteFile(filepath.Join(u.home, ".sbt", "repositories"), []byte(repositories), 0o644); err != nil {
		t.Fatal(err)
	}
	// The launcher knows no settings of builds.
	credentials := "realm=larder\nhost=127.0.0.1\nuser=aws\npassword=" + s.Token + "\n"
	if err := os.WriteFile(filepath.Join(u.home, "launcher-credentials"), []byte(credentials), 0o600); err != nil {
		t.Fatal(err)
	}
	return u
}

// settings are the lines that larder login printed for a build.
func (u *user) settings(t *testing.T) string {
	t.Helper()
	var lines []string
	wanted := false
	for line := range strings.Lines(u.said) {
		text, indented := strings.CutPrefix(line, "  ")
		switch {
		case strings.HasPrefix(line, "in a build.sbt"):
			wanted = true
		case strings.HasPrefix(line, "or in"):
			wanted = false
		case indented && wanted:
			lines = append(lines, text)
		}
	}
	if len(lines) < 3 {
		t.Fatalf("larder login printed too little:\n%s", u.said)
	}
	return strings.Join(lines, "")
}

func (u *user) sbt(launcher string, tasks ...string) []string {
	return append([]string{"java", "-Xmx700m", "-Duser.home=" + u.home, "-Dsbt.boot.credentials=" + filepath.Join(u.home, "launcher-credentials"),
		"-Dsbt.override.build.repos=true", "-Dsbt.server.autostart=false", "-Dsbt.supershell=false", "-Dsbt.color=false", "-jar", launcher}, tasks...)
}
