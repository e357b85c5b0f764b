package nuget

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/url"
	"strings"
	"sync"
	"time"

	"larder/registry"
)

// source is another source's service index, as far as it matters.
type source struct {
	metadata        string // RegistrationsBaseUrl, with a slash at the end
	flat            string // PackageBaseAddress, likewise
	search          string
	autocomplete    string
	vulnerabilities string
	signatures      string
	expires         time.Time
}

// wanted are the spellings of each resource, the best first.
var wanted = []struct {
	field  func(*source) *string
	folder bool
	types  []string
}{
	{func(s *source) *string { return &s.metadata }, true, []string{"RegistrationsBaseUrl/Versioned", "RegistrationsBaseUrl/3.6.0", "RegistrationsBaseUrl/3.4.0", "RegistrationsBaseUrl/3.0.0-rc", "RegistrationsBaseUrl/3.0.0-beta", "RegistrationsBaseUrl"}},
	{func(s *source) *string { return &s.flat }, true, []string{"PackageBaseAddress/3.0.0", "PackageBaseAddress/Versioned"}},
	{func(s *source) *string { return &s.search }, false, []string{"SearchQueryService/Versioned", "SearchQueryService/3.5.0", "SearchQueryService/3.4.0", "SearchQueryService", "SearchQueryService/3.0.0-rc", "SearchQueryService/3.0.0-beta"}},
	{func(s *source) *string { return &s.autocomplete }, false, []string{"SearchAutocompleteService/Versioned", "SearchAutocompleteService/3.5.0", "SearchAutocompleteService", "SearchAutocompleteService/3.0.0-rc", "SearchAutocompleteService/3.0.0-beta"}},
	{func(s *source) *string { return &s.vulnerabilities }, false, []string{"VulnerabilityInfo/6.7.0"}},
	{func(s *source) *string { return &s.signatures }, false, []string{"RepositorySignatures/5.0.0", "RepositorySignatures/4.9.0", "RepositorySignatures/4.7.0"}},
}

// readSource reads a service index that came from base. UpstreamFailed for what is none.
func readSource(body []byte, base string) (*source, error) {
	var in struct {
		Version   string
		Resources []struct {
			ID   string     `json:"@id"`
			Type stringList `json:"@type"`
		}
	}
	if json.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), &in) != nil || !strings.HasPrefix(in.Version, "3.") {
		return nil, registry.Errorf(registry.UpstreamFailed, "the upstream source's URL does not lead to a service index of NuGet's protocol version 3; it ends with /index.json mostly")
	}
	from, err := url.Parse(base)
	if err != nil {
		from = &url.URL{}
	}
	first := map[string]string{}
	for _, r := range in.Resources {
		for _, t := range r.Type {
			if at := absolute(from, r.ID); at != "" && first[t] == "" {
				first[t] = at
			}
		}
	}
	s := &source{}
	for _, w := range wanted {
		for _, t := range w.types {
			if at := first[t]; at != "" {
				if w.folder && !strings.HasSuffix(at, "/") {
					at += "/"
				}
				*w.field(s) = at
				break
			}
		}
	}
	return s, nil
}

// absolute resolves a link, "" for one that leads to no web server.
func absolute(base *url.URL, raw string) string {
	if raw == "" {
		return ""
	}
	u, err := base.Parse(strings.TrimSpace(raw))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return ""
	}
	u.Fragment, u.RawFragment, u.User = "", "", nil
	return u.String()
}

// sources remembers service indexes for a while, by the connection's URL: each
// look-up would have to read one before it knows where to ask.
type sources struct {
	mu    sync.Mutex
	known map[string]*source
}

// Limits of sources.
const (
	sourceLife = 5 * time.Minute
	maxSources = 200
)

func (s *sources) find(ctx context.Context, g registry.Getter) (*source, error) {
	root := ""
	if rooted, ok := g.(registry.Rooted); ok {
		root = rooted.Root()
	}
	now := time.Now()
	s.mu.Lock()
	have := s.known[root]
	s.mu.Unlock()
	if have != nil && root != "" && now.Before(have.expires) {
		return have, nil
	}
	body, at, err := fetch(ctx, g, registry.GetRequest{Accept: jsonType})
	if registry.IsNotFound(err) {
		return nil, registry.Errorf(registry.UpstreamFailed, "the upstream source has no service index at the connection's URL; set the one that ends with /index.json mostly")
	}
	if err != nil {
		return nil, err
	}
	found, err := readSource(body, at)
	if err != nil {
		return nil, err
	}
	found.expires = now.Add(sourceLife)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= maxSources || s.known == nil {
		s.known = map[string]*source{}
	}
	s.known[root] = found
	return found, nil
}

// fetch reads a whole document; at is where it came from.
func fetch(ctx context.Context, g registry.Getter, r registry.GetRequest) (body []byte, at string, err error) {
	a, err := g.Get(ctx, r)
	if err != nil {
		return nil, "", err
	}
	defer a.Body.Close()
	body, err = io.ReadAll(a.Body)
	return body, a.URL, err
}

// stringList reads a string or an array of them.
type stringList []string

func (l *stringList) UnmarshalJSON(b []byte) error {
	*l = nil
	var one string
	if json.Unmarshal(b, &one) == nil {
		if one != "" {
			*l = stringList{one}
		}
		return nil
	}
	var many []json.RawMessage
	if json.Unmarshal(b, &many) == nil {
		for _, raw := range many {
			if json.Unmarshal(raw, &one) == nil && one != "" {
				*l = append(*l, one)
			}
		}
	}
	return nil
}
