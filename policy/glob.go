package policy

import (
	"strings"
	"unicode/utf8"
)

// glob is a compiled wildcard pattern: "*" stands for any number of
// characters, "?" for one. It is immutable.
//
// Matching never goes back: between two stars the leftmost place of a chunk is
// as good as any other, so each chunk is looked for once, from where the one
// before it ended. The time is that of searching the text once, whatever the
// pattern.
type glob struct {
	// chunks are what stands between the stars, one more than there are stars.
	// The first is anchored at the start of the text, the last at its end.
	chunks []chunk
	least  int  // characters that the text must have
	single bool // some chunk has a "?": the text is read by characters
}

// chunk is text without stars.
type chunk struct {
	text  string // with nothing where a "?" stands; what is compared when there is none
	runes []rune // anyRune for a "?"; only in a glob with one
	// rows and steps drive the search for a chunk with a "?" (see find).
	rows  map[rune][]uint64
	other []uint64
}

// anyRune is no character: it stands for a "?".
const anyRune rune = -1

// starRune is no character: it stands for a "*".
const starRune rune = -2

// newGlob compiles characters, anyRune and starRune.
func newGlob(pattern []rune) *glob {
	g := &glob{}
	var part []rune
	for i := 0; ; i++ {
		if i < len(pattern) && pattern[i] != starRune {
			if pattern[i] == anyRune {
				g.single = true
			}
			part = append(part, pattern[i])
			continue
		}
		// Stars beside each other are one.
		if middle := len(g.chunks) > 0 && i < len(pattern); !middle || len(part) > 0 {
			g.chunks = append(g.chunks, chunk{runes: part})
		}
		part = nil
		if i >= len(pattern) {
			break
		}
	}
	for i := range g.chunks {
		c := &g.chunks[i]
		g.least += len(c.runes)
		if g.single {
			if middle := i > 0 && i < len(g.chunks)-1; middle {
				c.index()
			}
			continue
		}
		c.text, c.runes = string(c.runes), nil
	}
	return g
}

// globOf compiles a pattern as it is written.
func globOf(pattern string) *glob {
	var runes []rune
	for _, r := range pattern {
		switch r {
		case '*':
			r = starRune
		case '?':
			r = anyRune
		}
		runes = append(runes, r)
	}
	return newGlob(runes)
}

// everything reports whether the pattern is "*".
func (g *glob) everything() bool {
	return len(g.chunks) == 2 && g.least == 0
}

// match reports whether the whole text fits.
func (g *glob) match(text string) bool {
	if g.single {
		return g.matchRunes([]rune(text))
	}
	first := g.chunks[0].text
	if len(g.chunks) == 1 {
		return text == first
	}
	last := g.chunks[len(g.chunks)-1].text
	if len(text) < len(first)+len(last) || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, c := range g.chunks[1 : len(g.chunks)-1] {
		i := strings.Index(text, c.text)
		if i < 0 {
			return false
		}
		text = text[i+len(c.text):]
	}
	return true
}

func (g *glob) matchRunes(text []rune) bool {
	first := &g.chunks[0]
	if len(g.chunks) == 1 {
		return len(text) == len(first.runes) && first.here(text)
	}
	last := &g.chunks[len(g.chunks)-1]
	if len(text) < g.least || !first.here(text) || !last.here(text[len(text)-len(last.runes):]) {
		return false
	}
	text = text[len(first.runes) : len(text)-len(last.runes)]
	for i := 1; i < len(g.chunks)-1; i++ {
		end := g.chunks[i].find(text)
		if end < 0 {
			return false
		}
		text = text[end:]
	}
	return true
}

// here reports whether the text begins with the chunk.
func (c *chunk) here(text []rune) bool {
	if len(text) < len(c.runes) {
		return false
	}
	for i, r := range c.runes {
		if r != anyRune && r != text[i] {
			return false
		}
	}
	return true
}

// index prepares find: bit i of a character's row says that it may stand at
// place i of the chunk.
func (c *chunk) index() {
	words := (len(c.runes) + 63) / 64
	c.other = make([]uint64, words)
	c.rows = map[rune][]uint64{}
	for i, r := range c.runes {
		if r == anyRune {
			c.other[i/64] |= 1 << (i % 64)
		}
	}
	for i, r := range c.runes {
		if r == anyRune {
			continue
		}
		row := c.rows[r]
		if row == nil {
			row = append([]uint64(nil), c.other...)
			c.rows[r] = row
		}
		row[i/64] |= 1 << (i % 64)
	}
}

// find gives where the leftmost place of the chunk in the text ends, or -1. It
// is the Shift-And search of Baeza-Yates and Gonnet: all places that the text
// may be at advance together, 64 in a word, one step for each character.
func (c *chunk) find(text []rune) int {
	if len(c.runes) > len(text) {
		return -1
	}
	at := make([]uint64, len(c.other))
	last, bit := (len(c.runes)-1)/64, uint64(1)<<((len(c.runes)-1)%64)
	for i, r := range text {
		row, ok := c.rows[r]
		if !ok {
			row = c.other
		}
		carry := uint64(1)
		for w := range at {
			next := at[w] >> 63
			at[w] = (at[w]<<1 | carry) & row[w]
			carry = next
		}
		if at[last]&bit != 0 {
			return i + 1
		}
	}
	return -1
}

// mayBegin reports whether a text that begins with prefix could match.
func (g *glob) mayBegin(prefix string) bool {
	first := g.chunks[0].pattern()
	for _, r := range prefix {
		if len(first) == 0 {
			return len(g.chunks) > 1
		}
		if first[0] != anyRune && first[0] != r {
			return false
		}
		first = first[1:]
	}
	return true
}

// allWith reports whether every text that begins with prefix matches. It may
// say no for a pattern of which that is true all the same.
func (g *glob) allWith(prefix string) bool {
	return len(g.chunks) > 1 && len(g.chunks[len(g.chunks)-1].pattern()) == 0 && g.match(prefix)
}

func (c *chunk) pattern() []rune {
	if c.runes != nil {
		return c.runes
	}
	return []rune(c.text)
}

// isASCII keeps upper and lower case apart from what has other rules.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
