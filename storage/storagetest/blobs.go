// Package storagetest holds the contracts of registry.Blobs and
// registry.Metadata as tests: every implementation runs the same ones. [Blobs],
// [Metadata] and [Reopened] are called from its own tests.
package storagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larder/registry"
)

var (
	acme   = registry.DomainID{Owner: "111111111111", Name: "acme"}
	globex = registry.DomainID{Owner: "111111111111", Name: "globex"}
	acme2  = registry.DomainID{Owner: "222222222222", Name: "acme"} // acme's name, another account
)

// Blobs checks the contract of registry.Blobs; open gives an empty store.
func Blobs(t *testing.T, open func(t *testing.T) registry.Blobs) {
	for name, check := range map[string]func(*testing.T, registry.Blobs){
		"committed bytes are there as they were written":     blobRoundTrip,
		"bytes are invisible before commit":                  blobInvisible,
		"abort leaves nothing":                               blobAbort,
		"a writer is of no use after commit":                 blobDone,
		"an empty blob is a blob":                            blobEmpty,
		"a missing blob is not found":                        blobMissing,
		"a blob that is there stays as it is":                blobAgain,
		"committing again makes a blob young":                blobYoung,
		"the same bytes in two domains are two blobs":        blobDomains,
		"list gives every blob of the domain once":           blobList,
		"list stops when its reader does":                    blobListStops,
		"a deleted blob can be read by who has it open":      blobOpenDeleted,
		"what was written can be read back beside the write": blobReadBack,
		"writers run side by side":                           blobConcurrent,
		"a context that is over ends the call":               blobContext,
		"what is set aside is not there and can come again":  blobSetAside,
	} {
		t.Run(name, func(t *testing.T) { check(t, open(t)) })
	}
}

// put stores the bytes and gives their digest.
func put(t *testing.T, b registry.Blobs, d registry.DomainID, content string) registry.Digest {
	t.Helper()
	w := create(t, b, d)
	if n, err := io.WriteString(w, content); err != nil || n != len(content) {
		t.Fatalf("write: %d, %v", n, err)
	}
	digest := registry.Digest(sha256.Sum256([]byte(content)))
	if err := w.Commit(t.Context(), digest); err != nil {
		t.Fatalf("commit: %v", err)
	}
	return digest
}

func create(t *testing.T, b registry.Blobs, d registry.DomainID) registry.BlobWriter {
	t.Helper()
	w, err := b.Create(t.Context(), d)
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	return w
}

func read(t *testing.T, b registry.Blobs, d registry.DomainID, digest registry.Digest) string {
	t.Helper()
	r, err := b.Open(t.Context(), d, digest)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return string(got)
}

func wantMissing(t *testing.T, b registry.Blobs, d registry.DomainID, digest registry.Digest) {
	t.Helper()
	r, err := b.Open(t.Context(), d, digest)
	if err == nil {
		r.Close()
		t.Errorf("open of a missing blob of %v succeeded", d)
	} else if !registry.IsNotFound(err) {
		t.Errorf("open of a missing blob: %v, want NotFound", err)
	}
}

// list gives digest and size of each blob, and fails where one comes twice.
func list(t *testing.T, b registry.Blobs, d registry.DomainID) map[registry.Digest]int64 {
	t.Helper()
	all := map[registry.Digest]int64{}
	for i, err := range b.List(t.Context(), d) {
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		if _, twice := all[i.Digest]; twice {
			t.Errorf("list gives %s twice", i.Digest)
		}
		all[i.Digest] = i.Size
	}
	return all
}

