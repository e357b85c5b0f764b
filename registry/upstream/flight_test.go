package upstream_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"larder/formats/formatstest"
	"larder/registry"
	"larder/registry/upstream"
	"larder/storage/fs"
)

// noise gives n bytes that no two places of are alike.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func sha512of(b []byte) []byte {
	s := sha512.Sum512(b)
	return s[:]
}

// asset serves bytes and gives the request for them, with a SHA-512 promised.
func (w *world) asset(name string, b []byte) registry.PullRequest {
	w.up.Serve("/"+name, formatstest.Resource{Body: b, Type: "application/octet-stream"})
	return registry.PullRequest{
		Domain: domain, Connection: connection, Repo: "main",
		Version: registry.VersionID{Package: left, Version: "1.0.0"},
		Asset:   registry.ListedAsset{Name: name, URL: name, SHA512: sha512of(b)},
	}
}

func (w *world) held(t *testing.T) int {
	t.Helper()
	n := 0
	for _, err := range w.blobs.List(t.Context(), domain) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func pull(t *testing.T, p *upstream.Puller, r registry.PullRequest) ([]byte, error) {
	t.Helper()
	in, err := p.Pull(t.Context(), r)
	if err != nil {
		return nil, err
	}
	defer in.Body.Close()
	b, err := io.ReadAll(in.Body)
	if err == nil && in.Size != int64(len(b)) {
		t.Errorf("size: got %d of %d bytes", in.Size, len(b))
	}
	return b, err
}

func TestPullBringsAnAssetInWithItsHashes(t *testing.T) {
	for name, size := range map[string]int{
		"one byte": 1, "a block": upstream.Block, "a block and a byte": upstream.Block + 1, "many blocks": 1_000_003,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			want := noise(size)
			r := w.asset("a.bin", want)
			var finished registry.Asset
			r.Finish = func(_ context.Context, a registry.Asset, _ time.Time) error {
				finished = a
				return nil
			}
			in, err := w.Pull(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(in.Body)
			if err != nil || !bytes.Equal(got, want) || in.Size != int64(size) {
				t.Fatalf("%d bytes of %d, size %d, %v", len(got), size, in.Size, err)
			}
			a, _, err := in.Wait(t.Context())
			if err != nil || a != finished {
				t.Errorf("waited for %+v, finished %+v, %v", a, finished, err)
			}
			hashes := registry.Hashes{MD5: md5.Sum(want), SHA1: sha1.Sum(want), SHA256: sha256.Sum256(want), SHA512: sha512.Sum512(want)}
			if a.Name != "a.bin" || a.Size != int64(size) || a.Hashes != hashes {
				t.Errorf("got %+v", a)
			}
			if err := in.Body.Close(); err != nil {
				t.Error(err)
			}
			b, err := w.blobs.Open(t.Context(), domain, a.Hashes.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			b.Close()
			if h := w.up.Requests("/a.bin")[0].Header; h.Get("Accept-Encoding") != "identity" {
				t.Errorf("asked for encoding %q", h.Get("Accept-Encoding"))
			}
		})
	}
}

// G10.
func TestManyWhoAskForTheSameAssetAreOneDownload(t *testing.T) {
	w := newWorld(t)
	want := noise(300_000)
	r := w.asset("a.bin", want)
	gate := formatstest.NewGate()
	w.up.Fault("/a.bin", gate.After(100_000))

	ctx, leave := context.WithCancel(t.Context())
	first, err := w.Pull(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			if got, err := pull(t, w.Puller, r); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	gate.Await()
	leave() // the one who began it is gone, which ends nothing
	if _, err := io.ReadAll(first.Body); err != context.Canceled {
		t.Errorf("who left read on: %v", err)
	}
	first.Body.Close()
	gate.Open()
	all.Wait()
	wantCount(t, w.up, "/a.bin", 1)
}

// G2: bytes are readable while they arrive, from any place.
func TestReadersFollowTheDownload(t *testing.T) {
	for name, blobs := range map[string]func(*testing.T) registry.Blobs{
		"memory": nil,
		"files": func(t *testing.T) registry.Blobs {
			b, err := fs.Open(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if blobs != nil {
				w.blobs = blobs(t)
				w.Puller = w.puller(t)
			}
			want := noise(500_000)
			r := w.asset("a.bin", want)
			gate := formatstest.NewGate()
			w.up.Fault("/a.bin", gate.After(200_000))
			in, err := w.Pull(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Body.Close()
			if in.Size != 500_000 {
				t.Fatalf("size %d", in.Size)
			}
			got := make([]byte, 200_000-upstream.Block)
			if _, err := io.ReadFull(in.Body, got); err != nil || !bytes.Equal(got, want[:len(got)]) {
				t.Fatalf("the part that is here: %v", err)
			}
			if at, err := in.Body.Seek(-400_000, io.SeekEnd); at != 100_000 || err != nil {
				t.Fatalf("sought to %d, %v", at, err)
			}
			if _, err := io.ReadFull(in.Body, got[:1000]); err != nil || !bytes.Equal(got[:1000], want[100_000:101_000]) {
				t.Fatalf("after seeking: %v", err)
			}
			if _, err := in.Body.Seek(-1, io.SeekStart); err == nil {
				t.Error("sought before the start")
			}
			if at, err := in.Body.Seek(-10, io.SeekEnd); at != 499_990 || err != nil {
				t.Fatalf("sought to %d, %v", at, err)
			}
			gate.Open()
			tail, err := io.ReadAll(in.Body)
			if err != nil || !bytes.Equal(tail, want[499_990:]) {
				t.Fatalf("the tail: %d bytes, %v", len(tail), err)
			}
			if at, err := in.Body.Seek(0, io.SeekStart); at != 0 || err != nil {
				t.Fatal(at, err)
			}
			if again, err := io.ReadAll(in.Body); err != nil || !bytes.Equal(again, want) {
				t.Fatalf("from the start again: %d bytes, %v", len(again), err)
			}
			if at, err := in.Body.Seek(0, io.SeekCurrent); at != 500_000 || err != nil {
				t.Error(at, err)
			}
		})
	}
}

// G8: the last block waits for the digest, and for what is recorded of it.
func TestTheLastBlockWaitsUntilTheAssetIsRecorded(t *testing.T) {
	w := newWorld(t)
	want := noise(3 * upstream.Block)
	r := w.asset("a.bin", want)
	recording, recorded := make(chan struct{}), make(chan struct{})
	r.Finish = func(context.Context, registry.Asset, time.Time) error {
		close(recording)
		<-recorded
		return nil
	}
	in, err := w.Pull(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Body.Close()
	got := make([]byte, 2*upstream.Block)
	if _, err := io.ReadFull(in.Body, got); err != nil {
		t.Fatal(err)
	}
	<-recording
	ctx, leave := context.WithCancel(t.Context())
	impatient, err := w.Pull(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	leave()
	impatient.Body.Seek(-1, io.SeekEnd)
	if n, err := impatient.Body.Read(got); n != 0 || err != context.Canceled {
		t.Errorf("read %d bytes of the last block before it was recorded, %v", n, err)
	}
	close(recorded)
	if rest, err := io.ReadAll(in.Body); err != nil || !bytes.Equal(rest, want[2*upstream.Block:]) {
		t.Errorf("%d bytes, %v", len(rest), err)
	}
}

// G8, and the last block never leaves.
func TestBytesThatBreakAPromiseAreNotKept(t *testing.T) {
	wrong := []byte("not what was promised")
	sum1, sum256, sum5 := sha1.Sum(wrong), sha256.Sum256(wrong), md5.Sum(wrong)
	promises := map[string]struct {
		broken registry.ListedAsset
		says   string
	}{
		"SHA-512":                           {registry.ListedAsset{SHA512: sha512of(wrong)}, "SHA-512"},
		"SHA-256":                           {registry.ListedAsset{SHA256: sum256[:]}, "SHA-256"},
		"SHA-1":                             {registry.ListedAsset{SHA1: sum1[:]}, "SHA-1"},
		"MD5":                               {registry.ListedAsset{MD5: sum5[:]}, "MD5"},
		"a digest of no length that it has": {registry.ListedAsset{SHA256: []byte("short")}, "SHA-256"},
		"a smaller size":                    {registry.ListedAsset{Size: 99}, "99"},
		"a larger size":                     {registry.ListedAsset{Size: 1 << 30}, "1073741824"},
	}
	for name, p := range promises {
		for _, size := range []int{100, upstream.Block, 5 * upstream.Block} {
			for _, unsized := range []bool{false, true} {
				w := newWorld(t)
				r := w.asset("a.bin", noise(size))
				if unsized {
					w.up.Fault("/a.bin", formatstest.Unsized())
				}
				p.broken.Name, p.broken.URL = r.Asset.Name, r.Asset.URL
				r.Asset = p.broken
				r.Finish = func(context.Context, registry.Asset, time.Time) error {
					t.Errorf("%s: recorded", name)
					return nil
				}
				got, err := pull(t, w.Puller, r)
				if registry.CodeOf(err) != registry.UpstreamFailed || !strings.Contains(registry.MessageOf(err), "a.bin") ||
					!strings.Contains(registry.MessageOf(err), p.says) {
					t.Errorf("%s, %d bytes: %v", name, size, err)
				}
				if len(got) > max(0, size-upstream.Block) {
					t.Errorf("%s: %d of %d bytes were handed out", name, len(got), size)
				}
				if n := w.held(t); n != 0 {
					t.Errorf("%s: %d blobs stay", name, n)
				}
			}
		}
	}
}

func TestWithoutAPromiseBytesAreTakenAsTheyCome(t *testing.T) {
	w := newWorld(t)
	want := noise(100_000)
	r := w.asset("a.bin", want)
	r.Asset.SHA512 = nil
	if got, err := pull(t, w.Puller, r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// G7, G9, G12.
func TestADownloadThatFailsLeavesNothing(t *testing.T) {
	faults := failures()
	delete(faults, "an empty 200")      // see below: a promise is broken or nothing came
	delete(faults, "gzip that is none") // of a file that is no gzip: the same as broken
	faults["wrong bytes"] = formatstest.WrongBytes()
	faults["gzip that is none"] = formatstest.With("Content-Encoding", "gzip")
	faults["no bytes"] = formatstest.Empty()
	for name, fault := range faults {
		for _, promised := range []bool{true, false} {
			if !promised && name == "wrong bytes" {
				continue // nobody could know
			}
			w := newWorld(t, impatient, func(c *upstream.Config) { c.Limits.Asset = 1 << 20 })
			r := w.asset("a.bin", noise(300_000))
			if !promised {
				r.Asset.SHA512 = nil
			}
			r.Finish = func(context.Context, registry.Asset, time.Time) error {
				t.Errorf("%s: recorded", name)
				return nil
			}
			w.up.Fault("/a.bin", fault)
			_, err := pull(t, w.Puller, r)
			if registry.CodeOf(err) != registry.UpstreamFailed {
				t.Errorf("%s, promised %t: %v", name, promised, err)
			}
			if n := w.held(t); n != 0 {
				t.Errorf("%s: %d blobs stay", name, n)
			}
		}
	}
	for _, status := range []int{http.StatusNotFound, http.StatusGone} {
		w := newWorld(t)
		r := w.asset("a.bin", noise(10))
		w.up.Fault("/a.bin", formatstest.Status(status))
		_, err := w.Pull(t.Context(), r)
		wantCode(t, err, registry.NotFound)
		w.up.Heal("/a.bin")
		if _, err := pull(t, w.Puller, r); err != nil {
			t.Errorf("once it is there: %v", err)
		}
	}
}

// G9.
func TestAFailedDownloadDoesNotHarmAnEarlierOne(t *testing.T) {
	w := newWorld(t)
	want := noise(100_000)
	r := w.asset("a.bin", want)
	if _, err := pull(t, w.Puller, r); err != nil {
		t.Fatal(err)
	}
	r.Asset.MD5 = []byte("0123456789abcdef")
	if _, err := pull(t, w.Puller, r); err == nil {
		t.Fatal("a broken promise went through")
	}
	b, err := w.blobs.Open(t.Context(), domain, sha256.Sum256(want))
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
}

// A zero-byte answer is no asset, unless the promise is of nothing.
func TestAnEmptyAssetIsKeptOnlyWhenItWasPromised(t *testing.T) {
	w := newWorld(t)
	r := w.asset("a.bin", nil)
	if got, err := pull(t, w.Puller, r); err != nil || len(got) != 0 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	r = w.asset("b.bin", nil)
	r.Asset.SHA512 = nil
	_, err := pull(t, w.Puller, r)
	wantCode(t, err, registry.UpstreamFailed)
}

func TestAWebPageIsNoAsset(t *testing.T) {
	w := newWorld(t)
	page := formatstest.Resource{Body: []byte("<html>log in"), Type: "text/html; charset=utf-8"}
	r := w.asset("a.jar", nil)
	r.Asset.SHA512 = nil
	w.up.Serve("/a.jar", page)
	_, err := pull(t, w.Puller, r)
	wantCode(t, err, registry.UpstreamFailed)

	r = w.asset("index.html", nil)
	r.Asset.SHA512 = nil
	w.up.Serve("/index.html", page)
	if _, err := pull(t, w.Puller, r); err != nil {
		t.Errorf("a page that is the asset: %v", err)
	}
}

func TestPullWaitsWhereUpstreamDoesNotTellTheSize(t *testing.T) {
	w := newWorld(t)
	want := noise(300_000)
	r := w.asset("a.bin", want)
	w.up.Fault("/a.bin", formatstest.Unsized())
	if got, err := pull(t, w.Puller, r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	r = w.asset("b.bin", want)
	r.Asset.Size = 300_000
	w.up.Fault("/b.bin", formatstest.Unsized())
	if got, err := pull(t, w.Puller, r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("with a promised size: %d bytes, %v", len(got), err)
	}
}

func TestAnAssetOverTheLimitIsRefused(t *testing.T) {
	for _, unsized := range []bool{false, true} {
		w := newWorld(t, func(c *upstream.Config) { c.Limits.Asset = 200_000 })
		r := w.asset("a.bin", noise(200_001))
		if unsized {
			w.up.Fault("/a.bin", formatstest.Unsized())
		}
		_, err := w.Pull(t.Context(), r)
		wantCode(t, err, registry.UpstreamFailed)
		r = w.asset("b.bin", noise(200_000))
		if _, err := pull(t, w.Puller, r); err != nil {
			t.Errorf("at the limit: %v", err)
		}
	}
}

// G1: a Content-Encoding that nobody asked for.
func TestAnEncodedAssetIsDecodedUnlessItIsCompressedByItself(t *testing.T) {
	inner := noise(1000)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(inner)
	z.Close()
	for name, want := range map[string][]byte{"a.pom": inner, "a.tgz": packed.Bytes(), "a.crate": packed.Bytes()} {
		w := newWorld(t)
		r := w.asset(name, packed.Bytes())
		r.Asset.SHA512 = sha512of(want)
		w.up.Fault("/"+name, formatstest.With("Content-Encoding", "gzip"))
		if got, err := pull(t, w.Puller, r); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

func TestEachRepositoryRecordsTheAssetOnce(t *testing.T) {
	w := newWorld(t)
	want := noise(200_000)
	gate := formatstest.NewGate()
	var mu sync.Mutex
	recorded := map[string]int{}
	request := func(repo string, err error) registry.PullRequest {
		r := w.asset("a.bin", want)
		r.Repo = repo
		r.Finish = func(ctx context.Context, a registry.Asset, _ time.Time) error {
			mu.Lock()
			defer mu.Unlock()
			recorded[repo]++
			return err
		}
		return r
	}
	refused := registry.Errorf(registry.Conflict, "not here")
	w.up.Fault("/a.bin", gate.After(100_000))
	type result struct {
		repo string
		err  error
	}
	results := make(chan result)
	for _, repo := range []string{"one", "two", "bad", "one", "two", "bad"} {
		var fails error
		if repo == "bad" {
			fails = refused
		}
		in, err := w.Pull(t.Context(), request(repo, fails))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer in.Body.Close()
			_, err := io.Copy(io.Discard, in.Body)
			if _, _, waited := in.Wait(t.Context()); waited != err {
				t.Errorf("%s: read %v, waited %v", repo, err, waited)
			}
			results <- result{repo, err}
		}()
	}
	gate.Open()
	for range 6 {
		r := <-results
		if (r.repo == "bad") != errors.Is(r.err, refused) || r.repo != "bad" && r.err != nil {
			t.Errorf("%s: %v", r.repo, r.err)
		}
	}
	if recorded["one"] != 1 || recorded["two"] != 1 || recorded["bad"] != 1 {
		t.Errorf("recorded %v", recorded)
	}
	wantCount(t, w.up, "/a.bin", 1)
}

func TestWhoComesWhileItIsRecordedIsServedToo(t *testing.T) {
	w := newWorld(t)
	want := noise(1000)
	recording, recorded := make(chan struct{}), make(chan struct{})
	r := w.asset("a.bin", want)
	r.Finish = func(context.Context, registry.Asset, time.Time) error {
		close(recording)
		<-recorded
		return nil
	}
	late := r
	late.Repo = "late"
	var lately atomic.Int32
	late.Finish = func(context.Context, registry.Asset, time.Time) error {
		lately.Add(1)
		return nil
	}
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := pull(t, w.Puller, r); err != nil {
			t.Error(err)
		}
	})
	<-recording
	all.Go(func() {
		if got, err := pull(t, w.Puller, late); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
	close(recorded)
	all.Wait()
	if lately.Load() != 1 {
		t.Errorf("recorded %d times for who came late", lately.Load())
	}
}

func TestADownloadThatHasJustEndedIsNotBegunAgain(t *testing.T) {
	w := newWorld(t)
	want := noise(200_000)
	r := w.asset("a.bin", want)
	recorded := 0
	r.Finish = func(context.Context, registry.Asset, time.Time) error {
		recorded++
		return nil
	}
	for range 3 {
		if got, err := pull(t, w.Puller, r); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
	wantCount(t, w.up, "/a.bin", 1)
	if recorded != 3 {
		t.Errorf("recorded %d of 3 times: what was deleted in between would not come back", recorded)
	}
	if err := w.blobs.Delete(t.Context(), domain, sha256.Sum256(want)); err != nil {
		t.Fatal(err)
	}
	if got, err := pull(t, w.Puller, r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("after its bytes were swept: %d bytes, %v", len(got), err)
	}
	w.clock.pass(6 * time.Second)
	if _, err := pull(t, w.Puller, r); err != nil {
		t.Fatal(err)
	}
	wantCount(t, w.up, "/a.bin", 3)
}

func TestDifferentPromisesAreDifferentDownloads(t *testing.T) {
	w := newWorld(t)
	want := noise(300_000)
	good := w.asset("a.bin", want)
	bad := good
	bad.Asset.SHA512 = sha512of([]byte("other"))
	gate := formatstest.NewGate()
	w.up.Fault("/a.bin", gate.After(100_000))
	var all sync.WaitGroup
	all.Go(func() {
		if got, err := pull(t, w.Puller, good); err != nil || !bytes.Equal(got, want) {
			t.Errorf("the right promise: %d bytes, %v", len(got), err)
		}
	})
	all.Go(func() {
		if _, err := pull(t, w.Puller, bad); registry.CodeOf(err) != registry.UpstreamFailed {
			t.Errorf("the wrong promise: %v", err)
		}
	})
	gate.Await()
	gate.Await()
	gate.Open()
	all.Wait()
}

// blindBlobs cannot be read while they are written, as object storage.
type blindBlobs struct{ registry.Blobs }

func (b blindBlobs) Create(ctx context.Context, d registry.DomainID) (registry.BlobWriter, error) {
	w, err := b.Blobs.Create(ctx, d)
	return struct{ registry.BlobWriter }{w}, err
}

func TestStorageThatCannotReadBackIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	p := w.puller(t, func(c *upstream.Config) { c.Blobs = blindBlobs{w.blobs} })
	want := noise(300_000)
	r := w.asset("a.bin", want)
	if got, err := pull(t, p, r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	bad := w.asset("b.bin", want)
	w.up.Fault("/b.bin", formatstest.WrongBytes())
	_, err := p.Pull(t.Context(), bad)
	wantCode(t, err, registry.UpstreamFailed)
}

// brokenBlobs fail at one step.
type brokenBlobs struct {
	registry.Blobs
	create, write, commit bool
}

var errDisk = &registry.Error{Code: registry.Internal, Err: errors.New("no space left")}

func (b brokenBlobs) Create(ctx context.Context, d registry.DomainID) (registry.BlobWriter, error) {
	if b.create {
		return nil, errDisk
	}
	w, err := b.Blobs.Create(ctx, d)
	return brokenWriter{w, b}, err
}

type brokenWriter struct {
	registry.BlobWriter
	b brokenBlobs
}

func (w brokenWriter) Write(p []byte) (int, error) {
	if w.b.write {
		return 0, errDisk
	}
	return w.BlobWriter.Write(p)
}

func (w brokenWriter) Commit(ctx context.Context, d registry.Digest) error {
	if w.b.commit {
		return errDisk
	}
	return w.BlobWriter.Commit(ctx, d)
}

func TestStorageThatFailsIsNotUpstreamsFault(t *testing.T) {
	for _, broken := range []brokenBlobs{{create: true}, {write: true}, {commit: true}} {
		w := newWorld(t)
		broken.Blobs = w.blobs
		p := w.puller(t, func(c *upstream.Config) { c.Blobs = broken })
		_, err := pull(t, p, w.asset("a.bin", noise(300_000)))
		wantCode(t, err, registry.Internal)
	}
}

// G23.
func TestMemoryDoesNotGrowWithTheAsset(t *testing.T) {
	const size = 128 << 20
	w := newWorld(t)
	files, err := fs.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := w.puller(t, func(c *upstream.Config) { c.Blobs = files })
	block := noise(1 << 20)
	w.up.Serve("/a.bin", formatstest.Resource{Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Length", "134217728")
		for range size / len(block) {
			rw.Write(block)
		}
	})})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	in, err := p.Pull(t.Context(), registry.PullRequest{
		Domain: domain, Connection: connection, Asset: registry.ListedAsset{Name: "a.bin", URL: "a.bin"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Body.Close()
	if n, err := io.Copy(io.Discard, in.Body); n != size || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
		t.Errorf("%d MiB were allocated for %d", grown>>20, size>>20)
	}
}

func TestADownloadThatNobodyWaitsForEndsWithItsAsker(t *testing.T) {
	want := noise(1 << 20)
	for _, joined := range []bool{false, true} {
		w := newWorld(t)
		gate := formatstest.NewGate()
		r := w.asset("a.bin", want)
		w.up.Fault("/a.bin", gate.After(100_000))
		behind := r
		behind.Behind = true
		ctx, cancel := context.WithCancel(t.Context())
		in, err := w.Pull(ctx, behind)
		if err != nil {
			t.Fatal(err)
		}
		in.Body.Close()
		asked, recorded := in, false
		r.Finish = func(context.Context, registry.Asset, time.Time) error {
			recorded = true
			return nil
		}
		if joined {
			if asked, err = w.Pull(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		if !joined {
			// Although the gate stays shut.
			if _, _, err := in.Wait(t.Context()); err == nil {
				t.Error("it came in")
			}
			w.up.Heal("/a.bin")
			if asked, err = w.Pull(t.Context(), r); err != nil {
				t.Fatalf("asked for after that: %v", err)
			}
		}
		gate.Open()
		got, err := io.ReadAll(asked.Body)
		asked.Body.Close()
		if err != nil || !bytes.Equal(got, want) || !recorded {
			t.Errorf("joined %v: %d bytes, recorded %v, %v", joined, len(got), recorded, err)
		}
		if n, want := w.up.Count("/a.bin"), map[bool]int{true: 1, false: 2}[joined]; n != want {
			t.Errorf("joined %v: fetched %d times", joined, n)
		}
	}
}

func TestCloseLetsDownloadsFinishOrEndsThem(t *testing.T) {
	want := noise(300_000)
	t.Run("finish", func(t *testing.T) {
		w := newWorld(t)
		gate := formatstest.NewGate()
		r := w.asset("a.bin", want)
		w.up.Fault("/a.bin", gate.After(100_000))
		in, err := w.Pull(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		in.Body.Close() // nobody reads it, and it comes in all the same
		closed := make(chan error)
		go func() { closed <- w.Close(t.Context()) }()
		gate.Open()
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		if w.held(t) != 1 {
			t.Error("the asset did not come in")
		}
		_, err = w.Pull(t.Context(), r)
		wantCode(t, err, registry.Unavailable)
	})
	t.Run("end", func(t *testing.T) {
		w := newWorld(t)
		r := w.asset("a.bin", want)
		w.up.Fault("/a.bin", formatstest.NewGate().After(100_000))
		in, err := w.Pull(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Body.Close()
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := w.Close(ctx); err != context.Canceled {
			t.Fatal(err)
		}
		_, err = io.ReadAll(in.Body)
		wantCode(t, err, registry.Unavailable)
		if w.held(t) != 0 {
			t.Error("half an asset stays")
		}
	})
}

func TestPullThroughAConnectionThatLeadsNowhere(t *testing.T) {
	w := newWorld(t)
	r := w.asset("a.bin", noise(10))
	w.lead(connection, "")
	_, err := w.Pull(t.Context(), r)
	wantCode(t, err, registry.NotFound)
	if !errors.Is(err, registry.ErrLeadsNowhere) {
		t.Errorf("got %v", err)
	}
	r.Connection = "public:unknown"
	_, err = w.Pull(t.Context(), r)
	wantCode(t, err, registry.NotFound)
}

func TestLocateIsTheFormatsOwn(t *testing.T) {
	w := newWorld(t)
	a, err := w.Locate(connection, registry.VersionID{Package: left, Version: "1"}, "x.tgz")
	if err != nil || a.URL != "left/x.tgz" {
		t.Errorf("%+v, %v", a, err)
	}
	_, err = w.Locate(connection, registry.VersionID{Package: registry.PackageID{Format: registry.Swift}}, "x")
	wantCode(t, err, registry.NotFound)
}
