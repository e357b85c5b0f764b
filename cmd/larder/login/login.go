// Package login writes a repository and its token into the settings of package
// clients: what `larder login TOOL` does. One file per tool; each plans whole
// new contents of files and touches nothing itself, so that a dry run shows
// exactly what a real one does.
package login

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"larder/internal/atomicfile"
)

// Target is where a client shall go.
type Target struct {
	Endpoint string   // the repository's URL, with a trailing slash
	Token    string   // authorization token
	Scopes   []string // npm scopes, with or without "@"; empty: the default registry
}

// Machine is what a tool's settings depend on.
type Machine struct {
	Home   string
	Dir    string // where the command runs
	Getenv func(string) string
}

// Tool is a package client that can be set up.
type Tool struct {
	Name   string
	Format string // package format whose repository URL it takes
	Try    string // a command that uses the new settings
	plan   func(Machine, Target) (*Plan, error)
}

// Tools are the clients that this version sets up.
var Tools = []Tool{npm, pnpm, yarn, bun}

// later are tools whose formats are not served yet, by format.
var later = map[string]string{
	"pip": "PyPI", "uv": "PyPI", "poetry": "PyPI", "pdm": "PyPI", "twine": "PyPI",
	"maven": "Maven", "mvn": "Maven", "gradle": "Maven", "sbt": "Maven",
	"nuget": "NuGet", "dotnet": "NuGet",
}

// Find gives the tool of that name, or an error that names those there are.
func Find(name string) (Tool, error) {
	var names []string
	for _, t := range Tools {
		if t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	known := strings.Join(names, ", ")
	if f, ok := later[name]; ok {
		return Tool{}, fmt.Errorf("%s comes with %s repositories, which this version does not serve; it sets up %s", name, f, known)
	}
	return Tool{}, fmt.Errorf("%q is no tool that can be set up; this version knows %s", name, known)
}

// Plan is what setting up a tool would change.
type Plan struct {
	Edits []Edit
	Notes []string // what the user should know besides
}

// Edit is the new content of one file.
type Edit struct {
	File   string
	Before []byte
	After  []byte
}

// Plan checks the target and says what to change.
func (t Tool) Plan(m Machine, to Target) (*Plan, error) {
	to, err := to.checked()
	if err != nil {
		return nil, err
	}
	return t.plan(m, to)
}

var (
	// A token is base64url parts and dots; nothing that could end a line or a
	// value in any client's file.
	safeToken = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]+$`)
	safeURL   = regexp.MustCompile(`^[A-Za-z0-9._~:/%@\[\]-]+$`)
	scopeName = regexp.MustCompile(`^@[A-Za-z0-9._~-]+$`)
)

// checked refuses what could not stand in a settings file: the server's answer
// is written into files of the user.
func (to Target) checked() (Target, error) {
	u, err := url.Parse(to.Endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || !safeURL.MatchString(to.Endpoint) {
		return to, fmt.Errorf("the server named %q as the repository's URL, which is none", to.Endpoint)
	}
	// Clients look a token up by the URL as they normalise it.
	u.Host = strings.ToLower(u.Host)
	if (u.Scheme == "http" && u.Port() == "80") || (u.Scheme == "https" && u.Port() == "443") {
		u.Host = u.Host[:strings.LastIndexByte(u.Host, ':')]
	}
	to.Endpoint = strings.TrimRight(u.String(), "/") + "/"
	if !safeToken.MatchString(to.Token) {
		return to, errors.New("the server's token holds characters that a token cannot have")
	}
	scopes := make([]string, len(to.Scopes))
	for i, s := range to.Scopes {
		scopes[i] = "@" + strings.TrimPrefix(s, "@")
		if !scopeName.MatchString(scopes[i]) {
			return to, fmt.Errorf("%q is no npm scope; one looks like @acme", s)
		}
	}
	to.Scopes = scopes
	return to, nil
}

// nerfed is the endpoint without its scheme: how npm's settings name the
// registry that a credential is for.
func (to Target) nerfed() string {
	_, rest, _ := strings.Cut(to.Endpoint, ":")
	return rest
}

// Apply writes the files, each readable by its user alone.
func (p *Plan) Apply() error {
	for _, e := range p.Edits {
		if err := os.MkdirAll(filepath.Dir(e.File), 0o755); err != nil {
			return err
		}
		if err := atomicfile.Write(e.File, e.After, 0o600); err != nil {
			return fmt.Errorf("cannot write %s: %w", e.File, err)
		}
	}
	return nil
}

// Show writes what Apply would change, line by line, secrets hidden.
func (p *Plan) Show(w io.Writer) {
	for _, e := range p.Edits {
		fmt.Fprintln(w, e.File)
		before, after := lines(e.Before), lines(e.After)
		for _, l := range without(before, after) {
			fmt.Fprintln(w, "  -", hideSecret(l))
		}
		for _, l := range without(after, before) {
			fmt.Fprintln(w, "  +", hideSecret(l))
		}
	}
}

func lines(b []byte) []string {
	var all []string
	for l := range strings.Lines(string(b)) {
		if l = strings.TrimRight(l, "\r\n"); l != "" {
			all = append(all, l)
		}
	}
	return all
}

// without gives the lines of a that b lacks.
func without(a, b []string) []string {
	have := map[string]int{}
	for _, l := range b {
		have[l]++
	}
	var left []string
	for _, l := range a {
		if have[l] > 0 {
			have[l]--
			continue
		}
		left = append(left, l)
	}
	return left
}

var (
	secretLine = regexp.MustCompile(`(?i)^(.*(?:token|password|_auth|npmAuthIdent)["']?\s*[=:]\s*).+$`)
	secretUser = regexp.MustCompile(`://[^/@\s]*@`)
)

func hideSecret(line string) string {
	line = secretLine.ReplaceAllString(line, "${1}(hidden)")
	return secretUser.ReplaceAllString(line, "://(hidden)@")
}

// maxSettings is the most that a settings file may hold, in bytes.
const maxSettings = 4 << 20

// readSettings reads a file that need not be there.
func readSettings(name string) ([]byte, error) {
	st, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxSettings {
		return nil, fmt.Errorf("%s is not a settings file: expected a regular file of at most %d MiB", name, maxSettings>>20)
	}
	b, err := os.ReadFile(name)
	return bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), err
}
