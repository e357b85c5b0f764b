package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"time"
)

// RetentionDocument is what a repository's retention rules are kept as. The
// order of the rules is their priority: a version is decided about by the first
// one that selects it, and by none of the others.
type RetentionDocument struct {
	Rules []RetentionRule `json:"rules,omitempty"`
	Pins  []RetentionPin  `json:"pins,omitempty"`
}

// RetentionRule says what it selects and which of these versions go: those to
// which all of KeepNewest, OlderThan and NotDownloadedFor apply that are given.
type RetentionRule struct {
	Name string `json:"name,omitempty"`

	Packages   []string   `json:"packages,omitempty"` // patterns of package groups (spec 1.7); empty: all
	Origin     OriginType `json:"origin,omitempty"`   // INTERNAL or EXTERNAL; empty: any
	Statuses   []Status   `json:"statuses,omitempty"` // empty: Published and Unlisted
	Prerelease *bool      `json:"prerelease,omitempty"`

	// KeepNewest is how many of the selected versions of each package stay, the
	// newest by Order; zero: it does not matter.
	KeepNewest int    `json:"keepNewest,omitempty"`
	Order      string `json:"order,omitempty"` // OrderVersion, which is the default, or OrderPublished
	// OlderThan is the least age of what goes, since the repository got it or it
	// last changed; nil: a day.
	OlderThan *Age `json:"olderThan,omitempty"`
	// NotDownloadedFor is for how long nobody may have downloaded what goes, from
	// any repository of the domain.
	NotDownloadedFor Age `json:"notDownloadedFor,omitempty"`
	// IncludeNewest lets the newest version of a package go, too.
	IncludeNewest bool `json:"includeNewest,omitempty"`

	Action string `json:"action,omitempty"` // ActionDelete, ActionDispose, ActionKeep; empty: see Expired
}

// RetentionPin keeps versions whatever the rules say.
type RetentionPin struct {
	Package  string   `json:"package"`            // a pattern
	Versions []string `json:"versions,omitempty"` // empty: all
	Reason   string   `json:"reason,omitempty"`
}

// Orders of versions, and actions of rules.
const (
	OrderVersion   = "version"   // as the format orders versions
	OrderPublished = "published" // as the repository got them

	ActionDelete  = "delete"  // the version is as if it had never been here
	ActionDispose = "dispose" // its bytes go, and its number stays taken
	ActionKeep    = "keep"    // what the rule selects stays
)

const (
	// maxRetention bounds a document, in bytes.
	maxRetention      = 256 << 10
	maxRetentionRules = 100
	maxRetentionText  = 500 // characters of a name or a reason
	// leastAge is how old a version is that goes, unless its rule says otherwise.
	leastAge = Age(day)
	// longestUnused is as far back as it is known when versions were downloaded.
	longestUnused = Age(1095 * day)
)

