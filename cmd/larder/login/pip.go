package login

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// pip reads index-url of the section [global] in the user's pip.conf; the
// credential stands in the URL, or in .netrc. (pip's documentation,
// "Configuration" and "Authentication".)
var pip = Tool{Name: "pip", Format: "pypi", Try: "pip install requests", plan: planPip, helper: planPip}

func planPip(m Machine, to Target) (*Plan, error) {
	p := &Plan{}
	index := to.withUser("simple/")
	switch {
	case to.Netrc:
		index = to.Endpoint + "simple/"
	case to.Helper != nil:
		index = to.asUser("simple/")
	}
	var file *ini
	err := p.edit(pipFile(m), func(before []byte) ([]byte, error) {
		file = parseINI(before, pipKey)
		file.set("global", "index-url", index)
		if to.Helper != nil {
			file.set("global", "keyring-provider", "subprocess")
		}
		if to.plainHTTP() { // pip ignores an index by plain http of a host that it does not trust
			if hosts := file.values("global", "trusted-host"); !slices.Contains(hosts, to.host()) {
				file.set("global", "trusted-host", append(hosts, to.host())...)
			}
		}
		return file.bytes("global", "index-url", index)
	})
	if err != nil {
		return nil, err
	}
	switch {
	case to.Netrc:
		err = p.planNetrc(m, to)
	case to.Helper != nil:
		p.Notes = append(p.Notes, "pip asks a keyring since 23.1; older ones need larder login pip without --helper")
		if err = p.dropNetrc(m, to); err == nil {
			err = p.planKeyring(m, to)
		}
	}
	p.Notes = append(p.Notes, pipNotes(m, file)...)
	return p, err
}

// pipFile is the user's settings file as pip finds it.
func pipFile(m Machine) string {
	if name := m.Getenv("PIP_CONFIG_FILE"); name != "" {
		return name
	}
	switch m.OS {
	case "windows":
		return filepath.Join(m.appData(), "pip", "pip.ini")
	case "darwin":
		if dir := filepath.Join(m.library(), "pip"); isDir(dir) {
			return filepath.Join(dir, "pip.conf")
		}
		return filepath.Join(m.Home, ".config", "pip", "pip.conf")
	}
	return filepath.Join(m.config(), "pip", "pip.conf")
}

func isDir(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.IsDir()
}

// pipKey spells a key as pip does for itself.
func pipKey(key string) string { return strings.ReplaceAll(strings.ToLower(key), "_", "-") }

// pipNotes says what outranks the user's settings, or adds to them.
func pipNotes(m Machine, file *ini) []string {
	var notes []string
	for _, name := range []string{"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"} {
		if m.Getenv(name) != "" {
			notes = append(notes, "the environment variable "+name+" is set and outranks pip's settings: unset it")
		}
	}
	for _, section := range []string{"install", "download", "wheel"} {
		if file.values(section, "index-url") != nil {
			notes = append(notes, "pip's settings have index-url in the section ["+section+"] too, which outranks [global]: remove it there")
		}
	}
	if file.values("global", "extra-index-url") != nil {
		notes = append(notes, "pip's settings have extra-index-url too: pip takes the highest version from any index, whoever published it there; remove it unless that is meant")
	}
	if env := m.Getenv("VIRTUAL_ENV"); env != "" {
		name := filepath.Join(env, cmp.Or(map[string]string{"windows": "pip.ini"}[m.OS], "pip.conf"))
		if text, err := readSettings(name); err == nil && parseINI(text, pipKey).values("global", "index-url") != nil {
			notes = append(notes, name+" sets index-url too and outranks the user's settings: remove it there")
		}
	}
	return notes
}
