package identity

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"

	"larder/internal/awswire"
	"larder/policy"
	"larder/registry"
)

var ciRole = registry.Role{Account: FirstAccount, Name: "ci", Path: "/build/", ID: "AROACI"}

func (w *world) addRole(r registry.Role) { w.change(func() { w.rows.roles[r.Account+"/"+r.Name] = r }) }

// job is a session of the role as STS asks for one.
func job() registry.Actor {
	return registry.Actor{
		Account: FirstAccount, Principal: SessionARN(FirstAccount, "ci", "job"),
		Session: &registry.Session{
			Role: ciRole.ARN(), RoleID: ciRole.ID, Name: "job", Policies: []string{`{"Statement":[]}`}, Managed: []string{"arn:x"},
			SourceIdentity: "ada", Tags: map[string]string{"team": "web"}, Provider: "arn:p", Subject: "repo:x",
		},
	}
}

func (w *world) issue(t *testing.T, a registry.Actor, life time.Duration) policy.Temporary {
	t.Helper()
	temporary, err := w.IssueSession(a, life)
	if err != nil {
		t.Fatal(err)
	}
	return temporary
}

// signedWith is a request that the SDK signed with a temporary credential.
func (w *world) signedWith(t *testing.T, c policy.Temporary) *http.Request {
	t.Helper()
	r := ask()
	creds := aws.Credentials{AccessKeyID: c.ID, SecretAccessKey: c.Secret, SessionToken: c.Token}
	if err := v4.NewSigner().SignHTTP(context.Background(), creds, r, emptyHash, "sts", "eu-west-1", w.clock()); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestASessionIsKnownByItsCredential(t *testing.T) {
	w := newWorld(t)
	w.addRole(ciRole)
	c := w.issue(t, job(), time.Hour)
	if c.Expires != epoch.Add(time.Hour) || len(c.ID) != 20 || !strings.HasPrefix(c.ID, "ASIA") {
		t.Errorf("got %+v", c)
	}
	want := job()
	want.AccessKey, want.User, want.CredentialExpires = c.ID, "ci/job", c.Expires
	want.Session.ID, want.Session.Issued = c.ID, epoch
	want.Source = mustActor(t, w, c).Source
	// Another process of the server knows it as well, and nothing was written.
	views := w.rows.identities.Load()
	other := w.process(t, Config{})
	for _, a := range []*Authenticator{w.Authenticator, other} {
		got, err := a.Signed("sts")(w.signedWith(t, c))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b registry.Actor) bool { return a.Principal == b.Principal && equalJSON(a, b) })); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
	if w.rows.identities.Load() != views {
		t.Error("a session was written down")
	}
}

