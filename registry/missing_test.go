package registry_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"larder/registry"
)

func TestMissingBytesAreForTheAdministrator(t *testing.T) {
	w := newWorld(t)
	w.mustPublish("store", "lib", "1.0", "content")
	if err := w.blobs.Delete(t.Context(), acme, sha256.Sum256([]byte("content"))); err != nil {
		t.Fatal(err)
	}
	for _, repo := range []string{"store", "store", "team"} {
		_, err := w.read(repo, "lib", "1.0")
		wantCode(t, err, registry.NotFound)
		if got := registry.MessageOf(err); !strings.Contains(got, "version 1.0 of package \"lib\" are missing on this server") || !strings.Contains(got, "larder verify --repair") {
			t.Errorf("%s: %s", repo, got)
		}
	}
	_, _, err := w.svc.VersionAsset(t.Context(), alice, w.id("store"), vid("lib", "1.0"), "package.tgz", "")
	wantCode(t, err, registry.NotFound)
	if got := registry.MessageOf(err); !strings.Contains(got, "larder verify --repair") {
		t.Errorf("the API: %s", got)
	}
}
