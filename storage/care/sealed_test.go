package care_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/policy/identity"
	"larder/registry"
	"larder/storage"
	"larder/storage/care"
	"larder/storage/mem"
	"larder/storage/sealed"
)

// sealing is a place whose bytes are sealed under a master key.
func sealing(t *testing.T) (storage.Place, registry.Metadata, registry.Blobs) {
	t.Helper()
	s, err := identity.NewSealer(bytes.Repeat([]byte{1}, 32))
	fatal(t, err)
	p := storage.Place{Data: t.TempDir(), Vault: &sealed.Vault{Master: s}}
	m, err := storage.Metadata(t.Context(), "", p.Data)
	fatal(t, err)
	t.Cleanup(func() { m.Close() })
	plain, err := storage.Blobs(t.Context(), "", p.Data, nil)
	fatal(t, err)
	b, err := storage.Sealed(plain, p.Data, p.Ring(sealed.Metadata{Metadata: m}), sealed.Every)
	fatal(t, err)
	setUp(t, m)
	return p, m, b
}

// restored restores a backup as larder does.
func restored(t *testing.T, folder string, vault *sealed.Vault) (registry.Metadata, registry.Blobs) {
	t.Helper()
	p := storage.Place{Data: t.TempDir(), Vault: vault}
	store, err := storage.Blobs(t.Context(), "", p.Data, nil)
	fatal(t, err)
	keys, err := care.DataKeysOf(folder)
	fatal(t, err)
	if !keys.Any() {
		t.Error("the backup has no data keys")
	}
	store, err = storage.Sealed(store, p.Data, p.Ring(keys), sealed.Keyed)
	fatal(t, err)
	_, err = care.Restore(t.Context(), folder, p, store, nil)
	fatal(t, err)
	if clear := plainFiles(t, p.Data); len(clear) != 0 {
		t.Errorf("restored in clear: %q", clear)
	}
	m, b, closeBoth, err := p.Open(t.Context())
	fatal(t, err)
	t.Cleanup(func() { closeBoth() })
	return m, b
}

func plainFiles(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*", "*", "*", "*", "*"))
	fatal(t, err)
	return all
}

// Keys are rotated between two backups into one folder, and what the first holds
// is still read: also in a store that encrypts by itself.
func TestABackupOfSealedBytesIsSealedAndServesTheSame(t *testing.T) {
	p, m, b := sealing(t)
	publish(t, m, b, "p", "1", "one")
	folder := t.TempDir()
	_, err := care.Backup(t.Context(), p, folder, nil)
	fatal(t, err)
	_, err = p.Ring(sealed.Metadata{Metadata: m}).Rotate(t.Context(), acme)
	fatal(t, err)
	publish(t, m, b, "p", "2", "two")
	done, err := care.Backup(t.Context(), p, folder, nil)
	fatal(t, err)
	if done.Blobs != 1 || done.Kept != 1 {
		t.Errorf("the second copied %+v", done)
	}
	if clear := plainFiles(t, folder); len(clear) != 0 {
		t.Errorf("copied in clear: %q", clear)
	}
	want := everything(t, m, b)
	again, bytes := restored(t, folder, p.Vault)
	if diff := cmp.Diff(want, everything(t, again, bytes)); diff != "" {
		t.Error(diff)
	}
	elsewhere := storage.Place{Data: t.TempDir(), Vault: p.Vault}
	store := mem.New()
	_, err = care.Restore(t.Context(), folder, elsewhere, store, nil)
	fatal(t, err)
	if diff := cmp.Diff(want, everything(t, again, store)); diff != "" {
		t.Error(diff)
	}
	if _, err := care.Restore(t.Context(), folder, storage.Place{Data: t.TempDir()}, mem.New(), nil); err == nil || !strings.Contains(err.Error(), "--master-key") {
		t.Errorf("without the master key: %v", err)
	}
	without := p
	without.Vault = nil
	if _, err := care.Backup(t.Context(), without, t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "--master-key") {
		t.Errorf("a backup without the master key: %v", err)
	}
}

func TestVerifyRepairsSealedBytes(t *testing.T) {
	p, m, b := sealing(t)
	replica := mem.New()
	for i := range 4 {
		content := fmt.Sprint("content ", i)
		publish(t, m, b, fmt.Sprint("p", i), "1", content)
		_, err := put(t.Context(), replica, content)
		fatal(t, err)
	}
	path := func(i int) string {
		digest := registry.Digest(sha256.Sum256(fmt.Append(nil, "content ", i))).String()
		return filepath.Join(p.Data, "sealed", "sha256", acme.Owner, acme.Name, digest[:2], digest[2:4], digest)
	}
	text, err := os.ReadFile(path(1))
	fatal(t, err)
	text[3] ^= 1
	fatal(t, os.WriteFile(path(1), text, 0o600))
	fatal(t, os.WriteFile(path(2), text[:20], 0o600))
	fatal(t, os.Remove(path(3)))
	from := []care.Replica{{Name: "replica", Blobs: replica}}
	for _, c := range []struct {
		care.Verify
		problems, repaired int64
	}{{care.Verify{}, 3, 0}, {care.Verify{Repair: true, Replicas: from}, 3, 3}, {care.Verify{}, 0, 0}} {
		_, opened, closeBoth, err := p.Look(t.Context())
		fatal(t, err)
		sum, err := c.Run(t.Context(), m, opened)
		fatal(t, err)
		fatal(t, closeBoth())
		if sum.Problems != c.problems || sum.Repaired != c.repaired {
			t.Errorf("%+v: want %d problems, %d repaired", sum, c.problems, c.repaired)
		}
	}
	if clear := plainFiles(t, p.Data); len(clear) != 0 {
		t.Errorf("repaired in clear: %q", clear)
	}
	if _, err := os.Stat(path(3)); err != nil {
		t.Error(err)
	}
}
