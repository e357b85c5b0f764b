package guard

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/e2e/harness"
	"larder/formats/formatstest"
)

// nodeUser is set up for npm's kind of clients.
func nodeUser(t *testing.T, s *harness.Server, tool string) *user {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		harness.Absent(t, "node")
	}
	return newUser(t, s, []string{"PATH=" + filepath.Dir(node) + ":/usr/bin:/bin", "DO_NOT_TRACK=1",
		"npm_config_update_notifier=false", "npm_config_audit=false", "npm_config_fund=false"}, tool)
}

func npmProgram(t *testing.T, version string) string {
	t.Helper()
	return harness.Program(t, version, "node_modules", "npm", "bin", "npm-cli.js")
}

func (u *user) installed(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(u.run("node", "-p", "require('lib')"))
}

// lib has an old version, and one of an hour ago.
var releases = []release{{"1.0.0", 3 * month}, {"1.1.0", month}, {"1.2.0", time.Hour}}

func TestNodeClientsTakeTheNewestAllowedVersion(t *testing.T) {
	harness.EndToEnd(t)
	u := formatstest.NewUpstream(t)
	offerNPM(t, u, "lib", releases...)
	s := harness.Serve(t, "--external-connection", "public:npmjs="+u.URL+"/")
	s.Larder(t, nil, "guard", "cooldown", "3d")
	for _, c := range []struct {
		name, login string
		command     []string
	}{
		{"npm11", "npm", []string{"node", npmProgram(t, "npm11"), "install"}},
		{"npm7", "npm", []string{"node", npmProgram(t, "npm7"), "install"}},
		{"pnpm9", "pnpm", []string{"node", harness.Program(t, "pnpm9", "node_modules", "pnpm", "bin", "pnpm.cjs"), "add"}},
		{"pnpm", "pnpm", []string{harness.Program(t, "pnpm", "node_modules", ".bin", "pnpm"), "add"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, wanted := range []string{"lib", "lib@^1.0.0", "lib@latest"} {
				p := nodeUser(t, s, c.login)
				p.write("package.json", `{"name":"app","version":"1.0.0"}`)
				if c.name == "pnpm" { // which has an age gate of its own; older ones take the file for a workspace
					p.write("pnpm-workspace.yaml", "minimumReleaseAge: 0\n")
				}
				p.run(append(c.command, wanted)...)
				if got := p.installed(t); got != "1.1.0" {
					t.Errorf("%s: %s is installed, want 1.1.0", wanted, got)
				}
			}
		})
	}
	if n := u.Count("/lib/-/lib-1.2.0.tgz"); n != 0 {
		t.Errorf("the version that is too new was fetched %d times", n)
	}
}

func TestNPMCIPrintsWhyAVersionIsBlocked(t *testing.T) {
	harness.EndToEnd(t)
	u := formatstest.NewUpstream(t)
	offerNPM(t, u, "lib", releases...)
	s := harness.Serve(t, "--external-connection", "public:npmjs="+u.URL+"/")
	for _, version := range []string{"npm11", "npm7"} {
		npm := npmProgram(t, version)
		p := nodeUser(t, s, "npm")
		p.write("package.json", `{"name":"app","version":"1.0.0","dependencies":{"lib":"1.1.0"}}`)
		p.run("node", npm, "install", "--package-lock-only")
		s.Larder(t, nil, "guard", "block", "npm:lib", "--versions", "=1.1.0", "--reason", "stolen token, see INC-12")
		out, err := harness.Try(t, p.dir, append(p.env, "npm_config_cache="+t.TempDir()), "node", npm, "ci")
		if err == nil || !strings.Contains(out, "version 1.1.0 of npm package lib is blocked by this registry: stolen token, see INC-12") {
			t.Errorf("%s: %v\n%s", version, err, out)
		}
		// The next request is judged by what the rules are now.
		s.Larder(t, nil, "guard", "unblock", "npm:lib")
		p.run("node", npm, "ci")
		if got := p.installed(t); got != "1.1.0" {
			t.Errorf("%s is installed", got)
		}
	}
}

