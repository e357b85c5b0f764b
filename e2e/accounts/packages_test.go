package accounts

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"testing"
)

// client is a package client: how it is told of a repository, how it reads what
// is there and how it publishes a package of a name.
type client struct {
	name string
	// needs are the tools of it; the test is skipped where one is missing.
	needs []string
	// login keeps a token of the person for the repository in the client's settings.
	login func(t *testing.T, p *person, r repository)
	// publish makes version 1.0.0 of a package and publishes it.
	publish func(t *testing.T, p *person, r repository, name string) (string, error)
	// read fetches version 1.0.0 of a package, with no cache of what it fetched before.
	read func(t *testing.T, p *person, r repository, name string) (string, error)
	// ours and others are names of packages, pattern is the part of an ARN behind
	// the repository that names ours alone.
	ours, pattern string
	others        []string
}

// repository is one that a client works with.
type repository struct{ domain, owner, name string }

func (r repository) flags() []string {
	return []string{"--domain", r.domain, "--domain-owner", r.owner, "--repository", r.name}
}

func (r repository) endpoint(s *server, format string) string {
	return s.URL + "/" + format + "/d/" + r.domain + "-" + r.owner + "/" + r.name + "/"
}

var clients = []client{
	{
		name: "npm", needs: []string{npmProgram},
		ours: "@acme/app", pattern: "npm/acme/app", others: []string{"@acme/app2", "@other/app", "app"},
		login: func(t *testing.T, p *person, r repository) {
			p.larder(t, append([]string{"login", "npm"}, r.flags()...)...)
		},
		publish: func(t *testing.T, p *person, _ repository, name string) (string, error) {
			p.write(t, "publish/package.json", fmt.Sprintf(`{"name": %q, "version": "1.0.0"}`, name))
			p.write(t, "publish/index.js", "module.exports = 1\n")
			return p.try(t, "/bin/sh", "-c", "cd publish && exec node "+tool(t, npmProgram)+" publish")
		},
		read: func(t *testing.T, p *person, _ repository, name string) (string, error) {
			p.write(t, "install/package.json", "{}")
			return p.try(t, "/bin/sh", "-c", "cd install && rm -rf node_modules package-lock.json && exec node "+tool(t, npmProgram)+
				" install --no-audit --no-fund --cache "+t.TempDir()+" "+name+"@1.0.0")
		},
	},
	{
		name: "pip and twine", needs: []string{"pip/bin/python", "twine/bin/twine"},
		ours: "acme-app", pattern: "pypi//acme-app", others: []string{"acme-app2", "other"},
		login: func(t *testing.T, p *person, r repository) {
			for _, name := range []string{"pip", "twine"} {
				p.larder(t, append([]string{"login", name}, r.flags()...)...)
			}
		},
		publish: func(t *testing.T, p *person, _ repository, name string) (string, error) {
			file := strings.ReplaceAll(name, "-", "_") + "-1.0.0-py3-none-any.whl"
			p.write(t, file, wheel(t, name))
			return p.try(t, tool(t, "twine/bin/twine"), "upload", "--non-interactive", "--disable-progress-bar", "--verbose", "--repository", "acme-main", file)
		},
		read: func(t *testing.T, p *person, _ repository, name string) (string, error) {
			return p.try(t, tool(t, "pip/bin/python"), "-m", "pip", "install", "-vv", "--no-cache-dir", "--no-deps", "--retries", "0", "--target", t.TempDir(), name+"==1.0.0")
		},
	},
	{
		name: "mvn", needs: []string{"mvn", mavenSeed},
		ours: "app", pattern: "maven/com.acme/app", others: []string{"app2", "parent"},
		login: func(t *testing.T, p *person, r repository) {
			token := strings.TrimSpace(p.larder(t, "token", "--domain", r.domain, "--domain-owner", r.owner))
			// Plugins come from a seed on the disk: only what is ours is asked of the server.
			p.write(t, "~/settings.xml", `<settings><servers><server><id>larder</id><username>aws</username><password>`+token+`</password></server></servers>
<mirrors><mirror><id>seed</id><mirrorOf>*,!larder</mirrorOf><url>file://`+tool(t, mavenSeed)+`</url></mirror></mirrors>
<profiles><profile><id>larder</id><repositories><repository><id>larder</id><url>`+r.endpoint(p.server, "maven")+`</url></repository></repositories>
<pluginRepositories><pluginRepository><id>larder</id><url>`+r.endpoint(p.server, "maven")+`</url></pluginRepository></pluginRepositories></profile></profiles>
<activeProfiles><activeProfile>larder</activeProfile></activeProfiles></settings>`)
		},
		publish: func(t *testing.T, p *person, r repository, name string) (string, error) {
			p.write(t, "deploy/pom.xml", `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>com.acme</groupId><artifactId>`+name+`</artifactId><version>1.0.0</version><packaging>pom</packaging>
<distributionManagement><repository><id>larder</id><url>`+r.endpoint(p.server, "maven")+`</url></repository></distributionManagement>
<build><plugins>
<plugin><artifactId>maven-install-plugin</artifactId><version>3.1.2</version></plugin>
<plugin><artifactId>maven-deploy-plugin</artifactId><version>3.1.2</version></plugin>
</plugins></build></project>`)
			return p.try(t, tool(t, "mvn"), "-B", "-s", p.home+"/settings.xml", "-Dmaven.repo.local="+p.home+"/repository", "-Duser.home="+p.home, "-f", "deploy/pom.xml", "deploy")
		},
		// A parent is read before anything else, and needs no plugin.
		read: func(t *testing.T, p *person, _ repository, name string) (string, error) {
			p.write(t, "child/pom.xml", `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<parent><groupId>com.acme</groupId><artifactId>`+name+`</artifactId><version>1.0.0</version><relativePath/></parent>
<artifactId>child</artifactId><packaging>pom</packaging></project>`)
			return p.try(t, tool(t, "mvn"), "-B", "-s", p.home+"/settings.xml", "-Dmaven.repo.local="+t.TempDir(), "-Duser.home="+p.home, "-f", "child/pom.xml", "validate")
		},
	},
	nugetRequests(),
}

