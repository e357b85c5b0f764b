package maven_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"larder/formats/formatstest"
	"larder/formats/maven"
	"larder/registry"
)

// wireServer offers what the scripts fetch. Its time stands still: metadata
// says when it changed, and has checksums.
func wireServer(t *testing.T) *formatstest.Server {
	day := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := formatstest.NewServerAt(t, maven.Format(maven.Options{}), registry.Limits{}, func() time.Time { return day })
	s.Upstream.Serve(far+"maven-metadata.xml", formatstest.Resource{Body: versionsXML("org.far", "lib", "1.0", "1.9", "2.0")})
	for _, version := range []string{"1.0", "1.9", "2.0"} {
		offer(s.Upstream, version, ".pom", ".jar")
	}
	s.Upstream.ServeText("/org/far/maven-metadata.xml", `<metadata><plugins><plugin><name>Far</name><prefix>far</prefix><artifactId>far-maven-plugin</artifactId></plugin></plugins></metadata>`)
	s.Upstream.Serve("/org/far/far-maven-plugin/maven-metadata.xml", formatstest.Resource{Body: versionsXML("org.far", "far-maven-plugin", "1.0")})
	return s
}

func TestWire(t *testing.T) {
	formatstest.Wire{
		Server: wireServer,
		Env: func(t *testing.T, home, _ string) []string {
			for name, content := range map[string][]byte{
				"gear-1.0.pom": pomXML("com.acme", "gear", "1.0", "<name>Gear</name>"), "gear-1.1-SNAPSHOT.pom": pomXML("com.acme", "gear", "1.1-SNAPSHOT", ""),
				"gear.jar": []byte("PK\x05\x06" + string(make([]byte, 18))), "gear-sources.jar": []byte("sources"), "other.jar": []byte("other"),
			} {
				if err := os.WriteFile(filepath.Join(home, name), content, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			return []string{"SEED=" + os.Getenv("SEED")}
		},
		Drop: []string{"User-Agent"},
	}.Run(t)
}
