package awswire

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"larder/registry"
)

// Form is a request of the AWS query protocol: flat names and values, of which
// a structure's have a common prefix ("Tags.member.2.Key"). Every method that
// finds something malformed says so in Err, once.
type Form struct {
	values url.Values
	prefix string
	err    *error
}

// ReadBody reads a request's body to its end, up to BodyLimit. Errors are
// Invalid, or those of a body that verifies itself.
func ReadBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, BodyLimit+1))
	if err != nil {
		var e *registry.Error
		if errors.As(err, &e) {
			return nil, err
		}
		return nil, Invalid(CannotParse, "the request body ended early")
	}
	if len(b) > BodyLimit {
		return nil, Invalid(Other, "the request body is larger than %d bytes", BodyLimit)
	}
	return b, nil
}

// IsForm reports whether the request says that its body is a form.
func IsForm(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/x-www-form-urlencoded"
}

// ParseForm reads a form.
func ParseForm(body []byte) (Form, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return Form{}, Invalid(CannotParse, "the form cannot be read: %v", err)
	}
	return Form{values: values, err: new(error)}, nil
}

// Err gives the first thing that was wrong with what has been read.
func (f Form) Err() error { return *f.err }

// Fail notes what else is wrong with a member, if nothing was before.
func (f Form) Fail(err error) {
	if *f.err == nil {
		*f.err = err
	}
}

func (f Form) fail(format string, args ...any) {
	f.Fail(Invalid(FieldValidation, format, args...))
}

// Has reports whether the member was sent.
func (f Form) Has(name string) bool { return f.values.Has(f.prefix + name) }

// String gives a member, empty where it was not sent.
func (f Form) String(name string) string {
	values := f.values[f.prefix+name]
	switch len(values) {
	case 0:
		return ""
	case 1:
		return values[0]
	}
	f.fail("%s is given %d times", f.prefix+name, len(values))
	return ""
}

// Required is String for a member that has to be there.
func (f Form) Required(name string) string {
	v := f.String(name)
	if v == "" {
		f.fail("%s is required", f.prefix+name)
	}
	return v
}

// Int gives a number, and otherwise where it was not sent.
func (f Form) Int(name string, otherwise int) int {
	text := f.String(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		f.fail("%s is %q; it must be an integer", f.prefix+name, clip(text))
	}
	return int(n)
}

// Bool gives a truth, false where it was not sent.
func (f Form) Bool(name string) bool {
	switch text := f.String(name); strings.ToLower(text) {
	case "true":
		return true
	case "", "false":
	default:
		f.fail("%s is %q; it must be true or false", f.prefix+name, clip(text))
	}
	return false
}

// maxMembers bounds a list.
const maxMembers = 1000

// List gives a list of strings, in order.
func (f Form) List(name string) []string {
	var all []string
	for _, n := range f.indexes(name) {
		all = append(all, f.String(name+".member."+strconv.Itoa(n)))
	}
	return all
}

// Structs gives a list of structures, in order.
func (f Form) Structs(name string) []Form {
	var all []Form
	for _, n := range f.indexes(name) {
		all = append(all, Form{f.values, f.prefix + name + ".member." + strconv.Itoa(n) + ".", f.err})
	}
	return all
}

// indexes gives the numbers of a list's members, ascending.
func (f Form) indexes(name string) []int {
	prefix := f.prefix + name + ".member."
	seen := map[int]bool{}
	for key := range f.values {
		rest, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		number, _, _ := strings.Cut(rest, ".")
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			f.fail("%s is no member of a list", clip(key))
			return nil
		}
		seen[n] = true
		if len(seen) > maxMembers {
			f.fail("%s has more than %d members", f.prefix+name, maxMembers)
			return nil
		}
	}
	all := make([]int, 0, len(seen))
	for n := range seen {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

// Parameters gives all members, those that are called secret masked: what an
// audit log may say of the request.
func (f Form) Parameters(secret ...string) map[string]string {
	all := map[string]string{}
	for name, values := range f.values {
		if name == "Action" || name == "Version" {
			continue
		}
		all[name] = strings.Join(values, ",")
		if slices.Contains(secret, name) {
			all[name] = "****"
		}
	}
	return all
}

// WriteXML answers 200 as the query protocol does: the result within
// {action}Response and {action}Result. A nil result leaves the latter out.
func WriteXML(w http.ResponseWriter, namespace, action string, result any) error {
	var b bytes.Buffer
	b.WriteString(xml.Header + "<" + action + `Response xmlns="` + namespace + `">`)
	if result != nil {
		e := xml.NewEncoder(&b)
		if err := e.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: action + "Result"}}); err != nil {
			return err
		}
	}
	b.WriteString("<ResponseMetadata><RequestId>")
	_ = xml.EscapeText(&b, []byte(SetRequestID(w))) // a buffer takes everything
	b.WriteString("</RequestId></ResponseMetadata></" + action + "Response>\n")
	writeAs(w, http.StatusOK, "text/xml", b.Bytes())
	return nil
}

// queryNames are the words of the query protocol's services for what the REST
// services call otherwise.
var queryNames = map[string]string{
	"InvalidSignatureException":           "SignatureDoesNotMatch",
	"UnrecognizedClientException":         "InvalidClientTokenId",
	"ExpiredTokenException":               "ExpiredToken",
	"MissingAuthenticationTokenException": "MissingAuthenticationToken",
	"IncompleteSignatureException":        "IncompleteSignature",
	"AccessDeniedException":               "AccessDenied",
	"ValidationException":                 "ValidationError",
	"ResourceNotFoundException":           "NoSuchEntity",
	"ConflictException":                   "EntityAlreadyExists",
	"ServiceQuotaExceededException":       "LimitExceeded",
	"ThrottlingException":                 "Throttling",
	"InternalServerException":             "ServiceFailure",
	"UnknownOperationException":           "InvalidAction",
}

// QueryException is ExceptionOf in the words of the query protocol.
func QueryException(err error) Exception {
	e := ExceptionOf(err)
	if e.Name == "ExpiredTokenException" && registry.CodeOf(err) != registry.Unauthenticated {
		return e // of a web identity: STS's own exception has this name
	}
	if name, ok := queryNames[e.Name]; ok {
		if e.Name == "ServiceQuotaExceededException" {
			e.Status = http.StatusConflict
		}
		if e.Name == "UnknownOperationException" {
			e.Status = http.StatusBadRequest
		}
		e.Name = name
	}
	return e
}

// WriteXMLError answers with err as the query protocol does.
func WriteXMLError(w http.ResponseWriter, namespace string, err error) {
	type failure struct {
		Type    string
		Code    string
		Message string
	}
	e := QueryException(err)
	answer := struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		Namespace string   `xml:"xmlns,attr"`
		Error     failure
		RequestID string `xml:"RequestId"`
	}{Namespace: namespace, Error: failure{"Sender", e.Name, registry.MessageOf(err)}, RequestID: SetRequestID(w)}
	if e.Status >= 500 {
		answer.Error.Type = "Receiver"
	}
	b, failed := xml.Marshal(answer)
	if failed != nil { // strings always marshal
		b = []byte("<ErrorResponse/>")
	}
	writeAs(w, e.Status, "text/xml", append([]byte(xml.Header), b...))
}
