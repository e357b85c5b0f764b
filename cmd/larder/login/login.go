// Package login writes a repository and its token into the settings of package
// clients: what `larder login TOOL` does. One file per tool; each plans whole
// new contents of files and touches nothing itself, so that a dry run shows
// exactly what a real one does.
package login

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"larder/internal/atomicfile"
)

// Target is where a client shall go.
type Target struct {
	Endpoint   string // the repository's URL, with a trailing slash
	Token      string // authorization token
	Domain     string
	Repository string
	Scopes     []string // npm scopes, with or without "@"; empty: the default registry
	Netrc      bool     // keep the token in .netrc and out of URLs
	Helper     *Helper  // nil: the token stands in a file

	tool string // the tool's name, set by Tool.Plan
}

// user is the name that stands with a token where a client wants one; the
// server takes any (spec 4.2).
const user = "aws"

// id names the repository where a client wants one word for it.
func (to Target) id() string { return to.Domain + "-" + to.Repository }

// word is id for tools to which a dot in a name means something.
func (to Target) word() string { return strings.ReplaceAll(to.id(), ".", "-") }

// plainHTTP says that the token travels in clear, beyond this machine.
func (to Target) plainHTTP() bool {
	u, err := url.Parse(to.Endpoint)
	if err != nil || u.Scheme != "http" || u.Hostname() == "localhost" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return ip == nil || !ip.IsLoopback()
}

// asUser is a URL below the endpoint that names the user alone: tools ask a
// keyring for the password.
func (to Target) asUser(path string) string {
	scheme, rest, _ := strings.Cut(to.Endpoint, "://")
	return scheme + "://" + user + "@" + rest + path
}

// withUser is a URL below the endpoint that carries the credential.
func (to Target) withUser(path string) string {
	scheme, rest, _ := strings.Cut(to.Endpoint, "://")
	return scheme + "://" + user + ":" + to.Token + "@" + rest + path
}

