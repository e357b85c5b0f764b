package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"larder/registry"
)

func TestTokenLife(t *testing.T) {
	w := newWorld(t)
	session := w.actor()
	session.CredentialExpires = epoch.Add(40 * time.Minute)
	old := w.actor()
	old.CredentialExpires = epoch.Add(100 * time.Hour)
	seconds := func(n int) *int { return &n }
	for _, c := range []struct {
		name    string
		actor   registry.Actor
		seconds *int
		want    time.Duration // zero: Invalid
	}{
		{"absent is 12 hours", w.actor(), nil, 12 * time.Hour},
		{"absent outlives a session", session, nil, 12 * time.Hour},
		{"zero of a lasting key is 12 hours", w.actor(), seconds(0), 12 * time.Hour},
		{"zero ends with the session", session, seconds(0), 40 * time.Minute},
		{"zero never lasts longer than 12 hours", old, seconds(0), 12 * time.Hour},
		{"the shortest", w.actor(), seconds(900), 15 * time.Minute},
		{"the longest", session, seconds(43200), 12 * time.Hour},
		{"too short", w.actor(), seconds(899), 0},
		{"too long", w.actor(), seconds(43201), 0},
		{"negative", w.actor(), seconds(-1), 0},
		{"absurd", w.actor(), seconds(1 << 31), 0},
	} {
		got, err := w.TokenLife(c.actor, c.seconds)
		if c.want == 0 && registry.CodeOf(err) != registry.Invalid || c.want != 0 && err != nil || got != c.want {
			t.Errorf("%s: got %v, %v, want %v", c.name, got, err, c.want)
		}
	}
}

func TestTokenIsSafeInURLsAndHeaders(t *testing.T) {
	w := newWorld(t)
	token, expires, err := w.IssueToken(t.Context(), w.actor(), local, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") != "" || len(token) > 1500 {
		t.Errorf("token of %d characters: %s", len(token), token)
	}
	if !expires.Equal(epoch.Add(time.Hour)) {
		t.Errorf("it expires at %v", expires)
	}
	if strings.Contains(token, w.admin.Secret) {
		t.Error("the secret stands in it")
	}
}

