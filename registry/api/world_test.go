package api_test

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"

	"larder/formats"
	"larder/formats/generic"
	"larder/formats/npm"
	"larder/internal/httpx"
	"larder/policy"
	"larder/policy/identity"
	"larder/registry"
	"larder/registry/api"
	"larder/storage/mem"
	"larder/storage/sqlite"
)

// world is a control plane over the real core, with two accounts.
type world struct {
	url      string
	metadata registry.Metadata
	auth     *identity.Authenticator
	admin    identity.KeyPair // of account 000000000000
	stranger identity.KeyPair // of account 444455556666
	svc      *registry.Service
	log      *recorder
	denied   *refusing
	broken   *breaking
}

const (
	region  = "eu-west-1"
	other   = "444455556666"
	hello   = "hello, world\n"
	secretX = "hunter2"
)

var (
	local   = registry.DomainID{Owner: identity.FirstAccount, Name: "local"}
	created = time.Date(2026, 11, 22, 10, 0, 0, 123_000_000, time.UTC)
)

// newWorld has in it what fill puts there.
func newWorld(t *testing.T) *world {
	w := openWorld(t, nil)
	check(t, w.metadata.Update(t.Context(), fill))
	return w
}

// openWorld has accounts and no domain. change may alter what the core is made of.
func openWorld(t testing.TB, change func(*registry.Config)) *world {
	t.Helper()
	metadata, err := sqlite.OpenMemory(t.Context())
	check(t, err)
	return openWorldOn(t, metadata, change)
}

// openWorldOn is openWorld with the metadata, which it closes at the end.
func openWorldOn(t testing.TB, metadata registry.Metadata, change func(*registry.Config)) *world {
	t.Helper()
	t.Cleanup(func() { metadata.Close() })
	sealer, err := identity.NewSealer(make([]byte, 32))
	check(t, err)
	w := &world{metadata: metadata, auth: identity.New(identity.Config{Metadata: metadata, Sealer: sealer})}
	check(t, metadata.Update(t.Context(), func(tx registry.Tx) (err error) {
		if w.admin, err = identity.Bootstrap(tx, sealer); err != nil {
			return err
		}
		w.stranger, err = addAccount(tx, sealer)
		return err
	}))
	w.denied = &refusing{Authorizer: policy.New(policy.Config{Metadata: metadata, Region: region})}
	w.broken = &breaking{Metadata: metadata}
	config := registry.Config{
		Metadata:    w.broken,
		Blobs:       mem.New(),
		Authorizer:  w.denied,
		CheckPolicy: policy.CheckPolicy,
		Rules:       map[string]registry.Rules{registry.NPM: npm.Format().Rules, registry.Generic: generic.Rules{}},
	}
	if change != nil {
		change(&config)
	}
	w.svc, err = registry.New(config)
	check(t, err)
	t.Cleanup(func() { w.svc.Close(context.Background()) })
	w.log = newRecorder(t, api.New(w.svc, api.Config{
		Sign: w.auth.Signed("codeartifact"), Tokens: w.auth, Base: httpx.Base, Region: region,
	}))
	packages := formats.Mount(w.svc, []formats.Format{npm.Format()}, formats.Options{Authenticate: w.auth.Client, Base: httpx.Base})
	server := httptest.NewServer(&httpx.Front{Next: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			w.log.ServeHTTP(rw, r)
			return
		}
		packages.ServeHTTP(rw, r)
	})})
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// refusing denies one action to everybody, while it is set.
type refusing struct {
	registry.Authorizer
	action registry.Action
}

func (r *refusing) Authorize(ctx context.Context, a registry.Access) error {
	if a.Action == r.action {
		return registry.Errorf(registry.Denied, "User: %s is not authorized to perform: %s", a.Actor.Principal, a.Action)
	}
	return r.Authorizer.Authorize(ctx, a)
}

// breaking fails every transaction with the error, while it is set.
type breaking struct {
	registry.Metadata
	err error
}

func (b *breaking) View(ctx context.Context, f func(registry.Tx) error) error {
	if b.err != nil {
		return b.err
	}
	return b.Metadata.View(ctx, f)
}

func (b *breaking) Update(ctx context.Context, f func(registry.Tx) error) error {
	if b.err != nil {
		return b.err
	}
	return b.Metadata.Update(ctx, f)
}

func (b *breaking) Counters(ctx context.Context, d registry.DomainID) (registry.Counters, error) {
	if b.err != nil {
		return registry.Counters{}, b.err
	}
	return b.Metadata.Counters(ctx, d)
}

