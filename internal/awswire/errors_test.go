package awswire

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"larder/registry"
)

func TestErrorsAreWrittenAsClientsReadThem(t *testing.T) {
	repo := registry.RepoID{Domain: registry.DomainID{Owner: "111122223333", Name: "local"}, Name: "main"}.Resource()
	for _, c := range []struct {
		name   string
		err    error
		status int
		typ    string
		body   string
	}{
		{"Internal hides its cause", errors.New("disk on fire"), 500, "InternalServerException", `{"message":"internal error"}`},
		{"Invalid", registry.Errorf(registry.Invalid, "bad"), 400, "ValidationException", `{"message":"bad","reason":"FIELD_VALIDATION_FAILED"}`},
		{"Invalid with its reason", Invalid(CannotParse, "bad %d", 1), 400, "ValidationException", `{"message":"bad 1","reason":"CANNOT_PARSE"}`},
		{"Unauthenticated", registry.Errorf(registry.Unauthenticated, "who"), 403, "UnrecognizedClientException", `{"message":"who"}`},
		{"Unauthenticated with its name", Refused("ExpiredTokenException", "old"), 403, "ExpiredTokenException", `{"message":"old"}`},
		{"Denied", registry.Errorf(registry.Denied, "no"), 403, "AccessDeniedException", `{"message":"no"}`},
		{"Denied keeps its resource to itself", registry.Errorf(registry.Denied, "no").About(repo), 403, "AccessDeniedException", `{"message":"no"}`},
		{"NotFound", registry.Errorf(registry.NotFound, "gone").About(repo), 404, "ResourceNotFoundException",
			`{"message":"gone","resourceId":"local/main","resourceType":"repository"}`},
		{"NotFound of what the enumeration lacks", registry.Errorf(registry.NotFound, "gone").About(registry.Resource{Type: registry.ConnectionResource, Name: "public:x"}), 404,
			"ResourceNotFoundException", `{"message":"gone","resourceId":"public:x"}`},
		{"Conflict", registry.Errorf(registry.Conflict, "there").About(repo), 409, "ConflictException",
			`{"message":"there","resourceId":"local/main","resourceType":"repository"}`},
		{"Quota", registry.Errorf(registry.Quota, "full"), 402, "ServiceQuotaExceededException", `{"message":"full"}`},
		{"TooLarge", registry.Errorf(registry.TooLarge, "big"), 402, "ServiceQuotaExceededException", `{"message":"big"}`},
		{"Throttled", registry.Errorf(registry.Throttled, "slow"), 429, "ThrottlingException", `{"message":"slow"}`},
		{"UpstreamFailed", registry.Errorf(registry.UpstreamFailed, "far"), 502, "InternalServerException", `{"message":"far"}`},
		{"Unavailable", registry.Errorf(registry.Unavailable, "away"), 503, "InternalServerException", `{"message":"away"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			WriteError(w, c.err)
			if w.Code != c.status || w.Header().Get("x-amzn-ErrorType") != c.typ || w.Body.String() != c.body {
				t.Errorf("got %d %s %s, want %d %s %s", w.Code, w.Header().Get("x-amzn-ErrorType"), w.Body, c.status, c.typ, c.body)
			}
			if got := w.Header().Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type is %q", got)
			}
		})
	}
}

func TestThrottlingSaysWhenToComeBack(t *testing.T) {
	w := httptest.NewRecorder()
	WriteError(w, &registry.Error{Code: registry.Throttled, Msg: "slow", Err: &Exception{RetryAfter: 1500 * time.Millisecond}})
	if got := w.Header().Get("Retry-After"); got != "2" {
		t.Errorf("got Retry-After %q, want 2", got)
	}
}

func TestRequestIDIsTheOneThatTheLogHas(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("X-Request-Id", "outer")
	if got := SetRequestID(w); got != "outer" || w.Header().Get("x-amzn-RequestId") != "outer" {
		t.Errorf("got %q, header %q", got, w.Header().Get("x-amzn-RequestId"))
	}
	a, b := SetRequestID(httptest.NewRecorder()), SetRequestID(httptest.NewRecorder())
	if a == b || strings.TrimSpace(a) == "" {
		t.Errorf("new ids %q and %q are not distinct", a, b)
	}
}

func TestWhatIsAwaySaysWhenToComeBack(t *testing.T) {
	w := httptest.NewRecorder()
	WriteError(w, registry.Errorf(registry.Unavailable, "away"))
	if got := w.Header().Get("Retry-After"); got != "1" {
		t.Errorf("got Retry-After %q, want 1", got)
	}
}
