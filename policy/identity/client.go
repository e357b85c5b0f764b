package identity

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"larder/registry"
)

// maxCredential bounds a credential as it stands in a header.
const maxCredential = 12 << 10

// verified is a credential of a package client that was found good.
type verified struct {
	actor      registry.Actor // without Source and Secure
	expires    time.Time
	identities int64 // the counter before the identity was looked up
}

// Client authenticates the request of a package client by its authorization
// token (spec 4.2): Bearer, Basic with any user name and the token as
// password, the bare token in Authorization, or the token in X-NuGet-ApiKey.
// Of several credentials the first good one counts, Authorization before the
// API key. The actor is bound to the token's domain.
//
// A request without any credential gives an anonymous actor and no error.
// Unauthenticated when what was sent is not good.
func (a *Authenticator) Client(r *http.Request) (registry.Actor, error) {
	peer := a.Peer(r)
	if peer.At.IsZero() {
		peer.At = a.Clock()
	}
	refused := error(nil)
	for _, name := range [...]string{"Authorization", "X-Nuget-Apikey"} {
		values := r.Header[name]
		if len(values) == 0 || values[0] == "" {
			continue
		}
		actor, err := a.credential(r.Context(), values, peer.At)
		if err == nil {
			return peer.stamp(actor), nil
		}
		if registry.CodeOf(err) != registry.Unauthenticated {
			return registry.Actor{}, err
		}
		if refused == nil {
			refused = err
		}
	}
	return peer.stamp(registry.Actor{}), refused
}

// credential gives the actor of a header's value now. The whole value is the key
// of what is remembered, so that a known one costs no decoding.
func (a *Authenticator) credential(ctx context.Context, values []string, now time.Time) (registry.Actor, error) {
	if len(values) > 1 {
		return registry.Actor{}, registry.Errorf(registry.Unauthenticated, "the request has %d credentials of one kind; send one", len(values))
	}
	sent := values[0]
	known, ok := a.tokens.Get(sent)
	if ok && !now.Before(known.expires) {
		a.tokens.Delete(sent)
		return registry.Actor{}, badToken("it has expired")
	}
	// Read before the identity is: what moves it later is noticed at the next request.
	counters, err := a.Metadata.Counters(ctx, known.actor.Domain)
	if err != nil {
		return registry.Actor{}, err
	}
	if ok && known.identities == counters.Identities {
		actor := known.actor
		actor.Looked = registry.Look{Counters: counters, At: now}
		return actor, nil
	}
	facts := tokenFacts{known.actor.Principal, known.actor.AccessKey, known.actor.Domain, known.expires, claimsOf(known.actor)}
	if !ok {
		token, err := tokenOf(sent)
		if err != nil {
			return registry.Actor{}, err
		}
		if facts, err = a.readToken(ctx, token); err != nil {
			return registry.Actor{}, err
		}
	}
	actor, err := a.tokenActor(ctx, facts)
	if err != nil {
		a.tokens.Delete(sent)
		return registry.Actor{}, err
	}
	a.tokens.Put(strings.Clone(sent), verified{actor, facts.expires, counters.Identities})
	return actor, nil
}

// tokenActor looks up the identity that a token was given to.
func (a *Authenticator) tokenActor(ctx context.Context, facts tokenFacts) (actor registry.Actor, err error) {
	err = a.Metadata.View(ctx, func(tx registry.Tx) error {
		var err error
		if facts.session != nil {
			actor, err = sessionActor(tx, facts.accessKey, facts.session)
			return err
		}
		key, user, err := activeKey(tx, facts.accessKey)
		actor = keyActor(key, user)
		return err
	})
	if err != nil {
		return registry.Actor{}, err
	}
	if actor.Principal != facts.principal {
		return registry.Actor{}, badToken("it was given to another identity")
	}
	actor.Domain = facts.domain
	return actor, nil
}

// tokenOf digs the token out of a credential as it was sent. Cargo sends the
// bare token, on Windows with the end of the line.
func tokenOf(sent string) (string, error) {
	if len(sent) > maxCredential {
		return "", registry.Errorf(registry.Unauthenticated, "the credential is longer than %d characters", maxCredential)
	}
	sent = strings.Trim(sent, " \t\r\n")
	scheme, rest, found := strings.Cut(sent, " ")
	switch {
	case !found:
		return sent, nil
	case strings.EqualFold(scheme, "Bearer"):
		return strings.TrimLeft(rest, " "), nil
	case strings.EqualFold(scheme, "Basic"):
		b, err := base64.StdEncoding.DecodeString(strings.TrimLeft(rest, " "))
		if err != nil {
			return "", registry.Errorf(registry.Unauthenticated, "the Basic credential is not base64")
		}
		_, password, found := strings.Cut(string(b), ":")
		if !found || password == "" {
			return "", registry.Errorf(registry.Unauthenticated, "the Basic credential has no password; send an authorization token as the password")
		}
		return strings.Trim(password, " \t\r\n"), nil
	}
	return "", registry.Errorf(registry.Unauthenticated, "the credential is none that is known here; send an authorization token as Bearer, or as the password of Basic")
}
