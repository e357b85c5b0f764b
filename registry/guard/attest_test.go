package guard_test

import (
	"strings"
	"testing"

	"larder/registry"
	"larder/registry/guard"
)

func TestAttest(t *testing.T) {
	claim := registry.Claim{
		Issuer: "https://login.test", Identity: "https://git.test/acme/lib/.ci/release.yml@refs/tags/v1",
		Repository: "https://git.test/acme/lib", Workflow: "https://git.test/acme/lib/.ci/release.yml@refs/tags/v1", Predicate: "provenance",
	}
	looked := registry.Provenance{Asset: "a.tgz", Offered: true, Looked: true, Claims: []registry.Claim{claim}}
	unlooked := registry.Provenance{Asset: "b.tgz", Offered: true}
	none := registry.Provenance{Asset: "c.tgz"}
	failed := registry.Provenance{Asset: "d.tgz", Offered: true, Looked: true, Problem: "it is forged", Until: now}
	rule := func(members string) string {
		return `{"attest":[{"package":"/npm//lib$","issuer":"https://login.test",` + members + `}]}`
	}
	for name, c := range map[string]struct {
		document string
		of       []registry.Provenance
		hide     bool
		refuse   bool
		waits    bool
		why      string
	}{
		"from the source":                    {rule(`"repository":"https://git.test/acme/lib"`), []registry.Provenance{looked}, false, false, false, ""},
		"from a source of the owner":         {rule(`"repository":"https://git.test/acme/*"`), []registry.Provenance{looked}, false, false, false, ""},
		"from the source, spelled otherwise": {rule(`"repository":"https://git.test/acme/lib.git"`), []registry.Provenance{looked}, false, false, false, ""},
		"from another source":                {rule(`"repository":"https://git.test/acme/li"`), []registry.Provenance{looked}, true, true, false, "has an attestation by https://git.test/acme/lib"},
		"by the workflow":                    {rule(`"repository":"https://git.test/acme/lib","workflow":"release.yml"`), []registry.Provenance{looked}, false, false, false, ""},
		"by the workflow with its folder":    {rule(`"repository":"https://git.test/acme/lib","workflow":".ci/release.yml"`), []registry.Provenance{looked}, false, false, false, ""},
		"by a workflow in another folder":    {rule(`"repository":"https://git.test/acme/lib","workflow":"ci/release.yml"`), []registry.Provenance{looked}, true, true, false, "has an attestation by"},
		"by a workflow whose name is more":   {rule(`"repository":"https://git.test/acme/lib","workflow":"elease.yml"`), []registry.Provenance{looked}, true, true, false, "has an attestation by"},
		"by the identity":                    {rule(`"identity":"https://git.test/acme/lib/*"`), []registry.Provenance{looked}, false, false, false, ""},
		"by another identity":                {rule(`"identity":"me@acme.test"`), []registry.Provenance{looked}, true, true, false, "has an attestation by"},
		"with the predicate":                 {rule(`"identity":"https://*","predicate":"provenance"`), []registry.Provenance{looked}, false, false, false, ""},
		"with another predicate":             {rule(`"identity":"https://*","predicate":"sbom"`), []registry.Provenance{looked}, true, true, false, "has an attestation by"},
		"nobody has looked":                  {rule(`"identity":"https://*"`), []registry.Provenance{looked, unlooked}, false, true, true, "nobody has looked"},
		"one file is not attested":           {rule(`"identity":"https://*"`), []registry.Provenance{unlooked, none}, true, true, false, "has no attestation of file c.tgz;"},
		"one file's does not verify":         {rule(`"identity":"https://*"`), []registry.Provenance{looked, failed}, true, true, false, "has no attestation of file d.tgz that verifies: it is forged"},
		"a signature by itself":              {rule(`"identity":"x"`), []registry.Provenance{{Asset: "a.tgz.asc", Needless: true}}, false, false, false, ""},
		"no file":                            {rule(`"identity":"https://*"`), nil, true, true, false, "no file"},
		"another package":                    {`{"attest":[{"package":"/npm//other$","issuer":"https://login.test","identity":"x"}]}`, nil, false, false, false, ""},
		"one of two signers":                 {`{"attest":[{"package":"/npm/*","issuer":"https://login.test","identity":"x"},{"package":"/npm/*","issuer":"https://login.test","identity":"https://*"}]}`, []registry.Provenance{looked}, false, false, false, ""},
		"the most specific pattern counts":   {`{"attest":[{"package":"/npm/*","issuer":"https://login.test","identity":"https://*"},{"package":"/npm//lib$","issuer":"https://login.test","identity":"x"}]}`, []registry.Provenance{looked}, true, true, false, "attested by x"},
		"exempt":                             {`{"attest":[{"package":"/npm/*","issuer":"https://login.test","identity":"x"}],"exempt":[{"from":["attest"]}]}`, nil, false, false, false, ""},
		"too new, whatever was attested":     {`{"attest":[{"package":"/npm/*","issuer":"https://login.test","identity":"https://*"}],"cooldown":[{"age":"999d"}]}`, []registry.Provenance{unlooked}, true, true, false, "too new"},
		"the reason is told":                 {rule(`"identity":"x","reason":"see the handbook"`), []registry.Provenance{looked}, true, true, false, "see the handbook"},
	} {
		t.Run(name, func(t *testing.T) {
			rulings, err := guard.New(formats).Compile(c.document)
			if err != nil {
				t.Fatal(err)
			}
			var got registry.Verdict
			if of := rulings.Of(lib(registry.NPM)); of != nil {
				for _, origin := range []registry.OriginType{registry.OriginInternal, registry.OriginExternal} {
					if strings.Contains(c.document, "cooldown") && origin == registry.OriginInternal {
						continue
					}
					v := version("1.2.0")
					v.Origin.Type = origin
					got = of.Judge(registry.Subject{Package: lib(registry.NPM), Version: v, Provenance: c.of, Trusts: true, Now: now})
					if got.Hide != c.hide || got.Refuse != c.refuse || got.Unverified != c.waits || !strings.Contains(got.Reason, c.why) || (c.why == "") != (got.Reason == "") {
						t.Errorf("%s: got %+v", origin, got)
					}
				}
				if len(of.Explain()) == 0 {
					t.Error("nothing is explained")
				}
			} else if c.refuse {
				t.Error("no rule is about it")
			}
		})
	}
}

func TestRulesAboutAttestationsSayEnough(t *testing.T) {
	for document, why := range map[string]string{
		`{"attest":[{"issuer":"https://login.test","identity":"x"}]}`:                                         "npm and PyPI packages alone",
		`{"attest":[{"package":"/maven/*","issuer":"https://login.test","identity":"x"}]}`:                    "npm and PyPI packages alone",
		`{"attest":[{"package":"/npm/*","identity":"x"}]}`:                                                    "it needs an issuer",
		`{"attest":[{"package":"/npm/*","issuer":"https://login.test"}]}`:                                     "it needs an identity or a repository",
		`{"attest":[{"package":"/npm/*","issuer":"login","identity":"x"}]}`:                                   "is no URL",
		`{"attest":[{"package":"/npm/*","issuer":"https://login.test","repository":"acme/lib"}]}`:             "is no URL",
		`{"attest":[{"package":"/npm/x/y","issuer":"https://login.test","repository":"https://git.test/a"}]}`: "",
	} {
		if _, err := guard.New(formats).Compile(document); registry.CodeOf(err) != registry.Invalid || !strings.Contains(registry.MessageOf(err), why) {
			t.Errorf("%s: %v, want Invalid with %q", document, err, why)
		}
	}
}
