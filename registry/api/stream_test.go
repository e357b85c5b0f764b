package api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"

	"larder/registry"
	"larder/storage/fs"
)

// pattern is a file of some size that nobody has in memory.
type pattern struct{}

func (pattern) ReadAt(p []byte, at int64) (int, error) {
	for i := range p {
		n := at + int64(i)
		p[i] = byte(n) ^ byte(n>>8)*31 ^ byte(n>>20)*17
	}
	return len(p), nil
}

// assetWorld has domain conf with repository main, and keeps bytes in files.
func assetWorld(t *testing.T) *world {
	t.Helper()
	blobs, err := fs.Open(filepath.Join(t.TempDir(), "blobs"))
	check(t, err)
	w := openWorld(t, func(c *registry.Config) { c.Blobs = blobs })
	admin := sdkClient{w.sdk(w.admin)}
	_, err = admin.call(t, "CreateDomain", `{"domain":"conf"}`)
	check(t, err)
	_, err = admin.call(t, "CreateRepository", `{"domain":"conf","repository":"main"}`)
	check(t, err)
	return w
}

// largeAsset is the size of the test's asset in bytes: small unless the
// end-to-end tests are required.
func largeAsset() int64 {
	if required() {
		return 1 << 30
	}
	return 24 << 20
}

// watchMemory gives a function that says by how much the heap grew at most, in bytes.
func watchMemory() func() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before := m.HeapInuse
	var peak atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				if m.HeapInuse > peak.Load() {
					peak.Store(m.HeapInuse)
				}
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-done
		return max(peak.Load(), before) - before
	}
}

// An asset streams in and out: memory does not grow with its size.
func TestLargeAssetsStream(t *testing.T) {
	w := assetWorld(t)
	c, size := w.sdk(w.admin), largeAsset()
	h := sha256.New()
	_, err := io.Copy(h, io.NewSectionReader(pattern{}, 0, size))
	check(t, err)
	digest := hex.EncodeToString(h.Sum(nil))

	peak := watchMemory()
	published, err := c.PublishPackageVersion(t.Context(), &codeartifact.PublishPackageVersionInput{
		Domain: sdk.String("conf"), Repository: sdk.String("main"), Format: "generic", Namespace: sdk.String("large"), Package: sdk.String("image"),
		PackageVersion: sdk.String("1"), AssetName: sdk.String("image.raw"), AssetSHA256: &digest, AssetContent: io.NewSectionReader(pattern{}, 0, size),
	})
	check(t, err)
	if sdk.ToInt64(published.Asset.Size) != size || published.Asset.Hashes["SHA-256"] != digest {
		t.Errorf("published %+v", published.Asset)
	}
	got, err := c.GetPackageVersionAsset(t.Context(), &codeartifact.GetPackageVersionAssetInput{
		Domain: sdk.String("conf"), Repository: sdk.String("main"), Format: "generic", Namespace: sdk.String("large"), Package: sdk.String("image"),
		PackageVersion: sdk.String("1"), Asset: sdk.String("image.raw"),
	})
	check(t, err)
	defer got.Asset.Close()
	h.Reset()
	n, err := io.Copy(h, got.Asset)
	check(t, err)
	if n != size || hex.EncodeToString(h.Sum(nil)) != digest {
		t.Errorf("%d bytes came back, %d were sent", n, size)
	}
	const limit = 64 << 20 // SDK, signer, server and recorder together
	if grown := peak(); grown > limit {
		t.Errorf("%d bytes in and out took %d bytes of memory, more than %d", size, grown, limit)
	}
	sent := w.log.lastExchange()
	if got := sent.header.Get("Content-Length"); got != fmt.Sprint(size) {
		t.Errorf("Content-Length is %q", got)
	}
}

func TestAWSCommandStreamsLargeAssets(t *testing.T) {
	w := assetWorld(t)
	aws, size := w.aws(t, w.admin), largeAsset()
	name := filepath.Join(aws.dir, "image.raw")
	f, err := os.Create(name)
	check(t, err)
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, h), io.NewSectionReader(pattern{}, 0, size))
	check(t, err)
	check(t, f.Close())
	version := []string{"--domain", "conf", "--repository", "main", "--format", "generic", "--namespace", "large", "--package", "image", "--package-version", "1"}
	aws.must(t, append([]string{"publish-package-version", "--asset-name", "image.raw", "--asset-content", name, "--asset-sha256", hex.EncodeToString(h.Sum(nil))}, version...)...)
	aws.must(t, append(append([]string{"get-package-version-asset", "--asset", "image.raw"}, version...), name+".back")...)
	back, err := os.Open(name + ".back")
	check(t, err)
	defer back.Close()
	again := sha256.New()
	n, err := io.Copy(again, back)
	check(t, err)
	if n != size || !bytes.Equal(again.Sum(nil), h.Sum(nil)) {
		t.Errorf("%d bytes came back, %d were sent", n, size)
	}
}

