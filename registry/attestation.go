package registry

import (
	"encoding/json"
	"time"
)

// Attestor verifies attestations by what it trusts. It asks nobody, and is safe
// for whatever bytes it is given.
type Attestor interface {
	// Trust names what it trusts: what it found holds while that is the same.
	Trust() Digest
	// Verify gives who attested the asset by Sigstore bundles. problem, a part of a
	// sentence, says why none of them counts, and is empty where one does.
	Verify(bundles []json.RawMessage, a Attestable) (claims []Claim, problem string)
}

// Attestable is an asset that a statement may be about.
type Attestable struct {
	Hashes Hashes
	// Named reports whether a statement's subject of that name is the asset.
	Named func(subject string) bool
}

// Claim is what a verified attestation says of who made an asset.
type Claim struct {
	Issuer     string    `json:"issuer"`               // that knew the signer: the OpenID Connect provider's URL
	Identity   string    `json:"identity"`             // the signer: a URL or an e-mail address
	Repository string    `json:"repository,omitempty"` // URL of the source
	Workflow   string    `json:"workflow,omitempty"`   // URL of the build's instructions
	Predicate  string    `json:"predicate,omitempty"`  // type of the statement
	Signed     time.Time `json:"signed,omitzero"`
}

// Attestation is what was found when the attestations of an asset were looked at.
type Attestation struct {
	Version string
	Asset   string
	SHA256  Digest // of the bytes that it is about
	SHA512  [64]byte
	Trust   Digest // of the Attestor that looked
	Checked time.Time
	Claims  []Claim
	Problem string // why there are none
}

// Provenance is what is known of who attested one asset.
type Provenance struct {
	Asset    string
	Needless bool      // it is none that is attested, and was asked for by itself: a signature
	Offered  bool      // its index says that there are attestations
	Looked   bool      // they were looked at: Claims or Problem say what was found
	Claims   []Claim   // of verified attestations
	Problem  string    // why none counts, a part of a sentence
	Until    time.Time // when it is looked at again; zero: never
}

// Attester is the optional power of Rules of a format whose versions come with
// attestations. Pure functions.
type Attester interface {
	// Attestations says what there is of an asset of the version, by its manifest.
	Attestations(id VersionID, manifest json.RawMessage, asset string) AttestationOffer
	// Bundles reads the answer of a registry, or what was kept, into Sigstore
	// bundles. Invalid with what is wrong.
	Bundles(answer []byte) ([]json.RawMessage, error)
	// Attests reports whether a statement's subject of that name is the asset.
	Attests(id VersionID, asset, subject string) bool
}

// AttestationOffer says where an asset's attestations are.
type AttestationOffer struct {
	Needless bool              // the asset is none that is attested: a signature
	Kept     []byte            // those that were published here with the version
	Request  *AuxiliaryRequest // that gives them where the version came from; nil: it has none
}

// offered reports whether there are attestations.
func (o AttestationOffer) offered() bool { return o.Kept != nil || o.Request != nil }

// about reports whether it is of exactly these bytes; of those that are not
// held, h has what was promised.
func (a *Attestation) about(h Hashes) bool {
	none := Hashes{}
	if h.SHA256 == none.SHA256 && h.SHA512 == none.SHA512 {
		return false
	}
	return (h.SHA256 == none.SHA256 || h.SHA256 == a.SHA256) && (h.SHA512 == none.SHA512 || h.SHA512 == a.SHA512)
}
