package pattern_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"larder/events/pattern"
)

// No pattern and no event make it panic or take long, and a set agrees with
// its patterns.
func FuzzMatch(f *testing.F) {
	for _, x := range lines[example](f, "testdata/examples.jsonl") {
		for _, e := range slices.Concat(x.Match, x.Miss) {
			f.Add(string(x.Pattern), string(e))
		}
	}
	for _, x := range lines[struct{ Pattern string }](f, "testdata/refused.jsonl") {
		f.Add(x.Pattern, `{"x":"y"}`)
	}
	f.Add(`{"x":[{"wildcard":"*a*a*a*a*a*a*b"}]}`, `{"x":"`+strings.Repeat("a", 200)+`"}`)
	f.Add(`{"a":{"b":["c"],"d":["e"]}}`, `{"a":[[[{"b":"c"}]],{"d":"e"},{"b":["c"],"d":["e"]}]}`)
	always := compile(f, `{"x":[{"exists":false}]}`)
	f.Fuzz(func(t *testing.T, p, e string) {
		if len(p) > 1000 || len(e) > 4000 {
			return
		}
		start := time.Now()
		compiled, err := pattern.Compile(p)
		if err != nil {
			return
		}
		parsed, err := pattern.ParseEvent([]byte(e))
		if err != nil {
			return
		}
		got := pattern.NewSet([]*pattern.Pattern{always, compiled}).Match(parsed)
		if want := compiled.Matches(parsed); slices.Contains(got, 1) != want {
			t.Errorf("the pattern matches: %t, the set: %t\n%s\n%s", want, !want, p, e)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %s\n%s\n%s", took, p, e)
		}
	})
}
