package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// path is a JSON path of the kind that EventBridge takes: from "$", names with
// dots or in brackets, indexes, and [*] for every element of an array.
type path []any // string, int or every

// every stands for all elements of an array.
type every struct{}

// maxPath bounds a path's steps.
const maxPath = 64

func parsePath(s string) (path, error) {
	bad := fmt.Errorf("%q is no JSON path such as $.detail.packageName or $.resources[0]", clip(s))
	rest, ok := strings.CutPrefix(s, "$")
	if !ok || len(s) > 256 {
		return nil, bad
	}
	p := path{}
	for rest != "" && len(p) < maxPath {
		switch {
		case strings.HasPrefix(rest, "['"):
			name, after, ok := strings.Cut(rest[2:], "']")
			if !ok || name == "" || strings.ContainsAny(name, `'\`) {
				return nil, bad
			}
			p, rest = append(p, name), after
		case strings.HasPrefix(rest, "[*]"):
			p, rest = append(p, every{}), rest[3:]
		case rest[0] == '[':
			digits, after, ok := strings.Cut(rest[1:], "]")
			n, err := strconv.ParseUint(digits, 10, 31)
			if !ok || err != nil {
				return nil, bad
			}
			p, rest = append(p, int(n)), after
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[")
			name := rest[1:]
			if end >= 0 {
				name = rest[1 : 1+end]
			}
			if name == "" || strings.ContainsAny(name, `*?()@,:'"\ `) {
				return nil, bad
			}
			p, rest = append(p, name), rest[1+len(name):]
		default:
			return nil, bad
		}
	}
	if rest != "" {
		return nil, bad
	}
	return p, nil
}

// find gives the JSON at the path, or nil.
func (p path) find(body []byte) json.RawMessage {
	at := json.RawMessage(bytes.TrimSpace(body))
	for i, step := range p {
		switch step := step.(type) {
		case every:
			return p[i+1:].each(at)
		case string:
			var members map[string]json.RawMessage
			if json.Unmarshal(at, &members) != nil {
				return nil
			}
			at = members[step]
		case int:
			var items []json.RawMessage
			if json.Unmarshal(at, &items) != nil || step >= len(items) {
				return nil
			}
			at = items[step]
		}
		if at == nil {
			return nil
		}
	}
	return at
}

// each gives what the path finds in the elements of an array, as an array.
func (p path) each(array json.RawMessage) json.RawMessage {
	var items []json.RawMessage
	if json.Unmarshal(array, &items) != nil {
		return nil
	}
	all := []byte("[")
	for _, item := range items {
		if found := p.find(item); found != nil {
			if len(all) > 1 {
				all = append(all, ',')
			}
			all = append(all, found...)
		}
	}
	return append(all, ']')
}

func clip(s string) string {
	if len(s) > 100 {
		return strings.ToValidUTF8(s[:100], "") + "…"
	}
	return s
}
