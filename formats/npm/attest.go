package npm

import (
	"encoding/json"
	"strings"

	"larder/registry"
)

// maxBundles bounds how many attestations of a version are looked at; two are usual.
const maxBundles = 16

// Attestations implements registry.Attester.
func (rules) Attestations(id registry.VersionID, raw json.RawMessage, _ string) registry.AttestationOffer {
	m := decode(raw)
	switch {
	case m.bundles != nil:
		return registry.AttestationOffer{Kept: attestationsAnswer(m.bundles)}
	case m.attestations != nil:
		return registry.AttestationOffer{Request: &registry.AuxiliaryRequest{Kind: "attestations", Path: attestationsPath(id)}}
	}
	return registry.AttestationOffer{}
}

// attestationsPath is where a registry has the attestations of a version (npm:
// pacote, lib/registry.js, dist.attestations.url). The URL that a packument
// gives is not asked: what it leads to is upstream's choice.
func attestationsPath(id registry.VersionID) string {
	return "-/npm/v1/attestations/" + escapedName(id.Package) + "@" + id.Version
}

// attestationsAnswer is the answer of that endpoint.
func attestationsAnswer(bundles []byte) []byte {
	return append(appendMember([]byte{'{'}, "attestations", bundles), '}')
}

// Bundles implements registry.Attester.
func (rules) Bundles(answer []byte) ([]json.RawMessage, error) {
	var a struct {
		Attestations []struct{ Bundle json.RawMessage }
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return nil, registry.Errorf(registry.Invalid, "the registry's answer is no list of attestations")
	}
	if len(a.Attestations) > maxBundles {
		return nil, registry.Errorf(registry.Invalid, "there are %d attestations; at most %d are looked at", len(a.Attestations), maxBundles)
	}
	var all []json.RawMessage
	for _, x := range a.Attestations {
		all = append(all, x.Bundle)
	}
	return all, nil
}

// Attests implements registry.Attester: a statement names the version by its
// package URL, "pkg:npm/%40scope/name@1.0.0" (npm: npm-package-arg, toPurl).
func (rules) Attests(id registry.VersionID, _, subject string) bool {
	rest, ok := strings.CutPrefix(subject, "pkg:npm/")
	if !ok {
		return false
	}
	if scoped, ok := strings.CutPrefix(rest, "%40"); ok {
		rest = "@" + scoped
	}
	return rest == fullName(id.Package)+"@"+strings.ReplaceAll(id.Version, "+", "%2B") || rest == fullName(id.Package)+"@"+id.Version
}
