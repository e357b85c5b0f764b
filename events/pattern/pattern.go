package pattern

import (
	"fmt"
	"strings"
)

const (
	// MaxLength is how long a pattern may be, in bytes of JSON.
	MaxLength = 4096
	// maxCombinations bounds what the $or of a pattern multiply to (User Guide,
	// "Or matching").
	maxCombinations = 1000
	// maxDepth bounds how deep objects nest in a pattern.
	maxDepth = 64
)

// Error says why a pattern was refused: a sentence that completes "Event
// pattern is not valid. Reason:".
type Error struct{ Reason string }

func (e *Error) Error() string { return "Event pattern is not valid. Reason: " + e.Reason }

func refuse(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// Pattern is a compiled event pattern. It is immutable.
type Pattern struct{ root *object }

// object is what a pattern asks of an object of the event: that all fields
// match, and one alternative of each or.
type object struct {
	fields []field
	ors    [][]*object
}

// field is a named member: an object below, or values, one of which has to match.
type field struct {
	name   string
	below  *object
	values []value
	path   string // from the root, names parted by pathSeparator
	absent bool   // one of values is exists:false
}

// pathSeparator parts names: it stands in no JSON text unescaped.
const pathSeparator = "\x00"

func joined(path, name string) string {
	if path == "" {
		return name
	}
	return path + pathSeparator + name
}

// shown is a path for people.
func shown(path string) string { return strings.ReplaceAll(path, pathSeparator, ".") }

// Matches reports whether the pattern matches the event.
func (p *Pattern) Matches(e *Event) bool { return matchObject(p.root, e.root, e) }
