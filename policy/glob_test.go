package policy

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestWildcards(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"a", "a", true}, {"a", "", false}, {"a", "b", false}, {"ab", "a", false},
		{"*", "", true}, {"*", "anything", true}, {"**", "", true}, {"**", "x", true}, {"***a", "ba", true},
		{"?", "", false}, {"?", "a", true}, {"?", "ü", true}, {"?", "ab", false}, {"??", "aü", true},
		{"a*", "a", true}, {"a*", "abc", true}, {"a*", "ba", false}, {"*a", "ba", true}, {"*a", "ab", false},
		{"a*b", "ab", true}, {"a*b", "axxb", true}, {"a*b", "axxbc", false}, {"a*a", "a", false}, {"ab*ba", "aba", false},
		{"*ab*", "xxabxx", true}, {"*ab*", "xaxb", false}, {"*a*b*c*", "1a2b3c4", true}, {"*a*b*c*", "1a2c3b4", false},
		{"*?a*", "a", false}, {"*?a*", "ba", true}, {"*?a*", "bba", true}, {"*a?c*", "xxabcxx", true}, {"*a?c*", "xxabbcxx", false},
		{"?*", "", false}, {"?*", "a", true}, {"*?", "", false}, {"*?", "ab", true}, {"?*?", "a", false}, {"?*?", "ab", true},
		{"*?ü?*", "aüb", true}, {"*?ü?*", "üb", false},
		{"npm/*/react", "npm//react", true}, {"npm/*/react", "npm/a/b/react", true},
		{"*a?a?a*", "xaaaaa", true}, {"*a?a?b*", "xaaaaaab", true},
		{"*" + strings.Repeat("?", 70) + "b*", strings.Repeat("a", 70) + "b", true},
		{"*" + strings.Repeat("?", 70) + "b*", strings.Repeat("a", 69) + "b", false},
		{"*x" + strings.Repeat("?", 130) + "y*", "ax" + strings.Repeat("a", 130) + "yz", true},
	} {
		if got := globOf(c.pattern).match(c.text); got != c.want {
			t.Errorf("%q on %q: got %v", c.pattern, c.text, got)
		}
	}
}

// simple is what a wildcard means, written down for its plainness.
func simple(pattern, text []rune) bool {
	reach := make([]bool, len(text)+1) // of the text, what the pattern so far can cover
	reach[0] = true
	for _, p := range pattern {
		next := make([]bool, len(text)+1)
		for i := range reach {
			switch {
			case p == '*':
				next[i] = reach[i] || i > 0 && next[i-1]
			case i > 0 && reach[i-1] && (p == '?' || p == text[i-1]):
				next[i] = true
			}
		}
		reach = next
	}
	return reach[len(text)]
}

func FuzzWildcards(f *testing.F) {
	f.Add("a*b?c*", "axxbycz")
	f.Add("*?a?*", "ba")
	f.Add("**a**", "")
	f.Add("ü*?", "üü")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 300 || len(text) > 300 || strings.ContainsRune(pattern+text, '\uFFFD') || !valid(pattern) || !valid(text) {
			return
		}
		g := globOf(pattern)
		want := simple([]rune(pattern), []rune(text))
		if got := g.match(text); got != want {
			t.Fatalf("%q on %q: got %v, want %v", pattern, text, got, want)
		}
		for i := range text {
			if want && !g.mayBegin(text[:i]) {
				t.Fatalf("%q covers %q, yet nothing that begins with %q", pattern, text, text[:i])
			}
			if !want && g.allWith(text[:i]) {
				t.Fatalf("%q does not cover %q, yet all that begins with %q", pattern, text, text[:i])
			}
		}
	})
}

func valid(s string) bool { return strings.ToValidUTF8(s, "") == s }

func TestWildcardsOnRandomText(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	make := func(from string, n int) string {
		b := strings.Builder{}
		for range r.IntN(n) {
			b.WriteByte(from[r.IntN(len(from))])
		}
		return b.String()
	}
	for range 20000 {
		pattern, text := make("ab*?", 12), make("ab", 16)
		if got, want := globOf(pattern).match(text), simple([]rune(pattern), []rune(text)); got != want {
			t.Fatalf("%q on %q: got %v, want %v", pattern, text, got, want)
		}
	}
}

// A pattern that makes matchers with backtracking run for hours.
func TestWildcardsCannotBeMadeSlow(t *testing.T) {
	text := strings.Repeat("a", 4000)
	for _, pattern := range []string{
		strings.Repeat("a*", 2000) + "b",
		strings.Repeat("*a", 2000) + "*b*",
		strings.Repeat("*a?", 1000) + "b*",
		"*" + strings.Repeat("a?", 1500) + "b*",
		strings.Repeat("*?", 3000) + "b",
	} {
		start := time.Now()
		if globOf(pattern).match(text) {
			t.Errorf("%.20s… matched", pattern)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("%.20s… took %v", pattern, took)
		}
	}
}

func BenchmarkWildcardsAtWorst(b *testing.B) {
	g := globOf("*" + strings.Repeat("a?", 250) + "b*" + strings.Repeat("a?*", 100))
	text := strings.Repeat("a", 1000)
	for b.Loop() {
		g.match(text)
	}
}