func TestForgedTokensAreRefused(t *testing.T) {
	w := newWorld(t)
	keys, err := w.ring.signing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, stolen, _ := ed25519.GenerateKey(rand.Reader)
	good := func() claims {
		return claims{
			RegisteredClaims: jwt.RegisteredClaims{
				Issuer: tokenIssuer, Subject: w.actor().Principal, Audience: jwt.ClaimStrings{FirstAccount + "/local"},
				IssuedAt: jwt.NewNumericDate(epoch), ExpiresAt: jwt.NewNumericDate(epoch.Add(time.Hour)), ID: "1",
			},
			AccessKey: w.admin.ID,
		}
	}
	sign := func(method jwt.SigningMethod, kid any, key any, c jwt.Claims) string {
		token := jwt.NewWithClaims(method, c)
		if token.Header["kid"] = kid; kid == nil {
			delete(token.Header, "kid")
		}
		text, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	with := func(f func(*claims)) string {
		c := good()
		f(&c)
		return sign(jwt.SigningMethodEdDSA, keys.id, keys.sign, c)
	}
	public := []byte(keys.verify[keys.id])
	if _, err := w.Client(ask("Authorization", "Bearer "+with(func(*claims) {}))); err != nil {
		t.Fatalf("the pattern of all is refused: %v", err)
	}
	for name, token := range map[string]string{
		"no algorithm":                     sign(jwt.SigningMethodNone, keys.id, jwt.UnsafeAllowNoneSignatureType, good()),
		"the public key as HMAC secret":    sign(jwt.SigningMethodHS256, keys.id, public, good()),
		"another key under our key id":     sign(jwt.SigningMethodEdDSA, keys.id, stolen, good()),
		"no key id":                        sign(jwt.SigningMethodEdDSA, nil, keys.sign, good()),
		"a key id that is no text":         sign(jwt.SigningMethodEdDSA, 7, keys.sign, good()),
		"no end":                           with(func(c *claims) { c.ExpiresAt = nil }),
		"no beginning":                     with(func(c *claims) { c.IssuedAt = nil }),
		"past its end":                     with(func(c *claims) { c.ExpiresAt = jwt.NewNumericDate(epoch) }),
		"longer than tokens live":          with(func(c *claims) { c.ExpiresAt = jwt.NewNumericDate(epoch.Add(13 * time.Hour)) }),
		"another issuer":                   with(func(c *claims) { c.Issuer = "other" }),
		"no issuer":                        with(func(c *claims) { c.Issuer = "" }),
		"no domain":                        with(func(c *claims) { c.Audience = nil }),
		"two domains":                      with(func(c *claims) { c.Audience = append(c.Audience, FirstAccount+"/other") }),
		"a domain without owner":           with(func(c *claims) { c.Audience = jwt.ClaimStrings{"/local"} }),
		"an owner without domain":          with(func(c *claims) { c.Audience = jwt.ClaimStrings{FirstAccount} }),
		"no access key":                    with(func(c *claims) { c.AccessKey = "" }),
		"somebody else's access key":       with(func(c *claims) { c.Subject = "arn:aws:iam::000000000000:user/other" }),
		"an access key that never existed": with(func(c *claims) { c.AccessKey = "AKIAAAAAAAAAAAAAAAAA" }),
		"padding after the signature":      with(func(*claims) {}) + "==",
	} {
		if got, err := w.Client(ask("Authorization", "Bearer "+token)); registry.CodeOf(err) != registry.Unauthenticated {
			t.Errorf("%s: got %+v, %v, want Unauthenticated", name, got, err)
		}
	}
}

func TestTokenKeysRotate(t *testing.T) {
	w := newWorld(t)
	if err := w.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := w.rows.keys[0].ID
	w.pass(defaultRotation - time.Second)
	last := ask("Authorization", "Bearer "+w.token(t, MaxTokenLife))
	w.pass(time.Second)
	w.token(t, time.Hour)
	if len(w.rows.keys) != 2 || w.rows.keys[1].ID == first {
		t.Fatalf("after the rotation there are %d keys, want the old and a new one", len(w.rows.keys))
	}
	w.pass(MaxTokenLife - 2*time.Second)
	if _, err := w.process(t, Config{}).Client(last); err != nil {
		t.Errorf("a token of the retired key is refused before its end: %v", err)
	}
	w.pass(defaultRotation - MaxTokenLife + 2*time.Second)
	w.token(t, time.Hour)
	if len(w.rows.keys) != 2 || w.rows.keys[0].ID == first {
		t.Errorf("the first key is kept though no token of it can live: %d keys", len(w.rows.keys))
	}
}

func TestProcessesShareTokenKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		other := w.process(t, Config{})
		if err := other.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := w.Prepare(t.Context()); err != nil || len(w.rows.keys) != 1 {
			t.Fatalf("two processes have %d keys, %v", len(w.rows.keys), err)
		}
		w.pass(defaultRotation)
		token := w.token(t, time.Hour) // by a key that the other has not seen
		if _, err := other.Client(ask("Authorization", "Bearer "+token)); err != nil {
			t.Errorf("a token of another process is refused: %v", err)
		}
		if got, _, err := other.IssueToken(t.Context(), w.actor(), local, time.Hour); err != nil || got == "" || len(w.rows.keys) != 2 {
			t.Errorf("the other process made a key of its own: %d keys", len(w.rows.keys))
		}
	})
}

func TestUnknownKeyIDsDoNotHammerTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if err := w.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		forged := newWorld(t).token(t, time.Hour)
		before, start := w.rows.views.Load(), time.Now()
		done := make(chan error)
		for range 100 {
			go func() {
				_, err := w.Client(ask("Authorization", "Bearer "+forged))
				done <- err
			}()
		}
		for range 100 {
			if err := <-done; registry.CodeOf(err) != registry.Unauthenticated {
				t.Errorf("got %v, want Unauthenticated", err)
			}
		}
		if got := w.rows.views.Load() - before; got > 2 {
			t.Errorf("100 forged tokens looked for keys %d times", got)
		}
		if took := time.Since(start); took > 3*reloadEvery {
			t.Errorf("they waited %v", took)
		}
	})
}

func TestServerDoesNotStartWithAnotherMasterKey(t *testing.T) {
	w := newWorld(t)
	if err := w.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := New(Config{Metadata: w.rows, Sealer: newSealer(t, 2), Clock: w.clock})
	if err := other.Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "master key") {
		t.Errorf("got %v, want an error about the master key", err)
	}
}
