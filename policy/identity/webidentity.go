package identity

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/sync/singleflight"

	"larder/internal/awswire"
	"larder/policy"
	"larder/registry"
)

// WebIdentities verifies the tokens of OpenID Connect providers, such as those
// that CI systems give to their jobs (OpenID Connect Core 1.0, section 3.1.3.7;
// Discovery 1.0). Safe for concurrent use.
//
// A provider's discovery document is kept for discoveryLife and its keys until
// a token names one that is not among them; but a provider is asked for the
// same document at most once in askAgain, whatever tokens come: anybody can
// send some.
type WebIdentities struct {
	client *http.Client
	clock  registry.Clock
	flight singleflight.Group

	mu        sync.Mutex
	providers map[string]knownProvider // by issuer
}

type knownProvider struct {
	verifier *oidc.IDTokenVerifier
	err      error
	until    time.Time
}

const (
	discoveryLife = time.Hour
	askAgain      = 10 * time.Second
	providerTime  = 10 * time.Second
	providerBytes = 1 << 20
	maxProviders  = 1000
	maxWebToken   = 20000 // characters (STS: AssumeRoleWithWebIdentity)
)

// NewWebIdentities makes one. The client decides what addresses may be asked;
// what is not https is never asked.
func NewWebIdentities(client *http.Client, clock registry.Clock) *WebIdentities {
	if clock == nil {
		clock = time.Now
	}
	c := *client
	c.Timeout = providerTime
	next := c.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	c.Transport = &documents{next: next, clock: clock, kept: map[string]document{}}
	return &WebIdentities{client: &c, clock: clock, providers: map[string]knownProvider{}}
}

// Issuer digs the issuer out of a token that is not verified yet, without
// "https://": it says whose provider has to verify it. Invalid when there is none.
func (w *WebIdentities) Issuer(token string) (string, error) {
	var claims struct {
		Issuer string `json:"iss"`
	}
	parts := strings.Split(token, ".")
	if len(token) > maxWebToken || len(parts) != 3 {
		return "", badIdentity("The token is no JSON Web Token.")
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(b, &claims)
	}
	issuer, ok := strings.CutPrefix(claims.Issuer, "https://")
	if err != nil || !ok || issuer == "" {
		return "", badIdentity("The token names no issuer with an https URL.")
	}
	return issuer, nil
}

// Verify checks a token of a registered provider: signature, issuer, expiry and
// audience. Invalid with STS's name says what is wrong.
func (w *WebIdentities) Verify(ctx context.Context, token string, p registry.Provider) (policy.WebCaller, error) {
	verifier, err := w.verifier(ctx, p.Issuer)
	if err != nil {
		return policy.WebCaller{}, stsError("IDPCommunicationError", http.StatusBadRequest, "The identity provider https://%s cannot be asked for its keys: %v", p.Issuer, err)
	}
	t, err := verifier.Verify(oidc.ClientContext(ctx, w.client), token)
	var late *oidc.TokenExpiredError
	switch {
	case errors.As(err, &late):
		return policy.WebCaller{}, stsError("ExpiredTokenException", http.StatusBadRequest, "Token expired at %s.", late.Expiry.UTC().Format(time.RFC3339))
	case err != nil:
		return policy.WebCaller{}, badIdentity("The token is not accepted: %s.", strings.TrimPrefix(err.Error(), "oidc: "))
	}
	id := policy.WebCaller{Provider: p, Subject: t.Subject, Claims: map[string][]string{}}
	claims := map[string]any{}
	if err := t.Claims(&claims); err != nil {
		return policy.WebCaller{}, badIdentity("The claims of the token cannot be read.")
	}
	for name, value := range claims {
		if texts, ok := claimTexts(value); ok {
			id.Claims[name] = texts
		}
	}
	// The audience that counts is who the token was issued to, where that is said.
	audiences := t.Audience
	if azp := id.Claims["azp"]; len(azp) == 1 {
		audiences = azp
	}
	for _, audience := range audiences {
		if slices.Contains(p.Clients, audience) {
			id.Audience = audience
			break
		}
	}
	if id.Audience == "" {
		return policy.WebCaller{}, badIdentity("Incorrect token audience: %q is not among the client ids of the provider.", strings.Join(audiences, ", "))
	}
	if id.Subject == "" {
		return policy.WebCaller{}, badIdentity("The token has no subject.")
	}
	id.Claims["aud"] = []string{id.Audience}
	return id, nil
}

