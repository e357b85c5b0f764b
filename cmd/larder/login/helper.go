package login

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Helper is how a tool gets tokens that stand in no file: it runs Program each
// time it needs one, which looks the repository up among those that are Helped.
type Helper struct {
	Program string // absolute path of larder
	Helped
}

// Helped is a repository for which `larder helper` gives tokens, and
// the way to its server. It holds no secret.
type Helped struct {
	URL     string `json:"url"` // with a trailing slash
	Domain  string `json:"domain"`
	Owner   string `json:"domainOwner,omitempty"`
	Seconds int64  `json:"tokenSeconds"` // how long its tokens live

	// Either the data folder of a server on this machine, as an absolute path,
	// or where else it is, and which of the AWS settings have the credentials.
	Data            string `json:"data,omitempty"`
	Endpoint        string `json:"endpoint,omitempty"`
	Region          string `json:"region,omitempty"`
	Profile         string `json:"profile,omitempty"`
	ConfigFile      string `json:"configFile,omitempty"`
	CredentialsFile string `json:"credentialsFile,omitempty"`
}

// larderFolder is where the command keeps what it made for this user.
func (m Machine) larderFolder() string {
	switch m.OS {
	case "windows":
		return filepath.Join(m.appData(), "larder")
	case "darwin":
		return filepath.Join(m.library(), "larder")
	}
	return filepath.Join(m.config(), "larder")
}

func helpedFile(m Machine) string { return filepath.Join(m.larderFolder(), "helped.json") }

// FindHelped gives the repository that a URL lies in, with or without a user in
// the URL; false where it is none of those that tools get tokens for.
func FindHelped(m Machine, of string) (Helped, bool, error) {
	all, err := readHelped(m)
	if err != nil {
		return Helped{}, false, err
	}
	asked, err := spelled(of)
	if err != nil {
		return Helped{}, false, nil // a host alone, or the name of another secret
	}
	for _, h := range all {
		if strings.HasPrefix(asked, h.URL) {
			return h, true, nil
		}
	}
	return Helped{}, false, nil
}

// spelled is a repository's URL in the one way that it is kept: as checked does.
func spelled(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", errors.New("not a URL")
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	u.Host = strings.ToLower(u.Host)
	if (u.Scheme == "http" && u.Port() == "80") || (u.Scheme == "https" && u.Port() == "443") {
		u.Host = u.Host[:strings.LastIndexByte(u.Host, ':')]
	}
	return strings.TrimRight(u.String(), "/") + "/", nil
}

func readHelped(m Machine) ([]Helped, error) {
	text, err := readSettings(helpedFile(m))
	if err != nil || len(text) == 0 {
		return nil, err
	}
	var all []Helped
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("%s is not readable (%w): remove it, and run larder login --helper again", helpedFile(m), err)
	}
	return all, nil
}

// planHelped makes the repository one of those that tools get tokens for.
func (p *Plan) planHelped(m Machine, to Target) error {
	h := to.Helper.Helped
	h.URL, h.Domain = to.Endpoint, to.Domain
	return p.edit(helpedFile(m), func([]byte) ([]byte, error) {
		all, err := readHelped(m)
		if err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(other Helped) bool { return other.URL == h.URL })
		text, err := json.MarshalIndent(append(all, h), "", "  ")
		return append(text, '\n'), err
	})
}

// made is in each script, and tells it from what others made.
const made = "Made by larder login"

// planScript makes a program of this user that runs helper with
// these arguments before its own. On Windows its name gets an ending.
func (p *Plan) planScript(m Machine, to Target, name string, args ...string) (string, error) {
	var text strings.Builder
	if m.OS == "windows" {
		name += ".bat" // NuGet knows no .cmd
		fmt.Fprintf(&text, "@rem %s %s --helper.\r\n@\"%s\" helper", made, to.tool, to.Helper.Program)
		for _, a := range args {
			fmt.Fprintf(&text, " \"%s\"", strings.ReplaceAll(a, "%", "%%"))
		}
		text.WriteString(" %*\r\n")
	} else {
		fmt.Fprintf(&text, "#!/bin/sh\n# %s %s --helper.\nexec %s helper", made, to.tool, quoted(to.Helper.Program))
		for _, a := range args {
			text.WriteString(" " + quoted(a))
		}
		text.WriteString(" \"$@\"\n")
	}
	err := p.edit(name, func(before []byte) ([]byte, error) {
		if len(before) > 0 && !strings.Contains(string(before), made) {
			return nil, errors.New("is a program of something else: move it away first")
		}
		return []byte(text.String()), nil
	})
	if err != nil {
		return "", err
	}
	p.Edits[len(p.Edits)-1].Mode = 0o700
	return name, nil
}

// quoted is a word for a POSIX shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// programs is the folder for programs of this user that tools look for by
// name: one on PATH, or else the usual one, with a note that it is not there.
func (p *Plan) programs(m Machine) string {
	usual := filepath.Join(m.Home, ".local", "bin")
	path := filepath.SplitList(m.Getenv("PATH"))
	for _, dir := range []string{usual, filepath.Join(m.Home, "bin")} {
		if slices.ContainsFunc(path, func(p string) bool { return filepath.Clean(p) == dir }) {
			return dir
		}
	}
	p.Notes = append(p.Notes, "put "+usual+" on your PATH: the helper is found there by its name")
	return usual
}

// onPath gives the program of that name that a tool finds and that is not one
// of these scripts, empty where there is none. What a virtual environment brings
// is there only while that is active.
func onPath(m Machine, name string) string {
	env := m.Getenv("VIRTUAL_ENV")
	names := []string{name}
	if m.OS == "windows" {
		names = []string{name + ".exe", name + ".cmd", name + ".bat"}
	}
	for _, dir := range filepath.SplitList(m.Getenv("PATH")) {
		if dir == "" || (env != "" && strings.HasPrefix(filepath.Clean(dir), filepath.Clean(env)+string(filepath.Separator))) {
			continue
		}
		for _, n := range names {
			at := filepath.Join(dir, n)
			st, err := os.Stat(at)
			if err != nil || !st.Mode().IsRegular() || (m.OS != "windows" && st.Mode().Perm()&0o111 == 0) {
				continue
			}
			if text, err := readSettings(at); err == nil && strings.Contains(string(text), made) {
				continue
			}
			return at
		}
	}
	return ""
}

// mode is that of the file: secrets and settings are for their user alone.
func (e Edit) mode() fs.FileMode { return cmp.Or(e.Mode, 0o600) }
