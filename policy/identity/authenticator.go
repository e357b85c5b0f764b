package identity

import (
	"context"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"larder/internal/bounded"
	"larder/registry"
)

// Config is what an Authenticator is made of. Metadata and Sealer are required.
type Config struct {
	Metadata registry.Metadata
	Sealer   *Sealer
	Clock    registry.Clock // nil: time.Now
	// Peer tells where and when a request comes from. Nil: from the connection
	// itself, now.
	Peer func(*http.Request) Peer
	// RotateTokenKeys is how long a key signs new tokens; zero: 30 days.
	RotateTokenKeys time.Duration
	// BodyLimit bounds the bodies, in bytes, that are read to verify a
	// signature whose client sent no hash; zero: 1 MiB.
	BodyLimit int64
}

// Peer is where and when a request comes from, after trusted proxies.
type Peer struct {
	Source netip.Addr // the client's address
	Secure bool       // the client speaks TLS
	Host   string     // the host that the client asked for, as a trusted proxy reports it; empty: the request's own
	At     time.Time  // when its request began; zero: now
}

const (
	defaultRotation  = 30 * 24 * time.Hour
	defaultBodyLimit = 1 << 20
)

// Authenticator turns requests into actors. Safe for concurrent use.
//
// What it has verified it remembers, with the counter of identities at that
// time: while that stands still, verifying again is a look into a map; when it
// moved, the identity is looked up anew, so that a deleted user or a disabled
// key is refused at the next request.
type Authenticator struct {
	Config
	ring    *ring
	tokens  *bounded.Map[string, verified]
	signers *bounded.Map[signerKey, *keySigner]
	used    *bounded.Map[string, time.Time]
}

// New makes an Authenticator.
func New(c Config) *Authenticator {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Peer == nil {
		c.Peer = directPeer
	}
	if c.RotateTokenKeys == 0 {
		c.RotateTokenKeys = defaultRotation
	}
	if c.BodyLimit == 0 {
		c.BodyLimit = defaultBodyLimit
	}
	return &Authenticator{
		Config:  c,
		ring:    newRing(c),
		tokens:  bounded.NewMap[string, verified](4096).Near(bounded.Ends),
		signers: bounded.NewMap[signerKey, *keySigner](1024),
		used:    bounded.NewMap[string, time.Time](4096),
	}
}

// Prepare makes the key that signs tokens if there is none, and fails when the
// kept ones cannot be opened (ErrOtherMasterKey): a server calls it at start.
func (a *Authenticator) Prepare(ctx context.Context) error {
	_, err := a.ring.signing(ctx)
	return err
}

// AccessKeyActor verifies an access key id and its secret in clear, as the
// followers of events present them. Unauthenticated when they do not fit.
func (a *Authenticator) AccessKeyActor(ctx context.Context, id, secret string) (registry.Actor, error) {
	var key registry.AccessKey
	var user registry.User
	err := a.Metadata.View(ctx, func(tx registry.Tx) (err error) {
		key, user, err = activeKey(tx, id)
		return err
	})
	if err != nil {
		return registry.Actor{}, err
	}
	want, err := a.Sealer.Open(sealAccessKey, key.ID, key.Sealed)
	if err != nil {
		return registry.Actor{}, err
	}
	if subtle.ConstantTimeCompare(want, []byte(secret)) != 1 {
		return registry.Actor{}, registry.Errorf(registry.Unauthenticated, "the secret does not belong to access key %s", id)
	}
	return keyActor(key, user), nil
}

// activeKey looks up an access key that may act: it is active, and its user
// and account are still there. Unauthenticated else.
func activeKey(tx registry.Tx, id string) (registry.AccessKey, registry.User, error) {
	refused := registry.Errorf(registry.Unauthenticated, "the access key is unknown, inactive, or its user does not exist any more")
	if !wellFormedKeyID(id) {
		return registry.AccessKey{}, registry.User{}, refused
	}
	var user registry.User
	key, err := tx.AccessKey(id)
	if err == nil {
		user, err = tx.User(key.Account, key.User)
	}
	if registry.IsNotFound(err) || err == nil && !key.Active {
		return registry.AccessKey{}, user, refused
	}
	if err != nil {
		return registry.AccessKey{}, user, err
	}
	return key, user, openAccount(tx, key.Account)
}

// wellFormedKeyID keeps what cannot be an id away from storage and messages.
func wellFormedKeyID(id string) bool {
	return len(id) >= 16 && len(id) <= 128 && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

func keyActor(key registry.AccessKey, user registry.User) registry.Actor {
	return registry.Actor{
		Account:   key.Account,
		Principal: user.ARN(),
		User:      key.User,
		AccessKey: key.ID,
	}
}

func (p Peer) stamp(a registry.Actor) registry.Actor {
	a.Source, a.Secure = p.Source, p.Secure
	return a
}

func directPeer(r *http.Request) Peer {
	p := Peer{Secure: r.TLS != nil}
	if addr, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		p.Source = addr.Addr().Unmap()
	}
	return p
}
