package maven

import (
	"net/http"

	"larder/formats"
	"larder/registry"
)

// Format is the Maven wire format.
func Format() formats.Format {
	return formats.Format{
		Name:       registry.Maven,
		Rules:      rules{},
		Upstream:   adapter{},
		Routes:     routes,
		WriteError: writeError,
	}
}

// aboutVersions is the path of metadata or of one of its checksums.
const aboutVersions = `/{path:(?:.+/)?maven-metadata\.xml(?:\.[a-z0-9]+)?}`

// Metadata stands before the rest, whose pattern matches it, too.
var routes = []formats.Route{
	{Methods: []string{http.MethodGet}, Pattern: aboutVersions, Operation: "metadata", Handle: getMetadata},
	{Methods: []string{http.MethodGet}, Pattern: "/{path:.+}", Operation: "file", Handle: getFile},
	{Methods: []string{http.MethodPut}, Pattern: aboutVersions, Operation: "deploy-metadata", Handle: putMetadata},
	{Methods: []string{http.MethodPut}, Pattern: "/{path:.+}", Operation: "deploy", Handle: putFile},
}
