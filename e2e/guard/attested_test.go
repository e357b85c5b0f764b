package guard

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"larder/formats/formatstest"
	"larder/internal/sigstoretest"
	"larder/registry"
	"larder/registry/guard/sigstore"
)

// acme is who has to have attested, and the rule that says so.
var acme = sigstoretest.Signer{
	Issuer: "https://login.test", Identity: "https://git.test/acme/lib/.ci/release.yml@refs/heads/main",
	Repository: "https://git.test/acme/lib", Workflow: "https://git.test/acme/lib/.ci/release.yml@refs/heads/main",
}

const byAcme = `{"attest":[{"package":"PACKAGE","issuer":"https://login.test","repository":"https://git.test/acme/lib","workflow":"release.yml","reason":"INC-14"}]}`

// attested is how a format's versions come with attestations.
type attested struct {
	wire
	subject func(version string) string
	// offer has upstream list both versions, those with an answer as attested;
	// an answer that is empty is not found.
	offer  func(u *formatstest.Upstream, answers map[string]string)
	answer func(t testing.TB, bundles ...json.RawMessage) string
	own    func(version string) string // where this server has them, below the repository
}

var attestedWires = []attested{
	{
		wire:    wires[0],
		subject: func(v string) string { return "pkg:npm/lib@" + v },
		offer: func(u *formatstest.Upstream, answers map[string]string) {
			var versions []string
			for _, v := range []string{settled, fresh} {
				sum, more := sha512.Sum512(content[v]), ""
				if answer, ok := answers[v]; ok {
					at := "/-/npm/v1/attestations/lib@" + v
					more = fmt.Sprintf(`,"attestations":{"url":"{upstream}%s","provenance":{"predicateType":"https://slsa.dev/provenance/v1"}}`, at)
					if u.Remove(at); answer != "" {
						u.ServeText(at, answer)
					}
				}
				versions = append(versions, fmt.Sprintf(`%q:{"name":"lib","version":%q,"dist":{"tarball":"{upstream}/lib/-/lib-%s.tgz","integrity":"sha512-%s"%s}}`,
					v, v, v, base64.StdEncoding.EncodeToString(sum[:]), more))
				u.Serve("/lib/-/lib-"+v+".tgz", formatstest.Resource{Body: content[v], Type: "application/octet-stream"})
			}
			u.ServeText("/lib", fmt.Sprintf(`{"name":"lib","dist-tags":{"latest":%q},"versions":{%s}}`, fresh, strings.Join(versions, ",")))
		},
		answer: func(t testing.TB, bundles ...json.RawMessage) string {
			// The registry's own attestation, which is signed with its key, comes first.
			list := []any{map[string]any{"predicateType": "publish", "bundle": map[string]any{
				"mediaType":            "application/vnd.dev.sigstore.bundle+json;version=0.2",
				"verificationMaterial": map[string]any{"publicKey": map[string]any{"hint": "SHA256:abc"}},
				"dsseEnvelope":         map[string]any{"payload": "e30=", "payloadType": "application/vnd.in-toto+json", "signatures": []any{map[string]any{"sig": "AA=="}}},
			}}}
			for _, b := range bundles {
				list = append(list, map[string]any{"predicateType": "https://slsa.dev/provenance/v1", "bundle": b})
			}
			b, err := json.Marshal(map[string]any{"attestations": list})
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		},
		own: func(v string) string { return "-/npm/v1/attestations/lib@" + v },
	},
	{
		wire:    wires[1],
		subject: func(v string) string { return "lib-" + v + ".tar.gz" },
		offer: func(u *formatstest.Upstream, answers map[string]string) {
			var files []string
			for _, v := range []string{settled, fresh} {
				sum, more := sha256.Sum256(content[v]), ""
				if answer, ok := answers[v]; ok {
					at := "/integrity/lib/" + v + "/lib-" + v + ".tar.gz/provenance"
					more = `,"provenance":"{upstream}` + at + `"`
					if u.Remove(at); answer != "" {
						u.ServeText(at, answer)
					}
				}
				files = append(files, fmt.Sprintf(`{"filename":"lib-%s.tar.gz","url":"{upstream}/files/lib-%s.tar.gz","hashes":{"sha256":%q},"size":%d%s}`,
					v, v, hex.EncodeToString(sum[:]), len(content[v]), more))
				u.Serve("/files/lib-"+v+".tar.gz", formatstest.Resource{Body: content[v], Type: "application/octet-stream"})
			}
			u.ServeText("/lib/", fmt.Sprintf(`{"meta":{"api-version":"1.3"},"name":"lib","versions":[%q,%q],"files":[%s]}`, settled, fresh, strings.Join(files, ",")))
		},
		answer: func(t testing.TB, bundles ...json.RawMessage) string {
			return string(sigstoretest.Provenance(t, bundles...))
		},
		own: func(v string) string { return path("simple/lib/%s/lib-%s.tar.gz.provenance", v, v) },
	},
}