const assetOf = "domain=conf&repository=main&format=generic&namespace=ns&package=tool&version=1&asset=a.bin"

// publishRaw signs a publish of one body and sends another.
func (w *world) publishRaw(t *testing.T, digest, body string, length int64) (int, string, string) {
	t.Helper()
	r, err := http.NewRequest("POST", w.url+"/v1/package/version/publish?"+assetOf, io.NopCloser(strings.NewReader(body)))
	check(t, err)
	r.ContentLength = length
	r.Header.Set("X-Amz-Content-Sha256", digest)
	check(t, v4.NewSigner().SignHTTP(t.Context(), sdk.Credentials{AccessKeyID: w.admin.ID, SecretAccessKey: w.admin.Secret}, r,
		digest, "codeartifact", region, time.Now()))
	return send(t, r)
}

// The digest in x-amz-content-sha256 is what is signed, what must come, and
// what the asset must have (spec 2.1). A body that differs leaves nothing behind.
func TestPublishIsHeldToItsDigest(t *testing.T) {
	t.Parallel()
	w := assetWorld(t)
	sum := sha256.Sum256([]byte("content"))
	digest := hex.EncodeToString(sum[:])
	for _, c := range []struct {
		name, digest, body string
		length             int64
		status             int
		exception          string
	}{
		{"other bytes", digest, "c0ntent", 7, 403, "InvalidSignatureException"},
		{"more bytes, in chunks", digest, "content and more", -1, 403, "InvalidSignatureException"},
		{"fewer bytes, in chunks", digest, "cont", -1, 403, "InvalidSignatureException"},
		{"a digest in upper case", strings.ToUpper(digest), "content", 7, 400, "ValidationException"},
		{"a digest of another algorithm", digest[:40], "content", 7, 403, "IncompleteSignatureException"},
		{"no digest but a word for it", "UNSIGNED-PAYLOAD", "content", 7, 403, "InvalidSignatureException"},
		{"chunks that are signed", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "content", 7, 403, "IncompleteSignatureException"},
	} {
		status, exception, body := w.publishRaw(t, c.digest, c.body, c.length)
		if status != c.status || exception != c.exception {
			t.Errorf("%s: got %d %s %s, want %d %s", c.name, status, exception, body, c.status, c.exception)
		}
	}
	if status, exception, _ := w.raw(t, w.admin, "POST", "/v1/package/version/publish?"+assetOf, "content"); status != 400 || exception != "ValidationException" {
		t.Errorf("no digest: got %d %s", status, exception)
	}
	if status, _, body := w.raw(t, w.admin, "GET", "/v1/package?"+assetOf, ""); status != 404 {
		t.Errorf("a refused publish left a package: %d %s", status, body)
	}
	for body := range w.svc.Blobs.List(t.Context(), registry.DomainID{Owner: local.Owner, Name: "conf"}) {
		t.Errorf("a refused publish left bytes: %+v", body)
	}
	if status, _, body := w.publishRaw(t, digest, "content", -1); status != 200 {
		t.Errorf("the right bytes in chunks: got %d %s", status, body)
	}
}

