package prefetch

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"larder/e2e/harness"
	"larder/formats/formatstest"
)

// released is when everything upstream was published: long ago, for clients
// that take nothing younger than some days.
var released = time.Date(2024, 3, 5, 12, 0, 0, 0, time.UTC)

// tarball packs a package as npm pack does.
func tarball(t *testing.T, manifest map[string]any) []byte {
	t.Helper()
	text, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	archive := tar.NewWriter(z)
	for name, content := range map[string]string{"package/package.json": string(text), "package/index.js": "module.exports = '" + manifest["version"].(string) + "'"} {
		archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: released})
		archive.Write([]byte(content))
	}
	archive.Close()
	z.Close()
	return out.Bytes()
}

func offerNPM(t *testing.T, u *formatstest.Upstream, manifest map[string]any) {
	t.Helper()
	name, version := manifest["name"].(string), manifest["version"].(string)
	b := tarball(t, manifest)
	sum1, sum512 := sha1.Sum(b), sha512.Sum512(b)
	file := "/" + name + "/-/" + path.Base(name) + "-" + version + ".tgz"
	u.Serve(file, formatstest.Resource{Body: b, Type: "application/octet-stream", Modified: released})
	manifest["dist"] = map[string]any{
		"tarball": "{upstream}" + file, "shasum": hex.EncodeToString(sum1[:]), "integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum512[:]),
	}
	body, err := json.Marshal(map[string]any{
		"name": name, "dist-tags": map[string]string{"latest": version}, "versions": map[string]any{version: manifest},
		"time": map[string]any{"created": released, "modified": released, version: released},
	})
	if err != nil {
		t.Fatal(err)
	}
	u.Serve("/"+name, formatstest.Resource{Body: body, Type: "application/json", Modified: released})
}

// npmUpstream has an app's dependencies: a scoped one, one of that, and one for
// another system.
func npmUpstream(t *testing.T) upstream {
	t.Helper()
	u := formatstest.NewUpstream(t)
	offerNPM(t, u, map[string]any{"name": "@team/kit", "version": "1.2.0", "dependencies": map[string]string{"left": "^1.0.0"}})
	offerNPM(t, u, map[string]any{"name": "left", "version": "1.0.1", "optionalDependencies": map[string]string{"elsewhere": "1.0.0"}})
	offerNPM(t, u, map[string]any{"name": "elsewhere", "version": "1.0.0", "os": []string{"aix"}})
	return upstream{
		flags: func(*testing.T) []string { return []string{"--external-connection", "public:npmjs=" + u.URL + "/"} },
		asked: func() int { return u.Count("") },
		down:  u.Down,
	}
}

// node is one of npm's kind of clients.
type node struct {
	name, login, lock string
	program           []string // below the clients' folder; node runs it unless native
	native            bool
	locks, installs   []string
	files             map[string]string
}

var nodes = []node{
	{name: "npm6", login: "npm", lock: "package-lock.json", program: []string{"npm6", "node_modules", "npm", "bin", "npm-cli.js"}, locks: []string{"install", "--package-lock-only"}, installs: []string{"ci"}},
	{name: "npm7", login: "npm", lock: "package-lock.json", program: []string{"npm7", "node_modules", "npm", "bin", "npm-cli.js"}, locks: []string{"install", "--package-lock-only"}, installs: []string{"ci"}},
	{name: "npm11", login: "npm", lock: "package-lock.json", program: []string{"npm11", "node_modules", "npm", "bin", "npm-cli.js"}, locks: []string{"install", "--package-lock-only"}, installs: []string{"ci"}},
	{name: "pnpm9", login: "pnpm", lock: "pnpm-lock.yaml", program: []string{"pnpm9", "node_modules", "pnpm", "bin", "pnpm.cjs"}, locks: []string{"install", "--lockfile-only"}, installs: []string{"install", "--frozen-lockfile"}},
	{name: "pnpm", login: "pnpm", lock: "pnpm-lock.yaml", program: []string{"pnpm", "node_modules", ".bin", "pnpm"}, native: true, locks: []string{"install", "--lockfile-only"}, installs: []string{"install", "--frozen-lockfile"},
		files: map[string]string{"pnpm-workspace.yaml": "minimumReleaseAge: 0\n"}},
	{name: "yarn1", login: "yarn", lock: "yarn.lock", program: []string{"yarn1", "node_modules", "yarn", "bin", "yarn.js"}, locks: []string{"install", "--non-interactive"}, installs: []string{"install", "--non-interactive", "--frozen-lockfile"}},
	{name: "yarn4", login: "yarn", lock: "yarn.lock", program: []string{"yarn4", "node_modules", "@yarnpkg", "cli-dist", "bin", "yarn.js"}, locks: []string{"install", "--no-immutable"}, installs: []string{"install", "--immutable"},
		files: map[string]string{".yarnrc.yml": "nodeLinker: node-modules\nenableTelemetry: false\nnpmMinimalAgeGate: 0\nenableGlobalCache: false\n"}},
}

