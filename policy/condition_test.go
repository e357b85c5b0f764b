package policy

import (
	"strings"
	"testing"
	"time"
)

// TestConditions holds each operator to the IAM User Guide's pages on
// condition operators and multivalued keys. The request has key x:k with the
// values; "-" stands for a request without the key.
func TestConditions(t *testing.T) {
	for _, c := range []struct {
		operator string
		operands string // JSON
		values   string // "-": absent; several are separated by "|"
		want     bool
	}{
		{"StringEquals", `"a"`, "a", true},
		{"StringEquals", `"a"`, "A", false},
		{"StringEquals", `["a","b"]`, "b", true},
		{"StringEquals", `"a*"`, "abc", false},
		{"StringEquals", `"a*"`, "a*", true},
		{"StringEquals", `"a"`, "-", false},
		{"StringEqualsIfExists", `"a"`, "-", true},
		{"StringEqualsIfExists", `"a"`, "b", false},
		{"StringNotEquals", `"a"`, "b", true},
		{"StringNotEquals", `["a","b"]`, "b", false},
		{"StringNotEquals", `"a"`, "-", true},
		{"StringNotEqualsIfExists", `"a"`, "-", true},
		{"StringEqualsIgnoreCase", `"aÜ"`, "Aü", true},
		{"StringEqualsIgnoreCase", `"a*"`, "ab", false},
		{"StringNotEqualsIgnoreCase", `"a"`, "A", false},
		{"StringLike", `"a*z"`, "abcz", true},
		{"StringLike", `"a?"`, "a", false},
		{"StringLike", `"a${*}"`, "ab", false},
		{"StringLike", `"a${*}"`, "a*", true},
		{"StringLike", `["x","repo:acme/*"]`, "repo:acme/app:ref:refs/heads/main", true},
		{"StringNotLike", `"a*"`, "abc", false},
		{"StringNotLike", `"a*"`, "xyz", true},
		{"StringEquals", `"${x:k}"`, "a", true},
		{"StringEquals", `"${x:missing}"`, "a", false},
		{"StringEquals", `"${x:missing, 'a'}"`, "a", true},
		{"StringNotEquals", `"${x:missing}"`, "a", false},
		{"StringNotLikeIfExists", `"${x:missing}*"`, "a", false},
		{"StringLike", `"${aws:username}*"`, "ada-1", true},
		{"StringEqualsIgnoreCase", `"${aws:username}"`, "ADA", true},

		{"NumericEquals", `"10"`, "10.0", true},
		{"NumericEquals", `10`, "11", false},
		{"NumericEquals", `10`, "ten", false},
		{"NumericNotEquals", `10`, "11", true},
		{"NumericNotEquals", `[10,11]`, "11", false},
		{"NumericLessThan", `10`, "9.99", true},
		{"NumericLessThan", `10`, "10", false},
		{"NumericLessThanEquals", `10`, "10", true},
		{"NumericGreaterThan", `10`, "10", false},
		{"NumericGreaterThan", `10`, "1e3", true},
		{"NumericGreaterThanEquals", `10`, "10", true},
		{"NumericGreaterThanEquals", `10`, "-", false},
		{"NumericLessThanIfExists", `10`, "-", true},
		{"NumericLessThan", `10`, "NaN", false},
		{"NumericLessThan", `10`, "0x1", false},

		{"DateEquals", `"2026-11-22T10:00:00Z"`, "2026-11-22T11:00:00+01:00", true},
		{"DateEquals", `"2026-11-22T10:00:00Z"`, "1795341600", true},
		{"DateNotEquals", `"2026-11-22T10:00:00Z"`, "2026-11-22T10:00:01Z", true},
		{"DateLessThan", `"2026-11-22"`, "2026-11-21T23:59:59Z", true},
		{"DateLessThan", `"2026-11-22"`, "2026-11-22T00:00:00Z", false},
		{"DateLessThanEquals", `"2026-11-22"`, "2026-11-22T00:00:00Z", true},
		{"DateGreaterThan", `"2026-11-22T10:00Z"`, "2026-11-22T10:00:00.1Z", true},
		{"DateGreaterThanEquals", `1795341600`, "2026-11-22T10:00:00Z", true},
		{"DateGreaterThanEquals", `1795341600`, "soon", false},

		{"Bool", `"true"`, "true", true},
		{"Bool", `true`, "TRUE", true},
		{"Bool", `"false"`, "true", false},
		{"Bool", `["true","false"]`, "false", true},
		{"Bool", `"true"`, "1", false},
		{"Bool", `"false"`, "-", false},
		{"BoolIfExists", `"false"`, "-", true},

		{"BinaryEquals", `"AAEC"`, "AAEC", true},
		{"BinaryEquals", `"AAEC"`, "AAED", false},

		{"IpAddress", `"203.0.113.0/24"`, "203.0.113.7", true},
		{"IpAddress", `"203.0.113.0/24"`, "203.0.114.7", false},
		{"IpAddress", `["2001:db8::/32","203.0.113.7"]`, "203.0.113.7", true},
		{"IpAddress", `"2001:db8::/32"`, "2001:db8:1::1", true},
		{"IpAddress", `"203.0.113.0/24"`, "::ffff:203.0.113.7", true},
		{"IpAddress", `"0.0.0.0/0"`, "2001:db8::1", false},
		{"IpAddress", `"0.0.0.0/0"`, "-", false},
		{"NotIpAddress", `"203.0.113.0/24"`, "203.0.114.7", true},
		{"NotIpAddress", `"203.0.113.0/24"`, "203.0.113.7", false},
		{"NotIpAddress", `"203.0.113.0/24"`, "-", true},
		{"IpAddress", `"203.0.113.0/24"`, "nowhere", false},

		{"ArnLike", `"arn:aws:iam::111122223333:role/*"`, "arn:aws:iam::111122223333:role/a/b", true},
		{"ArnLike", `"arn:aws:iam::*:role/ci"`, "arn:aws:iam::111122223333:role/ci", true},
		{"ArnLike", `"arn:aws:iam::*:role/ci"`, "arn:aws:iam:x:111122223333:role/ci", false},
		{"ArnEquals", `"arn:aws:iam::*:role/c?"`, "arn:aws:iam::111122223333:role/ci", true},
		{"ArnLike", `"arn:aws:iam::1111*:role/ci"`, "arn:aws:iam::111122223333:role/ci", true},
		{"ArnLike", `"arn:aws:*:role/ci"`, "", false},
		{"ArnLike", `"*"`, "anything", true},
		{"ArnLike", `"arn:aws:iam::111122223333:role/ci"`, "role/ci", false},
		{"ArnNotLike", `"arn:aws:iam::111122223333:*"`, "arn:aws:iam::444455556666:user/u", true},
		{"ArnNotEquals", `"arn:aws:iam::444455556666:user/u"`, "arn:aws:iam::444455556666:user/u", false},
		{"ArnLike", `"arn:aws:iam::*:user/${aws:username}"`, "arn:aws:iam::111122223333:user/ada", true},
		{"ArnNotLike", `"arn:aws:iam::*:user/${x:missing}"`, "arn:aws:iam::111122223333:user/ada", false},

		{"Null", `"true"`, "-", true},
		{"Null", `"true"`, "a", false},
		{"Null", `"false"`, "a", true},
		{"Null", `false`, "-", false},

		{"ForAnyValue:StringEquals", `["a","b"]`, "x|b", true},
		{"ForAnyValue:StringEquals", `["a","b"]`, "x|y", false},
		{"ForAnyValue:StringEquals", `["a","b"]`, "-", false},
		{"ForAnyValue:StringEqualsIfExists", `["a","b"]`, "-", true},
		{"ForAnyValue:StringNotEquals", `["a","b"]`, "a|x", true},
		{"ForAnyValue:StringNotEquals", `["a","b"]`, "a|b", false},
		{"ForAnyValue:StringNotEquals", `["a","b"]`, "-", false},
		{"ForAllValues:StringEquals", `["a","b"]`, "a|b", true},
		{"ForAllValues:StringEquals", `["a","b"]`, "a|x", false},
		{"ForAllValues:StringEquals", `["a","b"]`, "-", true},
		{"ForAllValues:StringLike", `["a*","b"]`, "ab|a|b", true},
		{"ForAllValues:StringNotEquals", `["a","b"]`, "x|y", true},
		{"ForAllValues:StringNotEquals", `["a","b"]`, "x|a", false},
		{"ForAllValues:NumericLessThan", `10`, "1|2|11", false},
		{"StringEquals", `"a"`, "x|a", true},
		{"StringNotEquals", `"a"`, "x|a", false},
	} {
		name := c.operator + " " + c.operands + " of " + c.values
		t.Run(name, func(t *testing.T) {
			p, err := Parse(Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"`+c.operator+`":{"X:K":`+c.operands+`}}`))
			if err != nil {
				if c.values == "" { // such a pattern is refused
					return
				}
				t.Fatal(err)
			}
			q := &question{caller: &caller{account: accountA, username: "ada"}, extra: map[string][]string{}}
			if c.values != "-" {
				q.extra["x:k"] = strings.Split(c.values, "|")
			}
			if got := p.statements[0].conditionsHold(q); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestAllConditionsHaveToHold(t *testing.T) {
	p := mustParse(Identity, statement1(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{
		"StringEquals":{"x:a":"1","x:b":"2"},"NumericLessThan":{"x:n":"10"}}`))
	for values, want := range map[string]bool{"1 2 9": true, "0 2 9": false, "1 0 9": false, "1 2 10": false} {
		f := strings.Fields(values)
		q := &question{caller: &caller{}, extra: map[string][]string{"x:a": {f[0]}, "x:b": {f[1]}, "x:n": {f[2]}}}
		if got := p.statements[0].conditionsHold(q); got != want {
			t.Errorf("%s: got %v", values, got)
		}
	}
}

func TestDatesOfISO8601(t *testing.T) {
	for text, want := range map[string]string{
		"2026":                      "2026-01-01T00:00:00Z",
		"2026-11":                   "2026-11-01T00:00:00Z",
		"2026-11-22":                "2026-11-22T00:00:00Z",
		"2026-11-22T10:00Z":         "2026-11-22T10:00:00Z",
		"2026-11-22T10:00:01.5Z":    "2026-11-22T10:00:01.5Z",
		"2026-11-22T10:00:00+0200":  "2026-11-22T08:00:00Z",
		"2026-11-22T10:00:00-02:30": "2026-11-22T12:30:00Z",
		"0":                         "1970-01-01T00:00:00Z",
		"1795341600.25":             "2026-11-22T10:00:00.25Z",
	} {
		got, ok := parseDate(text)
		if !ok || got.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("%s: got %v, want %s", text, got, want)
		}
	}
}
