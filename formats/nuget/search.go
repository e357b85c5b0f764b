package nuget

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"larder/formats"
	"larder/registry"
)

// Page sizes of searches, as the public gallery has them.
const (
	searchTake = 20
	maxTake    = 250
	maxSkip    = 100_000
)

// query is a search, or a completion of ids.
type query struct {
	text        string
	skip, take  int
	prerelease  bool
	semVer2     bool
	packageType string
}

// readQuery reads the parameters (NuGet documentation, "Search" and
// "Autocomplete"). What cannot be read counts as not given.
func readQuery(values url.Values) query {
	number := func(name string, otherwise, most int) int {
		n, err := strconv.Atoi(values.Get(name))
		if err != nil || n < 0 {
			return otherwise
		}
		return min(n, most)
	}
	level, ok := parseVersion(values.Get("semVerLevel"))
	return query{
		text:        searchText(values.Get("q")),
		skip:        number("skip", 0, maxSkip),
		take:        number("take", searchTake, maxTake),
		prerelease:  strings.EqualFold(values.Get("prerelease"), "true"),
		semVer2:     ok && level.numbers[0] >= 2,
		packageType: clipped(strings.TrimSpace(values.Get("packageType")), maxType),
	}
}

// Bounds of what a search names, in bytes.
const (
	maxQuery = 1 << 10
	maxType  = 128
)

// clipped keeps the beginning of what is too long.
func clipped(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}

// searchText reads the text of a search, of which a part of ids is looked for:
// "id:x" and "packageid:x" are about ids, other fields are not known here.
func searchText(q string) string {
	q = clipped(q, maxQuery)
	var words []string
	for word := range strings.FieldsSeq(q) {
		field, value, ok := strings.Cut(word, ":")
		switch {
		case !ok:
			words = append(words, strings.Trim(word, `"`))
		case strings.EqualFold(field, "id") || strings.EqualFold(field, "packageid"):
			words = append(words, strings.Trim(value, `"`))
		}
	}
	return strings.ToLower(strings.Join(words, " "))
}

// shows gives what a search shows of a package: its newest version and all that
// the query takes, newest last; nil where there is none.
func (q query) shows(view *registry.PackageView) []entry {
	var out []entry
	for i := range view.Versions {
		v := &view.Versions[i]
		m := decode(v.Manifest)
		if m.Version == "" {
			m.Version = v.Version.Version
		}
		if m.ID == "" {
			m.ID = view.ID.Name
		}
		of, _ := parseVersion(m.Version)
		if of.prerelease() && !q.prerelease || !q.semVer2 && m.semVer2() {
			continue
		}
		out = append(out, entry{v, m})
	}
	if len(out) == 0 || q.packageType != "" && !out[len(out)-1].is(q.packageType) {
		return nil
	}
	return out
}

type searchAnswer struct {
	TotalHits int               `json:"totalHits"`
	Data      []json.RawMessage `json:"data"`
}

type searchHit struct {
	ID             string          `json:"@id"`
	Type           string          `json:"@type"`
	Registration   string          `json:"registration"`
	PackageID      string          `json:"id"`
	Version        string          `json:"version"`
	Description    string          `json:"description"`
	Summary        string          `json:"summary"`
	Title          string          `json:"title"`
	IconURL        string          `json:"iconUrl,omitempty"`
	LicenseURL     string          `json:"licenseUrl,omitempty"`
	ProjectURL     string          `json:"projectUrl,omitempty"`
	Tags           []string        `json:"tags"`
	Authors        []string        `json:"authors"`
	TotalDownloads int             `json:"totalDownloads"`
	Verified       bool            `json:"verified"`
	Types          []packageType   `json:"packageTypes"`
	Deprecation    json.RawMessage `json:"deprecation,omitempty"`
	Vulnerable     json.RawMessage `json:"vulnerabilities,omitempty"`
	Versions       []searchVersion `json:"versions"`
}

type searchVersion struct {
	ID        string `json:"@id"`
	Version   string `json:"version"`
	Downloads int    `json:"downloads"`
}

