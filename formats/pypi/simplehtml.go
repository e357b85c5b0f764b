package pypi

import (
	"html"
	"strings"

	"larder/registry"
)

// renderHTML writes a project's page as HTML (Simple repository API, "HTML
// Serialization"). It is made of what was parsed, never of what another index
// wrote (pitfall Y17).
func renderHTML(view *registry.PackageView, base string) []byte {
	p := pageOf(view, base)
	var b strings.Builder
	begin(&b, "Links for "+p.name, p.status)
	for i := range p.files {
		e := &p.files[i]
		b.WriteString(`<a href="`)
		b.WriteString(html.EscapeString(e.path()))
		if len(e.hashes) > 0 { // clients take the first
			b.WriteString("#" + e.hashes[0].algorithm + "=" + e.hashes[0].hex)
		}
		b.WriteString(`"`)
		attribute(&b, "data-requires-python", e.RequiresPython)
		if e.Metadata != "" {
			value := e.Metadata
			if value != "true" {
				value = "sha256=" + value
			}
			attribute(&b, "data-core-metadata", value)
			attribute(&b, "data-dist-info-metadata", value)
		}
		if e.yanked != nil {
			b.WriteString(` data-yanked="` + html.EscapeString(*e.yanked) + `"`)
		}
		if e.Signed != nil {
			attribute(&b, "data-gpg-sig", map[bool]string{true: "true", false: "false"}[*e.Signed])
		}
		attribute(&b, "data-provenance", e.provenance)
		attribute(&b, "data-upload-time", e.uploadTime())
		b.WriteString(">" + html.EscapeString(e.name) + "</a><br>\n")
	}
	b.WriteString("</body>\n</html>\n")
	return []byte(b.String())
}

// begin writes all that comes before the links.
func begin(b *strings.Builder, title string, s projectStatus) {
	title = html.EscapeString(title)
	b.WriteString("<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n")
	meta(b, "pypi:repository-version", apiVersion)
	meta(b, "pypi:project-status", s.Status)
	meta(b, "pypi:project-status-reason", s.Reason)
	b.WriteString("<title>" + title + "</title>\n</head>\n<body>\n<h1>" + title + "</h1>\n")
}

func meta(b *strings.Builder, name, content string) {
	if content != "" {
		b.WriteString(`<meta name="` + name + `" content="` + html.EscapeString(content) + "\">\n")
	}
}

func attribute(b *strings.Builder, name, value string) {
	if value != "" {
		b.WriteString(" " + name + `="` + html.EscapeString(value) + `"`)
	}
}

// renderHTMLList writes the list of projects as HTML.
func renderHTMLList(names []string) []byte {
	var b strings.Builder
	begin(&b, "Simple index", projectStatus{})
	for _, name := range names {
		b.WriteString(`<a href="` + name + `/">` + name + "</a><br>\n") // normalized: nothing to escape
	}
	b.WriteString("</body>\n</html>\n")
	return []byte(b.String())
}
