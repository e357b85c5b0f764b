package e2e

import (
	"encoding/json"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/formats/formatstest"
)

// TestClients is one day with a registry, lived through by every client: install
// a project, install it again elsewhere, publish, correct, take back.
func TestClients(t *testing.T) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			endToEnd(t)
			newUser(t, c) // skips without waiting for a server
			up := formatstest.NewUpstream(t)
			offerProject(t, up)
			d := &day{client: c, upstream: up, server: serve(t, up.URL)}
			for _, part := range []struct {
				name string
				play func(*testing.T)
			}{
				{"installs through main", d.installs},
				{"installs again from what is kept", d.installsAgain},
				{"publishes", d.publishes},
				{"installs what was published", d.installsBack},
				{"asks", d.asks},
				{"deprecates and takes it back", d.deprecates},
				{"moves tags", d.tags},
				{"asks for advisories", d.audits},
				{"unpublishes", d.unpublishes},
			} {
				if !t.Run(part.name, part.play) {
					break // the rest builds on it
				}
			}
		})
	}
}

type day struct {
	client   client
	upstream *formatstest.Upstream
	server   *server
	lock     string // what the client wrote at the first install
}

func (d *day) user(t *testing.T) *user {
	t.Helper()
	return loggedIn(t, d.client, d.server)
}

// installs: nothing is here yet, neither at the client nor at the server.
func (d *day) installs(t *testing.T) {
	u := d.user(t)
	u.project(t, project())
	u.do(t, "install")
	u.complete(t)
	if n := tarballs(d.upstream); n == 0 {
		t.Error("nothing was fetched from the upstream, so nothing was installed through it")
	}
	d.lock = u.locked(t, d.server, d.upstream.URL)
}

// complete looks whether all of the project was installed as it should be.
func (u *user) complete(t *testing.T) {
	t.Helper()
	said := u.loaded(t, slices.Sorted(maps.Keys(installed))...)
	for name, text := range u.also {
		if said[name] == text {
			said[name] = installed[name]
		}
	}
	if diff := cmp.Diff(installed, said); diff != "" {
		t.Errorf("%s: the packages say (-want +got):\n%s", u.name, diff)
	}
	out, err := u.run(t, filepath.Join(u.dir, "node_modules", ".bin", "tool-print"), "hello")
	if err != nil || out != "tool says hello\n" {
		t.Errorf("%s: the package's program: %v, %q", u.name, err, out)
	}
}

// locked gives the lock file, and holds the URLs that clients keep for years:
// they are the repository's, in one spelling.
func (u *user) locked(t *testing.T, s *server, upstream string) string {
	t.Helper()
	text := u.read(t, u.lock)
	lower := strings.ToLower(text)
	for _, wrong := range []string{"%2f", strings.TrimPrefix(upstream, "http://"), "__archiveurl"} {
		if strings.Contains(lower, wrong) {
			t.Errorf("%s holds %q:\n%s", u.lock, wrong, text)
		}
	}
	// pnpm and Yarn 4 leave out what can be told from the name.
	if u.lock == "pnpm-lock.yaml" || u.name == "yarn4" {
		if strings.Contains(text, s.URL) {
			t.Errorf("%s holds the server's URL, where all packages are where their names say:\n%s", u.lock, text)
		}
		return text
	}
	for _, file := range []string{"@up/core/-/core-1.1.0.tgz", "leaf/-/leaf-1.0.0.tgz"} {
		if !strings.Contains(text, `"`+s.repository()+file) {
			t.Errorf("%s does not hold %s%s:\n%s", u.lock, s.repository(), file, text)
		}
	}
	return text
}

// installsAgain: another machine, with the lock file; then one without it. The
// upstream is not asked for anything.
func (d *day) installsAgain(t *testing.T) {
	for _, c := range []struct{ command, lock string }{{"frozen", d.lock}, {"install", ""}} {
		before := d.upstream.Requests("")
		u := d.user(t)
		u.project(t, project())
		if c.lock != "" {
			u.write(t, u.lock, c.lock)
		}
		u.do(t, c.command)
		u.complete(t)
		if c.lock != "" && u.read(t, u.lock) != c.lock {
			t.Errorf("%s: the lock file has changed", c.command)
		}
		for _, r := range d.upstream.Requests("")[len(before):] {
			t.Errorf("%s: the upstream was asked again: %s %s", c.command, r.Method, r.Path)
		}
	}
}

