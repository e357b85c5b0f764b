package pypi_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/formats/formatstest"
	"larder/formats/pypi"
	"larder/registry"
)

// wireServer offers what the scripts install, and holds one package.
func wireServer(t *testing.T) *formatstest.Server {
	s := formatstest.NewServer(t, pypi.Format(), registry.Limits{})
	info := metadataOf("left", "1.0")
	s.Upstream.ServeText("/files/left-1.0-py3-none-any.whl.metadata", info)
	offer(s.Upstream, "left",
		offered{"left-1.0-py3-none-any.whl", wheel("left", "1.0"), map[string]any{"core-metadata": map[string]string{"sha256": sha256Hex([]byte(info))}}},
		offered{"left-0.9.tar.gz", sdist("left", "0.9"), map[string]any{"yanked": "broken"}},
	)
	want(t, s.Do(uploadWheel("Held.Lib", "2.0", "Requires-Dist: left")), 200)
	return s
}

func TestWire(t *testing.T) {
	formatstest.Wire{
		Server: wireServer,
		Env: func(t *testing.T, home, registry string) []string {
			for name, content := range map[string][]byte{"mine-1.0-py3-none-any.whl": wheel("mine", "1.0"), "mine-1.0.tar.gz": sdist("mine", "1.0")} {
				if err := os.WriteFile(filepath.Join(home, name), content, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			return []string{"NO_COLOR=1", "INDEX=http://aws:" + formatstest.Owner + "@" + strings.TrimPrefix(registry, "http://")}
		},
		AsOwner: true,
		Drop:    []string{"User-Agent"},
	}.Run(t)
}
