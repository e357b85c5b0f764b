package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep a document nests at most: a policy needs five levels.
const maxDepth = 8

// value is a JSON value that keeps the order of members, and of which no
// object has a member twice: encoding/json would take the last one silently.
type value struct {
	kind    kind
	text    string // of a string, and of a number as it is written
	yes     bool
	items   []value
	members []member
}

type member struct {
	name string
	value
}

type kind int

const (
	jsonNull kind = iota
	jsonString
	jsonNumber
	jsonBool
	jsonList
	jsonObject
)

func (k kind) String() string {
	return [...]string{"null", "a string", "a number", "true or false", "a list", "an object"}[k]
}

func parseJSON(document string) (value, error) {
	if !utf8.ValidString(document) {
		return value{}, errors.New("it is not UTF-8")
	}
	d := json.NewDecoder(strings.NewReader(document))
	d.UseNumber()
	v, err := readValue(d, 0)
	if err == nil {
		if _, err = d.Token(); err == nil {
			return value{}, errors.New("something follows its end")
		}
	}
	switch {
	case errors.Is(err, io.EOF) && v.kind != jsonNull:
		return v, nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return value{}, errors.New("it ends early")
	case err != nil:
		return value{}, err
	}
	return v, nil
}

func readValue(d *json.Decoder, depth int) (value, error) {
	t, err := d.Token()
	if err != nil {
		return value{}, err
	}
	if depth > maxDepth {
		return value{}, fmt.Errorf("it nests deeper than %d levels", maxDepth)
	}
	switch t := t.(type) {
	case string:
		return value{kind: jsonString, text: t}, nil
	case json.Number:
		return value{kind: jsonNumber, text: t.String()}, nil
	case bool:
		return value{kind: jsonBool, yes: t}, nil
	case json.Delim:
		read := readList
		if t == '{' {
			read = readObject
		}
		v, err := read(d, depth)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // within a list or object, the end is no end
		}
		return v, err
	}
	return value{kind: jsonNull}, nil
}

func readList(d *json.Decoder, depth int) (value, error) {
	v := value{kind: jsonList}
	for d.More() {
		item, err := readValue(d, depth+1)
		if err != nil {
			return v, err
		}
		v.items = append(v.items, item)
	}
	_, err := d.Token()
	return v, err
}

func readObject(d *json.Decoder, depth int) (value, error) {
	v := value{kind: jsonObject}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return v, err
		}
		name, _ := t.(string) // the decoder has nothing else here
		for _, m := range v.members {
			if m.name == name {
				return v, fmt.Errorf("an object has the member %s twice", show(name))
			}
		}
		item, err := readValue(d, depth+1)
		if err != nil {
			return v, err
		}
		v.members = append(v.members, member{name, item})
	}
	_, err := d.Token()
	return v, err
}

// strings reads a string, or a list of them that is not empty.
func (v value) strings(what string) ([]string, error) {
	if v.kind == jsonString {
		return []string{v.text}, nil
	}
	if v.kind != jsonList {
		return nil, fmt.Errorf("%s is %s; it must be a string or a list of strings", what, v.kind)
	}
	if len(v.items) == 0 {
		return nil, fmt.Errorf("%s is an empty list", what)
	}
	var out []string
	for _, item := range v.items {
		if item.kind != jsonString {
			return nil, fmt.Errorf("%s has %s in its list; it must have strings", what, item.kind)
		}
		out = append(out, item.text)
	}
	return out, nil
}

// show quotes what a document has, short enough for a message.
func show(s string) string { return fmt.Sprintf("%q", clip(s)) }

func clip(s string) string {
	if len(s) > 120 {
		return strings.ToValidUTF8(s[:120], "") + "…"
	}
	return s
}

func decode(s string) (rune, int) { return utf8.DecodeRuneInString(s) }
