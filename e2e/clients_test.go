package e2e

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/e2e/harness"
)

// client is one version of one package client.
type client struct {
	name    string // of its folder among the tools
	login   string // what larder login calls it
	program string // below its node_modules
	native  bool   // the program is no JavaScript
	lock    string // the lock file's name
	// also is what a package may say besides what it says to all clients.
	also map[string]string
	// settings are the files that a project of it has.
	settings map[string]string
	// commands are its command lines by what they do, "$1" and so on standing for
	// what is asked for. What it cannot do is not there.
	commands map[string]string
}

// npm6 does not keep in its lock file for which machine a package is, and
// installs all from there.
func npm6() client {
	c := npm("6")
	c.also = map[string]string{"native": "for here,for elsewhere"}
	return c
}

// npm is one major version of npm.
func npm(major string) client {
	return client{
		name: "npm" + major, login: "npm", program: "npm/bin/npm-cli.js", lock: "package-lock.json",
		commands: map[string]string{
			"install":     "install --no-progress",
			"frozen":      "ci --no-progress",
			"add":         "install --no-progress $1",
			"publish":     "publish",
			"tagged":      "publish --tag $1",
			"view":        "view $1 --json",
			"deprecate":   "deprecate $1 $2",
			"undeprecate": "deprecate $1 ", // an empty message
			"tag":         "dist-tag add $1 $2",
			"tags":        "dist-tag ls $1",
			"untag":       "dist-tag rm $1 $2",
			"unpublish":   "unpublish $1 --force",
			"whoami":      "whoami",
			"ping":        "ping",
			"search":      "search $1 --json",
			"audit":       "audit --json",
		},
	}
}

// pnpmSettings: packages that were published a moment ago are installed here.
var pnpmSettings = map[string]string{"pnpm-workspace.yaml": "minimumReleaseAge: 0\n"}

// yarnSettings let Yarn, which knows no proxy but for all hosts, reach no
// other host than this one.
var yarnSettings = map[string]string{".yarnrc.yml": `nodeLinker: node-modules
enableTelemetry: false
npmMinimalAgeGate: 0
networkSettings:
  "*":
    enableNetwork: false
  "127.0.0.1":
    enableNetwork: true
`}

// clients are those of the scenario, in the order in which they are installed.
var clients = []client{
	npm6(), npm("7"), npm("8"), npm("9"), npm("10"), npm("11"),
	{
		// Version 9 has npm do all but these.
		name: "pnpm9", login: "pnpm", program: "pnpm/bin/pnpm.cjs", lock: "pnpm-lock.yaml",
		commands: map[string]string{
			"install": "install",
			"frozen":  "install --frozen-lockfile",
			"add":     "add $1",
			"publish": "publish --no-git-checks",
			"tagged":  "publish --no-git-checks --tag $1",
			"audit":   "audit --json",
		},
	},
	{
		name: "pnpm", login: "pnpm", program: ".bin/pnpm", native: true, lock: "pnpm-lock.yaml", settings: pnpmSettings,
		commands: map[string]string{
			"install":     "install",
			"frozen":      "install --frozen-lockfile",
			"add":         "add $1",
			"publish":     "publish --no-git-checks",
			"tagged":      "publish --no-git-checks --tag $1",
			"view":        "view $1 --json",
			"deprecate":   "deprecate $1 $2",
			"undeprecate": "undeprecate $1",
			"tag":         "dist-tag add $1 $2",
			"tags":        "dist-tag ls $1",
			"untag":       "dist-tag rm $1 $2",
			"unpublish":   "unpublish $1 --force",
			"whoami":      "whoami",
			"ping":        "ping",
			"search":      "search $1 --json",
			"audit":       "audit --json",
		},
	},
	{
		name: "yarn1", login: "yarn", program: "yarn/bin/yarn.js", lock: "yarn.lock",
		commands: map[string]string{
			"install": "install --non-interactive --no-progress",
			"frozen":  "install --non-interactive --no-progress --frozen-lockfile",
			"add":     "add --non-interactive --no-progress $1",
			"publish": "publish --non-interactive",
			"tagged":  "publish --non-interactive --tag $1",
			"view":    "info $1 --json",
			"tag":     "tag add $1 $2",
			"tags":    "tag list $1",
			"untag":   "tag remove $1 $2",
			// Its audit asks a host that is written in its code, and no other.
		},
	},
	{
		name: "yarn4", login: "yarn", program: "@yarnpkg/cli-dist/bin/yarn.js", lock: "yarn.lock", settings: yarnSettings,
		also: map[string]string{"bundler": "bundler with inner of the registry"}, // it takes no bundled packages
		commands: map[string]string{
			"install": "install --no-immutable",
			"frozen":  "install --immutable --check-cache",
			"add":     "add $1",
			"prepare": "install --no-immutable", // it publishes nothing without a lock file
			"publish": "npm publish",
			"tagged":  "npm publish --tag $1",
			"view":    "npm info $1 --json",
			"tag":     "npm tag add $1 $2",
			"tags":    "npm tag list $1",
			"untag":   "npm tag remove $1 $2",
			"whoami":  "npm whoami",
			"audit":   "npm audit --all --json",
		},
	},
	{
		name: "bun", login: "bun", program: ".bin/bun", native: true, lock: "bun.lock",
		commands: map[string]string{
			"install": "install",
			"frozen":  "install --frozen-lockfile",
			"add":     "add $1",
			"publish": "publish",
			"tagged":  "publish --tag $1",
			"view":    "info $1 --json",
			"whoami":  "pm whoami",
			"audit":   "audit --json",
		},
	},
}

