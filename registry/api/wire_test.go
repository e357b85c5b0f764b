package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"larder/policy/identity"
	"larder/registry"
)

func sign(t testing.TB, r *http.Request, pair identity.KeyPair, body string) {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	check(t, v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: pair.ID, SecretAccessKey: pair.Secret}, r,
		hex.EncodeToString(sum[:]), "codeartifact", region, time.Now()))
}

// Bytes of answers: shapes of spec 2.9, empty lists and zeros carried, empty
// strings left out (design.md section 2).
func TestAnswersOnTheWire(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ name, method, path, body, want string }{
		{"a domain", "GET", "/v1/domain?domain=local&domain-owner=000000000000", "",
			`{"domain":{"name":"local","owner":"000000000000","arn":"arn:aws:codeartifact:eu-west-1:000000000000:domain/local","status":"Active","createdTime":1795341600.123,"repositoryCount":122,"assetSizeBytes":ASSETS}}`},
		{"domains", "POST", "/v1/domains", `{}`,
			`{"domains":[{"name":"local","owner":"000000000000","arn":"arn:aws:codeartifact:eu-west-1:000000000000:domain/local","status":"Active","createdTime":1795341600.123}]}`},
		{"a repository", "GET", "/v1/repository?domain=local&repository=main", "",
			`{"repository":{"name":"main","administratorAccount":"000000000000","domainName":"local","domainOwner":"000000000000","arn":"arn:aws:codeartifact:eu-west-1:000000000000:repository/local/main","description":"everything \u0026 more","createdTime":1795341600.123,"upstreams":[{"repositoryName":"store"}],"externalConnections":[]}}`},
		{"a repository with connections", "GET", "/v1/repository?domain=local&repository=store", "",
			`{"repository":{"name":"store","administratorAccount":"000000000000","domainName":"local","domainOwner":"000000000000","arn":"arn:aws:codeartifact:eu-west-1:000000000000:repository/local/store","createdTime":1795341600.123,"upstreams":[],"externalConnections":[{"externalConnectionName":"public:npmjs","packageFormat":"npm","status":"AVAILABLE"},{"externalConnectionName":"corp:npm","packageFormat":"npm","status":"AVAILABLE"}]}}`},
		{"repositories by prefix", "POST", "/v1/repositories?repository-prefix=ma", "",
			`{"repositories":[{"name":"main","administratorAccount":"000000000000","domainName":"local","domainOwner":"000000000000","arn":"arn:aws:codeartifact:eu-west-1:000000000000:repository/local/main","description":"everything \u0026 more","createdTime":1795341600.123}]}`},
		{"no repositories", "POST", "/v1/domain/repositories?domain=local&administrator-account=444455556666", "", `{"repositories":[]}`},
		{"packages", "POST", "/v1/packages?domain=local&repository=main", "",
			`{"packages":[{"format":"npm","package":"left-pad","originConfiguration":{"restrictions":{"publish":"BLOCK","upstream":"ALLOW"}}},{"format":"npm","namespace":"scope","package":"ui","originConfiguration":{"restrictions":{"publish":"ALLOW","upstream":"BLOCK"}}}]}`},
		{"packages by origin control", "POST", "/v1/packages?domain=local&repository=main&format=npm&namespace=sc&publish=ALLOW", "",
			`{"packages":[{"format":"npm","namespace":"scope","package":"ui","originConfiguration":{"restrictions":{"publish":"ALLOW","upstream":"BLOCK"}}}]}`},
		{"versions", "POST", "/v1/package/versions?domain=local&repository=main&format=npm&namespace=scope&package=ui", "",
			`{"defaultDisplayVersion":"1.1.0","format":"npm","namespace":"scope","package":"ui","versions":[` +
				`{"version":"1.0.0","revision":"rev+1/=","status":"Published","origin":{"domainEntryPoint":{"repositoryName":"main"},"originType":"INTERNAL"}},` +
				`{"version":"1.1.0","revision":"rev2","status":"Unlisted","origin":{"domainEntryPoint":{"externalConnectionName":"public:npmjs"},"originType":"EXTERNAL"}},` +
				`{"version":"2.0.0","revision":"rev3","status":"Published","origin":{"originType":"UNKNOWN"}}]}`},
		{"newest versions of a status", "POST", "/v1/package/versions?domain=local&repository=main&format=npm&namespace=scope&package=ui&status=Published&sortBy=PUBLISHED_TIME&max-results=2", "",
			`{"defaultDisplayVersion":"1.1.0","format":"npm","namespace":"scope","package":"ui","versions":[` +
				`{"version":"2.0.0","revision":"rev3","status":"Published","origin":{"originType":"UNKNOWN"}},` +
				`{"version":"1.0.0","revision":"rev+1/=","status":"Published","origin":{"domainEntryPoint":{"repositoryName":"main"},"originType":"INTERNAL"}}]}`},
		{"no versions", "POST", "/v1/package/versions?domain=local&repository=main&format=npm&package=left-pad", "",
			`{"format":"npm","package":"left-pad","versions":[]}`},
		{"assets", "POST", "/v1/package/version/assets?domain=local&repository=main&format=npm&namespace=scope&package=ui&version=1.0.0", "",
			`{"assets":[{"name":"package.tgz","size":13,"hashes":{"MD5":"22c3683b094136c3398391ae71b20f04","SHA-1":"cd50d19784897085a8d0e3e413f8612b097c03f1","SHA-256":"853ff93762a06ddbf722c4ebe9ddd66d8f63ddaea97f521c3ecc20da7c976020","SHA-512":"SHA512"}}],"format":"npm","namespace":"scope","package":"ui","version":"1.0.0","versionRevision":"rev+1/="}`},
		{"an endpoint", "GET", "/v1/repository/endpoint?domain=local&repository=main&format=npm&endpointType=dualstack", "",
			`{"repositoryEndpoint":"SERVER/npm/d/local-000000000000/main/"}`},
		{"connections keep their secrets", "GET", "/v1/larder/connections", "", `{"connections":[{"name":"corp:npm","format":"npm","url":"https://xxxxx@upstream.test/?xxxxx","source":"set"},CONNECTIONS`},
		{"a connection is set", "PUT", "/v1/larder/connection?name=public:npmjs", `{"url":"https://u:p@mirror.test/"}`,
			`{"connection":{"name":"public:npmjs","format":"npm","url":"https://xxxxx@mirror.test/","source":"set"}}`},
		{"a custom connection is set", "PUT", "/v1/larder/connection?name=corp:maven", `{"url":"maven+https://mirror.test/m2/"}`,
			`{"connection":{"name":"corp:maven","format":"maven","url":"https://mirror.test/m2/","source":"set"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, _, got := w.raw(t, w.admin, c.method, c.path, c.body)
			want := strings.NewReplacer("SERVER", w.url, "SHA512", hexHash(), "ASSETS", assetBytes(t, w)).Replace(c.want)
			if before, _, cut := strings.Cut(want, "CONNECTIONS"); cut && strings.HasPrefix(got, before) && !strings.Contains(got, secretX) {
				return
			}
			if status != 200 || got != want {
				t.Errorf("got %d %s\nwant %s", status, got, want)
			}
		})
	}
}

func hexHash() string {
	h := asset().Hashes.SHA512
	return hex.EncodeToString(h[:])
}

// assetBytes is what the store derives; the answer must carry it, zero or not.
func assetBytes(t *testing.T, w *world) string {
	var d registry.Domain
	check(t, w.metadata.View(t.Context(), func(tx registry.Tx) (err error) {
		d, err = tx.Domain(local)
		return err
	}))
	b, err := json.Marshal(d.AssetSize)
	check(t, err)
	return string(b)
}

// Limits are of characters, not of bytes.
func TestNamesAreAsLongAsTheyMayBe(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("%C3%A9", 255)
	for _, path := range []string{
		"/v1/packages?domain=local&repository=main&package-prefix=" + long,
		"/v1/packages?domain=local&repository=main&format=npm&namespace=" + long,
		"/v1/package-groups?domain=local&prefix=" + strings.Repeat("%C3%A9", 520),
	} {
		if status, typ, got := w.raw(t, w.admin, "POST", path, ""); status != 200 {
			t.Errorf("%.60s…: got %d %s %s, want 200", path, status, typ, got)
		}
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	pkg := "domain=local&repository=main&format=npm&package=left-pad"
	for _, c := range []struct {
		name               string
		as                 identity.KeyPair
		method, path, body string
		status             int
		typ, message       string // the JSON, or part of it
	}{
		{"an unknown domain of the owner's account", w.admin, "GET", "/v1/domain?domain=nope", "", 404, "ResourceNotFoundException", `"resourceId":"nope","resourceType":"domain"`},
		{"an unknown domain of another account", w.stranger, "GET", "/v1/domain?domain=nope&domain-owner=000000000000", "", 403, "AccessDeniedException", `{"message":"User: arn:aws:iam::444455556666:user/bob is not authorized to perform: codeartifact:DescribeDomain on resource: arn:aws:codeartifact:eu-west-1:000000000000:domain/nope"}`},
		{"a known domain of another account", w.stranger, "GET", "/v1/domain?domain=local&domain-owner=000000000000", "", 403, "AccessDeniedException", `domain/local"}`},
		{"the owner is the caller unless it is said", w.stranger, "GET", "/v1/domain?domain=local", "", 404, "ResourceNotFoundException", `"resourceId":"local"`},
		{"an unknown repository", w.admin, "GET", "/v1/repository?domain=local&repository=nope", "", 404, "ResourceNotFoundException", `"resourceType":"repository"`},
		{"an unknown repository of another account", w.stranger, "GET", "/v1/repository?domain=local&domain-owner=000000000000&repository=nope", "", 403, "AccessDeniedException", "codeartifact:DescribeRepository"},
		{"an unknown package", w.admin, "POST", "/v1/package/versions?domain=local&repository=main&format=npm&package=nope", "", 404, "ResourceNotFoundException", `"resourceType":"package"`},
		{"an unknown version", w.admin, "POST", "/v1/package/version/assets?" + pkg + "&version=9.9.9", "", 404, "ResourceNotFoundException", `"resourceType":"package-version"`},
		{"an endpoint of another account", w.stranger, "GET", "/v1/repository/endpoint?domain=local&domain-owner=000000000000&repository=main&format=npm", "", 403, "AccessDeniedException", "codeartifact:GetRepositoryEndpoint"},
		{"a token for another account's domain", w.stranger, "POST", "/v1/authorization-token?domain=local&domain-owner=000000000000", "", 403, "AccessDeniedException", "codeartifact:GetAuthorizationToken"},
		{"a token for an unknown domain", w.admin, "POST", "/v1/authorization-token?domain=nope", "", 404, "ResourceNotFoundException", "nope"},
		{"connections of an account that is not the first", w.stranger, "GET", "/v1/larder/connections", "", 403, "AccessDeniedException", "larder:ListConnections"},
		{"setting one likewise", w.stranger, "PUT", "/v1/larder/connection?name=public:npmjs", `{"url":"https://upstream.test/"}`, 403, "AccessDeniedException", "larder:PutConnection"},
		{"a masked URL sent back", w.admin, "PUT", "/v1/larder/connection?name=public:npmjs", `{"url":"https://xxxxx@upstream.test/"}`, 400, "ValidationException", "masked"},
		{"a custom connection without a format", w.admin, "PUT", "/v1/larder/connection?name=corp:x", `{"url":"https://upstream.test/"}`, 400, "ValidationException", "FORMAT+URL"},

		{"no domain", w.admin, "GET", "/v1/domain", "", 400, "ValidationException", `{"message":"domain is required","reason":"FIELD_VALIDATION_FAILED"}`},
		{"a domain that cannot be one", w.admin, "GET", "/v1/domain?domain=No_Domain", "", 400, "ValidationException", "domain is"},
		{"an owner that cannot be one", w.admin, "GET", "/v1/domain?domain=local&domain-owner=12", "", 400, "ValidationException", "domain-owner is"},
		{"a repository that cannot be one", w.admin, "GET", "/v1/repository?domain=local&repository=..%2Fx", "", 400, "ValidationException", "repository is"},
		{"an unknown format", w.admin, "GET", "/v1/repository/endpoint?domain=local&repository=main&format=deb", "", 400, "ValidationException", "format is"},
		{"an unknown endpoint type", w.admin, "GET", "/v1/repository/endpoint?domain=local&repository=main&format=npm&endpointType=ipv6", "", 400, "ValidationException", "endpointType is"},
		{"an unknown status", w.admin, "POST", "/v1/package/versions?" + pkg + "&status=published", "", 400, "ValidationException", "status is"},
		{"an unknown order", w.admin, "POST", "/v1/package/versions?" + pkg + "&sortBy=NAME", "", 400, "ValidationException", "sortBy is"},
		{"an unknown origin", w.admin, "POST", "/v1/package/versions?" + pkg + "&originType=MARS", "", 400, "ValidationException", "originType is"},
		{"a namespace without a format", w.admin, "POST", "/v1/packages?domain=local&repository=main&namespace=x", "", 400, "ValidationException", "namespace needs format"},
		{"an unknown restriction", w.admin, "POST", "/v1/packages?domain=local&repository=main&upstream=MAYBE", "", 400, "ValidationException", "upstream is"},
		{"no results wanted", w.admin, "POST", "/v1/repositories?max-results=0", "", 400, "ValidationException", "maxResults is 0"},
		{"too many results wanted", w.admin, "POST", "/v1/domains", `{"maxResults":1001}`, 400, "ValidationException", "maxResults is 1001"},
		{"a page token of nobody", w.admin, "POST", "/v1/repositories?next-token=abc", "", 400, "ValidationException", "nextToken"},
		{"a member of the wrong type", w.admin, "POST", "/v1/domains", `{"maxResults":"3"}`, 400, "ValidationException", "maxResults is a JSON string"},
		{"a body that is no JSON", w.admin, "POST", "/v1/domains", `maxResults=3`, 400, "ValidationException", `"reason":"CANNOT_PARSE"`},
		{"a body that is not UTF-8", w.admin, "POST", "/v1/domain?domain=text", "{\"tags\":[{\"key\":\"\xff\",\"value\":\"\"}]}", 400, "ValidationException", `"reason":"CANNOT_PARSE"`},
		{"a tag with a control character", w.admin, "POST", "/v1/domain?domain=text", `{"tags":[{"key":"a\u0000","value":""}]}`, 400, "ValidationException", "a tag's key contains"},
		{"a tag's value with one", w.admin, "POST", "/v1/domain?domain=text", `{"tags":[{"key":"a","value":"\u001b[31m"}]}`, 400, "ValidationException", "a tag's value contains"},
		{"a description with a line break", w.admin, "PUT", "/v1/repository?domain=local&repository=main", `{"description":"a\nb"}`, 400, "ValidationException", "the description contains"},
		{"contact information that turns the text around", w.admin, "POST", "/v1/package-group?domain=local", `{"packageGroup":"/npm/x/*","contactInfo":"\u202e"}`, 400, "ValidationException", "the contact information contains"},
		{"a description of a group likewise", w.admin, "POST", "/v1/package-group?domain=local", `{"packageGroup":"/npm/x/*","description":"\t"}`, 400, "ValidationException", "the description contains"},
		{"a token's life too short", w.admin, "POST", "/v1/authorization-token?domain=local&duration=60", "", 400, "ValidationException", "duration is 60"},
		{"a token's life that is no number", w.admin, "POST", "/v1/authorization-token?domain=local&duration=1h", "", 400, "ValidationException", "duration is"},

		{"an expected revision that is empty", w.admin, "POST", "/v1/package/versions/dispose?" + pkg, `{"versions":["1.0.0"],"versionRevisions":{"1.0.0":""}}`, 400, "ValidationException", "versionRevisions of 1.0.0 is"},
		{"one of a copy", w.admin, "POST", "/v1/package/versions/copy?domain=local&source-repository=main&destination-repository=npm-store&format=npm&package=left-pad", `{"versionRevisions":{"1.0.0":"a b"}}`, 400, "ValidationException", "versionRevisions of 1.0.0 is"},
		{"one of an asset", w.admin, "GET", "/v1/package/version/asset?" + pkg + "&version=1.0.0&asset=package.tgz&revision=", "", 400, "ValidationException", "revision is"},
		{"one of a policy", w.admin, "PUT", "/v1/repository/permissions/policy?domain=local&repository=main", `{"policyRevision":"","policyDocument":"{}"}`, 400, "ValidationException", "policyRevision is"},
		{"one of a domain's policy", w.admin, "PUT", "/v1/domain/permissions/policy", `{"domain":"local","policyRevision":"` + strings.Repeat("r", 101) + `","policyDocument":"{}"}`, 400, "ValidationException", "policyRevision is"},
		{"one of a policy that is to go", w.admin, "DELETE", "/v1/repository/permissions/policies?domain=local&repository=main&policy-revision=", "", 400, "ValidationException", "policyRevision is"},
		{"one of a domain's policy that is to go", w.admin, "DELETE", "/v1/domain/permissions/policy?domain=local&policy-revision=a%20b", "", 400, "ValidationException", "policyRevision is"},
		{"a tag without a name is to go", w.admin, "POST", "/v1/untag?resourceArn=arn:aws:codeartifact:eu-west-1:000000000000:domain%2Flocal", `{"tagKeys":[""]}`, 400, "ValidationException", "a tag's key has"},
		{"an asset that no version could have", w.admin, "GET", "/v1/package/version/asset?domain=local&repository=main&format=npm&namespace=scope&package=ui&version=1.0.0&asset=dir%2Ffile", "", 404, "ResourceNotFoundException", `"resourceType":"asset"`},
		{"tags of an unknown repository", w.admin, "POST", "/v1/tags?resourceArn=arn:aws:codeartifact:eu-west-1:000000000000:repository%2Flocal%2Fnope", "", 404, "ResourceNotFoundException", `repository \"nope\" does not exist in domain \"local\"`},
		{"tags of an unknown domain", w.admin, "POST", "/v1/tags?resourceArn=arn:aws:codeartifact:eu-west-1:000000000000:domain%2Fnope", "", 404, "ResourceNotFoundException", `domain \"nope\" does not exist in account`},
		{"an unknown external connection", w.admin, "POST", "/v1/repository/external-connection?domain=local&repository=main&external-connection=public:nope", "", 404, "ResourceNotFoundException", `"resourceId":"public:nope"`},
		{"a prefix that is too long", w.admin, "POST", "/v1/packages?domain=local&repository=main&package-prefix=" + strings.Repeat("%C3%A9", 256), "", 400, "ValidationException", "package-prefix must be"},

		{"a path of nothing", w.admin, "GET", "/v1/nothing", "", 404, "UnknownOperationException", "GET /v1/nothing"},
		{"a path with a slash too many", w.admin, "GET", "/v1/domain/", "", 404, "UnknownOperationException", "/v1/domain/"},
		{"another method", w.admin, "PATCH", "/v1/domain", "", 404, "UnknownOperationException", "PATCH /v1/domain"},
		{"an unknown access key", identity.KeyPair{ID: "AKIAAAAAAAAAAAAAAAAA", Secret: "x"}, "GET", "/v1/domain?domain=local", "", 403, "UnrecognizedClientException", `{"message":`},
		{"a wrong secret", identity.KeyPair{ID: w.admin.ID, Secret: "x"}, "GET", "/v1/domain?domain=local", "", 403, "InvalidSignatureException", `{"message":`},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, typ, got := w.raw(t, c.as, c.method, c.path, c.body)
			if status != c.status || typ != c.typ || !strings.Contains(got, c.message) {
				t.Errorf("got %d %s %s, want %d %s %s", status, typ, got, c.status, c.typ, c.message)
			}
			if !json.Valid([]byte(got)) {
				t.Errorf("%s is no JSON", got)
			}
		})
	}
}

