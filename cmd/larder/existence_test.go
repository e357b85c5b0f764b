package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// closed is a server whose repository "secret" holds things that bob, who may
// read "open", may not know of.
type closed struct {
	*Server
	dir   string
	admin string // tokens
	bob   string
}

func newClosed(t *testing.T, change ...func(*Server)) *closed {
	t.Helper()
	dir := t.TempDir()
	s, _ := start(t, dir, change...)
	w := &closed{Server: s, dir: dir}
	w.larder(t, "repository", "create", "open")
	w.larder(t, "repository", "create", "secret")
	w.larder(t, "user", "create", "bob")
	w.larder(t, "user", "policy", "put", "bob", "p", w.file(t, `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": ["codeartifact:GetAuthorizationToken", "sts:GetServiceBearerToken"], "Resource": "*"},
		{"Effect": "Allow", "Action": "codeartifact:*", "Resource": ["arn:aws:codeartifact:*:*:repository/local/open", "arn:aws:codeartifact:*:*:package/local/open/*"]}]}`))
	w.admin = strings.TrimSpace(w.larder(t, "token"))
	w.bob = w.tokenOf(t, "bob")
	for _, r := range []string{"open", "secret"} {
		for path, content := range map[string]string{
			"/npm/d/local-000000000000/" + r + "/lib":                            packument(t, "lib"),
			"/maven/d/local-000000000000/" + r + "/com/acme/app/1.0/app-1.0.pom": `<project><modelVersion>4.0.0</modelVersion><groupId>com.acme</groupId><artifactId>app</artifactId><version>1.0</version></project>`,
		} {
			if status, body, _ := w.ask(t, w.admin, http.MethodPut, path, content); status >= 300 {
				t.Fatalf("publish %s: %d %s", path, status, body)
			}
		}
	}
	return w
}

