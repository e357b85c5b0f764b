package rules

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"larder/events"
	"larder/registry"
)

// Target is a target in EventBridge's own words (API reference, "Target"), with
// the members that Larder has something for.
type Target struct {
	ID          string            `json:"Id"`
	ARN         string            `json:"Arn"`
	RoleARN     string            `json:"RoleArn,omitempty"`
	Input       string            `json:"Input,omitempty"`
	InputPath   string            `json:"InputPath,omitempty"`
	Transformer *InputTransformer `json:"InputTransformer,omitempty"`
	HTTP        *HTTPParameters   `json:"HttpParameters,omitempty"`
	DeadLetter  *DeadLetter       `json:"DeadLetterConfig,omitempty"`
	Retry       *RetryPolicy      `json:"RetryPolicy,omitempty"`
}

// InputTransformer makes what is sent of parts of the event.
type InputTransformer struct {
	Paths    map[string]string `json:"InputPathsMap,omitempty"`
	Template string            `json:"InputTemplate"`
}

// HTTPParameters are sent to a web hook besides.
type HTTPParameters struct {
	PathValues []string          `json:"PathParameterValues,omitempty"`
	Headers    map[string]string `json:"HeaderParameters,omitempty"`
	Query      map[string]string `json:"QueryStringParameters,omitempty"`
}

// DeadLetter says where an event ends up that could not be delivered.
type DeadLetter struct {
	ARN string `json:"Arn,omitempty"`
}

// RetryPolicy bounds the tries.
type RetryPolicy struct {
	Attempts *int `json:"MaximumRetryAttempts,omitempty"`
	Age      *int `json:"MaximumEventAgeInSeconds,omitempty"`
}

const (
	maxARN      = 1600 // bytes (API reference, "Target")
	maxInput    = 8192
	maxHeaders  = 100
	maxHeader   = 512 // bytes of a header's name, and of its value
	maxAttempts = 185
	maxAge      = 24 * time.Hour
)

// natsScheme begins the Arn of a subject.
const natsScheme = "nats:"

// Policy is what Check holds targets to.
type Policy struct {
	// Private lets web hooks be plain HTTP, and lead to private addresses.
	Private bool
	// CheckHost refuses a URL whose host cannot be reached from here, as far as
	// that can be said of its text. Nil: none is refused.
	CheckHost func(*url.URL) error
}

// Check refuses (Invalid) a target that cannot be delivered to.
func (t *Target) Check(p Policy) error {
	for _, check := range []func() error{
		func() error { return t.checkARN(p) }, t.checkInput, t.checkHTTP, t.checkRetries,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (t *Target) checkARN(p Policy) error {
	if len(t.ARN) > maxARN {
		return refuse("Arn of target %s is longer than %d characters", t.ID, maxARN)
	}
	if subject, ok := strings.CutPrefix(t.ARN, natsScheme); ok {
		if err := events.CheckSubject(subject); err != nil {
			return refuse("Arn of target %s: %s", t.ID, registry.MessageOf(err))
		}
		return nil
	}
	u, err := url.Parse(t.ARN)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Opaque != "":
		// The text may hold a password.
		return refuse("Arn of target %s is neither nats:SUBJECT nor https://HOST/PATH, which are the targets that this server has", t.ID)
	case u.Fragment != "":
		return refuse("Arn of target %s has a fragment (#…), which is not sent", t.ID)
	case u.Scheme == "http" && !p.Private:
		return refuse("Arn of target %s is plain HTTP: take https, or start the server with --allow-private-targets", t.ID)
	case !p.Private && p.CheckHost != nil && p.CheckHost(u) != nil:
		return refuse("Arn of target %s leads to a private address, for which the server has to be started with --allow-private-targets", t.ID)
	}
	return nil
}

func (t *Target) checkInput() error {
	given := 0
	for _, is := range []bool{t.Input != "", t.InputPath != "", t.Transformer != nil} {
		if is {
			given++
		}
	}
	if given > 1 {
		return refuse("Only one of Input, InputPath, or InputTransformer must be provided for target %s.", t.ID)
	}
	if t.Input != "" && (len(t.Input) > maxInput || !json.Valid([]byte(t.Input))) {
		return refuse("Input of target %s must be JSON of at most %d characters.", t.ID, maxInput)
	}
	if _, err := compileInput(t); err != nil {
		return refuse("target %s: %s", t.ID, err)
	}
	return nil
}

func (t *Target) checkHTTP() error {
	h := t.HTTP
	if h == nil {
		return nil
	}
	if !t.isWebHook() {
		return refuse("HttpParameters of target %s: they are for https targets", t.ID)
	}
	if len(h.PathValues) > 0 {
		return refuse("PathParameterValues of target %s are not supported: write the path into Arn", t.ID)
	}
	if len(h.Headers)+len(h.Query) > maxHeaders {
		return refuse("target %s has more than %d HttpParameters", t.ID, maxHeaders)
	}
	for name, value := range h.Headers {
		switch canonical := textproto.CanonicalMIMEHeaderKey(name); {
		case !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) || len(name) > maxHeader || len(value) > maxHeader:
			return refuse("a header of target %s cannot be sent", t.ID)
		case ownHeaders[canonical] || strings.HasPrefix(canonical, "Webhook-") || strings.HasPrefix(canonical, "Ce-") && canonical != cloudEvents:
			return refuse("header %s of target %s is set by this server", name, t.ID)
		case canonical == cloudEvents && value != "1.0":
			return refuse("header %s of target %s asks for CloudEvents: its value must be 1.0", name, t.ID)
		}
	}
	for name, value := range h.Query {
		if name == "" || len(name) > maxHeader || len(value) > maxHeader {
			return refuse("a query parameter of target %s is empty or longer than %d characters", t.ID, maxHeader)
		}
	}
	return nil
}

