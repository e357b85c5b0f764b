package registry_test

import (
	"context"
	"errors"
	"testing"

	"larder/registry"
)

func TestAWaiterForADocumentLeavesWithItsRequest(t *testing.T) {
	w := newWorld(t)
	w.mustPublish("app", "lib", "1.0", "a")
	q := registry.DocumentQuery{Package: pid("lib"), Kind: "slow"}
	rendering, finish := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		_, err := w.repo("app").Document(t.Context(), q, func(*registry.PackageView) ([]byte, error) {
			close(rendering)
			<-finish
			return []byte("made"), nil
		})
		done <- err
	}()
	<-rendering
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.repo("app").Document(ctx, q, renderPlain); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the request's own end", err)
	}
	close(finish)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestATagMayNameAVersionThatUpstreamHasJustGot(t *testing.T) {
	w := newWorld(t)
	w.puller.offer("left", "1.0")
	w.wantListing("app", "left", "1.0 latest=1.0")
	w.puller.offer("left", "1.0", "1.1")
	if err := w.repo("app").SetTag(t.Context(), pid("left"), "beta", "1.1"); err != nil {
		t.Fatal(err)
	}
	w.wantListing("app", "left", "1.0 1.1 latest=1.1 beta=1.1")
}