// digests of a version, as statements have them.
func digests(v string) map[string]string {
	small, big := sha256.Sum256(content[v]), sha512.Sum512(content[v])
	return map[string]string{"sha256": hex.EncodeToString(small[:]), "sha512": hex.EncodeToString(big[:])}
}

func (w attested) bundle(v *sigstoretest.Instance, s sigstoretest.Signer, version string) json.RawMessage {
	return v.Bundle(s, w.subject(version), "https://slsa.dev/provenance/v1", digests(version))
}

// trusting is a server that trusts an instance, whose upstream has an old
// version that is attested as it has to be, and a new one with the answer.
func (w attested) trusting(t *testing.T, v *sigstoretest.Instance, answers map[string]string) *server {
	t.Helper()
	s := newServer(t, w.wire)
	a, err := sigstore.New(v.Root())
	if err != nil {
		t.Fatal(err)
	}
	s.Service.Attestor = a
	w.offer(s.Upstream, answers)
	return s
}

func TestWhatIsNotAttestedIsKeptBackOnEveryPath(t *testing.T) {
	v, elsewhere := sigstoretest.New(t), sigstoretest.New(t)
	with := func(f func(*sigstoretest.Signer)) sigstoretest.Signer {
		s := acme
		f(&s)
		return s
	}
	for _, w := range attestedWires {
		good := w.bundle(v, acme, settled)
		for name, c := range map[string]struct {
			answer func() (string, bool) // false: the index speaks of none
			reason string                // empty: it is served
		}{
			"attested":              {func() (string, bool) { return w.answer(t, w.bundle(v, acme, fresh)), true }, ""},
			"beside one that fails": {func() (string, bool) { return w.answer(t, good, w.bundle(v, acme, fresh)), true }, ""},
			"not attested":          {func() (string, bool) { return "", false }, "has no attestation;"},
			"not found":             {func() (string, bool) { return "", true }, "does not have the attestations"},
			"not to be read":        {func() (string, bool) { return `{"version":1,"attestation_bundles":{},"attestations":1}`, true }, "has no attestation that verifies"},
			"by nobody": {func() (string, bool) {
				return w.answer(t), true
			}, "has no attestation that verifies"},
			"from another source": {func() (string, bool) {
				return w.answer(t, w.bundle(v, with(func(s *sigstoretest.Signer) { s.Repository = "https://git.test/acme/lib-fork" }), fresh)), true
			}, "has an attestation by https://git.test/acme/lib-fork"},
			"by another workflow": {func() (string, bool) {
				return w.answer(t, w.bundle(v, with(func(s *sigstoretest.Signer) {
					s.Workflow = "https://git.test/acme/lib/.ci/test.yml@refs/heads/main"
				}), fresh)), true
			}, ".ci/test.yml"},
			"known to another issuer": {func() (string, bool) {
				return w.answer(t, w.bundle(v, with(func(s *sigstoretest.Signer) { s.Issuer = "https://login.evil.test" }), fresh)), true
			}, "known to https://login.evil.test"},
			"of other bytes": {func() (string, bool) { return w.answer(t, good), true }, "its statement is about another"},
			"of other bytes under its name": {func() (string, bool) {
				return w.answer(t, v.Bundle(acme, w.subject(fresh), "x", digests(settled))), true
			}, "its statement is about other bytes"},
			"by an instance that is not trusted": {func() (string, bool) { return w.answer(t, w.bundle(elsewhere, acme, fresh)), true }, "has no attestation that verifies"},
			"with a signature that is spoilt": {func() (string, bool) {
				other := v.Bundle(acme, w.subject(fresh), "other", digests(fresh))
				var a, b map[string]any
				if json.Unmarshal(other, &a) != nil || json.Unmarshal(w.bundle(v, acme, fresh), &b) != nil {
					t.Fatal("no JSON")
				}
				b["dsseEnvelope"] = a["dsseEnvelope"]
				spoilt, _ := json.Marshal(b)
				return w.answer(t, spoilt), true
			}, "has no attestation that verifies"},
			"signed when the certificate was over": {func() (string, bool) {
				return w.answer(t, w.bundle(v, with(func(s *sigstoretest.Signer) { s.Late = true }), fresh)), true
			}, "certificate"},
			"in no log": {func() (string, bool) {
				return w.answer(t, w.bundle(v, with(func(s *sigstoretest.Signer) { s.Unlogged = true }), fresh)), true
			}, "log"},
		} {
			for _, cached := range []bool{false, true} {
				state := "not fetched yet"
				if cached {
					state = "cached"
				}
				t.Run(w.format.Name+"/"+name+"/"+state, func(t *testing.T) {
					answers := map[string]string{settled: w.answer(t, good)}
					answer, offered := c.answer()
					if offered {
						answers[fresh] = answer
					}
					s := w.trusting(t, v, answers)
					if cached {
						for _, repo := range []string{"main", "app", "store"} {
							s.fetch(repo, settled)
							s.fetch(repo, fresh)
						}
					}
					s.rule(byAcme)
					// Nobody has looked at it yet: the index goes by what it was told.
					s.wantListed("at first", formatstest.Call{Path: s.index[0]}, offered)
					if cached { // the API gives bytes, too
						content, _, err := s.Service.VersionAsset(t.Context(), owner(), formatstest.RepoID("main"), registry.VersionID{Package: s.pkg, Version: fresh}, s.asset(fresh), "")
						if s.wantError("at first, GetPackageVersionAsset", err, c.reason); err == nil {
							content.Body.Close()
						}
					}
					s.want("at first", formatstest.Call{Path: s.file(fresh)}, c.reason)
					s.check("then", c.reason, cached)
					if c.reason == "" {
						return
					}
					s.rule(strings.Replace(byAcme, `]}`, `],"exempt":[{"package":"PACKAGE","versions":"=2.0.0","from":["attest"]}]}`, 1))
					s.check("exempt", "", true)
				})
			}
		}
	}
}

