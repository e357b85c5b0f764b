package login

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// helperTarget is the target with a helper in place of a token. What is checked
// holds for any place of larder, also one that a shell would split.
func helperTarget() Target {
	to := target
	to.Helper = &Helper{Program: "/opt/my tools/it's/larder", Helped: Helped{Seconds: 43200, Data: "/srv/larder-data"}}
	return to
}

// helperTools are those that ask another program.
func helperTools() (tools []Tool) {
	for _, tool := range Tools {
		if tool.HasHelper() {
			tools = append(tools, tool)
		}
	}
	return tools
}

func TestWithAHelperNoTokenIsWritten(t *testing.T) {
	for _, tool := range helperTools() {
		t.Run(tool.Name, func(t *testing.T) {
			m := machine(t, nil)
			if tool.Name == "pnpm" || tool.Name == "pip" || tool.Name == "uv" || tool.Name == "twine" || tool.Format == "nuget" {
				apply(t, tool, m, target) // and one that is there goes
			}
			scripts := 0
			for name, text := range apply(t, tool, m, helperTarget()) {
				if strings.Contains(text, target.Token) {
					t.Errorf("%s holds a token:\n%s", name, text)
				}
				st, err := os.Stat(filepath.Join(m.Home, name))
				if err != nil {
					t.Fatal(err)
				}
				want := os.FileMode(0o600)
				if strings.HasPrefix(text, "#!") {
					want = 0o700
				}
				if st.Mode().Perm() != want {
					t.Errorf("%s has mode %v, want %v", name, st.Mode(), want)
				}
				if strings.Contains(text, "helper") {
					scripts++
				}
			}
			if scripts == 0 {
				t.Error("nothing of what was written runs the helper")
			}
			h, found, err := FindHelped(m, target.Endpoint)
			if err != nil || !found || h.Data != "/srv/larder-data" || h.Domain != "local" || h.Seconds != 43200 {
				t.Errorf("the helper finds %+v, %v, %v", h, found, err)
			}
		})
	}
}

func TestASecondHelperChangesNothing(t *testing.T) {
	for _, tool := range helperTools() {
		m := machine(t, nil)
		first := apply(t, tool, m, helperTarget())
		for name, text := range apply(t, tool, m, helperTarget()) {
			if text != first[name] {
				t.Errorf("%s: %s changed from\n%s\nto\n%s", tool.Name, name, first[name], text)
			}
		}
	}
}

func TestToolsWithoutAHelperSayWhoHasOne(t *testing.T) {
	for _, tool := range Tools {
		_, err := tool.Plan(machine(t, nil), helperTarget())
		if tool.HasHelper() != (err == nil) {
			t.Errorf("%s: %v", tool.Name, err)
		}
		if err != nil && !strings.Contains(err.Error(), "pnpm, yarn, pip, uv") {
			t.Errorf("%s says only %q", tool.Name, err)
		}
	}
}

func TestFindHelpedByAnyURLOfTheRepository(t *testing.T) {
	m := machine(t, nil)
	apply(t, pip, m, func() Target {
		to := helperTarget()
		to.Endpoint = "https://packages.upstream.test/pypi/d/local-000000000000/main/"
		return to
	}())
	for of, want := range map[string]bool{
		"https://packages.upstream.test/pypi/d/local-000000000000/main/":                     true,
		"https://packages.upstream.test/pypi/d/local-000000000000/main":                      true,
		"https://aws@packages.upstream.test/pypi/d/local-000000000000/main/simple/":          true,
		"https://PACKAGES.upstream.test:443/pypi/d/local-000000000000/main/simple/x/?a=b#c":  true,
		"https://packages.upstream.test/pypi/d/local-000000000000/main-2/simple/":            false,
		"https://packages.upstream.test/npm/d/local-000000000000/main/":                      false,
		"http://packages.upstream.test/pypi/d/local-000000000000/main/":                      false,
		"https://packages.upstream.test:8443/pypi/d/local-000000000000/main/":                false,
		"https://packages.upstream.test.other.test/pypi/d/local-000000000000/main/":          false,
		"https://packages.upstream.test@other.test/pypi/d/local-000000000000/main/":          false,
		"https://other.test/?https://packages.upstream.test/pypi/d/local-000000000000/main/": false,
		"packages.upstream.test":       false,
		"poetry-repository-local-main": false,
		"":                             false,
		"%":                            false,
	} {
		if _, got, err := FindHelped(m, of); got != want || err != nil {
			t.Errorf("%q: %v, %v; want %v", of, got, err, want)
		}
	}
}

