package audit

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"larder/internal/awswire"
	"larder/internal/httpx"
	"larder/registry"
)

// Call is a call that has been answered, as who answers it tells of it.
type Call struct {
	Service    string // "iam"
	Operation  string // "CreateUser"
	Actor      registry.Actor
	Subject    string // of a web identity
	Parameters map[string]string
	Err        error // nil: done
}

// Call records a call of the control plane.
func (l *Log) Call(ctx context.Context, c Call) {
	r := Record{
		UserIdentity: identityOf(c.Actor, c.Subject), EventSource: c.Service + ".amazonaws.com", EventName: c.Operation,
		RequestParameters: bounded(c.Parameters), ReadOnly: readOnly(c.Operation), ManagementEvent: true,
	}
	if c.Err != nil {
		r.ErrorCode, r.ErrorMessage = awswire.QueryException(c.Err).Name, registry.MessageOf(c.Err)
	}
	l.write(ctx, r)
}

// maxParameters bounds what a record keeps of a request, in bytes: policies
// fit, and a message on NATS takes it.
const maxParameters = 24 << 10

// bounded gives parameters, in order, as far as they fit.
func bounded(all map[string]string) map[string]string {
	left, kept := maxParameters, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value := all[name]
		if left -= len(name) + len(value); left < 0 {
			kept["truncated"] = "true"
			break
		}
		kept[name] = value
	}
	return kept
}

type callerKey struct{}

// Control records every request that next answers as calls of a REST service
// (its signing name), under the name that next notes in the request's
// httpx.Record; who called is what Caller noted. It stands behind
// httpx.Front. What next has no name for is not recorded.
func (l *Log) Control(service string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller := &registry.Actor{}
		r = r.WithContext(context.WithValue(r.Context(), callerKey{}, caller))
		defer func() {
			record := httpx.RecordOf(r.Context())
			if record.Op == "" {
				return
			}
			entry := Record{
				UserIdentity: identityOf(*caller, ""), EventSource: service + ".amazonaws.com", EventName: record.Op,
				RequestParameters: parameters(r.URL.Query()), ReadOnly: readOnly(record.Op), ManagementEvent: true, ErrorCode: record.Code,
			}
			if record.Code != "" && record.Err != nil {
				entry.ErrorMessage = registry.MessageOf(record.Err)
			}
			l.write(r.Context(), entry)
		}()
		next.ServeHTTP(w, r)
	})
}

// Caller wraps what authenticates requests that pass Control, so that the
// records say who called.
func (l *Log) Caller(sign func(*http.Request) (registry.Actor, error)) func(*http.Request) (registry.Actor, error) {
	return func(r *http.Request) (registry.Actor, error) {
		actor, err := sign(r)
		if caller, ok := r.Context().Value(callerKey{}).(*registry.Actor); ok && err == nil {
			*caller = actor
		}
		return actor, err
	}
}

// parameterNames are CloudTrail's words for parameters whose names in the
// query are others (spec 2.1, 5.5).
var parameterNames = map[string]string{
	"domain": "domainName", "domain-owner": "domainOwner", "repository": "repositoryName", "package": "packageName", "format": "packageFormat",
	"namespace": "packageNamespace", "version": "packageVersion", "revision": "packageVersionRevision", "duration": "durationSeconds", "asset": "assetName",
	"next-token": "nextToken", "max-results": "maxResults", "external-connection": "externalConnection", "package-group": "packageGroup", "policy-revision": "policyRevision",
}

func parameters(query url.Values) map[string]string {
	all := map[string]string{}
	for name, values := range query {
		if strings.HasPrefix(name, "X-Amz-") { // a presigned request's signature
			continue
		}
		if spelled, ok := parameterNames[name]; ok {
			name = spelled
		}
		all[clip(name)] = clip(strings.Join(values, ","))
	}
	return all
}

// Authorizer wraps an Authorizer so that what package clients are denied is
// recorded. Requests of the control plane are not: Control records them.
func (l *Log) Authorizer(next registry.Authorizer) registry.Authorizer { return &watched{l, next} }

type watched struct {
	log  *Log
	next registry.Authorizer
}

func (w *watched) Authorize(ctx context.Context, a registry.Access) error {
	err := w.next.Authorize(ctx, a)
	if err != nil {
		w.denied(ctx, a, err)
	}
	return err
}

func (w *watched) Possible(ctx context.Context, a registry.Access) error {
	err := w.next.Possible(ctx, a)
	if err != nil {
		w.denied(ctx, a, err)
	}
	return err
}

func (w *watched) denied(ctx context.Context, a registry.Access, err error) {
	code := map[registry.Code]string{
		registry.Denied:          "AccessDenied",
		registry.Unauthenticated: "UnrecognizedClientException", // a good token that is for another domain
	}[registry.CodeOf(err)]
	// Only tokens of package clients are bound to a domain.
	if code == "" || a.Actor.Domain == (registry.DomainID{}) {
		return
	}
	service, name, _ := strings.Cut(string(a.Action), ":")
	res := a.Resource
	r := Record{
		UserIdentity: identityOf(a.Actor, ""), EventSource: service + ".amazonaws.com", EventName: name, ReadOnly: readOnly(name),
		ErrorCode: code, ErrorMessage: registry.MessageOf(err), RequestParameters: map[string]string{},
	}
	for key, value := range map[string]string{
		"domainName": res.Domain.Name, "domainOwner": res.Domain.Owner, "repositoryName": res.Repository,
		"packageFormat": res.Package.Format, "packageNamespace": res.Package.Namespace, "packageName": res.Package.Name, "packageVersion": res.Version,
	} {
		if value != "" {
			r.RequestParameters[key] = value
		}
	}
	if arn := res.ARN(w.log.Region); arn != "*" {
		r.Resources = []Resource{{arn, res.Domain.Owner}}
	}
	if request := httpx.RecordOf(ctx).Request; request != nil {
		r.AdditionalEventData = &Exchange{request.Method, clip(request.URL.Path)}
	}
	w.log.write(ctx, r)
}