// getSearch answers GET v3/query: packages that this repository and those
// upstream of it hold, the exact id first, and after them what the external
// connection finds.
func getSearch(w http.ResponseWriter, r *formats.Request) error {
	q := readQuery(r.URL.Query())
	found, err := q.held(r)
	if err != nil {
		return err
	}
	of := writer{base: r.Base, hive: hives["registration2"]}
	if q.semVer2 {
		of.hive = hives["registration4"]
	}
	out := searchAnswer{TotalHits: found.Total, Data: []json.RawMessage{}}
	for _, view := range found.Hits {
		of.id = view.ID
		hit, err := encodeJSON(of.hit(q.shows(view)))
		if err != nil {
			return err
		}
		out.Data = append(out.Data, hit)
	}
	q.passOn(r, askSearch, &out, len(found.Hits), func(raw json.RawMessage) (string, json.RawMessage) { return of.foreignHit(raw) })
	body, err := encodeJSON(out)
	if err != nil {
		return err
	}
	return formats.ServeBytes(w, r, http.StatusOK, jsonType, body)
}

// held finds packages here.
func (q query) held(r *formats.Request) (registry.SearchResult, error) {
	return r.Repo.Search(r.Context(), registry.SearchQuery{
		Format: registry.NuGet, Text: q.text, From: q.skip, Size: q.take,
		Keep:   func(view *registry.PackageView) bool { return q.shows(view) != nil },
		KeepAs: "nuget " + strconv.FormatBool(q.prerelease) + strconv.FormatBool(q.semVer2) + strings.ToLower(q.packageType),
	})
}

func (w writer) hit(entries []entry) searchHit {
	e := entries[len(entries)-1]
	h := searchHit{
		ID: w.index(), Type: "Package", Registration: w.index(), PackageID: e.ID, Version: e.manifest.Version,
		Description: e.Description, Summary: e.Summary, Title: e.Title, IconURL: w.iconURL(e), LicenseURL: w.licenseURL(e), ProjectURL: e.ProjectURL,
		Tags: e.Tags, Authors: []string{}, Types: e.Types, Deprecation: e.Deprecation, Vulnerable: e.Vulnerabilities,
	}
	if h.Title == "" {
		h.Title = e.ID
	}
	for author := range strings.SplitSeq(e.Authors, ",") {
		if author = strings.TrimSpace(author); author != "" {
			h.Authors = append(h.Authors, author)
		}
	}
	if h.Tags == nil {
		h.Tags = []string{}
	}
	if h.Types == nil {
		h.Types = []packageType{{Name: "Dependency"}}
	}
	for _, of := range entries {
		h.Versions = append(h.Versions, searchVersion{w.leaf(of.VersionView.Version.Version), of.manifest.Version, 0})
	}
	return h
}

// foreignHit gives the id of another source's hit, and the hit with addresses
// here; "" for what is none.
func (w writer) foreignHit(raw json.RawMessage) (string, json.RawMessage) {
	hit := map[string]json.RawMessage{}
	var id string
	if json.Unmarshal(raw, &hit) != nil || json.Unmarshal(hit["id"], &id) != nil || !validID(id) {
		return "", nil
	}
	w.id = registry.PackageID{Format: registry.NuGet, Name: lowerID(id)}
	set := func(name, value string) { hit[name], _ = json.Marshal(value) } // a string marshals
	set("@id", w.index())
	set("registration", w.index())
	var versions []map[string]json.RawMessage
	if json.Unmarshal(hit["versions"], &versions) != nil {
		return "", nil
	}
	for _, of := range versions {
		var text string
		_ = json.Unmarshal(of["version"], &text)
		v, ok := parseVersion(text)
		if !ok {
			return "", nil
		}
		of["@id"], _ = json.Marshal(w.leaf(v.key()))
	}
	hit["versions"], _ = json.Marshal(versions)
	var newest, icon string
	_, _ = json.Unmarshal(hit["version"], &newest), json.Unmarshal(hit["iconUrl"], &icon)
	if v, ok := parseVersion(newest); ok && strings.HasSuffix(icon, "/"+w.id.Name+"/"+v.key()+"/icon") {
		set("iconUrl", w.flat(v.key())+"icon")
	}
	out, err := json.Marshal(hit)
	if err != nil {
		return "", nil
	}
	return w.id.Name, out
}

