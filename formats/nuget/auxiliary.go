package nuget

import (
	"context"
	"io"
	"strings"

	"larder/registry"
)

// What other sources are asked besides packages (registry.AuxiliaryRequest.Kind).
const (
	askSearch          = "search"
	askAutocomplete    = "autocomplete"
	askVulnerabilities = "vulnerabilities"
	askSignatures      = "signatures"
	askFile            = "file" // Path is its whole address
)

// Auxiliary implements registry.Auxiliary. NotFound where the source's service
// index does not name the resource.
func (a adapter) Auxiliary(ctx context.Context, g registry.Getter, r registry.AuxiliaryRequest) (registry.AuxiliaryAnswer, error) {
	address := r.Path
	if r.Kind != askFile {
		s, err := a.sources.find(ctx, g)
		if err != nil {
			return registry.AuxiliaryAnswer{}, err
		}
		address = map[string]string{
			askSearch: s.search, askAutocomplete: s.autocomplete, askVulnerabilities: s.vulnerabilities, askSignatures: s.signatures,
		}[r.Kind]
	}
	if address == "" {
		return registry.AuxiliaryAnswer{}, registry.Errorf(registry.NotFound, "the upstream source's service index names no such resource (%s)", r.Kind)
	}
	if r.Query != "" {
		separator := "?"
		if strings.Contains(address, "?") {
			separator = "&"
		}
		address += separator + r.Query
	}
	answer, err := g.Get(ctx, registry.GetRequest{URL: address, Accept: "*/*"})
	if err != nil {
		return registry.AuxiliaryAnswer{}, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return registry.AuxiliaryAnswer{Status: answer.Status, ContentType: answer.ContentType, Body: body}, err
}
