package pattern

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"
)

// parseOperator reads a content filter, {"name": operand}.
func parseOperator(name string, operand any, path string) (value, error) {
	switch name {
	case "prefix":
		return parseAffix(name, operand, path, isPrefix, isPrefixFold)
	case "suffix":
		return parseAffix(name, operand, path, isSuffix, isSuffixFold)
	case "equals-ignore-case":
		s, err := text(name, operand, path)
		return value{kind: isFold, text: s}, err
	case "wildcard":
		s, err := text(name, operand, path)
		if err != nil {
			return value{}, err
		}
		w, err := parseWildcard(s)
		return value{kind: isWildcard, text: s, wild: w}, err
	case "exists":
		b, ok := operand.(bool)
		switch {
		case !ok:
			return value{}, refuse("exists match pattern must be either true or false at %q", shown(path))
		case b:
			return value{kind: isPresent}, nil
		}
		return value{kind: isAbsent}, nil
	case "numeric":
		return parseNumeric(operand, path)
	case "cidr":
		return parseCIDR(operand, path)
	case "anything-but":
		return parseAnythingBut(operand, path)
	}
	return value{}, refuse("Unrecognized match type %s at %q", name, shown(path))
}

func text(name string, operand any, path string) (string, error) {
	s, ok := operand.(string)
	if !ok {
		return "", refuse("%s match pattern must be a string at %q", name, shown(path))
	}
	return s, nil
}

// parseAffix reads "prefix" and "suffix", whose operand is a string or
// {"equals-ignore-case": string}.
func parseAffix(name string, operand any, path string, plain, fold kind) (value, error) {
	if m, ok := operand.(members); ok {
		if len(m) != 1 || m[0].name != "equals-ignore-case" {
			return value{}, refuse("%s takes a string or {\"equals-ignore-case\": string} at %q", name, shown(path))
		}
		s, err := text(name, m[0].value, path)
		return value{kind: fold, text: s}, err
	}
	s, err := text(name, operand, path)
	return value{kind: plain, text: s}, err
}

// The range of numbers that can be compared (User Guide, "Numeric matching").
const (
	lowest  = -5e9
	highest = 5e9
)

func number(v any, path string) (float64, error) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, refuse("Value of numeric must be a number at %q", shown(path))
	}
	f, err := strconv.ParseFloat(n.String(), 64)
	if err != nil || f < lowest || f > highest {
		return 0, refuse("Value of numeric must be between -5.0E9 and 5.0E9, inclusive, at %q", shown(path))
	}
	return f, nil
}

// parseNumeric reads ["=", n], [">", n], ["<=", n], [">", n, "<=", m].
func parseNumeric(operand any, path string) (value, error) {
	list, ok := operand.([]any)
	if !ok {
		return value{}, refuse("Value of numeric must be an array at %q", shown(path))
	}
	if len(list) != 2 && len(list) != 4 {
		return value{}, refuse("numeric takes one or two comparisons, such as [\">\", 0, \"<=\", 5], at %q", shown(path))
	}
	v := value{kind: isNumeric, low: lowest, high: highest, lowIn: true, highIn: true}
	for i := 0; i < len(list); i += 2 {
		n, err := number(list[i+1], path)
		if err != nil {
			return value{}, err
		}
		switch op := list[i]; {
		case op == "=" && len(list) == 2:
			v.low, v.high = n, n
		case (op == ">" || op == ">=") && i == 0:
			v.low, v.lowIn = n, op == ">="
		case (op == "<" || op == "<=") && i == len(list)-2:
			v.high, v.highIn = n, op == "<="
		default:
			return value{}, refuse("numeric takes =, >, >=, < or <=, and of two comparisons the lower bound first, at %q", shown(path))
		}
	}
	if v.low > v.high || v.low == v.high && !(v.lowIn && v.highIn) {
		return value{}, refuse("Bottom must be less than top at %q", shown(path))
	}
	return v, nil
}

func parseCIDR(operand any, path string) (value, error) {
	s, ok := operand.(string)
	if !ok {
		return value{}, refuse("cidr match pattern must be a string at %q", shown(path))
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return value{}, refuse("Malformed CIDR, such as 10.0.0.0/24 is wanted, at %q", shown(path))
	}
	return value{kind: isCIDR, prefix: p.Masked()}, nil
}

// parseAnythingBut reads a scalar, a list of strings or of numbers, or one of
// prefix, suffix, equals-ignore-case and wildcard with a string or a list.
func parseAnythingBut(operand any, path string) (value, error) {
	v := value{kind: isAnythingBut}
	if m, ok := operand.(members); ok {
		if len(m) != 1 {
			return value{}, refuse("Only one key allowed in match expression at %q", shown(path))
		}
		name := m[0].name
		switch name {
		case "prefix", "suffix", "equals-ignore-case", "wildcard":
		default:
			return value{}, refuse("Unsupported anything-but pattern %s at %q", name, shown(path))
		}
		list, ok := m[0].value.([]any)
		if !ok {
			list = []any{m[0].value}
		}
		if len(list) == 0 {
			return value{}, refuse("Empty arrays are not allowed at %q", shown(path))
		}
		for _, item := range list {
			s, err := text("anything-but "+name, item, path)
			if err != nil {
				return value{}, err
			}
			if s == "" {
				return value{}, refuse("anything-but %s takes no empty string at %q", name, shown(path))
			}
			one, err := parseOperator(name, s, path)
			if err != nil {
				return value{}, err
			}
			v.not = append(v.not, one)
		}
		return v, nil
	}
	list, ok := operand.([]any)
	if !ok {
		list = []any{operand}
	}
	if len(list) == 0 {
		return value{}, refuse("Empty arrays are not allowed at %q", shown(path))
	}
	strings, numbers := 0, 0
	for _, item := range list {
		switch item := item.(type) {
		case string:
			strings++
			v.not = append(v.not, value{kind: isExact, text: literal(item)})
		case json.Number:
			numbers++
			n, err := number(item, path)
			if err != nil {
				return value{}, err
			}
			v.not = append(v.not, value{kind: isNumeric, low: n, high: n, lowIn: true, highIn: true})
		default:
			return value{}, refuse("anything-but takes strings, or numbers, at %q", shown(path))
		}
	}
	if strings > 0 && numbers > 0 {
		return value{}, refuse("Inside anything but list, either all values are number or string, mixed type is not supported, at %q", shown(path))
	}
	return v, nil
}

// parseWildcard reads a text in which * stands for any characters; \* and \\
// for themselves. It gives the texts between the stars.
func parseWildcard(s string) ([]string, error) {
	var parts []string
	var b strings.Builder
	star := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '*' && star:
			return nil, refuse("Consecutive wildcard characters at pos %d", i-1)
		case c == '*':
			parts = append(parts, b.String())
			b.Reset()
			star = true
			continue
		case c == '\\':
			if i+1 == len(s) || s[i+1] != '*' && s[i+1] != '\\' {
				return nil, refuse("Invalid escape character at pos %d", i)
			}
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
		star = false
	}
	return append(parts, b.String()), nil
}
