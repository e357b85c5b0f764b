package login

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestSetNpmrc(t *testing.T) {
	set := []setting{{"registry", "NEW"}, {"//h/:_authToken", "TOKEN"}}
	for _, c := range []struct{ name, text, want string }{
		{"an empty file gets both", "", "registry=NEW\n//h/:_authToken=TOKEN\n"},
		{"other lines stay as they are", "; mine\n  fund = false\n\n", "; mine\n  fund = false\n\nregistry=NEW\n//h/:_authToken=TOKEN\n"},
		{"a setting is replaced in its place", "a=1\nregistry = old\nb=2\n", "a=1\nregistry=NEW\nb=2\n//h/:_authToken=TOKEN\n"},
		{"a setting that stands twice stands once", "registry=1\nx=y\nregistry=2\n", "registry=NEW\nx=y\n//h/:_authToken=TOKEN\n"},
		{"a comment is no setting", "#registry=old\n;registry=old\n", "#registry=old\n;registry=old\nregistry=NEW\n//h/:_authToken=TOKEN\n"},
		{"a quoted key is the same key", "\"registry\"=old\n", "registry=NEW\n//h/:_authToken=TOKEN\n"},
		{"a last line without an end gets one", "a=1", "a=1\nregistry=NEW\n//h/:_authToken=TOKEN\n"},
		{"line ends of Windows stay", "a=1\r\n", "a=1\r\nregistry=NEW\r\n//h/:_authToken=TOKEN\r\n"},
		{"a section is left alone", "a=1\n[s]\nregistry=other\n", "a=1\nregistry=NEW\n//h/:_authToken=TOKEN\n[s]\nregistry=other\n"},
		{"the key alone counts, not its beginning", "registry-x=1\n", "registry-x=1\nregistry=NEW\n//h/:_authToken=TOKEN\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := setNpmrc(c.text, set); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestScopesLeaveTheDefaultRegistryAlone(t *testing.T) {
	to := target
	to.Scopes = []string{"acme", "@other"}
	p, err := npm.Plan(machine(t, nil), to)
	if err != nil {
		t.Fatal(err)
	}
	got := string(p.Edits[0].After)
	for _, want := range []string{"@acme:registry=" + to.Endpoint + "\n", "@other:registry=" + to.Endpoint + "\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in %q", want, got)
		}
	}
	if strings.Contains("\n"+got, "\nregistry=") {
		t.Errorf("the default registry is set in %q", got)
	}
}

func TestUserNpmrcIsWhereNpmLooks(t *testing.T) {
	abs := filepath.Join(t.TempDir(), "rc")
	for _, c := range []struct{ name, key, value, want string }{
		{"home by default", "", "", "HOME/.npmrc"},
		{"npm's variable", "npm_config_userconfig", abs, abs},
		{"in capitals", "NPM_CONFIG_USERCONFIG", "~/x", "HOME/x"},
	} {
		m := machine(t, map[string]string{c.key: c.value})
		want := strings.Replace(c.want, "HOME", m.Home, 1)
		if got := userNpmrc(m); got != want {
			t.Errorf("%s: %q, want %q", c.name, got, want)
		}
	}
}

// The result holds each setting once, keeps all other lines in order, and
// setting again changes nothing.
func FuzzSetNpmrc(f *testing.F) {
	for _, s := range []string{"", "a=1", "registry=x\r\n[s]\nregistry=y", "\"registry\"=1\n'registry'=2\n", "\xef\xbb\xbfregistry=1", "=\n==\n[\n"} {
		f.Add(s)
	}
	set := []setting{{"registry", "NEW"}, {"//h/:_authToken", "TOKEN"}}
	f.Fuzz(func(t *testing.T, text string) {
		got := setNpmrc(text, set)
		if again := setNpmrc(got, set); again != got {
			t.Fatalf("setting again makes %q of %q", again, got)
		}
		head := got
		if at := regexp.MustCompile(`(?m)^\[[^\]\n]*\]\s*$`).FindStringIndex(got); at != nil {
			head = got[:at[0]]
		}
		for _, s := range set {
			if !strings.Contains(head, s.key+"="+s.value) {
				t.Fatalf("%s is missing in %q", s.key, got)
			}
		}
	})
}
