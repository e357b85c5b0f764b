package fs_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	iofs "io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"larder/registry"
	"larder/storage/fs"
	"larder/storage/storagetest"
)

var local = registry.DomainID{Owner: "000000000000", Name: "local"}

func open(t *testing.T, root string) *fs.Blobs {
	t.Helper()
	b, err := fs.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBlobs(t *testing.T) {
	storagetest.Blobs(t, func(t *testing.T) registry.Blobs { return open(t, t.TempDir()) })
}

func put(t *testing.T, b *fs.Blobs, content string) registry.Digest {
	t.Helper()
	w, err := b.Create(t.Context(), local)
	if err != nil {
		t.Fatal(err)
	}
	digest := registry.Digest(sha256.Sum256([]byte(content)))
	_, err = io.WriteString(w, content)
	if err == nil {
		err = w.Commit(t.Context(), digest)
	}
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// files gives every file below dir, relative to it.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, e iofs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			all = append(all, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRoomIsThatOfTheFileSystem(t *testing.T) {
	root := t.TempDir()
	b := open(t, root)
	if n, err := b.Room(t.Context()); err != nil || n < 1 {
		t.Errorf("room for %d bytes, %v", n, err)
	}
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Room(t.Context()); registry.CodeOf(err) != registry.Internal {
		t.Errorf("without its folder: %v", err)
	}
}

func TestLayoutIsTheOneInThePackageComment(t *testing.T) {
	root := t.TempDir()
	digest := put(t, open(t, root), "test").String()
	want := "sha256/000000000000/local/9f/86/" + digest
	if got := files(t, root); len(got) != 1 || got[0] != want {
		t.Errorf("files %q, want only %q", got, want)
	}
}

func TestBlobsOutliveTheProcess(t *testing.T) {
	root := t.TempDir()
	digest := put(t, open(t, root), "kept")
	again := open(t, root)
	f, err := again.Open(t.Context(), local, digest)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, _ := io.ReadAll(f); string(got) != "kept" {
		t.Errorf("read %q", got)
	}
	put(t, again, "kept")
	put(t, again, "more")
}

func TestOpenDropsWhatWasHalfWritten(t *testing.T) {
	root := t.TempDir()
	w, err := open(t, root).Create(t.Context(), local)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "half")
	if len(files(t, root)) != 1 {
		t.Fatal("nothing is on its way in")
	}
	open(t, root)
	if got := files(t, root); len(got) != 0 {
		t.Errorf("left after Open: %q", got)
	}
}

func TestAbortAndFailedCommitLeaveNoFile(t *testing.T) {
	root := t.TempDir()
	b := open(t, root)
	aborted, _ := b.Create(t.Context(), local)
	io.WriteString(aborted, "dropped")
	aborted.Abort()

	late, _ := b.Create(t.Context(), local)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := late.Commit(ctx, registry.Digest{1}); err == nil {
		t.Error("commit with a context that is over succeeded")
	}

	blocked, _ := b.Create(t.Context(), local)
	if err := os.WriteFile(filepath.Join(root, "sha256", local.Owner), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := blocked.Commit(t.Context(), registry.Digest{2}); err == nil {
		t.Error("commit where a file stands in the way succeeded")
	}
	if got := files(t, filepath.Join(root, "tmp")); len(got) != 0 {
		t.Errorf("left in tmp: %q", got)
	}
}

func TestNamesThatLeaveTheRootAreRefused(t *testing.T) {
	b := open(t, t.TempDir())
	for _, d := range []registry.DomainID{
		{}, {Owner: "000000000000"}, {Name: "local"},
		{Owner: "..", Name: "local"}, {Owner: "000000000000", Name: ".."}, {Owner: ".", Name: "local"},
		{Owner: "000000000000", Name: "a/../../b"}, {Owner: "0/0", Name: "local"}, {Owner: "000000000000", Name: `a\b`},
		{Owner: "000000000000", Name: "a\x00b"}, {Owner: "000000000000", Name: "c:"},
		{Owner: "000000000000", Name: strings.Repeat("a", 300)},
	} {
		_, create := b.Create(t.Context(), d)
		_, open := b.Open(t.Context(), d, registry.Digest{})
		var list error
		for _, err := range b.List(t.Context(), d) {
			list = err
		}
		for call, err := range map[string]error{
			"create": create, "open": open, "delete": b.Delete(t.Context(), d, registry.Digest{}), "list": list,
		} {
			if err == nil || registry.CodeOf(err) != registry.Invalid {
				t.Errorf("%s in domain %q: %v, want Invalid", call, d, err)
			}
		}
	}
}

func TestListPassesOverForeignFiles(t *testing.T) {
	root := t.TempDir()
	b := open(t, root)
	put(t, b, "ours")
	foreign := filepath.Join(root, "sha256", local.Owner, local.Name, "lost+found.txt")
	if err := os.WriteFile(foreign, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range b.List(t.Context(), local) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("list gives %d blobs, want 1", n)
	}
}

// The kernel sends a file to a socket only where it gets to see one.
func TestOpenGivesAFileThatServeContentCanSend(t *testing.T) {
	b := open(t, t.TempDir())
	content := strings.Repeat("0123456789", 100)
	blob, err := b.Open(t.Context(), local, put(t, b, content))
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	if _, ok := blob.(*os.File); !ok {
		t.Fatalf("Open gives a %T, want an *os.File", blob)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Range", "bytes=5-14")
	w := httptest.NewRecorder()
	http.ServeContent(w, r, "", time.Time{}, blob)
	if w.Code != http.StatusPartialContent || w.Body.String() != "5678901234" {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
}

func BenchmarkCommit(b *testing.B) {
	store, err := fs.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	content := bytes.Repeat([]byte("x"), 100_000)
	n := 0
	for b.Loop() {
		n++
		w, err := store.Create(b.Context(), local)
		if err != nil {
			b.Fatal(err)
		}
		w.Write(content)
		if err := w.Commit(b.Context(), sha256.Sum256(fmt.Append(nil, n))); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	store, err := fs.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	w, _ := store.Create(b.Context(), local)
	digest := registry.Digest{1, 2, 3}
	if err := w.Commit(b.Context(), digest); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		f, err := store.Open(b.Context(), local, digest)
		if err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}
