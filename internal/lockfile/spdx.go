package lockfile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// spdxDocument is a document of SPDX 2 as JSON, or with Graph of SPDX 3.
type spdxDocument struct {
	Packages      []spdxPackage      `json:"packages"`
	Describes     []string           `json:"documentDescribes"`
	Relationships []spdxRelationship `json:"relationships"`
	Graph         []spdxElement      `json:"@graph"`
}

type spdxPackage struct {
	ID           string         `json:"SPDXID"`
	Name         string         `json:"name"`
	FileName     string         `json:"packageFileName"`
	ExternalRefs []spdxRef      `json:"externalRefs"`
	Checksums    []spdxChecksum `json:"checksums"`
}

type spdxRef struct {
	Type    string `json:"referenceType"`
	Locator string `json:"referenceLocator"`
}

type spdxChecksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type spdxRelationship struct {
	From string `json:"spdxElementId"`
	Type string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}

// spdxElement is an element of an SPDX 3 graph.
type spdxElement struct {
	Type        string   `json:"type"`
	ID          string   `json:"spdxId"`
	Name        string   `json:"name"`
	PURL        string   `json:"software_packageUrl"`
	RootElement []string `json:"rootElement"`
	Identifiers []struct {
		Type string `json:"externalIdentifierType"`
		ID   string `json:"identifier"`
	} `json:"externalIdentifier"`
	VerifiedUsing []struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"hashValue"`
	} `json:"verifiedUsing"`
}

// parseSPDX reads an SPDX document: 2.2 and 2.3 (ISO/IEC 5962) as JSON or as
// tags and values, 3 as JSON. What the document is about is not fetched.
func parseSPDX(data []byte) ([]Entry, error) {
	var d spdxDocument
	if trimmed := bytes.TrimSpace(data); !bytes.HasPrefix(trimmed, []byte("{")) {
		if d = spdxTags(data); len(d.Packages) == 0 && !bytes.HasPrefix(trimmed, []byte("SPDXVersion:")) {
			return nil, fmt.Errorf("line 1: it does not begin with SPDXVersion")
		}
	} else if err := decodeJSON(data, &d); err != nil {
		return nil, err
	}
	described := map[string]bool{}
	for _, id := range d.Describes {
		described[id] = true
	}
	for _, r := range d.Relationships {
		if r.Type == "DESCRIBES" {
			described[r.To] = true
		}
		if r.Type == "DESCRIBED_BY" {
			described[r.From] = true
		}
	}
	packages := append(d.Packages, spdxGraph(d.Graph, described)...)
	var all []Entry
	for i, p := range packages {
		if described[p.ID] && len(packages) > 1 {
			continue
		}
		e, err := p.entry()
		if err != nil {
			return nil, at(fmt.Sprintf("packages[%d] (%s)", i, p.Name), err)
		}
		all = append(all, e)
	}
	return all, nil
}

func (p spdxPackage) entry() (Entry, error) {
	at := slices.IndexFunc(p.ExternalRefs, func(r spdxRef) bool { return r.Type == "purl" })
	if at < 0 {
		return skipped(p.Name, skipNoPURL)
	}
	purl := p.ExternalRefs[at].Locator
	// npm's own documents have here the folder in which a package lies.
	if f := p.FileName; strings.HasPrefix(purl, "pkg:npm/") && f != "" && !strings.Contains(f, "node_modules") && !strings.HasSuffix(f, ".tgz") {
		return skipped(p.Name, skipFolder)
	}
	var digests []Digest
	for _, c := range p.Checksums {
		d, err := hexDigest(c.Algorithm, c.Value)
		if err != nil {
			return Entry{}, err
		}
		digests = append(digests, d...)
	}
	return parsePURL(purl, digests)
}

// spdxGraph gives the packages of SPDX 3, and notes what the document is about.
func spdxGraph(graph []spdxElement, described map[string]bool) []spdxPackage {
	var all []spdxPackage
	for _, e := range graph {
		if e.Type == "SpdxDocument" || e.Type == "software_Sbom" {
			for _, id := range e.RootElement {
				described[id] = true
			}
		}
		if e.Type != "software_Package" {
			continue
		}
		p := spdxPackage{ID: e.ID, Name: e.Name}
		purl := e.PURL
		for _, id := range e.Identifiers {
			if id.Type == "packageUrl" || id.Type == "packageURL" {
				purl = firstOf(purl, id.ID)
			}
		}
		if purl != "" {
			p.ExternalRefs = []spdxRef{{"purl", purl}}
		}
		for _, h := range e.VerifiedUsing {
			p.Checksums = append(p.Checksums, spdxChecksum{h.Algorithm, h.Value})
		}
		all = append(all, p)
	}
	return all
}

// spdxTags reads tags and values, a line each. Texts over several lines are
// between <text> and </text>.
func spdxTags(data []byte) spdxDocument {
	var d spdxDocument
	var p *spdxPackage
	inText := false
	for line := range bytes.Lines(data) {
		text := strings.TrimSpace(string(line))
		if inText {
			inText = !strings.Contains(text, "</text>")
			continue
		}
		tag, value, ok := strings.Cut(text, ":")
		if !ok || strings.HasPrefix(text, "#") {
			continue
		}
		value = strings.TrimSpace(value)
		inText = strings.HasPrefix(value, "<text>") && !strings.Contains(value, "</text>")
		switch tag {
		case "PackageName":
			d.Packages = append(d.Packages, spdxPackage{Name: value})
			p = &d.Packages[len(d.Packages)-1]
		case "Relationship":
			if f := strings.Fields(value); len(f) == 3 {
				d.Relationships = append(d.Relationships, spdxRelationship{f[0], f[1], f[2]})
			}
		case "FileName", "SnippetSPDXID":
			p = nil // what follows is of a file
		}
		if p == nil {
			continue
		}
		switch tag {
		case "SPDXID":
			p.ID = value
		case "PackageFileName":
			p.FileName = value
		case "PackageChecksum":
			algorithm, sum, _ := strings.Cut(value, ":")
			p.Checksums = append(p.Checksums, spdxChecksum{algorithm, sum})
		case "ExternalRef":
			if f := strings.Fields(value); len(f) == 3 {
				p.ExternalRefs = append(p.ExternalRefs, spdxRef{f[1], f[2]})
			}
		}
	}
	return d
}
