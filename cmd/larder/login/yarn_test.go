package login

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func TestSetYarnrcKeepsOtherSettingsAndComments(t *testing.T) {
	before := `# of the team
nodeLinker: node-modules # not pnp

npmRegistries:
  "//other.upstream.test":
    npmAuthToken: theirs
npmRegistryServer: "https://other.upstream.test"
unsafeHttpWhitelist:
  - "*.internal"
`
	got, err := setYarnrc([]byte(before), target)
	if err != nil {
		t.Fatal(err)
	}
	want := `# of the team
nodeLinker: node-modules # not pnp
npmRegistries:
  "//other.upstream.test":
    npmAuthToken: theirs
  "//127.0.0.1:8484/npm/d/local-000000000000/main":
    npmAlwaysAuth: true
    npmAuthToken: "eyJ.abc-_.sig"
npmRegistryServer: "http://127.0.0.1:8484/npm/d/local-000000000000/main/"
unsafeHttpWhitelist:
  - "*.internal"
  - "127.0.0.1"
`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
}

func TestSetYarnrcOverHTTPSWhitelistsNothing(t *testing.T) {
	to := Target{Endpoint: "https://packages.upstream.test/npm/", Token: "t", Scopes: []string{"@acme"}}
	got, err := setYarnrc(nil, to)
	if err != nil {
		t.Fatal(err)
	}
	want := `npmScopes:
  acme:
    npmRegistryServer: "https://packages.upstream.test/npm/"
npmRegistries:
  "//packages.upstream.test/npm":
    npmAlwaysAuth: true
    npmAuthToken: "t"
`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
}

func TestSetYarnrcRefusesWhatItWouldBreak(t *testing.T) {
	for _, text := range []string{"a: [", "- a\n", "npmRegistries: x\n", "unsafeHttpWhitelist: x\n"} {
		if got, err := setYarnrc([]byte(text), target); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// Whatever the file held, the result is YAML that leads to the target, or an error.
func FuzzSetYarnrc(f *testing.F) {
	for _, s := range []string{"", "# only a comment\n", "a: &x {b: 1}\nc: *x\n", "npmRegistries:\n", "npmRegistryServer: {a: b}\n", "a: 1\n---\nb: 2\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := setYarnrc(text, target)
		if err != nil {
			return
		}
		var back struct {
			Server     string `yaml:"npmRegistryServer"`
			Registries map[string]struct {
				Token string `yaml:"npmAuthToken"`
			} `yaml:"npmRegistries"`
		}
		if err := yaml.Unmarshal(got, &back); err != nil {
			t.Fatalf("%q became %q: %v", text, got, err)
		}
		if back.Server != target.Endpoint || back.Registries["//127.0.0.1:8484/npm/d/local-000000000000/main"].Token != target.Token {
			t.Fatalf("%q became %q", text, got)
		}
	})
}