func TestHelpedThatIsBrokenSaysWhatToDo(t *testing.T) {
	m := machine(t, nil)
	apply(t, pnpm, m, helperTarget())
	if err := os.WriteFile(helpedFile(m), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := FindHelped(m, target.Endpoint); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("got %v", err)
	}
}

// The settings, tool by tool, in full where they are few.
func TestHelperSettings(t *testing.T) {
	for _, c := range []struct {
		tool Tool
		has  map[string]string
	}{
		{pnpm, map[string]string{
			".npmrc": "registry=" + target.Endpoint + "\n//127.0.0.1:8484/npm/d/local-000000000000/main/:tokenHelper=HOME/.config/larder/helpers/npm-127.0.0.1-8484-npm-d-local-000000000000-main\n",
			".config/larder/helpers/npm-127.0.0.1-8484-npm-d-local-000000000000-main": "#!/bin/sh\n# Made by larder login pnpm --helper.\nexec '/opt/my tools/it'\\''s/larder' helper 'npm' '" + target.Endpoint + "' \"$@\"\n",
		}},
		{pip, map[string]string{
			".config/pip/pip.conf": "[global]\nindex-url = http://aws@127.0.0.1:8484/npm/d/local-000000000000/main/simple/\nkeyring-provider = subprocess\n",
			".local/bin/keyring":   "#!/bin/sh\n# Made by larder login pip --helper.\nexec '/opt/my tools/it'\\''s/larder' helper 'keyring' \"$@\"\n",
		}},
		{uv, map[string]string{
			".config/uv/uv.toml": "keyring-provider = \"subprocess\"\n\n[[index]]\nname = \"larder\"\nurl = \"http://aws@127.0.0.1:8484/npm/d/local-000000000000/main/simple/\"\npublish-url = \"http://127.0.0.1:8484/npm/d/local-000000000000/main/\"\ndefault = true\n",
		}},
		{twine, map[string]string{
			".config/python_keyring/keyringrc.cfg": "[backend]\ndefault-keyring = larder_keyring.Keyring\nkeyring-path = HOME/.config/larder/python\n",
		}},
		{dotnet, map[string]string{
			".local/bin/nuget-plugin-larder": "#!/bin/sh\n# Made by larder login dotnet --helper.\nexec '/opt/my tools/it'\\''s/larder' helper 'nuget' \"$@\"\n",
		}},
	} {
		m := machine(t, nil)
		files := apply(t, c.tool, m, helperTarget())
		for name, want := range c.has {
			want = strings.ReplaceAll(want, "HOME", filepath.ToSlash(m.Home))
			if files[name] != want {
				t.Errorf("%s: %s is\n%s\nwant\n%s", c.tool.Name, name, files[name], want)
			}
		}
	}
}