// gadget and widget are the packages that the user makes.
func gadget(version string) manifest {
	return manifest{
		"name": "gadget", "version": version, "description": "A gadget for the end-to-end tests", "license": "MIT",
		"keywords": []string{"gadget"}, "bin": manifest{"gadget": "cli.js"}, "main": "index.js",
	}
}

func widget(version string) manifest {
	return manifest{"name": "@acme/widget", "version": version, "license": "MIT", "main": "index.js", "dependencies": manifest{"gadget": "^1.0.0", "leaf": "^2.0.0"}}
}

func (d *day) publishes(t *testing.T) {
	u := d.user(t)
	for _, p := range []struct {
		of  manifest
		tag string
	}{
		{gadget("1.0.0"), ""}, {gadget("1.1.0"), ""}, {gadget("2.0.0-beta.1"), "beta"},
		{widget("1.0.0"), ""},
	} {
		u.project(t, p.of,
			"README.md", "# A fine package\n",
			"cli.js", "#!/usr/bin/env node\nconsole.log('gadget runs')\n",
			"index.js", "module.exports = require('./package.json').version\n")
		if u.does("prepare") {
			u.do(t, "prepare")
		}
		if p.tag == "" {
			u.do(t, "publish")
		} else {
			u.do(t, "tagged", p.tag)
		}
	}
	want := []string{"1.0.0", "1.1.0", "2.0.0-beta.1"}
	if got := d.packument(t, "gadget").versions(); !slices.Equal(got, want) {
		t.Errorf("gadget has %v, want %v", got, want)
	}
	if got := d.packument(t, "@acme/widget"); !slices.Equal(got.versions(), []string{"1.0.0"}) {
		t.Errorf("@acme/widget has %v", got.versions())
	}
	if got, want := d.packument(t, "gadget").Tags, (map[string]string{"latest": "1.1.0", "beta": "2.0.0-beta.1"}); !maps.Equal(got, want) {
		t.Errorf("gadget's tags are %v, want %v", got, want)
	}
}

// packument is what the server says of a package, besides what clients show.
type packument struct {
	Tags     map[string]string `json:"dist-tags"`
	Versions map[string]struct {
		Description string
		Deprecated  any
	}
	Time map[string]string
}

func (p packument) versions() []string { return slices.Sorted(maps.Keys(p.Versions)) }

func (d *day) packument(t *testing.T, name string) (p packument) {
	t.Helper()
	res, body := d.server.get(t, d.server.Token(t), name)
	if res.StatusCode == http.StatusNotFound {
		return packument{}
	}
	if err := json.Unmarshal(body, &p); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v: %s", name, res.StatusCode, err, body)
	}
	return p
}

func (d *day) installsBack(t *testing.T) {
	ours := func() int { return d.upstream.Count("/@acme/widget") + d.upstream.Count("/gadget") }
	before := ours()
	u := d.user(t)
	u.do(t, "add", "@acme/widget")
	u.do(t, "add", "gadget@beta")
	want := map[string]string{"@acme/widget": "1.0.0", "gadget": "2.0.0-beta.1"}
	if got := u.loaded(t, "@acme/widget", "gadget"); !maps.Equal(got, want) {
		t.Errorf("installed %v, want %v", got, want)
	}
	out, err := u.run(t, filepath.Join(u.dir, "node_modules", ".bin", "gadget"))
	if err != nil || out != "gadget runs\n" {
		t.Errorf("the package's program: %v, %q", err, out)
	}
	if n := ours() - before; n != 0 {
		t.Errorf("the upstream was asked %d times for names that are published here", n)
	}
}

// asks: the commands that only look.
func (d *day) asks(t *testing.T) {
	u := d.user(t)
	for _, c := range []struct {
		command, with string
		want          []string
	}{
		{"view", "gadget", []string{`"1.0.0"`, `"1.1.0"`, "A gadget for the end-to-end tests"}},
		{"view", "@up/core", []string{"1.1.0", "2.0.0-rc.1", d.server.repository() + "@up/core/-/core-1.1.0.tgz"}},
		{"view", "old", []string{"take @up/core instead"}},
		{"tags", "gadget", []string{"beta", "2.0.0-beta.1", "latest", "1.1.0"}},
		{"whoami", "", []string{"admin"}},
		{"ping", "", []string{""}},
		{"search", "gadget", []string{"gadget", "1.1.0"}},
	} {
		if !u.does(c.command) {
			continue
		}
		out := u.do(t, c.command, c.with)
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s %s does not show %q:\n%s", c.command, c.with, want, out)
			}
		}
	}
}