func TestWithoutATrustRootWhatHasToBeAttestedIsRefused(t *testing.T) {
	v := sigstoretest.New(t)
	for _, w := range attestedWires {
		t.Run(w.format.Name, func(t *testing.T) {
			s := w.trusting(t, v, map[string]string{settled: w.answer(t, w.bundle(v, acme, settled))})
			s.Service.Attestor = nil
			s.rule(byAcme)
			s.want("bytes", formatstest.Call{Path: s.file(settled)}, "--trust-root")
			s.want("index", formatstest.Call{Path: s.index[0]}, "--trust-root")
			s.rule(`{}`)
			s.want("without the rule", formatstest.Call{Path: s.file(settled)}, "")
		})
	}
}

func TestWhatWasVerifiedIsRemembered(t *testing.T) {
	v := sigstoretest.New(t)
	for _, w := range attestedWires {
		t.Run(w.format.Name, func(t *testing.T) {
			s := w.trusting(t, v, map[string]string{settled: w.answer(t, w.bundle(v, acme, settled))})
			count := &counting{Attestor: s.Service.Attestor}
			s.Service.Attestor = count
			s.rule(byAcme)
			for _, repo := range []string{"main", "app", "store"} {
				for range 3 {
					s.want("bytes", formatstest.Call{Repo: repo, Path: s.file(settled)}, "")
				}
			}
			// Once for each repository that keeps it: both learn of it by one download.
			if count.n > 2 {
				t.Errorf("verified %d times", count.n)
			}
			before := count.n
			s.rule(strings.Replace(byAcme, "release.yml", "other.yml", 1))
			s.want("by another rule", formatstest.Call{Path: s.file(settled)}, "has an attestation by https://git.test/acme/lib")
			s.rule(byAcme)
			s.want("by the first one again", formatstest.Call{Path: s.file(settled)}, "")
			if count.n != before {
				t.Errorf("verified again: %d, was %d", count.n, before)
			}
			// Another root of trust: everything is looked at anew.
			elsewhere := sigstoretest.New(t)
			a, err := sigstore.New(elsewhere.Root())
			if err != nil {
				t.Fatal(err)
			}
			s.Service.Attestor = a
			s.rule(strings.Replace(byAcme, "INC-14", "INC-15", 1))
			s.want("by another root", formatstest.Call{Path: s.file(settled)}, "INC-15")
		})
	}
}

