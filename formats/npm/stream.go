package npm

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"larder/registry"
)

// jsonReader reads one JSON document from a stream without holding it: its
// caller walks the objects, keeps the values it wants, and may read a string of
// any length as a stream. Every error but one of the source is Invalid, or
// TooLarge when the kept values outgrow the limit.
type jsonReader struct {
	src  io.Reader
	buf  []byte
	pos  int
	end  int
	err  error // of src, met after buf
	left int64 // how many bytes may still be kept
}

func newJSONReader(src io.Reader, limit int64) *jsonReader {
	return &jsonReader{src: src, buf: make([]byte, 32<<10), left: limit}
}

func broken(what string) error {
	return registry.Errorf(registry.Invalid, "the body is not valid JSON: %s", what)
}

func errTooLarge() error {
	return registry.Errorf(registry.TooLarge, "the package document is too large: without its attachments it may have %d MiB", maxDocument>>20)
}

// fill reads more; the window is empty before and not after, or it fails.
func (j *jsonReader) fill() error {
	for j.err == nil {
		var n int
		n, j.err = j.src.Read(j.buf)
		if n > 0 {
			j.pos, j.end = 0, n
			return nil
		}
	}
	if errors.Is(j.err, io.EOF) || errors.Is(j.err, io.ErrUnexpectedEOF) {
		return registry.Errorf(registry.Invalid, "the body ends in the middle of the JSON document")
	}
	return j.err
}

// next gives the first byte after white space without taking it. White space
// counts as kept, or a body of nothing else would never end.
func (j *jsonReader) next() (byte, error) {
	for {
		for ; j.pos < j.end; j.pos++ {
			switch c := j.buf[j.pos]; c {
			case ' ', '\t', '\r', '\n':
				j.left--
			default:
				return c, nil
			}
		}
		if j.left < 0 {
			return 0, errTooLarge()
		}
		if err := j.fill(); err != nil {
			return 0, err
		}
	}
}

func (j *jsonReader) expect(want byte) error {
	c, err := j.next()
	if err != nil {
		return err
	}
	if c != want {
		return broken("expected " + string(want) + ", got " + string(rune(c)))
	}
	j.pos++
	return nil
}

// object calls f for each member; f takes the value.
func (j *jsonReader) object(f func(key string) error) error {
	if err := j.expect('{'); err != nil {
		return err
	}
	if c, err := j.next(); err != nil {
		return err
	} else if c == '}' {
		j.pos++
		return nil
	}
	for {
		if c, err := j.next(); err != nil {
			return err
		} else if c != '"' {
			return broken("a member has no name")
		}
		raw, err := j.value()
		if err != nil {
			return err
		}
		if err := j.expect(':'); err != nil {
			return err
		}
		if err := f(unquote(raw)); err != nil {
			return err
		}
		c, err := j.next()
		if err != nil {
			return err
		}
		j.pos++
		switch c {
		case ',':
		case '}':
			return nil
		default:
			return broken("expected , or } after a member")
		}
	}
}

// value takes a whole value and gives it as it stands, checked.
func (j *jsonReader) value() ([]byte, error) {
	c, err := j.next()
	if err != nil {
		return nil, err
	}
	var out []byte
	depth, inString, escaped := 0, false, false
	scalar := c != '{' && c != '[' && c != '"'
	for {
		start := j.pos
		done := false
	window:
		for ; j.pos < j.end; j.pos++ {
			c := j.buf[j.pos]
			switch {
			case escaped:
				escaped = false
			case inString:
				if c == '\\' {
					escaped = true
				} else if c == '"' {
					inString = false
					done = depth == 0
				}
			case c == '"':
				inString = true
			case c == '{' || c == '[':
				depth++
			case c == '}' || c == ']':
				if depth == 0 {
					break window // of the object around a scalar
				}
				depth--
				done = depth == 0
			case scalar && (c == ',' || c == ' ' || c == '\n' || c == '\r' || c == '\t'):
				break window
			}
			if done {
				j.pos++
				break
			}
		}
		if j.left -= int64(j.pos - start); j.left < 0 {
			return nil, errTooLarge()
		}
		out = append(out, j.buf[start:j.pos]...)
		if done || j.pos < j.end {
			break
		}
		if err := j.fill(); err != nil {
			return nil, err
		}
	}
	if !json.Valid(out) {
		return nil, broken("a value cannot be read")
	}
	if !utf8.Valid(out) {
		out = bytes.ToValidUTF8(out, []byte("\ufffd"))
	}
	return out, nil
}