func addAccount(tx registry.Tx, sealer *identity.Sealer) (identity.KeyPair, error) {
	if err := tx.CreateAccount(registry.Account{ID: other, Name: "other", Created: created}); err != nil {
		return identity.KeyPair{}, err
	}
	if err := tx.CreateUser(registry.User{Account: other, Name: "bob", ID: "AIDABOB", Permissions: registry.Permissions{Managed: []string{identity.AdministratorAccess}}, Created: created}); err != nil {
		return identity.KeyPair{}, err
	}
	return identity.CreateAccessKey(tx, sealer, other, "bob")
}

// fill puts in: domain local with repositories main, store and 120 numbered
// ones; in main the packages @scope/ui (three versions) and left-pad (none).
func fill(tx registry.Tx) error {
	if err := tx.CreateDomain(registry.Domain{ID: local, Created: created}); err != nil {
		return err
	}
	store := repository("store")
	store.Connections = []string{"public:npmjs", "corp:npm"}
	main := repository("main")
	main.Description, main.Upstreams = "everything & more", []string{"store"}
	repositories := []registry.Repository{store, main}
	for i := range 120 {
		repositories = append(repositories, repository(fmt.Sprintf("team-%03d", i)))
	}
	for _, r := range repositories {
		if err := tx.CreateRepository(r); err != nil {
			return err
		}
	}
	for _, c := range []registry.Connection{
		{Name: "public:npmjs", Format: registry.NPM, URL: "https://ci:" + secretX + "@upstream.test/npm/", Source: "set"},
		{Name: "corp:npm", Format: registry.NPM, URL: "https://" + secretX + "@upstream.test/?token=" + secretX, Source: "set"},
	} {
		if err := tx.PutConnection(c); err != nil {
			return err
		}
	}
	ui, pad := registry.PackageID{Format: registry.NPM, Namespace: "scope", Name: "ui"}, registry.PackageID{Format: registry.NPM, Name: "left-pad"}
	for _, p := range []registry.Package{
		{ID: ui, Restrictions: registry.Restrictions{Publish: registry.Allow, Upstream: registry.Block}, Tags: map[string]string{"latest": "1.1.0"}, Created: created, Modified: created},
		{ID: pad, Restrictions: registry.Restrictions{Publish: registry.Block, Upstream: registry.Allow}, Created: created, Modified: created},
	} {
		if err := tx.PutPackage(main.ID, p); err != nil {
			return err
		}
	}
	internal, external := registry.Origin{Type: registry.OriginInternal, Repository: "main"}, registry.Origin{Type: registry.OriginExternal, Connection: "public:npmjs"}
	for i, v := range []registry.Version{
		{Version: "1.0.0", Status: registry.Published, Revision: "rev+1/=", Origin: internal, Assets: []registry.Asset{asset()}},
		{Version: "1.1.0", Status: registry.Unlisted, Revision: "rev2", Origin: external},
		{Version: "2.0.0", Status: registry.Published, Revision: "rev3", Origin: registry.Origin{Type: registry.OriginUnknown}},
	} {
		v.Published = created.Add(time.Duration(i) * time.Hour)
		if err := tx.PutVersion(main.ID, ui, v); err != nil {
			return err
		}
	}
	return nil
}

func repository(name string) registry.Repository {
	return registry.Repository{ID: registry.RepoID{Domain: local, Name: name}, Administrator: identity.FirstAccount, Created: created}
}

func asset() registry.Asset {
	b := []byte(hello)
	return registry.Asset{Name: "package.tgz", Size: int64(len(b)), Hashes: registry.Hashes{MD5: md5.Sum(b), SHA1: sha1.Sum(b), SHA256: sha256.Sum256(b), SHA512: sha512.Sum512(b)}}
}

// sdk is the SDK for Go's own client, without retries.
func (w *world) sdk(pair identity.KeyPair) *codeartifact.Client {
	return codeartifact.New(codeartifact.Options{
		BaseEndpoint: aws.String(w.url),
		Region:       "us-west-2", // any region's signature is accepted
		Credentials:  credentials.NewStaticCredentialsProvider(pair.ID, pair.Secret, ""),
		Retryer:      aws.NopRetryer{},
	})
}

// raw signs a request with the SDK's signer and gives the answer's status, error name and body.
func (w *world) raw(t *testing.T, pair identity.KeyPair, method, path, body string) (int, string, string) {
	t.Helper()
	r, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	check(t, err)
	sign(t, r, pair, body)
	return send(t, r)
}

func send(t testing.TB, r *http.Request) (int, string, string) {
	t.Helper()
	answer, err := http.DefaultClient.Do(r)
	check(t, err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	check(t, err)
	if answer.Header.Get("x-amzn-RequestId") == "" {
		t.Errorf("%s %s: the answer has no request id", r.Method, r.URL.Path)
	}
	return answer.StatusCode, answer.Header.Get("x-amzn-ErrorType"), string(b)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