func TestPythonClientsTakeTheNewestAllowedVersion(t *testing.T) {
	harness.EndToEnd(t)
	u := formatstest.NewUpstream(t)
	offerPython(u, "lib", releases...)
	s := harness.Serve(t, "--external-connection", "public:pypi="+u.URL+"/simple/")
	s.Larder(t, nil, "guard", "cooldown", "3d", "pypi:*")
	python, err := filepath.EvalSymlinks(harness.Program(t, "pip", "bin", "python"))
	if err != nil {
		t.Fatal(err)
	}
	for name, install := range map[string]func(p *user, wanted string){
		"pip": func(p *user, wanted string) {
			p.run(harness.Program(t, "pip", "bin", "pip"), "install", "--target", "out", wanted)
		},
		"uv": func(p *user, wanted string) {
			p.run(harness.Program(t, "uv", "bin", "uv"), "pip", "install", "--target", "out", wanted)
		},
	} {
		for _, wanted := range []string{"lib", "lib>=1.0"} {
			p := newUser(t, s, []string{"PATH=" + filepath.Dir(python) + ":/usr/bin:/bin", "UV_PYTHON=" + python, "UV_PYTHON_DOWNLOADS=never", "PIP_DISABLE_PIP_VERSION_CHECK=1"}, name)
			install(p, wanted)
			text, err := os.ReadFile(filepath.Join(p.dir, "out", "lib", "__init__.py"))
			if err != nil || string(text) != "version = '1.1.0'\n" {
				t.Errorf("%s %s: %v, %s", name, wanted, err, text)
			}
		}
	}
}

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>app</groupId><artifactId>app</artifactId><version>1</version>
  <properties><maven.compiler.source>11</maven.compiler.source><maven.compiler.target>11</maven.compiler.target><project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>
  <dependencies><dependency><groupId>org.acme</groupId><artifactId>lib</artifactId><version>[1.0.0,2)</version></dependency></dependencies>
  <build><pluginManagement><plugins>
    <plugin><artifactId>maven-resources-plugin</artifactId><version>3.3.1</version></plugin>
    <plugin><artifactId>maven-compiler-plugin</artifactId><version>3.13.0</version></plugin>
  </plugins></pluginManagement></build>
