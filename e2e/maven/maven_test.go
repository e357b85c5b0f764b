package maven

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestMaven(t *testing.T) {
	endToEnd(t)
	for name, program := range map[string]string{
		"the machine's Maven": "mvn",
		"Maven 3.9":           "maven-3.9.11/bin/mvn",
		"Maven 4":             "maven-4.0.0-rc-4/bin/mvn",
	} {
		t.Run(name, func(t *testing.T) { scenario(t, tool(t, program)) })
	}
}

// scenario is a team's: a library of several modules is built through an empty
// cache and deployed, another project uses it while upstream is down, and
// snapshots are deployed by two at once.
func scenario(t *testing.T, mvn string) {
	upstream := httptest.NewServer(http.FileServer(http.FS(os.DirFS(tool(t, "maven-seed")))))
	defer upstream.Close()
	s := serve(t, upstream.URL+"/")

	builder := newUser(t, s, mvn)
	builder.run(t, project(t, s, "library", "1.0"), "deploy")
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
	if out, err := builder.try(t, changed, "deploy"); err == nil || !strings.Contains(out, "409") {
		t.Errorf("other bytes under the same version: %v\n%s", err, out)
	}
	newUser(t, s, mvn).run(t, project(t, s, "consumer", "1.0"), "package")
	upstream.Close()
	newUser(t, s, mvn).run(t, project(t, s, "consumer", "1.0"), "package")

	snapshots(t, s, mvn)
}

func snapshots(t *testing.T, s *server, mvn string) {
	var both sync.WaitGroup
	for range 2 {
		u, dir := newUser(t, s, mvn), project(t, s, "library", "1.1-SNAPSHOT")
		both.Go(func() {
			out, err := u.try(t, dir, "deploy")
			if err != nil && strings.Contains(out, "status code: 409") {
				// Deployers that begin in the same second give their builds the same
				// name; the server keeps one, and the other is deployed anew.
				out, err = u.try(t, dir, "deploy")
			}
			if err != nil {
				t.Errorf("deploying a snapshot: %v\n%s", err, out)
			}
		})
	}
	both.Wait()
	consumer := newUser(t, s, mvn)
	dir := project(t, s, "consumer", "1.1-SNAPSHOT")
	consumer.run(t, dir, "package")
	before := newest(t, s)
	newUser(t, s, mvn).run(t, project(t, s, "library", "1.1-SNAPSHOT"), "deploy")
	after := newest(t, s)
	if before == after || after == "" {
		t.Errorf("the newest build is %q after %q", after, before)
	}
	out := consumer.run(t, dir, "-U", "package")
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
