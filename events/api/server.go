package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"larder/events/rules"
	"larder/internal/awswire"
	"larder/internal/httpx"
	"larder/registry"
)

// Config is what the calls are answered with. All members are required, except
// where it is said.
type Config struct {
	Metadata registry.Metadata
	Sealer   registry.Sealer
	Region   string
	// Sign authenticates a request that is signed for the service "events".
	Sign func(*http.Request) (registry.Actor, error)
	// Authorize decides whether the actor may do an action to an ARN of its own
	// account; keys are further condition keys. Denied.
	Authorize func(ctx context.Context, actor registry.Actor, action registry.Action, arn string, keys map[string]string) error
	Targets   rules.Policy
	Router    Router
	Stream    rules.Stream
	// Wake is called after a transaction that wrote events.
	Wake func()
	// Widen is told of each subject to which rules of an account send from now
	// on. Nil: nobody has to know.
	Widen func(account, subject string)
	Clock registry.Clock // nil: time.Now
	// Observe is told of every call when it has been answered; nil: nobody listens.
	Observe func(context.Context, Observation)
}

// Router asks rules about events, and sends past ones again.
type Router interface {
	// Flush asks the rules as they are about all events that there are.
	Flush(context.Context) error
	Replay(context.Context, rules.Stream, rules.Replay) (int, error)
}

// Observation is one call as an audit log records it.
type Observation struct {
	Operation  string
	Actor      registry.Actor // zero: not known
	Parameters map[string]string
	Err        error // nil: done
}

// target is the service's name in X-Amz-Target.
const target = "AWSEvents"

type server struct{ Config }

// New makes the handler for requests with X-Amz-Target AWSEvents.….
func New(c Config) http.Handler {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Observe == nil {
		c.Observe = func(context.Context, Observation) {}
	}
	if c.Widen == nil {
		c.Widen = func(string, string) {}
	}
	s := &server{c}
	return httpx.Handle(s.serve, func(w http.ResponseWriter, r *http.Request, err error) {
		err = named(err)
		httpx.RecordOf(r.Context()).Code = awswire.ExceptionOf(err).Name
		awswire.WriteJSON11Error(w, err)
	})
}

// call is one request.
type call struct {
	*server
	ctx       context.Context
	operation string
	actor     registry.Actor
	body      []byte
}

// operations are those of EventBridge that are answered, and Larder's own for
// the secrets of web hooks.
var operations = map[string]func(*call) (any, error){
	"PutRule":               (*call).putRule,
	"DescribeRule":          (*call).describeRule,
	"ListRules":             (*call).listRules,
	"EnableRule":            (*call).enableRule,
	"DisableRule":           (*call).disableRule,
	"DeleteRule":            (*call).deleteRule,
	"PutTargets":            (*call).putTargets,
	"ListTargetsByRule":     (*call).listTargetsByRule,
	"RemoveTargets":         (*call).removeTargets,
	"ListRuleNamesByTarget": (*call).listRuleNamesByTarget,
	"TestEventPattern":      (*call).testEventPattern,
	"PutEvents":             (*call).putEvents,
	"StartReplay":           (*call).startReplay,
	"TagResource":           (*call).tagResource,
	"UntagResource":         (*call).untagResource,
	"ListTagsForResource":   (*call).listTagsForResource,
	"ListEventBuses":        (*call).listEventBuses,
	"DescribeEventBus":      (*call).describeEventBus,
	"GetTargetSecret":       (*call).getTargetSecret,
	"RotateTargetSecret":    (*call).rotateTargetSecret,
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) error {
	service, operation, _ := awswire.Target(r)
	do, known := operations[operation]
	known = known && service == target
	if known { // a name that is not known stays out of logs
		httpx.RecordOf(r.Context()).Op = operation
	}
	body, err := awswire.ReadBody(r)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	actor, err := s.Sign(r)
	if err != nil {
		return err
	}
	// What signs may have put a body in place that fails at its end.
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return err
	}
	if !known {
		return awswire.Unknown("There is no operation %s here.", clip(r.Header.Get("X-Amz-Target")))
	}
	c := &call{server: s, ctx: r.Context(), operation: operation, actor: actor, body: body}
	answer, err := do(c)
	s.Observe(c.ctx, Observation{operation, actor, parameters(body), err})
	if err != nil {
		return err
	}
	return awswire.WriteJSON11(w, answer)
}

// parameters are the members of a request that an audit log may show: names,
// and nothing of what targets or events hold.
func parameters(body []byte) map[string]string {
	var in struct{ Name, Rule, NamePrefix, EventBusName, ResourceARN, ReplayName, TargetID string }
	if json.Unmarshal(body, &in) != nil {
		return nil
	}
	all := map[string]string{}
	for name, value := range map[string]string{
		"name": in.Name, "rule": in.Rule, "namePrefix": in.NamePrefix, "eventBusName": in.EventBusName,
		"resourceARN": in.ResourceARN, "replayName": in.ReplayName, "targetId": in.TargetID,
	} {
		if value != "" {
			all[name] = clip(value)
		}
	}
	return all
}

// read decodes the request's body.
func (c *call) read(into any) error { return awswire.DecodeJSON(c.body, into) }

// allow authorizes the operation, under its own name.
func (c *call) allow(arn string, keys map[string]string) error {
	return c.Authorize(c.ctx, c.actor, registry.Action("events:"+c.operation), arn, keys)
}

func (c *call) view(f func(registry.Tx) error) error { return c.Metadata.View(c.ctx, f) }

// change runs f once the events that there are have met the rules as they were.
func (c *call) change(f func(registry.Tx) error) error {
	if err := c.Router.Flush(c.ctx); err != nil {
		return err
	}
	return c.Metadata.Update(c.ctx, f)
}

// Errors in EventBridge's own words.

func invalid(format string, args ...any) error {
	return awswire.Invalid(awswire.FieldValidation, format, args...)
}

func exception(name, message string) error {
	return &registry.Error{Code: registry.Invalid, Msg: message, Err: &awswire.Exception{Name: name}}
}

func limitExceeded(message string) error { return exception("LimitExceededException", message) }

// named spells errors as EventBridge does where the core's word is another.
func named(err error) error {
	var e *registry.Error
	if errors.As(err, &e) {
		return err
	}
	return &registry.Error{Code: registry.Internal, Err: errors.Join(err, &awswire.Exception{Name: "InternalException"})}
}

func clip(s string) string {
	if len(s) > 100 {
		return strings.ToValidUTF8(s[:100], "") + "…"
	}
	return s
}
