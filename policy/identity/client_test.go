package identity

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"larder/internal/bounded"
	"larder/registry"
)

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestClientAcceptsATokenInEverySpelling(t *testing.T) {
	w := newWorld(t)
	token := w.token(t, time.Hour)
	want := w.actor()
	want.Domain, want.Source = local, netip.MustParseAddr("192.0.2.7")
	for name, headers := range map[string][]string{
		"Bearer":                               {"Authorization", "Bearer " + token},
		"bearer in another case":               {"Authorization", "bEARER  " + token},
		"Basic of user aws":                    {"Authorization", basic("aws", token)},
		"Basic of any user":                    {"Authorization", basic("whoever", token)},
		"Basic of no user":                     {"Authorization", "basic " + basic("", token)[6:]},
		"the bare token":                       {"Authorization", token},
		"the bare token with an end of line":   {"Authorization", token + "\r\n"},
		"the NuGet API key":                    {"X-NuGet-ApiKey", token},
		"a token beside a bad API key":         {"Authorization", basic("aws", token), "X-NuGet-ApiKey", "AZ"},
		"a good API key beside a bad password": {"Authorization", basic("aws", "old"), "X-NuGet-ApiKey", token},
	} {
		for _, round := range []string{"first", "remembered"} {
			got, err := w.Client(ask(headers...))
			if remembered := got.Looked != (registry.Look{}); round == "remembered" && !remembered {
				t.Errorf("%s: the actor comes without the counters that were read for it", name)
			}
			got.Looked = registry.Look{}
			if err != nil || got != want {
				t.Errorf("%s, %s: got %+v, %v", name, round, got, err)
			}
		}
	}
}

func TestClientWithoutCredentialIsAnonymous(t *testing.T) {
	w := newWorld(t)
	for _, headers := range [][]string{{}, {"Authorization", ""}, {"X-NuGet-ApiKey", ""}} {
		got, err := w.Client(ask(headers...))
		if err != nil || !got.Anonymous() || got.Source != netip.MustParseAddr("192.0.2.7") {
			t.Errorf("%q: got %+v, %v, want anonymous", headers, got, err)
		}
	}
}

func TestClientRefusesWhatIsNoToken(t *testing.T) {
	synctest.Test(t, refuseWhatIsNoToken)
}

func refuseWhatIsNoToken(t *testing.T) {
	w := newWorld(t)
	token := w.token(t, time.Hour)
	stranger := newWorld(t)
	for name, headers := range map[string][]string{
		"an access key and its secret": {"Authorization", basic(w.admin.ID, w.admin.Secret)},
		"an access key's secret":       {"Authorization", "Bearer " + w.admin.Secret},
		"garbage":                      {"Authorization", "Bearer x.y.z"},
		"another scheme":               {"Authorization", "Digest " + token},
		"a broken Basic":               {"Authorization", "Basic !!!"},
		"Basic without a colon":        {"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(token))},
		"Basic with the token as user": {"Authorization", basic(token, "")},
		"a cut token":                  {"Authorization", "Bearer " + token[:len(token)-4]},
		"two tokens":                   {"Authorization", "Bearer " + token, "Authorization", "Bearer " + token},
		"a bad API key":                {"X-NuGet-ApiKey", "AZ"},
		"a very long credential":       {"Authorization", "Bearer " + string(make([]byte, 9000))},
		"a token of another server":    {"Authorization", "Bearer " + stranger.token(t, time.Hour)},
		"no token after Bearer":        {"Authorization", "Bearer "},
	} {
		got, err := w.Client(ask(headers...))
		if registry.CodeOf(err) != registry.Unauthenticated || !got.Anonymous() {
			t.Errorf("%s: got %+v, %v, want Unauthenticated", name, got, err)
		}
	}
}

func TestTokenEndsWhenItSays(t *testing.T) {
	w := newWorld(t)
	remembered, fresh := ask("Authorization", "Bearer "+w.token(t, time.Hour)), ask("Authorization", "Bearer "+w.token(t, time.Hour))
	w.pass(time.Hour - time.Second)
	if _, err := w.Client(remembered); err != nil {
		t.Fatalf("a second before its end: %v", err)
	}
	w.pass(time.Second)
	for name, r := range map[string]*http.Request{"remembered": remembered, "fresh": fresh} {
		for range 2 {
			if _, err := w.Client(r); registry.CodeOf(err) != registry.Unauthenticated {
				t.Errorf("%s: got %v, want Unauthenticated", name, err)
			}
		}
	}
}

func TestTokenEndsWithItsIdentity(t *testing.T) {
	for name, cut := range map[string]func(*world){
		"access key disabled": func(w *world) { w.disableKey(w.admin.ID) },
		"access key deleted":  func(w *world) { w.change(func() { delete(w.rows.accessKeys, w.admin.ID) }) },
		"user deleted":        func(w *world) { w.change(func() { clear(w.rows.users) }) },
		"account deleted":     func(w *world) { w.change(func() { clear(w.rows.accounts) }) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := ask("Authorization", "Bearer "+w.token(t, time.Hour))
			if _, err := w.Client(r); err != nil {
				t.Fatal(err)
			}
			cut(w)
			for range 2 {
				if got, err := w.Client(r); registry.CodeOf(err) != registry.Unauthenticated {
					t.Errorf("got %+v, %v, want Unauthenticated", got, err)
				}
			}
		})
	}
}

