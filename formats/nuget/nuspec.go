package nuget

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/net/html/charset"

	"larder/registry"
)

// Limits of a nuspec.
const (
	maxNuspec       = 4 << 20 // bytes of the file
	maxText         = 64 << 10
	maxDependencies = 5000
)

// nuspec is a manifest of any schema version: their elements differ in
// namespace and number, not in meaning (NuGet documentation, ".nuspec reference").
type nuspec struct {
	XMLName  xml.Name `xml:"package"`
	Metadata *struct {
		MinClientVersion         string `xml:"minClientVersion,attr"`
		ID                       string `xml:"id"`
		Version                  string `xml:"version"`
		Title                    string `xml:"title"`
		Authors                  string `xml:"authors"`
		Description              string `xml:"description"`
		Summary                  string `xml:"summary"`
		ReleaseNotes             string `xml:"releaseNotes"`
		Copyright                string `xml:"copyright"`
		Language                 string `xml:"language"`
		Tags                     string `xml:"tags"`
		ProjectURL               string `xml:"projectUrl"`
		IconURL                  string `xml:"iconUrl"`
		Icon                     string `xml:"icon"`
		Readme                   string `xml:"readme"`
		LicenseURL               string `xml:"licenseUrl"`
		RequireLicenseAcceptance string `xml:"requireLicenseAcceptance"`
		DevelopmentDependency    string `xml:"developmentDependency"`
		License                  struct {
			Type string `xml:"type,attr"`
			Text string `xml:",chardata"`
		} `xml:"license"`
		Repository struct {
			Type   string `xml:"type,attr"`
			URL    string `xml:"url,attr"`
			Branch string `xml:"branch,attr"`
			Commit string `xml:"commit,attr"`
		} `xml:"repository"`
		Types []struct {
			Name    string `xml:"name,attr"`
			Version string `xml:"version,attr"`
		} `xml:"packageTypes>packageType"`
		Dependencies struct {
			Flat   []nuspecDependency `xml:"dependency"`
			Groups []struct {
				Framework    string             `xml:"targetFramework,attr"`
				Dependencies []nuspecDependency `xml:"dependency"`
			} `xml:"group"`
		} `xml:"dependencies"`
	} `xml:"metadata"`
}

type nuspecDependency struct {
	ID      string `xml:"id,attr"`
	Version string `xml:"version,attr"`
}

var errDoctype = errors.New("it has a document type")

// withoutDoctype refuses a document type: it can define entities that grow
// without end or name files, and no nuspec has one.
type withoutDoctype struct{ d *xml.Decoder }

func (w withoutDoctype) Token() (xml.Token, error) {
	t, err := w.d.Token()
	if _, ok := t.(xml.Directive); ok {
		return nil, errDoctype
	}
	return t, err
}

func badNuspec(format string, args ...any) error {
	e := registry.Errorf(registry.Invalid, format, args...)
	e.Msg = "the package's nuspec is not valid: " + e.Msg
	return e
}

// readNuspec reads a nuspec and checks what every package must say. Invalid
// where it does not.
func readNuspec(b []byte) (manifest, error) {
	var m manifest
	if len(b) > maxNuspec {
		return m, badNuspec("it is larger than %d MiB", maxNuspec>>20)
	}
	d := xml.NewDecoder(bytes.NewReader(utf8Of(b)))
	d.CharsetReader = func(label string, r io.Reader) (io.Reader, error) {
		if strings.HasPrefix(strings.ToLower(label), "utf-16") {
			return r, nil // utf8Of has done it
		}
		return charset.NewReaderLabel(label, r)
	}
	var n nuspec
	if err := xml.NewTokenDecoder(withoutDoctype{d}).Decode(&n); err != nil {
		if errors.Is(err, errDoctype) {
			return m, badNuspec("it has a document type, which is not taken")
		}
		return m, badNuspec("it is no XML with the root element package")
	}
	if n.Metadata == nil {
		return m, badNuspec("it has no metadata element")
	}
	return n.manifest()
}

// utf8Of decodes UTF-16 with a byte order mark, which some tools write.
func utf8Of(b []byte) []byte {
	if len(b) < 2 {
		return b
	}
	big := b[0] == 0xfe && b[1] == 0xff
	if !big && (b[0] != 0xff || b[1] != 0xfe) {
		return b
	}
	b = b[2:]
	units := make([]uint16, len(b)/2)
	for i := range units {
		hi, lo := b[2*i+1], b[2*i]
		if big {
			hi, lo = lo, hi
		}
		units[i] = uint16(hi)<<8 | uint16(lo)
	}
	return []byte(string(utf16.Decode(units)))
}