// named gives one of the clients.
func named(name string) client {
	return clients[slices.IndexFunc(clients, func(c client) bool { return c.name == name })]
}

// does reports whether the client has a command.
func (c client) does(command string) bool { return c.commands[command] != "" }

// user is a person or a CI job: a client with a home folder of its own, and a
// folder to work in.
type user struct {
	client
	home, dir string
	env       []string
	program   []string
}

// newUser makes one who has no settings yet, in an empty folder.
func newUser(t *testing.T, c client) *user {
	t.Helper()
	tools := harness.Tools(t)
	program := filepath.Join(tools, c.name, "node_modules", c.program)
	if _, err := os.Stat(program); err != nil {
		harness.Absent(t, c.name)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		harness.Absent(t, "node")
	}
	u := &user{client: c, home: t.TempDir(), program: []string{node, program}}
	if c.native {
		u.program = u.program[1:]
	}
	u.env = []string{
		"PATH=" + strings.Join([]string{filepath.Join(tools, "npm11", "node_modules", ".bin"), filepath.Dir(node), "/usr/bin", "/bin"}, string(os.PathListSeparator)),
		"HOME=" + u.home, "TMPDIR=" + t.TempDir(), "LANG=C.UTF-8", "NO_COLOR=1",
		"YARN_CACHE_FOLDER=" + filepath.Join(u.home, "yarn-cache"), // Yarn 1 has one for all, when it runs as root
		// What a client does by itself besides what it was told.
		"npm_config_update_notifier=false", "npm_config_audit=false", "npm_config_fund=false",
		"DO_NOT_TRACK=1", "pnpm_config_update_notifier=false",
	}
	u.env = append(u.env, proxied(newTrap(t), "127.0.0.1,localhost")...)
	u.project(t, manifest{"name": "empty", "version": "0.0.0", "private": true})
	return u
}

// proxied are the variables that lead all requests to a proxy, but for those to
// some hosts.
func proxied(proxy, except string) []string {
	return []string{
		"HTTP_PROXY=" + proxy, "HTTPS_PROXY=" + proxy, "NO_PROXY=" + except,
		"http_proxy=" + proxy, "https_proxy=" + proxy, "no_proxy=" + except,
	}
}

// newTrap is the way to all other hosts: it ends here, and fails the test.
func newTrap(t *testing.T) string {
	t.Helper()
	trap := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the client went past the registry: %s %s", r.Method, r.RequestURI)
		http.Error(w, "end-to-end tests have no network", http.StatusForbidden)
	}))
	t.Cleanup(trap.Close)
	return trap.URL
}

// loggedIn is a new user for whom larder login has been run.
func loggedIn(t *testing.T, c client, s *server) *user {
	t.Helper()
	u := newUser(t, c)
	s.Larder(t, []string{"HOME=" + u.home}, "login", c.login)
	return u
}

// project takes the user to a new folder with this package.json and files.
func (u *user) project(t *testing.T, of manifest, files ...string) {
	t.Helper()
	u.dir = t.TempDir()
	u.write(t, "package.json", string(encode(t, of)))
	for name, text := range u.settings {
		u.write(t, name, text)
	}
	for i := 0; i+1 < len(files); i += 2 {
		u.write(t, files[i], files[i+1])
	}
}

func (u *user) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(u.dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (u *user) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(u.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// do runs one of the client's commands and gives all that it prints. A
// command that fails ends the test.
func (u *user) do(t *testing.T, command string, with ...string) string {
	t.Helper()
	out, err := u.try(t, command, with...)
	if err != nil {
		t.Fatalf("%s %s %q: %v\n%s", u.name, command, with, err, out)
	}
	return out
}

// try is do for a command that may fail.
func (u *user) try(t *testing.T, command string, with ...string) (string, error) {
	t.Helper()
	line, ok := u.commands[command]
	if !ok {
		t.Fatalf("%s cannot %s", u.name, command)
	}
	var args []string
	for word := range strings.SplitSeq(line, " ") {
		for i, w := range with {
			if word == "$"+string(rune('1'+i)) {
				word = w
			}
		}
		args = append(args, word)
	}
	return u.run(t, slices.Concat(u.program, args)...)
}

// run runs any program as this user.
func (u *user) run(t *testing.T, program ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program[0], program[1:]...)
	cmd.Env, cmd.Dir = u.env, u.dir
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		err = errors.Join(err, ctx.Err())
	}
	return out.String(), err
}
