package npm

import (
	"strings"
	"testing"

	"larder/registry"
)

func TestNames(t *testing.T) {
	// What validate-npm-package-name 7 says: for old and for new packages.
	for name, want := range map[string][2]bool{
		"some-package": {true, true}, "example.com": {true, true}, "under_score": {true, true}, "123numeric": {true, true},
		"@npm/thingy": {true, true}, "@npm-zors/money.js": {true, true}, "@user/node_modules": {true, true}, "@a/_b": {true, true},
		"JSONStream": {true, false}, "crazy!": {true, false}, "@npm-zors/money!time.js": {true, false}, "it's": {true, false},
		strings.Repeat("a", 215): {true, false}, strings.Repeat("a", 214): {true, true},
		"": {}, ".start": {}, "_start": {}, "-start": {}, "contain:colons": {}, " leading": {}, "s/l/a/s/h/e/s": {},
		"node_modules": {}, "favicon.ico": {}, "@npm/.package": {}, "n\uff55mpy": {}, "nump\u0443": {}, "a%2fb": {}, "..": {}, "@../x": {}, "@/x": {},
		"a b": {}, `a\b`: {}, "a;b": {}, "@": {}, "@a": {}, "@a/": {},
	} {
		p := parseName(name)
		got := [2]bool{badName(p) == "", badNewName(p) == ""}
		if got != want {
			t.Errorf("%q: old and new are %v, want %v (%s)", name, got, want, badNewName(p))
		}
		if got[0] && fullName(p) != name {
			t.Errorf("%q became %q", name, fullName(p))
		}
	}
}

func TestCanonicalKeepsCaseAndRefusesOtherFormatsNames(t *testing.T) {
	id := registry.VersionID{Package: parseName("@Team/Lib"), Version: "1.0.0-RC.1"}
	got, err := (rules{}).Canonical(id)
	if err != nil || got != id {
		t.Errorf("got %v, %v", got, err)
	}
	for _, version := range []string{"latest", "1", "1.0.0 "} {
		id.Version = version
		if _, err := (rules{}).Canonical(id); registry.CodeOf(err) != registry.Invalid {
			t.Errorf("version %q: got %v", version, err)
		}
	}
}

func TestTarballNames(t *testing.T) {
	p := parseName("@team/lib-1.0.0")
	if got, want := tarballName(p, "2.0.0"), "lib-1.0.0-2.0.0.tgz"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for file, want := range map[string]string{
		"lib-1.0.0-2.0.0.tgz": "2.0.0", "lib-1.0.0-2.0.0-rc.1.tgz": "2.0.0-rc.1", "lib-1.0.0-2.0.0+b.tgz": "2.0.0+b",
		"lib-1.0.0.tgz": "", "lib-1.0.0-2.0.0.tar.gz": "", "other-2.0.0.tgz": "", "lib-1.0.0-.tgz": "", "": "",
	} {
		got, ok := versionOfTarball(p, file)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: got %q, %v", file, got, ok)
		}
	}
}

func TestTags(t *testing.T) {
	// Those that npm refuses are valid ranges of node-semver.
	for tag, want := range map[string]bool{
		"latest": true, "next": true, "beta-1": true, "next-7": true, "v8-lts": true, "canary_2": true, "1st": true, "x-ray": true,
		"1": false, "1.0": false, "1.2.3": false, "v1": false, "v1.2.3-rc.1": false, "x": false, "1.x": false, "*": false, ">=1": false, "^2": false,
		"~1": false, "1 || 2": false, "": false, " a": false, "a/b": false, "a%2fb": false, "-a": false,
		"a\x01b": false, "a;b": false, "\xff": false, strings.Repeat("a", 255): true, strings.Repeat("a", 256): false,
	} {
		if got := badTag(tag) == ""; got != want {
			t.Errorf("%q: allowed is %v, want %v", tag, got, want)
		}
	}
}
