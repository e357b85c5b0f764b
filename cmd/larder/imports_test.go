package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// module is the path that this repository's packages begin with.
const module = "larder/"

// directions says which packages of this module a package may import. Every
// arrow points at registry; "*" ends a pattern that stands for all below it.
// The first pattern that matches decides.
var directions = []struct {
	packages string
	may      string // packages of this module, or patterns; empty: none
}{
	{"registry", ""},
	{"registry/upstream", "registry internal/httpx"},
	{"registry/api", "registry internal/httpx internal/awswire"},
	{"registry/console", "registry internal/httpx"},
	{"registry/guard", "registry"},
	{"registry/guard/*", "registry"},
	{"formats", "registry internal/httpx internal/bounded"},
	{"formats/formatstest", "formats registry registry/guard registry/upstream internal/httpx storage/mem storage/sqlite"},
	{"formats/*", "formats registry"},
	{"policy", "registry internal/awswire internal/bounded"},
	{"policy/*", "policy registry internal/awswire internal/httpx internal/bounded"},
	{"storage", "registry storage/*"},
	{"storage/storagetest", "registry"},
	{"storage/care", "registry storage/fs storage/sealed storage/sqlmeta"},
	{"storage/sealed", "registry storage/fs"},
	{"storage/*", "registry storage/sqlmeta"},
	{"events", "registry internal/awswire events/pattern"},
	{"events/*", "events events/* registry internal/awswire internal/httpx"},
	{"internal/awswire", "registry"},
	{"internal/pgtest", "internal/freeport"},
	{"internal/s3test", "internal/freeport"},
	{"internal/*", ""},
	{"cmd/*", "*"},
	{"e2e", "*"},
	{"e2e/*", "*"},
	{"bench", "*"},
	{"bench/*", "*"},
}

// keepers says which packages alone may import a library, so that each driver
// stays behind its port.
var keepers = []struct{ library, packages string }{
	{"github.com/nats-io/", "events events/* cmd/* e2e e2e/* bench bench/*"},
	{"github.com/casbin/", "policy policy/*"},
	{"github.com/golang-jwt/", "policy/*"},
	{"github.com/minio/", "storage/*"},
	{"github.com/jackc/", "storage/*"},
	{"modernc.org/sqlite", "storage/*"},
	{"database/sql", "storage/*"},
	{"github.com/sigstore/", "registry/guard/sigstore internal/sigstoretest"},
	{"github.com/gorilla/mux", "formats formats/formatstest registry/api"},
	{"github.com/prometheus/", "cmd/*"},
	{"github.com/spf13/", "cmd/*"},
	{"github.com/aws/", "policy/* cmd/* e2e e2e/* bench bench/*"},
}

// The core says what the product means: no wire, no database, no process.
var notInTheCore = []string{"net/http", "database/sql", "os/exec", "net/rpc"}

func TestImportsPointAtTheCore(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		may, known := "", false
		for _, d := range directions {
			if matches(d.packages, name) {
				may, known = d.may, true
				break
			}
		}
		if !known {
			t.Errorf("%s stands in no row of this test: say what it may import", name)
			continue
		}
		for _, imported := range p.Imports {
			own, ok := strings.CutPrefix(imported, module)
			if ok && !anyMatches(may, own) {
				t.Errorf("%s may not import %s", name, own)
			}
			for _, k := range keepers {
				if strings.HasPrefix(imported, k.library) && !anyMatches(k.packages, name) {
					t.Errorf("%s may not import %s: it is for %s", name, imported, k.packages)
				}
			}
			// What stands in no package of the module and has a dot is a library.
			if host, _, _ := strings.Cut(imported, "/"); name == "registry" && strings.Contains(host, ".") {
				t.Errorf("the core may not import %s", imported)
			}
		}
	}
}

func TestTheCoreKnowsNoWire(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != module+"registry" {
			continue
		}
		for _, imported := range p.Imports {
			for _, no := range notInTheCore {
				if imported == no {
					t.Errorf("the core may not import %s", no)
				}
			}
		}
		return
	}
	t.Fatal("the core was not found")
}

type listedPackage struct {
	ImportPath string
	Imports    []string
}

// packages lists the module's packages with what their code, tests not
// counted, imports.
func packages(t *testing.T) []listedPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			t.Skip("go is not on this machine")
		}
		t.Fatal(err)
	}
	var all []listedPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("only %d packages were listed", len(all))
	}
	return all
}

func anyMatches(patterns, name string) bool {
	for _, p := range strings.Fields(patterns) {
		if matches(p, name) {
			return true
		}
	}
	return false
}

func matches(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}