func TestAHelperTouchesNothingOfOthers(t *testing.T) {
	write := func(m Machine, name, text string, mode os.FileMode) string {
		t.Helper()
		name = filepath.Join(m.Home, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return name
	}
	t.Run("a keyring of Python's is used", func(t *testing.T) {
		m := machine(t, nil)
		at := write(m, "py/keyring", "#!/usr/bin/python3\n", 0o755)
		m.Getenv = func(k string) string { return map[string]string{"PATH": filepath.Dir(at)}[k] }
		files := apply(t, uv, m, helperTarget())
		if _, ok := files[".local/bin/keyring"]; ok || !strings.Contains(files[".config/larder/python/larder_keyring.py"], `"/opt/my tools/it's/larder"`) {
			t.Errorf("wrote %q", files)
		}
	})
	t.Run("one in a virtual environment is not there tomorrow", func(t *testing.T) {
		m := machine(t, nil)
		at := write(m, "env/bin/keyring", "#!/usr/bin/python3\n", 0o755)
		m.Getenv = func(k string) string {
			return map[string]string{"PATH": filepath.Dir(at), "VIRTUAL_ENV": filepath.Join(m.Home, "env")}[k]
		}
		if files := apply(t, uv, m, helperTarget()); files[".local/bin/keyring"] == "" {
			t.Errorf("wrote %q", files)
		}
	})
	t.Run("another program of that name stays", func(t *testing.T) {
		m := machine(t, nil)
		write(m, ".local/bin/keyring", "#!/bin/sh\necho mine\n", 0o644) // not one that runs, so not found either
		if _, err := uv.Plan(m, helperTarget()); err == nil || !strings.Contains(err.Error(), "move it away") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("another backend of Python's keyring stays", func(t *testing.T) {
		m := machine(t, nil)
		write(m, ".config/python_keyring/keyringrc.cfg", "[backend]\ndefault-keyring=keyring.backends.SecretService.Keyring\n", 0o644)
		if _, err := twine.Plan(m, helperTarget()); err == nil || !strings.Contains(err.Error(), "SecretService") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("other entries of .netrc, and ours no longer", func(t *testing.T) {
		m := machine(t, nil)
		name := write(m, ".netrc", "machine a.test login me password x\n", 0o600)
		to := target
		to.Netrc = true
		apply(t, pip, m, to)
		apply(t, pip, m, helperTarget())
		if got, _ := os.ReadFile(name); string(got) != "machine a.test login me password x\n" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("the same host of somebody else is told", func(t *testing.T) {
		m := machine(t, nil)
		write(m, ".netrc", "machine 127.0.0.1 login me password x\n", 0o600)
		p, err := uv.Plan(m, helperTarget())
		if err != nil || !slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, "outranks the helper") }) {
			t.Errorf("got %q, %v", p.Notes, err)
		}
	})
	t.Run("passwords that outrank it are told", func(t *testing.T) {
		for _, tool := range []Tool{poetry, pdm} {
			m := machine(t, nil)
			apply(t, tool, m, target)
			p, err := tool.Plan(m, helperTarget())
			if err != nil || !slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, "helper: "+tool.Name) }) {
				t.Errorf("%s: %q, %v", tool.Name, p.Notes, err)
			}
		}
	})
	t.Run("other settings of uv", func(t *testing.T) {
		m := machine(t, nil)
		name := write(m, ".config/uv/uv.toml", "# mine\nnative-tls = true\n[pip]\nstrict = true", 0o644)
		apply(t, uv, m, helperTarget())
		got, _ := os.ReadFile(name)
		if want := "# mine\nnative-tls = true\nkeyring-provider = \"subprocess\"\n[pip]\nstrict = true\n"; !strings.HasPrefix(string(got), want) {
			t.Errorf("got\n%s\nwant first\n%s", got, want)
		}
	})
	t.Run("other credentials of NuGet", func(t *testing.T) {
		m := machine(t, nil)
		write(m, ".nuget/NuGet/NuGet.Config", "<configuration>\n  <packageSourceCredentials>\n    <other>\n      <add key=\"Username\" value=\"me\" />\n    </other>\n  </packageSourceCredentials>\n</configuration>\n", 0o644)
		apply(t, dotnet, m, target)
		files := apply(t, dotnet, m, helperTarget())
		text := files[".nuget/NuGet/NuGet.Config"]
		if !strings.Contains(text, "<other>") || strings.Contains(text, "local_x002F_main") || !strings.Contains(text, `key="local/main"`) {
			t.Errorf("got\n%s", text)
		}
	})
}

func TestHelperSettingsOfWindows(t *testing.T) {
	for _, tool := range helperTools() {
		m := machine(t, nil)
		m.OS = "windows"
		p, err := tool.Plan(m, helperTarget())
		if tool.Name == "nuget" {
			if err == nil {
				t.Error("nuget.exe would refuse an unsigned plugin, and nothing says so")
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tool.Name, err)
			continue
		}
		for _, e := range p.Edits {
			if e.Mode != 0 && (!strings.HasSuffix(e.File, ".bat") || !strings.HasSuffix(string(e.After), " %*\r\n")) {
				t.Errorf("%s: %s is\n%s", tool.Name, e.File, e.After)
			}
		}
	}
}
