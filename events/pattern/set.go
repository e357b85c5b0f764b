package pattern

import (
	"fmt"
	"strings"
	"sync"
)

// Set is many patterns, asked at once. It is immutable and safe for concurrent
// use.
//
// A pattern is looked at only for events that have one of the texts which its
// rarest comparisons ask for (anchor.go). Then its conditions are asked one by
// one, each only once for an event however many patterns have it. That decides,
// but for patterns with $or and events with arrays of objects, about which the
// pattern itself is asked.
type Set struct {
	patterns []compiled
	paths    [][]string // of the conditions
	conds    []cond     // different from each other
	of       []int32    // conditions of all patterns, one after the other
	anchors  []*table   // by path
	always   []int32    // patterns without an anchor
	scratch  sync.Pool  // *scratch
}

type compiled struct {
	from, to int32 // in Set.of
	or       bool
	*Pattern
}

// cond is what a field asks for: one value or another. Values lie beside each
// other in memory, for those that are many.
type cond struct {
	path   int32
	absent bool
	first  value
	others []value
}

// NewSet compiles a set of the patterns; Match names them by their index.
func NewSet(patterns []*Pattern) *Set {
	s := &Set{patterns: make([]compiled, len(patterns))}
	b := builder{set: s, paths: map[string]int{}, conds: map[string]int32{}, rarity: map[want]int{}}
	for i, p := range patterns {
		c := &s.patterns[i]
		c.Pattern, c.from = p, int32(len(s.of))
		b.conditions(p.root, c)
		c.to = int32(len(s.of))
		b.count(p.root)
	}
	s.anchors = make([]*table, len(s.paths))
	for i, p := range patterns {
		best, ok := b.best(p.root)
		if !ok {
			s.always = append(s.always, int32(i))
			continue
		}
		for _, w := range best {
			if s.anchors[w.path] == nil {
				s.anchors[w.path] = newTable()
			}
			s.anchors[w.path].add(w, int32(i))
		}
	}
	s.scratch.New = func() any {
		return &scratch{leaves: make([]leaves, len(s.paths)), conds: make([]answer, len(s.conds)), seen: make([]uint64, len(s.patterns))}
	}
	return s
}

type builder struct {
	set    *Set
	paths  map[string]int
	conds  map[string]int32
	rarity map[want]int // how many comparisons ask for it
}

func (b *builder) path(f *field) int {
	n, ok := b.paths[f.path]
	if !ok {
		n = len(b.set.paths)
		b.paths[f.path] = n
		b.set.paths = append(b.set.paths, strings.Split(f.path, pathSeparator))
	}
	return n
}

// conditions collects what holds for every event that the object matches.
func (b *builder) conditions(o *object, c *compiled) {
	c.or = c.or || len(o.ors) > 0
	for i := range o.fields {
		f := &o.fields[i]
		if f.below != nil {
			b.conditions(f.below, c)
			continue
		}
		path := b.path(f)
		key := fmt.Sprint(path)
		for j := range f.values {
			key += f.values[j].key()
		}
		n, ok := b.conds[key]
		if !ok {
			n = int32(len(b.set.conds))
			b.conds[key] = n
			b.set.conds = append(b.set.conds, cond{int32(path), f.absent, f.values[0], f.values[1:]})
		}
		b.set.of = append(b.set.of, n)
	}
}

// scratch is what is found out about one event.
type scratch struct {
	event  *Event
	serial uint64 // of the event: what has another one is of an event before
	leaves []leaves
	conds  []answer
	seen   []uint64
	found  []int
}

type leaves struct {
	serial uint64
	all    []*leaf
}

type answer struct {
	serial uint64
	holds  bool
}

// Match gives the indexes of the patterns that match, in no particular order.
func (s *Set) Match(e *Event) []int {
	c := s.scratch.Get().(*scratch)
	defer s.scratch.Put(c)
	c.event, c.serial, c.found = e, c.serial+1, nil
	for path, t := range s.anchors {
		if t == nil {
			continue
		}
		for _, l := range c.at(s, path) {
			t.look(l, func(patterns []int32) {
				for _, i := range patterns {
					if c.seen[i] != c.serial {
						c.seen[i] = c.serial
						c.ask(s, i)
					}
				}
			})
		}
	}
	for _, i := range s.always {
		c.ask(s, i)
	}
	found := c.found
	c.event, c.found = nil, nil
	return found
}

// ask adds the pattern to those that match, if it does.
func (c *scratch) ask(s *Set, i int32) {
	p := &s.patterns[i]
	for _, n := range s.of[p.from:p.to] {
		if !c.holds(s, n) {
			return
		}
	}
	if !p.or && !c.event.objectsInArrays || p.Matches(c.event) {
		c.found = append(c.found, int(i))
	}
}

// holds reports whether some leaf is what the condition asks for.
func (c *scratch) holds(s *Set, n int32) bool {
	a := &c.conds[n]
	if a.serial == c.serial {
		return a.holds
	}
	cond := &s.conds[n]
	all := c.at(s, int(cond.path))
	holds := cond.absent && len(all) == 0
	for i := 0; i < len(all) && !holds; i++ {
		holds = cond.matches(all[i])
	}
	*a = answer{c.serial, holds}
	return holds
}

func (c *cond) matches(l *leaf) bool {
	if c.first.matches(l) {
		return true
	}
	for i := range c.others {
		if c.others[i].matches(l) {
			return true
		}
	}
	return false
}

// at gives the leaves at a path.
func (c *scratch) at(s *Set, path int) []*leaf {
	l := &c.leaves[path]
	if l.serial != c.serial {
		clear(l.all)
		l.serial, l.all = c.serial, l.all[:0]
		eachAt(c.event.root, s.paths[path], func(found *leaf) bool {
			l.all = append(l.all, found)
			return false
		})
	}
	return l.all
}
