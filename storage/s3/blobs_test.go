package s3_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"larder/internal/s3test"
	"larder/registry"
	"larder/storage/s3"
	"larder/storage/storagetest"
)

const bucket = "larder"

// server is started by the first test that needs it.
var server = sync.OnceValues(func() (*s3test.Server, error) { return s3test.Start(bucket) })

func TestMain(m *testing.M) {
	code := m.Run()
	if s, err := server(); err == nil {
		if err := s.Remove(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

var prefixes atomic.Int64

// place gives the URL of an empty prefix.
func place(t testing.TB, parameters ...string) string {
	t.Helper()
	s, err := server()
	if errors.Is(err, s3test.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s.URL(fmt.Sprint(bucket, "/test/", prefixes.Add(1)), parameters...)
}

func open(t testing.TB, url string) *s3.Blobs {
	t.Helper()
	c, err := s3.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s3.Open(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestContract(t *testing.T) {
	storagetest.Blobs(t, func(t *testing.T) registry.Blobs { return open(t, place(t)) })
}

var acme = registry.DomainID{Owner: "111111111111", Name: "acme"}

func put(t testing.TB, b registry.Blobs, content []byte) registry.Digest {
	t.Helper()
	w, err := b.Create(t.Context(), acme)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	digest := registry.Digest(sha256.Sum256(content))
	if err := w.Commit(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	return digest
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func TestABlobOfSeveralPartsIsReadInAnyWay(t *testing.T) {
	b := open(t, place(t, "part-size=5MiB"))
	for _, size := range []int{5<<20 - 1, 5 << 20, 5<<20 + 1, 12 << 20} {
		content := random(size)
		digest := put(t, b, content)
		r, err := b.Open(t.Context(), acme, digest)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes: %d come back, %v", size, len(got), err)
		}
		for _, at := range []int{0, 100, 256<<10 - 10, 256 << 10, size - 20} {
			part := make([]byte, 20)
			if _, err := r.ReadAt(part, int64(at)); err != nil || !bytes.Equal(part, content[at:at+20]) {
				t.Errorf("%d bytes: ReadAt %d: %v, or other bytes", size, at, err)
			}
			if _, err := r.Seek(int64(at), io.SeekStart); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(r, part); err != nil || !bytes.Equal(part, content[at:at+20]) {
				t.Errorf("%d bytes: read at %d: %v, or other bytes", size, at, err)
			}
		}
		if n, err := r.ReadAt(make([]byte, 20), int64(size-5)); n != 5 || err != io.EOF {
			t.Errorf("ReadAt over the end: %d, %v; want 5, EOF", n, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		put(t, b, content) // again
	}
}

func TestBytesWithoutTheirDigestAreRefused(t *testing.T) {
	for _, size := range []int{10, 6 << 20} {
		b := open(t, place(t, "part-size=5MiB"))
		w, err := b.Create(t.Context(), acme)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(random(size)); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(t.Context(), registry.Digest{1}); err == nil {
			t.Errorf("%d bytes with another digest were taken", size)
		}
		if there, err := b.Exists(t.Context(), acme, registry.Digest{1}); there || err != nil {
			t.Errorf("%d bytes: there %v, %v", size, there, err)
		}
	}
}

func TestReadersAreSentToTheStoreWhereThatIsAsked(t *testing.T) {
	for _, c := range []struct {
		mode  string
		asked bool
		want  bool
	}{{"off", true, false}, {"asked", false, false}, {"asked", true, true}, {"on", false, true}} {
		b := open(t, place(t, "redirect="+c.mode))
		digest := put(t, b, []byte("content"))
		r, err := b.Open(t.Context(), acme, digest)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		u, err := r.(registry.Redirecter).Redirect(t.Context(), c.asked, "text/x-test", `attachment; filename="a"`)
		if err != nil || (u != "") != c.want {
			t.Errorf("%s, asked %v: %q, %v", c.mode, c.asked, u, err)
		}
		if u == "" {
			continue
		}
		answer, err := http.Get(u)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != 200 || string(body) != "content" || answer.Header.Get("Content-Type") != "text/x-test" {
			t.Errorf("the URL answers %s, %q, %v", answer.Status, body, err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != "content" {
			t.Errorf("reading it here: %q, %v", got, err)
		}
		if _, err := b.Open(t.Context(), acme, registry.Digest{1}); !registry.IsNotFound(err) {
			t.Errorf("%s: a missing blob: %v", c.mode, err)
		}
	}
}

func TestAStoreThatIsAwayIsUnavailableAndNeverNotFound(t *testing.T) {
	place(t) // or skip
	s, err := s3test.Start(bucket)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Remove()
	b := open(t, s.URL(bucket))
	digest := put(t, b, []byte("content"))
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Open(t.Context(), acme, digest); registry.CodeOf(err) != registry.Unavailable {
		t.Errorf("open: %v, want Unavailable", err)
	}
	if _, err := b.Exists(t.Context(), acme, digest); registry.CodeOf(err) != registry.Unavailable {
		t.Errorf("exists: %v, want Unavailable", err)
	}
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	r, err := b.Open(t.Context(), acme, digest)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
}

func TestABucketThatCannotBeUsedEndsTheStartWithASentence(t *testing.T) {
	url := place(t)
	for what, u := range map[string]string{
		"no bucket":   strings.Replace(url, "@"+bucket, "@nosuchbucket", 1),
		"credentials": strings.Replace(url, "test-secret", "wrong", 1),
	} {
		c, err := s3.Parse(u)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s3.Open(t.Context(), c, nil)
		if msg := registry.MessageOf(err); registry.CodeOf(err) != registry.Unavailable || !strings.Contains(msg, what) || strings.Contains(msg, "wrong") {
			t.Errorf("%s: %q, %v", what, msg, err)
		}
	}
}

func TestEncryptionUsesTheDomainsKey(t *testing.T) {
	var heads []http.Header
	seen := &sync.Mutex{}
	store := newRecorder(t, func(h http.Header) { seen.Lock(); heads = append(heads, h.Clone()); seen.Unlock() })
	for _, c := range []struct{ parameters, domainKey, algorithm, key string }{
		{"", "", "", ""},
		{"&sse=s3", "", "AES256", ""},
		{"&sse=kms&kms-key=server", "", "aws:kms", "server"},
		{"&sse=kms&kms-key=server", "domain", "aws:kms", "domain"},
	} {
		config, err := s3.Parse("s3://k:s@bucket/p?endpoint=" + store + c.parameters)
		if err != nil {
			t.Fatal(err)
		}
		b, err := s3.Open(t.Context(), config, func(context.Context, registry.DomainID) (string, error) { return c.domainKey, nil })
		if err != nil {
			t.Fatal(err)
		}
		heads = nil
		put(t, b, []byte("x"))
		if len(heads) != 1 {
			t.Fatalf("%d uploads", len(heads))
		}
		h := heads[0]
		if got := h.Get("X-Amz-Server-Side-Encryption"); got != c.algorithm {
			t.Errorf("%s: encryption %q, want %q", c.parameters, got, c.algorithm)
		}
		if got := h.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"); got != c.key {
			t.Errorf("%s, domain %q: key %q, want %q", c.parameters, c.domainKey, got, c.key)
		}
		if h.Get("Content-Md5") == "" {
			t.Error("the upload has no Content-MD5")
		}
	}
}

func TestWhatWritersLeftBehindIsTidiedAway(t *testing.T) {
	b := open(t, place(t, "part-size=5MiB"))
	digest := put(t, b, random(11<<20))
	left, err := b.Create(t.Context(), acme)
	if err != nil {
		t.Fatal(err)
	}
	content := random(11 << 20)
	if _, err := left.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := b.Tidy(t.Context(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	// Young ones go on.
	if _, err := left.Write(content); err != nil {
		t.Errorf("a young upload: %v", err)
	}
	if err := b.Tidy(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := left.Commit(t.Context(), registry.Digest(sha256.Sum256(append(content, content...)))); err == nil {
		t.Error("an upload that was tidied away was committed")
	}
	if there, err := b.Exists(t.Context(), acme, digest); !there || err != nil {
		t.Errorf("the blob: %v, %v", there, err)
	}
}
