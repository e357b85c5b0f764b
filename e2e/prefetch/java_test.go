package prefetch

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"larder/e2e/harness"
)

// seeded serves what the Maven tests' script has brought.
func seeded(t *testing.T) upstream {
	t.Helper()
	files := http.FileServer(http.Dir(harness.Program(t, "maven-seed")))
	var asked atomic.Int64
	var gone atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if gone.Load() {
			http.Error(w, "gone", http.StatusBadGateway)
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return upstream{
		flags: func(*testing.T) []string {
			return []string{"--external-connection", "public:maven-central=" + server.URL + "/"}
		},
		asked: func() int { return int(asked.Load()) },
		down:  func() { gone.Store(true) },
	}
}

// pom names what the seed has; its plugins are managed, as builds that are to be
// repeatable do.
const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <parent><groupId>acme</groupId><artifactId>parent</artifactId><version>1</version><relativePath>parent.xml</relativePath></parent>
  <artifactId>app</artifactId>
  <dependencies>
    <dependency><groupId>commons-io</groupId><artifactId>commons-io</artifactId></dependency>
  </dependencies>
</project>
`

const parent = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>acme</groupId>
  <artifactId>parent</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <properties>
    <io>2.11.0</io>
    <maven.compiler.source>11</maven.compiler.source>
    <maven.compiler.target>11</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencyManagement><dependencies>
    <dependency><groupId>commons-io</groupId><artifactId>commons-io</artifactId><version>${io}</version></dependency>
  </dependencies></dependencyManagement>
  <build><pluginManagement><plugins>
    <plugin><artifactId>maven-resources-plugin</artifactId><version>3.3.1</version></plugin>
    <plugin><artifactId>maven-compiler-plugin</artifactId><version>3.13.0</version></plugin>
  </plugins></pluginManagement></build>
</project>
`

const source = "package acme;\n\nclass App {\n  Class<?> io = org.apache.commons.io.IOUtils.class;\n}\n"

// javaUser is set up for a repository as a mirror of all others.
func javaUser(t *testing.T, s *harness.Server) *user {
	t.Helper()
	u := newUser(t, "PATH=/usr/local/bin:/usr/bin:/bin", "JAVA_HOME="+os.Getenv("JAVA_HOME"))
	u.env = append(u.env, "GRADLE_OPTS=-Duser.home="+u.home)
	settings := filepath.Join(u.home, ".m2", "settings.xml")
	if err := os.MkdirAll(filepath.Dir(settings), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "<settings><servers><server><id>larder</id><username>aws</username><password>" + s.Token(t) + "</password></server></servers>" +
		"<mirrors><mirror><id>larder</id><mirrorOf>*</mirrorOf><url>" + s.Repository("maven", "main") + "</url></mirror></mirrors></settings>"
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	u.write(t, "pom.xml", pom)
	u.write(t, "parent.xml", parent)
	u.write(t, "src/main/java/acme/App.java", source)
	return u
}

// A pom.xml is no lock, but what a build with fixed versions asks for follows
// from it: dependencies, plugins, and the POMs of all of them.
func TestMaven(t *testing.T) {
	harness.EndToEnd(t)
	mvns := map[string]string{"3.9": harness.Program(t, "maven-3.9.11", "bin", "mvn")}
	if own, err := exec.LookPath("mvn"); err == nil {
		mvns["the machine's"] = own
	} else {
		harness.Absent(t, "mvn")
	}
	rehearse(t, rehearsal{
		upstream: seeded(t), lock: "pom.xml",
		written: func(t *testing.T, s *harness.Server) *user { return javaUser(t, s) },
		install: func(t *testing.T, s *harness.Server, _ *user) {
			for name, mvn := range mvns {
				u := javaUser(t, s)
				out := u.run(t, mvn, "-B", "-s", filepath.Join(u.home, ".m2", "settings.xml"), "-Dmaven.repo.local="+filepath.Join(u.home, "repository"), "process-classes")
				if _, err := os.Stat(filepath.Join(u.dir, "target", "classes", "acme", "App.class")); err != nil {
					t.Errorf("Maven %s compiled nothing:\n%s", name, out)
				}
			}
		},
	})
}

func TestGradle(t *testing.T) {
	harness.EndToEnd(t)
	gradle := harness.Program(t, "gradle-8.11.1", "bin", "gradle")
	project := func(t *testing.T, s *harness.Server, settings string) *user {
		u := javaUser(t, s)
		u.write(t, "settings.gradle", "rootProject.name = 'app'\n"+settings)
		u.write(t, "build.gradle", `plugins { id 'java' }
repositories { maven { url = '`+s.Repository("maven", "main")+`'; allowInsecureProtocol = true; credentials { username = 'aws'; password = '`+s.Token(t)+`' } } }
dependencyLocking { lockAllConfigurations() }
dependencies { implementation 'javax.inject:javax.inject:1' }
tasks.register('lock') { doLast { configurations.findAll { it.canBeResolved }.each { it.resolve().each { f -> println 'resolved ' + f.name } } } }
`)
		return u
	}
	rehearse(t, rehearsal{
		upstream: seeded(t), lock: "gradle.lockfile",
		written: func(t *testing.T, s *harness.Server) *user {
			u := project(t, s, "gradle.startParameter.writeDependencyLocks = true\n")
			u.run(t, gradle, "lock")
			return u
		},
		install: func(t *testing.T, s *harness.Server, from *user) {
			u := project(t, s, "")
			u.write(t, "gradle.lockfile", from.read(t, "gradle.lockfile"))
			if out := u.run(t, gradle, "lock"); !strings.Contains(out, "resolved javax.inject-1.jar") {
				t.Errorf("Gradle resolved nothing:\n%s", out)
			}
		},
	})
}
