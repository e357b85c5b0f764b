package sqlmeta

import (
	"strings"
	"unicode/utf8"

	"larder/registry"
)

// separator stands between the parts of a composite order key. No name holds it.
const separator = "\x00"

func key(parts ...string) string { return strings.Join(parts, separator) }

// after splits the order key of a page into n parts.
func after(p registry.Page, n int) ([]string, error) {
	if !utf8.ValidString(p.After) {
		return nil, registry.Errorf(registry.Invalid, "the page token is not one that this server gave")
	}
	// What stands behind is of another list, and no database takes the separator.
	parts := strings.Split(p.After, separator)
	parts = parts[:min(n, len(parts))]
	for len(parts) < n {
		parts = append(parts, "")
	}
	return parts, nil
}

// where collects the conditions of a list.
type where struct {
	text strings.Builder
	args []any
}

func (w *where) and(condition string, args ...any) {
	if w.text.Len() == 0 {
		w.text.WriteString(" WHERE ")
	} else {
		w.text.WriteString(" AND ")
	}
	w.text.WriteString(condition)
	w.args = append(w.args, args...)
}

// lastRune comes after every character that a name holds.
const lastRune = "\U0010FFFF"

// prefix keeps values that begin with the text: a range, so that an index
// serves it.
func (w *where) prefix(column, text string) {
	if text != "" {
		w.and(column+" >= ? AND "+column+" < ?", text, text+lastRune)
	}
}

// limited ends a list statement: one row more than the page holds tells
// whether there is a next one. A page without a limit is everything.
func (w *where) limited(p registry.Page, order string) (string, []any) {
	if p.Limit <= 0 {
		return w.text.String() + order, w.args
	}
	return w.text.String() + order + " LIMIT ?", append(w.args, p.Limit+1)
}

// cut takes the surplus item off and gives the key of the last one that stays.
func cut[T any](p registry.Page, items []T, key func(T) string) ([]T, string) {
	if p.Limit <= 0 || len(items) <= p.Limit {
		return items, ""
	}
	items = items[:p.Limit]
	return items, key(items[p.Limit-1])
}
