package identity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"larder/internal/awswire"
	"larder/policy"
	"larder/registry"
)

// sealSession is the purpose for which session tokens are sealed.
const sealSession = "session"

// MaxSession bounds what a session may carry (its policies and tags), in bytes
// of JSON: it travels in every authorization token that the session obtains.
const MaxSession = 3500

// sessionClaims are a session as session tokens and authorization tokens hold it.
type sessionClaims struct {
	Account  string            `json:"a"`
	User     string            `json:"u,omitempty"` // of a user's own session
	Root     bool              `json:"o,omitempty"` // of the account's root user
	Role     string            `json:"r,omitempty"` // name of the role that was assumed
	UniqueID string            `json:"i"`           // of the user or role
	Name     string            `json:"n,omitempty"` // of the role session
	Issued   int64             `json:"t"`
	Policies []string          `json:"p,omitempty"`
	Managed  []string          `json:"m,omitempty"`
	Source   string            `json:"s,omitempty"`
	Tags     map[string]string `json:"g,omitempty"`
	Provider string            `json:"v,omitempty"`
	Subject  string            `json:"b,omitempty"`
}

// sealedSession is the content of a session token.
type sealedSession struct {
	sessionClaims
	Secret  string `json:"k"`
	Expires int64  `json:"e"`
}

// IssueSession makes a temporary credential for the actor, whose Session says
// what it is limited to: of a role (Role, RoleID, Name), a user's own, or an
// account's root user's. That the actor may have it has been decided before. Invalid
// (PackedPolicyTooLarge) when policies and tags are too large together.
//
// The credential is kept nowhere: its token holds all that it stands for,
// sealed with the master key, so every process of a server knows it, and it
// ends by itself.
func (a *Authenticator) IssueSession(actor registry.Actor, life time.Duration) (policy.Temporary, error) {
	s := actor.Session
	now := a.Clock()
	t := policy.Temporary{ID: "ASIA" + random(16), Secret: random(40), Expires: now.Add(life).Truncate(time.Second).UTC()}
	sealed := sealedSession{
		sessionClaims: sessionClaims{
			Account: actor.Account, UniqueID: s.RoleID, Issued: now.Unix(), Policies: s.Policies, Managed: s.Managed,
			Source: s.SourceIdentity, Tags: s.Tags, Provider: s.Provider, Subject: s.Subject,
		},
		Secret:  t.Secret,
		Expires: t.Expires.Unix(),
	}
	switch {
	case s.Role != "":
		sealed.Role, sealed.Name = afterSlash(s.Role), s.Name
	case actor.Principal == rootARN(actor.Account):
		sealed.Root = true
	default:
		sealed.User = afterSlash(actor.Principal)
	}
	b, err := json.Marshal(sealed)
	if err != nil {
		return policy.Temporary{}, &registry.Error{Code: registry.Internal, Err: err}
	}
	if len(b) > MaxSession {
		return policy.Temporary{}, &registry.Error{
			Code: registry.Invalid, Err: &awswire.Exception{Name: "PackedPolicyTooLarge"},
			Msg: "the session's policies and tags are too large together; shorten them, or attach a managed policy",
		}
	}
	t.Token = base64.StdEncoding.EncodeToString(a.Sealer.Seal(sealSession, t.ID, b))
	return t, nil
}

// openSession reads a session token that belongs to the access key id.
func (a *Authenticator) openSession(id, token string) (sealedSession, error) {
	var s sealedSession
	invalid := awswire.Refused(unrecognized, "The security token included in the request is invalid.")
	if len(token) > maxToken || !strings.HasPrefix(id, "ASIA") || !wellFormedKeyID(id) {
		return s, invalid
	}
	sealed, err := base64.StdEncoding.Strict().DecodeString(token)
	if err != nil {
		return s, invalid
	}
	b, err := a.Sealer.Open(sealSession, id, sealed)
	if err != nil {
		return s, invalid // cut, made up, or of another server
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, &registry.Error{Code: registry.Internal, Err: err}
	}
	if !a.Clock().Before(time.Unix(s.Expires, 0)) {
		return s, awswire.Refused(expired, "The security token included in the request is expired; obtain new temporary credentials.")
	}
	return s, nil
}

