package identity

import (
	"encoding/base64"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"larder/internal/awswire"
	"larder/registry"
)

// verifying is a verifier with a clock that the test moves.
func verifying(i *issuer) (*WebIdentities, *time.Time) {
	now := epoch
	return NewWebIdentities(i.Client(), func() time.Time { return now }), &now
}

func TestWebIdentity(t *testing.T) {
	i := newIssuer(t)
	w, _ := verifying(i)
	token := i.token(t, nil)
	host, err := w.Issuer(token)
	if err != nil || "https://"+host != i.URL {
		t.Fatalf("issuer %q, %v", host, err)
	}
	got, err := w.Verify(t.Context(), token, i.provider())
	if err != nil {
		t.Fatal(err)
	}
	if got.Subject != "repo:acme/app:ref:refs/heads/main" || got.Audience != "sts.larder.test" || got.Provider.Issuer != host {
		t.Errorf("got %+v", got)
	}
	want := map[string][]string{
		"aud": {"sts.larder.test"}, "sub": {"repo:acme/app:ref:refs/heads/main"}, "iss": {i.URL}, "exp": {"1795341900"}, "iat": {"1795341600"},
		"repository": {"acme/app"}, "run_id": {"42"}, "protected": {"true"}, "groups": {"a", "b"},
	}
	if diff := cmp.Diff(want, got.Claims); diff != "" {
		t.Errorf("claims (-want +got)\n%s", diff)
	}
}

func TestWebIdentitiesThatAreRefused(t *testing.T) {
	i, stranger := newIssuer(t), newIssuer(t)
	rsaKeyAsSecret := func(t *testing.T) string {
		token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": i.URL, "aud": "sts.larder.test", "sub": "x", "exp": epoch.Add(time.Hour).Unix()})
		token.Header["kid"] = "one"
		text, err := token.SignedString([]byte("secret"))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	unsigned := func(t *testing.T) string {
		text, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"iss": i.URL, "aud": "sts.larder.test", "sub": "x", "exp": epoch.Add(time.Hour).Unix()}).SignedString(jwt.UnsafeAllowNoneSignatureType)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	with := func(claims jwt.MapClaims) func(*testing.T) string {
		return func(t *testing.T) string { return i.token(t, claims) }
	}
	for _, c := range []struct {
		name  string
		token func(*testing.T) string
		want  string // exception and part of the message
	}{
		{"another audience", with(jwt.MapClaims{"aud": "elsewhere"}), "InvalidIdentityToken Incorrect token audience"},
		{"issued to another party", with(jwt.MapClaims{"azp": "elsewhere"}), "InvalidIdentityToken Incorrect token audience"},
		{"no audience", with(jwt.MapClaims{"aud": nil}), "InvalidIdentityToken Incorrect token audience"},
		{"expired", with(jwt.MapClaims{"exp": epoch.Add(-time.Second).Unix()}), "ExpiredTokenException Token expired at 2026-11-22T09:59:59Z"},
		{"without expiry", with(jwt.MapClaims{"exp": nil}), "ExpiredTokenException"},
		{"not yet valid", with(jwt.MapClaims{"nbf": epoch.Add(time.Hour).Unix()}), "InvalidIdentityToken"},
		{"of another issuer", with(jwt.MapClaims{"iss": stranger.URL}), "InvalidIdentityToken"},
		{"without a subject", with(jwt.MapClaims{"sub": nil}), "InvalidIdentityToken The token has no subject"},
		{"signed by a stranger", func(t *testing.T) string { return stranger.token(t, jwt.MapClaims{"iss": i.URL}) }, "InvalidIdentityToken"},
		{"signed with a secret", rsaKeyAsSecret, "InvalidIdentityToken"},
		{"not signed", unsigned, "InvalidIdentityToken"},
		{"changed", func(t *testing.T) string {
			parts := strings.Split(i.token(t, nil), ".")
			b, _ := base64.RawURLEncoding.DecodeString(parts[1])
			parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(b), "acme/app", "acme/all", 1)))
			return strings.Join(parts, ".")
		}, "InvalidIdentityToken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, _ := verifying(i)
			_, err := w.Verify(t.Context(), c.token(t), i.provider())
			name, message, _ := strings.Cut(c.want, " ")
			var e *awswire.Exception
			if !errors.As(err, &e) || e.Name != name || !strings.Contains(registry.MessageOf(err), message) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestTokensWithoutAnIssuer(t *testing.T) {
	w := NewWebIdentities(&http.Client{}, nil)
	claims := func(json string) string { return "e30." + base64.RawURLEncoding.EncodeToString([]byte(json)) + ".x" }
	for _, token := range []string{"", "x", "a.b", "a.b.c", claims(`{}`), claims(`{"iss":"http://issuer.test"}`), claims(`{"iss":"https://"}`), claims(`[`), strings.Repeat("a", maxWebToken+1)} {
		if got, err := w.Issuer(token); registry.CodeOf(err) != registry.Invalid {
			t.Errorf("%.20q: got %q, %v", token, got, err)
		}
	}
}