func equalJSON(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

func mustActor(t *testing.T, w *world, c policy.Temporary) registry.Actor {
	t.Helper()
	a, err := w.Signed("sts")(w.signedWith(t, c))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestSessionsThatAreRefused(t *testing.T) {
	const invalid, late = "UnrecognizedClientException", "ExpiredTokenException"
	for _, c := range []struct {
		name   string
		change func(*world, *policy.Temporary)
		want   string
	}{
		{"without its token", func(_ *world, c *policy.Temporary) { c.Token = "" }, invalid},
		{"with a token of another session", func(w *world, c *policy.Temporary) { c.Token = w.issue(t, job(), time.Hour).Token }, invalid},
		{"with a token that was cut", func(_ *world, c *policy.Temporary) { c.Token = c.Token[:len(c.Token)-8] }, invalid},
		{"with a token that is none", func(_ *world, c *policy.Temporary) { c.Token = "token" }, invalid},
		{"with a token that is too long", func(_ *world, c *policy.Temporary) { c.Token = strings.Repeat("A", maxToken+1) }, invalid},
		{"with another secret", func(_ *world, c *policy.Temporary) { c.Secret = "wrong" }, "InvalidSignatureException"},
		{"a long-term key with a token", func(w *world, c *policy.Temporary) { c.ID, c.Secret = w.admin.ID, w.admin.Secret }, invalid},
		{"when it has expired", func(w *world, _ *policy.Temporary) { w.pass(time.Hour) }, late},
		{"when its role is gone", func(w *world, _ *policy.Temporary) { w.change(func() { delete(w.rows.roles, FirstAccount+"/ci") }) }, invalid},
		{"when its role is another one", func(w *world, _ *policy.Temporary) {
			w.addRole(registry.Role{Account: FirstAccount, Name: "ci", ID: "AROANEW"})
		}, invalid},
		{"when its account is closed", func(w *world, _ *policy.Temporary) {
			w.change(func() { w.rows.accounts[FirstAccount] = registry.Account{ID: FirstAccount, Closed: true} })
		}, invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, warm := range []bool{false, true} {
				w := newWorld(t)
				w.addRole(ciRole)
				temporary := w.issue(t, job(), time.Hour)
				if warm {
					mustActor(t, w, temporary)
				}
				c.change(w, &temporary)
				_, err := w.Signed("sts")(w.signedWith(t, temporary))
				var e *awswire.Exception
				if !errors.As(err, &e) || e.Name != c.want {
					t.Errorf("known before: %v: got %v, want %s", warm, err, c.want)
				}
			}
		})
	}
}

func TestAnAuthorizationTokenCarriesItsSession(t *testing.T) {
	w := newWorld(t)
	w.addRole(ciRole)
	actor := mustActor(t, w, w.issue(t, job(), time.Hour))
	token, _, err := w.IssueToken(t.Context(), actor, local, 12*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	// It outlives the session (spec 4.1), and has its limits still.
	w.pass(2 * time.Hour)
	for range 2 {
		got, err := w.Client(ask("Authorization", "Bearer "+token))
		if err != nil {
			t.Fatal(err)
		}
		want := actor
		want.Domain, want.CredentialExpires = local, time.Time{}
		if !equalJSON(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	w.change(func() { delete(w.rows.roles, FirstAccount+"/ci") })
	if _, err := w.Client(ask("Authorization", "Bearer "+token)); registry.CodeOf(err) != registry.Unauthenticated {
		t.Errorf("without the role: got %v", err)
	}
	zero := 0
	w.addRole(ciRole)
	if life, err := w.TokenLife(mustActor(t, w, w.issue(t, job(), time.Hour)), &zero); err != nil || life != time.Hour {
		t.Errorf("a token for as long as the session lives: %v, %v", life, err)
	}
}

func TestAUsersOwnSession(t *testing.T) {
	w := newWorld(t)
	actor := w.actor()
	actor.Session = &registry.Session{RoleID: w.rows.users[actor.Principal].ID}
	c := w.issue(t, actor, time.Hour)
	got := mustActor(t, w, c)
	if got.Principal != actor.Principal || got.User != "admin" || got.Session.Role != "" || got.Session.ID != c.ID {
		t.Errorf("got %+v", got)
	}
	w.change(func() {
		u := w.rows.users[actor.Principal]
		u.ID = "AIDAANOTHER"
		w.rows.users[actor.Principal] = u
	})
	if _, err := w.Signed("sts")(w.signedWith(t, c)); registry.CodeOf(err) != registry.Unauthenticated {
		t.Errorf("as another user of that name: got %v", err)
	}
}

func TestASessionCarriesOnlySoMuch(t *testing.T) {
	w := newWorld(t)
	a := job()
	a.Session.Policies = []string{strings.Repeat("x", MaxSession)}
	_, err := w.IssueSession(a, time.Hour)
	var e *awswire.Exception
	if !errors.As(err, &e) || e.Name != "PackedPolicyTooLarge" {
		t.Errorf("got %v", err)
	}
	// The largest one fits into an authorization token that is accepted.
	w.addRole(ciRole)
	a.Session.Policies = []string{strings.Repeat(`"`, 1400)}
	actor := mustActor(t, w, w.issue(t, a, time.Hour))
	token, _, err := w.IssueToken(t.Context(), actor, local, time.Hour)
	if err != nil || len(token) > maxToken {
		t.Fatalf("%d characters, %v", len(token), err)
	}
	r := ask()
	r.SetBasicAuth("aws", token)
	if _, err := w.Client(r); err != nil {
		t.Error(err)
	}
}

func TestTheLastUseOfAKeyIsNotedNowAndThen(t *testing.T) {
	w := newWorld(t)
	use := func() registry.KeyUse {
		t.Helper()
		mustActor(t, w, policy.Temporary{ID: w.admin.ID, Secret: w.admin.Secret})
		return w.rows.accessKeys[w.admin.ID].Used
	}
	want := registry.KeyUse{Time: epoch, Service: "sts", Region: "eu-west-1"}
	if got := use(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	w.pass(usePrecision - time.Second)
	if got := use(); got != want {
		t.Errorf("soon after: got %+v", got)
	}
	w.pass(time.Second)
	want.Time = epoch.Add(usePrecision)
	if got := use(); got != want {
		t.Errorf("later: got %+v, want %+v", got, want)
	}
}
