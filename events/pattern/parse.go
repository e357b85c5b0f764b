package pattern

import (
	"encoding/json"
	"io"
	"strings"
	"unicode/utf8"
)

// Compile reads an event pattern. The error is an *Error.
func Compile(text string) (*Pattern, error) {
	if len(text) > MaxLength {
		return nil, refuse("it is longer than %d characters", MaxLength)
	}
	if !utf8.ValidString(text) {
		return nil, refuse("it is not UTF-8")
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	n, err := readNode(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, refuse("there is more after the pattern")
	}
	members, ok := n.(members)
	if !ok {
		return nil, refuse("Filter is not an object")
	}
	root, err := parseObject(members, "")
	if err != nil {
		return nil, err
	}
	if n := combinations(root); n > maxCombinations {
		return nil, refuse("its $or give more than %d combinations", maxCombinations)
	}
	return &Pattern{root}, nil
}

// Nodes of a pattern's JSON: members keep their order and show names that
// stand twice.
type (
	members []member
	member  struct {
		name  string
		value any
	}
)

// readNode reads one JSON value: members, []any, string, json.Number, bool or nil.
func readNode(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, refuse("it nests deeper than %d levels", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return nil, refuse("it is not valid JSON")
	}
	switch token {
	case json.Delim('{'):
		all := members{}
		seen := map[string]bool{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, refuse("it is not valid JSON")
			}
			value, err := readNode(d, depth+1)
			if err != nil {
				return nil, err
			}
			if seen[name.(string)] {
				return nil, refuse("%q stands twice in one object", name)
			}
			seen[name.(string)] = true
			all = append(all, member{name.(string), value})
		}
		if _, err := d.Token(); err != nil {
			return nil, refuse("it is not valid JSON")
		}
		return all, nil
	case json.Delim('['):
		all := []any{}
		for d.More() {
			value, err := readNode(d, depth+1)
			if err != nil {
				return nil, err
			}
			all = append(all, value)
		}
		if _, err := d.Token(); err != nil {
			return nil, refuse("it is not valid JSON")
		}
		return all, nil
	}
	return token, nil
}

func parseObject(all members, path string) (*object, error) {
	if len(all) == 0 {
		if path == "" {
			return nil, refuse("Empty objects are not allowed: name at least one field")
		}
		return nil, refuse("Empty objects are not allowed at %q", shown(path))
	}
	o := &object{}
	for _, m := range all {
		if m.name == "$or" {
			or, err := parseOr(m.value, path)
			if err != nil {
				return nil, err
			}
			o.ors = append(o.ors, or)
			continue
		}
		f := field{name: m.name, path: joined(path, m.name)}
		var err error
		switch v := m.value.(type) {
		case members:
			f.below, err = parseObject(v, f.path)
		case []any:
			f.values, err = parseValues(v, f.path)
		default:
			err = refuse("%q must be an object or an array", shown(f.path))
		}
		if err != nil {
			return nil, err
		}
		for _, v := range f.values {
			f.absent = f.absent || v.kind == isAbsent
		}
		o.fields = append(o.fields, f)
	}
	return o, nil
}

// parseOr reads the alternatives of $or, each an object as its parent is.
func parseOr(value any, path string) ([]*object, error) {
	list, ok := value.([]any)
	if !ok || len(list) < 2 {
		return nil, refuse("$or must be an array of at least two objects")
	}
	var all []*object
	for _, v := range list {
		m, ok := v.(members)
		if !ok {
			return nil, refuse("$or must be an array of objects")
		}
		if len(m) == 0 {
			return nil, refuse("Empty objects are not allowed in $or")
		}
		o, err := parseObject(m, path)
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

// combinations counts the patterns without $or that together mean the same,
// up to one more than are allowed.
func combinations(o *object) int {
	n := 1
	for _, f := range o.fields {
		if f.below != nil {
			n = min(n*combinations(f.below), maxCombinations+1)
		}
	}
	for _, or := range o.ors {
		sum := 0
		for _, alternative := range or {
			sum = min(sum+combinations(alternative), maxCombinations+1)
		}
		n = min(n*sum, maxCombinations+1)
	}
	return n
}

func parseValues(list []any, path string) ([]value, error) {
	if len(list) == 0 {
		return nil, refuse("Empty arrays are not allowed at %q", shown(path))
	}
	all := make([]value, 0, len(list))
	for _, v := range list {
		one, err := parseValue(v, path)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func parseValue(v any, path string) (value, error) {
	switch v := v.(type) {
	case members:
		if len(v) != 1 {
			return value{}, refuse("Only one key allowed in match expression at %q", shown(path))
		}
		return parseOperator(v[0].name, v[0].value, path)
	case []any:
		return value{}, refuse("an array stands within the array of values at %q", shown(path))
	}
	return value{kind: isExact, text: literal(v)}, nil
}

// literal spells a scalar as it stands in JSON, strings with a quote before
// them, so that "1" and 1 differ. Numbers compare by their spelling (User
// Guide: 300, 300.0 and 3.0e2 are not considered equal).
func literal(v any) string {
	switch v := v.(type) {
	case string:
		return `"` + v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
		return "false"
	}
	return "null"
}
