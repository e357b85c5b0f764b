package awswire

import (
	"net/http"

	"github.com/google/uuid"
)

// RequestIDHeader is where AWS clients read a request's id.
const RequestIDHeader = "X-Amzn-Requestid"

// SetRequestID puts a request id into the answer's header and returns it: the
// one that a wrapper further out has set as X-Request-Id, so that logs and
// clients name the same, or a new one.
func SetRequestID(w http.ResponseWriter) string {
	id := w.Header().Get("X-Request-Id")
	if id == "" {
		id = uuid.NewString()
	}
	w.Header().Set(RequestIDHeader, id)
	return id
}
