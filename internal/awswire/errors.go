package awswire

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"larder/registry"
)

// Reason is a ValidationExceptionReason.
type Reason string

// Reasons for a request that cannot be accepted.
const (
	CannotParse      Reason = "CANNOT_PARSE"
	FieldValidation  Reason = "FIELD_VALIDATION_FAILED"
	UnknownOperation Reason = "UNKNOWN_OPERATION"
	Other            Reason = "OTHER"
)

// Exception names an error in AWS's words where the core's code alone does not
// tell which: the refusals of signatures and credentials, and the reason of a
// ValidationException. It stands as the cause within a *registry.Error.
type Exception struct {
	Name       string        // "InvalidSignatureException"; empty: by the code
	Status     int           // zero: by the code
	Reason     Reason        // of a ValidationException
	RetryAfter time.Duration // sent with a ThrottlingException; zero: one second
}

func (e *Exception) Error() string { return e.Name + string(e.Reason) }

// Invalid is an error that is answered as ValidationException with the reason.
func Invalid(reason Reason, format string, args ...any) error {
	return &registry.Error{Code: registry.Invalid, Msg: fmt.Sprintf(format, args...), Err: &Exception{Reason: reason}}
}

// Refused is an error about a credential that is answered with status 403 and
// one of AWS's generic names (design.md section 2).
func Refused(name, format string, args ...any) error {
	return &registry.Error{
		Code: registry.Unauthenticated,
		Msg:  fmt.Sprintf(format, args...),
		Err:  &Exception{Name: name, Status: http.StatusForbidden},
	}
}

// answers maps the core's codes to exceptions (spec 2.2, style.md section 4).
// A size limit is a quota to this API: it declares no other name for it.
var answers = map[registry.Code]Exception{
	registry.Internal:        {Name: "InternalServerException", Status: http.StatusInternalServerError},
	registry.Invalid:         {Name: "ValidationException", Status: http.StatusBadRequest, Reason: FieldValidation},
	registry.Unauthenticated: {Name: "UnrecognizedClientException", Status: http.StatusForbidden},
	registry.Denied:          {Name: "AccessDeniedException", Status: http.StatusForbidden},
	registry.NotFound:        {Name: "ResourceNotFoundException", Status: http.StatusNotFound},
	registry.Conflict:        {Name: "ConflictException", Status: http.StatusConflict},
	registry.Quota:           {Name: "ServiceQuotaExceededException", Status: http.StatusPaymentRequired},
	registry.TooLarge:        {Name: "ServiceQuotaExceededException", Status: http.StatusPaymentRequired},
	registry.Throttled:       {Name: "ThrottlingException", Status: http.StatusTooManyRequests, RetryAfter: time.Second},
	registry.UpstreamFailed:  {Name: "InternalServerException", Status: http.StatusBadGateway},
	registry.Unavailable:     {Name: "InternalServerException", Status: http.StatusServiceUnavailable, RetryAfter: time.Second},
}

// ExceptionOf gives name, status and further members with which err is answered.
func ExceptionOf(err error) Exception {
	answer, ok := answers[registry.CodeOf(err)]
	if !ok {
		answer = answers[registry.Internal]
	}
	var special *Exception
	if errors.As(err, &special) {
		if special.Name != "" {
			answer.Name = special.Name
		}
		if special.Status != 0 {
			answer.Status = special.Status
		}
		if special.Reason != "" {
			answer.Reason = special.Reason
		}
		if special.RetryAfter != 0 {
			answer.RetryAfter = special.RetryAfter
		}
	}
	return answer
}

// errorBody has the members of every exception of spec 2.2.
type errorBody struct {
	Message      string `json:"message"`
	Reason       Reason `json:"reason,omitempty"`
	ResourceID   string `json:"resourceId,omitempty"`
	ResourceType string `json:"resourceType,omitempty"`
}

// WriteError answers with err as a rest-json error: the name in
// x-amzn-ErrorType, the members in a JSON body. Errors that are not for
// clients say "internal error" only.
func WriteError(w http.ResponseWriter, err error) {
	exception := ExceptionOf(err)
	body := errorBody{Message: registry.MessageOf(err)}
	switch exception.Name {
	case "ValidationException":
		body.Reason = exception.Reason
	case "ResourceNotFoundException", "ConflictException", "ServiceQuotaExceededException":
		var e *registry.Error
		if errors.As(err, &e) && e.Resource.Type != registry.NoResource {
			body.ResourceID, body.ResourceType = e.Resource.ID(), resourceType(e.Resource.Type)
		}
	}
	if exception.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(exception.RetryAfter.Seconds()))))
	}
	w.Header().Set("X-Amzn-Errortype", exception.Name)
	b, err := json.Marshal(body)
	if err != nil { // strings always marshal
		b = []byte(`{"message":"internal error"}`)
	}
	write(w, exception.Status, b)
}

// resourceType gives the type as the API's enumeration has it, empty for those it lacks.
func resourceType(t registry.ResourceType) string {
	switch t {
	case registry.DomainResource, registry.RepositoryResource, registry.PackageResource, registry.VersionResource, registry.AssetResource:
		return string(t)
	}
	return ""
}

// WriteJSON answers 200 with v as JSON.
func WriteJSON(w http.ResponseWriter, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	write(w, http.StatusOK, b)
	return nil
}

func write(w http.ResponseWriter, status int, body []byte) {
	writeAs(w, status, "application/json", body)
}

func writeAs(w http.ResponseWriter, status int, kind string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(body)
}

// Unknown is an error about an operation that does not exist here.
func Unknown(format string, args ...any) error {
	return &registry.Error{Code: registry.NotFound, Msg: fmt.Sprintf(format, args...), Err: &Exception{Name: "UnknownOperationException"}}
}