func TestKeysOfAProviderAreKeptAndAskedForAnewWhenTheyChange(t *testing.T) {
	i := newIssuer(t)
	w, now := verifying(i)
	for range 5 {
		if _, err := w.Verify(t.Context(), i.token(t, nil), i.provider()); err != nil {
			t.Fatal(err)
		}
	}
	if i.count("/keys") != 1 || i.count("/.well-known/openid-configuration") != 1 {
		t.Errorf("asked %v for five tokens", i.asked)
	}
	i.rotate(t, "two")
	*now = now.Add(askAgain)
	var err error
	for range 10_000 { // go-oidc gives the answer of a request that has just ended to one that comes right after it
		if _, err = w.Verify(t.Context(), i.token(t, nil), i.provider()); err == nil {
			break
		}
		runtime.Gosched()
	}
	if err != nil {
		t.Errorf("after rotation: %v", err)
	}
	if i.count("/keys") != 2 {
		t.Errorf("keys asked for %d times", i.count("/keys"))
	}
	// Tokens that anybody makes up do not make us ask again and again.
	stranger := newIssuer(t)
	stranger.rotate(t, "unknown")
	for range 20 {
		if _, err := w.Verify(t.Context(), stranger.token(t, jwt.MapClaims{"iss": i.URL}), i.provider()); err == nil {
			t.Fatal("a stranger's token was accepted")
		}
	}
	if i.count("/keys") != 2 {
		t.Errorf("keys asked for %d times", i.count("/keys"))
	}
}

func TestProvidersThatFail(t *testing.T) {
	for name, faults := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"down": func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return true
		},
		"too large": func(w http.ResponseWriter, _ *http.Request) bool { w.Write(make([]byte, providerBytes+1)); return true },
		"no JSON":   func(w http.ResponseWriter, _ *http.Request) bool { w.Write([]byte("<html>")); return true },
		"other name": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Write([]byte(`{"issuer":"https://other.test"}`))
			return true
		},
		"without TLS": func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "http://"+r.Host+r.URL.Path, http.StatusFound)
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t)
			token := i.token(t, nil)
			i.faults = faults
			w, now := verifying(i)
			for range 3 { // a failure is kept for a while
				_, err := w.Verify(t.Context(), token, i.provider())
				var e *awswire.Exception
				if !errors.As(err, &e) || e.Name != "IDPCommunicationError" {
					t.Fatalf("got %v, want IDPCommunicationError", err)
				}
			}
			if n := i.count("/.well-known/openid-configuration"); n != 1 {
				t.Errorf("asked %d times", n)
			}
			i.mu.Lock()
			i.faults = nil
			i.mu.Unlock()
			*now = now.Add(askAgain)
			if _, err := w.Verify(t.Context(), i.token(t, nil), i.provider()); err != nil {
				t.Errorf("after it came back: %v", err)
			}
		})
	}
}