// string opens a string value as a stream. It has to be read to its end before
// anything else.
func (j *jsonReader) string() (*stringReader, error) {
	c, err := j.next()
	if err != nil {
		return nil, err
	}
	if c != '"' {
		return nil, broken("expected a string")
	}
	j.pos++
	return &stringReader{j: j}, nil
}

// finish checks that nothing follows the document.
func (j *jsonReader) finish() error {
	switch c, err := j.next(); {
	case err == nil:
		return broken("after the document comes " + string(rune(c)))
	case errors.Is(j.err, io.EOF):
		return nil
	default:
		return err
	}
}

// stringReader gives the contents of a JSON string, unescaped.
type stringReader struct {
	j       *jsonReader
	pending []byte // unescaped already
	few     [utf8.UTFMax]byte
	done    bool
}

func (s *stringReader) Read(p []byte) (int, error) {
	j := s.j
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if len(s.pending) > 0 {
			n := copy(p, s.pending)
			s.pending = s.pending[n:]
			return n, nil
		}
		if s.done {
			return 0, io.EOF
		}
		if j.pos == j.end {
			if err := j.fill(); err != nil {
				return 0, err
			}
		}
		span := j.buf[j.pos:min(j.end, j.pos+len(p))]
		if i := bytes.IndexByte(span, '"'); i >= 0 {
			span = span[:i]
		}
		if i := bytes.IndexByte(span, '\\'); i >= 0 {
			span = span[:i]
		}
		if len(span) > 0 {
			j.pos += len(span)
			return copy(p, span), nil
		}
		c := j.buf[j.pos]
		j.pos++
		if c == '"' {
			s.done = true
			continue
		}
		if err := s.escape(); err != nil {
			return 0, err
		}
	}
}

// escape takes what follows a backslash.
func (s *stringReader) escape() error {
	c, err := s.byte()
	if err != nil {
		return err
	}
	r := rune(c)
	switch c {
	case '"', '\\', '/':
	case 'b':
		r = '\b'
	case 'f':
		r = '\f'
	case 'n':
		r = '\n'
	case 'r':
		r = '\r'
	case 't':
		r = '\t'
	case 'u':
		if r, err = s.unicode(); err != nil {
			return err
		}
	default:
		return broken("a string has an unknown escape")
	}
	s.pending = s.few[:utf8.EncodeRune(s.few[:], r)]
	return nil
}

// unicode takes four hex digits, and the second half of a pair where the first
// one began it.
func (s *stringReader) unicode() (rune, error) {
	r, err := s.hex()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	for _, want := range []byte(`\u`) {
		if c, err := s.byte(); err != nil {
			return 0, err
		} else if c != want {
			return 0, broken("a string has half a surrogate pair")
		}
	}
	second, err := s.hex()
	return utf16.DecodeRune(r, second), err
}

func (s *stringReader) hex() (rune, error) {
	var r rune
	for range 4 {
		c, err := s.byte()
		if err != nil {
			return 0, err
		}
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, broken("a string has a broken escape")
		}
		r = r<<4 | rune(c)
	}
	return r, nil
}

func (s *stringReader) byte() (byte, error) {
	if s.j.pos == s.j.end {
		if err := s.j.fill(); err != nil {
			return 0, err
		}
	}
	c := s.j.buf[s.j.pos]
	s.j.pos++
	return c, nil
}