func (n *nuspec) manifest() (manifest, error) {
	in := n.Metadata
	m := manifest{
		ID: strings.TrimSpace(in.ID), Title: in.Title, Authors: in.Authors, Description: in.Description, Summary: in.Summary,
		ReleaseNotes: in.ReleaseNotes, Copyright: in.Copyright, Language: in.Language,
		ProjectURL: in.ProjectURL, IconURL: in.IconURL, LicenseURL: in.LicenseURL,
		Icon: entryPath(in.Icon), Readme: entryPath(in.Readme), MinClientVersion: in.MinClientVersion,
		Tags: strings.FieldsFunc(in.Tags, func(r rune) bool { return r <= ' ' || r == ',' || r == ';' }),
	}
	if !validID(m.ID) {
		return m, badNuspec("%.200q is no package id: one is made of letters, digits and \"_\", with single \".\" and \"-\" between them, and has at most %d characters", m.ID, maxID)
	}
	v, ok := parseVersion(in.Version)
	if !ok || len(in.Version) > maxVersion {
		return m, badNuspec("%.200q is no version such as 1.2.3, 1.2.3.4 or 1.2.3-beta.1", in.Version)
	}
	m.Version = v.full()
	for name, text := range map[string]*string{
		"title": &m.Title, "authors": &m.Authors, "description": &m.Description, "summary": &m.Summary, "releaseNotes": &m.ReleaseNotes,
		"copyright": &m.Copyright, "language": &m.Language, "projectUrl": &m.ProjectURL, "iconUrl": &m.IconURL, "licenseUrl": &m.LicenseURL,
		"minClientVersion": &m.MinClientVersion,
	} {
		if *text = strings.TrimSpace(*text); len(*text) > maxText {
			return m, badNuspec("%s is longer than %d KiB", name, maxText>>10)
		}
	}
	if len(in.Tags) > maxText {
		return m, badNuspec("tags are longer than %d KiB", maxText>>10)
	}
	if m.MinClientVersion != "" {
		if _, ok := parseVersion(m.MinClientVersion); !ok {
			return m, badNuspec("minClientVersion %.200q is no version", m.MinClientVersion)
		}
	}
	m.RequireLicenseAcceptance = isTrue(in.RequireLicenseAcceptance)
	m.DevelopmentDependency = isTrue(in.DevelopmentDependency)
	switch text := strings.TrimSpace(in.License.Text); {
	case text == "":
	case len(text) > maxText:
		return m, badNuspec("license is longer than %d KiB", maxText>>10)
	case in.License.Type == "file":
		m.LicenseFile = entryPath(text)
	case in.License.Type == "expression":
		m.LicenseExpression = text
	default:
		return m, badNuspec("the type of license is %.200q; it is \"expression\" or \"file\"", in.License.Type)
	}
	if r := in.Repository; r.URL != "" && len(r.Type)+len(r.URL)+len(r.Branch)+len(r.Commit) <= maxText {
		m.Repository = &repository{r.Type, r.URL, r.Branch, r.Commit}
	}
	for _, t := range in.Types[:min(len(in.Types), 50)] {
		if name := strings.TrimSpace(t.Name); name != "" && len(name) <= 200 && len(t.Version) <= maxVersion {
			m.Types = append(m.Types, packageType{name, t.Version})
		}
	}
	return m, n.dependencies(&m)
}

func (n *nuspec) dependencies(m *manifest) error {
	in := n.Metadata.Dependencies
	count := len(in.Flat)
	add := func(framework string, deps []nuspecDependency) error {
		if len(framework) > 500 {
			return badNuspec("a target framework is longer than 500 characters")
		}
		g := group{Framework: strings.TrimSpace(framework)}
		for _, d := range deps {
			id := strings.TrimSpace(d.ID)
			if !validID(id) {
				return badNuspec("it depends on %.200q, which is no package id", id)
			}
			r, ok := parseRange(d.Version)
			if !ok || len(d.Version) > 2*maxVersion {
				return badNuspec("the version range %.200q of dependency %s cannot be read; it is one such as 1.0, [1.0] or [1.0,2.0)", d.Version, id)
			}
			g.Dependencies = append(g.Dependencies, dependency{id, r.String()})
		}
		m.Groups = append(m.Groups, g)
		return nil
	}
	for _, g := range in.Groups {
		count += len(g.Dependencies) + 1
	}
	if count > maxDependencies {
		return badNuspec("it has more than %d dependencies", maxDependencies)
	}
	if len(in.Flat) > 0 {
		if err := add("", in.Flat); err != nil {
			return err
		}
	}
	for _, g := range in.Groups {
		if err := add(g.Framework, g.Dependencies); err != nil {
			return err
		}
	}
	return nil
}

// maxVersion bounds a version, in bytes; clients and galleries take 64 characters.
const maxVersion = 128

func isTrue(s string) bool {
	b, _ := strconv.ParseBool(strings.ToLower(strings.TrimSpace(s)))
	return b
}

// entryPath spells the path of a file in the package as archives have it.
func entryPath(s string) string {
	s = strings.ReplaceAll(strings.TrimSpace(s), `\`, "/")
	s = strings.TrimPrefix(strings.TrimPrefix(s, "./"), "/")
	if len(s) > 1024 || !utf8.ValidString(s) || slices.Contains(strings.Split(s, "/"), "..") {
		return ""
	}
	return s
}