func (n node) user(t *testing.T, s *harness.Server) *user {
	t.Helper()
	program, err := exec.LookPath("node")
	if err != nil {
		harness.Absent(t, "node")
	}
	u := newUser(t, "PATH="+filepath.Dir(program)+string(os.PathListSeparator)+"/usr/bin:/bin",
		"npm_config_update_notifier=false", "npm_config_audit=false", "npm_config_fund=false", "DO_NOT_TRACK=1", "pnpm_config_update_notifier=false")
	u.env = append(u.env, "YARN_CACHE_FOLDER="+filepath.Join(u.home, "yarn-cache"))
	u.write(t, "package.json", `{"name":"app","version":"1.0.0","private":true,"dependencies":{"@team/kit":"^1.0.0","alias":"npm:left@^1.0.0"}}`)
	for name, text := range n.files {
		u.write(t, name, text)
	}
	s.Larder(t, []string{"HOME=" + u.home}, "login", n.login)
	return u
}

func (n node) run(t *testing.T, u *user, args []string) {
	t.Helper()
	command := []string{harness.Program(t, n.program...)}
	if !n.native {
		command = append([]string{"node"}, command...)
		command[0], _ = exec.LookPath("node")
	}
	u.run(t, append(command, args...)...)
}

func TestNode(t *testing.T) {
	harness.EndToEnd(t)
	for _, n := range nodes {
		t.Run(n.name, func(t *testing.T) {
			rehearse(t, rehearsal{
				upstream: npmUpstream(t), lock: n.lock, held: "3 held",
				written: func(t *testing.T, s *harness.Server) *user {
					u := n.user(t, s)
					n.run(t, u, n.locks)
					return u
				},
				fresh: func(t *testing.T, s *harness.Server, from *user) *user {
					u := n.user(t, s)
					u.write(t, n.lock, from.read(t, n.lock))
					return u
				},
				install: func(t *testing.T, _ *harness.Server, u *user) {
					n.run(t, u, n.installs)
					if got := u.run(t, "/bin/sh", "-c", `node -e 'console.log(require("alias") + " " + require("@team/kit"))'`); strings.TrimSpace(got) != "1.0.1 1.2.0" {
						t.Errorf("installed: %s", got)
					}
				},
			})
		})
	}
}

// A lock that promises other bytes than upstream has fails by name, and a
// version that a rule blocks fails with the rule's reason, checked or fetched.
func TestPromisesAndRules(t *testing.T) {
	harness.EndToEnd(t)
	n := nodes[2]
	up := npmUpstream(t)
	s := harness.Serve(t, up.flags(t)...)
	u := n.user(t, s)
	n.run(t, u, n.locks)
	lock := u.read(t, n.lock)

	s.Larder(t, nil, "guard", "block", "npm:left", "--reason", "it steals keys")
	for _, args := range [][]string{{n.lock}, {"--check", n.lock}} {
		if out, status := prefetch(t, s, u, args...); status != 4 && args[0] != "--check" || status == 0 || !strings.Contains(out, "it steals keys") || !strings.Contains(out, "npm/left@1.0.1") {
			t.Errorf("%q of a blocked version: status %d\n%s", args, status, out)
		}
	}
	s.Larder(t, nil, "guard", "unblock", "npm:left")

	sum := sha512.Sum512([]byte("other bytes"))
	at := strings.Index(lock, "sha512-") + len("sha512-")
	end := at + strings.Index(lock[at:], `"`)
	u.write(t, n.lock, lock[:at]+base64.StdEncoding.EncodeToString(sum[:])+lock[end:])
	out, status := prefetch(t, s, u, n.lock)
	if status != 1 || !strings.Contains(out, "failed  npm/") || !strings.Contains(out, "expected SHA-512 "+hex.EncodeToString(sum[:])) {
		t.Errorf("a false promise: status %d\n%s", status, out)
	}
	if out, status := prefetch(t, s, u, "--check", "--output", "json", n.lock); status != 1 || !strings.Contains(out, `"state": "failed"`) {
		t.Errorf("a check of a false promise: status %d\n%s", status, out)
	}
}
