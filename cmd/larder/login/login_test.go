package login

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var target = Target{
	Endpoint:   "http://127.0.0.1:8484/npm/d/local-000000000000/main/",
	Token:      "eyJ.abc-_.sig",
	Domain:     "local",
	Repository: "main",
}

// npmFamily are the tools that read .npmrc.
var npmFamily = []Tool{npm, pnpm, yarn, bun}

func machine(t *testing.T, env map[string]string) Machine {
	t.Helper()
	return Machine{Home: t.TempDir(), Dir: t.TempDir(), OS: "linux", Getenv: func(k string) string { return env[k] }}
}

func TestNpmrcKeepsWhatItHeld(t *testing.T) {
	for _, tool := range npmFamily {
		t.Run(tool.Name, func(t *testing.T) {
			m := machine(t, nil)
			npmrc := filepath.Join(m.Home, ".npmrc")
			if err := os.WriteFile(npmrc, []byte("fund=false\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			apply(t, tool, m, target)
			got, _ := os.ReadFile(npmrc)
			want := "fund=false\nregistry=" + target.Endpoint + "\n//127.0.0.1:8484/npm/d/local-000000000000/main/:_authToken=" + target.Token + "\n"
			if !strings.HasPrefix(string(got), want) {
				t.Errorf("got %q\nwant %q first", got, want)
			}
		})
	}
}

// apply sets a tool up and gives the files that it wrote, by name below the
// home folder.
func apply(t *testing.T, tool Tool, m Machine, to Target) map[string]string {
	t.Helper()
	p, err := tool.Plan(m, to)
	if err != nil {
		t.Fatalf("%s: %v", tool.Name, err)
	}
	if err := p.Apply(); err != nil {
		t.Fatalf("%s: %v", tool.Name, err)
	}
	files := map[string]string{}
	for _, e := range p.Edits {
		text, err := os.ReadFile(e.File)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(m.Home, e.File)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.ToSlash(name)] = string(text)
	}
	return files
}

func TestEveryToolWritesForItsUserAlone(t *testing.T) {
	for _, tool := range Tools {
		m := machine(t, nil)
		files := apply(t, tool, m, target)
		secrets := 0
		for name, text := range files {
			st, err := os.Stat(filepath.Join(m.Home, name))
			if err != nil || st.Mode().Perm() != 0o600 {
				t.Errorf("%s: %s has mode %v, %v; want 0600", tool.Name, name, st.Mode(), err)
			}
			secrets += strings.Count(text, target.Token)
		}
		if secrets == 0 {
			t.Errorf("%s: the token is in none of %v", tool.Name, files)
		}
	}
}

func TestADryRunShowsNoSecret(t *testing.T) {
	for _, tool := range Tools {
		m := machine(t, nil)
		apply(t, tool, m, target)
		next := target
		next.Token = "NEWTOKEN"
		p, err := tool.Plan(m, next)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		p.Show(&b)
		if strings.Contains(b.String(), "NEWTOKEN") || strings.Contains(b.String(), target.Token) || !strings.Contains(b.String(), "(hidden)") {
			t.Errorf("%s shows\n%s", tool.Name, b.String())
		}
	}
}

func TestFlagsOfOtherToolsAreRefused(t *testing.T) {
	scoped, netrc := target, target
	scoped.Scopes = []string{"@acme"}
	netrc.Netrc = true
	for _, tool := range Tools {
		if _, err := tool.Plan(machine(t, nil), scoped); (err == nil) != (tool.Format == "npm") {
			t.Errorf("%s with a scope: %v", tool.Name, err)
		}
		if _, err := tool.Plan(machine(t, nil), netrc); (err == nil) != (tool.Name == "pip") {
			t.Errorf("%s with netrc: %v", tool.Name, err)
		}
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
		"a domain that ends the line":   {Endpoint: target.Endpoint, Token: "t", Domain: "a\nb"},
		"a repository that is XML":      {Endpoint: target.Endpoint, Token: "t", Repository: "<a/>"},
	} {
		if to.Domain == "" {
			to.Domain = "local"
		}
		if to.Repository == "" {
			to.Repository = "main"
		}
		if p, err := npm.Plan(machine(t, nil), to); err == nil {
			t.Errorf("%s: planned %q", name, p.Edits)
		}
	}
}

func TestEndpointIsSpelledAsClientsLookItUp(t *testing.T) {
	p, err := npm.Plan(machine(t, nil), Target{Endpoint: "HTTPS://Packages.upstream.test:443/npm/main", Token: "t", Domain: "local", Repository: "main"})
	if err != nil {
		t.Fatal(err)
	}
	want := "registry=https://packages.upstream.test/npm/main/\n//packages.upstream.test/npm/main/:_authToken=t\n"
	if got := string(p.Edits[0].After); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFindNamesWhatThereIs(t *testing.T) {
	if _, err := Find("make"); err == nil || !strings.Contains(err.Error(), "npm, pnpm, yarn, bun, pip, uv, poetry, pdm, twine, maven, gradle, sbt, nuget, dotnet") {
		t.Errorf("make: %v", err)
	}
	for asked, want := range map[string]string{"bun": "bun", "mvn": "maven", "dotnet": "dotnet"} {
		if tool, err := Find(asked); err != nil || tool.Name != want {
			t.Errorf("%s: %v, %v", asked, tool.Name, err)
		}
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
