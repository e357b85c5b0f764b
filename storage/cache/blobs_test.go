package cache_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/registry"
	"larder/storage/cache"
	"larder/storage/mem"
	"larder/storage/storagetest"
)

// store is a store that can be away.
type store struct {
	registry.Blobs
	away bool
}

var errAway = errors.New("away")

func (s *store) Open(ctx context.Context, d registry.DomainID, digest registry.Digest) (registry.Blob, error) {
	if s.away {
		return nil, errAway
	}
	return s.Blobs.Open(ctx, d, digest)
}

func open(t *testing.T, s registry.Blobs, dir string, limit int64) *cache.Blobs {
	t.Helper()
	b, err := cache.New(s, dir, limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func TestContract(t *testing.T) {
	storagetest.Blobs(t, func(t *testing.T) registry.Blobs { return open(t, mem.New(), t.TempDir(), 1<<30) })
}

var acme = registry.DomainID{Owner: "111111111111", Name: "acme"}

func put(t *testing.T, b registry.Blobs, content string) registry.Digest {
	t.Helper()
	w, err := b.Create(t.Context(), acme)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, content)
	digest := registry.Digest(sha256.Sum256([]byte(content)))
	if err := w.Commit(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	return digest
}

func read(t *testing.T, b registry.Blobs, digest registry.Digest) (content string, file bool, err error) {
	t.Helper()
	r, err := b.Open(t.Context(), acme, digest)
	if err != nil {
		return "", false, err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	_, file = r.(*os.File)
	return string(text), file, err
}

func TestWhatWasReadIsThereWhileTheStoreIsAway(t *testing.T) {
	s := &store{Blobs: mem.New()}
	dir := t.TempDir()
	b := open(t, s, dir, 1<<20)
	digest, unread := put(t, b, "content"), put(t, b, "never read")
	if got, file, err := read(t, b, digest); got != "content" || file || err != nil {
		t.Errorf("the first time: %q, file %v, %v", got, file, err)
	}
	b.Close()
	s.away = true
	if got, file, err := read(t, b, digest); got != "content" || !file || err != nil {
		t.Errorf("while the store is away: %q, file %v, %v", got, file, err)
	}
	if _, _, err := read(t, b, unread); err != errAway {
		t.Errorf("what was never read: %v, want the store's error", err)
	}
	if _, err := b.Exists(t.Context(), acme, digest); err != errAway {
		t.Errorf("exists: %v, want the store's error", err)
	}
	again := open(t, s, dir, 1<<20)
	if got, _, err := read(t, again, digest); got != "content" || err != nil {
		t.Errorf("after a restart: %q, %v", got, err)
	}
	s.away = false
	if err := again.Delete(t.Context(), acme, digest); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(t, again, digest); !registry.IsNotFound(err) {
		t.Errorf("after a delete: %v, want NotFound", err)
	}
}

func TestTheFolderStaysWithinItsLimit(t *testing.T) {
	s := &store{Blobs: mem.New()}
	dir := t.TempDir()
	b := open(t, s, dir, 10_000)
	large := put(t, b, strings.Repeat("x", 2_000)) // more than an eighth
	for i := range 40 {
		digest := put(t, b, fmt.Sprintf("%0800d", i))
		if _, _, err := read(t, b, digest); err != nil {
			t.Fatal(err)
		}
		if _, _, err := read(t, b, large); err != nil {
			t.Fatal(err)
		}
		b.Close()
	}
	var size int64
	n := 0
	err := walk(dir, func(i os.FileInfo) { size += i.Size(); n++ })
	if err != nil || size > 10_000 || n < 5 {
		t.Errorf("%d files of %d bytes, %v; want as many as 10000 bytes hold", n, size, err)
	}
	s.away = true
	if _, _, err := read(t, b, large); err != errAway {
		t.Errorf("a blob larger than its part was kept: %v", err)
	}
}

func TestADamagedBlobIsNotCopied(t *testing.T) {
	s := &store{Blobs: mem.New()}
	w, err := s.Create(t.Context(), acme)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "other bytes")
	if err := w.Commit(t.Context(), registry.Digest{1}); err != nil {
		t.Fatal(err)
	}
	b := open(t, s, t.TempDir(), 1<<20)
	for range 2 {
		if _, file, err := read(t, b, registry.Digest{1}); file || err != nil {
			t.Errorf("file %v, %v", file, err)
		}
		b.Close()
	}
}

func walk(dir string, f func(os.FileInfo)) error {
	return filepath.Walk(dir, func(_ string, i os.FileInfo, err error) error {
		if err == nil && !i.IsDir() {
			f(i)
		}
		return err
	})
}
