package login

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// xmlElement is an element of a settings file with its places in the text, so
// that it can be replaced and everything else stays byte for byte.
type xmlElement struct {
	name       string
	attrs      []xml.Attr
	text       string // character data directly in it
	children   []*xmlElement
	start, end int // of the whole element
	open       int // where its start tag ends
	close      int // where its end tag begins; open where it has none
}

var errXML = errors.New("is not readable as XML, mend it first")

// parseXML reads a document. Only UTF-8 is understood, as all of these tools write.
func parseXML(text []byte) (*xmlElement, error) {
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = func(charset string, _ io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("has the encoding %s; only UTF-8 can be edited", charset)
	}
	var root *xmlElement
	var path []*xmlElement
	for {
		from := int(d.InputOffset())
		token, err := d.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, errXML
		}
		to := int(d.InputOffset())
		switch t := token.(type) {
		case xml.StartElement:
			e := &xmlElement{name: t.Name.Local, attrs: t.Attr, start: from, open: to, close: to, end: to}
			switch {
			case len(path) > 0:
				parent := path[len(path)-1]
				parent.children = append(parent.children, e)
			case root != nil:
				return nil, errXML
			default:
				root = e
			}
			path = append(path, e)
		case xml.EndElement:
			if len(path) == 0 || path[len(path)-1].name != t.Name.Local {
				return nil, errXML
			}
			e := path[len(path)-1]
			e.close, e.end = from, to
			path = path[:len(path)-1]
		case xml.CharData:
			if len(path) > 0 {
				path[len(path)-1].text += string(t)
			}
		}
	}
	if root == nil || len(path) > 0 {
		return nil, errXML
	}
	return root, nil
}

// child gives the first child of that name that fits, or nil.
func (e *xmlElement) child(name string, fits func(*xmlElement) bool) *xmlElement {
	for _, c := range e.children {
		if c.name == name && (fits == nil || fits(c)) {
			return c
		}
	}
	return nil
}

// value is the trimmed text of a child, empty where there is none.
func (e *xmlElement) value(name string) string {
	if c := e.child(name, nil); c != nil {
		return strings.TrimSpace(c.text)
	}
	return ""
}

func (e *xmlElement) attr(name string) string {
	for _, a := range e.attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// putXML puts an element, given as lines without indentation, into the child
// section of the root: in place of the one that old finds there, or last. The
// section is made where it is missing.
func putXML(text []byte, section string, old func(*xmlElement) bool, lines []string) ([]byte, error) {
	root, err := parseXML(text)
	if err != nil {
		return nil, err
	}
	s := root.child(section, nil)
	if s == nil {
		whole := []string{"<" + section + ">"}
		for _, l := range lines {
			whole = append(whole, xmlStep+l)
		}
		return insertXML(text, root, append(whole, "</"+section+">"), 1), nil
	}
	for _, c := range s.children {
		if old(c) {
			indent := indentAt(text, c.start)
			block := strings.Join(lines, "\n"+indent)
			return splice(text, c.start, c.end, block), nil
		}
	}
	return insertXML(text, s, lines, 2), nil
}

// dropXML takes the elements that old finds out of the child section of the
// root.
func dropXML(text []byte, section string, old func(*xmlElement) bool) ([]byte, error) {
	root, err := parseXML(text)
	if err != nil {
		return nil, err
	}
	s := root.child(section, nil)
	if s == nil {
		return text, nil
	}
	for i := len(s.children) - 1; i >= 0; i-- {
		if c := s.children[i]; old(c) {
			from := c.start - len(indentAt(text, c.start))
			text = splice(text, len(bytes.TrimRight(text[:from], "\r\n")), c.end, "")
		}
	}
	return text, nil
}

const xmlStep = "  "

// insertXML puts lines last into an element that stands depth deep. It opens
// one that is written as <x/>.
func insertXML(text []byte, e *xmlElement, lines []string, depth int) []byte {
	indent := strings.Repeat(xmlStep, depth)
	if n := len(e.children); n > 0 {
		last := e.children[n-1]
		if own := indentAt(text, last.start); own != "" {
			indent = own
		}
		return splice(text, last.end, last.end, "\n"+indent+strings.Join(lines, "\n"+indent))
	}
	block := "\n" + indent + strings.Join(lines, "\n"+indent) + "\n" + indentAt(text, e.start)
	if e.close == e.open && e.end == e.open { // <x/>
		tag := strings.TrimRight(strings.TrimSuffix(string(text[e.start:e.open]), "/>"), " \t\r\n")
		return splice(text, e.start, e.end, tag+">"+block+"</"+rawName(tag)+">")
	}
	head := strings.TrimRight(string(text[e.open:e.close]), " \t\r\n") // comments stay
	return splice(text, e.open, e.close, head+block)
}

// rawName is the name of a start tag as it is written, prefix and all.
func rawName(tag string) string {
	name := strings.TrimPrefix(tag, "<")
	if i := strings.IndexAny(name, " \t\r\n"); i >= 0 {
		name = name[:i]
	}
	return name
}

// indentAt is the white space before a place, back to its line's beginning;
// empty where something else stands there.
func indentAt(text []byte, at int) string {
	line := text[bytes.LastIndexByte(text[:at], '\n')+1 : at]
	if len(bytes.Trim(line, " \t")) > 0 {
		return ""
	}
	return string(line)
}

func splice(text []byte, from, to int, with string) []byte {
	return []byte(string(text[:from]) + with + string(text[to:]))
}

var errOddXML = errors.New("is written in a way that cannot be edited safely: put the elements on lines of their own")
