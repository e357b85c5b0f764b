package api_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"larder/registry/api"
)

// model is the API as botocore has it: service-2.json of the aws command that
// is on this machine.
type model struct {
	Operations map[string]modelOperation
	Shapes     map[string]modelShape
}

type modelOperation struct {
	HTTP struct {
		Method     string
		RequestURI string
	}
	Input, Output *modelMember
	Errors        []modelMember
}

type modelMember struct {
	Shape        string
	Location     string // "querystring", "header"; empty: the body
	LocationName string
}

type modelShape struct {
	Type      string
	Members   map[string]modelMember
	Required  []string
	Payload   string
	Enum      []string
	Member    *modelMember // of a list
	Key       *modelMember // of a map
	Value     *modelMember
	Min, Max  *int64
	Pattern   string
	Error     struct{ HTTPStatusCode int }
	Streaming bool
}

// theModel reads the model once; the test is skipped where there is none.
func theModel(t testing.TB) *model {
	t.Helper()
	m, err := readModel()
	if err != nil {
		absent(t, "botocore's model of CodeArtifact is not on this machine: %v", err)
	}
	return m
}

var readModel = sync.OnceValues(func() (*model, error) {
	out, err := exec.Command("python3", "-c", "import botocore, os; print(os.path.dirname(botocore.__file__))").Output()
	if err != nil {
		return nil, fmt.Errorf("python3 has no botocore: %w", err)
	}
	name := filepath.Join(strings.TrimSpace(string(out)), "data", "codeartifact", "2018-09-22", "service-2.json")
	var r io.ReadCloser
	if r, err = os.Open(name); err != nil {
		if r, err = os.Open(name + ".gz"); err != nil {
			return nil, err
		}
		defer r.Close()
		if r, err = gzip.NewReader(r); err != nil {
			return nil, err
		}
	}
	defer r.Close()
	m := &model{}
	return m, json.NewDecoder(r).Decode(m)
})

