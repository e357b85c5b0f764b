package guard

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/e2e/harness"
	"larder/formats/formatstest"
	"larder/internal/sigstoretest"
)

// Real clients take the newest version that is attested as it has to be, and
// print why another one is refused.
func TestClientsTakeTheNewestAttestedVersion(t *testing.T) {
	harness.EndToEnd(t)
	v := sigstoretest.New(t)
	root := filepath.Join(t.TempDir(), "trusted_root.json")
	if err := os.WriteFile(root, v.Root(), 0o600); err != nil {
		t.Fatal(err)
	}
	stranger := acme
	stranger.Repository = "https://git.test/other/lib"
	signers := map[string]*sigstoretest.Signer{"1.0.0": &acme, "1.1.0": &stranger, "1.2.0": nil}

	npm := formatstest.NewUpstream(t)
	versions := map[string]any{}
	for version, signer := range signers {
		b := tarball(t, "lib", version)
		sum := sha512.Sum512(b)
		dist := map[string]any{"tarball": "{upstream}/lib/-/lib-" + version + ".tgz", "integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:])}
		if signer != nil {
			at := "/-/npm/v1/attestations/lib@" + version
			dist["attestations"] = map[string]any{"url": "{upstream}" + at, "provenance": map[string]string{"predicateType": "https://slsa.dev/provenance/v1"}}
			npm.ServeText(at, attestedWires[0].answer(t, v.Bundle(*signer, "pkg:npm/lib@"+version, "https://slsa.dev/provenance/v1", map[string]string{"sha512": hex.EncodeToString(sum[:])})))
		}
		npm.Serve("/lib/-/lib-"+version+".tgz", formatstest.Resource{Body: b, Type: "application/octet-stream"})
		versions[version] = map[string]any{"name": "lib", "version": version, "dist": dist}
	}
	body, err := json.Marshal(map[string]any{"name": "lib", "dist-tags": map[string]string{"latest": "1.2.0"}, "versions": versions})
	if err != nil {
		t.Fatal(err)
	}
	npm.Serve("/lib", formatstest.Resource{Body: body, Type: "application/json"})

	pypi := formatstest.NewUpstream(t)
	var files []string
	for _, version := range []string{"1.0.0", "1.1.0", "1.2.0"} {
		file, b := wheel("lib", version)
		sum, more := sha256.Sum256(b), ""
		if signer := signers[version]; signer != nil {
			at := "/provenance/" + file
			more = `,"provenance":"{upstream}` + at + `"`
			pypi.ServeText(at, string(sigstoretest.Provenance(t, v.Bundle(*signer, file, "publish", map[string]string{"sha256": hex.EncodeToString(sum[:])}))))
		}
		pypi.Serve("/files/"+file, formatstest.Resource{Body: b, Type: "application/octet-stream"})
		files = append(files, fmt.Sprintf(`{"filename":%q,"url":"{upstream}/files/%s","hashes":{"sha256":%q}%s}`, file, file, hex.EncodeToString(sum[:]), more))
	}
	pypi.Serve("/simple/lib/", formatstest.Resource{Type: "application/vnd.pypi.simple.v1+json",
		Body: []byte(`{"meta":{"api-version":"1.3"},"name":"lib","versions":["1.0.0","1.1.0","1.2.0"],"files":[` + strings.Join(files, ",") + `]}`)})

	s := harness.Serve(t, "--trust-root", root, "--external-connection", "public:npmjs="+npm.URL+"/", "--external-connection", "public:pypi="+pypi.URL+"/simple/")
	for _, pattern := range []string{"npm:lib", "pypi:lib"} {
		s.Larder(t, nil, "guard", "require", pattern, "--issuer", acme.Issuer, "--repository", acme.Repository, "--workflow", "release.yml")
	}
	const why = "version 1.1.0 of npm package lib has an attestation by https://git.test/other/lib"

	// The index cannot know yet that 1.1.0 is somebody else's: the first to fetch it
	// is told, and from then on nobody is offered it.
	node := nodeUser(t, s, "npm")
	node.write("package.json", `{"name":"app","version":"1.0.0"}`)
	install := []string{"node", npmProgram(t, "npm11"), "install", "lib"}
	if out, err := harness.Try(t, node.dir, node.env, install...); err == nil || !strings.Contains(out, why) {
		t.Errorf("npm: %v\n%s", err, out)
	}
	node = nodeUser(t, s, "npm")
	node.write("package.json", `{"name":"app","version":"1.0.0"}`)
	node.run(install...)
	if got := node.installed(t); got != "1.0.0" {
		t.Errorf("npm installed %s", got)
	}

	python, err := filepath.EvalSymlinks(harness.Program(t, "pip", "bin", "python"))
	if err != nil {
		t.Fatal(err)
	}
	pip := func() (*user, []string) {
		p := newUser(t, s, []string{"PATH=" + filepath.Dir(python) + ":/usr/bin:/bin", "PIP_DISABLE_PIP_VERSION_CHECK=1"}, "pip")
		return p, []string{harness.Program(t, "pip", "bin", "pip"), "install", "--target", "out", "lib"}
	}
	p, command := pip()
	if out, err := harness.Try(t, p.dir, p.env, command...); err == nil || !strings.Contains(out, "403") {
		t.Errorf("pip: %v\n%s", err, out)
	}
	p, command = pip()
	p.run(command...)
	if text, err := os.ReadFile(filepath.Join(p.dir, "out", "lib", "__init__.py")); err != nil || string(text) != "version = '1.0.0'\n" {
		t.Errorf("pip installed %s, %v", text, err)
	}

	explained := s.Larder(t, nil, "guard", "explain", "npm/lib", "--output", "json")
	for _, want := range []string{"every file of /npm//lib$ has to be attested by https://git.test/acme/lib (release.yml), known to https://login.test", "1.1.0", why, "1.2.0", "version 1.2.0 of npm package lib has no attestation; this registry wants it attested by https://git.test/acme/lib (release.yml)"} {
		if !strings.Contains(explained, want) {
			t.Errorf("the explanation lacks %q:\n%s", want, explained)
		}
	}
	if shown := s.Larder(t, nil, "guard", "show"); !strings.Contains(shown, "attest") || !strings.Contains(shown, "known to https://login.test") {
		t.Errorf("the rules are shown as\n%s", shown)
	}
	s.Larder(t, nil, "guard", "require", "npm:lib", "--remove")
	node = nodeUser(t, s, "npm")
	node.write("package.json", `{"name":"app","version":"1.0.0"}`)
	node.run(install...)
	if got := node.installed(t); got != "1.2.0" {
		t.Errorf("without the rule npm installed %s", got)
	}
}
