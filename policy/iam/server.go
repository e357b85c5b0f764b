package iam

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/netip"
	"time"

	"larder/internal/awswire"
	"larder/internal/httpx"
	"larder/policy"
	"larder/registry"
)

// FirstAccount manages the organization of this server's accounts.
const FirstAccount = "000000000000"

// Config is what the calls are answered with. All members are required, except
// where it is said.
type Config struct {
	Metadata    registry.Metadata
	Policies    *policy.Authorizer
	Credentials Credentials
	// WebIdentities verifies tokens of OpenID Connect providers.
	WebIdentities WebIdentities
	// Sign gives what authenticates requests that are signed for a service.
	Sign func(service string) func(*http.Request) (registry.Actor, error)
	// Peer tells where a request comes from that is not signed.
	Peer func(*http.Request) (source netip.Addr, secure bool)
	// Next answers targets of AWS JSON 1.1 that are not of Organizations; nil: nobody.
	Next  http.Handler
	Clock registry.Clock // nil: time.Now
	// Observe is told of every call when it has been answered; nil: nobody listens.
	Observe func(context.Context, Observation)
}

// Credentials makes what identifies users and sessions.
type Credentials interface {
	// CreateAccessKey gives the user a new access key; the secret is shown once.
	CreateAccessKey(tx registry.Tx, account, user string) (id, secret string, err error)
	// IssueSession makes a temporary credential for the actor, whose Session
	// says what it is limited to. Invalid when it carries too much.
	IssueSession(actor registry.Actor, life time.Duration) (policy.Temporary, error)
}

// WebIdentities verifies the tokens of OpenID Connect providers.
type WebIdentities interface {
	// Issuer digs the issuer out of a token that is not verified yet, without "https://".
	Issuer(token string) (string, error)
	// Verify checks a token of a registered provider.
	Verify(ctx context.Context, token string, p registry.Provider) (policy.WebCaller, error)
}

// Observation is one call as an audit log records it.
type Observation struct {
	Service    string // "iam", "sts", "organizations"
	Operation  string
	Actor      registry.Actor // zero: not known
	Subject    string         // of a web identity
	Parameters map[string]string
	Err        error // nil: done
}

const (
	iamNamespace = "https://iam.amazonaws.com/doc/2010-05-08/"
	stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"
	orgTarget    = "AWSOrganizationsV20161128"
)

// server answers calls. Safe for concurrent use.
type server struct {
	Config
	sign  map[string]func(*http.Request) (registry.Actor, error)
	query http.Handler
	json  http.Handler
}

// New makes the handler for POST /.
func New(c Config) http.Handler {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Observe == nil {
		c.Observe = func(context.Context, Observation) {}
	}
	s := &server{Config: c, sign: map[string]func(*http.Request) (registry.Actor, error){}}
	for _, service := range []string{"iam", "sts", "organizations"} {
		s.sign[service] = c.Sign(service)
	}
	s.query = httpx.Handle(s.serveQuery, func(w http.ResponseWriter, r *http.Request, err error) {
		httpx.RecordOf(r.Context()).Code = awswire.QueryException(err).Name
		awswire.WriteXMLError(w, stsNamespace, err)
	})
	s.json = httpx.Handle(s.serveJSON, func(w http.ResponseWriter, r *http.Request, err error) {
		httpx.RecordOf(r.Context()).Code = awswire.ExceptionOf(err).Name
		awswire.WriteJSON11Error(w, err)
	})
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service, _, ok := awswire.Target(r)
	switch {
	case ok && service != orgTarget && s.Next != nil:
		s.Next.ServeHTTP(w, r)
	case ok:
		s.json.ServeHTTP(w, r)
	default:
		s.query.ServeHTTP(w, r)
	}
}

// call is one request.
type call struct {
	*server
	ctx       context.Context
	operation string
	actor     registry.Actor
	now       time.Time
	form      awswire.Form // of the query protocol
	body      []byte       // of AWS JSON
	subject   string       // of a web identity, once it is verified
}

// queryOperation is an operation of IAM or STS.
type queryOperation struct {
	service  string
	unsigned bool // the request proves itself in another way
	secret   []string
	serve    func(*call) (any, error)
}

func (s *server) serveQuery(w http.ResponseWriter, r *http.Request) error {
	awswire.SetRequestID(w)
	if !awswire.IsForm(r) {
		return awswire.Unknown("this path takes calls of IAM and STS as forms with Action=…, and of Organizations and EventBridge as AWS JSON 1.1 with X-Amz-Target")
	}
	body, err := awswire.ReadBody(r)
	if err != nil {
		return err
	}
	form, err := awswire.ParseForm(body)
	if err != nil {
		return err
	}
	c := &call{server: s, ctx: r.Context(), operation: form.Required("Action"), form: form, now: s.Clock()}
	op, ok := queryOperations[c.operation]
	if ok { // a name that is not known stays out of logs
		httpx.RecordOf(c.ctx).Op = c.operation
	}
	if c.actor, err = s.actor(r, body, op, ok); err != nil {
		if ok { // who is nobody does not decide how much is recorded
			s.Observe(c.ctx, Observation{Service: op.service, Operation: c.operation, Err: err})
		}
		return err
	}
	if !ok {
		return awswire.Unknown("Could not find operation %s.", clip(c.operation))
	}
	answer, err := op.serve(c)
	if err == nil {
		err = form.Err()
	}
	s.Observe(c.ctx, Observation{op.service, c.operation, c.actor, c.subject, form.Parameters(op.secret...), err})
	if err != nil {
		return err
	}
	namespace := iamNamespace
	if op.service == "sts" {
		namespace = stsNamespace
	}
	return awswire.WriteXML(w, namespace, c.operation, answer)
}

// actor authenticates a request whose body has been read.
func (s *server) actor(r *http.Request, body []byte, op queryOperation, known bool) (registry.Actor, error) {
	if known && op.unsigned {
		source, secure := s.Peer(r)
		return registry.Actor{Source: source, Secure: secure}, nil
	}
	service := op.service
	if !known {
		service = "iam"
	}
	return s.signed(r, service, body)
}

func (s *server) signed(r *http.Request, service string, body []byte) (registry.Actor, error) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	actor, err := s.sign[service](r)
	if err != nil {
		return actor, err
	}
	// What signs may have put a body in place that fails at its end.
	_, err = io.Copy(io.Discard, r.Body)
	return actor, err
}

// allow authorizes the operation, under its own name, on something of the
// actor's account.
func (c *call) allow(arn string) error { return c.allowWith(arn, nil) }

// allowWith is allow with further condition keys.
func (c *call) allowWith(arn string, keys map[string]string) error {
	return c.Policies.AuthorizeCall(c.ctx, policy.Call{
		Actor: c.actor, Action: registry.Action("iam:" + c.operation), ARN: arn, Account: c.actor.Account, Context: keys, Time: c.now,
	})
}

// denied is the refusal of the operation on something.
func (c *call) denied(arn string) error {
	return registry.Errorf(registry.Denied, "User: %s is not authorized to perform: iam:%s on resource: %s", c.actor.Principal, c.operation, arn)
}

// arn names something of the actor's account.
func (c *call) arn(resource string) string {
	return "arn:aws:iam::" + c.actor.Account + ":" + resource
}

func (c *call) view(f func(registry.Tx) error) error   { return c.Metadata.View(c.ctx, f) }
func (c *call) update(f func(registry.Tx) error) error { return c.Metadata.Update(c.ctx, f) }

func clip(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}
