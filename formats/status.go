package formats

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"larder/internal/httpx"
	"larder/registry"
)

// StatusError is an answer that has a status in HTTP but no code in the core's
// words: a method that is not allowed, nothing acceptable, something that this
// server does not do. Msg is for the client.
type StatusError struct {
	Status int
	Msg    string
	// Allow are the methods that are possible, of a 405.
	Allow []string
}

func (e *StatusError) Error() string { return e.Msg }

// Statusf makes a StatusError.
func Statusf(status int, format string, args ...any) *StatusError {
	return &StatusError{Status: status, Msg: fmt.Sprintf(format, args...)}
}

// Status is the HTTP status of err, as style.md's table gives it.
func Status(err error) int {
	var s *StatusError
	if errors.As(err, &s) {
		return s.Status
	}
	if b, ok := bodyError(err); ok {
		if b.Slow() {
			return http.StatusRequestTimeout
		}
		return http.StatusBadRequest
	}
	switch registry.CodeOf(err) {
	case registry.Invalid:
		return http.StatusBadRequest
	case registry.Unauthenticated:
		return http.StatusUnauthorized
	case registry.Denied:
		return http.StatusForbidden
	case registry.NotFound:
		return http.StatusNotFound
	case registry.Conflict:
		return http.StatusConflict
	case registry.Quota:
		return http.StatusPaymentRequired
	case registry.TooLarge:
		return http.StatusRequestEntityTooLarge
	case registry.Throttled:
		return http.StatusTooManyRequests
	case registry.UpstreamFailed:
		return http.StatusBadGateway
	case registry.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// bodyError finds the client's own failure to send its body, where nobody has
// put it into the core's words yet.
func bodyError(err error) (*httpx.BodyError, bool) {
	var b *httpx.BodyError
	return b, registry.CodeOf(err) == registry.Internal && errors.As(err, &b)
}

// Message is what a client may be told of err.
func Message(err error) string {
	var s *StatusError
	if errors.As(err, &s) {
		return s.Msg
	}
	if b, ok := bodyError(err); ok {
		return b.Message()
	}
	return registry.MessageOf(err)
}

// code names err in the log.
func code(err error) string {
	var s *StatusError
	if errors.As(err, &s) {
		return strconv.Itoa(s.Status)
	}
	if _, ok := bodyError(err); ok {
		return codeNames[registry.Invalid]
	}
	return codeNames[registry.CodeOf(err)]
}

var codeNames = map[registry.Code]string{
	registry.Internal:        "internal",
	registry.Invalid:         "invalid",
	registry.Unauthenticated: "unauthenticated",
	registry.Denied:          "denied",
	registry.NotFound:        "not-found",
	registry.Conflict:        "conflict",
	registry.Quota:           "quota",
	registry.TooLarge:        "too-large",
	registry.Throttled:       "throttled",
	registry.UpstreamFailed:  "upstream",
	registry.Unavailable:     "unavailable",
}

// PlainError writes an error as a sentence of plain text, for formats whose
// clients read no form of their own. The status is the shared table's.
func PlainError(w http.ResponseWriter, _ *http.Request, err error) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	http.Error(w, Message(err), Status(err))
}
