package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"larder/registry"
)

// issuer is a fake OpenID Connect provider.
type issuer struct {
	*httptest.Server
	mu     sync.Mutex
	keys   map[string]*ecdsa.PrivateKey // published, by id
	asked  map[string]int               // requests by path
	faults func(http.ResponseWriter, *http.Request) bool
}

func newIssuer(t testing.TB) *issuer {
	i := &issuer{keys: map[string]*ecdsa.PrivateKey{}, asked: map[string]int{}}
	i.Server = httptest.NewTLSServer(i)
	t.Cleanup(i.Close)
	i.rotate(t, "one")
	return i
}

func (i *issuer) rotate(t testing.TB, id string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = map[string]*ecdsa.PrivateKey{id: key}
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked[r.URL.Path]++
	if i.faults != nil && i.faults(w, r) {
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		json.NewEncoder(w).Encode(map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys", "id_token_signing_alg_values_supported": []string{"ES256"}})
	case "/keys":
		var keys []map[string]string
		for id, k := range i.keys {
			point, _ := k.PublicKey.Bytes() // 4, x, y
			b64 := base64.RawURLEncoding.EncodeToString
			keys = append(keys, map[string]string{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": id, "x": b64(point[1:33]), "y": b64(point[33:])})
		}
		json.NewEncoder(w).Encode(map[string]any{"keys": keys})
	default:
		http.NotFound(w, r)
	}
}

// token signs claims over the usual ones of a job.
func (i *issuer) token(t testing.TB, claims jwt.MapClaims) string {
	t.Helper()
	all := jwt.MapClaims{
		"iss": i.URL, "aud": "sts.larder.test", "sub": "repo:acme/app:ref:refs/heads/main", "exp": epoch.Add(5 * time.Minute).Unix(), "iat": epoch.Unix(),
		"repository": "acme/app", "run_id": 42, "protected": true, "groups": []string{"a", "b"}, "nested": map[string]any{"x": 1},
	}
	for k, v := range claims {
		all[k] = v
		if v == nil {
			delete(all, k)
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for id, key := range i.keys {
		token := jwt.NewWithClaims(jwt.SigningMethodES256, all)
		token.Header["kid"] = id
		text, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	t.Fatal("no key")
	return ""
}

func (i *issuer) provider() registry.Provider {
	return registry.Provider{Account: FirstAccount, Issuer: strings.TrimPrefix(i.URL, "https://"), Clients: []string{"other", "sts.larder.test"}}
}

func (i *issuer) count(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked[path]
}