func TestAuthorizationTokenIsNoCredentialHere(t *testing.T) {
	w := newWorld(t)
	r, err := http.NewRequest("GET", w.url+"/v1/domain?domain=local", nil)
	check(t, err)
	if status, typ, _ := send(t, r); status != 403 || typ != "MissingAuthenticationTokenException" {
		t.Errorf("without a signature: got %d %s", status, typ)
	}
	token, _, err := w.auth.IssueToken(t.Context(), registry.Actor{Account: identity.FirstAccount,
		Principal: "arn:aws:iam::000000000000:user/admin", AccessKey: w.admin.ID}, local, time.Hour)
	check(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	if status, typ, _ := send(t, r); status != 403 || typ != "IncompleteSignatureException" {
		t.Errorf("with a token: got %d %s", status, typ)
	}
}

// Pages follow one another to the end, and a token is good for its list alone.
func TestPagesOnTheWire(t *testing.T) {
	w := newWorld(t)
	var names []string
	var first string
	for token := ""; ; {
		path := "/v1/domain/repositories?domain=local&repository-prefix=team-&max-results=50&next-token=" + url.QueryEscape(token)
		_, _, body := w.raw(t, w.admin, "POST", path, "")
		var answer struct {
			Repositories []struct{ Name string }
			NextToken    string
		}
		check(t, json.Unmarshal([]byte(body), &answer))
		for _, r := range answer.Repositories {
			names = append(names, r.Name)
		}
		if token = answer.NextToken; token == "" {
			break
		}
		if first == "" {
			first = token
		}
	}
	if len(names) != 120 || names[0] != "team-000" || names[119] != "team-119" {
		t.Errorf("got %d repositories: %q", len(names), names)
	}
	for name, path := range map[string]string{
		"another list":   "/v1/repositories?repository-prefix=team-&next-token=",
		"another filter": "/v1/domain/repositories?domain=local&repository-prefix=te&next-token=",
	} {
		if status, typ, body := w.raw(t, w.admin, "POST", path+url.QueryEscape(first), ""); status != 400 || typ != "ValidationException" {
			t.Errorf("%s: got %d %s %s", name, status, typ, body)
		}
	}
	if status, _, _ := w.raw(t, w.stranger, "POST", "/v1/repositories?next-token="+url.QueryEscape(first), ""); status != 400 {
		t.Errorf("another account: got %d", status)
	}
}
