package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"larder/internal/awswire"
	"larder/internal/httpx"
	"larder/registry"
)

// Config is what the control plane is made of, besides the core. All members
// but Rates are required.
type Config struct {
	// Sign authenticates a request by its AWS signature. It may replace the
	// request's body with one that fails at its end when it was changed.
	Sign   func(*http.Request) (registry.Actor, error)
	Tokens Tokens
	// Base gives the server's URL as this client is told it, without trailing slash.
	Base   func(*http.Request) string
	Region string // in ARNs
	Rates  Rates
}

// Tokens makes authorization tokens.
type Tokens interface {
	// TokenLife gives how long a token lives that the actor asks for: seconds
	// from the request, nil when absent. Invalid for what is out of range.
	TokenLife(actor registry.Actor, seconds *int) (time.Duration, error)
	// IssueToken makes a token for the domain and says when it expires.
	IssueToken(ctx context.Context, actor registry.Actor, d registry.DomainID, life time.Duration) (string, time.Time, error)
}

// New makes the control plane's handler, for everything below /v1/. Safe for
// concurrent use.
func New(svc *registry.Service, c Config) http.Handler { return newServer(svc, c) }

type server struct {
	Config
	core     *registry.Service
	throttle *throttle
}

// call is one request of a verified actor.
type call struct {
	*server
	request   *http.Request
	actor     registry.Actor
	operation string
}

func newServer(svc *registry.Service, c Config) http.Handler {
	s := &server{Config: c, core: svc, throttle: newThrottle(c.Rates)}
	byPath := map[string]map[string]operation{}
	for _, op := range operations {
		if byPath[op.path] == nil {
			byPath[op.path] = map[string]operation{}
		}
		byPath[op.path][op.method] = op
	}
	router := mux.NewRouter().UseEncodedPath().SkipClean(true)
	for path, methods := range byPath {
		router.Path(path).Handler(httpx.Handle(s.dispatch(methods), fail))
	}
	router.NotFoundHandler = httpx.Handle(s.dispatch(nil), fail)
	return router
}

// dispatch serves one path, whose operations differ by method.
func (s *server) dispatch(methods map[string]operation) httpx.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		awswire.SetRequestID(w)
		op, ok := methods[r.Method]
		httpx.RecordOf(r.Context()).Op = op.name
		actor, err := s.Sign(r)
		switch {
		case err != nil:
			return err
		case !ok:
			return awswire.Unknown("%s %s is no operation of this API.", r.Method, clip(r.URL.Path))
		}
		if err := s.throttle.take(actor.Account, op.name); err != nil {
			return err
		}
		answer, err := op.serve(r.Context(), &call{server: s, request: r, actor: actor, operation: op.name})
		if err != nil {
			return err
		}
		if stream, ok := answer.(assetStream); ok {
			stream.serve(w, r)
			return nil
		}
		return awswire.WriteJSON(w, answer)
	}
}

func fail(w http.ResponseWriter, r *http.Request, err error) {
	httpx.RecordOf(r.Context()).Code = awswire.ExceptionOf(err).Name
	awswire.WriteError(w, err)
}

func clip(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}