func (t *Target) checkRetries() error {
	if d := t.DeadLetter; d != nil && d.ARN != "" {
		subject, ok := strings.CutPrefix(d.ARN, natsScheme)
		if !ok {
			return refuse("DeadLetterConfig of target %s must be nats:SUBJECT", t.ID)
		}
		if err := events.CheckSubject(subject); err != nil {
			return refuse("DeadLetterConfig of target %s: %s", t.ID, registry.MessageOf(err))
		}
	}
	if r := t.Retry; r != nil {
		if r.Attempts != nil && (*r.Attempts < 0 || *r.Attempts > maxAttempts) {
			return refuse("MaximumRetryAttempts of target %s must be from 0 to %d", t.ID, maxAttempts)
		}
		if r.Age != nil && (*r.Age < 60 || *r.Age > int(maxAge/time.Second)) {
			return refuse("MaximumEventAgeInSeconds of target %s must be from 60 to %d", t.ID, maxAge/time.Second)
		}
	}
	return nil
}

func refuse(format string, args ...any) error {
	return &registry.Error{Code: registry.Invalid, Msg: fmt.Sprintf(format, args...)}
}

func (t *Target) isWebHook() bool { return !strings.HasPrefix(t.ARN, natsScheme) }

// Subjects gives the subjects of NATS that the target names.
func (t *Target) Subjects() []string {
	var all []string
	if s, ok := strings.CutPrefix(t.ARN, natsScheme); ok {
		all = append(all, s)
	}
	if t.DeadLetter != nil {
		if s, ok := strings.CutPrefix(t.DeadLetter.ARN, natsScheme); ok {
			all = append(all, s)
		}
	}
	return all
}

// tries is how often an event is tried after the first time, and age how long.
func (t *Target) tries() int {
	if t.Retry != nil && t.Retry.Attempts != nil {
		return *t.Retry.Attempts
	}
	return maxAttempts
}

func (t *Target) age() time.Duration {
	if t.Retry != nil && t.Retry.Age != nil {
		return time.Duration(*t.Retry.Age) * time.Second
	}
	return maxAge
}

// Address is what a target is looked up by.
func Address(arn string) registry.Digest { return sha256.Sum256([]byte(arn)) }

// Secret signs what a web hook gets (Standard Webhooks: "whsec_" and base64).
type Secret string

const secretPrefix = "whsec_"

// NewSecret makes a secret of 32 random bytes.
func NewSecret() Secret {
	var b [32]byte
	rand.Read(b[:]) //nolint:errcheck // never fails
	return Secret(secretPrefix + base64.StdEncoding.EncodeToString(b[:]))
}

// ParseSecret reads a secret that somebody has chosen: 24 to 64 bytes
// (Standard Webhooks, "Signature scheme"). Invalid.
func ParseSecret(s string) (Secret, error) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, secretPrefix))
	if err != nil || !strings.HasPrefix(s, secretPrefix) || len(b) < 24 || len(b) > 64 {
		return "", refuse("a secret is %s and 24 to 64 bytes in base64", secretPrefix)
	}
	return Secret(s), nil
}

func (s Secret) bytes() []byte {
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(s), secretPrefix))
	if err != nil { // it was checked when it was made
		return nil
	}
	return b
}

// Sealed is a target as it is kept.
type Sealed struct {
	Target  Target `json:"target"`
	Secret  Secret `json:"secret,omitempty"`
	Old     Secret `json:"old,omitempty"` // also signed with, until then
	OldEnds int64  `json:"oldEnds,omitempty"`
}

// sealPurpose is what targets are sealed for.
const sealPurpose = "rule target"

func sealID(account, rule, id string) string {
	return strconv.Quote(account) + strconv.Quote(rule) + strconv.Quote(id)
}

// Seal gives the row of a target.
func Seal(s registry.Sealer, account, rule string, v Sealed) (registry.Target, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return registry.Target{}, err
	}
	return registry.Target{
		Account: account, Rule: rule, ID: v.Target.ID, Address: Address(v.Target.ARN),
		Sealed: s.Seal(sealPurpose, sealID(account, rule, v.Target.ID), plain),
	}, nil
}

// Open reads the row of a target.
func Open(s registry.Sealer, row registry.Target) (Sealed, error) {
	var v Sealed
	plain, err := s.Open(sealPurpose, sealID(row.Account, row.Rule, row.ID), row.Sealed)
	if err != nil {
		return v, fmt.Errorf("target %s of rule %s: %w", row.ID, row.Rule, err)
	}
	return v, json.Unmarshal(plain, &v)
}