// nugetRequests sends what nuget.exe and dotnet send, which not every machine
// has: a form whose archive alone says what the package is called.
func nugetRequests() client {
	send := func(t *testing.T, p *person, method, url string, body []byte, header ...string) (string, error) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		token, err := os.ReadFile(p.home + "/token")
		if err != nil {
			t.Fatal(err)
		}
		header = append(header, "X-NuGet-ApiKey", string(token))
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		if method == http.MethodGet {
			r.Header.Del("X-NuGet-ApiKey")
			r.SetBasicAuth("aws", string(token))
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err == nil && res.StatusCode >= 300 {
			err = errors.New(res.Status)
		}
		return res.Status + " " + string(b), err
	}
	return client{
		name: "NuGet's requests",
		ours: "Acme.App", pattern: "nuget//acme.app", others: []string{"Acme.App2", "Acme", "Other.App"},
		login: func(t *testing.T, p *person, r repository) {
			p.write(t, "~/token", strings.TrimSpace(p.larder(t, "token", "--domain", r.domain, "--domain-owner", r.owner)))
		},
		publish: func(t *testing.T, p *person, r repository, name string) (string, error) {
			var b bytes.Buffer
			form := multipart.NewWriter(&b)
			part, err := form.CreateFormFile("package", "package.nupkg")
			if err == nil {
				_, err = part.Write(nupkg(t, name))
			}
			if err = errors.Join(err, form.Close()); err != nil {
				t.Fatal(err)
			}
			return send(t, p, http.MethodPut, r.endpoint(p.server, "nuget")+"v3/package", b.Bytes(), "Content-Type", form.FormDataContentType())
		},
		read: func(t *testing.T, p *person, r repository, name string) (string, error) {
			id := strings.ToLower(name)
			return send(t, p, http.MethodGet, r.endpoint(p.server, "nuget")+"v3/flatcontainer/"+id+"/1.0.0/"+id+".1.0.0.nupkg", nil)
		},
	}
}

// nupkg builds version 1.0.0 of a NuGet package.
func nupkg(t *testing.T, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name + ".nuspec")
	if err == nil {
		_, err = io.WriteString(w, `<?xml version="1.0"?><package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd"><metadata>
<id>`+name+`</id><version>1.0.0</version><authors>Ada</authors><description>It works.</description></metadata></package>`)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	npmProgram = "npm11/node_modules/npm/bin/npm-cli.js"
	mavenSeed  = "maven-seed/." // plugins, fetched before
)

// have ends the test where a tool of the client is missing.
func (c client) have(t *testing.T) {
	t.Helper()
	for _, name := range c.needs {
		tool(t, name)
	}
}

// wheel builds a wheel of version 1.0.0.
func wheel(t *testing.T, name string) string {
	t.Helper()
	module := strings.ReplaceAll(name, "-", "_")
	info := module + "-1.0.0.dist-info/"
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range [][2]string{
		{module + "/__init__.py", "version = '1.0.0'\n"},
		{info + "METADATA", "Metadata-Version: 2.1\nName: " + name + "\nVersion: 1.0.0\n\n"},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{info + "RECORD", module + "/__init__.py,,\n" + info + "METADATA,,\n" + info + "WHEEL,,\n" + info + "RECORD,,\n"},
	} {
		w, err := z.Create(f[0])
		if err == nil {
			_, err = w.Write([]byte(f[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
