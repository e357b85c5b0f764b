package pattern

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
)

// Event is an event that patterns are asked about. It is for one goroutine.
type Event struct {
	root map[string]any // whose leaves are of type *leaf
	// objectsInArrays says that an array somewhere holds objects: then fields that
	// match have to be of one element.
	objectsInArrays bool
}

// ErrEvent says that an event is no JSON object.
var ErrEvent = errors.New("the event is not a JSON object")

// ParseEvent reads an event. ErrEvent where it is no JSON object.
func ParseEvent(body []byte) (*Event, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // numbers compare as they are spelled
	var e Event
	if err := d.Decode(&e.root); err != nil || e.root == nil {
		return nil, ErrEvent
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, ErrEvent
	}
	e.grow(e.root, false)
	return &e, nil
}

// grow turns every string, number, bool and null below n into a *leaf.
func (e *Event) grow(n any, inArray bool) any {
	switch n := n.(type) {
	case map[string]any:
		e.objectsInArrays = e.objectsInArrays || inArray
		for name, v := range n {
			n[name] = e.grow(v, inArray)
		}
		return n
	case []any:
		for i, v := range n {
			n[i] = e.grow(v, true)
		}
		return n
	}
	_, quoted := n.(string)
	return &leaf{value: n, literal: literal(n), quoted: quoted}
}

// leaf is a string, number, bool or null of an event.
type leaf struct {
	value   any
	literal string

	read   bool // num and isNum are set
	isNum  bool
	num    float64
	quoted bool // literal is that of a string
	folded string
}

func (l *leaf) text() (string, bool) {
	if !l.quoted {
		return "", false
	}
	return l.literal[1:], true
}

func (l *leaf) number() (float64, bool) {
	if !l.read {
		l.read = true
		if n, ok := l.value.(json.Number); ok {
			f, err := strconv.ParseFloat(n.String(), 64)
			l.num, l.isNum = f, err == nil
		}
	}
	return l.num, l.isNum
}

// eachLeaf calls f with the leaves that v is or, as an array, holds, until f
// returns true, and gives whether it did. Objects are no leaves.
func eachLeaf(v any, f func(*leaf) bool) bool {
	switch v := v.(type) {
	case *leaf:
		return f(v)
	case []any:
		for _, item := range v {
			if eachLeaf(item, f) {
				return true
			}
		}
	}
	return false
}

// eachAt calls f with the leaves at the path below n, as eachLeaf does.
func eachAt(n any, path []string, f func(*leaf) bool) bool {
	if len(path) == 0 {
		return eachLeaf(n, f)
	}
	switch n := n.(type) {
	case map[string]any:
		v, ok := n[path[0]]
		return ok && eachAt(v, path[1:], f)
	case []any:
		for _, item := range n {
			if eachAt(item, path, f) {
				return true
			}
		}
	}
	return false
}
