//go:build unix

package sqlite_test

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"larder/registry"
	"larder/storage/fs"
	"larder/storage/sqlite"
)

var (
	crashRepo = registry.RepoID{Domain: registry.DomainID{Owner: "111111111111", Name: "acme"}, Name: "main"}
	crashPkg  = registry.PackageID{Format: registry.NPM, Name: "p"}
)

// A child publishes in a loop, says which version it has committed, and is
// killed. What it said is there, bytes and rows and event; nothing is there by half.
func TestWhatWasCommittedOutlivesAKill(t *testing.T) {
	const child = "LARDER_TEST_CRASH"
	if dir := os.Getenv(child); dir != "" {
		publishForEver(t, dir)
		return
	}
	dir := t.TempDir()
	var last int64
	revision := int64(0)
	for round := range 8 {
		c := exec.Command(os.Args[0], "-test.run=^TestWhatWasCommittedOutlivesAKill$", "-test.count=1")
		c.Env = append(os.Environ(), child+"="+dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		c.Stderr = os.Stderr
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		acknowledged := last
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); {
			v, err := strconv.ParseInt(strings.TrimPrefix(lines.Text(), "committed "), 10, 64)
			if err != nil {
				continue
			}
			acknowledged = v
			if n++; n == 1+round*3 {
				c.Process.Kill() // it goes on until the kill arrives; the rest of its lines is read, too
			}
		}
		if err := c.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		if acknowledged == last {
			t.Fatal("the child committed nothing")
		}
		last, revision = checkAfterCrash(t, dir, acknowledged, revision)
	}
}

func publishForEver(t *testing.T, dir string) {
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "larder.db"))
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := fs.Open(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	for {
		var n int64
		err := db.View(t.Context(), func(tx registry.Tx) error {
			p, err := tx.Package(crashRepo, crashPkg)
			n = p.Sequence + 1
			if registry.IsNotFound(err) {
				return nil
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		content := fmt.Sprint("content ", n)
		w, err := blobs.Create(t.Context(), crashRepo.Domain)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, content)
		digest := registry.Digest(sha256.Sum256([]byte(content)))
		if err := w.Commit(t.Context(), digest); err != nil {
			t.Fatal(err)
		}
		err = db.Update(t.Context(), func(tx registry.Tx) error {
			if n == 1 {
				if err := tx.CreateDomain(registry.Domain{ID: crashRepo.Domain}); err != nil {
					return err
				}
				if err := tx.CreateRepository(registry.Repository{ID: crashRepo}); err != nil {
					return err
				}
			}
			if err := tx.PutPackage(crashRepo, registry.Package{ID: crashPkg, Sequence: n}); err != nil {
				return err
			}
			asset := registry.Asset{Name: "a", Size: int64(len(content)), Hashes: registry.Hashes{SHA256: digest}}
			if err := tx.PutVersion(crashRepo, crashPkg, registry.Version{Version: strconv.FormatInt(n, 10), Assets: []registry.Asset{asset}}); err != nil {
				return err
			}
			return tx.AppendEvents(registry.Event{ID: strconv.FormatInt(n, 10), Sequence: n})
		})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("committed", n)
	}
}

// checkAfterCrash gives the last version that is there, and its package's revision.
func checkAfterCrash(t *testing.T, dir string, acknowledged, revision int64) (int64, int64) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "larder.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	blobs, err := fs.Open(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	var p registry.Package
	err = db.View(t.Context(), func(tx registry.Tx) error {
		var err error
		if p, err = tx.Package(crashRepo, crashPkg); err != nil {
			return err
		}
		all, err := tx.Versions(crashRepo, crashPkg)
		if err != nil {
			return err
		}
		depth, err := tx.OutboxDepth()
		if err != nil {
			return err
		}
		if p.Sequence < acknowledged || int64(len(all)) != p.Sequence || int64(depth) != p.Sequence {
			t.Errorf("acknowledged %d; there are sequence %d, %d versions, %d events", acknowledged, p.Sequence, len(all), depth)
		}
		if p.Revision <= revision {
			t.Errorf("revision %d after %d", p.Revision, revision)
		}
		var size int64
		for _, v := range all {
			for _, a := range v.Assets {
				size += a.Size
				b, err := blobs.Open(t.Context(), crashRepo.Domain, a.Hashes.SHA256)
				if err != nil {
					return err
				}
				content, err := io.ReadAll(b)
				b.Close()
				if err != nil || sha256.Sum256(content) != a.Hashes.SHA256 {
					t.Errorf("version %s has other bytes, %v", v.Version, err)
				}
			}
		}
		d, err := tx.Domain(crashRepo.Domain)
		if err == nil && d.AssetSize != size {
			t.Errorf("asset size %d, want %d", d.AssetSize, size)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := db.Counters(t.Context(), crashRepo.Domain)
	if err != nil || c.Contents < p.Sequence {
		t.Errorf("contents counter %d, %v; want at least %d", c.Contents, err, p.Sequence)
	}
	return p.Sequence, p.Revision
}
