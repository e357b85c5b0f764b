package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/formats/formatstest"
)

// released is when everything in the fake registry was published: long ago,
// for clients that take nothing younger than some days.
var released = time.Date(2024, 3, 5, 12, 0, 0, 0, time.UTC)

// manifest is a package.json.
type manifest = map[string]any

// release is one version of a package as somebody made it.
type release struct {
	manifest manifest
	files    map[string]string // besides package.json, which is made of manifest
}

// tarball packs the release as npm pack does.
func (r release) tarball(t *testing.T) []byte {
	t.Helper()
	files := map[string]string{"package.json": string(encode(t, r.manifest))}
	maps.Copy(files, r.files)
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	archive := tar.NewWriter(z)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := &tar.Header{Name: "package/" + name, Mode: 0o644, Size: int64(len(files[name])), ModTime: released, Format: tar.FormatPAX}
		if strings.HasPrefix(files[name], "#!") {
			header.Mode = 0o755
		}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// abbreviated are the members of a version that the short document has
// (npm registry documentation, "Package metadata").
var abbreviated = []string{
	"name", "version", "deprecated", "dependencies", "optionalDependencies", "devDependencies", "bundleDependencies",
	"peerDependencies", "peerDependenciesMeta", "bin", "directories", "dist", "engines", "os", "cpu", "libc", "hasInstallScript",
}

// offer puts a package with its versions into the registry: both documents and
// the tarballs. The last version is latest, if tags do not say otherwise.
func offer(t *testing.T, u *formatstest.Upstream, tags map[string]string, releases ...release) {
	t.Helper()
	name := releases[0].manifest["name"].(string)
	versions, short, times := manifest{}, manifest{}, manifest{"created": released, "modified": released}
	latest := map[string]string{}
	for _, r := range releases {
		version := r.manifest["version"].(string)
		bytes := r.tarball(t)
		sum1, sum512 := sha1.Sum(bytes), sha512.Sum512(bytes)
		file := "/" + name + "/-/" + path.Base(name) + "-" + version + ".tgz"
		u.Serve(file, formatstest.Resource{Body: bytes, Type: "application/octet-stream", Modified: released})
		full := maps.Clone(r.manifest)
		full["_id"] = name + "@" + version
		full["dist"] = manifest{
			"tarball":   "{upstream}" + file,
			"shasum":    hex.EncodeToString(sum1[:]),
			"integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum512[:]),
		}
		versions[version] = full
		of := manifest{}
		for _, member := range abbreviated {
			if v, ok := full[member]; ok {
				of[member] = v
			}
		}
		short[version] = of
		times[version] = released
		latest["latest"] = version
	}
	maps.Copy(latest, tags)
	u.Serve("/"+name, formatstest.Resource{
		Type:     "application/json",
		Modified: released,
		Body: encode(t, manifest{
			"_id": name, "_rev": "1-0", "name": name, "dist-tags": latest, "versions": versions, "time": times,
			"readme": "# " + name, "license": "MIT", "maintainers": []manifest{{"name": "somebody", "email": "somebody@upstream.test"}},
		}),
		Variants: map[string][]byte{"application/vnd.npm.install-v1+json": encode(t, manifest{
			"name": name, "modified": released, "dist-tags": latest, "versions": short,
		})},
	})
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// tarballs counts the tarballs that were fetched from the registry.
func tarballs(u *formatstest.Upstream) int {
	n := 0
	for _, r := range u.Requests("") {
		if strings.HasSuffix(r.Path, ".tgz") {
			n++
		}
	}
	return n
}