// A presigned request needs no header, for bytes and for JSON alike.
func TestPresignedRequests(t *testing.T) {
	t.Parallel()
	w := assetWorld(t)
	sum := sha256.Sum256([]byte("content"))
	if status, _, body := w.publishRaw(t, hex.EncodeToString(sum[:]), "content", 7); status != 200 {
		t.Fatal(body)
	}
	presign := func(method, path, body, secret string, life int, at time.Time) *http.Request {
		r, err := http.NewRequest(method, w.url+path+fmt.Sprintf("&X-Amz-Expires=%d", life), strings.NewReader(body))
		check(t, err)
		sum := sha256.Sum256([]byte(body))
		signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), sdk.Credentials{AccessKeyID: w.admin.ID, SecretAccessKey: secret}, r,
			hex.EncodeToString(sum[:]), "codeartifact", region, at)
		check(t, err)
		r, err = http.NewRequest(method, signed, strings.NewReader(body))
		check(t, err)
		return r
	}
	now := time.Now()
	for _, c := range []struct {
		name      string
		request   *http.Request
		status    int
		exception string
		body      string
	}{
		{"an asset", presign("GET", "/v1/package/version/asset?"+assetOf, "", w.admin.Secret, 60, now), 200, "", "content"},
		{"a page", presign("POST", "/v1/packages?domain=conf&repository=main&max-results=1", "", w.admin.Secret, 60, now), 200, "", `"package":"tool"`},
		{"a body", presign("PUT", "/v1/repository?domain=conf&repository=main", `{"description":"signed"}`, w.admin.Secret, 60, now), 200, "", `"description":"signed"`},
		{"an old one that still holds", presign("GET", "/v1/domain?domain=conf", "", w.admin.Secret, 3600, now.Add(-50*time.Minute)), 200, "", `"name":"conf"`},
		{"one that has expired", presign("GET", "/v1/domain?domain=conf", "", w.admin.Secret, 60, now.Add(-2*time.Minute)), 403, "InvalidSignatureException", "expired"},
		{"a wrong secret", presign("GET", "/v1/domain?domain=conf", "", "wrong", 60, now), 403, "InvalidSignatureException", ""},
	} {
		status, exception, body := send(t, c.request)
		if status != c.status || exception != c.exception || !strings.Contains(body, c.body) {
			t.Errorf("%s: got %d %s %s, want %d %s %s", c.name, status, exception, body, c.status, c.exception, c.body)
		}
	}
}

// A part of an asset can be had, and one that the client has is not sent again.
func TestAssetsHaveRangesAndConditions(t *testing.T) {
	t.Parallel()
	w := assetWorld(t)
	sum := sha256.Sum256([]byte("content"))
	if status, _, body := w.publishRaw(t, hex.EncodeToString(sum[:]), "content", 7); status != 200 {
		t.Fatal(body)
	}
	ask := func(name, value string) (*http.Response, string) {
		r, err := http.NewRequest("GET", w.url+"/v1/package/version/asset?"+assetOf, nil)
		check(t, err)
		sign(t, r, w.admin, "")
		r.Header.Set(name, value)
		answer, err := http.DefaultClient.Do(r)
		check(t, err)
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		check(t, err)
		return answer, string(b)
	}
	whole, body := ask("X-None", "")
	if whole.StatusCode != 200 || body != "content" || whole.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %d %q %v", whole.StatusCode, body, whole.Header)
	}
	if answer, body := ask("Range", "bytes=3-"); answer.StatusCode != 206 || body != "tent" || answer.Header.Get("X-AssetName") != "a.bin" {
		t.Errorf("a range: got %d %q", answer.StatusCode, body)
	}
	if answer, body := ask("If-None-Match", whole.Header.Get("ETag")); answer.StatusCode != 304 || body != "" {
		t.Errorf("the same: got %d %q", answer.StatusCode, body)
	}
}

// A client that leaves in the middle of a publish leaves nothing behind.
func TestPublishThatBreaksOffLeavesNothing(t *testing.T) {
	t.Parallel()
	w := assetWorld(t)
	sum := sha256.Sum256([]byte("content"))
	digest := hex.EncodeToString(sum[:])
	body, half := io.Pipe()
	go func() {
		io.WriteString(half, "cont") //nolint:errcheck // the other end may be gone
		half.CloseWithError(errors.New("the client is gone"))
	}()
	r, err := http.NewRequest("POST", w.url+"/v1/package/version/publish?"+assetOf, body)
	check(t, err)
	r.ContentLength = 7
	r.Header.Set("X-Amz-Content-Sha256", digest)
	check(t, v4.NewSigner().SignHTTP(t.Context(), sdk.Credentials{AccessKeyID: w.admin.ID, SecretAccessKey: w.admin.Secret}, r,
		digest, "codeartifact", region, time.Now()))
	if answer, err := http.DefaultClient.Do(r); err == nil {
		answer.Body.Close()
		t.Errorf("got %s", answer.Status)
	}
	if status, _, body := w.raw(t, w.admin, "GET", "/v1/package?"+assetOf, ""); status != 404 {
		t.Errorf("there is a package: %d %s", status, body)
	}
}
