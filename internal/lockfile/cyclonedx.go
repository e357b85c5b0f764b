package lockfile

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
)

// cycloneDX is a software bill of materials (ECMA-424), as JSON or as XML.
type cycloneDX struct {
	BOMFormat  string         `json:"bomFormat" xml:"-"`
	Components []cdxComponent `json:"components" xml:"components>component"`
}

type cdxComponent struct {
	Type       string         `json:"type" xml:"type,attr"`
	Name       string         `json:"name" xml:"name"`
	PURL       string         `json:"purl" xml:"purl"`
	Hashes     []cdxHash      `json:"hashes" xml:"hashes>hash"`
	References []cdxReference `json:"externalReferences" xml:"externalReferences>reference"`
	Properties []cdxProperty  `json:"properties" xml:"properties>property"`
	Components []cdxComponent `json:"components" xml:"components>component"`
}

type cdxHash struct {
	Algorithm string `json:"alg" xml:"alg,attr"`
	Content   string `json:"content" xml:",chardata"`
}

type cdxReference struct {
	Type   string    `json:"type" xml:"type,attr"`
	Hashes []cdxHash `json:"hashes" xml:"hashes>hash"`
}

type cdxProperty struct {
	Name  string `json:"name" xml:"name,attr"`
	Value string `json:"value" xml:",chardata"`
}

// parseCycloneDX reads a CycloneDX bill of materials. What it is about
// (metadata.component) is not one of its components.
func parseCycloneDX(data []byte) ([]Entry, error) {
	var bom cycloneDX
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("<")) {
		if err := decodeXML(data, &bom); err != nil {
			return nil, err
		}
	} else if err := decodeJSON(data, &bom); err != nil {
		return nil, err
	} else if bom.BOMFormat != "CycloneDX" {
		return nil, errors.New("bomFormat is not CycloneDX")
	}
	return cdxEntries(nil, bom.Components, "components", 0)
}

func cdxEntries(all []Entry, components []cdxComponent, member string, depth int) ([]Entry, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("components are in each other more than %d deep", maxDepth)
	}
	for i, c := range components {
		here := fmt.Sprintf("%s[%d]", member, i)
		if c.Type != "file" && c.Type != "operating-system" {
			e, err := c.entry()
			if err != nil {
				return nil, at(here, err)
			}
			all = append(all, e)
		}
		var err error
		if all, err = cdxEntries(all, c.Components, here+".components", depth+1); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (c cdxComponent) entry() (Entry, error) {
	if c.PURL == "" {
		return skipped(c.Name, skipNoPURL)
	}
	for _, p := range c.Properties { // npm's own: a folder that is linked
		if p.Name == "cdx:npm:package:path" && p.Value != "" && !strings.Contains(p.Value, "node_modules") {
			return skipped(c.Name, skipFolder)
		}
	}
	hashes := c.Hashes
	for _, r := range c.References {
		if r.Type == "distribution" {
			hashes = append(hashes, r.Hashes...)
		}
	}
	var digests []Digest
	for _, h := range hashes {
		d, err := hexDigest(h.Algorithm, h.Content)
		if err != nil {
			return Entry{}, at(c.Name, err)
		}
		digests = append(digests, d...)
	}
	return parsePURL(strings.TrimSpace(c.PURL), digests)
}

// decodeXML reads a document; its error says the line. Documents name no
// entities but the five of XML, and are UTF-8.
func decodeXML(data []byte, into any) error {
	err := xml.Unmarshal(data, into)
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("line %d: it is no XML: %s", syntax.Line, syntax.Msg)
	}
	return err
}
