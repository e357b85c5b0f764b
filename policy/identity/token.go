package identity

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"larder/registry"
)

// How long authorization tokens live (spec 4.1).
const (
	MinTokenLife = 15 * time.Minute
	MaxTokenLife = 12 * time.Hour
)

const (
	tokenIssuer = "larder"
	maxToken    = 8192 // characters; Larder's own have about 500, those of narrowed sessions more
)

// claims are those of an authorization token. Subject is the principal's ARN,
// the audience is "{owner}/{domain}".
type claims struct {
	jwt.RegisteredClaims
	AccessKey string         `json:"akid"`          // the access key that obtained the token
	Session   *sessionClaims `json:"ses,omitempty"` // whose, where it was a temporary one
}

// TokenLife gives how long a token lives that the actor asks for: seconds as
// given in the request, nil when absent. Zero is until the actor's temporary
// credential ends. Invalid for what is out of range.
func (a *Authenticator) TokenLife(actor registry.Actor, seconds *int) (time.Duration, error) {
	if seconds == nil {
		return MaxTokenLife, nil
	}
	if *seconds == 0 {
		if actor.CredentialExpires.IsZero() {
			return MaxTokenLife, nil
		}
		return min(actor.CredentialExpires.Sub(a.Clock()), MaxTokenLife), nil
	}
	// Compared as numbers: a large one would overflow a Duration.
	if *seconds < int(MinTokenLife/time.Second) || *seconds > int(MaxTokenLife/time.Second) {
		return 0, registry.Errorf(registry.Invalid, "duration is %d; it must be 0, or from %.0f to %.0f seconds",
			*seconds, MinTokenLife.Seconds(), MaxTokenLife.Seconds())
	}
	return time.Duration(*seconds) * time.Second, nil
}

// IssueToken makes an authorization token by which the actor is known in the
// domain for so long, and says when it expires. Whether the actor may have one
// has been decided before.
func (a *Authenticator) IssueToken(ctx context.Context, actor registry.Actor, d registry.DomainID, life time.Duration) (string, time.Time, error) {
	keys, err := a.ring.signing(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	now := a.Clock()
	expires := now.Add(life).Truncate(time.Second) // what the claim can say
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    tokenIssuer,
			Subject:   actor.Principal,
			Audience:  jwt.ClaimStrings{d.Owner + "/" + d.Name},
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(expires),
			ID:        rand.Text(),
		},
		AccessKey: actor.AccessKey,
		Session:   claimsOf(actor),
	})
	token.Header["kid"] = keys.id
	text, err := token.SignedString(keys.sign)
	if err != nil {
		return "", time.Time{}, &registry.Error{Code: registry.Internal, Err: fmt.Errorf("sign token: %w", err)}
	}
	return text, expires, nil
}

// readToken verifies a token's signature and claims. Whether its identity is
// still there is not looked at. Unauthenticated says what is wrong with it.
func (a *Authenticator) readToken(ctx context.Context, text string) (tokenFacts, error) {
	if len(text) > maxToken {
		return tokenFacts{}, badToken("it is too long")
	}
	var c claims
	var lookup error
	_, err := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithExpirationRequired(),
		jwt.WithIssuer(tokenIssuer),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(a.Clock),
	).ParseWithClaims(text, &c, func(t *jwt.Token) (any, error) {
		id, _ := t.Header["kid"].(string)
		if id == "" {
			return nil, jwt.ErrTokenUnverifiable
		}
		key, err := a.ring.verifying(ctx, id)
		if lookup = err; err != nil {
			return nil, err
		}
		if key == nil {
			return nil, jwt.ErrTokenUnverifiable
		}
		return key, nil
	})
	switch {
	case lookup != nil:
		return tokenFacts{}, lookup
	case errors.Is(err, jwt.ErrTokenExpired):
		return tokenFacts{}, badToken("it has expired")
	case err != nil:
		return tokenFacts{}, badToken("it is not one of this server")
	}
	return factsOf(c)
}

// tokenFacts is what a verified token says.
type tokenFacts struct {
	principal string
	accessKey string
	domain    registry.DomainID
	expires   time.Time
	session   *sessionClaims // nil: a long-term access key obtained it
}

func factsOf(c claims) (tokenFacts, error) {
	if len(c.Audience) != 1 || c.Subject == "" || c.AccessKey == "" || c.IssuedAt == nil ||
		c.ExpiresAt.Sub(c.IssuedAt.Time) > MaxTokenLife+time.Second {
		return tokenFacts{}, badToken("it is not one of this server")
	}
	owner, name, found := strings.Cut(c.Audience[0], "/")
	if !found || owner == "" || name == "" {
		return tokenFacts{}, badToken("it is not one of this server")
	}
	return tokenFacts{
		principal: c.Subject,
		accessKey: c.AccessKey,
		domain:    registry.DomainID{Owner: owner, Name: name},
		expires:   c.ExpiresAt.Time,
		session:   c.Session,
	}, nil
}

func badToken(why string) error {
	return registry.Errorf(registry.Unauthenticated, "the authorization token is not accepted: %s; get a new one with GetAuthorizationToken", why)
}
