package pattern

import (
	"slices"
	"strings"
	"unicode"
)

// want is something that a leaf at a path has to have for a comparison to hold.
type want struct {
	path int
	part part
	fold bool // of the leaf's text with letter case folded
	text string
}

// part says where in a leaf a text has to be.
type part uint8

const (
	whole part = iota // the leaf's literal, or its folded text
	head
	tail
	inside
)

// gram is how many bytes of what has to be inside a text are looked up.
const gram = 4

// wants gives alternatives of which one has to hold for the value to match;
// none where nothing can be said.
func (v *value) wants(path int) []want {
	one := func(p part, fold bool, text string) []want {
		if text == "" && p != whole {
			return nil
		}
		if fold {
			text = folded(text)
		}
		return []want{{path, p, fold, text}}
	}
	switch v.kind {
	case isExact:
		return one(whole, false, v.text)
	case isFold:
		return one(whole, true, v.text)
	case isPrefix:
		return one(head, false, v.text)
	case isPrefixFold:
		return one(head, true, v.text)
	case isSuffix:
		return one(tail, false, v.text)
	case isSuffixFold:
		return one(tail, true, v.text)
	case isWildcard:
		last := len(v.wild) - 1
		switch {
		case last == 0:
			return one(whole, false, `"`+v.wild[0])
		case v.wild[0] != "":
			return one(head, false, v.wild[0])
		case v.wild[last] != "":
			return one(tail, false, v.wild[last])
		}
		longest := slices.MaxFunc(v.wild, func(a, b string) int { return len(a) - len(b) })
		return one(inside, false, longest)
	}
	return nil
}

// grams gives the texts of which the rarest is looked up.
func (w want) grams() []want {
	if w.part != inside || len(w.text) <= gram {
		return []want{w}
	}
	var all []want
	for i := range len(w.text) - gram + 1 {
		all = append(all, want{w.path, inside, w.fold, w.text[i : i+gram]})
	}
	return all
}

// wants gives alternatives of which one has to hold for the field to match;
// none where nothing can be said.
func (b *builder) wants(f *field) []want {
	var all []want
	for i := range f.values {
		some := f.values[i].wants(b.path(f))
		if len(some) == 0 {
			return nil
		}
		all = append(all, some...)
	}
	return all
}

// count notes what the object's comparisons ask for.
func (b *builder) count(o *object) {
	for i := range o.fields {
		f := &o.fields[i]
		if f.below != nil {
			b.count(f.below)
		}
		for _, w := range b.wants(f) {
			for _, g := range w.grams() {
				b.rarity[g]++
			}
		}
	}
	for _, or := range o.ors {
		for _, alternative := range or {
			b.count(alternative)
		}
	}
}

// best gives the rarest alternatives of which one has to hold for the object
// to match.
func (b *builder) best(o *object) (best []want, ok bool) {
	least := 0
	offer := func(all []want) {
		sum := 0
		for _, w := range all {
			sum += b.rarity[w]
		}
		if len(all) > 0 && (!ok || sum < least) {
			best, least, ok = all, sum, true
		}
	}
	for i := range o.fields {
		f := &o.fields[i]
		if f.below != nil {
			below, _ := b.best(f.below)
			offer(below)
			continue
		}
		offer(b.rarest(b.wants(f)))
	}
	for _, or := range o.ors {
		var all []want
		for _, alternative := range or {
			some, ok := b.best(alternative)
			if !ok {
				all = nil
				break
			}
			all = append(all, some...)
		}
		offer(all)
	}
	return best, ok
}

// rarest puts the rarest gram in the place of what has to be inside.
func (b *builder) rarest(all []want) []want {
	for i, w := range all {
		all[i] = slices.MinFunc(w.grams(), func(x, y want) int { return b.rarity[x] - b.rarity[y] })
	}
	return all
}

// table finds patterns by what they want at one path.
type table struct {
	by      map[want][]int32 // the path left out
	lengths [2][inside + 1][]int
}

func newTable() *table { return &table{by: map[want][]int32{}} }

func (t *table) add(w want, pattern int32) {
	w.path = 0
	lengths := &t.lengths[index(w.fold)][w.part]
	if !slices.Contains(*lengths, len(w.text)) {
		*lengths = append(*lengths, len(w.text))
	}
	if in := t.by[w]; len(in) == 0 || in[len(in)-1] != pattern {
		t.by[w] = append(in, pattern)
	}
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// look gives the patterns of which the leaf has what they want. One may come
// more than once.
func (t *table) look(l *leaf, found func([]int32)) {
	if len(t.lengths[0][whole]) > 0 {
		found(t.by[want{part: whole, text: l.literal}])
	}
	text, ok := l.text()
	if !ok {
		return
	}
	t.parts(text, false, found)
	if of := &t.lengths[1]; len(of[whole])+len(of[head])+len(of[tail]) > 0 {
		if l.folded == "" {
			l.folded = folded(text)
		}
		found(t.by[want{part: whole, fold: true, text: l.folded}])
		t.parts(l.folded, true, found)
	}
}

func (t *table) parts(s string, fold bool, found func([]int32)) {
	of := &t.lengths[index(fold)]
	for _, n := range of[head] {
		if n <= len(s) {
			found(t.by[want{part: head, fold: fold, text: s[:n]}])
		}
	}
	for _, n := range of[tail] {
		if n <= len(s) {
			found(t.by[want{part: tail, fold: fold, text: s[len(s)-n:]}])
		}
	}
	for _, n := range of[inside] {
		for i := 0; i+n <= len(s); i++ {
			found(t.by[want{part: inside, fold: fold, text: s[i : i+n]}])
		}
	}
}

// folded gives one text for all that differ in letter case only, as
// strings.EqualFold sees it, character by character.
func folded(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, s)
}
