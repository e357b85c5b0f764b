package identity

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"larder/internal/awswire"
	"larder/registry"
)

// Signed gives a function that authenticates requests which are signed with
// AWS Signature Version 4 for the service (its signing name, "codeartifact"),
// in any region, in the Authorization header or in the query.
//
// The function may replace the request's Body. A body that came without
// x-amz-content-sha256 has been read and verified; one that came with it is
// verified while it is read, and its last Read fails (Unauthenticated) instead
// of io.EOF when it differs: handlers read it to the end before they act.
//
// Refusals are Unauthenticated and carry AWS's name as *awswire.Exception; a
// body over the limit is Invalid.
func (a *Authenticator) Signed(service string) func(*http.Request) (registry.Actor, error) {
	return func(r *http.Request) (registry.Actor, error) {
		peer := a.Peer(r)
		actor, err := a.signed(r, peer, service)
		if err != nil {
			return registry.Actor{}, err
		}
		return peer.stamp(actor), nil
	}
}

func (a *Authenticator) signed(r *http.Request, peer Peer, service string) (registry.Actor, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil { // what cannot be read cannot have been signed
		return registry.Actor{}, awswire.Invalid(awswire.CannotParse, "the query string cannot be read: %v", err)
	}
	s, err := signatureOf(r, query)
	if err != nil {
		return registry.Actor{}, err
	}
	if s.service != service {
		return registry.Actor{}, awswire.Refused(invalidSignature, "Credential should be scoped to correct service: '%s'.", service)
	}
	if err := s.current(a.Clock()); err != nil {
		return registry.Actor{}, err
	}
	// It says what is asked for: who catches a request must not make another of it.
	if r.Header.Get(targetHeader) != "" && !slices.Contains(s.headers, strings.ToLower(targetHeader)) {
		return registry.Actor{}, awswire.Refused(invalidSignature, "'%s' must be a 'SignedHeader' in the AWS Authorization.", targetHeader)
	}
	token, err := sessionTokenOf(r, query)
	if err != nil {
		return registry.Actor{}, err
	}
	signer, err := a.signer(r.Context(), s, token)
	if err != nil {
		return registry.Actor{}, err
	}
	payload, err := a.payload(r, peer)
	if err != nil {
		return registry.Actor{}, err
	}
	for _, host := range hosts(r, peer) {
		want, err := signer.sign(r, query, s, host, payload)
		if err != nil {
			return registry.Actor{}, err
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(s.value)) == 1 {
			a.signers.Put(s.key(), signer) // only for who knows the secret, so that nobody else can fill it
			if signer.token == "" {
				a.noteUse(r.Context(), s.keyID, s.service, s.region)
			}
			return signer.actor, nil
		}
	}
	return registry.Actor{}, awswire.Refused(invalidSignature, "The request signature we calculated does not match the signature you provided. "+
		"Check your AWS Secret Access Key and signing method, and that no proxy changes the signed headers (%s).", clipped(s.headers))
}

// sessionTokenOf gives the token that a temporary credential comes with.
func sessionTokenOf(r *http.Request, query url.Values) (string, error) {
	tokens := append(r.Header.Values(sessionToken), query[sessionToken]...)
	switch len(tokens) {
	case 0:
		return "", nil
	case 1:
		return tokens[0], nil
	}
	return "", awswire.Refused(incomplete, "The request has %d security tokens; send one.", len(tokens))
}

// hosts are those that the client may have signed: the request's own, and the
// one that a trusted proxy reports, which some proxies cut the port from.
func hosts(r *http.Request, peer Peer) []string {
	if peer.Host == "" || peer.Host == r.Host {
		return []string{r.Host}
	}
	return []string{r.Host, peer.Host}
}

// signerKey is what a derived signing key depends on.
type signerKey struct{ keyID, date, region, service string }

func (s signature) key() signerKey { return signerKey{s.keyID, s.date, s.region, s.service} }

// keySigner recomputes signatures of one access key, date, region and service.
// The SDK's signer keeps the key that it derives for them; one signer for all
// of them would keep a key for every region that anybody names.
type keySigner struct {
	signer     *v4.Signer
	key        aws.Credentials
	token      string // of a temporary credential
	actor      registry.Actor
	identities int64 // the counter before the access key was looked up
}