func (d *day) deprecates(t *testing.T) {
	u := d.user(t)
	if !u.does("deprecate") {
		t.Skip(u.name + " has no such command")
	}
	u.do(t, "deprecate", "gadget@1.0.0", "it rattles")
	p := d.packument(t, "gadget")
	if got := p.Versions["1.0.0"].Deprecated; got != "it rattles" {
		t.Errorf("1.0.0 is deprecated: %v", got)
	}
	if got := p.Versions["1.1.0"].Deprecated; got != nil {
		t.Errorf("1.1.0 is deprecated too: %v", got)
	}
	if out := u.do(t, "add", "gadget@1.0.0"); !strings.Contains(out, "deprecated") {
		t.Errorf("installing it does not tell:\n%s", out)
	}
	u.do(t, "undeprecate", "gadget@1.0.0")
	p = d.packument(t, "gadget")
	if got := p.Versions["1.0.0"].Deprecated; got != nil {
		t.Errorf("1.0.0 stays deprecated: %v", got)
	}
	if len(p.Versions) != 3 {
		t.Errorf("versions are %v", p.versions())
	}
}

func (d *day) tags(t *testing.T) {
	u := d.user(t)
	if !u.does("tag") {
		t.Skip(u.name + " has no such command")
	}
	u.do(t, "tag", "gadget@1.0.0", "stable")
	if got := d.packument(t, "gadget").Tags["stable"]; got != "1.0.0" {
		t.Errorf("stable is %q", got)
	}
	if out := u.do(t, "tags", "gadget"); !strings.Contains(out, "stable") {
		t.Errorf("the list of tags:\n%s", out)
	}
	u.do(t, "add", "gadget@stable")
	if got := u.loaded(t, "gadget")["gadget"]; got != "1.0.0" {
		t.Errorf("installed %s", got)
	}
	u.do(t, "untag", "gadget", "stable")
	if got, ok := d.packument(t, "gadget").Tags["stable"]; ok {
		t.Errorf("stable is still %q", got)
	}
}

// audits: the advisories come from the upstream, which is not told the names
// of what is published here.
func (d *day) audits(t *testing.T) {
	u := d.user(t)
	if !u.does("audit") {
		t.Skip(u.name + " has no such command")
	}
	offerAdvisories(d.upstream)
	u.do(t, "add", "@acme/widget")
	u.do(t, "add", "old@1.0.0")
	before := len(d.upstream.Requests(""))
	out, _ := u.try(t, "audit") // clients fail where there are advisories
	if !strings.Contains(out, "old rots") {
		t.Errorf("the advisory is not shown:\n%s", out)
	}
	for _, r := range d.upstream.Requests("")[before:] {
		if body := asked(t, r); strings.Contains(body, "widget") || strings.Contains(body, "gadget") {
			t.Errorf("%s tells the upstream names of ours: %s", r.Path, body)
		}
	}
}

func (d *day) unpublishes(t *testing.T) {
	u := d.user(t)
	if !u.does("unpublish") {
		t.Skip(u.name + " has no such command")
	}
	u.do(t, "unpublish", "gadget@1.1.0")
	p := d.packument(t, "gadget")
	if want := []string{"1.0.0", "2.0.0-beta.1"}; !slices.Equal(p.versions(), want) {
		t.Errorf("gadget has %v, want %v", p.versions(), want)
	}
	if p.Tags["latest"] != "1.0.0" {
		t.Errorf("tags are %v", p.Tags)
	}
	u.do(t, "add", "gadget")
	if got := u.loaded(t, "gadget")["gadget"]; got != "1.0.0" {
		t.Errorf("installed %s", got)
	}
	u.do(t, "unpublish", "@acme/widget")
	if p := d.packument(t, "@acme/widget"); p.Versions != nil {
		t.Errorf("@acme/widget still has %v", p.versions())
	}
	if out, err := u.try(t, "view", "@acme/widget"); err == nil {
		t.Errorf("it still can be viewed:\n%s", out)
	}
	u.project(t, widget("1.0.0"), "index.js", module("again"))
	u.do(t, "publish")
	if got := d.packument(t, "@acme/widget").versions(); !slices.Equal(got, []string{"1.0.0"}) {
		t.Errorf("a deleted number is not published again: %v", got)
	}
}
