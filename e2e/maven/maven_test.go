package maven

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"larder/e2e/harness"
)

func TestMaven(t *testing.T) {
	harness.EndToEnd(t)
	for name, program := range map[string]string{
		"the machine's Maven": "mvn",
		"Maven 3.9":           "maven-3.9.11/bin/mvn",
		"Maven 4":             "maven-4.0.0-rc-4/bin/mvn",
	} {
		t.Run(name, func(t *testing.T) { scenario(t, tool(t, program)) })
	}
}

// mvn is a user of one of the Mavens, whom larder login has set up, with the
// server as the mirror of everything.
type mvn struct {
	*user
	program string
}

func newMaven(t *testing.T, s *server, program string) mvn {
	t.Helper()
	u := mvn{newUser(t, s, "maven"), program}
	u.mirror(t, s)
	return u
}

// mirror puts the mirror that larder login printed into the settings that it
// wrote, and lets builds look for snapshots.
func (u mvn) mirror(t *testing.T, s *server) {
	t.Helper()
	file := filepath.Join(u.home, ".m2", "settings.xml")
	settings, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	more := "<mirrors>" + u.snippet(t, "<mirror>", "</mirror>") + "</mirrors>\n" +
		"<profiles><profile><id>larder</id><repositories><repository><id>local-main</id><url>" + s.repository() + "</url>" +
		"<snapshots><enabled>true</enabled></snapshots></repository></repositories></profile></profiles>\n" +
		"<activeProfiles><activeProfile>larder</activeProfile></activeProfiles>\n</settings>"
	changed := strings.Replace(string(settings), "</settings>", more, 1)
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (u mvn) command(goals ...string) []string {
	return append([]string{u.program, "-B", "-Duser.home=" + u.home, "-Dmaven.repo.local=" + filepath.Join(u.home, "repository"), "-s", filepath.Join(u.home, ".m2", "settings.xml")}, goals...)
}

func (u mvn) build(t *testing.T, dir string, goals ...string) string {
	t.Helper()
	return u.run(t, dir, u.command(goals...)...)
}

func (u mvn) tryBuild(t *testing.T, dir string, goals ...string) (string, error) {
	t.Helper()
	return u.try(t, dir, u.command(goals...)...)
}

// scenario is a team's: a library of several modules is built through an empty
// cache and deployed, another project uses it while upstream is down, and
// snapshots are deployed by two at once.
func scenario(t *testing.T, program string) {
	s, upstream := withUpstream(t)
	builder := newMaven(t, s, program)
	builder.build(t, project(t, s, "library", "1.0"), "deploy")
	for path, say := range map[string]string{
		"com/acme/core/maven-metadata.xml":         "<release>1.0</release>",
		"com/acme/core/1.0/core-1.0.pom":           "<artifactId>core</artifactId>",
		"com/acme/core/1.0/core-1.0-tests.jar":     "PK",
		"com/acme/core/1.0/core-1.0-sources.jar":   "PK",
		"com/acme/bom/1.0/bom-1.0.pom":             "commons-io",
		"commons-io/commons-io/maven-metadata.xml": "<version>2.11.0</version>",
	} {
		if status, body := s.get(t, path); status != http.StatusOK || !strings.Contains(body, say) {
			t.Errorf("%s: %d %.300s", path, status, body)
		}
	}
	changed := project(t, s, "library", "1.0")
	// Builds may be reproducible to the byte: this one is another.
	resource := filepath.Join(changed, "core", "src", "main", "resources", "changed.txt")
	if err := errors.Join(os.MkdirAll(filepath.Dir(resource), 0o755), os.WriteFile(resource, []byte("changed"), 0o644)); err != nil {
		t.Fatal(err)
	}
	if out, err := builder.tryBuild(t, changed, "deploy"); err == nil || !strings.Contains(out, "409") {
		t.Errorf("other bytes under the same version: %v\n%s", err, out)
	}
	newMaven(t, s, program).build(t, project(t, s, "consumer", "1.0"), "package")
	upstream.Close()
	newMaven(t, s, program).build(t, project(t, s, "consumer", "1.0"), "package")

	snapshots(t, s, program)
	if strings.Contains(program, "3.9") {
		ranges(t, s, builder)
	}
	if s.refused(http.StatusTooManyRequests) {
		t.Error("somebody was told to ask more slowly")
	}
}

func snapshots(t *testing.T, s *server, program string) {
	var both sync.WaitGroup
	for range 2 {
		u, dir := newMaven(t, s, program), project(t, s, "library", "1.1-SNAPSHOT")
		both.Go(func() {
			out, err := u.tryBuild(t, dir, "deploy")
			// Deployers that begin in the same second give their builds the same name;
			// the server keeps the file that came first, and who had another deploys
			// anew. Maven 3.8 says "status: 409", later ones "status code: 409".
			for tries := 1; err != nil && strings.Contains(out, ": 409") && tries < 3; tries++ {
				out, err = u.tryBuild(t, dir, "deploy")
			}
			if err != nil {
				t.Errorf("deploying a snapshot: %v\n%s", err, out)
			}
		})
	}
	both.Wait()
	consumer := newMaven(t, s, program)
	dir := project(t, s, "consumer", "1.1-SNAPSHOT")
	consumer.build(t, dir, "package")
	before := newest(t, s)
	newMaven(t, s, program).build(t, project(t, s, "library", "1.1-SNAPSHOT"), "deploy")
	after := newest(t, s)
	if before == after || after == "" {
		t.Errorf("the newest build is %q after %q", after, before)
	}
	out := consumer.build(t, dir, "-U", "package")
	if !strings.Contains(out, "core-1.1-"+after) {
		t.Errorf("the newest build, %s, was not fetched:\n%s", after, out)
	}
	if status, body := s.get(t, "com/acme/core/maven-metadata.xml"); status != 200 || !strings.Contains(body, "<latest>1.1-SNAPSHOT</latest>") || !strings.Contains(body, "<release>1.0</release>") {
		t.Errorf("%d %s", status, body)
	}
}

// newest gives timestamp and number of the newest build of core.
func newest(t *testing.T, s *server) string {
	t.Helper()
	_, body := s.get(t, "com/acme/core/1.1-SNAPSHOT/maven-metadata.xml")
	_, rest, _ := strings.Cut(body, "<value>1.1-")
	build, _, _ := strings.Cut(rest, "<")
	return build
}

// ranges are resolved of the metadata: 1.0 and 1.1-SNAPSHOT are there already.
func ranges(t *testing.T, s *server, builder mvn) {
	for _, version := range []string{"1.9", "1.10", "2.0-alpha-1"} {
		builder.build(t, project(t, s, "library", version), "deploy", "-pl", "core", "-am")
	}
	u := newMaven(t, s, builder.program)
	for wanted, got := range map[string]string{"[1.0,1.1-SNAPSHOT)": "1.0", "[1.0,1.10)": "1.9", "(1.9,2.0-alpha)": "1.10", "[1.5,2.0)": "2.0-alpha-1"} {
		u.build(t, project(t, s, "ranged", wanted), "package")
		jar := filepath.Join(u.home, "repository", "com", "acme", "core", got, "core-"+got+".jar")
		if _, err := os.Stat(jar); err != nil {
			t.Errorf("%s is not resolved to %s: %v", wanted, got, err)
		}
	}
}

func TestMavenReadsTheTokenThatIsEncryptedForIt(t *testing.T) {
	harness.EndToEnd(t)
	for name, program := range map[string]string{
		"the machine's Maven": "mvn",
		"Maven 3.9":           "maven-3.9.11/bin/mvn",
		"Maven 4":             "maven-4.0.0-rc-4/bin/mvn",
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := withUpstream(t)
			u := mvn{&user{home: t.TempDir()}, tool(t, program)}
			out := u.run(t, u.home, tool(t, "mvn"), "--encrypt-master-password", "open sesame")
			_, rest, _ := strings.Cut(out, "{")
			master, _, _ := strings.Cut(rest, "}")
			file := filepath.Join(u.home, ".m2", "settings-security.xml")
			text := []byte("<settingsSecurity><master>{" + master + "}</master></settingsSecurity>")
			if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, text, 0o600)); err != nil {
				t.Fatal(err)
			}
			u.login(t, s, "maven")
			settings, err := os.ReadFile(filepath.Join(u.home, ".m2", "settings.xml"))
			if err != nil || !strings.Contains(string(settings), "<password>{") {
				t.Fatalf("%v\n%s", err, settings)
			}
			u.mirror(t, s)
			u.build(t, project(t, s, "library", "1.0"), "deploy", "-N")
		})
	}
}
