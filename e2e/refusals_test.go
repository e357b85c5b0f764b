package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"larder/formats/formatstest"
	"larder/policy/identity"
	"larder/registry"
	"larder/storage"
)

// npmrc writes the user's .npmrc by hand: a registry and a token, which may be
// empty. A failed request is not repeated.
func (u *user) npmrc(t *testing.T, url, token string) {
	t.Helper()
	text := "registry=" + url + "\nfetch-retries=0\n"
	if token != "" {
		_, nerfed, _ := strings.Cut(url, ":")
		text += nerfed + ":_authToken=" + token + "\n"
	}
	if err := os.WriteFile(filepath.Join(u.home, ".npmrc"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// fails runs a command that must fail and say each of the texts.
func (u *user) fails(t *testing.T, line string, want ...string) {
	t.Helper()
	out, err := u.run(t, append(u.program, strings.Fields(line)...)...)
	if err == nil {
		t.Errorf("%s did not fail:\n%s", line, out)
	}
	for _, text := range want {
		if !strings.Contains(out, text) {
			t.Errorf("%s does not say %q:\n%s", line, text, out)
		}
	}
}

// The account and the domain of a first start.
const account = "000000000000"

var local = registry.DomainID{Owner: account, Name: "local"}

// prepare opens the data folder of a server that has been started and stopped.
func prepare(t *testing.T, change func(registry.Metadata, *server)) (data string) {
	t.Helper()
	s := serve(t, "")
	s.Stop(t)
	m, err := storage.Metadata(t.Context(), "", s.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	change(m, s)
	return s.Data
}

// issue makes a token of a domain as the server did at that time.
func issue(t *testing.T, m registry.Metadata, s *server, d registry.DomainID, at time.Time) string {
	t.Helper()
	master, err := identity.EnsureMasterKey(filepath.Join(s.Data, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := identity.NewSealer(master)
	if err != nil {
		t.Fatal(err)
	}
	a := identity.New(identity.Config{Metadata: m, Sealer: sealer, Clock: func() time.Time { return at }})
	key, secret := s.AccessKey(t)
	actor, err := a.AccessKeyActor(t.Context(), key, secret)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := a.IssueToken(t.Context(), actor, d, identity.MinTokenLife)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func update(t *testing.T, m registry.Metadata, f func(registry.Tx) error) {
	t.Helper()
	if err := m.Update(context.WithoutCancel(t.Context()), f); err != nil {
		t.Fatal(err)
	}
}

// TestTokensThatDoNotCount: npm shows that it has to log in, never the token.
func TestTokensThatDoNotCount(t *testing.T) {
	endToEnd(t)
	newUser(t, named("npm11"))
	up := formatstest.NewUpstream(t)
	offerProject(t, up)
	other := registry.DomainID{Owner: account, Name: "other"}
	tokens := map[string]string{"none": "", "one that never was": "nonesuchnonesuch"}
	s := serveFrom(t, prepare(t, func(m registry.Metadata, s *server) {
		update(t, m, func(tx registry.Tx) error {
			return tx.CreateDomain(registry.Domain{ID: other, Created: tx.Now()})
		})
		tokens["one of another domain"] = issue(t, m, s, other, time.Now())
		tokens["one that has expired"] = issue(t, m, s, local, time.Now().Add(-time.Hour))
	}), up.URL)

	for name, token := range tokens {
		t.Run(name, func(t *testing.T) {
			u := newUser(t, named("npm11"))
			u.npmrc(t, s.repository(), token)
			u.fails(t, "install leaf", "E401", "npm login")
			u.fails(t, "whoami")
			u.project(t, gadget("1.0.0"))
			if token == "" {
				u.fails(t, "publish", "ENEEDAUTH", s.repository())
			} else {
				u.fails(t, "publish", "E401")
			}
			u.fails(t, "login", "larder login npm")
			if token != "" && strings.Contains(s.Log(), token) {
				t.Error("the token is in the server's log")
			}
		})
	}
	if n := up.Count(""); n != 0 {
		t.Errorf("the upstream was asked %d times for somebody unknown", n)
	}
}

// TestWhatIsNotThere and what is there already: npm shows the server's sentence.
func TestWhatIsNotThere(t *testing.T) {
	endToEnd(t)
	newUser(t, named("npm11"))
	up := formatstest.NewUpstream(t)
	offerProject(t, up)
	offer(t, up, nil, release{manifest{"name": "shut", "version": "6.6.6"}, nil})
	offer(t, up, nil, release{manifest{"name": "@evil/twin", "version": "6.6.6"}, nil})
	s := serveFrom(t, prepare(t, func(m registry.Metadata, _ *server) {
		update(t, m, func(tx registry.Tx) error {
			err := tx.PutPackage(registry.RepoID{Domain: local, Name: "main"}, registry.Package{
				ID: registry.PackageID{Format: registry.NPM, Name: "shut"}, Created: tx.Now(), Modified: tx.Now(),
				Restrictions: registry.Restrictions{Publish: registry.Block, Upstream: registry.Block},
			})
			if err != nil {
				return err
			}
			return tx.CreateGroup(local, registry.Group{
				Pattern: "/npm/evil/*", Created: tx.Now(),
				Modes: map[registry.RestrictionType]registry.RestrictionMode{
					registry.PublishOrigin: registry.ModeBlock, registry.ExternalUpstream: registry.ModeBlock, registry.InternalUpstream: registry.ModeBlock,
				},
			})
		})
	}), up.URL)
	token := s.Token(t)
	as := func(t *testing.T) *user {
		u := newUser(t, named("npm11"))
		u.npmrc(t, s.repository(), token)
		return u
	}
	publish := func(t *testing.T, u *user, name, version string) {
		u.project(t, manifest{"name": name, "version": version}, "index.js", module(name))
	}

	t.Run("a repository", func(t *testing.T) {
		u := as(t)
		u.npmrc(t, strings.Replace(s.repository(), "/main/", "/nowhere/", 1), token)
		u.fails(t, "install leaf", "E404", `repository "nowhere" does not exist in domain "local"`)
	})
	t.Run("a package", func(t *testing.T) {
		as(t).fails(t, "install nothing-like-it", "E404", `package "nothing-like-it" is not in repository "main", nor upstream of it`)
	})
	t.Run("a version", func(t *testing.T) {
		as(t).fails(t, "install leaf@7", "ETARGET", "leaf@7")
	})
	t.Run("a version that is there already", func(t *testing.T) {
		u := as(t)
		publish(t, u, "gadget", "1.0.0")
		u.do(t, "publish")
		u.fails(t, "publish", "previously published versions: 1.0.0")
		// npm looks before it publishes, and bun does not.
		bun := loggedIn(t, named("bun"), s)
		publish(t, bun, "gadget", "1.0.0")
		bun.fails(t, "publish", `version 1.0.0 of package "gadget" is in repository "main" already; versions do not change, publish another one`)
	})
	t.Run("a package that came from upstream", func(t *testing.T) {
		u := as(t)
		u.do(t, "add", "leaf")
		publish(t, u, "leaf", "9.9.9")
		u.fails(t, "publish", "E403", `publishing package "leaf" into repository "main" is blocked: its origin configuration is publish=BLOCK, which packages get that first came from upstream`)
	})
	t.Run("a version that the upstream has", func(t *testing.T) {
		u := as(t)
		publish(t, u, "maybe", "1.2.3")
		u.fails(t, "publish", "1.2.3")
	})
	t.Run("a name that is blocked here", func(t *testing.T) {
		u := as(t)
		u.fails(t, "install shut", "E404", `"shut"`)
		publish(t, u, "shut", "1.0.0")
		u.fails(t, "publish", "E403", `publishing package "shut" into repository "main" is blocked`)
	})
	t.Run("a name that its group blocks", func(t *testing.T) {
		u := as(t)
		u.fails(t, "install @evil/twin", "E404", `"@evil/twin"`)
		publish(t, u, "@evil/twin", "1.0.0")
		u.fails(t, "publish", "E403", `package "@evil/twin" is blocked in repository "main": package group /npm/evil/* has PUBLISH=BLOCK`)
	})
	if n := up.Count("/shut") + up.Count("/@evil/twin"); n != 0 {
		t.Errorf("the upstream was asked %d times for what is blocked", n)
	}
}

// TestUpstreamThatFails: what is held keeps working, and what is not says why.
func TestUpstreamThatFails(t *testing.T) {
	endToEnd(t)
	newUser(t, named("npm11"))
	up := formatstest.NewUpstream(t)
	offerProject(t, up)
	s := serve(t, up.URL)
	token := s.Token(t)
	as := func(t *testing.T) *user {
		u := newUser(t, named("npm11"))
		u.npmrc(t, s.repository(), token)
		return u
	}
	t.Run("sends wrong bytes", func(t *testing.T) {
		const file = "/tool/-/tool-1.0.0.tgz"
		up.Fault(file, formatstest.WrongBytes())
		u := as(t)
		u.fails(t, "install tool", "E502", "the bytes of package.tgz that upstream sent do not have the SHA-512", "nothing of them is kept")
		up.Heal(file)
		u = as(t)
		u.do(t, "add", "tool")
		if got := u.loaded(t, "tool")["tool"]; got != "tool 1.0.0" {
			t.Errorf("afterwards it says %q", got)
		}
	})
	t.Run("is down", func(t *testing.T) {
		u := as(t)
		u.do(t, "add", "@up/core@1.0.0")
		lock, of := u.read(t, "package-lock.json"), u.read(t, "package.json")
		up.Down()
		defer up.Up()

		again := as(t)
		again.write(t, "package.json", of)
		again.write(t, "package-lock.json", lock)
		again.do(t, "frozen")
		if got := again.loaded(t, "@up/core")["@up/core"]; got != "core 1.0.0 with leaf 2.0.1" {
			t.Errorf("what is held says %q", got)
		}
		fresh := as(t)
		fresh.do(t, "add", "@up/core@1.0.0")
		fresh.project(t, gadget("1.0.0"), "index.js", module("gadget"))
		fresh.do(t, "publish")

		as(t).fails(t, "install host", "E502", "external connection public:npmjs: upstream ")
	})
	t.Run("is back", func(t *testing.T) {
		// The server remembers for some seconds that it was down.
		deadline := time.Now().Add(time.Minute)
		for {
			u := as(t)
			out, err := u.try(t, "add", "host")
			if err == nil {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("a minute later it still is down:\n%s", out)
			}
		}
	})
}

// TestConnectionThatLeadsNowhere: the error names the command that sets it, and
// setting it works at once.
func TestConnectionThatLeadsNowhere(t *testing.T) {
	endToEnd(t)
	u := newUser(t, named("npm11"))
	up := formatstest.NewUpstream(t)
	offerProject(t, up)
	s := serve(t, "")
	u.npmrc(t, s.repository(), s.Token(t))
	u.fails(t, "install leaf", "E404", "larder connection set public:npmjs URL")
	s.Larder(t, nil, "connection", "set", "public:npmjs", up.URL+"/")
	u.do(t, "add", "leaf")
	if got := u.loaded(t, "leaf")["leaf"]; got != "leaf 2.0.1" {
		t.Errorf("installed %q", got)
	}
}
