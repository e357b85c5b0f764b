package nuget

import (
	"encoding/json"
	"net/http"

	"larder/formats"
	"larder/registry"
)

// getAutocomplete answers GET v3/autocomplete: ids that have the text in them,
// or, with "id", the versions of one package (NuGet documentation, "Autocomplete").
func getAutocomplete(w http.ResponseWriter, r *formats.Request) error {
	values := r.URL.Query()
	q := readQuery(values)
	var out searchAnswer
	var err error
	if id := values.Get("id"); id != "" {
		out, err = q.versions(r, id)
	} else {
		out, err = q.ids(r)
	}
	if err != nil {
		return err
	}
	body, err := encodeJSON(out)
	if err != nil {
		return err
	}
	return formats.ServeBytes(w, r, http.StatusOK, jsonType, body)
}

func (q query) ids(r *formats.Request) (searchAnswer, error) {
	out := searchAnswer{Data: []json.RawMessage{}}
	found, err := q.held(r)
	if err != nil {
		return out, err
	}
	out.TotalHits = found.Total
	for _, view := range found.Hits {
		entries := q.shows(view)
		out.Data = append(out.Data, quoted(entries[len(entries)-1].ID))
	}
	q.passOn(r, askAutocomplete, &out, len(found.Hits), func(raw json.RawMessage) (string, json.RawMessage) {
		var id string
		if json.Unmarshal(raw, &id) != nil || !validID(id) {
			return "", nil
		}
		return lowerID(id), raw
	})
	return out, nil
}

func (q query) versions(r *formats.Request, id string) (searchAnswer, error) {
	out := searchAnswer{Data: []json.RawMessage{}}
	if err := r.Repo.Ping(r.Context()); err != nil {
		return out, err
	}
	if !validID(id) {
		return out, nil
	}
	view, err := r.Repo.Package(r.Context(), registry.PackageID{Format: registry.NuGet, Name: lowerID(id)})
	if registry.IsNotFound(err) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	q.packageType = ""
	for _, e := range q.shows(view) {
		out.Data = append(out.Data, quoted(e.manifest.Version))
	}
	out.TotalHits = len(out.Data)
	return out, nil
}

func quoted(s string) json.RawMessage {
	b, err := encodeJSON(s)
	if err != nil {
		return json.RawMessage(`""`) // a string always encodes
	}
	return b
}