// host is the endpoint's, without a port.
func (to Target) host() string {
	u, err := url.Parse(to.Endpoint)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// Machine is what a tool's settings depend on.
type Machine struct {
	Home   string
	Dir    string // where the command runs
	OS     string // as runtime.GOOS spells it
	Getenv func(string) string
}

// config is the folder of a user's settings by the XDG base directory
// specification, which many tools follow on every system but Windows.
func (m Machine) config() string {
	return cmp.Or(m.Getenv("XDG_CONFIG_HOME"), filepath.Join(m.Home, ".config"))
}

// appData is the folder of a user's settings on Windows.
func (m Machine) appData() string {
	return cmp.Or(m.Getenv("APPDATA"), filepath.Join(m.Home, "AppData", "Roaming"))
}

// localAppData is the folder of a user's settings on Windows that stay on the machine.
func (m Machine) localAppData() string {
	return cmp.Or(m.Getenv("LOCALAPPDATA"), filepath.Join(m.Home, "AppData", "Local"))
}

// library is the folder of a user's settings on macOS.
func (m Machine) library() string { return filepath.Join(m.Home, "Library", "Application Support") }

// Tool is a package client that can be set up.
type Tool struct {
	Name   string
	Format string // package format whose repository URL it takes, as the API spells it
	Try    string // a command that uses the new settings
	plan   func(Machine, Target) (*Plan, error)
	// helper plans without a token; nil where the tool asks no other program.
	helper func(Machine, Target) (*Plan, error)
}

// HasHelper says whether the tool can ask larder for tokens.
func (t Tool) HasHelper() bool { return t.helper != nil }

// Tools are the clients that this version sets up.
var Tools = []Tool{npm, pnpm, yarn, bun, pip, uv, poetry, pdm, twine, maven, gradle, sbt, nuget, dotnet}

// Find gives the tool of that name, or an error that names those there are.
func Find(name string) (Tool, error) {
	if name == "mvn" {
		name = maven.Name
	}
	var names []string
	for _, t := range Tools {
		if t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return Tool{}, fmt.Errorf("%q is no tool that can be set up; this version knows %s", name, strings.Join(names, ", "))
}

// helperNames are the tools that have a helper.
func helperNames() []string {
	var names []string
	for _, t := range Tools {
		if t.helper != nil {
			names = append(names, t.Name)
		}
	}
	return names
}

// Plan is what setting up a tool would change.
type Plan struct {
	Edits   []Edit
	Project []Snippet // what belongs into the files of a project; those are left alone
	Notes   []string  // what the user should know besides
	Try     string    // a command that uses the new settings
	// KeyOnly says that only the credential was written: a project has to name
	// the repository itself.
	KeyOnly bool
}

// Snippet is text for a place that is the user's to choose.
type Snippet struct{ For, Text string }

// Edit is the new content of one file.
type Edit struct {
	File   string
	Before []byte
	After  []byte
	Mode   fs.FileMode // 0: 0600
}

// Plan checks the target and says what to change.
func (t Tool) Plan(m Machine, to Target) (*Plan, error) {
	to, err := to.checked()
	switch {
	case err != nil:
		return nil, err
	case len(to.Scopes) > 0 && t.Format != "npm":
		return nil, fmt.Errorf("--scope is for clients of npm packages, and %s is none", t.Name)
	case to.Netrc && t.Name != pip.Name:
		return nil, fmt.Errorf("--netrc is for pip; %s keeps the token where it does by itself", t.Name)
	}
	to.tool = t.Name
	plan := t.plan
	if to.Helper != nil {
		if to.Netrc {
			return nil, errors.New("--netrc and --helper are two ways to keep the token out of the URL: take one")
		}
		if plan = t.helper; plan == nil {
			return nil, fmt.Errorf("%s asks no other program for a token; those that do are %s. Without --helper its token stands in its settings, for at most 12 hours", t.Name, strings.Join(helperNames(), ", "))
		}
	}
	p, err := plan(m, to)
	if err != nil {
		return nil, err
	}
	if to.Helper != nil {
		if err := p.planHelped(m, to); err != nil {
			return nil, err
		}
	}
	p.Try = cmp.Or(p.Try, t.Try)
	return p, nil
}

// edit plans the new content of one file. What change says is told with the
// file's name.
func (p *Plan) edit(name string, change func(before []byte) ([]byte, error)) error {
	before, err := readSettings(name)
	if err != nil {
		return err
	}
	after, err := change(before)
	if err != nil {
		return fmt.Errorf("%s %w", name, err)
	}
	p.Edits = append(p.Edits, Edit{File: name, Before: before, After: after})
	return nil
}

var (
	// A token is base64url parts and dots; nothing that could end a line or a
	// value in any client's file.
	safeToken = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]+$`)
	safeURL   = regexp.MustCompile(`^[A-Za-z0-9._~:/%@\[\]-]+$`)
	scopeName = regexp.MustCompile(`^@[A-Za-z0-9._~-]+$`)
	plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
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
	for _, name := range []string{to.Domain, to.Repository} {
		if !plainName.MatchString(name) {
			return to, fmt.Errorf("%q is no name of a domain or repository", name)
		}
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

// Apply writes the files, each for its user alone.
func (p *Plan) Apply() error {
	for _, e := range p.Edits {
		if err := os.MkdirAll(filepath.Dir(e.File), 0o755); err != nil {
			return err
		}
		if err := atomicfile.Write(e.File, e.After, e.mode()); err != nil {
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
	p.ShowProject(w)
}

// ShowProject writes what belongs into the files of a project.
func (p *Plan) ShowProject(w io.Writer) {
	for _, s := range p.Project {
		fmt.Fprintf(w, "\n%s:\n\n", s.For)
		for _, l := range lines([]byte(s.Text)) {
			fmt.Fprintln(w, "  "+l)
		}
	}
	if len(p.Project) > 0 {
		fmt.Fprintln(w)
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
	secretLine    = regexp.MustCompile(`(?i)^(.*(?:token|password|_auth|npmAuthIdent)["']?\s*[=:]\s*).+$`)
	secretWord    = regexp.MustCompile(`(?i)(\bpassword\s+)[^\s=:]\S*`) // of a .netrc
	secretElement = regexp.MustCompile(`(?i)(<(?:password|passphrase)>)[^<]*`)
	secretValue   = regexp.MustCompile(`(?i)("(?:ClearText)?Password"\s+value=)"[^"]*"`)
	secretUser    = regexp.MustCompile(`://[^/@\s]*@`)
)

func hideSecret(line string) string {
	line = secretValue.ReplaceAllString(line, "${1}(hidden)")
	line = secretElement.ReplaceAllString(line, "${1}(hidden)")
	line = secretLine.ReplaceAllString(line, "${1}(hidden)")
	line = secretWord.ReplaceAllString(line, "${1}(hidden)")
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
