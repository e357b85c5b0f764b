package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"larder/formats/formatstest"
)

// TestHelpers: pnpm and Yarn get tokens from larder, and none stands in a file.
func TestHelpers(t *testing.T) {
	for _, name := range []string{"pnpm9", "pnpm", "yarn4"} {
		t.Run(name, func(t *testing.T) {
			endToEnd(t)
			u := newUser(t, named(name))
			up := formatstest.NewUpstream(t)
			offerProject(t, up)
			s := serve(t, up.URL)
			if u.login == "pnpm" { // which had a token in the same file before
				s.Larder(t, []string{"HOME=" + u.home}, "login", u.login)
			}
			s.Larder(t, []string{"HOME=" + u.home}, "login", u.login, "--helper")
			noToken(t, u.home)

			u.project(t, manifest{"name": "consumer", "version": "1.0.0", "private": true, "dependencies": manifest{"@up/core": "^1.0.0"}})
			u.do(t, "install")
			if got, err := u.run(t, "node", "-p", "require('@up/core')"); err != nil || strings.TrimSpace(got) != "core 1.1.0 with leaf 2.0.1" {
				t.Errorf("got %q, %v", got, err)
			}

			u.project(t, manifest{"name": "@acme/made", "version": "1.0.0"}, "index.js", module("made"))
			if u.does("prepare") {
				u.do(t, "prepare")
			}
			u.do(t, "publish")
			if res, _ := s.get(t, s.Token(t), "@acme/made"); res.StatusCode != 200 {
				t.Errorf("what was published is answered with %s", res.Status)
			}
			noToken(t, u.home)

			// Without the helper again, as before.
			s.Larder(t, []string{"HOME=" + u.home}, "login", u.login)
			u.project(t, manifest{"name": "consumer", "version": "1.0.0", "private": true, "dependencies": manifest{"leaf": "1.0.0"}})
			u.do(t, "install")
		})
	}
}

// noToken looks for authorization tokens in all files of a folder.
func noToken(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && aToken.Match(text) {
			t.Errorf("%s holds a token", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// aToken is what a token looks like: three parts, the first a JSON object.
var aToken = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.`)
