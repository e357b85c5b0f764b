package registry_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"larder/registry"
)

// fullBlobs is a store whose disk is full at a chosen moment.
type fullBlobs struct {
	registry.Blobs
	at string // "create", "write" or "commit"
}

func (f *fullBlobs) Create(ctx context.Context, d registry.DomainID) (registry.BlobWriter, error) {
	if f.at == "create" {
		return nil, registry.DiskFull(errors.New("no space"))
	}
	w, err := f.Blobs.Create(ctx, d)
	return &fullWriter{w, f.at}, err
}

type fullWriter struct {
	registry.BlobWriter
	at string
}

func (w *fullWriter) Write(b []byte) (int, error) {
	if w.at == "write" {
		return 0, registry.DiskFull(errors.New("no space"))
	}
	return w.BlobWriter.Write(b)
}

func (w *fullWriter) Commit(ctx context.Context, d registry.Digest) error {
	if w.at == "commit" {
		w.Abort()
		return registry.DiskFull(errors.New("no space"))
	}
	return w.BlobWriter.Commit(ctx, d)
}

func TestAPublishThatFindsTheDiskFullLeavesNothing(t *testing.T) {
	for _, at := range []string{"create", "write", "commit"} {
		t.Run(at, func(t *testing.T) {
			w := newWorld(t)
			svc, err := registry.New(registry.Config{
				Metadata: w.meta, Blobs: &fullBlobs{w.blobs, at}, Authorizer: w,
				Rules: map[string]registry.Rules{registry.NPM: plainRules{}}, Clock: w.now,
			})
			if err != nil {
				t.Fatal(err)
			}
			pub, err := svc.Repo(alice, w.id("app")).Publish(t.Context(), pid("lib"))
			if err != nil {
				t.Fatal(err)
			}
			defer pub.Abort()
			_, err = pub.Stage(t.Context(), "package.tgz", strings.NewReader("bytes"))
			if at == "commit" && err == nil {
				err = pub.Commit(t.Context(), registry.Draft{ID: vid("lib", "1.0"), Status: registry.Published, Assets: []string{"package.tgz"}})
			}
			wantCode(t, err, registry.Unavailable)
			if !strings.Contains(registry.MessageOf(err), "no disk space") {
				t.Errorf("the client is told %q", registry.MessageOf(err))
			}
			pub.Abort()
			if _, err := w.listing("app", "lib"); !registry.IsNotFound(err) {
				t.Errorf("something is listed: %v", err)
			}
			if n := w.blobCount(acme); n != 0 {
				t.Errorf("%d blobs stay", n)
			}
			w.wantEvents()
		})
	}
}
