package identity

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"larder/registry"
)

// Requests as botocore 1.43.11 signed them, with a made-up key and a fixed clock.
func TestSignedAcceptsWhatBotocoreSigned(t *testing.T) {
	const (
		id     = "AKIARECORDED00000000"
		secret = "recordedSecretrecordedSecretrecordedSecr"
		scope  = "AWS4-HMAC-SHA256 Credential=AKIARECORDED00000000/20261122/us-east-1/codeartifact/aws4_request, "
	)
	w := newWorld(t)
	w.change(func() {
		w.rows.accessKeys[id] = registry.AccessKey{ID: id, Account: FirstAccount, User: Administrator, Active: true, Sealed: w.Sealer.Seal(sealAccessKey, id, []byte(secret))}
	})
	for _, c := range []struct {
		name, method, target, body string
		header                     http.Header
	}{
		{"a publish with the hash of its body", "POST",
			"/v1/package/version/publish?domain=my-domain&repository=r&format=generic&namespace=a%20b&package=p%2Bq&version=1.0&asset=f%2Fg~h.tar.gz&unfinished=true", "asset bytes",
			http.Header{
				"X-Amz-Content-Sha256": {"84293ed06cb3210e7d549afec3140d0c48494416ad25b7f25196afffaa5eb796"},
				"User-Agent":           {"aws-cli/1.45.11"},
				"X-Amz-Date":           {"20261122T100000Z"},
				"Authorization":        {scope + "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=0cc2d01bd30c06e821a4a151ef2a0c1e6ac1658e53e21ae8bfdff88234556240"},
			}},
		{"a JSON body whose hash is not sent", "POST", "/v1/domains", `{"maxResults": 5}`,
			http.Header{
				"Content-Type":    {"application/json"},
				"Amz-Sdk-Request": {"attempt=1"},
				"X-Amz-Date":      {"20261122T100000Z"},
				"Authorization":   {scope + "SignedHeaders=amz-sdk-request;content-type;host;x-amz-date, Signature=5d64bd1447c625b9cbc3aa0d88a6b1673f771a91318a9ce5f900d197bb6bf360"},
			}},
		{"a presigned query", "GET",
			"/v1/package/version/asset?domain=my-domain&asset=f%2Fg~h%20i.gz&version=1%2B2&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIARECORDED00000000%2F20261122%2Fus-east-1%2Fcodeartifact%2Faws4_request&X-Amz-Date=20261122T100000Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature=2b913f528ae12f3335ec783a9049ed724e94473dba9d98479442d88faed82d6b", "",
			http.Header{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
			r.Host, r.Header = "127.0.0.1:8484", c.header
			actor, err := w.Signed("codeartifact")(r)
			if err != nil || actor.AccessKey != id {
				t.Fatalf("got %+v, %v", actor, err)
			}
			if b, err := io.ReadAll(r.Body); err != nil || string(b) != c.body {
				t.Errorf("the handler reads %q, %v", b, err)
			}
		})
	}
}