// passOn asks the external connection for what the page has room for, and adds
// what is not held here. Nobody outside learns the names of packages that were
// published here; a source that fails hides nothing that is.
func (q query) passOn(r *formats.Request, kind string, out *searchAnswer, have int, read func(json.RawMessage) (string, json.RawMessage)) {
	if q.take == 0 {
		return
	}
	if id := (registry.PackageID{Format: registry.NuGet, Name: q.text}); validID(q.text) {
		internal, err := r.Repo.Internal(r.Context(), []registry.PackageID{id})
		if err != nil || len(internal) > 0 {
			return
		}
	}
	values := r.URL.Query()
	values.Set("skip", strconv.Itoa(max(q.skip-out.TotalHits, 0)))
	values.Set("take", strconv.Itoa(q.take))
	a, err := r.Repo.Auxiliary(r.Context(), registry.NuGet, registry.AuxiliaryRequest{Kind: kind, Query: values.Encode()})
	var in searchAnswer
	if err != nil || json.Unmarshal(bytes.TrimPrefix(a.Body, []byte("\ufeff")), &in) != nil {
		return
	}
	type foreign struct {
		id  registry.PackageID
		hit json.RawMessage
	}
	var found []foreign
	var ids []registry.PackageID
	for _, raw := range in.Data {
		if id, hit := read(raw); id != "" {
			p := registry.PackageID{Format: registry.NuGet, Name: id}
			if hit = shown(r, p, hit); hit == nil {
				in.TotalHits--
				continue
			}
			found, ids = append(found, foreign{p, hit}), append(ids, p)
		}
	}
	held, err := r.Repo.Holds(r.Context(), ids)
	if err != nil {
		return
	}
	for _, f := range found {
		if held[f.id] {
			in.TotalHits--
			continue
		}
		if have < q.take {
			out.Data = append(out.Data, f.hit)
			have++
		}
	}
	// What is asked for exactly comes first, wherever it is.
	for _, f := range found {
		if f.id.Name == q.text && !held[f.id] && q.skip == 0 {
			moveFirst(out.Data, f.hit)
		}
	}
	out.TotalHits += max(in.TotalHits, 0)
}

// shown is another source's hit without the versions that indexes here leave
// out; nil where none is left. One that is an id only stays where the package
// may come in at all.
func shown(r *formats.Request, p registry.PackageID, raw json.RawMessage) json.RawMessage {
	hit := map[string]json.RawMessage{}
	var all []map[string]json.RawMessage
	if json.Unmarshal(raw, &hit) == nil && json.Unmarshal(hit["versions"], &all) != nil {
		return nil
	}
	if all == nil {
		internal, err := r.Repo.Internal(r.Context(), []registry.PackageID{p})
		if err != nil || len(internal) > 0 {
			return nil
		}
		return raw
	}
	var versions []string
	for _, of := range all {
		versions = append(versions, keyOf(of["version"]))
	}
	withheld, err := r.Repo.Withheld(r.Context(), p, versions)
	if err != nil {
		return nil
	}
	kept := slices.DeleteFunc(all, func(of map[string]json.RawMessage) bool { return withheld[keyOf(of["version"])] })
	if len(kept) == 0 {
		return nil
	}
	if withheld[keyOf(hit["version"])] {
		hit["version"] = kept[len(kept)-1]["version"]
	}
	hit["versions"], _ = json.Marshal(kept) // what was JSON is JSON
	out, err := json.Marshal(hit)
	if err != nil {
		return nil
	}
	return out
}

// keyOf is the version that a JSON string spells, as it is kept here.
func keyOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	v, _ := parseVersion(text)
	return v.key()
}

func moveFirst(data []json.RawMessage, hit json.RawMessage) {
	for i := range data {
		if bytes.Equal(data[i], hit) {
			copy(data[1:i+1], data[:i])
			data[0] = hit
			return
		}
	}
}
