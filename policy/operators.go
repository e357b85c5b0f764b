package policy

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// operator is a condition operator without its prefixes and suffixes.
type operator struct {
	parse   func(text string, variables bool) (operand, error)
	negated bool
	null    bool
	ordered bool // by size or time: its truth changes at the operands only
}

// operators are all of IAM's (IAM User Guide, "IAM JSON policy elements:
// Condition operators").
var operators = map[string]*operator{
	"StringEquals":              {parse: stringValue(false, false)},
	"StringNotEquals":           {parse: stringValue(false, false), negated: true},
	"StringEqualsIgnoreCase":    {parse: stringValue(false, true)},
	"StringNotEqualsIgnoreCase": {parse: stringValue(false, true), negated: true},
	"StringLike":                {parse: stringValue(true, false)},
	"StringNotLike":             {parse: stringValue(true, false), negated: true},
	"NumericEquals":             {parse: numericValue(func(v, o float64) bool { return v == o })},
	"NumericNotEquals":          {parse: numericValue(func(v, o float64) bool { return v == o }), negated: true},
	"NumericLessThan":           {parse: numericValue(func(v, o float64) bool { return v < o }), ordered: true},
	"NumericLessThanEquals":     {parse: numericValue(func(v, o float64) bool { return v <= o }), ordered: true},
	"NumericGreaterThan":        {parse: numericValue(func(v, o float64) bool { return v > o }), ordered: true},
	"NumericGreaterThanEquals":  {parse: numericValue(func(v, o float64) bool { return v >= o }), ordered: true},
	"DateEquals":                {parse: dateValue(func(c int) bool { return c == 0 })},
	"DateNotEquals":             {parse: dateValue(func(c int) bool { return c == 0 }), negated: true},
	"DateLessThan":              {parse: dateValue(func(c int) bool { return c < 0 }), ordered: true},
	"DateLessThanEquals":        {parse: dateValue(func(c int) bool { return c <= 0 }), ordered: true},
	"DateGreaterThan":           {parse: dateValue(func(c int) bool { return c > 0 }), ordered: true},
	"DateGreaterThanEquals":     {parse: dateValue(func(c int) bool { return c >= 0 }), ordered: true},
	"Bool":                      {parse: boolValue},
	"BinaryEquals":              {parse: binaryValue},
	"IpAddress":                 {parse: addressValue},
	"NotIpAddress":              {parse: addressValue, negated: true},
	"ArnEquals":                 {parse: arnValue}, // the same as ArnLike
	"ArnLike":                   {parse: arnValue},
	"ArnNotEquals":              {parse: arnValue, negated: true},
	"ArnNotLike":                {parse: arnValue, negated: true},
	"Null":                      {parse: boolValue, null: true},
}

type stringOperand struct {
	template *template
	fold     bool
}

func stringValue(wildcards, fold bool) func(string, bool) (operand, error) {
	return func(text string, variables bool) (operand, error) {
		t, err := parseTemplate(text, variables, wildcards)
		return stringOperand{t, fold}, err
	}
}

func (o stringOperand) compare(value string, q *question) (bool, bool) {
	if o.template.bare {
		if o.fold {
			return strings.EqualFold(value, o.template.plain), true
		}
		return value == o.template.plain, true
	}
	g, ok := o.template.resolve(q)
	if !ok {
		return false, false
	}
	if o.fold {
		return len(g.chunks) == 1 && strings.EqualFold(value, string(g.chunks[0].pattern())), true
	}
	return g.match(value), true
}

type numericOperand struct {
	number float64
	fits   func(value, operand float64) bool
}

func numericValue(fits func(v, o float64) bool) func(string, bool) (operand, error) {
	return func(text string, _ bool) (operand, error) {
		n, ok := parseNumber(text)
		if !ok {
			return nil, fmt.Errorf("%s is no number", show(text))
		}
		return numericOperand{n, fits}, nil
	}
}

func (o numericOperand) compare(value string, _ *question) (bool, bool) {
	n, ok := parseNumber(value)
	return ok && o.fits(n, o.number), true
}

func parseNumber(s string) (float64, bool) {
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && !math.IsInf(n, 0) && !math.IsNaN(n) && !strings.ContainsAny(s, "xX_pP")
}

type dateOperand struct {
	time time.Time
	fits func(order int) bool
}

func dateValue(fits func(int) bool) func(string, bool) (operand, error) {
	return func(text string, _ bool) (operand, error) {
		t, ok := parseDate(text)
		if !ok {
			return nil, fmt.Errorf("%s is no date; write it as 2026-11-22T10:00:00Z or in seconds since 1970", show(text))
		}
		return dateOperand{t, fits}, nil
	}
}

func (o dateOperand) compare(value string, _ *question) (bool, bool) {
	t, ok := parseDate(value)
	return ok && o.fits(t.Compare(o.time)), true
}

// dateForms are those of ISO 8601 that W3C's note on dates has.
var dateForms = []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02", "2006-01", "2006"}

func parseDate(s string) (time.Time, bool) {
	for _, form := range dateForms {
		if t, err := time.Parse(form, s); err == nil {
			return t, true
		}
	}
	n, ok := parseNumber(s)
	if !ok || math.Abs(n) > 1e11 {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(n)
	return time.Unix(int64(whole), int64(fraction*1e9)), true
}

type boolOperand bool

func boolValue(text string, _ bool) (operand, error) {
	switch strings.ToLower(text) {
	case "true":
		return boolOperand(true), nil
	case "false":
		return boolOperand(false), nil
	}
	return nil, fmt.Errorf("%s is neither true nor false", show(text))
}

func (o boolOperand) compare(value string, _ *question) (bool, bool) {
	switch strings.ToLower(value) {
	case "true":
		return bool(o), true
	case "false":
		return !bool(o), true
	}
	return false, true
}

type binaryOperand string

func binaryValue(text string, _ bool) (operand, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%s is not base64", show(text))
	}
	return binaryOperand(b), nil
}

func (o binaryOperand) compare(value string, _ *question) (bool, bool) {
	b, err := base64.StdEncoding.DecodeString(value)
	return err == nil && string(b) == string(o), true
}

type addressOperand netip.Prefix

func addressValue(text string, _ bool) (operand, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return addressOperand(netip.PrefixFrom(a, a.BitLen())), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return nil, fmt.Errorf("%s is neither an address nor a range such as 203.0.113.0/24", show(text))
	}
	if p.Masked() != p {
		return nil, fmt.Errorf("%s has bits beyond its range; write %s", show(text), p.Masked())
	}
	return addressOperand(p), nil
}

func (o addressOperand) compare(value string, _ *question) (bool, bool) {
	a, err := netip.ParseAddr(value)
	return err == nil && netip.Prefix(o).Contains(a.Unmap().WithZone("")), true
}

type arnOperand struct{ pattern *arnPattern }

func arnValue(text string, variables bool) (operand, error) {
	p, err := parseARNPattern(text, variables)
	return arnOperand{p}, err
}

func (o arnOperand) compare(value string, q *question) (bool, bool) {
	if o.pattern.all {
		return true, true
	}
	if !o.pattern.resolves(q) {
		return false, false
	}
	parts, ok := splitARN(value)
	return ok && o.pattern.match(q, parts), true
}
