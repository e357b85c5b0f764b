package registry_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"larder/registry"
)

// holdingRules are of a format whose asset begins with its readme.
type holdingRules struct {
	plainRules
	dug *int
}

func (holdingRules) ReadmeIn(registry.VersionID) string { return "package.tgz" }

func (h holdingRules) Readme(r io.ReaderAt, size int64) ([]byte, error) {
	*h.dug++
	b, err := io.ReadAll(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, err
	}
	text, ok := bytes.CutPrefix(b, []byte("readme:"))
	if !ok {
		return nil, registry.Errorf(registry.NotFound, "none")
	}
	return text, nil
}

func (holdingRules) Describe(manifest json.RawMessage) registry.Description {
	var m struct{ Readme string }
	json.Unmarshal(manifest, &m) //nolint:errcheck // what is no object says nothing
	return registry.Description{Readme: m.Readme}
}

func TestReadmesAreDugOutOfAssets(t *testing.T) {
	w := newWorld(t)
	dug := 0
	w.svc.Rules[registry.NPM] = holdingRules{dug: &dug}
	for _, c := range []struct{ version, manifest, content, want string }{
		{"1", `{}`, "readme:within", "within"},
		{"2", `{"readme":"said"}`, "readme:other", "said"},
		{"3", `{}`, "nothing", ""},
	} {
		err := w.draft("app", registry.Draft{ID: vid("lib", c.version), Status: registry.Published, Manifest: json.RawMessage(c.manifest)}, c.content)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			d, err := w.svc.PackageVersionReadme(t.Context(), alice, w.id("app"), vid("lib", c.version))
			if c.want == "" {
				wantCode(t, err, registry.NotFound)
				want(t, registry.MessageOf(err), `version 3 of package "lib" has no readme`)
				continue
			}
			if err != nil || d.Readme != c.want {
				t.Errorf("version %s: got %q, %v, want %q", c.version, d.Readme, err, c.want)
			}
		}
	}
	if dug != 2 {
		t.Errorf("assets were looked into %d times, want once for each that had to be", dug)
	}

	// Nothing is said of what is not here, disposed, or lost.
	if _, err := w.svc.PackageVersionReadme(t.Context(), alice, w.id("team"), vid("lib", "1")); !registry.IsNotFound(err) {
		t.Errorf("of another repository: got %v, want NotFound", err)
	}
	if _, err := w.svc.DisposePackageVersions(t.Context(), alice, w.id("app"), pid("lib"), batch("1")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.svc.PackageVersionReadme(t.Context(), alice, w.id("app"), vid("lib", "1")); !registry.IsNotFound(err) {
		t.Errorf("of a disposed version: got %v, want NotFound", err)
	}
	w.mustPublish("app", "lost", "1", "readme:lost")
	if err := w.blobs.Delete(t.Context(), acme, sha256.Sum256([]byte("readme:lost"))); err != nil {
		t.Fatal(err)
	}
	_, err := w.svc.PackageVersionReadme(t.Context(), alice, w.id("app"), vid("lost", "1"))
	if got := registry.MessageOf(err); !strings.Contains(got, "larder verify --repair") {
		t.Errorf("of lost bytes: %s", got)
	}
}
