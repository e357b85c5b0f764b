package pypi

import (
	"bytes"
	"net/url"
	"path"
	"strings"
	"time"

	"golang.org/x/net/html"

	"larder/registry"
)

// maxTag bounds one tag of a page, in bytes.
const maxTag = 1 << 20

// readHTML reads a page of links: of a simple index (PEP 503), or any that has
// links to files (plain folders, "pip --find-links").
func readHTML(body []byte, base string, p registry.PackageID) (*registry.Listing, error) {
	z := html.NewTokenizer(bytes.NewReader(body))
	z.SetMaxBuf(maxTag)
	var links []link
	var status projectStatus
	index := false // it says that it is one
	from := base
	for {
		switch z.Next() {
		case html.ErrorToken:
			l := listing(p, from, links, status)
			if len(l.Versions) == 0 && !index && !looksLikeFolder(body) {
				return nil, noPage(p, "a web page that is no index page")
			}
			return l, nil
		case html.StartTagToken, html.SelfClosingTagToken:
			switch t := z.Token(); t.Data {
			case "a":
				if l, ok := linkOf(t); ok {
					links = append(links, l)
				}
			case "base":
				if href := attributeOf(t, "href"); href != nil && from == base {
					from = rebased(base, *href)
				}
			case "meta":
				name, content := attributeOf(t, "name"), attributeOf(t, "content")
				if name == nil || content == nil {
					continue
				}
				switch *name {
				case "pypi:repository-version":
					if major, _, _ := strings.Cut(*content, "."); major != "1" {
						return nil, noPage(p, "version "+*content+" of the simple API; versions 1.x are understood here")
					}
					index = true
				case "pypi:project-status":
					status.Status = *content
				case "pypi:project-status-reason":
					status.Reason = *content
				}
			}
		}
	}
}

// looksLikeFolder tells an index page or a folder that has no files from a page
// that a portal or a login answers with: by its title, which all servers of
// indexes and folders begin alike, or by having links and nothing to fill in.
func looksLikeFolder(body []byte) bool {
	lower := bytes.ToLower(body)
	for _, title := range []string{"<title>links for ", "<title>index of ", "<title>simple ", "<title>directory listing", "<h1>links for "} {
		if bytes.Contains(lower, []byte(title)) {
			return true
		}
	}
	return bytes.Contains(lower, []byte("<a ")) && !bytes.Contains(lower, []byte("<form")) && !bytes.Contains(lower, []byte("<script"))
}

// rebased resolves what a page says of its own address.
func rebased(base, href string) string {
	b, err := url.Parse(base)
	if err != nil {
		return base
	}
	if u := absolute(b, href); u != "" {
		return u
	}
	return base
}

func attributeOf(t html.Token, name string) *string {
	for i := range t.Attr {
		if t.Attr[i].Key == name && t.Attr[i].Namespace == "" {
			return &t.Attr[i].Val
		}
	}
	return nil
}

// linkOf reads an anchor. The file's name is the last part of its address, as
// clients take it; what stands in the anchor may be shortened.
func linkOf(t html.Token) (link, bool) {
	var l link
	for _, a := range t.Attr {
		switch a.Key {
		case "href":
			l.url = a.Val
		case "data-requires-python":
			l.RequiresPython = a.Val
		case "data-yanked":
			reason := a.Val
			l.Yanked = &reason
		case "data-core-metadata":
			l.Metadata = metadataAttribute(a.Val)
		case "data-dist-info-metadata":
			if l.Metadata == "" {
				l.Metadata = metadataAttribute(a.Val)
			}
		case "data-gpg-sig":
			signed := a.Val == "true"
			l.Signed = &signed
		case "data-provenance":
			l.Provenance = a.Val
		case "data-upload-time":
			if at, err := time.Parse(time.RFC3339Nano, a.Val); err == nil {
				l.Uploaded = at.UTC()
			}
		}
	}
	u, err := url.Parse(strings.TrimSpace(l.url))
	if err != nil || l.url == "" {
		return l, false
	}
	l.name = path.Base(u.Path)
	if algorithm, sum, ok := strings.Cut(u.Fragment, "="); ok {
		sum, _, _ = strings.Cut(sum, "&")
		l.hashes = map[string]string{algorithm: sum}
	}
	return l, true
}

func metadataAttribute(value string) string {
	algorithm, sum, _ := strings.Cut(value, "=")
	switch sum = strings.ToLower(sum); {
	case algorithm == "sha256" && isSHA256(sum):
		return sum
	case value == "" || value == "false":
		return ""
	}
	return "true"
}