func (a *Authenticator) signer(ctx context.Context, s signature, token string) (*keySigner, error) {
	counters, err := a.Metadata.Counters(ctx, registry.DomainID{})
	if err != nil {
		return nil, err
	}
	known, ok := a.signers.Get(s.key())
	if ok && known.identities == counters.Identities && known.token == token && known.lives(a.Clock()) {
		return known, nil
	}
	k := &keySigner{signer: v4.NewSigner(), token: token, identities: counters.Identities}
	secret := ""
	if token == "" {
		secret, k.actor, err = a.longTerm(ctx, s.keyID)
	} else {
		secret, k.actor, err = a.temporary(ctx, s.keyID, token)
	}
	if exception := new(awswire.Exception); registry.CodeOf(err) == registry.Unauthenticated && !errors.As(err, &exception) {
		return nil, awswire.Refused(unrecognized, "The security token included in the request is invalid: %s.", registry.MessageOf(err))
	}
	if err != nil {
		return nil, err
	}
	k.key = aws.Credentials{AccessKeyID: s.keyID, SecretAccessKey: secret}
	return k, nil
}

func (k *keySigner) lives(now time.Time) bool {
	return k.actor.CredentialExpires.IsZero() || now.Before(k.actor.CredentialExpires)
}

func (a *Authenticator) longTerm(ctx context.Context, id string) (string, registry.Actor, error) {
	var key registry.AccessKey
	var user registry.User
	err := a.Metadata.View(ctx, func(tx registry.Tx) (err error) {
		key, user, err = activeKey(tx, id)
		return err
	})
	if err != nil {
		return "", registry.Actor{}, err
	}
	secret, err := a.Sealer.Open(sealAccessKey, key.ID, key.Sealed)
	return string(secret), keyActor(key, user), err
}

func (a *Authenticator) temporary(ctx context.Context, id, token string) (secret string, actor registry.Actor, err error) {
	s, err := a.openSession(id, token)
	if err != nil {
		return "", registry.Actor{}, err
	}
	err = a.Metadata.View(ctx, func(tx registry.Tx) error {
		actor, err = sessionActor(tx, id, &s.sessionClaims)
		return err
	})
	actor.CredentialExpires = time.Unix(s.Expires, 0).UTC()
	return s.Secret, actor, err
}

// sign gives the signature that the request must have, by the SDK's signer on
// a copy which has just the signed parts. Quirks of that signer:
//   - it signs every header it finds but ignores some names (User-Agent and
//     such) by their canonical spelling, while some clients do sign those:
//     the copy has its headers in lower case;
//   - it takes content-length from the request and never signs a zero;
//   - it always adds X-Amz-Date to the headers, hence it must be a signed one;
//   - it moves X-Amz- headers into the query when presigning, unless told not to;
//   - it escapes the path as it stands in URL.Opaque once more, as AWS wants.
func (k *keySigner) sign(r *http.Request, query url.Values, s signature, host, payload string) (string, error) {
	copied := &http.Request{
		Method: r.Method,
		Host:   host,
		URL:    &url.URL{Opaque: "//host" + r.URL.EscapedPath(), RawQuery: r.URL.RawQuery},
		Header: http.Header{},
	}
	for _, name := range s.headers {
		switch {
		case name == "host", name == "x-amz-date" && !s.presigned:
		case name == "content-length":
			if copied.ContentLength = r.ContentLength; r.ContentLength <= 0 {
				return "", awswire.Refused(invalidSignature, "content-length is signed but the request has no body of known length; leave it out of the signed headers.")
			}
		default:
			values := r.Header.Values(name)
			if len(values) == 0 {
				return "", awswire.Refused(invalidSignature, "The signed header '%s' is not in the request; a proxy may have removed it.", clip(name))
			}
			copied.Header[name] = values
		}
	}
	ctx := r.Context()
	if s.presigned {
		query = withoutSignature(query)
		copied.URL.RawQuery = query.Encode()
		signed, _, err := k.signer.PresignHTTP(ctx, k.key, copied, payload, s.service, s.region, s.signedAt,
			func(o *v4.SignerOptions) { o.DisableHeaderHoisting = true })
		return after(signed, presignedMark+"="), signingError(err)
	}
	if !slices.Contains(s.headers, "x-amz-date") {
		return "", awswire.Refused(incomplete, "'X-Amz-Date' must be among the SignedHeaders.")
	}
	err := k.signer.SignHTTP(ctx, k.key, copied, payload, s.service, s.region, s.signedAt)
	return after(copied.Header.Get("Authorization"), "Signature="), signingError(err)
}

func withoutSignature(query url.Values) url.Values {
	kept := url.Values{}
	for name, values := range query {
		if name != presignedMark {
			kept[name] = values
		}
	}
	return kept
}

// after gives what follows the last mark, nothing where there is none.
func after(s, mark string) string {
	if i := strings.LastIndex(s, mark); i >= 0 {
		return s[i+len(mark):]
	}
	return ""
}

func signingError(err error) error {
	if err != nil {
		return &registry.Error{Code: registry.Internal, Err: errors.Join(errors.New("recompute a request's signature"), err)}
	}
	return nil
}

func clipped(headers []string) string { return clip(strings.Join(headers, ";")) }
