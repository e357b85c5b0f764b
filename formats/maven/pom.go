package maven

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"

	"larder/registry"
)

// pomLimit bounds what is read of a POM, in bytes; the largest known ones have
// some hundred kilobytes.
const pomLimit = 4 << 20

// project is what is read of a POM (POM 4.0.0 and 4.1.0). Parents are not
// followed (spec 7.3).
type project struct {
	XMLName      xml.Name     `xml:"project"`
	Parent       *coordinates `xml:"parent"`
	GroupID      string       `xml:"groupId"`
	ArtifactID   string       `xml:"artifactId"`
	Version      string       `xml:"version"`
	Packaging    string       `xml:"packaging"`
	Name         string       `xml:"name"`
	Description  string       `xml:"description"`
	URL          string       `xml:"url"`
	SCM          scm          `xml:"scm"`
	Licenses     []license    `xml:"licenses>license"`
	Dependencies []dependency `xml:"dependencies>dependency"`
	Properties   properties   `xml:"properties"`
}

type coordinates struct {
	GroupID    string `xml:"groupId" json:"groupId,omitempty"`
	ArtifactID string `xml:"artifactId" json:"artifactId,omitempty"`
	Version    string `xml:"version" json:"version,omitempty"`
}

type scm struct {
	URL        string `xml:"url"`
	Connection string `xml:"connection"`
}

type license struct {
	Name string `xml:"name" json:"name,omitempty"`
	URL  string `xml:"url" json:"url,omitempty"`
}

type dependency struct {
	coordinates
	Scope    string `xml:"scope" json:"scope,omitempty"`
	Type     string `xml:"type" json:"type,omitempty"`
	Optional string `xml:"optional" json:"optional,omitempty"`
}

// properties reads elements of any name.
type properties map[string]string

func (p *properties) UnmarshalXML(d *xml.Decoder, _ xml.StartElement) error {
	*p = properties{}
	for {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			var value struct {
				Text string `xml:",chardata"`
			}
			if err := d.DecodeElement(&value, &t); err != nil {
				return err
			}
			(*p)[t.Name.Local] = strings.TrimSpace(value.Text)
		}
	}
}

// readXML decodes a document of at most limit bytes. A document type is
// refused: it can define entities that grow without end or name files, and no
// POM and no metadata has one.
func readXML(r io.Reader, limit int64, into any) error {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return err
	}
	if int64(len(b)) > limit {
		return registry.Errorf(registry.TooLarge, "it is longer than %d bytes", limit)
	}
	d := xml.NewDecoder(bytes.NewReader(b))
	d.CharsetReader = charset.NewReaderLabel
	d.Entity = xml.HTMLEntity // as Maven's own reader, for the POMs of its early years
	return xml.NewTokenDecoder(withoutDoctype{d}).Decode(into)
}

type withoutDoctype struct{ d *xml.Decoder }

func (w withoutDoctype) Token() (xml.Token, error) {
	t, err := w.d.Token()
	if _, ok := t.(xml.Directive); ok {
		return nil, errors.New("it has a document type declaration, which is not taken here")
	}
	return t, err
}

// readPOM reads a POM. Its error says in words for people what is wrong.
func readPOM(r io.Reader) (*project, error) {
	var p project
	if err := readXML(r, pomLimit, &p); err != nil {
		return nil, err
	}
	p.tidy()
	return &p, nil
}

func (p *project) tidy() {
	for _, s := range []*string{&p.GroupID, &p.ArtifactID, &p.Version, &p.Packaging, &p.Name, &p.Description, &p.URL, &p.SCM.URL, &p.SCM.Connection} {
		*s = strings.TrimSpace(*s)
	}
	if p.Parent != nil {
		p.Parent.tidy()
	}
	for i := range p.Licenses {
		p.Licenses[i].Name, p.Licenses[i].URL = strings.TrimSpace(p.Licenses[i].Name), strings.TrimSpace(p.Licenses[i].URL)
	}
	for i := range p.Dependencies {
		d := &p.Dependencies[i]
		d.tidy()
		d.Scope, d.Type, d.Optional = strings.TrimSpace(d.Scope), strings.TrimSpace(d.Type), strings.TrimSpace(d.Optional)
	}
}

func (c *coordinates) tidy() {
	c.GroupID, c.ArtifactID, c.Version = strings.TrimSpace(c.GroupID), strings.TrimSpace(c.ArtifactID), strings.TrimSpace(c.Version)
}

// group and version are the project's own or, as Maven has it, its parent's.
func (p *project) group() string {
	if p.GroupID == "" && p.Parent != nil {
		return p.Parent.GroupID
	}
	return p.GroupID
}

func (p *project) version() string {
	if p.Version == "" && p.Parent != nil {
		return p.Parent.Version
	}
	return p.Version
}

// unlike says where the POM names other coordinates than id, or "". What holds
// an expression is not compared: Maven deploys such POMs as they are.
func (p *project) unlike(id registry.VersionID) string {
	for _, c := range []struct{ what, got, want string }{
		{"groupId", p.group(), id.Package.Namespace},
		{"artifactId", p.ArtifactID, id.Package.Name},
		{"version", p.version(), id.Version},
	} {
		switch {
		case strings.Contains(c.got, "${"), c.got == c.want:
		case c.what == "version" && baseVersion(c.want) == baseVersion(c.got):
		case c.what == "artifactId" && strings.HasPrefix(c.want, c.got+"_"): // sbt's plugins
		default:
			return "its " + c.what + " is \"" + c.got + "\", the path says \"" + c.want + "\""
		}
	}
	return ""
}

// expand replaces ${...} by what this POM alone says; what it does not know
// stays as it is. It gives at most textLimit bytes.
func (p *project) expand(s string) string {
	s = cut(s)
	for range 8 { // a property may stand for another one, not for itself
		start := strings.Index(s, "${")
		if start < 0 {
			return s
		}
		var b strings.Builder
		changed := false
		rest := s
		for {
			before, after, ok := strings.Cut(rest, "${")
			b.WriteString(before)
			if !ok {
				break
			}
			if b.Len() > textLimit {
				return s
			}
			name, tail, ok := strings.Cut(after, "}")
			if !ok {
				b.WriteString("${" + after)
				break
			}
			value, known := p.property(name)
			if known {
				b.WriteString(value)
				changed = true
			} else {
				b.WriteString("${" + name + "}")
			}
			rest = tail
		}
		if !changed || b.Len() > textLimit {
			return s
		}
		s = b.String()
	}
	return s
}

// textLimit bounds what is kept of one text of a POM, and what it may grow to,
// in bytes.
const textLimit = 4096

// cut shortens a text to the limit, at the end of a character.
func cut(s string) string {
	if len(s) <= textLimit {
		return s
	}
	s = s[:textLimit]
	for i := range utf8.UTFMax {
		if r, size := utf8.DecodeLastRuneInString(s[:len(s)-i]); r != utf8.RuneError || size > 1 {
			return s[:len(s)-i]
		}
	}
	return s
}

func (p *project) property(name string) (string, bool) {
	short, project := strings.CutPrefix(name, "project.")
	if !project {
		short, project = strings.CutPrefix(name, "pom.")
	}
	if project {
		switch short {
		case "groupId":
			return p.group(), true
		case "artifactId":
			return p.ArtifactID, true
		case "version":
			return p.version(), true
		case "name":
			return p.Name, p.Name != ""
		case "parent.version", "parent.groupId":
			if p.Parent != nil {
				if short == "parent.version" {
					return p.Parent.Version, true
				}
				return p.Parent.GroupID, true
			}
		}
	}
	value, ok := p.Properties[name]
	return value, ok
}
