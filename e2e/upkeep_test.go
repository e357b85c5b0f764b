package e2e

import (
	"crypto/sha256"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/formats/formatstest"
)

// TestRestart: a server that starts again is the same one to its clients: lock
// files, tokens, what was published and what was fetched.
func TestRestart(t *testing.T) {
	endToEnd(t)
	c := named("npm11")
	newUser(t, c)
	up := formatstest.NewUpstream(t)
	offerProject(t, up)
	s := serve(t, up.URL)
	token := s.Token(t)
	u := newUser(t, c)
	u.npmrc(t, s.repository(), token)
	u.project(t, gadget("1.0.0"), "index.js", module("gadget"))
	u.do(t, "publish")
	u.project(t, project())
	u.do(t, "install")
	u.do(t, "add", "gadget")
	lock, of := u.read(t, c.lock), u.read(t, "package.json")

	s.Stop(t)
	up.Down()
	again := serveFrom(t, s.Data, up.URL, "--listen", strings.TrimPrefix(s.URL, "http://"))
	u = newUser(t, c)
	u.npmrc(t, again.repository(), token)
	u.write(t, "package.json", of)
	u.write(t, c.lock, lock)
	u.do(t, "frozen")
	u.complete(t)
	if got := u.loaded(t, "gadget")["gadget"]; got != "gadget" {
		t.Errorf("what was published says %q", got)
	}
	u = newUser(t, c)
	u.npmrc(t, again.repository(), token)
	u.project(t, project())
	u.do(t, "install")
	u.complete(t)
}

// TestLargePackage: a package of 40 MB goes up and comes down as it was.
func TestLargePackage(t *testing.T) {
	endToEnd(t)
	for _, name := range []string{"npm11", "bun"} {
		newUser(t, named(name))
	}
	s := serve(t, formatstest.NewUpstream(t).URL)
	u := loggedIn(t, named("npm11"), s)
	u.project(t, manifest{"name": "large", "version": "1.0.0"})
	content := make([]byte, 40<<20) // nothing that could be compressed
	rand.NewChaCha8([32]byte{}).Read(content)
	if err := os.WriteFile(filepath.Join(u.dir, "content.bin"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	u.do(t, "publish")
	for _, name := range []string{"npm11", "bun"} {
		u = loggedIn(t, named(name), s)
		u.do(t, "add", "large")
		got, err := os.ReadFile(filepath.Join(u.dir, "node_modules", "large", "content.bin"))
		if err != nil || sha256.Sum256(got) != sha256.Sum256(content) {
			t.Errorf("%s: %d bytes came, %v, of %d", name, len(got), err, len(content))
		}
	}
}
