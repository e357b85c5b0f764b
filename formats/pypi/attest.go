package pypi

import (
	"encoding/json"
	"strings"

	"larder/registry"
)

// maxBundles bounds how many attestations of a file are looked at.
const maxBundles = 16

// Attestations implements registry.Attester. Signatures are not attested.
func (rules) Attestations(_ registry.VersionID, raw json.RawMessage, asset string) registry.AttestationOffer {
	if strings.HasSuffix(asset, signatureSuffix) {
		return registry.AttestationOffer{Needless: true}
	}
	switch f := decodeFiles(raw).Files[asset]; {
	case f.Attestations != nil:
		return registry.AttestationOffer{Kept: provenanceOf(f.Attestations)}
	case f.Provenance != "":
		return registry.AttestationOffer{Request: &registry.AuxiliaryRequest{Kind: "provenance", Path: f.Provenance}}
	}
	return registry.AttestationOffer{}
}

// attested is a provenance object (PEP 740, "Provenance objects"), as far as
// there is something to verify in it.
type attested struct {
	Version int
	Bundles []struct {
		Attestations []struct {
			Version  int
			Material struct {
				Certificate json.RawMessage
				Entries     json.RawMessage `json:"transparency_entries"`
			} `json:"verification_material"`
			Envelope struct{ Statement, Signature json.RawMessage }
		}
	} `json:"attestation_bundles"`
}

// sigstore is the Sigstore bundle that an attestation object says without what
// is the same in all (PEP 740, "Attestation objects": the certificate is DER in
// base64, the entries and the envelope are those of a bundle).
type sigstore struct {
	MediaType string `json:"mediaType"`
	Material  struct {
		Certificate struct {
			RawBytes json.RawMessage `json:"rawBytes"`
		} `json:"certificate"`
		Entries json.RawMessage `json:"tlogEntries"`
	} `json:"verificationMaterial"`
	Envelope struct {
		Payload     json.RawMessage `json:"payload"`
		PayloadType string          `json:"payloadType"`
		Signatures  [1]struct {
			Sig json.RawMessage `json:"sig"`
		} `json:"signatures"`
	} `json:"dsseEnvelope"`
}

// Bundles implements registry.Attester.
func (rules) Bundles(answer []byte) ([]json.RawMessage, error) {
	var p attested
	if err := json.Unmarshal(answer, &p); err != nil || p.Version != 1 {
		return nil, registry.Errorf(registry.Invalid, "the index's answer is no provenance object of version 1")
	}
	var all []json.RawMessage
	for _, b := range p.Bundles {
		for _, a := range b.Attestations {
			if len(all) == maxBundles {
				return nil, registry.Errorf(registry.Invalid, "there are more than %d attestations", maxBundles)
			}
			if a.Version != 1 {
				return nil, registry.Errorf(registry.Invalid, "an attestation has version %d; version 1 is understood here", a.Version)
			}
			var s sigstore
			s.MediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"
			s.Material.Certificate.RawBytes, s.Material.Entries = a.Material.Certificate, a.Material.Entries
			s.Envelope.Payload, s.Envelope.PayloadType = a.Envelope.Statement, "application/vnd.in-toto+json"
			s.Envelope.Signatures[0].Sig = a.Envelope.Signature
			raw, err := json.Marshal(s)
			if err != nil {
				return nil, registry.Errorf(registry.Invalid, "an attestation cannot be read")
			}
			all = append(all, raw)
		}
	}
	return all, nil
}

// Attests implements registry.Attester: a statement names the file (PEP 740,
// "Attestation objects"), maybe in another spelling of the project and the
// version. The digest decides.
func (rules) Attests(id registry.VersionID, asset, subject string) bool {
	k, version := fileOf(id.Package.Name, subject)
	of, _ := fileOf(id.Package.Name, asset)
	return k != noFile && k == of && version == id.Version
}
