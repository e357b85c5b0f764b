// Package osv reads dumps of advisories in the OSV format (Open Source
// Vulnerability format 1.7, which the OpenSSF's malicious-packages use as well):
// a zip archive with one JSON document per advisory, as both publish them.
//
// Dumps are taken for hostile: documents that cannot be read are passed over and
// counted, and each has a limit.
package osv

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"larder/registry"
)

const (
	maxDocument = 8 << 20  // bytes of one advisory
	maxSummary  = 300      // characters that are kept of what an advisory says
	maxText     = 48 << 10 // bytes of versions that are kept in one piece
	maxPieces   = 64       // of one advisory about one package
	maxAffected = 4096     // packages of one advisory
	maxVersion  = 256      // bytes of one version
)

// Stats says what was found in a dump.
type Stats struct {
	Documents  int
	Withdrawn  int
	Unreadable int
	Advisories int // one for each package that an advisory is about
}

// Read gives the advisories of a zip archive that has size bytes, in no
// particular order, without withdrawn ones and those of ecosystems that are no
// package format here. Their Source is empty. It ends with the first error of
// yield; Invalid for what is no archive of advisories.
func Read(r io.ReaderAt, size int64, yield func(registry.Advisory) error) (Stats, error) {
	var s Stats
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return s, registry.Errorf(registry.Invalid, "this is no zip archive of advisories: %v", err)
	}
	for _, f := range archive.File {
		if !strings.HasSuffix(f.Name, ".json") {
			continue
		}
		s.Documents++
		b, err := contents(f)
		if err != nil {
			s.Unreadable++
			continue
		}
		all, err := Parse(b)
		switch {
		case errors.Is(err, errWithdrawn):
			s.Withdrawn++
			continue
		case err != nil:
			s.Unreadable++
			continue
		}
		for _, a := range all {
			s.Advisories++
			if err := yield(a); err != nil {
				return s, err
			}
		}
	}
	switch {
	case s.Documents == 0:
		return s, registry.Errorf(registry.Invalid, "the archive has no .json documents: it is no dump of advisories")
	case s.Unreadable*2 > s.Documents:
		return s, registry.Errorf(registry.Invalid, "%d of %d documents in the archive are no advisories in the OSV format", s.Unreadable, s.Documents)
	}
	return s, nil
}

func contents(f *zip.File) ([]byte, error) {
	if f.UncompressedSize64 > maxDocument {
		return nil, errTooLarge
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err == nil && len(b) > maxDocument {
		err = errTooLarge
	}
	return b, err
}

var (
	errTooLarge  = errors.New("larger than an advisory may be")
	errWithdrawn = errors.New("withdrawn")
	errNoID      = errors.New("without an id")
)

// document is what is read of an advisory. Members that sources fill in their
// own ways are looked at one by one.
type document struct {
	ID        string          `json:"id"`
	Withdrawn string          `json:"withdrawn"`
	Summary   string          `json:"summary"`
	Details   string          `json:"details"`
	Affected  []affected      `json:"affected"`
	Specific  json.RawMessage `json:"database_specific"`
}

type affected struct {
	Package struct {
		Ecosystem string `json:"ecosystem"`
		Name      string `json:"name"`
	} `json:"package"`
	Ranges []struct {
		Type   string  `json:"type"`
		Events []event `json:"events"`
	} `json:"ranges"`
	Versions []string        `json:"versions"`
	Specific json.RawMessage `json:"database_specific"`
}

type event struct {
	Introduced string `json:"introduced"`
	Fixed      string `json:"fixed"`
	Last       string `json:"last_affected"`
}

// Parse reads one advisory: one for each package of a known format.
func Parse(b []byte) ([]registry.Advisory, error) {
	var d document
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, err
	}
	switch {
	case d.ID == "" || len(d.ID) > 100:
		return nil, errNoID
	case d.Withdrawn != "":
		return nil, errWithdrawn
	case len(d.Affected) > maxAffected:
		return nil, errTooLarge
	}
	// An advisory may name a package more than once.
	byPackage := map[registry.PackageID]*registry.Advisory{}
	var order []registry.PackageID
	for _, x := range d.Affected {
		p, ok := packageOf(x.Package.Ecosystem, x.Package.Name)
		if !ok {
			continue
		}
		a := byPackage[p]
		if a == nil {
			a = &registry.Advisory{ID: d.ID, Package: p, AdvisoryBody: registry.AdvisoryBody{Summary: d.summary()}}
			byPackage[p] = a
			order = append(order, p)
		}
		if s := d.severity(x); a.Severity == "" || slices.Index(registry.Severities, s) < slices.Index(registry.Severities, a.Severity) {
			a.Severity = s
		}
		for _, v := range x.Versions {
			if v != "" && len(v) <= maxVersion {
				a.Versions = append(a.Versions, v)
			}
		}
		for _, r := range x.Ranges {
			if r.Type == "SEMVER" || r.Type == "ECOSYSTEM" {
				a.Ranges = append(a.Ranges, ranges(r.Events)...)
			}
		}
	}
	var out []registry.Advisory
	for _, p := range order {
		out = append(out, pieces(*byPackage[p])...)
	}
	return out, nil
}

// summary is the first line of what the advisory says.
func (d *document) summary() string {
	text := d.Summary
	if text == "" {
		text = d.Details
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(strings.Trim(strings.TrimSpace(line), "-#*")); line != "" {
			text = line
			break
		}
	}
	text = strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text), "?")
	if r := []rune(text); len(r) > maxSummary {
		text = string(r[:maxSummary]) + "…"
	}
	return strings.TrimSpace(text)
}

