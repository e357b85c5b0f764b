package events

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"larder/registry"
)

func TestWhoMayFollow(t *testing.T) {
	k := &keys{denied: map[string]bool{accountB: true}}
	e := startServer(t, t.TempDir(), k, nil)
	url := "nats://" + e.Addr().String()
	for name, opt := range map[string]nats.Option{
		"nobody":                        func(*nats.Options) error { return nil },
		"a wrong secret":                nats.UserInfo("AKIA"+accountA, "secret"),
		"no secret":                     nats.UserInfo("AKIA"+accountA, ""),
		"a token":                       nats.Token("guess"),
		"one without the right":         nats.UserInfo("AKIA"+accountB, "secret-"+accountB),
		"an account that is a folder":   nats.UserInfo("AKIA../../etc", "secret-../../etc"),
		"an account that is a wildcard": nats.UserInfo("AKIA*", "secret-*"),
	} {
		nc, err := nats.Connect(url, opt, nats.NoReconnect())
		if !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("%s: %v, want it turned away", name, err)
		}
		if err == nil {
			nc.Close()
		}
	}

	follow(t, e, accountA)
	k.set(func(k *keys) {
		asked := k.asked[len(k.asked)-2] // the last one is about audit records
		if asked.Action != registry.Subscribe || asked.Actor.Account != accountA || !asked.Actor.Source.IsLoopback() || asked.Time.IsZero() {
			t.Errorf("the authorizer was asked %+v", asked)
		}
	})
}

func TestAFollowerThatLosesItsRightIsDropped(t *testing.T) {
	tests := map[string]struct {
		change func(*keys)
		drop   bool
	}{
		"the key is deleted":       {func(k *keys) { k.revoked = map[string]bool{"AKIA" + accountA: true} }, true},
		"the policy is taken away": {func(k *keys) { k.denied = map[string]bool{accountA: true} }, true},
		"the database is away":     {func(k *keys) { k.failing = errAway }, false},
		"nothing":                  {func(*keys) {}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k := &keys{}
			e := startServer(t, t.TempDir(), k, nil)
			dropped := make(chan struct{})
			nc, err := nats.Connect("nats://"+e.Addr().String(), nats.UserInfo("AKIA"+accountA, "secret-"+accountA),
				nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(dropped) }))
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			k.set(tt.change)
			e.recheckAll(t.Context())
			if !tt.drop {
				if err := nc.Flush(); err != nil {
					t.Errorf("dropped: %v", err)
				}
				return
			}
			select {
			case <-dropped:
			case <-time.After(10 * time.Second):
				t.Fatal("still connected")
			}
			e.recheckAll(t.Context())
			if len(e.followers) != 0 {
				t.Errorf("%d followers are remembered, want none", len(e.followers))
			}
		})
	}
}

func TestRechecksRunByThemselves(t *testing.T) {
	k := &keys{}
	e := startServer(t, t.TempDir(), k, func(c *EmbeddedConfig) { c.Recheck = time.Millisecond })
	dropped := make(chan struct{})
	nc, err := nats.Connect("nats://"+e.Addr().String(), nats.UserInfo("AKIA"+accountA, "secret-"+accountA),
		nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(dropped) }))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	k.set(func(k *keys) { k.denied = map[string]bool{accountA: true} })
	select {
	case <-dropped:
	case <-time.After(10 * time.Second):
		t.Fatal("still connected")
	}
}

func TestAnExternalServersURL(t *testing.T) {
	tests := map[string]struct {
		url, want string // want empty: refused
		options   int
	}{
		"plain":               {"nats://bus.test:4222", "nats://bus.test:4222", 0},
		"user and password":   {"nats://user:p%40ss@bus.test", "nats://user:p%40ss@bus.test", 0},
		"several":             {"tls://a.test, tls://b.test:4333", "tls://a.test,tls://b.test:4333", 0},
		"credentials file":    {"tls://bus.test?credentials=/etc/larder/bus.creds", "tls://bus.test", 1},
		"another parameter":   {"nats://bus.test?password=hush", "", 0},
		"another scheme":      {"https://user:hush@bus.test", "", 0},
		"no scheme":           {"bus.test:4222", "", 0},
		"no host":             {"nats://", "", 0},
		"what is no URL":      {"nats://user:hush@bus.test:port%zz", "", 0},
		"one of them is none": {"nats://a.test,", "", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, opts, err := parseURL(tt.url)
			if got != tt.want || len(opts) != tt.options {
				t.Errorf("got %q and %d options, want %q and %d", got, len(opts), tt.want, tt.options)
			}
			if refused := tt.want == ""; refused != (registry.CodeOf(err) == registry.Invalid) {
				t.Errorf("error = %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestAnExternalServerThatIsAway(t *testing.T) {
	b, err := Dial("nats://user:hush@127.0.0.1:1", BusConfig{Region: "us-east-1", Logger: quiet()})
	if err != nil {
		t.Fatalf("the server is waited for: %v", err)
	}
	defer b.Close()
	if err := b.Ready(); registry.CodeOf(err) != registry.Unavailable {
		t.Errorf("ready = %v, want unavailable", err)
	}
}
