package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"larder/e2e/harness"
)

// liveProject is a project of packages that everybody knows: many small ones,
// one large one, one with a binary for each platform.
var liveProject = manifest{
	"name": "live", "version": "1.0.0", "private": true,
	"dependencies": manifest{"express": "^5.0.0", "react": "^19.0.0", "typescript": "^5.0.0", "esbuild": "^0.25.0", "@babel/core": "^7.0.0"},
}

// liveCheck uses what was installed.
const liveCheck = `
const out = require('@babel/core').transformSync('1+1', { configFile: false }).code
  + typeof require('express')() + typeof require('react').createElement + require('typescript').version.length
  + require('esbuild').transformSync('let a: number = 1', { loader: 'ts' }).code
console.log(out.replace(/\s+/g, ' '))
`

const liveAnswer = "1 + 1;functionfunction5let a = 1; \n"

// TestLive installs through the registry that this machine's npm knows, found
// as a server finds it at its first start. The table that it prints is for
// docs/live-runs.md.
func TestLive(t *testing.T) {
	if harness.Mode() != "live" {
		t.Skip("this needs the network and runs with LARDER_E2E=live")
	}
	table := []string{
		"| client | packages | straight | cold | warm | from the lock file | upstream requests: cold, then |",
		"|---|---|---|---|---|---|---|",
	}
	for _, name := range []string{"npm11", "pnpm", "yarn4", "bun"} {
		t.Run(name, func(t *testing.T) { table = append(table, liveRow(t, named(name))) })
	}
	t.Logf("\n%s", strings.Join(table, "\n"))
}

func liveRow(t *testing.T, c client) string {
	straight := liveUser(t, c)
	versions, err := straight.run(t, append(straight.program, "--version")...)
	if err != nil {
		t.Fatal(err)
	}
	plain := straight.timed(t, "install")

	data := t.TempDir()
	s := &server{harness.Start(t, data, os.Environ(), "serve", "--data", data, "--listen", "127.0.0.1:0", "--nats-listen", "off")}
	s.awaitConnection(t)

	first := liveUser(t, c)
	s.Larder(t, []string{"HOME=" + first.home}, "login", c.login)
	cold := first.timed(t, "install")
	asked := s.upstreamRequests(t)

	second := liveUser(t, c)
	s.Larder(t, []string{"HOME=" + second.home}, "login", c.login)
	warm := second.timed(t, "install")

	third := liveUser(t, c)
	s.Larder(t, []string{"HOME=" + third.home}, "login", c.login)
	third.write(t, c.lock, first.read(t, c.lock))
	frozen := third.timed(t, "frozen")
	later := s.upstreamRequests(t) - asked

	s.Stop(t)
	fetched := map[string]bool{}
	for _, line := range tarballLine.FindAllString(s.Log(), -1) {
		fetched[line] = true
	}
	if later != 0 {
		t.Errorf("%d requests went upstream for what was here already", later)
	}
	return fmt.Sprintf("| %s %s | %d | %.1f s | %.1f s | %.1f s | %.1f s | %d, %d |",
		strings.TrimRight(c.name, "0123456789"), strings.TrimSpace(versions), len(fetched), plain.Seconds(), cold.Seconds(), warm.Seconds(), frozen.Seconds(), asked, later)
}

// liveUser is one who reaches the network, with the project.
func liveUser(t *testing.T, c client) *user {
	t.Helper()
	switch c.name {
	case "yarn4":
		c.settings = map[string]string{".yarnrc.yml": "nodeLinker: node-modules\nenableTelemetry: false\n"}
	case "pnpm": // it fails where scripts were neither allowed nor refused
		c.settings = map[string]string{"pnpm-workspace.yaml": "allowBuilds:\n  esbuild: false\n"}
	}
	u := newUser(t, c)
	for _, name := range []string{
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
		"NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR",
	} {
		u.env = append(u.env, name+"="+os.Getenv(name))
	}
	u.project(t, liveProject)
	return u
}

// timed runs a command and uses what it installed; the time is the command's.
func (u *user) timed(t *testing.T, command string) time.Duration {
	t.Helper()
	began := time.Now()
	u.do(t, command)
	took := time.Since(began)
	u.write(t, "check.js", liveCheck)
	if out, err := u.run(t, "node", filepath.Join(u.dir, "check.js")); err != nil || out != liveAnswer {
		t.Errorf("what was installed says %q, %v, want %q", out, err, liveAnswer)
	}
	return took
}

// awaitConnection waits until the server knows where public packages are.
func (s *server) awaitConnection(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !regexp.MustCompile(`(?m)^public:npmjs\s+npm\s+http`).MatchString(s.Larder(t, nil, "connection", "list")) {
		if time.Now().After(deadline) {
			t.Fatal("within a minute the server did not find out where public npm packages are")
		}
	}
}

// upstreamRequests is how many requests the server has sent: those whose
// outcome is not that a kept listing serves.
func (s *server) upstreamRequests(t *testing.T) int {
	t.Helper()
	res, err := http.Get(s.URL + "/-/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, m := range upstreamCount.FindAllStringSubmatch(string(text), -1) {
		one, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		if m[1] != "fresh" && m[1] != "stale" {
			n += one
		}
	}
	return n
}

var upstreamCount = regexp.MustCompile(`(?m)^larder_upstream_requests_total\{.*outcome="(\w+)".*\} (\d+)$`)