// packument is what npm publish sends for version 1.0.0 of a package.
func packument(t *testing.T, name string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	a := tar.NewWriter(z)
	manifest := `{"name":"` + name + `","version":"1.0.0"}`
	err := a.WriteHeader(&tar.Header{Name: "package/package.json", Mode: 0o644, Size: int64(len(manifest))})
	if err == nil {
		_, err = a.Write([]byte(manifest))
	}
	if err = errors.Join(err, a.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"_id":%[1]q,"name":%[1]q,"dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":%[1]q,"version":"1.0.0","dist":{"shasum":"%[2]x"}}},
		"_attachments":{"%[1]s-1.0.0.tgz":{"content_type":"application/octet-stream","data":%[3]q,"length":%[4]d}}}`,
		name, sha1.Sum(b.Bytes()), base64.StdEncoding.EncodeToString(b.Bytes()), b.Len())
}

func (w *closed) larder(t *testing.T, args ...string) string {
	t.Helper()
	out, err := command(append(args, "--data", w.dir)...)
	if err != nil {
		t.Fatalf("larder %q: %v\n%s", args, err, out)
	}
	return out
}

func (w *closed) file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "policy.json")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// client is that of the first start, or of a new key of the user.
func (w *closed) client(t *testing.T, user string) *client {
	t.Helper()
	c, err := folderClient(t.Context(), dataFolder(w.dir))
	if err != nil {
		t.Fatal(err)
	}
	if user == "" {
		return c
	}
	out, err := c.iam().CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &user})
	if err != nil {
		t.Fatal(err)
	}
	cfg := c.config
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: *out.AccessKey.AccessKeyId, SecretAccessKey: *out.AccessKey.SecretAccessKey}, nil
	})
	return makeClient(cfg, c.URL)
}

func (w *closed) tokenOf(t *testing.T, user string) string {
	t.Helper()
	out, err := w.client(t, user).GetAuthorizationToken(t.Context(), &codeartifact.GetAuthorizationTokenInput{Domain: aws.String(firstDomain)})
	if err != nil {
		t.Fatal(err)
	}
	return *out.AuthorizationToken
}

// ask sends a request whose path goes out as it is written.
func (w *closed) ask(t *testing.T, token, method, path, content string, header ...string) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.URL(), strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	r.URL.Opaque = "//" + r.URL.Host + path // net/http sends it as it stands
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header
}

// things are requests of package clients about what stands in a repository.
var things = []struct{ method, path string }{
	{"GET", "/npm/d/local-000000000000/%s/lib"},
	{"HEAD", "/npm/d/local-000000000000/%s/lib"},
	{"GET", "/npm/d/local-000000000000/%s/lib/-/lib-1.0.0.tgz"},
	{"GET", "/npm/d/local-000000000000/%s/-/package/lib/dist-tags"},
	{"GET", "/npm/d/local-000000000000/%s/-/v1/search?text=lib"},
	{"GET", "/npm/d/local-000000000000/%s/-/ping"},
	{"PUT", "/npm/d/local-000000000000/%s/lib"},
	{"PUT", "/npm/d/local-000000000000/%s/-/package/lib/dist-tags/next"},
	{"DELETE", "/npm/d/local-000000000000/%s/lib/-rev/1"},
	{"GET", "/pypi/d/local-000000000000/%s/simple/"},
	{"GET", "/pypi/d/local-000000000000/%s/simple/lib/"},
	{"POST", "/pypi/d/local-000000000000/%s/"},
	{"GET", "/maven/d/local-000000000000/%s/com/acme/app/1.0/app-1.0.pom"},
	{"GET", "/maven/d/local-000000000000/%s/com/acme/app/maven-metadata.xml"},
	{"PUT", "/maven/d/local-000000000000/%s/com/acme/app/1.0/app-1.0.pom"},
	{"PUT", "/maven/d/local-000000000000/%s/com/acme/app/maven-metadata.xml"},
	{"GET", "/nuget/d/local-000000000000/%s/v3/index.json"},
	{"GET", "/nuget/d/local-000000000000/%s/v3/flatcontainer/lib/index.json"},
	{"GET", "/nuget/d/local-000000000000/%s/v3/flatcontainer/lib/1.0.0/lib.1.0.0.nupkg"},
	{"GET", "/nuget/d/local-000000000000/%s/v3/query?q=lib"},
	{"PUT", "/nuget/d/local-000000000000/%s/v3/package"},
	{"DELETE", "/nuget/d/local-000000000000/%s/v3/package/lib/1.0.0"},
	{"POST", "/nuget/d/local-000000000000/%s/v3/package/lib/1.0.0"},
}

// Who may not read a repository does not learn that it is there.
func TestARepositoryThatIsClosedLooksLikeOneThatIsNotThere(t *testing.T) {
	for name, anonymous := range map[string]bool{"tokens": false, "anonymous reads allowed": true} {
		t.Run(name, func(t *testing.T) {
			w := newClosed(t, func(s *Server) { s.Config.AnonymousReads = anonymous })
			for who, token := range map[string]string{"bob": w.bob, "nobody": "", "somebody": "eyJhbGciOiJub25lIn0.e30."} {
				for _, thing := range things {
					look := func(repository string) string {
						status, body, header := w.ask(t, token, thing.method, fmt.Sprintf(thing.path, repository), "{}")
						header.Del("Date")
						var names []string
						for n := range header {
							if !strings.Contains(n, "Request-Id") && !strings.Contains(n, "Requestid") {
								names = append(names, n+"="+header.Get(n))
							}
						}
						slices.Sort(names)
						return fmt.Sprintf("%d %s %v", status, strings.ReplaceAll(body, repository, "REPOSITORY"), names)
					}
					// As long as each other, so that Content-Length is.
					there, not := look("secret"), look("absent")
					if there != not {
						t.Errorf("%s: %s %s:\n%s\nand of one that is not there:\n%s", who, thing.method, thing.path, there, not)
					}
					if !strings.HasPrefix(there, "403") && !strings.HasPrefix(there, "401") {
						t.Errorf("%s: %s %s: %s", who, thing.method, thing.path, there)
					}
				}
			}
		})
	}
}

// The control plane tells an account's own users what is missing only where
// they may ask.
func TestTheControlPlaneTellsNothingOfWhatIsClosed(t *testing.T) {
	w := newClosed(t)
	c := w.client(t, "bob")
	domain, version := aws.String(firstDomain), aws.String("1.0.0")
	for name, ask := range map[string]func(repository, pkg string) error{
		"DescribeRepository": func(r, _ string) error {
			_, err := c.DescribeRepository(t.Context(), &codeartifact.DescribeRepositoryInput{Domain: domain, Repository: &r})
			return err
		},
		"GetRepositoryEndpoint": func(r, _ string) error {
			_, err := c.GetRepositoryEndpoint(t.Context(), &codeartifact.GetRepositoryEndpointInput{Domain: domain, Repository: &r, Format: "npm"})
			return err
		},
		"ListPackages": func(r, _ string) error {
			_, err := c.ListPackages(t.Context(), &codeartifact.ListPackagesInput{Domain: domain, Repository: &r})
			return err
		},
		"DescribePackage": func(r, p string) error {
			_, err := c.DescribePackage(t.Context(), &codeartifact.DescribePackageInput{Domain: domain, Repository: &r, Format: "npm", Package: &p})
			return err
		},
		"GetPackageVersionAsset": func(r, p string) error {
			_, err := c.GetPackageVersionAsset(t.Context(), &codeartifact.GetPackageVersionAssetInput{Domain: domain, Repository: &r, Format: "npm", Package: &p, PackageVersion: version, Asset: aws.String("package.tgz")})
			return err
		},
		"ListPackageVersions": func(r, p string) error {
			_, err := c.ListPackageVersions(t.Context(), &codeartifact.ListPackageVersionsInput{Domain: domain, Repository: &r, Format: "npm", Package: &p})
			return err
		},
		"DeleteRepository": func(r, _ string) error {
			_, err := c.DeleteRepository(t.Context(), &codeartifact.DeleteRepositoryInput{Domain: domain, Repository: &r})
			return err
		},
		"GetRepositoryPermissionsPolicy": func(r, _ string) error {
			_, err := c.GetRepositoryPermissionsPolicy(t.Context(), &codeartifact.GetRepositoryPermissionsPolicyInput{Domain: domain, Repository: &r})
			return err
		},
		"CopyPackageVersions": func(r, p string) error {
			_, err := c.CopyPackageVersions(t.Context(), &codeartifact.CopyPackageVersionsInput{Domain: domain, SourceRepository: &r, DestinationRepository: aws.String("open"), Format: "npm", Package: &p, Versions: []string{"1.0.0"}})
			return err
		},
	} {
		look := func(repository, pkg string) string {
			err := c.say(ask(repository, pkg))
			return strings.NewReplacer(repository, "REPOSITORY", "npm//"+pkg, "PACKAGE").Replace(fmt.Sprint(err))
		}
		want := look("secret", "lib")
		if !strings.Contains(want, "AccessDenied") {
			t.Errorf("%s: %s", name, want)
		}
		for _, other := range [][2]string{{"absent", "lib"}, {"secret", "non"}, {"absent", "non"}} {
			if got := look(other[0], other[1]); got != want {
				t.Errorf("%s: of what is there: %s\nof %s in %s: %s", name, want, other[1], other[0], got)
			}
		}
	}
}

// No spelling of a path leads out of the repository that may be read.
func TestNoSpellingOfAPathLeadsIntoAnotherRepository(t *testing.T) {
	w := newClosed(t)
	if status, _, _ := w.ask(t, w.bob, "GET", "/npm/d/local-000000000000/open/lib", ""); status != 200 {
		t.Fatalf("bob reads what he may: %d", status)
	}
	secrets := map[string]string{"npm": "lib/-/lib-1.0.0.tgz", "maven": "com/acme/app/1.0/app-1.0.pom"}
	for format, thing := range secrets {
		at := "/" + format + "/d/local-000000000000/"
		for _, path := range []string{
			at + "open/../secret/" + thing,
			at + "open/%2e%2e/secret/" + thing,
			at + "open/%2E%2E%2fsecret/" + thing,
			at + "open/..%2fsecret/" + thing,
			at + "open/..%5csecret/" + thing,
			at + "open/.%2e/secret/" + thing,
			at + "open%2f..%2fsecret/" + thing,
			at + "open//../secret/" + thing,
			at + "open/./../secret/" + thing,
			at + "./secret/" + thing,
			at + "open;/../secret/" + thing,
			at + "%73ecret/" + thing,
			at + "secret%00/" + thing,
			at + "SECRET/" + thing,
			at + "\uff53ecret/" + thing,
			at + "secret%20/" + thing,
			at + "secret./" + thing,
			at + "open/%252e%252e/secret/" + thing,
			"/" + format + "/d/./local-000000000000/secret/" + thing,
			"/" + format + "/../" + format + "/d/local-000000000000/secret/" + thing,
			"/" + format + "//d/local-000000000000/secret/" + thing,
			"//" + format + "/d/local-000000000000/secret/" + thing,
		} {
			for _, token := range []string{w.bob, ""} {
				status, body, _ := w.ask(t, token, "GET", path, "")
				if status < 400 {
					t.Errorf("GET %s: %d %.100s", path, status, body)
				}
			}
			if status, body, _ := w.ask(t, w.bob, "PUT", path, "x"); status < 400 {
				t.Errorf("PUT %s: %d %.100s", path, status, body)
			}
		}
		// By host, and by what a client says of the host.
		for _, header := range [][]string{
			{"Host", "local-000000000000.d.larder.test"},
			{"X-Forwarded-Host", "local-000000000000.d.larder.test"},
			{"X-Original-Url", at + "secret/" + thing},
			{"X-Rewrite-Url", at + "secret/" + thing},
		} {
			for _, path := range []string{"/" + format + "/secret/" + thing, at + "secret/" + thing} {
				if status, body, _ := w.ask(t, w.bob, "GET", path, "", header...); status < 400 {
					t.Errorf("GET %s with %s: %d %.100s", path, header, status, body)
				}
			}
		}
	}
}

// A name that is spelled otherwise is the package that it means, and its rules
// hold for it.
func TestSpellingANameOtherwiseDoesNotEscapeADenial(t *testing.T) {
	w := newClosed(t)
	w.larder(t, "policy", "put", "--repository", "open", w.file(t, `{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "codeartifact:PublishPackageVersion",
		"Resource": ["arn:aws:codeartifact:*:*:package/local/open/npm/acme/app", "arn:aws:codeartifact:*:*:package/local/open/pypi//acme-app", "arn:aws:codeartifact:*:*:package/local/open/maven/com.acme/app"]}]}`))
	for _, path := range []string{
		"npm/d/local-000000000000/open/@acme%2fapp", "npm/d/local-000000000000/open/@acme%2Fapp", "npm/d/local-000000000000/open/@acme/app",
		"npm/d/local-000000000000/open/%40acme%2fapp", "npm/d/local-000000000000/open/%40%61cme/%61pp",
		"maven/d/local-000000000000/open/com/acme/app/2.0/app-2.0.pom", "maven/d/local-000000000000/open/com%2facme/app/2.0/app-2.0.pom",
		"maven/d/local-000000000000/open/com/acme/%61pp/2.0/app-2.0.pom", "maven/d/local-000000000000/open/com.acme/app/2.0/app-2.0.pom",
	} {
		content := packument(t, "@acme/app")
		if strings.HasPrefix(path, "maven") {
			content = `<project><modelVersion>4.0.0</modelVersion><groupId>com.acme</groupId><artifactId>app</artifactId><version>2.0</version></project>`
		}
		status, body, _ := w.ask(t, w.bob, "PUT", "/"+path, content)
		if status < 400 || strings.Contains(path, "@acme") && status != 403 {
			t.Errorf("PUT %s: %d %s", path, status, body)
		}
	}
	for _, name := range []string{"acme-app", "Acme-App", "acme_app", "ACME..app", "acme-_.app", "acme--app"} {
		form := "--b\r\nContent-Disposition: form-data; name=\":action\"\r\n\r\nfile_upload\r\n--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n" + name +
			"\r\n--b\r\nContent-Disposition: form-data; name=\"version\"\r\n\r\n1.0\r\n--b\r\nContent-Disposition: form-data; name=\"content\"; filename=\"acme_app-1.0.tar.gz\"\r\n\r\nx\r\n--b--\r\n"
		status, body, _ := w.ask(t, w.bob, "POST", "/pypi/d/local-000000000000/open/", form, "Content-Type", "multipart/form-data; boundary=b")
		if status != 403 || !strings.Contains(body, "package/local/open/pypi//acme-app") {
			t.Errorf("upload of %s: %d %s", name, status, body)
		}
	}
}

// A request over a raw connection, as no client library sends it.
func TestAbsoluteAndOddRequestTargets(t *testing.T) {
	w := newClosed(t)
	address := strings.TrimPrefix(w.URL(), "http://")
	for _, line := range []string{
		"GET http://other.test/npm/d/local-000000000000/secret/lib HTTP/1.1",
		"GET /npm/d/local-000000000000/open/lib/../../secret/lib HTTP/1.1",
		"GET /npm/d/local-000000000000/open\\..\\secret/lib HTTP/1.1",
		"GET /npm/d/local-000000000000/open/lib#/../../secret/lib HTTP/1.1",
		"GET * HTTP/1.1",
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second)) //nolint:errcheck // of a fresh connection
		fmt.Fprintf(conn, "%s\r\nHost: %s\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", line, address, w.bob)
		answer, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		status, _, _ := strings.Cut(string(answer), "\r\n")
		if strings.Contains(status, " 200 ") || strings.Contains(string(answer), `"versions"`) {
			t.Errorf("%s: %s", line, status)
		}
	}
}
