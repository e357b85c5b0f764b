package maven

import (
	"cmp"
	"strings"
)

// compareVersions orders versions as Maven does: -1, 0, 1. It follows
// org.apache.maven.artifact.versioning.ComparableVersion of Maven 3.8, whose
// answers stand in testdata/order.txt. No library that could be found agrees
// with it in all of them.
func compareVersions(a, b string) int { return parseVersion(a).compare(parseVersion(b)) }

// item is a piece of a version: a number, a word, or the list of pieces that
// follow a hyphen or a change between digits and letters.
type item struct {
	kind kind
	text string // a number without leading zeros, or the order of a word
	list []*item
}

type kind int

const (
	number kind = iota
	word
	list
)

// released is the order of the word that stands for a release: no word at all.
const released = "5"

// wordOrder is how the well-known words follow each other; others come after
// them in the order of their letters.
var wordOrder = map[string]string{
	"alpha": "0", "beta": "1", "milestone": "2", "rc": "3", "cr": "3", "snapshot": "4",
	"": released, "ga": released, "final": released, "release": released, "sp": "6",
}

func newWord(s string, beforeDigit bool) *item {
	if beforeDigit {
		switch s {
		case "a":
			s = "alpha"
		case "b":
			s = "beta"
		case "m":
			s = "milestone"
		}
	}
	if order, ok := wordOrder[s]; ok {
		return &item{kind: word, text: order}
	}
	return &item{kind: word, text: "7-" + s}
}

func newNumber(s string) *item { return &item{kind: number, text: strings.TrimLeft(s, "0")} }

func newItem(s string, digits bool) *item {
	if digits {
		return newNumber(s)
	}
	return newWord(s, false)
}

func parseVersion(version string) *item {
	version = strings.ToLower(version)
	root := &item{kind: list}
	at := root
	all := []*item{root}
	deeper := func() {
		next := &item{kind: list}
		at.list = append(at.list, next)
		at = next
		all = append(all, next)
	}
	add := func(i *item) { at.list = append(at.list, i) }
	digits, start := false, 0
	for i := range len(version) {
		switch c := version[i]; {
		case c == '.' || c == '-':
			if i == start {
				add(newNumber("0"))
			} else {
				add(newItem(version[start:i], digits))
			}
			start = i + 1
			if c == '-' {
				deeper()
			}
		case c >= '0' && c <= '9':
			if !digits && i > start {
				if len(at.list) > 0 {
					deeper() // ".x1" is as "-x1"
				}
				add(newWord(version[start:i], true))
				start = i
				deeper()
			}
			digits = true
		default:
			if digits && i > start {
				add(newNumber(version[start:i]))
				start = i
				deeper()
			}
			digits = false
		}
	}
	if start < len(version) {
		if !digits && len(at.list) > 0 {
			deeper()
		}
		add(newItem(version[start:], digits))
	}
	for i := len(all) - 1; i >= 0; i-- {
		all[i].trim()
	}
	return root
}

// trim drops what says nothing from the end of a list: 0, "", empty lists.
func (l *item) trim() {
	for i := len(l.list) - 1; i >= 0; i-- {
		switch {
		case l.list[i].empty():
			l.list = append(l.list[:i], l.list[i+1:]...)
		case l.list[i].kind != list:
			return
		}
	}
}

func (i *item) empty() bool {
	switch i.kind {
	case number:
		return i.text == ""
	case word:
		return i.text == released
	}
	return len(i.list) == 0
}

// compare orders two items; nil is what is missing at the end of a list.
func (i *item) compare(o *item) int {
	switch {
	case i == nil && o == nil:
		return 0
	case i == nil:
		return -o.compare(nil)
	case o == nil:
		return i.compareMissing()
	case i.kind != o.kind:
		// A word comes before a list, both come before a number.
		return cmp.Compare(rank[i.kind], rank[o.kind])
	case i.kind == number:
		return cmp.Or(cmp.Compare(len(i.text), len(o.text)), strings.Compare(i.text, o.text))
	case i.kind == word:
		return strings.Compare(i.text, o.text)
	}
	for n := range max(len(i.list), len(o.list)) {
		if c := i.at(n).compare(o.at(n)); c != 0 {
			return c
		}
	}
	return 0
}

var rank = map[kind]int{word: 0, list: 1, number: 2}

func (i *item) compareMissing() int {
	switch i.kind {
	case number:
		return min(len(i.text), 1)
	case word:
		return strings.Compare(i.text, released)
	}
	for _, e := range i.list {
		if c := e.compareMissing(); c != 0 {
			return c
		}
	}
	return 0
}

func (i *item) at(n int) *item {
	if n < len(i.list) {
		return i.list[n]
	}
	return nil
}