// ParseRetention reads a document; the empty one has no rules. Invalid with
// what is wrong.
func ParseRetention(text string) (*RetentionDocument, error) {
	d := &RetentionDocument{}
	if text == "" {
		return d, nil
	}
	if len(text) > maxRetention {
		return nil, Errorf(Invalid, "the retention rules are longer than %d KiB; use patterns instead of single packages", maxRetention>>10)
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(d); err != nil {
		var e *Error
		if errors.As(err, &e) {
			return nil, e
		}
		return nil, Errorf(Invalid, "the retention rules cannot be read: %v", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, Errorf(Invalid, "the retention rules are one JSON object; something comes after it")
	}
	return d, d.check()
}

// String is the document as it is kept.
func (d *RetentionDocument) String() string {
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // it has text and numbers only
	}
	return string(b)
}

func (d *RetentionDocument) check() error {
	if len(d.Rules) > maxRetentionRules {
		return Errorf(Invalid, "there are %d retention rules; a repository has at most %d", len(d.Rules), maxRetentionRules)
	}
	for i, r := range d.Rules {
		if err := r.check(); err != nil {
			return Errorf(Invalid, "retention rule %s: %s", r.label(i), MessageOf(err))
		}
	}
	for _, p := range d.Pins {
		if _, err := ParsePattern(p.Package); err != nil {
			return Errorf(Invalid, "a pin: %s", MessageOf(err))
		}
		if slices.Contains(p.Versions, "") {
			return Errorf(Invalid, "the pin of %s: a version is empty", p.Package)
		}
		if err := checkRetentionText("its reason", p.Reason); err != nil {
			return Errorf(Invalid, "the pin of %s: %s", p.Package, MessageOf(err))
		}
	}
	return nil
}

func checkRetentionText(what, s string) error {
	if len([]rune(s)) > maxRetentionText {
		return Errorf(Invalid, "%s has more than %d characters", what, maxRetentionText)
	}
	return checkText(what, s)
}

func (r *RetentionRule) check() error {
	if err := checkRetentionText("its name", r.Name); err != nil {
		return err
	}
	for _, p := range r.Packages {
		if _, err := ParsePattern(p); err != nil {
			return err
		}
	}
	if r.Origin != "" && r.Origin != OriginInternal && r.Origin != OriginExternal {
		return Errorf(Invalid, "origin is %q; it must be INTERNAL or EXTERNAL", r.Origin)
	}
	for _, s := range r.Statuses {
		if s != Published && s != Unlisted && s != Archived {
			return Errorf(Invalid, "a status is %q; it must be Published, Unlisted or Archived: what is Unfinished is being published, and of what is Disposed only the record is left", s)
		}
	}
	if r.Order != "" && r.Order != OrderVersion && r.Order != OrderPublished {
		return Errorf(Invalid, "order is %q; it must be %s or %s", r.Order, OrderVersion, OrderPublished)
	}
	if r.KeepNewest < 0 {
		return Errorf(Invalid, "keepNewest is %d; it must be 1 or more", r.KeepNewest)
	}
	if r.Order != "" && r.KeepNewest == 0 {
		return Errorf(Invalid, "order is of no use without keepNewest")
	}
	if n := r.NotDownloadedFor; n != 0 && (n < Age(day) || n > longestUnused) {
		return Errorf(Invalid, "notDownloadedFor is %s; it must be from 1d to %s", n, longestUnused)
	}
	old := r.OlderThan != nil && *r.OlderThan > 0
	switch r.Action {
	case ActionKeep:
		if r.OlderThan != nil || r.KeepNewest != 0 || r.NotDownloadedFor != 0 || r.IncludeNewest {
			return Errorf(Invalid, "what a rule selects whose action is keep stays: it has no keepNewest, olderThan, notDownloadedFor or includeNewest")
		}
	case "", ActionDelete, ActionDispose:
		if !old && r.KeepNewest == 0 && r.NotDownloadedFor == 0 {
			return Errorf(Invalid, "say which versions go, by one or more of keepNewest, olderThan and notDownloadedFor")
		}
	default:
		return Errorf(Invalid, "action is %q; it must be %s, %s or %s", r.Action, ActionDelete, ActionDispose, ActionKeep)
	}
	return nil
}

// label names the rule at place i, counted from 0.
func (r *RetentionRule) label(i int) string {
	n := strconv.Itoa(i + 1)
	if r.Name == "" {
		return n
	}
	return n + " (" + r.Name + ")"
}

func (r *RetentionRule) least() time.Duration {
	if r.OlderThan == nil {
		return time.Duration(leastAge)
	}
	return time.Duration(*r.OlderThan)
}

// retentionRules are a document that is ready to be asked.
type retentionRules struct {
	RetentionDocument
	revision string
	patterns [][]Pattern // of each rule
	pins     []retentionPin
}

type retentionPin struct {
	pattern  Pattern
	versions []string // canonical; none: all
}

// compileRetention reads a document. Versions of a pin of one package may be
// spelled as its format allows.
func (s *Service) compileRetention(p Policy) (*retentionRules, error) {
	d, err := ParseRetention(p.Document)
	if err != nil {
		return nil, err
	}
	out := &retentionRules{RetentionDocument: *d, revision: p.Revision}
	for _, r := range d.Rules {
		var all []Pattern
		for _, text := range r.Packages {
			p, err := ParsePattern(text)
			if err != nil {
				return nil, err
			}
			all = append(all, p)
		}
		out.patterns = append(out.patterns, all)
	}
	for _, pin := range d.Pins {
		p, err := ParsePattern(pin.Package)
		if err != nil {
			return nil, err
		}
		versions := slices.Clone(pin.Versions)
		if p.depth == exactPackage {
			for i, v := range versions {
				if id, _, err := s.sought(VersionID{PackageID{p.format, p.ns, p.name}, v}); err == nil {
					versions[i] = id.Version
				}
			}
		}
		out.pins = append(out.pins, retentionPin{p, versions})
	}
	return out, nil
}

// of gives the places of the rules that are about a package.
func (r *retentionRules) of(p PackageID) []int {
	var all []int
	for i, patterns := range r.patterns {
		if len(patterns) == 0 || slices.ContainsFunc(patterns, func(x Pattern) bool { return x.Matches(p) }) {
			all = append(all, i)
		}
	}
	return all
}

// pinned gives which versions of a package are pinned.
func (r *retentionRules) pinned(p PackageID) func(version string) bool {
	var of []retentionPin
	for _, pin := range r.pins {
		if pin.pattern.Matches(p) {
			of = append(of, pin)
		}
	}
	return func(version string) bool {
		return slices.ContainsFunc(of, func(pin retentionPin) bool {
			return len(pin.versions) == 0 || slices.Contains(pin.versions, version)
		})
	}
}