type counting struct {
	registry.Attestor
	n int
}

func (c *counting) Verify(bundles []json.RawMessage, a registry.Attestable) ([]registry.Claim, string) {
	c.n++
	return c.Attestor.Verify(bundles, a)
}

func TestAttestationsThatCannotBeHadNowAreAskedForAgain(t *testing.T) {
	v := sigstoretest.New(t)
	for _, w := range attestedWires {
		t.Run(w.format.Name, func(t *testing.T) {
			s := w.trusting(t, v, map[string]string{settled: w.answer(t, w.bundle(v, acme, settled)), fresh: w.answer(t, w.bundle(v, acme, fresh))})
			s.rule(byAcme)
			at := "/-/npm/v1/attestations/lib@" + fresh
			if w.format.Name == registry.PyPI {
				at = "/integrity/lib/" + fresh + "/lib-" + fresh + ".tar.gz/provenance"
			}
			s.Upstream.Fault(at, formatstest.Status(http.StatusServiceUnavailable))
			a := s.Do(formatstest.Call{Path: s.file(fresh)})
			if a.Status != http.StatusBadGateway || !strings.Contains(string(a.Body), "its attestations cannot be had now") {
				t.Errorf("while they cannot be had: %d %s", a.Status, a.Body)
			}
			s.Upstream.Heal(at)
			s.want("once they can", formatstest.Call{Path: s.file(fresh)}, "")
		})
	}
}

// What was attested where it came from is passed on, whatever the rules.
func TestAttestationsArePassedOn(t *testing.T) {
	v := sigstoretest.New(t)
	for _, w := range attestedWires {
		t.Run(w.format.Name, func(t *testing.T) {
			answer := w.answer(t, w.bundle(v, acme, settled))
			s := w.trusting(t, v, map[string]string{settled: answer})
			for _, rule := range []string{`{}`, byAcme} {
				s.rule(rule)
				for _, when := range []string{"not fetched yet", "cached"} {
					a := s.Do(formatstest.Call{Path: w.own(settled)})
					if a.Status != http.StatusOK || !bytes.Equal(a.Body, []byte(answer)) {
						t.Errorf("%s: %d %s", when, a.Status, a.Body)
					}
					s.want("bytes", formatstest.Call{Path: s.file(settled)}, "")
				}
			}
		})
	}
}

