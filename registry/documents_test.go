package registry_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"larder/registry"
)

// rendered asks for a document and says whether it was rendered for this call.
func (w *world) rendered(repo, name string) bool {
	w.t.Helper()
	did := false
	_, err := w.repo(repo).Document(w.t.Context(), registry.DocumentQuery{Package: pid(name), Kind: "test"}, func(p *registry.PackageView) ([]byte, error) {
		did = true
		return renderPlain(p)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return did
}

func TestADocumentIsRenderedOncePerChange(t *testing.T) {
	w := newWorld(t)
	w.puller.offer("left", "1.0")
	w.mustPublish("store", "lib", "1.0", "a")
	for _, step := range []struct {
		what   string
		do     func()
		pkg    string
		render bool
	}{
		{"first", func() {}, "lib", true},
		{"again", func() {}, "lib", false},
		{"another package changed", func() { w.mustPublish("store", "else", "1.0", "a") }, "lib", false},
		{"an upstream repository got a version", func() { w.mustPublish("store", "lib", "1.1", "b") }, "lib", true},
		{"first of a public one", func() {}, "left", true},
		{"again", func() {}, "left", false},
		{"the listing is stale and the same", func() { w.pass(time.Hour) }, "left", false},
		{"the listing changed", func() {
			w.settle() // or what asks for the old one finds the new one
			w.puller.offer("left", "1.0", "1.1")
			w.pass(time.Hour)
			w.rendered("app", "left") // served stale, revalidated behind it
			w.settle()
		}, "left", true},
		{"again", func() {}, "left", false},
		{"the repositories were linked anew", func() {
			w.update(func(tx registry.Tx) error {
				return tx.UpdateRepository(registry.Repository{ID: w.id("app"), Administrator: owner, Upstreams: []string{"store"}})
			})
		}, "left", true},
		{"deleted and published again", func() {
			if err := w.repo("store").DeletePackage(t.Context(), pid("lib"), 0); err != nil {
				t.Fatal(err)
			}
			w.mustPublish("store", "lib", "1.0", "a")
		}, "lib", true},
	} {
		step.do()
		if got := w.rendered("app", step.pkg); got != step.render {
			t.Errorf("%s: rendered %v, want %v", step.what, got, step.render)
		}
	}
}

// settle waits for work behind requests.
func (w *world) settle() {
	w.t.Helper()
	if err := w.svc.Close(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func TestARequestNeverSeesLessThanWhatWasAcknowledged(t *testing.T) {
	w := newWorld(t)
	w.mustPublish("app", "lib", "1.00", "a")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := w.listing("app", "lib"); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for i := 1; i < 40; i++ {
		version := "1." + string(rune('0'+i/10)) + string(rune('0'+i%10))
		w.mustPublish("app", "lib", version, "a", "latest")
		got, err := w.listing("app", "lib")
		if err != nil || !bytes.HasSuffix([]byte(got), []byte("latest="+version)) {
			t.Fatalf("after publishing %s: %q, %v", version, got, err)
		}
	}
	close(stop)
	wg.Wait()
}

func TestEachFormOfADocumentHasItsOwnTag(t *testing.T) {
	w := newWorld(t)
	w.mustPublish("app", "lib", "1.0", "a")
	d, err := w.repo("app").Document(t.Context(), registry.DocumentQuery{Package: pid("lib"), Kind: "test"}, renderPlain)
	if err != nil {
		t.Fatal(err)
	}
	packed, etag := d.Gzip()
	if etag == d.ETag {
		t.Error("plain and compressed form have one tag")
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(z); err != nil || !bytes.Equal(b, d.Plain()) {
		t.Errorf("unpacked %q, %v", b, err)
	}
	other, err := w.repo("app").Document(t.Context(), registry.DocumentQuery{Package: pid("lib"), Kind: "other"}, func(*registry.PackageView) ([]byte, error) { return []byte("else"), nil })
	if err != nil || other.ETag == d.ETag {
		t.Errorf("two kinds with tag %s, %v", other.ETag, err)
	}
}

func TestAFailedRenderingIsNotKept(t *testing.T) {
	w := newWorld(t)
	w.mustPublish("app", "lib", "1.0", "a")
	broken := errors.New("broken")
	q := registry.DocumentQuery{Package: pid("lib"), Kind: "test"}
	if _, err := w.repo("app").Document(t.Context(), q, func(*registry.PackageView) ([]byte, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	w.wantListing("app", "lib", "1.0 latest=1.0")
}

// mapSpill is a Spill in memory.
type mapSpill struct {
	mu sync.Mutex
	m  map[string][]byte
}

func (s *mapSpill) Get(key string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.m[key]
	return b, ok
}

func (s *mapSpill) Put(key string, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[key] = b
}

func TestWhatMemoryDoesNotHoldComesBackFromTheSpill(t *testing.T) {
	w := newWorld(t)
	spill := &mapSpill{m: map[string][]byte{}}
	svc, err := registry.New(registry.Config{
		Metadata: w.meta, Blobs: w.blobs, Authorizer: w, Puller: w.puller, Rules: map[string]registry.Rules{registry.NPM: plainRules{}},
		Clock: w.now, Spill: spill, Limits: registry.Limits{DocumentCache: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.svc = svc
	w.puller.offer("left", "1.0")
	w.mustPublish("app", "lib", "1.0", "a")
	w.rendered("app", "lib")
	w.rendered("app", "left") // pushes lib out
	if w.rendered("app", "lib") {
		t.Error("lib was rendered again")
	}
	if w.rendered("app", "left") {
		t.Error("left was rendered again")
	}
	w.mustPublish("app", "lib", "1.1", "b")
	if !w.rendered("app", "lib") {
		t.Error("an old rendering was served")
	}
	w.wantListing("app", "lib", "1.0 1.1 latest=1.1")
}
