package pattern_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"larder/events/pattern"
)

// example is a line of testdata/examples.jsonl. Most are the guide's own.
type example struct {
	Name        string
	Pattern     json.RawMessage
	Match, Miss []json.RawMessage
}

func lines[T any](t testing.TB, file string) []T {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []T
	for s := bufio.NewScanner(f); s.Scan(); {
		var one T
		if err := json.Unmarshal(s.Bytes(), &one); err != nil {
			t.Fatalf("%v: %s", err, s.Text())
		}
		all = append(all, one)
	}
	return all
}

func compile(t testing.TB, text string) *pattern.Pattern {
	t.Helper()
	p, err := pattern.Compile(text)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return p
}

func event(t testing.TB, text string) *pattern.Event {
	t.Helper()
	e, err := pattern.ParseEvent([]byte(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return e
}

func TestDocumentedExamples(t *testing.T) {
	all := lines[example](t, "testdata/examples.jsonl")
	if len(all) < 80 {
		t.Errorf("only %d examples", len(all))
	}
	for _, x := range all {
		t.Run(x.Name, func(t *testing.T) {
			if len(x.Match) == 0 || len(x.Miss) == 0 {
				t.Error("the example lacks one outcome")
			}
			p := compile(t, string(x.Pattern))
			for want, events := range map[bool][]json.RawMessage{true: x.Match, false: x.Miss} {
				for _, e := range events {
					if got := p.Matches(event(t, string(e))); got != want {
						t.Errorf("matches = %t: %s", got, e)
					}
				}
			}
		})
	}
}

// What a set answers is what each pattern answers by itself.
func TestASetIsItsPatterns(t *testing.T) {
	all := lines[example](t, "testdata/examples.jsonl")
	var patterns []*pattern.Pattern
	for _, x := range all {
		patterns = append(patterns, compile(t, string(x.Pattern)))
	}
	patterns = append(patterns, patterns...) // the same twice
	set := pattern.NewSet(patterns)
	for _, x := range all {
		for _, text := range slices.Concat(x.Match, x.Miss) {
			e := event(t, string(text))
			var want []int
			for i, p := range patterns {
				if p.Matches(e) {
					want = append(want, i)
				}
			}
			got := set.Match(e)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("the set matches %v, want %v: %s", got, want, text)
			}
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	for _, x := range lines[struct{ Name, Pattern string }](t, "testdata/refused.jsonl") {
		t.Run(x.Name, func(t *testing.T) {
			_, err := pattern.Compile(x.Pattern)
			var e *pattern.Error
			if !errors.As(err, &e) || e.Reason == "" {
				t.Errorf("got %v, want an Error with a reason: %s", err, x.Pattern)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	or := func(n int) string {
		alternatives := make([]string, n)
		for i := range alternatives {
			alternatives[i] = fmt.Sprintf(`{"a":[%d]}`, i)
		}
		return strings.Join(alternatives, ",")
	}
	tests := map[string]struct {
		pattern string
		refused bool
	}{
		"a long pattern":            {fmt.Sprintf(`{"source":[%q]}`, strings.Repeat("a", pattern.MaxLength-13-2)), false},
		"too long a pattern":        {fmt.Sprintf(`{"source":[%q]}`, strings.Repeat("a", pattern.MaxLength)), true},
		"many combinations":         {`{"x":{"$or":[` + or(31) + `]},"y":{"$or":[` + or(32) + `]}}`, false},
		"too many combinations":     {`{"x":{"$or":[` + or(32) + `]},"y":{"$or":[` + or(32) + `]}}`, true},
		"too deep":                  {strings.Repeat(`{"a":`, 100) + `["b"]` + strings.Repeat("}", 100), true},
		"too deep in what is wrong": {strings.Repeat("[", 4000), true},
		"not UTF-8":                 {"{\"source\":[\"\xff\"]}", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := pattern.Compile(tt.pattern); (err != nil) != tt.refused {
				t.Errorf("got %v, refused: want %t", err, tt.refused)
			}
		})
	}
}

func TestAnEventIsAnObject(t *testing.T) {
	for _, text := range []string{"", "[]", "null", "5", `"x"`, "{", `{} {}`, `{"a":1}x`} {
		if _, err := pattern.ParseEvent([]byte(text)); !errors.Is(err, pattern.ErrEvent) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
