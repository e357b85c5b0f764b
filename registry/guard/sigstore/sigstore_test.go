package sigstore_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/internal/sigstoretest"
	"larder/registry"
	"larder/registry/guard/sigstore"
)

var (
	content = []byte("the bytes of a tarball")
	signer  = sigstoretest.Signer{
		Issuer: "https://login.test", Identity: "https://git.test/acme/lib/.ci/release.yml@refs/heads/main",
		Repository: "https://git.test/acme/lib", Workflow: "https://git.test/acme/lib/.ci/release.yml@refs/heads/main",
	}
)

const (
	subject   = "pkg:npm/%40acme/lib@1.0.0"
	predicate = "https://slsa.dev/provenance/v1"
)

func of(b []byte) registry.Attestable {
	return registry.Attestable{
		Hashes: registry.Hashes{SHA256: sha256.Sum256(b), SHA512: sha512.Sum512(b)},
		Named:  func(s string) bool { return s == subject },
	}
}

func sums(b []byte) map[string]string {
	sum := sha512.Sum512(b)
	return map[string]string{"sha512": hex.EncodeToString(sum[:])}
}

func attestor(t testing.TB, v *sigstoretest.Instance) *sigstore.Attestor {
	t.Helper()
	a, err := sigstore.New(v.Root())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAVerifiedAttestationSaysWho(t *testing.T) {
	v := sigstoretest.New(t)
	good := v.Bundle(signer, subject, predicate, sums(content))
	claims, problem := attestor(t, v).Verify([]json.RawMessage{good}, of(content))
	if problem != "" || len(claims) != 1 {
		t.Fatalf("got %+v, %q", claims, problem)
	}
	c := claims[0]
	if c.Signed.IsZero() {
		t.Error("nobody says when it was signed")
	}
	c.Signed = c.Signed.UTC().Truncate(0)
	want := registry.Claim{Issuer: signer.Issuer, Identity: signer.Identity, Repository: signer.Repository, Workflow: signer.Workflow, Predicate: predicate, Signed: c.Signed}
	if c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
}

func TestWhatDoesNotVerifyClaimsNothing(t *testing.T) {
	v, elsewhere := sigstoretest.New(t), sigstoretest.New(t)
	a := attestor(t, v)
	late, unlogged := signer, signer
	late.Late, unlogged.Unlogged = true, true
	good := v.Bundle(signer, subject, predicate, sums(content))
	edit := func(f func(b map[string]any)) json.RawMessage {
		var b map[string]any
		if err := json.Unmarshal(good, &b); err != nil {
			t.Fatal(err)
		}
		f(b)
		out, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	other := v.Bundle(signer, subject, predicate, sums([]byte("other bytes")))
	member := func(raw json.RawMessage, name string) any {
		var b map[string]any
		if err := json.Unmarshal(raw, &b); err != nil {
			t.Fatal(err)
		}
		return b[name]
	}
	for name, c := range map[string]struct {
		bundle json.RawMessage
		why    string
	}{
		"of an instance that is not trusted":    {elsewhere.Bundle(signer, subject, predicate, sums(content)), "log"},
		"about other bytes":                     {other, "its statement is about other bytes"},
		"about another package":                 {v.Bundle(signer, "pkg:npm/%40acme/other@1.0.0", predicate, sums(content)), "its statement is about another file"},
		"without a digest":                      {v.Bundle(signer, subject, predicate, map[string]string{"md5": "00"}), "its statement is about other bytes"},
		"with one right digest and a wrong one": {v.Bundle(signer, subject, predicate, map[string]string{"sha512": sums(content)["sha512"], "sha256": strings.Repeat("0", 64)}), "its statement is about other bytes"},
		"logged when its certificate was over":  {v.Bundle(late, subject, predicate, sums(content)), "certificate"},
		"in no log":                             {v.Bundle(unlogged, subject, predicate, sums(content)), "log"},
		"whose statement was exchanged": {edit(func(b map[string]any) {
			b["dsseEnvelope"].(map[string]any)["payload"] = member(other, "dsseEnvelope").(map[string]any)["payload"]
		}), ""},
		"whose certificate was exchanged": {edit(func(b map[string]any) {
			b["verificationMaterial"].(map[string]any)["certificate"] = member(other, "verificationMaterial").(map[string]any)["certificate"]
		}), ""},
		"signed with a key": {edit(func(b map[string]any) {
			m := b["verificationMaterial"].(map[string]any)
			delete(m, "certificate")
			m["publicKey"] = map[string]any{"hint": "SHA256:abc"}
		}), "signed with a key"},
		"that is none":         {json.RawMessage(`{"a":1}`), "no Sigstore bundle"},
		"that is empty":        {nil, "no Sigstore bundle"},
		"that is much too big": {json.RawMessage(`"` + strings.Repeat("a", 1<<20) + `"`), "is the limit"},
	} {
		t.Run(name, func(t *testing.T) {
			claims, problem := a.Verify([]json.RawMessage{c.bundle}, of(content))
			if len(claims) != 0 || problem == "" || !strings.Contains(problem, c.why) {
				t.Errorf("got %+v, %q, want %q in it", claims, problem, c.why)
			}
			if strings.ContainsAny(problem, "\n\t") || len(problem) > 320 {
				t.Errorf("%q is no part of a sentence", problem)
			}
			// Beside one that verifies it does no harm.
			if claims, problem := a.Verify([]json.RawMessage{c.bundle, good}, of(content)); len(claims) != 1 || problem != "" {
				t.Errorf("beside a good one: %+v, %q", claims, problem)
			}
		})
	}
	if claims, problem := a.Verify(nil, of(content)); len(claims) != 0 || problem == "" {
		t.Errorf("of no bundle: %+v, %q", claims, problem)
	}
}

func TestARootThatCannotBeTrustedIsRefused(t *testing.T) {
	v := sigstoretest.New(t)
	whole := v.Root()
	without := func(member string) []byte {
		var r map[string]any
		if err := json.Unmarshal(whole, &r); err != nil {
			t.Fatal(err)
		}
		delete(r, member)
		b, _ := json.Marshal(r)
		return b
	}
	for name, c := range map[string]struct {
		root []byte
		why  string
	}{
		"no JSON":                  {[]byte("hello"), "no trusted_root.json"},
		"JSON of another kind":     {[]byte(`{"mediaType":"x"}`), "no trusted_root.json"},
		"no authority":             {without("certificateAuthorities"), "no certificate authority"},
		"nobody who tells a time":  {without("tlogs"), "neither a transparency log nor a time stamping authority"},
		"a log without a good key": {bytes.ReplaceAll(whole, []byte(`"rawBytes":"MFk`), []byte(`"rawBytes":"AAk`)), "no trusted_root.json"},
	} {
		if _, err := sigstore.New(c.root); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want %q in it", name, err, c.why)
		}
	}
	file := filepath.Join(t.TempDir(), "trusted_root.json")
	if _, err := sigstore.Load(file); err == nil {
		t.Error("a file that is not there is trusted")
	}
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := sigstore.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if b := attestor(t, v); a.Trust() != b.Trust() && bytes.Equal(whole, v.Root()) {
		t.Error("the same root is another trust")
	}
}

func FuzzVerify(f *testing.F) {
	v := sigstoretest.New(f)
	a := attestor(f, v)
	f.Add([]byte(v.Bundle(signer, subject, predicate, sums(content))))
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"tlogEntries":[{}],"certificate":{"rawBytes":"MAA="}},"dsseEnvelope":{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AA=="}]}}`))
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.1"}`))
	elsewhere := []byte("bytes that nothing was signed about")
	f.Fuzz(func(t *testing.T, b []byte) {
		// Whatever it is: nobody has attested these bytes.
		if claims, problem := a.Verify([]json.RawMessage{b}, of(elsewhere)); len(claims) != 0 || problem == "" {
			t.Errorf("%+v, %q", claims, problem)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	v := sigstoretest.New(b)
	a := attestor(b, v)
	bundle := []json.RawMessage{v.Bundle(signer, subject, predicate, sums(content))}
	for b.Loop() {
		if _, problem := a.Verify(bundle, of(content)); problem != "" {
			b.Fatal(problem)
		}
	}
}
