package policy

import (
	"fmt"
	"strings"
)

// template is a text of a policy with wildcards and policy variables
// ("${aws:username}", "${key, 'default'}"; IAM User Guide, "Policy variables").
// It is immutable.
type template struct {
	parts []part
	fixed *glob  // where there are no variables
	plain string // where there are neither variables nor wildcards
	bare  bool   // plain holds
}

// part is characters (with anyRune and starRune), or a variable.
type part struct {
	runes    []rune
	variable string // its key, as conditionKey gives it; empty: characters
	fallback string
	hasOne   bool // a fallback is given
}

// parseTemplate reads a text. Without variables, "$" is a character like any
// other (documents of Version 2008-10-17). Without wildcards, so are "*" and "?".
func parseTemplate(text string, variables, wildcards bool) (*template, error) {
	t := &template{}
	var runes []rune
	flush := func() {
		if len(runes) > 0 {
			t.parts = append(t.parts, part{runes: runes})
			runes = nil
		}
	}
	for i := 0; i < len(text); {
		if variables && strings.HasPrefix(text[i:], "${") {
			end := strings.IndexByte(text[i:], '}')
			if end < 0 {
				return nil, fmt.Errorf("%s has a policy variable without end; write ${$}{ for the characters ${", show(text))
			}
			inside := text[i+2 : i+end]
			i += end + 1
			switch inside {
			case "*", "?", "$": // the character itself
				runes = append(runes, rune(inside[0]))
				continue
			}
			p, err := parseVariable(inside)
			if err != nil {
				return nil, err
			}
			flush()
			t.parts = append(t.parts, p)
			continue
		}
		r, size := decode(text[i:])
		i += size
		switch {
		case wildcards && r == '*':
			r = starRune
		case wildcards && r == '?':
			r = anyRune
		}
		runes = append(runes, r)
	}
	flush()
	t.settle()
	return t, nil
}

// settle prepares what needs no request.
func (t *template) settle() {
	t.fixed, t.bare, t.plain = nil, false, ""
	if len(t.parts) > 1 || len(t.parts) == 1 && t.parts[0].variable != "" {
		for _, p := range t.parts {
			if p.variable != "" {
				return
			}
		}
	}
	var all []rune
	for _, p := range t.parts {
		all = append(all, p.runes...)
	}
	t.fixed = newGlob(all)
	if len(t.fixed.chunks) == 1 && !t.fixed.single {
		t.bare, t.plain = true, t.fixed.chunks[0].text
	}
}

func parseVariable(inside string) (part, error) {
	key, rest, found := strings.Cut(inside, ",")
	p := part{variable: conditionKey(strings.TrimSpace(key))}
	if err := checkKey(p.variable); err != nil {
		return p, fmt.Errorf("the policy variable ${%s} is none: %w", clip(inside), err)
	}
	if !found {
		return p, nil
	}
	rest = strings.TrimSpace(rest)
	if len(rest) < 2 || rest[0] != '\'' || rest[len(rest)-1] != '\'' {
		return p, fmt.Errorf("the default of the policy variable ${%s} must stand in single quotes", clip(inside))
	}
	p.fallback, p.hasOne = rest[1:len(rest)-1], true
	return p, nil
}

// keys adds the variables' keys.
func (t *template) keys(add func(key string)) {
	for _, p := range t.parts {
		if p.variable != "" {
			add(p.variable)
		}
	}
}

// resolve gives the pattern for a request; false where a variable has no
// value: then the text means nothing. A value's characters stand for
// themselves, whatever they are.
func (t *template) resolve(q *question) (*glob, bool) {
	if t.fixed != nil {
		return t.fixed, true
	}
	var all []rune
	for _, p := range t.parts {
		if p.variable == "" {
			all = append(all, p.runes...)
			continue
		}
		values, ok := q.lookup(p.variable)
		switch {
		case ok && len(values) == 1: // a key with several values is no variable
			all = append(all, []rune(values[0])...)
		case p.hasOne && !ok:
			all = append(all, []rune(p.fallback)...)
		default:
			return nil, false
		}
	}
	return newGlob(all), true
}

// splitColons takes the template apart at the first n-1 colons that stand in
// it literally.
func (t *template) splitColons(n int) []*template {
	out := []*template{{}}
	for _, p := range t.parts {
		if p.variable != "" {
			last := out[len(out)-1]
			last.parts = append(last.parts, p)
			continue
		}
		rest := p.runes
		for len(out) < n {
			i := 0
			for i < len(rest) && rest[i] != ':' {
				i++
			}
			if i == len(rest) {
				break
			}
			out[len(out)-1].add(rest[:i])
			out = append(out, &template{})
			rest = rest[i+1:]
		}
		out[len(out)-1].add(rest)
	}
	for _, t := range out {
		t.settle()
	}
	return out
}

func (t *template) add(runes []rune) {
	if len(runes) > 0 {
		t.parts = append(t.parts, part{runes: runes})
	}
}

// literalPrefix gives the characters that every text must begin with.
func (t *template) literalPrefix() string {
	if len(t.parts) == 0 || t.parts[0].variable != "" {
		return ""
	}
	var b strings.Builder
	for _, r := range t.parts[0].runes {
		if r < 0 {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}