// sessionActor looks up the identity that a session is of. Unauthenticated
// when its user or role is not there any more, or is another one by now.
func sessionActor(tx registry.Tx, id string, s *sessionClaims) (registry.Actor, error) {
	gone := registry.Errorf(registry.Unauthenticated, "the user or role of the session does not exist any more")
	if err := openAccount(tx, s.Account); err != nil {
		return registry.Actor{}, err
	}
	actor := registry.Actor{Account: s.Account, AccessKey: id, Session: &registry.Session{
		ID: id, Name: s.Name, Issued: time.Unix(s.Issued, 0).UTC(), Policies: s.Policies, Managed: s.Managed,
		SourceIdentity: s.Source, Tags: s.Tags, Provider: s.Provider, Subject: s.Subject,
	}}
	if s.Root {
		actor.Principal, actor.Session.RoleID = rootARN(s.Account), s.Account
		return actor, nil
	}
	if s.Role == "" {
		user, err := tx.User(s.Account, s.User)
		if registry.IsNotFound(err) || err == nil && user.ID != s.UniqueID {
			err = gone
		}
		actor.Principal, actor.User, actor.Session.RoleID = user.ARN(), user.Name, user.ID
		return actor, err
	}
	role, err := tx.Role(s.Account, s.Role)
	if registry.IsNotFound(err) || err == nil && role.ID != s.UniqueID {
		err = gone
	}
	actor.Session.Role, actor.Session.RoleID = role.ARN(), role.ID
	actor.Principal = SessionARN(s.Account, s.Role, s.Name)
	actor.User = s.Role + "/" + s.Name
	return actor, err
}

// SessionARN is the ARN of a role session.
func SessionARN(account, role, name string) string {
	return "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + name
}

// claimsOf gives the session of an actor as an authorization token holds it.
func claimsOf(actor registry.Actor) *sessionClaims {
	s := actor.Session
	if s == nil {
		return nil
	}
	c := &sessionClaims{
		Account: actor.Account, UniqueID: s.RoleID, Name: s.Name, Issued: s.Issued.Unix(), Policies: s.Policies, Managed: s.Managed,
		Source: s.SourceIdentity, Tags: s.Tags, Provider: s.Provider, Subject: s.Subject,
	}
	switch {
	case s.Role != "":
		c.Role = afterSlash(s.Role)
	case actor.Principal == rootARN(actor.Account):
		c.Root = true
	default:
		c.User = afterSlash(actor.Principal)
	}
	return c
}

func rootARN(account string) string { return "arn:aws:iam::" + account + ":root" }

func afterSlash(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// openAccount refuses accounts that are not there or closed.
func openAccount(tx registry.Tx, id string) error {
	account, err := tx.Account(id)
	if registry.IsNotFound(err) || err == nil && account.Closed {
		return registry.Errorf(registry.Unauthenticated, "the account does not exist any more, or is closed")
	}
	return err
}

// noteUse remembers when a long-term access key was last used, at most once in
// usePrecision: it is for people who look for keys that nobody needs.
func (a *Authenticator) noteUse(ctx context.Context, id, service, region string) {
	now := a.Clock()
	if last, ok := a.used.Get(id); ok && now.Sub(last) < usePrecision {
		return
	}
	a.used.Put(id, now)
	// A use that is not noted is no reason to refuse the request.
	_ = a.Metadata.Update(context.WithoutCancel(ctx), func(tx registry.Tx) error {
		return tx.UseAccessKey(id, registry.KeyUse{Time: now, Service: service, Region: region})
	})
}

const usePrecision = 15 * time.Minute
