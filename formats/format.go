// Package formats is the frame around every wire format: the route table a
// format is made of, the one wrapper that each of its requests passes
// (authentication, repository, path variables, errors), and the serving of
// assets and index documents.
//
// A format is a folder beside this file and a value of type Format. What is
// particular to one client stays in that folder. Start reading at Format, then
// Mount.
package formats

import (
	"net/http"
	"strings"

	"larder/internal/httpx"
	"larder/registry"
)

// Format is one wire format. A part it lacks is nil.
type Format struct {
	Name     string // as the API spells it, and the first segment of its URLs
	Rules    registry.Rules
	Upstream registry.Upstream
	Routes   []Route // the hottest first
	// WriteError answers with err in the form that the format's clients read;
	// Status and Message say what it may tell. It is called at most once per
	// request, before anything else was written.
	WriteError func(w http.ResponseWriter, r *http.Request, err error)
}

// Route is one endpoint of a format.
type Route struct {
	Methods []string // GET brings HEAD along
	// Pattern is a gorilla/mux template over the part of the path below the
	// repository, beginning with "/". It meets the path as sent,
	// percent-encoded.
	Pattern   string
	Operation string // names the endpoint in logs and metrics
	// Public endpoints look at no credential: what a client asks before it has one.
	Public bool
	Handle func(w http.ResponseWriter, r *Request) error
}

// Request is a request to one repository.
type Request struct {
	*http.Request
	Repo *registry.Repo
	// Vars are the pattern's variables, percent-decoded once and free of
	// anything that could leave its segment: see checkPath.
	Vars map[string]string
	// Base is the repository's URL as the client is told it, with a trailing slash.
	Base string
	// Log is the request's line in the log; Mount fills package and version from
	// the variables of these names.
	Log *httpx.Record

	etag [1]string // the answer's header
}

// List gives a header whose value is a list, named in its canonical form. One
// on several lines is one list (RFC 9110, section 5.3).
func (r *Request) List(header string) string {
	switch values := r.Header[header]; len(values) {
	case 0:
		return ""
	case 1:
		return values[0]
	default:
		return strings.Join(values, ", ")
	}
}
