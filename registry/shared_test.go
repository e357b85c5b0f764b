package registry_test

import (
	"context"
	"testing"

	"larder/registry"
)

// deleting is a store of which another process deletes bytes as soon as they
// have come.
type deleting struct{ registry.Blobs }

func (deleting) Exists(context.Context, registry.DomainID, registry.Digest) (bool, error) {
	return false, nil
}

// share makes the world's service one of several processes.
func (w *world) share(blobs registry.Blobs) {
	w.t.Helper()
	w.over(blobs, true)
}

// over gives the world's service another store.
func (w *world) over(blobs registry.Blobs, shared bool) {
	w.t.Helper()
	c := w.svc.Config
	c.Shared, c.Blobs = shared, blobs
	svc, err := registry.New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	w.svc = svc
}

func TestBytesThatAnotherProcessDeletedAreNotReferredTo(t *testing.T) {
	for _, shared := range []bool{true, false} {
		w := newWorld(t)
		whole := w.svc
		w.over(deleting{w.blobs}, shared)
		err := w.publish("app", "p", "1.0.0", "content")
		if registry.CodeOf(err) != registry.Unavailable {
			t.Errorf("publish: %v, want Unavailable", err)
		}
		w.svc = whole
		if _, err := w.read("app", "p", "1.0.0"); !registry.IsNotFound(err) {
			t.Errorf("the version: %v, want NotFound", err)
		}
	}
}

func TestARefusedPublishLeavesItsBytesToTheSweep(t *testing.T) {
	w := newWorld(t)
	w.share(w.blobs)
	w.mustPublish("app", "p", "1.0.0", "content")
	if got, err := w.read("app", "p", "1.0.0"); got != "content" || err != nil {
		t.Errorf("read: %q, %v", got, err)
	}
	// Refused when its bytes are durable: by the transaction itself.
	w.share(failingExists{w.blobs})
	if err := w.publish("app", "q", "1.0.0", "other"); err != errStoreAway {
		t.Errorf("publish: %v, want the store's error", err)
	}
	if got := w.blobCount(acme); got != 2 {
		t.Errorf("%d blobs, want both: another process may be about to refer to them", got)
	}
}

var errStoreAway = registry.Errorf(registry.Unavailable, "away")

type failingExists struct{ registry.Blobs }

func (failingExists) Exists(context.Context, registry.DomainID, registry.Digest) (bool, error) {
	return false, errStoreAway
}
