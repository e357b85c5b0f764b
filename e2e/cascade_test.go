package e2e

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// publish sends a release as clients do (npm registry documentation, "publish").
func (s *server) publish(t *testing.T, token string, r release) {
	t.Helper()
	name, version := r.manifest["name"].(string), r.manifest["version"].(string)
	tarball := r.tarball(t)
	sum1, sum512 := sha1.Sum(tarball), sha512.Sum512(tarball)
	of := maps.Clone(r.manifest)
	of["_id"] = name + "@" + version
	of["dist"] = manifest{"shasum": hex.EncodeToString(sum1[:]), "integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum512[:])}
	body := encode(t, manifest{
		"_id": name, "name": name, "dist-tags": manifest{"latest": version}, "versions": manifest{version: of},
		"_attachments": manifest{name + "-" + version + ".tgz": manifest{
			"content_type": "application/octet-stream", "data": base64.StdEncoding.EncodeToString(tarball), "length": len(tarball),
		}},
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.repository()+url.PathEscape(name), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if answer, err := io.ReadAll(res.Body); err != nil || res.StatusCode/100 != 2 {
		t.Fatalf("publish %s %s: %s %s, %v", name, version, res.Status, answer, err)
	}
}

// TestLarderBehindLarder: another Larder, which wants a credential, is the
// upstream. When it is gone, what was installed once installs again.
func TestLarderBehindLarder(t *testing.T) {
	endToEnd(t)
	through := []client{named("npm11"), named("pnpm"), named("yarn4"), named("bun")}
	for _, c := range through {
		newUser(t, c)
	}
	far := serve(t, "")
	token := far.Token(t)
	for _, r := range projectReleases() {
		far.publish(t, token, r)
	}
	near := serve(t, strings.Replace(strings.TrimSuffix(far.repository(), "/"), "://", "://token:"+token+"@", 1))

	locks := map[string]string{}
	for _, c := range through {
		u := loggedIn(t, c, near)
		u.project(t, project())
		u.do(t, "install")
		u.complete(t)
		locks[c.name] = u.locked(t, near, far.URL)
	}
	far.Stop(t)
	fetched := tarballLine.FindAllString(far.Log(), -1)
	if once := slices.Compact(slices.Sorted(slices.Values(fetched))); len(once) != len(fetched) || len(once) < len(installed) {
		t.Errorf("the upstream was asked for tarballs: %q, of which %d differ", fetched, len(once))
	}
	if strings.Contains(near.Log(), token) {
		t.Error("the upstream's token is in the log")
	}
	for _, c := range through {
		u := loggedIn(t, c, near)
		u.project(t, project())
		u.write(t, c.lock, locks[c.name])
		u.do(t, "frozen")
		u.complete(t)
	}
}

// tarballLine is the part of a log line that says which tarball was asked for.
var tarballLine = regexp.MustCompile(`"package":"[^"]+","version":"[^"]+","op":"tarball"`)
