package npm

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"larder/formats"
	"larder/registry"
)

// Page sizes of a search, as the public registry has them.
const (
	searchSize    = 20
	searchMaximum = 250
)

// search answers GET /-/v1/search over what the repository and its upstreams
// hold (npm REST API, "search").
func search(w http.ResponseWriter, r *formats.Request) error {
	q := r.URL.Query()
	result, err := r.Repo.Search(r.Context(), registry.SearchQuery{
		Format: registry.NPM,
		Text:   searchText(q.Get("text")),
		From:   number(q.Get("from"), 0),
		Size:   min(number(q.Get("size"), searchSize), searchMaximum),
	})
	if err != nil {
		return err
	}
	answer := searchAnswer{Objects: []searchObject{}, Total: result.Total, Time: time.Now().UTC().Format(time.RFC3339)}
	for _, hit := range result.Hits {
		if o, ok := newSearchObject(hit); ok {
			answer.Objects = append(answer.Objects, o)
		}
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return formats.ServeBytes(w, r, http.StatusOK, fullType, body)
}

func number(s string, otherwise int) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return otherwise
	}
	return n
}

// searchText reads the text of a search: words, of which names are looked for
// (of "@scope/name" the name), and qualifiers. "scope:x" is a part of names;
// the others ask for things that are no part of them.
func searchText(text string) string {
	var words []string
	for word := range strings.FieldsSeq(text) {
		switch kind, value, ok := strings.Cut(word, ":"); {
		case !ok:
			words = append(words, strings.TrimPrefix(word[strings.IndexByte(word, '/')+1:], "@"))
		case kind == "scope":
			words = append(words, strings.TrimPrefix(value, "@"))
		}
	}
	return strings.Join(words, " ")
}

type searchAnswer struct {
	Objects []searchObject `json:"objects"`
	Total   int            `json:"total"`
	Time    string         `json:"time"`
}

type searchObject struct {
	Package     searchPackage `json:"package"`
	Score       searchScore   `json:"score"`
	SearchScore float64       `json:"searchScore"`
}

// searchScore is there because clients read it; nothing is scored.
type searchScore struct {
	Final  float64            `json:"final"`
	Detail map[string]float64 `json:"detail"`
}

type searchPackage struct {
	Name        string            `json:"name"`
	Scope       string            `json:"scope"`
	Version     string            `json:"version"`
	Description string            `json:"description,omitempty"`
	Keywords    json.RawMessage   `json:"keywords,omitempty"`
	Date        string            `json:"date"`
	Links       map[string]string `json:"links"`
	Author      json.RawMessage   `json:"author,omitempty"`
	Publisher   *searchPerson     `json:"publisher,omitempty"`
	Maintainers []searchPerson    `json:"maintainers"`
}

type searchPerson struct {
	Username string `json:"username"`
	Email    string `json:"email,omitempty"`
}

func newSearchObject(view *registry.PackageView) (searchObject, bool) {
	v, ok := view.Version(view.Tags["latest"])
	if !ok {
		return searchObject{}, false
	}
	d := describe(v.Manifest)
	p := searchPackage{
		Name:        fullName(view.ID),
		Scope:       "unscoped",
		Version:     v.Version.Version,
		Description: d.Summary,
		Date:        released(view, v).UTC().Format(time.RFC3339),
		Links:       map[string]string{},
		Maintainers: []searchPerson{},
	}
	if view.ID.Namespace != "" {
		p.Scope = view.ID.Namespace
	}
	if d.HomePage != "" {
		p.Links["homepage"] = d.HomePage
	}
	if d.SourceCode != "" {
		p.Links["repository"] = d.SourceCode
	}
	members(decode(v.Manifest).more, func(key string, value []byte) {
		switch key {
		case "keywords":
			if value[0] == '[' {
				p.Keywords = value
			}
		case "author":
			if value[0] == '{' {
				p.Author = value
			}
		case "_npmUser":
			p.Publisher = &searchPerson{}
			*p.Publisher = person(value)
		case "maintainers":
			var list []json.RawMessage
			if json.Unmarshal(value, &list) == nil {
				for _, m := range list {
					p.Maintainers = append(p.Maintainers, person(m))
				}
			}
		}
	})
	return searchObject{
		Package: p, SearchScore: 1,
		Score: searchScore{Final: 1, Detail: map[string]float64{"quality": 1, "popularity": 1, "maintenance": 1}},
	}, true
}

// person reads {name, email}, or the older "name <email>".
func person(value []byte) searchPerson {
	if s := unquote(value); s != "" {
		name, rest, _ := strings.Cut(s, "<")
		email, _, _ := strings.Cut(rest, ">")
		return searchPerson{strings.TrimSpace(name), email}
	}
	var out searchPerson
	members(value, func(key string, v []byte) {
		switch key {
		case "name":
			out.Username = unquote(v)
		case "email":
			out.Email = unquote(v)
		}
	})
	return out
}