// absent skips a test for which this machine lacks something; with
// LARDER_E2E=required the test fails instead.
func absent(t testing.TB, format string, args ...any) {
	t.Helper()
	if required() {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

func required() bool { return os.Getenv("LARDER_E2E") == "required" }

func (m *model) errors(operation string) []string {
	var names []string
	for _, e := range m.Operations[operation].Errors {
		names = append(names, e.Shape)
	}
	return names
}

// sentOtherwise are enumerations of which the live service sends a value that
// its model lacks (spec 1.3).
var sentOtherwise = map[string][]string{"ExternalConnectionStatus": {"AVAILABLE"}}

// checkOutput holds a successful answer to the model and to design.md section
// 2: lists, maps and numbers are always carried, empty strings never.
func (m *model) checkOutput(operation string, header func(string) string, body []byte) []string {
	op, ok := m.Operations[operation]
	if !ok {
		return []string{operation + " is not in the model"}
	}
	if op.Output == nil {
		if s := strings.TrimSpace(string(body)); s != "" && s != "{}" {
			return []string{operation + " answers with a body, the model with none"}
		}
		return nil
	}
	c := modelCheck{m: m, strict: true}
	shape := m.Shapes[op.Output.Shape]
	for name, member := range shape.Members {
		if member.Location != "header" {
			continue
		}
		if v := header(member.LocationName); v == "" {
			c.add(operation, "the header %s is missing", member.LocationName)
		} else if !strings.Contains(v, "%") { // a name beyond ASCII comes encoded
			c.value(operation+"."+name, member.Shape, v)
		}
	}
	if shape.Payload == "" {
		c.document(operation, op.Output.Shape, body)
	}
	return c.wrong
}

// checkError holds a refusal to the exception that it names.
func (m *model) checkError(operation, name string, status int, body []byte) []string {
	c := modelCheck{m: m}
	shape, ok := m.Shapes[name]
	switch {
	case !ok:
		c.add(operation, "%s is no exception of the model", name)
		return c.wrong
	case shape.Error.HTTPStatusCode != status:
		c.add(operation, "%s has status %d, the model says %d", name, status, shape.Error.HTTPStatusCode)
	case !slices.Contains(m.errors(operation), name):
		c.add(operation, "%s is not declared", name)
	}
	c.document(operation+"."+name, name, body)
	return c.wrong
}

// modelCheck collects what is wrong with a document.
type modelCheck struct {
	m      *model
	strict bool // members that are always carried have to be there
	wrong  []string
}

func (c *modelCheck) add(at, format string, args ...any) {
	c.wrong = append(c.wrong, at+": "+fmt.Sprintf(format, args...))
}

func (c *modelCheck) document(at, shape string, body []byte) {
	var v any
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		c.add(at, "%q is no JSON: %v", body, err)
		return
	}
	c.value(at, shape, v)
}

func (c *modelCheck) value(at, name string, v any) {
	shape, ok := c.m.Shapes[name]
	if !ok {
		c.add(at, "the model has no shape %s", name)
		return
	}
	switch v := v.(type) {
	case nil:
		c.add(at, "is null; absent values are left out")
	case map[string]any:
		c.object(at, shape, v)
	case []any:
		if shape.Type != "list" {
			c.add(at, "is a list, the model says %s", shape.Type)
			return
		}
		c.limits(at, shape, int64(len(v)))
		for i, e := range v {
			c.value(fmt.Sprintf("%s[%d]", at, i), shape.Member.Shape, e)
		}
	case string:
		c.text(at, name, shape, v)
	case json.Number:
		n, err := v.Int64()
		switch {
		case shape.Type == "timestamp":
			if _, err := v.Float64(); err != nil {
				c.add(at, "%s is no time", v)
			}
		case shape.Type != "integer" && shape.Type != "long", err != nil:
			c.add(at, "is the number %s, the model says %s", v, shape.Type)
		default:
			c.limits(at, shape, n)
		}
	case bool:
		if shape.Type != "boolean" {
			c.add(at, "is a boolean, the model says %s", shape.Type)
		}
	}
}

func (c *modelCheck) object(at string, shape modelShape, v map[string]any) {
	switch shape.Type {
	case "map":
		for k, e := range v {
			c.value(at+" key", shape.Key.Shape, k)
			c.value(at+"."+k, shape.Value.Shape, e)
		}
	case "structure":
		for k, e := range v {
			member, ok := shape.Members[k]
			if !ok || member.Location != "" {
				c.add(at, "the model knows no member %q in the body", k)
				continue
			}
			c.value(at+"."+k, member.Shape, e)
		}
		for k, member := range shape.Members {
			if _, ok := v[k]; !ok && member.Location == "" && (slices.Contains(shape.Required, k) || c.strict && c.alwaysCarried(member.Shape)) {
				c.add(at, "the member %q is missing", k)
			}
		}
	default:
		c.add(at, "is an object, the model says %s", shape.Type)
	}
}

func (c *modelCheck) alwaysCarried(shape string) bool {
	switch c.m.Shapes[shape].Type {
	case "list", "map", "integer", "long":
		return true
	}
	return false
}

func (c *modelCheck) text(at, name string, shape modelShape, v string) {
	if shape.Type != "string" {
		c.add(at, "is the string %q, the model says %s", v, shape.Type)
		return
	}
	if len(shape.Enum) > 0 && !slices.Contains(shape.Enum, v) && !slices.Contains(sentOtherwise[name], v) {
		c.add(at, "%q is none of %q", v, shape.Enum)
	}
	if v == "" && c.strict && !strings.HasSuffix(name, "TagValue") {
		c.add(at, "is empty; empty strings are left out")
	}
	c.limits(at, shape, int64(utf8.RuneCountInString(v)))
	if shape.Pattern != "" && !modelPattern(shape.Pattern).MatchString(v) {
		c.add(at, "%q does not match %s", v, shape.Pattern)
	}
}

func (c *modelCheck) limits(at string, shape modelShape, n int64) {
	if shape.Min != nil && n < *shape.Min || shape.Max != nil && n > *shape.Max {
		c.add(at, "%d is beyond what the model allows", n)
	}
}

// modelPattern reads a pattern, which is written for Java.
func modelPattern(p string) *regexp.Regexp {
	p = strings.NewReplacer(`\p{IsWhitespace}`, `\s`).Replace(p)
	return regexp.MustCompile(`^(?s:` + p + `)$`)
}

// The table asks each operation as the model says.
func TestTheTableIsTheModels(t *testing.T) {
	m := theModel(t)
	have := map[string]bool{}
	for _, row := range api.Table() {
		op, ok := m.Operations[row.Name]
		have[row.Name] = true
		if !ok {
			if !strings.HasPrefix(row.Path, "/v1/larder/") {
				t.Errorf("%s is no operation of the model", row.Name)
			}
			continue
		}
		if row.Method != op.HTTP.Method || row.Path != op.HTTP.RequestURI {
			t.Errorf("%s is %s %s, the model says %s %s", row.Name, row.Method, row.Path, op.HTTP.Method, op.HTTP.RequestURI)
		}
	}
	for name := range m.Operations {
		if !have[name] {
			t.Errorf("%s is not in the table", name)
		}
	}
}

// Each member of each request is read, from where the model has it, by its
// name there, as a type that can hold it, and nothing besides.
func TestInputsAreTheModels(t *testing.T) {
	m := theModel(t)
	for _, row := range api.Table() {
		op, ok := m.Operations[row.Name]
		if !ok {
			continue
		}
		read := map[string]inputField{}
		inputFields(row.Input, read)
		if op.Input == nil {
			if len(read) > 0 {
				t.Errorf("%s takes nothing, but %v is read", row.Name, read)
			}
			continue
		}
		shape := m.Shapes[op.Input.Shape]
		for name, member := range shape.Members {
			if shape.Payload == name {
				continue // raw bytes
			}
			place := "body " + name
			switch member.Location {
			case "querystring":
				place = "query " + member.LocationName
			case "header":
				place = "header " + strings.ToLower(member.LocationName)
			}
			f, ok := read[place]
			if !ok {
				t.Errorf("%s: %s (%s) is not read", row.Name, name, place)
				continue
			}
			delete(read, place)
			m.fits(t, row.Name+"."+name, member.Shape, f.typ)
			if required := slices.Contains(shape.Required, name); required != f.required {
				t.Errorf("%s: %s is required: %v, the model says %v", row.Name, name, f.required, required)
			}
		}
		for place := range read {
			t.Errorf("%s: %s is read, which the model does not have", row.Name, place)
		}
	}
}

type inputField struct {
	typ      reflect.Type
	required bool
}

// inputFields gives what is read by where it stands.
func inputFields(t reflect.Type, into map[string]inputField) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			inputFields(f.Type, into)
			continue
		}
		v := inputField{f.Type, f.Tag.Get("required") == "true"}
		if name := f.Tag.Get("query"); name != "" {
			into["query "+name] = v
		} else if name := f.Tag.Get("header"); name != "" {
			into["header "+strings.ToLower(name)] = v
		} else if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			into["body "+name] = v
		}
	}
}

