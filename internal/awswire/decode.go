package awswire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"larder/registry"
)

// BodyLimit is the largest JSON body of a control-plane request, in bytes. The
// largest that the API knows is a policy of 7,168 characters.
const BodyLimit = 1 << 20

// Decoder reads rest-json requests into an In, a struct whose fields say where
// they come from:
//
//	Domain string `query:"domain" json:"-"`      // a query parameter
//	Hash   string `header:"X-Amz-..." json:"-"`  // a header
//	Tags   []Tag  `json:"tags"`                  // a member of the JSON body
//
// Fields of query and header are strings, *string, bool, *bool, int, *int; a
// pointer tells absent from zero. With `required:"true"` a field that is
// absent or empty is Invalid. Embedded structs are looked into.
// Parameters and members that In does not know are tolerated.
type Decoder[In any] struct {
	fields  []field
	members bool // In has members of the JSON body
}

type field struct {
	index    []int
	source   string // "query" or "header"; empty: body
	name     string
	required bool
}

// NewDecoder reads the tags of In; a tag that cannot be served panics, as it
// is a mistake in the program.
func NewDecoder[In any]() *Decoder[In] {
	d := &Decoder[In]{}
	d.read(reflect.TypeFor[In](), nil)
	return d
}

func (d *Decoder[In]) read(t reflect.Type, at []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(append([]int{}, at...), i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			d.read(f.Type, index)
			continue
		}
		required := f.Tag.Get("required") == "true"
		for _, source := range []string{"query", "header"} {
			name, ok := f.Tag.Lookup(source)
			if !ok {
				continue
			}
			if f.Tag.Get("json") != "-" {
				panic(fmt.Sprintf("%v.%s stands in the %s: it needs json:\"-\"", t, f.Name, source))
			}
			if err := set(reflect.New(f.Type).Elem(), name, "0"); errors.Is(err, errKind) {
				panic(fmt.Sprintf("%v.%s has a type that a %s cannot have", t, f.Name, source))
			}
			d.fields = append(d.fields, field{index: index, source: source, name: name, required: required})
		}
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			d.members = true
			if required {
				d.fields = append(d.fields, field{index: index, name: name, required: true})
			}
		}
	}
}

// Decode reads the request. The query is decoded once. The body is read to its
// end when In has members of it, so that a wrapper which verifies it has the
// last word. Errors: Invalid, naming the parameter or member; those of the body.
func (d *Decoder[In]) Decode(r *http.Request) (*In, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, Invalid(CannotParse, "the query string cannot be read: %v", err)
	}
	in := new(In)
	if d.members {
		if err := readJSON(r.Body, in); err != nil {
			return nil, err
		}
	}
	for _, f := range d.fields {
		v := reflect.ValueOf(in).Elem().FieldByIndex(f.index)
		if err := f.fill(v, query, r.Header); err != nil {
			return nil, err
		}
	}
	return in, nil
}

func (f field) fill(v reflect.Value, query url.Values, header http.Header) error {
	var values []string
	switch f.source {
	case "query":
		values = query[f.name]
	case "header":
		values = header.Values(f.name)
	default:
		if v.IsZero() {
			return Invalid(FieldValidation, "%s is required", f.name)
		}
		return nil
	}
	if len(values) > 1 {
		return Invalid(FieldValidation, "%s is given %d times", f.name, len(values))
	}
	if f.required && (len(values) == 0 || values[0] == "") {
		return Invalid(FieldValidation, "%s is required", f.name)
	}
	if len(values) == 0 {
		return nil
	}
	return set(v, f.name, values[0])
}

var errKind = errors.New("kind")

func set(v reflect.Value, name, text string) error {
	if v.Kind() == reflect.Pointer {
		p := reflect.New(v.Type().Elem())
		if err := set(p.Elem(), name, text); err != nil {
			return err
		}
		v.Set(p)
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		switch strings.ToLower(text) {
		case "true":
			v.SetBool(true)
		case "false":
			v.SetBool(false)
		default:
			return Invalid(FieldValidation, "%s is %q; it must be true or false", name, clip(text))
		}
	case reflect.Int:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return Invalid(FieldValidation, "%s is %q; it must be an integer", name, clip(text))
		}
		v.SetInt(n)
	default:
		return errKind
	}
	return nil
}

// readJSON reads one JSON object, or nothing: clients send no body or {} where
// all members are optional.
func readJSON(body io.Reader, into any) error {
	if body == nil {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(body, BodyLimit+1))
	if err != nil {
		var e *registry.Error
		if errors.As(err, &e) {
			return err
		}
		return Invalid(CannotParse, "the request body ended early")
	}
	if len(b) > BodyLimit {
		return Invalid(Other, "the request body is larger than %d bytes", BodyLimit)
	}
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return nil
	}
	if !utf8.Valid(b) { // the decoder would put other characters in their place
		return Invalid(CannotParse, "the request body is not UTF-8")
	}
	if b[0] != '{' {
		return Invalid(CannotParse, "the request body is not a JSON object")
	}
	err = json.Unmarshal(b, into)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		return Invalid(FieldValidation, "%s is a JSON %s; it must be %s", wrong.Field, wrong.Value, kindName(wrong.Type))
	case err != nil:
		return Invalid(CannotParse, "the request body is not valid JSON: %v", err)
	}
	return nil
}

func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "an integer"
	case reflect.Slice, reflect.Array:
		return "a list"
	}
	return "an object"
}

// clip keeps what a client sent short in the answer to it.
func clip(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}
