package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/formats/generic"
	"larder/formats/npm"
	"larder/internal/httpx"
	"larder/registry"
	"larder/registry/api"
	"larder/storage/mem"
	"larder/storage/sqlite"
)

var updateGuards = flag.Bool("update-guards", false, "rewrite testdata/guards.txt")

// refusals refuse everything and remember what they were asked.
type refusals struct{ asked []string }

func (r *refusals) Authorize(_ context.Context, a registry.Access) error {
	r.asked = append(r.asked, fmt.Sprintf("%s on %s", a.Action, a.Resource.ARN("eu-west-1")))
	return registry.Errorf(registry.Denied, "refused")
}

func (r *refusals) Possible(ctx context.Context, a registry.Access) error { return r.Authorize(ctx, a) }

// said are values for members of requests that have to be good to get as far
// as the question who may.
var said = map[string]any{
	"domain": "local", "domain-owner": "000000000000", "repository": "main", "source-repository": "main", "destination-repository": "other", "format": "npm", "package": "react",
	"version": "1.0.0", "asset": "package.tgz", "package-group": "/npm/*", "packageGroup": "/npm/*", "external-connection": "public:npmjs", "name": "public:npmjs", "url": "https://upstream.test/",
	"policyDocument": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"codeartifact:*","Resource":"*"}]}`,
	"resourceArn":    "arn:aws:codeartifact:eu-west-1:000000000000:repository/local/main", "versions": []string{"1.0.0"}, "targetStatus": "Archived",
	"originRestrictionType": "PUBLISH", "tags": []map[string]string{{"key": "a", "value": "1"}}, "tagKeys": []string{"a"},
	"restrictions": map[string]string{"publish": "ALLOW", "upstream": "BLOCK"},
	"guard":        map[string]any{}, "retention": map[string]any{}, "source": "osv", "import": "1", "advisories": []any{}, "reason": "malware",
}

// saidTo are values for members that mean something else to one operation.
var saidTo = map[string]map[string]any{
	"PublishPackageVersion": {"format": "generic", "namespace": "acme"},
	"RespondGuard":          {"versions": []map[string]string{{"format": "npm", "package": "react", "version": "1.0.0"}}},
}

// questionOf is a request with what is required, as far as it is known here.
func questionOf(row api.Row) (query url.Values, header http.Header, body []byte) {
	query, header = url.Values{}, http.Header{}
	members := map[string]any{}
	var read func(t reflect.Type)
	read = func(t reflect.Type) {
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Anonymous {
				read(f.Type)
				continue
			}
			if name := f.Tag.Get("query"); name != "" {
				if v, ok := saidTo[row.Name][name].(string); ok {
					query.Set(name, v)
				} else if v, ok := said[name].(string); ok && (f.Tag.Get("required") == "true" || name == "domain-owner") {
					query.Set(name, v)
				} else if name == "resourceArn" || name == "originRestrictionType" {
					query.Set(name, said[name].(string))
				}
			} else if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
				if v, ok := saidTo[row.Name][name]; ok {
					members[name] = v
				} else if v, ok := said[name]; ok {
					members[name] = v
				}
			}
		}
	}
	read(row.Input)
	body, _ = json.Marshal(members) //nolint:errcheck // of strings
	return query, header, body
}

// TestGuards writes down which action guards each operation of the control
// plane, and on what: what is asked first. IAM, STS and Organizations have a
// test of their own beside them, package clients one in cmd/larder.
func TestGuards(t *testing.T) {
	metadata, err := sqlite.OpenMemory(t.Context())
	check(t, err)
	t.Cleanup(func() { metadata.Close() })
	who := &refusals{}
	svc, err := registry.New(registry.Config{Metadata: metadata, Blobs: mem.New(), Authorizer: who, Rules: map[string]registry.Rules{registry.NPM: npm.Format().Rules, registry.Generic: generic.Rules{}}})
	check(t, err)
	t.Cleanup(func() { svc.Close(context.Background()) })
	actor := registry.Actor{Account: "000000000000", Principal: "arn:aws:iam::000000000000:user/admin", User: "admin"}
	handler := &httpx.Front{Next: api.New(svc, api.Config{
		Sign:   func(*http.Request) (registry.Actor, error) { return actor, nil },
		Tokens: noTokens{}, Base: httpx.Base, Region: "eu-west-1",
	})}
	var lines []string
	for _, row := range api.Table() {
		query, header, body := questionOf(row)
		who.asked = nil
		r := httptest.NewRequest(row.Method, "http://larder.test"+row.Path+"?"+query.Encode(), strings.NewReader(string(body)))
		r.Header = header
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Amz-Content-Sha256", sha(string(body)))
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		if len(who.asked) == 0 {
			t.Errorf("%s asks for no action and answers %d %s", row.Name, answer.Code, answer.Body)
			continue
		}
		guard := who.asked[0]
		if answer.Code != http.StatusForbidden && !strings.HasPrefix(row.Name, "List") {
			t.Errorf("%s answers %d %s although %s was refused", row.Name, answer.Code, answer.Body, guard)
		}
		lines = append(lines, row.Method+" "+row.Path+" "+row.Name+": "+guard)
	}
	got := strings.Join(lines, "\n") + "\n"
	const file = "testdata/guards.txt"
	if *updateGuards {
		check(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	check(t, err)
	if string(want) == got {
		return
	}
	before := strings.Split(string(want), "\n")
	for _, line := range lines {
		if !slices.Contains(before, line) {
			t.Errorf("is guarded otherwise than %s says: %s", file, line)
		}
	}
	t.Errorf("look at the difference, then run: go test ./registry/api -run TestGuards -update-guards")
}

type noTokens struct{}

func (noTokens) TokenLife(registry.Actor, *int) (time.Duration, error) { return time.Hour, nil }
func (noTokens) IssueToken(context.Context, registry.Actor, registry.DomainID, time.Duration) (string, time.Time, error) {
	return "", time.Time{}, errors.New("nobody may have a token")
}

func sha(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