// fits says whether a Go type can hold what the shape is.
func (m *model) fits(t *testing.T, at, name string, typ reflect.Type) {
	t.Helper()
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	shape := m.Shapes[name]
	want := map[string]reflect.Kind{"string": reflect.String, "integer": reflect.Int, "long": reflect.Int, "boolean": reflect.Bool,
		"list": reflect.Slice, "map": reflect.Map, "structure": reflect.Struct}[shape.Type]
	if typ.Kind() != want {
		t.Errorf("%s is read as %s, the model says %s", at, typ, shape.Type)
		return
	}
	switch shape.Type {
	case "list":
		m.fits(t, at+"[]", shape.Member.Shape, typ.Elem())
	case "map":
		m.fits(t, at+" key", shape.Key.Shape, typ.Key())
		m.fits(t, at+"{}", shape.Value.Shape, typ.Elem())
	case "structure":
		read := map[string]inputField{}
		inputFields(typ, read)
		for member, of := range shape.Members {
			f, ok := read["body "+member]
			if !ok {
				t.Errorf("%s.%s is not read", at, member)
				continue
			}
			delete(read, "body "+member)
			m.fits(t, at+"."+member, of.Shape, f.typ)
		}
		for place := range read {
			t.Errorf("%s: %s is read, which the model does not have", at, place)
		}
	}
}