// A version that cannot be had is told of again after some hours only.
func TestTheIndexIsLookedAtAgainSomeDay(t *testing.T) {
	v := sigstoretest.New(t)
	w := attestedWires[0]
	s := w.trusting(t, v, map[string]string{settled: w.answer(t, w.bundle(v, acme, settled)), fresh: ""})
	now := time.Now()
	s.Service.Clock = func() time.Time { return now }
	s.rule(byAcme)
	s.want("at first", formatstest.Call{Path: s.file(fresh)}, "does not have the attestations")
	s.wantListed("then", formatstest.Call{Path: s.index[0]}, false)
	s.Upstream.ServeText("/-/npm/v1/attestations/lib@"+fresh, w.answer(t, w.bundle(v, acme, fresh)))
	s.want("soon", formatstest.Call{Path: s.file(fresh)}, "does not have the attestations")
	now = now.Add(7 * time.Hour)
	s.wantListed("later", formatstest.Call{Path: s.index[0]}, true)
	s.want("later", formatstest.Call{Path: s.file(fresh)}, "")
}

// npmPublish is what npm publish --provenance sends, or npm publish where there
// is no bundle.
func npmPublish(version string, bundle json.RawMessage) formatstest.Call {
	sum := sha512.Sum512(content[version])
	attachments := map[string]any{"lib-" + version + ".tgz": map[string]any{"data": base64.StdEncoding.EncodeToString(content[version])}}
	if bundle != nil {
		attachments["lib-"+version+".sigstore"] = map[string]any{"content_type": "application/vnd.dev.sigstore.bundle.v0.3+json", "data": string(bundle)}
	}
	body, _ := json.Marshal(map[string]any{
		"name": "lib", "dist-tags": map[string]string{"latest": version}, "_attachments": attachments,
		"versions": map[string]any{version: map[string]any{"name": "lib", "version": version, "dist": map[string]any{"integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:])}}},
	})
	return formatstest.Call{Method: http.MethodPut, Repo: "lone", Path: "lib", Body: body, Header: map[string]string{"Content-Type": "application/json"}}
}

// pythonUpload is what twine upload --attestations sends.
func pythonUpload(t *testing.T, version string, attestations string, signature ...string) (formatstest.Call, string, []byte) {
	t.Helper()
	name, b := wheel("lib", version)
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, f := range [][2]string{{":action", "file_upload"}, {"protocol_version", "1"}, {"metadata_version", "2.1"}, {"name", "lib"}, {"version", version}, {"filetype", "bdist_wheel"}, {"attestations", attestations}} {
		if f[1] != "" {
			w.WriteField(f[0], f[1])
		}
	}
	part, err := w.CreateFormFile("content", name)
	if err != nil {
		t.Fatal(err)
	}
	part.Write(b)
	for _, text := range signature {
		if part, err = w.CreateFormFile("gpg_signature", name+".asc"); err != nil {
			t.Fatal(err)
		}
		part.Write([]byte(text))
	}
	w.Close()
	return formatstest.Call{Method: http.MethodPost, Repo: "lone", Body: body.Bytes(), Header: map[string]string{"Content-Type": w.FormDataContentType()}}, name, b
}

func TestWhatIsPublishedIsVerified(t *testing.T) {
	v, elsewhere := sigstoretest.New(t), sigstoretest.New(t)
	stranger := acme
	stranger.Repository = "https://git.test/other/lib"
	type attempt struct {
		signer *sigstoretest.Signer
		by     *sigstoretest.Instance
		rule   string
		status int // 0: it is published
		why    string
	}
	attempts := map[string]attempt{
		"attested, nothing is demanded":     {&acme, v, `{}`, 0, ""},
		"attested as it has to be":          {&acme, v, byAcme, 0, ""},
		"not attested, nothing is demanded": {nil, nil, `{}`, 0, ""},
		"not attested":                      {nil, nil, byAcme, 403, "has no attestation;"},
		"by somebody else":                  {&stranger, v, byAcme, 403, "has an attestation by https://git.test/other/lib"},
		"that nobody can verify":            {&acme, elsewhere, `{}`, 400, "--trust-root"},
	}
	check := func(t *testing.T, s *server, a attempt, answer formatstest.Answer, read, attestations string) {
		t.Helper()
		if a.status != 0 {
			if answer.Status != a.status || !strings.Contains(string(answer.Body), a.why) {
				t.Errorf("%d %s, want %d with %q", answer.Status, answer.Body, a.status, a.why)
			}
			if s.BlobCount() != 0 {
				t.Error("its bytes are kept")
			}
			return
		}
		if answer.Status >= 300 {
			t.Fatalf("%d %s", answer.Status, answer.Body)
		}
		s.want("what was published", formatstest.Call{Repo: "lone", Path: read}, "")
		want := http.StatusOK
		if a.signer == nil {
			want = http.StatusNotFound
		}
		if got := s.Do(formatstest.Call{Repo: "lone", Path: attestations}); got.Status != want {
			t.Errorf("its attestations: %d %s, want %d", got.Status, got.Body, want)
		}
	}
	for name, a := range attempts {
		t.Run("npm/"+name, func(t *testing.T) {
			w := attestedWires[0]
			s := w.trusting(t, v, nil)
			s.rule(a.rule)
			var bundle json.RawMessage
			if a.signer != nil {
				bundle = w.bundle(a.by, *a.signer, settled)
			}
			check(t, s, a, s.Do(npmPublish(settled, bundle)), w.file(settled), w.own(settled))
		})
		t.Run("pypi/"+name, func(t *testing.T) {
			s := attestedWires[1].trusting(t, v, nil)
			s.rule(a.rule)
			attestations := ""
			if a.signer != nil {
				file, b := wheel("lib", settled)
				sum := sha256.Sum256(b)
				list, err := json.Marshal(sigstoretest.Attestations(t, a.by.Bundle(*a.signer, file, "publish", map[string]string{"sha256": hex.EncodeToString(sum[:])})))
				if err != nil {
					t.Fatal(err)
				}
				attestations = string(list)
			}
			call, file, _ := pythonUpload(t, settled, attestations)
			check(t, s, a, s.Do(call), "simple/lib/"+settled+"/"+file, "integrity/lib/"+settled+"/"+file+"/provenance")
		})
	}
}

func TestASignatureNeedNotBeAttestedItself(t *testing.T) {
	v := sigstoretest.New(t)
	s := attestedWires[1].trusting(t, v, nil)
	s.rule(byAcme)
	file, b := wheel("lib", settled)
	sum := sha256.Sum256(b)
	list, err := json.Marshal(sigstoretest.Attestations(t, v.Bundle(acme, file, "publish", map[string]string{"sha256": hex.EncodeToString(sum[:])})))
	if err != nil {
		t.Fatal(err)
	}
	const signature = "-----BEGIN PGP SIGNATURE-----\n"
	call, file, _ := pythonUpload(t, settled, string(list), signature)
	if got := s.Do(call); got.Status != http.StatusOK {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	for _, name := range []string{file + ".asc", file} {
		got := s.Do(formatstest.Call{Repo: "lone", Path: "simple/lib/" + settled + "/" + name})
		if got.Status != http.StatusOK {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	s.rule(`{"attest":[{"package":"PACKAGE","issuer":"https://login.test","identity":"x"}],"block":[{"package":"PACKAGE"}]}`)
	if got := s.Do(formatstest.Call{Repo: "lone", Path: "simple/lib/" + settled + "/" + file + ".asc"}); got.Status != http.StatusForbidden {
		t.Errorf("the signature of what is blocked: %d, want 403", got.Status)
	}
}
