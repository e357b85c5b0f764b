package guard

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"larder/registry"
)

// Document is what a domain's rules are kept as. Package stands everywhere for
// a package group's pattern (spec 1.7); the empty one is that of all packages.
type Document struct {
	Cooldown   []Cooldown     `json:"cooldown,omitempty"`
	Exempt     []Exemption    `json:"exempt,omitempty"`
	Block      []Block        `json:"block,omitempty"`
	Advisories []AdvisoryRule `json:"advisories,omitempty"`
	Attest     []Attest       `json:"attest,omitempty"`
}

// Cooldown is the least age of versions that come through external connections.
// Of several that apply, the one of the most specific pattern counts, and of
// these one that names the connection.
type Cooldown struct {
	Package    string       `json:"package,omitempty"`
	Connection string       `json:"connection,omitempty"` // empty: any
	Age        registry.Age `json:"age"`
	// ServeBytes leaves versions that are too new out of indexes only: what a lock
	// file names is installed all the same.
	ServeBytes bool `json:"serveBytes,omitempty"`
	// HoldFixes lets a version wait even where an advisory names it as the fix.
	HoldFixes bool `json:"holdFixes,omitempty"`
}

// Exemption takes versions out of rules.
type Exemption struct {
	Package  string   `json:"package,omitempty"`
	Versions string   `json:"versions,omitempty"` // a range; empty: all
	From     []string `json:"from,omitempty"`     // kinds of rules; empty: cooldown
	Reason   string   `json:"reason,omitempty"`
}

// Kinds of rules that an Exemption can name.
const (
	KindCooldown   = "cooldown"
	KindBlock      = "block"
	KindAdvisories = "advisories"
)

// Block keeps versions back, or warns of them. A version has to match all that
// is given.
type Block struct {
	Package  string   `json:"package,omitempty"`
	Versions string   `json:"versions,omitempty"` // a range
	List     []string `json:"list,omitempty"`     // versions one by one
	Digest   string   `json:"digest,omitempty"`   // of an asset: hex of MD5, SHA-1, SHA-256 or SHA-512, or "sha512-BASE64"
	License  string   `json:"license,omitempty"`  // letter case ignored; "*" at its end stands for anything
	Action   string   `json:"action,omitempty"`   // block, which is the default, or warn
	Reason   string   `json:"reason,omitempty"`
}

// AdvisoryRule says what is done with versions that an advisory is about. The
// first rule that fits an advisory decides.
type AdvisoryRule struct {
	Source     string              `json:"source,omitempty"`     // empty: any
	Severities []registry.Severity `json:"severities,omitempty"` // empty: any
	Action     string              `json:"action"`               // block or warn
}

// Actions of rules.
const (
	ActionBlock = "block"
	ActionWarn  = "warn"
)

// maxDocument bounds a document, in bytes.
const maxDocument = 1000 << 10

// Parse reads a document; the empty one has no rules. Invalid with what is wrong.
func Parse(text string) (*Document, error) {
	d := &Document{}
	if text == "" {
		return d, nil
	}
	if len(text) > maxDocument {
		return nil, registry.Errorf(registry.Invalid, "the guard rules would be %d KiB long, and %d are the limit; block all of a package or a range in place of lists of single versions (larder guard block npm:NAME --versions '>=1.0 <2.0'), and take lists away that are needed no more (larder guard show, larder guard unblock npm:NAME)",
			(len(text)+1023)>>10, maxDocument>>10)
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(d); err != nil {
		var e *registry.Error
		if errors.As(err, &e) {
			return nil, e
		}
		return nil, registry.Errorf(registry.Invalid, "the guard rules cannot be read: %v", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, registry.Errorf(registry.Invalid, "the guard rules are one JSON object; something comes after it")
	}
	return d, nil
}

// String is the document as it is kept.
func (d *Document) String() string {
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // it has text and numbers only
	}
	return string(b)
}