func blobRoundTrip(t *testing.T, b registry.Blobs) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 300_000) // 4.8 MB
	w := create(t, b, acme)
	for rest := content; len(rest) > 0; {
		n := min(len(rest), 70_001)
		if _, err := w.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	digest := registry.Digest(sha256.Sum256(content))
	before := time.Now().Add(-2 * time.Second) // file systems have coarser clocks
	if err := w.Commit(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	r, err := b.Open(t.Context(), acme, digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("read %d bytes, %v; want the %d that were written", len(got), err, len(content))
	}
	if end, err := r.Seek(-10, io.SeekEnd); err != nil || end != int64(len(content))-10 {
		t.Errorf("seek: %d, %v", end, err)
	}
	if tail, err := io.ReadAll(r); err != nil || string(tail) != "6789abcdef" {
		t.Errorf("after seek: %q, %v", tail, err)
	}
	part := make([]byte, 5)
	if _, err := r.ReadAt(part, 16); err != nil || string(part) != "01234" {
		t.Errorf("ReadAt: %q, %v", part, err)
	}
	for i, err := range b.List(t.Context(), acme) {
		if err != nil {
			t.Fatal(err)
		}
		if i.Digest != digest || i.Size != int64(len(content)) {
			t.Errorf("list gives %s of %d bytes", i.Digest, i.Size)
		}
		if i.Created.Before(before) || i.Created.After(time.Now().Add(2*time.Second)) || i.Created.Location() != time.UTC {
			t.Errorf("created %v, want now, in UTC", i.Created)
		}
	}
}

func blobInvisible(t *testing.T, b registry.Blobs) {
	w := create(t, b, acme)
	defer w.Abort()
	io.WriteString(w, "hidden")
	wantMissing(t, b, acme, sha256.Sum256([]byte("hidden")))
	if got := list(t, b, acme); len(got) != 0 {
		t.Errorf("list gives %v before commit", got)
	}
}

func blobAbort(t *testing.T, b registry.Blobs) {
	w := create(t, b, acme)
	io.WriteString(w, "dropped")
	for range 2 {
		if err := w.Abort(); err != nil {
			t.Errorf("abort: %v", err)
		}
	}
	digest := registry.Digest(sha256.Sum256([]byte("dropped")))
	if err := w.Commit(t.Context(), digest); err == nil {
		t.Error("commit after abort succeeded")
	}
	wantMissing(t, b, acme, digest)
}

func blobDone(t *testing.T, b registry.Blobs) {
	w := create(t, b, acme)
	io.WriteString(w, "done")
	digest := registry.Digest(sha256.Sum256([]byte("done")))
	if err := w.Commit(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "more"); err == nil {
		t.Error("write after commit succeeded")
	}
	if err := w.Commit(t.Context(), digest); err == nil {
		t.Error("a second commit succeeded")
	}
	if err := w.Abort(); err != nil {
		t.Errorf("abort after commit: %v", err)
	}
	if got := read(t, b, acme, digest); got != "done" {
		t.Errorf("the blob is %q after all that", got)
	}
}

func blobEmpty(t *testing.T, b registry.Blobs) {
	if got := read(t, b, acme, put(t, b, acme, "")); got != "" {
		t.Errorf("read %q", got)
	}
}

func blobMissing(t *testing.T, b registry.Blobs) {
	digest := registry.Digest{1}
	wantMissing(t, b, acme, digest)
	if err := b.Delete(t.Context(), acme, digest); err != nil {
		t.Errorf("delete of a missing blob: %v", err)
	}
	put(t, b, acme, "there")
	wantMissing(t, b, acme, digest)
	if err := b.Delete(t.Context(), acme, digest); err != nil {
		t.Errorf("delete of a missing blob: %v", err)
	}
}

func blobAgain(t *testing.T, b registry.Blobs) {
	digest := put(t, b, acme, "first")
	w := create(t, b, acme)
	io.WriteString(w, "other")
	if err := w.Commit(t.Context(), digest); err != nil {
		t.Fatalf("commit of a blob that is there: %v", err)
	}
	if got := read(t, b, acme, digest); got != "first" {
		t.Errorf("the blob is %q now", got)
	}
	if diff := cmp.Diff(map[registry.Digest]int64{digest: 5}, list(t, b, acme)); diff != "" {
		t.Error(diff)
	}
}

func blobYoung(t *testing.T, b registry.Blobs) {
	created := func() (at time.Time) {
		for i, err := range b.List(t.Context(), acme) {
			if err != nil {
				t.Fatal(err)
			}
			at = i.Created
		}
		return at
	}
	put(t, b, acme, "again")
	first := created()
	for n := 0; !created().After(first); n++ {
		if n == 1_000_000 {
			t.Fatal("Created stays when the blob is committed again")
		}
		put(t, b, acme, "again")
	}
}

func blobDomains(t *testing.T, b registry.Blobs) {
	digest := put(t, b, acme, "shared")
	for _, d := range []registry.DomainID{globex, acme2} {
		wantMissing(t, b, d, digest)
		if got := list(t, b, d); len(got) != 0 {
			t.Errorf("list of %v gives %v", d, got)
		}
		put(t, b, d, "shared")
	}
	if err := b.Delete(t.Context(), acme, digest); err != nil {
		t.Fatal(err)
	}
	wantMissing(t, b, acme, digest)
	for _, d := range []registry.DomainID{globex, acme2} {
		if got := read(t, b, d, digest); got != "shared" {
			t.Errorf("%v has %q", d, got)
		}
	}
}

func blobList(t *testing.T, b registry.Blobs) {
	want := map[registry.Digest]int64{}
	for i := range 50 {
		content := fmt.Sprintf("blob %d", i)
		want[put(t, b, acme, content)] = int64(len(content))
	}
	put(t, b, globex, "not this one")
	if diff := cmp.Diff(want, list(t, b, acme)); diff != "" {
		t.Error(diff)
	}
	for digest := range want {
		if err := b.Delete(t.Context(), acme, digest); err != nil {
			t.Fatal(err)
		}
		delete(want, digest)
		break
	}
	if diff := cmp.Diff(want, list(t, b, acme)); diff != "" {
		t.Errorf("after a delete: %s", diff)
	}
}

func blobListStops(t *testing.T, b registry.Blobs) {
	for i := range 5 {
		put(t, b, acme, fmt.Sprint(i))
	}
	n := 0
	for range b.List(t.Context(), acme) {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("saw %d blobs, want 2", n)
	}
}

func blobOpenDeleted(t *testing.T, b registry.Blobs) {
	digest := put(t, b, acme, "going")
	r, err := b.Open(t.Context(), acme, digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := b.Delete(t.Context(), acme, digest); err != nil {
		t.Fatal(err)
	}
	wantMissing(t, b, acme, digest)
	if got, err := io.ReadAll(r); err != nil || string(got) != "going" {
		t.Errorf("read %q, %v", got, err)
	}
}

func blobReadBack(t *testing.T, b registry.Blobs) {
	w := create(t, b, acme)
	defer w.Abort()
	r, ok := w.(io.ReaderAt)
	if !ok {
		t.Skip("this implementation cannot read back, and need not")
	}
	written := make(chan int64)
	go func() {
		defer close(written)
		for i := range int64(200) {
			if _, err := w.Write(bytes.Repeat([]byte{byte(i)}, 1000)); err != nil {
				t.Error(err)
				return
			}
			written <- (i + 1) * 1000
		}
	}()
	buf := make([]byte, 1000)
	for size := range written {
		for _, at := range []int64{0, size / 2000 * 1000, size - 1000} {
			n, err := r.ReadAt(buf, at)
			if n != len(buf) || err != nil && err != io.EOF {
				t.Fatalf("ReadAt %d of %d written: %d, %v", at, size, n, err)
			}
			if want := bytes.Repeat([]byte{byte(at / 1000)}, 1000); !bytes.Equal(buf, want) {
				t.Fatalf("ReadAt %d gives other bytes than were written", at)
			}
		}
	}
	if n, err := r.ReadAt(buf, 199_500); n != 500 || err != io.EOF {
		t.Errorf("ReadAt over the end: %d, %v; want 500 and EOF", n, err)
	}
	if err := w.Commit(t.Context(), registry.Digest{7}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadAt(buf, 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("ReadAt after commit: %v, want fs.ErrClosed", err)
	}
}

func blobConcurrent(t *testing.T, b registry.Blobs) {
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 10 {
				content := fmt.Sprint(i) // the same of every goroutine
				if g%2 == 0 {
					content = fmt.Sprint(g, i)
				}
				digest := registry.Digest(sha256.Sum256([]byte(content)))
				w, err := b.Create(t.Context(), acme)
				if err != nil {
					t.Error(err)
					return
				}
				io.WriteString(w, content)
				if err := w.Commit(t.Context(), digest); err != nil {
					t.Error(err)
					return
				}
				r, err := b.Open(t.Context(), acme, digest)
				if err != nil {
					t.Errorf("open after commit: %v", err)
					return
				}
				got, err := io.ReadAll(r)
				r.Close()
				if err != nil || string(got) != content {
					t.Errorf("read %q, %v; want %q", got, err, content)
				}
			}
		})
	}
	all.Wait()
	if got := len(list(t, b, acme)); got != 4*10+10 {
		t.Errorf("%d blobs, want 50", got)
	}
}

