package pypi

import (
	"bytes"
	"strings"

	"larder/registry"
)

// maxMetadata bounds a METADATA or PKG-INFO file, in bytes; long descriptions
// in it have some hundred KB at most.
const maxMetadata = 8 << 20

// metadata is a parsed core metadata file: its fields by name in lower case,
// each with all its values in order, and the text after them.
type metadata struct {
	fields map[string][]string
	body   string
}

// parseMetadata reads a METADATA or PKG-INFO file (Core metadata
// specifications: a header in the style of e-mail, of any version from 1.0 on).
// It is as patient as clients are: a line that is none is passed over.
func parseMetadata(b []byte) metadata {
	b = bytes.ToValidUTF8(bytes.TrimPrefix(b, []byte("\ufeff")), []byte("\ufffd"))
	m := metadata{fields: map[string][]string{}}
	last := ""
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		b = rest
		text := strings.TrimSuffix(string(line), "\r")
		if text == "" {
			m.body = string(b)
			break
		}
		if text[0] == ' ' || text[0] == '\t' {
			if values := m.fields[last]; len(values) > 0 {
				values[len(values)-1] += "\n" + unfold(text)
			}
			continue
		}
		name, value, ok := strings.Cut(text, ":")
		if last = ""; !ok || strings.ContainsAny(name, " \t") {
			continue
		}
		last = strings.ToLower(name)
		m.fields[last] = append(m.fields[last], strings.TrimSpace(value))
	}
	return m
}

// unfold undoes the indentation of a description in a header: some blanks and a
// "|", or just blanks.
func unfold(line string) string {
	trimmed := strings.TrimLeft(line, " \t")
	if after, ok := strings.CutPrefix(trimmed, "|"); ok && len(line)-len(trimmed) >= 7 {
		return after
	}
	if after, ok := strings.CutPrefix(line, "        "); ok {
		return after
	}
	return trimmed
}

// first gives a field's value, "" where it has none or says that it does not know.
func (m metadata) first(name string) string {
	if values := m.fields[name]; len(values) > 0 && values[0] != "UNKNOWN" {
		return values[0]
	}
	return ""
}

// all gives a field's values.
func (m metadata) all(name string) []string {
	var out []string
	for _, v := range m.fields[name] {
		if v != "" && v != "UNKNOWN" {
			out = append(out, v)
		}
	}
	return out
}

// check holds the metadata to what every file must say of itself, and to the
// project and version that it was uploaded as, both normalized.
func (m metadata) check(where, project, version string) error {
	switch v := m.first("metadata-version"); {
	case v == "":
		return registry.Errorf(registry.Invalid, "%s has no Metadata-Version: it is no core metadata", where)
	case !strings.HasPrefix(v, "1.") && !strings.HasPrefix(v, "2.") || !isNumber(v[2:]):
		return registry.Errorf(registry.Invalid, "%s has Metadata-Version %q; versions 1.0 to 2.x are understood here", where, v)
	}
	if name := m.first("name"); !validName(name) || normalize(name) != project {
		return registry.Errorf(registry.Invalid, "%s is of project %q, the upload of %q", where, name, project)
	}
	v, ok := parseVersion(m.first("version"))
	if !ok || v.String() != version {
		return registry.Errorf(registry.Invalid, "%s is of version %q, the upload of %q", where, m.first("version"), version)
	}
	return nil
}
