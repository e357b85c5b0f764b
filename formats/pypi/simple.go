package pypi

import (
	"net/http"
	"strings"

	"larder/formats"
	"larder/registry"
)

// Media types of index pages (Simple repository API, "Content-Types").
const (
	plainHTML  = "text/html"
	htmlType   = "application/vnd.pypi.simple.v1+html"
	jsonType   = "application/vnd.pypi.simple.v1+json"
	latestHTML = "application/vnd.pypi.simple.latest+html"
	latestJSON = "application/vnd.pypi.simple.latest+json"
)

var pageTypes = formats.NewOffers(plainHTML, htmlType, jsonType, latestHTML, latestJSON)

// negotiate gives the media type to answer with: what Accept likes best, or
// what "?format=" names; HTML for who has no preference. 406 where nothing fits.
func negotiate(r *formats.Request) (string, error) {
	accept := r.List("Accept")
	if r.URL.RawQuery != "" {
		if format := r.URL.Query().Get("format"); format != "" {
			accept = format
		}
	}
	switch t := pageTypes.Accepted(accept); t {
	case "":
		return "", formats.Statusf(http.StatusNotAcceptable, "index pages are to be had as %s, %s and %s", jsonType, htmlType, plainHTML)
	case latestJSON:
		return jsonType, nil
	case latestHTML:
		return htmlType, nil
	default:
		return t, nil
	}
}

// answered is how a media type stands in the header.
func answered(mediaType string) string {
	if mediaType == plainHTML {
		return "text/html; charset=utf-8"
	}
	return mediaType
}

// getPage answers GET /simple/{package}/, and leads there from any other
// spelling of the name (PEP 503).
func getPage(w http.ResponseWriter, r *formats.Request) error {
	p, err := packageOf(r)
	if err != nil {
		return err
	}
	if p.Name != r.Vars["package"] || !strings.HasSuffix(r.URL.Path, "/") {
		return moved(w, r, "simple/"+p.Name+"/")
	}
	mediaType, err := negotiate(r)
	if err != nil {
		return err
	}
	q := registry.DocumentQuery{Package: p, Kind: "html", Base: r.Base}
	render := func(view *registry.PackageView) ([]byte, error) { return renderHTML(view, r.Base), nil }
	if mediaType == jsonType {
		q.Kind = "json"
		render = func(view *registry.PackageView) ([]byte, error) { return renderJSON(view, r.Base) }
	}
	d, err := r.Repo.Document(r.Context(), q, render)
	if err != nil {
		return err
	}
	return formats.ServeDocument(w, r, d, answered(mediaType))
}

// moved leads to another path of the repository.
func moved(w http.ResponseWriter, r *formats.Request, path string) error {
	if err := r.Repo.Ping(r.Context()); err != nil {
		return err
	}
	target := r.Base + path
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", target)
	w.Header().Set("Cache-Control", "private, max-age=3600")
	w.WriteHeader(http.StatusMovedPermanently)
	return nil
}

// getList answers GET /simple/: the projects that this repository holds itself.
func getList(w http.ResponseWriter, r *formats.Request) error {
	if !strings.HasSuffix(r.URL.Path, "/") {
		return moved(w, r, "simple/")
	}
	mediaType, err := negotiate(r)
	if err != nil {
		return err
	}
	ids, err := r.Repo.Names(r.Context(), registry.PyPI)
	if err != nil {
		return err
	}
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.Name
	}
	body := renderHTMLList(names)
	if mediaType == jsonType {
		if body, err = renderJSONList(names); err != nil {
			return err
		}
	}
	w.Header().Set("Vary", "Accept, Authorization")
	return formats.ServeBytes(w, r, http.StatusOK, answered(mediaType), body)
}
