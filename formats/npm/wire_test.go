package npm_test

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"larder/formats/formatstest"
)

// wireServer offers what the scripts install.
func wireServer(t *testing.T) *formatstest.Server {
	s := newServer(t)
	for _, name := range []string{"@dep/left", "right"} {
		file := name[strings.IndexByte(name, '/')+1:] + "-1.2.0.tgz"
		tgz := tarball(t, fmt.Sprintf(`{"name":%q,"version":"1.2.0"}`, name))
		sum := sha512.Sum512(tgz)
		s.Upstream.ServeText("/"+name, fmt.Sprintf(`{"name":%[1]q,"dist-tags":{"latest":"1.2.0"},
			"time":{"created":"2020-01-01T00:00:00.000Z","modified":"2020-01-01T00:00:00.000Z","1.2.0":"2020-01-01T00:00:00.000Z"},
			"versions":{"1.2.0":{"name":%[1]q,"version":"1.2.0","license":"MIT","dist":{"integrity":"sha512-%[2]s","tarball":"{upstream}/%[3]s/-/%[4]s"}}}}`,
			name, base64.StdEncoding.EncodeToString(sum[:]), name, file))
		s.Upstream.Serve("/"+name+"/-/"+file, formatstest.Resource{Body: tgz, Type: "application/octet-stream"})
	}
	s.Upstream.ServeText("/-/npm/v1/security/advisories/bulk", `{}`)
	return s
}

func tarball(t *testing.T, manifest string) []byte {
	t.Helper()
	var b bytes.Buffer
	// Not compressed, so that the bytes do not depend on the compressor.
	z, err := gzip.NewWriterLevel(&b, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	err = cmp.Or(
		w.WriteHeader(&tar.Header{Name: "package/package.json", Mode: 0o644, Size: int64(len(manifest)), Typeflag: tar.TypeReg}),
		func() error { _, err := io.WriteString(w, manifest); return err }(),
		w.Close(), z.Close(),
	)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWire(t *testing.T) {
	formatstest.Wire{
		Server: wireServer,
		Env: func(_ *testing.T, home, registry string) []string {
			return []string{"NERF=" + strings.TrimPrefix(registry, "http:"), "npm_config_update_notifier=false", "npm_config_cache=" + home + "/cache", "XDG_CACHE_HOME=" + home + "/xdg"}
		},
		Drop: []string{"Npm-Session"},
		Vary: map[string]*regexp.Regexp{"rev": regexp.MustCompile(`\d+-larder`)},
	}.Run(t)
}
