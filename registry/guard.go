package registry

import (
	"time"
)

// Guard reads the guard rules that domains keep as documents.
type Guard interface {
	// Compile reads a domain's document; the empty one has no rules. Invalid with
	// what is wrong.
	Compile(document string) (Rulings, error)
	// Block gives the document with the versions blocked for the reason.
	Block(document string, versions []VersionID, reason string) (string, error)
}

// Rulings are a domain's rules. They are immutable, and need no I/O.
type Rulings interface {
	// Of gives what they say of a package. Nil: nothing, whatever its versions.
	Of(PackageID) Ruling
}

// Ruling is what a domain's rules say of one package.
type Ruling interface {
	// Advised reports whether Judge goes by advisories.
	Advised() bool
	// Attested reports whether Judge goes by attestations.
	Attested() bool
	// Judge decides about a version, wherever it is read.
	Judge(Subject) Verdict
	// Explain says the rules that apply, a sentence each.
	Explain() []string
}

// Subject is what a Ruling knows of a version.
type Subject struct {
	Repo       RepoID // the repository that was asked
	Version    Version
	Digests    []Hashes // of assets; of those that are not held, what was promised, else zero
	Package    PackageID
	Advisories []Advisory // of the package, where the Ruling goes by them
	// Provenance is what is known of who attested the version's assets, or the one
	// that is asked for, where the Ruling goes by that; Trusts says that this server
	// can verify attestations at all.
	Provenance []Provenance
	Trusts     bool
	Now        time.Time
}

// Verdict is what to do with a version. The zero Verdict serves it for ever.
type Verdict struct {
	Hide    bool   // leave it out of indexes
	Refuse  bool   // do not serve its bytes: Denied with Reason
	Reason  string // a sentence the client prints
	Undated bool   // its age alone is why, and nobody has told that yet
	// Unverified: that nobody has looked at its attestations yet is alone why.
	Unverified bool
	Unattested bool      // that it is not attested as it has to be is why
	Warning    string    // what a rule warns of without refusing; empty: nothing
	Until      time.Time // when the verdict may change without a rule changing; zero: never
}

// final reports whether bytes are refused whatever they themselves tell.
func (v Verdict) final() bool { return v.Refuse && !v.Undated && !v.Unverified }

// Severity of an Advisory.
type Severity string

// Severities, the worst first.
const (
	Malware  Severity = "malware"
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
	Unrated  Severity = "unrated"
)

// Severities are all of them, the worst first.
var Severities = []Severity{Malware, Critical, High, Medium, Low, Unrated}

// Advisory says what is wrong with versions of one package.
type Advisory struct {
	Source  string // the import that it came with
	ID      string // "MAL-2025-1234", "GHSA-…"
	Package PackageID
	AdvisoryBody
}

// AdvisoryBody is the part of an Advisory by which nothing is looked up.
type AdvisoryBody struct {
	Severity Severity        `json:"severity"`
	Summary  string          `json:"summary,omitempty"`
	Versions []string        `json:"versions,omitempty"` // affected, besides those of Ranges
	Ranges   []AdvisoryRange `json:"ranges,omitempty"`
}

// AdvisoryRange is a run of affected versions, in the order of the format.
type AdvisoryRange struct {
	Introduced string `json:"introduced,omitempty"` // the first one; empty: all before the end
	Fixed      string `json:"fixed,omitempty"`      // the first one after it; empty: none is known
	Last       string `json:"last,omitempty"`       // the last one, where Fixed is empty; empty: none is known
}

// AdvisorySource is where advisories came from.
type AdvisorySource struct {
	Name     string
	Imported time.Time
	Entries  int
	Dropped  int // by this import: those that it had no more
}

// Download says that an actor got bytes of a version.
type Download struct {
	Version       VersionID
	Actor         string // its ARN, or "anonymous from ADDRESS"
	Since, Latest time.Time
	Times         int
}

// GuardRows keeps what the guard goes by: each domain's rules (Graph), the
// advisories of the server (every domain's Graph, once they are settled), and
// who downloaded and attested what (no counter).
type GuardRows interface {
	Guard(DomainID) (Policy, error)  // NotFound where there is none
	PutGuard(DomainID, Policy) error // NotFound for a missing domain. It goes with the domain

	Advisories(PackageID) ([]Advisory, error) // by (source, id)
	// PutAdvisories makes or replaces advisories, as those of the import that the
	// stamp names. Stamps of a source grow.
	PutAdvisories(stamp int64, all ...Advisory) error
	// SettleAdvisories ends an import: what the source had by earlier ones only goes.
	SettleAdvisories(source string, stamp int64) (AdvisorySource, error)
	AdvisorySources() ([]AdvisorySource, error) // by name; Dropped is not kept

	// AddDownloads adds to what is known of the same version and actor: the
	// earliest Since, the last Latest, the sum of Times. NotFound for the domain.
	AddDownloads(DomainID, ...Download) error
	Downloads(DomainID, VersionID) ([]Download, error) // by actor
	PruneDownloads(before time.Time) (int, error)      // drops those with an earlier Latest

	// Attestations are those of the package that were looked at, by (version,
	// asset); PutAttestation makes or replaces one (no counter; NotFound for the
	// domain). They go with the domain.
	Attestations(DomainID, PackageID) ([]Attestation, error)
	PutAttestation(DomainID, PackageID, Attestation) error
}