// severity: the ids of malicious packages begin with MAL, and others say by
// CWE-506 that code is malicious; else it is as the source rates it.
func (d *document) severity(x affected) registry.Severity {
	type rated struct {
		Severity  string          `json:"severity"`
		CWE       json.RawMessage `json:"cwe_ids"`
		Malicious json.RawMessage `json:"malicious-packages-origins"`
	}
	var whole, part rated
	_ = json.Unmarshal(d.Specific, &whole) // what is of another shape says nothing
	_ = json.Unmarshal(x.Specific, &part)
	if strings.HasPrefix(d.ID, "MAL-") || whole.Malicious != nil || strings.Contains(string(whole.CWE), `"CWE-506"`) {
		return registry.Malware
	}
	for _, s := range []string{part.Severity, whole.Severity} {
		switch strings.ToLower(s) {
		case "critical":
			return registry.Critical
		case "high", "important":
			return registry.High
		case "medium", "moderate":
			return registry.Medium
		case "low":
			return registry.Low
		}
	}
	return registry.Unrated
}

// ranges reads events, which stand in the order of versions: each run begins
// with introduced, and ends with fixed or last_affected, if at all.
func ranges(events []event) []registry.AdvisoryRange {
	var out []registry.AdvisoryRange
	open := false
	for _, e := range events {
		if len(e.Introduced) > maxVersion || len(e.Fixed) > maxVersion || len(e.Last) > maxVersion {
			continue
		}
		if e.Introduced != "" {
			r := registry.AdvisoryRange{Introduced: e.Introduced}
			if r.Introduced == "0" {
				r.Introduced = ""
			}
			out = append(out, r)
			open = true
		}
		if end := (e.Fixed != "" || e.Last != ""); end && open {
			r := &out[len(out)-1]
			r.Fixed, r.Last = e.Fixed, e.Last
			open = false
		} else if end {
			out = append(out, registry.AdvisoryRange{Fixed: e.Fixed, Last: e.Last})
		}
	}
	return out
}

// pieces cuts an advisory with very many versions, so that each part stays
// small. Where ranges say it as well, they are enough.
func pieces(a registry.Advisory) []registry.Advisory {
	size := 0
	for _, v := range a.Versions {
		size += len(v)
	}
	if size <= maxText {
		return []registry.Advisory{cut(a)}
	}
	if len(a.Ranges) > 0 {
		a.Versions = nil
		return []registry.Advisory{cut(a)}
	}
	var out []registry.Advisory
	rest := a.Versions
	for len(rest) > 0 && len(out) < maxPieces {
		n, size := 0, 0
		for n < len(rest) && size+len(rest[n]) <= maxText {
			size += len(rest[n])
			n++
		}
		part := a
		part.Versions = rest[:n]
		if len(out) > 0 {
			part.ID += "#" + string(rune('a'+len(out)%26)) + string(rune('a'+len(out)/26))
		}
		out, rest = append(out, part), rest[n:]
	}
	return out
}

// cut bounds the ranges.
func cut(a registry.Advisory) registry.Advisory {
	if len(a.Ranges) > 60 { // 60 of the longest versions
		// Of so many none can be left out: everything up to the last one is affected.
		last := a.Ranges[len(a.Ranges)-1]
		a.Ranges = []registry.AdvisoryRange{{Fixed: last.Fixed, Last: last.Last}}
	}
	return a
}

// packageOf gives a package as its ecosystem names it; the core spells it.
func packageOf(ecosystem, name string) (registry.PackageID, bool) {
	ecosystem, _, _ = strings.Cut(ecosystem, ":") // "Maven:https://…" of another repository
	p := registry.PackageID{Name: name}
	switch ecosystem {
	case "npm":
		p.Format = registry.NPM
		if scope, rest, ok := strings.Cut(name, "/"); ok && strings.HasPrefix(scope, "@") {
			p.Namespace, p.Name = scope[1:], rest
		}
	case "PyPI":
		p.Format = registry.PyPI
	case "Maven":
		p.Format = registry.Maven
		var ok bool
		if p.Namespace, p.Name, ok = strings.Cut(name, ":"); !ok {
			return p, false
		}
	case "NuGet":
		p.Format = registry.NuGet
	default: // of no format that is served here
		return p, false
	}
	return p, name != "" && len(name) <= 512
}

// Batches collects advisories for calls that take so many at once, and not more
// text than a call may have.
type Batches struct {
	Put   func([]registry.Advisory) error
	batch []registry.Advisory
	size  int
}

const (
	batchCount = 500
	batchSize  = 512 << 10
)

// Add hands over a batch where it is full.
func (b *Batches) Add(a registry.Advisory) error {
	size := 200 + len(a.Summary)*2
	for _, v := range a.Versions {
		size += len(v) + 4
	}
	for _, r := range a.Ranges {
		size += 60 + len(r.Introduced) + len(r.Fixed) + len(r.Last)
	}
	if len(b.batch) == batchCount || (len(b.batch) > 0 && b.size+size > batchSize) {
		if err := b.Flush(); err != nil {
			return err
		}
	}
	b.batch, b.size = append(b.batch, a), b.size+size
	return nil
}

// Flush hands over what is left.
func (b *Batches) Flush() error {
	if len(b.batch) == 0 {
		return nil
	}
	batch := b.batch
	b.batch, b.size = nil, 0
	return b.Put(batch)
}
