package npm

import (
	"bytes"
	"encoding/json"
)

// Documents are stored and rendered as pieces of JSON text: a packument of
// thousands of versions is put together from bytes, never through a tree of
// values. These functions take JSON that is known to be valid.

// members calls f for each member of an object, with the key unescaped and the
// value as it stands. What is no object has no members.
func members(object []byte, f func(key string, value []byte)) {
	b := bytes.TrimLeft(object, space)
	if len(b) == 0 || b[0] != '{' {
		return
	}
	for b = skipSpace(b[1:]); len(b) > 0 && b[0] == '"'; b = skipSpace(b) {
		n := valueEnd(b)
		key := unquote(b[:n])
		if b = skipSpace(b[n:]); len(b) == 0 || b[0] != ':' {
			return
		}
		b = skipSpace(b[1:])
		n = valueEnd(b)
		f(key, b[:n])
		if b = skipSpace(b[n:]); len(b) == 0 || b[0] != ',' {
			return
		}
		b = b[1:]
		b = skipSpace(b)
	}
}

const space = " \t\r\n"

func skipSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\n' || b[0] == '\t' || b[0] == '\r') {
		b = b[1:]
	}
	return b
}

// valueEnd gives the length of the value that b begins with.
func valueEnd(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch b[0] {
	case '"':
		return stringEnd(b)
	case '{', '[':
		depth := 0
		for i := 0; i < len(b); i++ {
			switch b[i] {
			case '"':
				i += stringEnd(b[i:]) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return len(b)
	}
	if i := bytes.IndexAny(b, ",}] \t\r\n"); i >= 0 {
		return i
	}
	return len(b)
}

func stringEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// unquote gives the value of a JSON string, "" for what is none.
func unquote(b []byte) string {
	if len(b) < 2 || b[0] != '"' {
		return ""
	}
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b[1 : len(b)-1])
	}
	var s string
	if json.Unmarshal(b, &s) != nil {
		return ""
	}
	return s
}

// appendCompact appends JSON without the white space between its tokens.
func appendCompact(dst, b []byte) []byte {
	for i := 0; i < len(b); {
		switch b[i] {
		case '"':
			n := stringEnd(b[i:])
			dst = append(dst, b[i:i+n]...)
			i += n
		case ' ', '\t', '\r', '\n':
			i++
		default:
			dst = append(dst, b[i])
			i++
		}
	}
	return dst
}

// appendString appends s as a JSON string.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			b, _ := json.Marshal(s) // a string always marshals
			return append(dst, b...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// appendMember appends one member to an object that ends with '{' or with
// another member.
func appendMember(dst []byte, key string, value []byte) []byte {
	dst = appendKey(dst, key)
	return append(dst, value...)
}

func appendKey(dst []byte, key string) []byte {
	if n := len(dst); n > 0 && dst[n-1] != '{' {
		dst = append(dst, ',')
	}
	dst = appendString(dst, key)
	return append(dst, ':')
}

// appendInner appends the members of a compact object.
func appendInner(dst, object []byte) []byte {
	if len(object) <= 2 {
		return dst
	}
	if n := len(dst); n > 0 && dst[n-1] != '{' {
		dst = append(dst, ',')
	}
	return append(dst, object[1:len(object)-1]...)
}

// object is an object being put together in which the last value of a key
// counts, as it does to JSON.parse.
type object struct {
	keys   []string
	values map[string][]byte
}

func (o *object) set(key string, value []byte) {
	if o.values == nil {
		o.values = map[string][]byte{}
	}
	if _, ok := o.values[key]; !ok {
		o.keys = append(o.keys, key)
	}
	o.values[key] = value
}

// bytes gives the object as compact JSON, nil when it is empty.
func (o *object) bytes() []byte {
	if len(o.keys) == 0 {
		return nil
	}
	b := []byte{'{'}
	for _, k := range o.keys {
		b = appendKey(b, k)
		b = appendCompact(b, o.values[k])
	}
	return append(b, '}')
}