// claimTexts gives a claim as conditions compare it.
func claimTexts(value any) ([]string, bool) {
	switch v := value.(type) {
	case string:
		return []string{v}, true
	case bool:
		return []string{strconv.FormatBool(v)}, true
	case float64:
		return []string{strconv.FormatFloat(v, 'f', -1, 64)}, true
	case []any:
		var all []string
		for _, item := range v {
			text, ok := claimTexts(item)
			if !ok || len(text) != 1 {
				return nil, false
			}
			all = append(all, text[0])
		}
		return all, len(all) > 0
	}
	return nil, false
}

// verifier gives a provider's verifier, asking for its discovery document when
// none is kept. A failure is kept too, for askAgain.
func (w *WebIdentities) verifier(ctx context.Context, issuer string) (*oidc.IDTokenVerifier, error) {
	w.mu.Lock()
	known, ok := w.providers[issuer]
	w.mu.Unlock()
	if ok && w.clock().Before(known.until) {
		return known.verifier, known.err
	}
	v, err, _ := w.flight.Do(issuer, func() (any, error) {
		// Others wait for the same answer: it outlives who asked first.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), providerTime)
		defer cancel()
		p, err := oidc.NewProvider(oidc.ClientContext(ctx, w.client), "https://"+issuer)
		known := knownProvider{err: shorten(err), until: w.clock().Add(askAgain)}
		if err == nil {
			known.verifier = p.VerifierContext(oidc.ClientContext(context.Background(), w.client), &oidc.Config{SkipClientIDCheck: true, Now: w.clock})
			known.until = w.clock().Add(discoveryLife)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.providers) >= maxProviders {
			clear(w.providers)
		}
		w.providers[issuer] = known
		return known.verifier, known.err
	})
	verifier, _ := v.(*oidc.IDTokenVerifier)
	return verifier, err
}

// shorten keeps what a provider answered out of messages.
func shorten(err error) error {
	if err == nil {
		return nil
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	return errors.New(strings.ToValidUTF8(text, ""))
}

func badIdentity(format string, args ...any) error {
	return stsError("InvalidIdentityToken", http.StatusBadRequest, format, args...)
}

func stsError(name string, status int, format string, args ...any) error {
	return &registry.Error{Code: registry.Invalid, Msg: fmt.Sprintf(format, args...), Err: &awswire.Exception{Name: name, Status: status}}
}

// documents is a transport for the documents of providers: it asks for each at
// most once in askAgain, over TLS only, and takes only so many bytes.
type documents struct {
	next  http.RoundTripper
	clock registry.Clock

	mu   sync.Mutex
	kept map[string]document
}

type document struct {
	status int
	header http.Header
	body   []byte
	until  time.Time
}

func (d *documents) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, fmt.Errorf("%s is not asked: it is not https", r.URL.Redacted())
	}
	url := r.URL.String()
	d.mu.Lock()
	kept, ok := d.kept[url]
	d.mu.Unlock()
	if !ok || !d.clock().Before(kept.until) {
		response, err := d.next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(io.LimitReader(response.Body, providerBytes+1))
		response.Body.Close()
		if err != nil {
			return nil, err
		}
		if len(body) > providerBytes {
			return nil, fmt.Errorf("%s is larger than %d bytes", r.URL.Redacted(), providerBytes)
		}
		kept = document{response.StatusCode, response.Header, body, d.clock().Add(askAgain)}
		d.mu.Lock()
		if len(d.kept) >= maxProviders {
			clear(d.kept)
		}
		d.kept[url] = kept
		d.mu.Unlock()
	}
	return &http.Response{
		Status: http.StatusText(kept.status), StatusCode: kept.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: kept.header.Clone(), Body: io.NopCloser(bytes.NewReader(kept.body)), ContentLength: int64(len(kept.body)), Request: r,
	}, nil
}
