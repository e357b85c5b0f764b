package login

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
)

// Python's tools get passwords from a keyring in two ways: pip (since 23.1), uv
// and PDM run a program named keyring; twine, Poetry, flit and others import
// Python's package of that name, which loads what the user's keyringrc.cfg
// names. (pip's documentation, "Authentication"; keyring's, "Configuring".)

// keyringModule is a backend of Python's keyring.
//
//go:embed larder_keyring.py
var keyringModule string

const keyringBackend = "larder_keyring.Keyring"

// planKeyring lets a program named keyring answer for the target. Where the
// user has Python's already, that one asks larder.
func (p *Plan) planKeyring(m Machine, to Target) error {
	if onPath(m, "keyring") != "" {
		return p.planKeyringBackend(m, to)
	}
	return p.planKeyringProgram(m, to)
}

// planKeyringProgram makes that program, where the user has none.
func (p *Plan) planKeyringProgram(m Machine, to Target) error {
	if onPath(m, "keyring") != "" {
		return nil
	}
	if m.OS == "windows" && to.tool == "uv" {
		p.Notes = append(p.Notes, "uv on Windows starts only keyring.exe: install Python's (uv tool install keyring) and run this again")
	}
	_, err := p.planScript(m, to, filepath.Join(p.programs(m), "keyring"), "keyring")
	return err
}

// planKeyringBackend lets Python's keyring ask larder, and all other backends
// for what larder does not know.
func (p *Plan) planKeyringBackend(m Machine, to Target) error {
	if m.Getenv("PYTHON_KEYRING_BACKEND") != "" {
		p.Notes = append(p.Notes, "the environment variable PYTHON_KEYRING_BACKEND is set and outranks keyringrc.cfg: unset it")
	}
	folder := filepath.Join(m.larderFolder(), "python")
	program, err := json.Marshal(to.Helper.Program) // a string of Python too
	if err != nil {
		return err
	}
	text := strings.Replace(keyringModule, `"larder"`, string(program), 1)
	if err := p.edit(filepath.Join(folder, "larder_keyring.py"), func([]byte) ([]byte, error) { return []byte(text), nil }); err != nil {
		return err
	}
	return p.edit(filepath.Join(keyringFolder(m), "keyringrc.cfg"), func(before []byte) ([]byte, error) {
		file := parseINI(before, strings.ToLower)
		for key, ours := range map[string]string{"default-keyring": keyringBackend, "keyring-path": folder} {
			if has := strings.Join(file.values("backend", key), " "); has != "" && has != ours {
				return nil, fmt.Errorf("has %s = %s, and there can be one: take it out first", key, has)
			}
		}
		file.set("backend", "default-keyring", keyringBackend)
		file.set("backend", "keyring-path", folder)
		return file.bytes("backend", "default-keyring", keyringBackend)
	})
}

// keyringFolder is where Python's keyring has its settings (its module
// util.platform_).
func keyringFolder(m Machine) string {
	if m.OS == "windows" {
		return filepath.Join(m.localAppData(), "Python Keyring")
	}
	return filepath.Join(m.config(), "python_keyring")
}

// dropNetrc takes the host's entry for our user out of .netrc, which outranks
// keyrings.
func (p *Plan) dropNetrc(m Machine, to Target) error {
	text, err := readSettings(netrcFile(m))
	if err != nil || len(text) == 0 {
		return err
	}
	entries, err := parseNetrc(string(text))
	if err != nil {
		return fmt.Errorf("%s %w", netrcFile(m), err)
	}
	for _, e := range entries {
		switch {
		case e.fallback || e.machine != to.host():
		case e.login != user:
			p.Notes = append(p.Notes, netrcFile(m)+" has an entry for "+to.host()+", which outranks the helper: take it out")
		default:
			return p.edit(netrcFile(m), func(before []byte) ([]byte, error) {
				after := strings.TrimPrefix(strings.TrimLeft(string(before[e.to:]), " \t\r"), "\n")
				return []byte(string(before[:e.from]) + after), nil
			})
		}
	}
	return nil
}