</project>`

func TestMavenRangesTakeTheNewestAllowedVersion(t *testing.T) {
	harness.EndToEnd(t)
	u := formatstest.NewUpstream(t)
	offerMaven(u, http.FileServer(http.Dir(harness.Program(t, "maven-seed"))), releases...)
	s := harness.Serve(t, "--external-connection", "public:maven-central="+u.URL+"/")
	s.Larder(t, nil, "guard", "cooldown", "3d", "maven:org.acme:*")
	p := newUser(t, s, []string{"PATH=/usr/local/bin:/usr/bin:/bin", "JAVA_HOME=" + os.Getenv("JAVA_HOME")})
	settings := p.mavenSettings(s)
	p.write("pom.xml", pom)
	out := p.run(harness.Program(t, "maven-3.9.11", "bin", "mvn"), "-B", "-s", settings, "-Dmaven.repo.local="+filepath.Join(p.home, "repository"), "process-classes")
	if _, err := os.Stat(filepath.Join(p.home, "repository", "org", "acme", "lib", "1.1.0", "lib-1.1.0.jar")); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestNoRequestForAClaimedNameLeavesTheProcess(t *testing.T) {
	harness.EndToEnd(t)
	npm, pypi := formatstest.NewUpstream(t), formatstest.NewUpstream(t)
	for _, u := range []*formatstest.Upstream{npm, pypi} {
		offerNPM(t, u, "other", releases...)
		offerPython(u, "other", releases...)
	}
	s := harness.Serve(t, "--external-connection", "public:npmjs="+npm.URL+"/", "--external-connection", "public:pypi="+pypi.URL+"/simple/")
	s.Larder(t, nil, "guard", "claim", "npm:@acme/*", "pypi:acme-~")
	token := s.Token(t)
	ask := func(method, url, body string) {
		r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	for _, repo := range []string{"main", "npm-store"} {
		at := s.Repository("npm", repo)
		for _, path := range []string{
			"@acme%2fui", "@acme/ui", "@acme/ui/1.0.0", "@acme/ui/-/ui-1.0.0.tgz", "@acme/ui/-/odd.tgz", "-/package/@acme%2fui/dist-tags",
			"-/v1/search?text=@acme/ui", "-/npm/v1/attestations/@acme%2fui@1.0.0",
		} {
			ask(http.MethodGet, at+path, "")
		}
		ask(http.MethodPost, at+"-/npm/v1/security/advisories/bulk", `{"@acme/ui":["1.0.0"],"other":["1.0.0"]}`)
		ask(http.MethodPost, at+"-/npm/v1/security/audits/quick", `{"name":"@acme/app","version":"1.0.0","requires":{"@acme/ui":"1"},"dependencies":{"@acme/ui":{"version":"1.0.0"},"other":{"version":"1.0.0"}}}`)
	}
	for _, repo := range []string{"main", "pypi-store"} {
		at := s.Repository("pypi", repo)
		for _, path := range []string{
			"simple/acme/", "simple/acme-tools/", "simple/Acme_Tools/", "pypi/acme-tools/json", "pypi/acme-tools/1.0/json",
			"simple/acme-tools/1.0/acme_tools-1.0-py3-none-any.whl", "simple/acme-tools/1.0/acme_tools-1.0-py3-none-any.whl.metadata",
		} {
			ask(http.MethodGet, at+path, "")
		}
	}
	// A client that asks for its own and for others leaks nothing either.
	p := nodeUser(t, s, "npm")
	p.write("package.json", `{"name":"@acme/app","version":"1.0.0","dependencies":{"@acme/ui":"1","other":"1"}}`)
	harness.Try(t, p.dir, append(p.env, "npm_config_audit=true"), "node", npmProgram(t, "npm11"), "install") //nolint:errcheck // there is no @acme/ui
	for _, u := range []*formatstest.Upstream{npm, pypi} {
		for _, r := range u.Requests("") {
			if said := strings.ToLower(r.Target + " " + string(r.Body)); strings.Contains(said, "acme") {
				t.Errorf("somebody outside was asked: %s %s %s", r.Method, r.Target, r.Body)
			}
		}
	}
	if npm.Count("/other") == 0 {
		t.Error("a name that is not claimed was asked for nowhere")
	}
}

func TestNoMavenRequestForAClaimedNameLeavesTheProcess(t *testing.T) {
	harness.EndToEnd(t)
	u := formatstest.NewUpstream(t)
	offerMaven(u, http.FileServer(http.Dir(harness.Program(t, "maven-seed"))), releases...)
	s := harness.Serve(t, "--external-connection", "public:maven-central="+u.URL+"/")
	s.Larder(t, nil, "guard", "claim", "maven:org.acme:*")
	token := s.Token(t)
	for _, repo := range []string{"main", "maven-central-store"} {
		for _, path := range []string{
			"org/acme/lib/maven-metadata.xml", "org/acme/lib/maven-metadata.xml.sha1", "org/acme/maven-metadata.xml", "org/acme/lib/1.1.0/lib-1.1.0.pom",
			"org/acme/lib/1.1.0/lib-1.1.0.jar", "org/acme/lib/1.1.0/lib-1.1.0.jar.sha1", "org/acme/lib/1.1-SNAPSHOT/maven-metadata.xml",
		} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.Repository("maven", repo)+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.SetBasicAuth("aws", token)
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				t.Errorf("%s of %s is there", path, repo)
			}
		}
	}
	p := newUser(t, s, []string{"PATH=/usr/local/bin:/usr/bin:/bin", "JAVA_HOME=" + os.Getenv("JAVA_HOME")})
	settings := p.mavenSettings(s)
	p.write("pom.xml", pom)
	out, err := harness.Try(t, p.dir, p.env, harness.Program(t, "maven-3.9.11", "bin", "mvn"), "-B", "-s", settings, "-Dmaven.repo.local="+filepath.Join(p.home, "repository"), "process-classes")
	if err == nil || !strings.Contains(out, "org.acme:lib") {
		t.Errorf("mvn: %v\n%s", err, out)
	}
	asked := false
	for _, r := range u.Requests("") {
		if strings.Contains(r.Target, "acme") {
			t.Errorf("somebody outside was asked: %s %s", r.Method, r.Target)
		}
		asked = asked || strings.Contains(r.Target, "maven-resources-plugin")
	}
	if !asked {
		t.Error("a name that is not claimed was asked for nowhere")
	}
}

// mavenSettings writes a settings.xml by which mvn asks repository main alone.
func (u *user) mavenSettings(s *harness.Server) string {
	u.t.Helper()
	file := filepath.Join(u.home, "settings.xml")
	text := "<settings><servers><server><id>larder</id><username>aws</username><password>" + s.Token(u.t) + "</password></server></servers>" +
		"<mirrors><mirror><id>larder</id><mirrorOf>*</mirrorOf><url>" + s.Repository("maven", "main") + "</url></mirror></mirrors></settings>"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		u.t.Fatal(err)
	}
	return file
}

// A worm of 2,000 versions of 400 packages, a fifth of them fetched already.
func TestRespondingToAWorm(t *testing.T) {
	harness.EndToEnd(t)
	const packages, each, fetched = 400, 5, 80
	u := formatstest.NewUpstream(t)
	s := harness.Serve(t, "--external-connection", "public:npmjs="+u.URL+"/")
	token := s.Token(t)
	var list strings.Builder
	var wait sync.WaitGroup
	turns := make(chan struct{}, 8)
	for i := range packages {
		name := fmt.Sprintf("worm-%d", i)
		var all []release
		for v := range each {
			all = append(all, release{fmt.Sprintf("1.0.%d", v), month})
			fmt.Fprintf(&list, "npm/%s@1.0.%d\n", name, v)
		}
		offerNPM(t, u, name, append(all, release{"0.9.0", 2 * month})...)
		if i >= fetched {
			continue
		}
		for v := range each {
			url := fmt.Sprintf("%s%s/-/%s-1.0.%d.tgz", s.Repository("npm", "main"), name, name, v)
			wait.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
				r.Header.Set("Authorization", "Bearer "+token)
				res, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if res.StatusCode != http.StatusOK {
					t.Errorf("%s: %s", url, res.Status)
				}
			})
		}
	}
	wait.Wait()
	file := filepath.Join(t.TempDir(), "worm.txt")
	if err := os.WriteFile(file, []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	rehearsed := s.Larder(t, nil, "guard", "respond", file, "--reason", "INC-12", "--rehearse")
	t.Logf("the rehearsal took %v", time.Since(began))
	began = time.Now()
	out := s.Larder(t, nil, "guard", "respond", file, "--reason", "INC-12", "--yes")
	t.Logf("the response to 2,000 versions took %v", time.Since(began))
	for what, text := range map[string]string{
		"2000 versions would be blocked; bytes of 400 disposed of, 0 held and kept, 1600 never fetched": rehearsed,
		"2000 versions blocked; bytes of 400 disposed of, 0 held and kept, 1600 never fetched":          out,
	} {
		first, _, _ := strings.Cut(text, "\n")
		if first != what {
			t.Errorf("it says %q, want %q", first, what)
		}
	}
	if n := strings.Count(out, ":user/admin"); n != fetched*each {
		t.Errorf("%d downloads are told of, want %d", n, fetched*each)
	}
	for _, path := range []string{"worm-0/-/worm-0-1.0.4.tgz", "worm-399/-/worm-399-1.0.4.tgz"} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.Repository("npm", "main")+path, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode == http.StatusOK {
			t.Errorf("%s is served", path)
		}
	}
}
