package policy

import (
	"fmt"
	"strings"
)

// arnParts are the colon-separated parts of an ARN: "arn", partition, service,
// region, account, resource.
const arnParts = 6

// splitARN takes an ARN apart; the resource may hold further colons.
func splitARN(arn string) (parts [arnParts]string, ok bool) {
	if !strings.HasPrefix(arn, "arn:") {
		return parts, false
	}
	rest := arn
	for i := range arnParts - 1 {
		if parts[i], rest, ok = strings.Cut(rest, ":"); !ok {
			return parts, false
		}
	}
	parts[arnParts-1] = rest
	return parts, rest != ""
}

// arnPattern is an ARN with wildcards and variables, or "*". Each part is
// matched apart: a star does not reach over the first five colons.
type arnPattern struct {
	text  string
	all   bool // "*"
	parts [arnParts]*template
}

// parseARNPattern reads one. A pattern with fewer parts must end with a star,
// which then stands for the rest ("arn:aws:codeartifact:*", spec 1.4).
func parseARNPattern(text string, variables bool) (*arnPattern, error) {
	a := &arnPattern{text: text}
	if text == "*" {
		a.all = true
		return a, nil
	}
	whole, err := parseTemplate(text, variables, true)
	if err != nil {
		return nil, err
	}
	parts := whole.splitColons(arnParts)
	if len(parts) < 2 || !parts[0].bare || parts[0].plain != "arn" {
		return nil, fmt.Errorf("%s is no ARN: it must be * or begin with \"arn:\"", show(text))
	}
	if len(parts) < arnParts {
		if last := parts[len(parts)-1]; last.fixed == nil || !last.fixed.everything() {
			return nil, fmt.Errorf("%s is no ARN: it has %d of the %d parts that colons separate; a shorter one ends with \":*\"", show(text), len(parts), arnParts)
		}
		star := parts[len(parts)-1]
		for len(parts) < arnParts {
			parts = append(parts, star)
		}
	}
	for i, p := range parts {
		if i > 0 && i < 4 && p.fixed == nil {
			return nil, fmt.Errorf("%s has a policy variable before the account; it may stand in the account and behind it", show(text))
		}
		if (i == 1 || i == 2 || i == arnParts-1) && len(p.parts) == 0 {
			return nil, fmt.Errorf("%s is no ARN: partition, service and resource cannot be empty", show(text))
		}
		a.parts[i] = p
	}
	return a, nil
}

func (a *arnPattern) keys(add func(string)) {
	for _, p := range a.parts {
		if p != nil {
			p.keys(add)
		}
	}
}

// resolves reports whether all variables have values.
func (a *arnPattern) resolves(q *question) bool {
	for _, p := range a.parts {
		if p == nil {
			return true
		}
		if _, ok := p.resolve(q); !ok {
			return false
		}
	}
	return true
}

// match reports whether the pattern covers the ARN.
func (a *arnPattern) match(q *question, arn [arnParts]string) bool {
	if a.all {
		return true
	}
	for i := arnParts - 1; i >= 0; i-- { // the last part tells most apart
		g, ok := a.parts[i].resolve(q)
		if !ok || !g.match(arn[i]) {
			return false
		}
	}
	return true
}

// overlaps reports whether the pattern may cover an ARN that begins with the
// given one; contains, whether it surely covers all of them.
func (a *arnPattern) overlaps(q *question, arn [arnParts]string) bool {
	return a.all || a.compare(q, arn, (*glob).mayBegin)
}

func (a *arnPattern) contains(q *question, arn [arnParts]string) bool {
	return a.all || a.compare(q, arn, (*glob).allWith)
}

func (a *arnPattern) compare(q *question, arn [arnParts]string, last func(*glob, string) bool) bool {
	for i := range arnParts {
		g, ok := a.parts[i].resolve(q)
		if !ok {
			return false
		}
		if i == arnParts-1 {
			return last(g, arn[i])
		}
		if !g.match(arn[i]) {
			return false
		}
	}
	return false
}

// onPackages reports whether the pattern can cover packages and nothing else.
func (a *arnPattern) onPackages() bool {
	return !a.all && strings.HasPrefix(a.parts[arnParts-1].literalPrefix(), "package/")
}
