package registry_test

import (
	"crypto/sha256"
	"io"
	"testing"
	"time"

	"larder/registry"
)

// orphan makes bytes durable that no version gets, as a crash in the middle of
// a publish does.
func (w *world) orphan(content string) {
	w.t.Helper()
	b, err := w.blobs.Create(w.t.Context(), acme)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := io.WriteString(b, content); err != nil {
		w.t.Fatal(err)
	}
	if err := b.Commit(w.t.Context(), registry.Digest(sha256.Sum256([]byte(content)))); err != nil {
		w.t.Fatal(err)
	}
}

func TestSweepDeletesOldBytesThatNoVersionHas(t *testing.T) {
	w := newWorld(t)
	w.clock = time.Now() // the blob store goes by it
	w.mustPublish("app", "kept", "1.0.0", "content")
	w.orphan("content") // of a version, too
	for _, content := range []string{"lost", "forlorn"} {
		w.orphan(content)
	}

	for _, step := range []struct {
		name string
		pass time.Duration
		want int
	}{
		{"while it may be on its way into a version", 0, 3},
		{"when it is old", 2 * time.Hour, 1},
		{"again", 0, 1},
	} {
		w.pass(step.pass)
		if err := w.svc.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.blobCount(acme); got != step.want {
			t.Errorf("%s: %d blobs, want %d", step.name, got, step.want)
		}
	}
	if got, err := w.read("app", "kept", "1.0.0"); got != "content" || err != nil {
		t.Errorf("the version has %q, %v", got, err)
	}
}
