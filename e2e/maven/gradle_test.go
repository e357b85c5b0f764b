package maven

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/e2e/harness"
)

const gradle = "gradle-8.11.1/bin/gradle"

// A library with features and fixtures, which only its module metadata tells
// of, is published signed and used by another project; then as a snapshot.
func TestGradle(t *testing.T) {
	harness.EndToEnd(t)
	for name, c := range map[string]struct {
		args        []string
		credentials string // in the build
	}{
		"with a token in its properties":  {nil, "credentials(PasswordCredentials)"},
		"which asks larder in each build": {[]string{"--helper"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := withUpstream(t)
			program := tool(t, gradle)
			u := newUser(t, s, append(c.args, "gradle")...)
			u.signingKey(t)
			library := project(t, s, "gradle-library", "1.0", "@CREDENTIALS@", c.credentials)
			u.run(t, library, program, "publish")
			for path, say := range map[string]string{
				"com/acme/gadget/maven-metadata.xml":            "<release>1.0</release>",
				"com/acme/gadget/1.0/gadget-1.0.module":         `"formatVersion"`,
				"com/acme/gadget/1.0/gadget-1.0.module.asc":     "BEGIN PGP SIGNATURE",
				"com/acme/gadget/1.0/gadget-1.0.pom.asc":        "BEGIN PGP SIGNATURE",
				"com/acme/gadget/1.0/gadget-1.0.jar.asc.sha512": "",
				"com/acme/gadget/1.0/gadget-1.0-sources.jar":    "PK",
				"com/acme/gadget/1.0/gadget-1.0-extra.jar":      "PK",
			} {
				if status, body := s.get(t, path); status != http.StatusOK || !strings.Contains(body, say) {
					t.Errorf("%s: %d %.300s", path, status, body)
				}
			}
			_, module := s.get(t, "com/acme/gadget/1.0/gadget-1.0.module")
			if !json.Valid([]byte(module)) {
				t.Errorf("%s", module)
			}
			u.verify(t, s, "com/acme/gadget/1.0/gadget-1.0.jar")
			// The same again is fine; signatures are new ones, and refused.
			if out, err := u.try(t, library, program, "clean", "publish"); err == nil || !strings.Contains(out, "409") {
				t.Errorf("the version again, signed anew: %v\n%s", err, out)
			}

			consumer := newUser(t, s, append(c.args, "gradle")...)
			out := consumer.run(t, project(t, s, "gradle-consumer", "1.0"), program, "testClasses", "show")
			for _, jar := range []string{"gadget-1.0.jar", "gadget-1.0-extra.jar", "gadget-1.0-test-fixtures.jar", "commons-io-2.11.0.jar"} {
				if !strings.Contains(out, "resolved "+jar) {
					t.Errorf("%s is not resolved:\n%s", jar, out)
				}
			}

			if c.args == nil {
				gradleSnapshots(t, s, u, consumer, program, c.credentials)
			}
			if s.refused(http.StatusTooManyRequests) {
				t.Error("Gradle was told to ask more slowly")
			}
		})
	}
}

// gradleSnapshots publishes a snapshot twice, and looks for what the second
// build adds.
func gradleSnapshots(t *testing.T, s *server, u, consumer *user, program, credentials string) {
	snapshot := project(t, s, "gradle-library", "1.1-SNAPSHOT", "@CREDENTIALS@", credentials)
	u.run(t, snapshot, program, "publish")
	dir := project(t, s, "gradle-consumer", "1.1-SNAPSHOT")
	consumer.run(t, dir, program, "testClasses")
	if err := os.WriteFile(filepath.Join(snapshot, "src", "main", "java", "acme", "Later.java"), []byte("package acme;\n\npublic class Later {\n}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	u.run(t, snapshot, program, "publish")
	if err := os.WriteFile(filepath.Join(dir, "src", "main", "java", "acme", "Uses.java"), []byte("package acme;\n\nclass Uses extends Later {\n}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	consumer.run(t, dir, program, "--refresh-dependencies", "testClasses")
}

// signingKey makes a key without a password for the user.
func (u *user) signingKey(t *testing.T) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(u.home, ".gnupg"), 0o700); err != nil {
		t.Fatal(err)
	}
	u.run(t, u.home, tool(t, "gpg"), "--batch", "--passphrase", "", "--quick-generate-key", "somebody@acme.test", "default", "default", "never")
	t.Cleanup(func() { u.try(t, u.home, "gpgconf", "--kill", "all") }) //nolint:errcheck // the agent ends with its folder, too
}

// verify checks the signature that stands beside a file.
func (u *user) verify(t *testing.T, s *server, path string) {
	t.Helper()
	dir := t.TempDir()
	for _, ending := range []string{"", ".asc"} {
		_, body := s.get(t, path+ending)
		if err := os.WriteFile(filepath.Join(dir, "file"+ending), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	u.run(t, dir, "gpg", "--verify", "file.asc", "file")
}
