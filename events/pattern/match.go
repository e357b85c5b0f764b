package pattern

import "strings"

// matchObject reports whether n, which is an object, an array of which one
// element has to match, or anything else, is what o asks for. The work is
// bounded by the size of the pattern times that of the event.
func matchObject(o *object, n any, e *Event) bool {
	switch n := n.(type) {
	case map[string]any:
		return matchMembers(o, n, e)
	case []any:
		for _, item := range n {
			if matchObject(o, item, e) {
				return true
			}
		}
		if len(n) > 0 {
			return false
		}
	}
	return matchMembers(o, nil, e) // where nothing is, only exists:false holds
}

func matchMembers(o *object, n map[string]any, e *Event) bool {
	for i := range o.fields {
		f := &o.fields[i]
		v, there := n[f.name]
		switch {
		case f.below != nil && !matchObject(f.below, v, e):
			return false
		case f.below == nil && !(there && eachLeaf(v, f.matches)) && !(f.absent && !e.has(f.path)):
			return false
		}
	}
	for _, or := range o.ors {
		if !anyOf(or, n, e) {
			return false
		}
	}
	return true
}

func anyOf(or []*object, n map[string]any, e *Event) bool {
	for _, alternative := range or {
		if matchMembers(alternative, n, e) {
			return true
		}
	}
	return false
}

// matches reports whether one of the field's values matches the leaf.
func (f *field) matches(l *leaf) bool {
	for i := range f.values {
		if f.values[i].matches(l) {
			return true
		}
	}
	return false
}

// has reports whether there is a leaf at the path anywhere in the event:
// exists:false is about the whole event, and about leaves only (User Guide,
// "Exists matching").
func (e *Event) has(path string) bool {
	return eachAt(e.root, strings.Split(path, pathSeparator), func(*leaf) bool { return true })
}