func TestTokenIsLookedUpOnlyWhenIdentitiesChange(t *testing.T) {
	w := newWorld(t)
	r := ask("Authorization", "Bearer "+w.token(t, time.Hour))
	if _, err := w.Client(r); err != nil {
		t.Fatal(err)
	}
	before := w.rows.views.Load()
	for range 10 {
		w.Client(r)
	}
	if got := w.rows.views.Load() - before; got != 0 {
		t.Errorf("a remembered token was looked up %d times", got)
	}
	w.change(func() {})
	w.Client(r)
	w.Client(r)
	if got := w.rows.views.Load() - before; got != 1 {
		t.Errorf("after a change it was looked up %d times, want once", got)
	}
}

func TestClientDoesNotTakeATroubledDatabaseForABadToken(t *testing.T) {
	w := newWorld(t)
	r := ask("Authorization", "Bearer "+w.token(t, time.Hour))
	w.rows.broken.Store(true)
	if _, err := w.Client(r); !errors.Is(err, errBroken) {
		t.Errorf("got %v, want the database's error", err)
	}
}

func TestRememberedTokensAreBounded(t *testing.T) {
	w := newWorld(t)
	token := w.token(t, time.Hour)
	w.tokens = bounded.NewMap[string, verified](8)
	for i := range 100 {
		if _, err := w.Client(ask("Authorization", basic(string(rune('a'+i)), token))); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.tokens.Len(); got != 8 {
		t.Errorf("%d are remembered, want 8", got)
	}
}

func FuzzCredential(f *testing.F) {
	w := newWorld(f)
	token := w.token(f, time.Hour)
	f.Add("Bearer " + token)
	f.Add(basic("aws", token))
	f.Add(token)
	f.Add("Basic YXdzOg==")
	f.Add("Bearer eyJhbGciOiJub25lIn0.e30.")
	f.Add(" \r\n")
	f.Fuzz(func(t *testing.T, sent string) {
		r := ask()
		r.Header["Authorization"] = []string{sent}
		actor, err := w.Client(r.WithContext(context.Background()))
		if err != nil && registry.CodeOf(err) != registry.Unauthenticated {
			t.Fatalf("%q: %v", sent, err)
		}
		if err == nil && sent != "" && actor.Principal != w.actor().Principal {
			t.Fatalf("%q is taken for %+v", sent, actor)
		}
	})
}

// A known credential costs a look into a map: the warm path of every request.
func BenchmarkKnownToken(b *testing.B) {
	w := newWorld(b)
	w.Clock = time.Now
	w.set(time.Now())
	token := w.token(b, time.Hour)
	for name, value := range map[string]string{"Bearer": "Bearer " + token, "Basic": basic("aws", token)} {
		b.Run(name, func(b *testing.B) {
			r := ask("Authorization", value)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.Client(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