func blobContext(t *testing.T, b registry.Blobs) {
	digest := put(t, b, acme, "there")
	w := create(t, b, acme)
	io.WriteString(w, "late")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	late := registry.Digest(sha256.Sum256([]byte("late")))
	_, create := b.Create(ctx, acme)
	_, open := b.Open(ctx, acme, digest)
	var listed error
	for _, err := range b.List(ctx, acme) {
		listed = err
	}
	for call, err := range map[string]error{
		"create": create, "open": open, "list": listed,
		"delete": b.Delete(ctx, acme, digest), "commit": w.Commit(ctx, late),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context.Canceled", call, err)
		}
	}
	wantMissing(t, b, acme, late)
	if got := read(t, b, acme, digest); got != "there" {
		t.Errorf("the blob that was to be deleted too late is %q", got)
	}
}

func blobSetAside(t *testing.T, b registry.Blobs) {
	q, ok := b.(registry.BlobQuarantine)
	if !ok {
		t.Skip("the store cannot keep what is damaged")
	}
	digest, other := put(t, b, acme, "content"), put(t, b, acme, "other")
	for range 2 { // the second time it is missing
		if err := q.SetAside(t.Context(), acme, digest); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Open(t.Context(), acme, digest); !registry.IsNotFound(err) {
		t.Errorf("open: %v, want NotFound", err)
	}
	for i, err := range b.List(t.Context(), acme) {
		if err != nil || i.Digest != other {
			t.Errorf("list gives %s, %v", i.Digest, err)
		}
	}
	put(t, b, acme, "content")
	if got := read(t, b, acme, digest); got != "content" {
		t.Errorf("it comes again as %q", got)
	}
	if err := q.SetAside(t.Context(), acme, digest); err != nil {
		t.Errorf("a second time: %v", err)
	}
}
