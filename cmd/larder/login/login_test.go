package login

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var target = Target{
	Endpoint: "http://127.0.0.1:8484/npm/d/local-000000000000/main/",
	Token:    "eyJ.abc-_.sig",
}

func machine(t *testing.T, env map[string]string) Machine {
	t.Helper()
	return Machine{Home: t.TempDir(), Dir: t.TempDir(), Getenv: func(k string) string { return env[k] }}
}

func TestEveryToolWritesTheTokenForItsUserAlone(t *testing.T) {
	for _, tool := range Tools {
		t.Run(tool.Name, func(t *testing.T) {
			m := machine(t, nil)
			npmrc := filepath.Join(m.Home, ".npmrc")
			if err := os.WriteFile(npmrc, []byte("fund=false\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			p, err := tool.Plan(m, target)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Apply(); err != nil {
				t.Fatal(err)
			}
			st, err := os.Stat(npmrc)
			if err != nil || st.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v; want 0600", st.Mode(), err)
			}
			got, _ := os.ReadFile(npmrc)
			want := "fund=false\nregistry=" + target.Endpoint + "\n//127.0.0.1:8484/npm/d/local-000000000000/main/:_authToken=" + target.Token + "\n"
			if !strings.HasPrefix(string(got), want) {
				t.Errorf("got %q\nwant %q first", got, want)
			}
		})
	}
}

func TestASecondLoginChangesNothing(t *testing.T) {
	for _, tool := range Tools {
		m := machine(t, nil)
		first, err := tool.Plan(m, target)
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Apply(); err != nil {
			t.Fatal(err)
		}
		second, err := tool.Plan(m, target)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range second.Edits {
			if string(e.After) != string(first.Edits[i].After) {
				t.Errorf("%s: %s changed from\n%s\nto\n%s", tool.Name, e.File, first.Edits[i].After, e.After)
			}
		}
	}
}

func TestPlanRefusesWhatCouldNotStandInSettings(t *testing.T) {
	for name, to := range map[string]Target{
		"a token that ends the line":    {Endpoint: target.Endpoint, Token: "a\nregistry=http://elsewhere"},
		"an empty token":                {Endpoint: target.Endpoint},
		"a URL of another scheme":       {Endpoint: "file:///etc/", Token: "t"},
		"a URL that ends the line":      {Endpoint: "http://h/\nx=y", Token: "t"},
		"a URL with a variable of npm":  {Endpoint: "http://h/${HOME}/", Token: "t"},
		"a scope that is a key":         {Endpoint: target.Endpoint, Token: "t", Scopes: []string{"a=b"}},
		"a scope that leaves its entry": {Endpoint: target.Endpoint, Token: "t", Scopes: []string{"a\nb"}},
	} {
		if p, err := npm.Plan(machine(t, nil), to); err == nil {
			t.Errorf("%s: planned %q", name, p.Edits)
		}
	}
}

func TestEndpointIsSpelledAsClientsLookItUp(t *testing.T) {
	p, err := npm.Plan(machine(t, nil), Target{Endpoint: "HTTPS://Packages.upstream.test:443/npm/main", Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	want := "registry=https://packages.upstream.test/npm/main/\n//packages.upstream.test/npm/main/:_authToken=t\n"
	if got := string(p.Edits[0].After); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFindNamesWhatThereIs(t *testing.T) {
	if _, err := Find("pip"); err == nil || !strings.Contains(err.Error(), "PyPI") || !strings.Contains(err.Error(), "npm, pnpm, yarn, bun") {
		t.Errorf("pip: %v", err)
	}
	if _, err := Find("make"); err == nil {
		t.Error("make was found")
	}
	if tool, err := Find("bun"); err != nil || tool.Name != "bun" {
		t.Errorf("bun: %v, %v", tool.Name, err)
	}
}

func TestShowHidesSecrets(t *testing.T) {
	m := machine(t, nil)
	old := "registry=http://me:pw@upstream.test/\n//127.0.0.1:8484/npm/d/local-000000000000/main/:_authToken=OLDTOKEN\n"
	if err := os.WriteFile(filepath.Join(m.Home, ".npmrc"), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := yarn.Plan(m, target)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	p.Show(&b)
	for _, secret := range []string{"OLDTOKEN", target.Token, "me:pw"} {
		if strings.Contains(b.String(), secret) {
			t.Errorf("%q is shown:\n%s", secret, b.String())
		}
	}
	if !strings.Contains(b.String(), "+ registry="+target.Endpoint) || !strings.Contains(b.String(), "npmAuthToken: (hidden)") {
		t.Errorf("shown:\n%s", b.String())
	}
}

func TestNotesSayWhatOutranksTheUsersSettings(t *testing.T) {
	m := machine(t, nil)
	for name, text := range map[string]string{".npmrc": "registry = http://other.upstream.test/\n", "bunfig.toml": "[install]\nregistry = \"x\"\n"} {
		if err := os.WriteFile(filepath.Join(m.Dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := bun.Plan(m, target)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Notes) != 2 || !strings.Contains(p.Notes[0], ".npmrc") || !strings.Contains(p.Notes[1], "bunfig.toml") {
		t.Errorf("notes %q", p.Notes)
	}
}
