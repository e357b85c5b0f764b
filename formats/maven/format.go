package maven

import (
	"net/http"

	"larder/formats"
	"larder/registry"
)

// Options are what an administrator may choose.
type Options struct {
	// KeepBuilds is how many builds of a snapshot stay when a newer one is
	// deployed; zero: all.
	KeepBuilds int
	// UpstreamSnapshots takes snapshots from external connections, too. AWS does
	// not (spec 7.3).
	UpstreamSnapshots bool
}

// Format is the Maven wire format.
func Format(o Options) formats.Format {
	return formats.Format{
		Name:     registry.Maven,
		Rules:    rules{},
		Upstream: adapter{snapshots: o.UpstreamSnapshots},
		Routes:   o.routes(),
		// Maven and Gradle print the status line alone, Maven 4 the text, too.
		WriteError: formats.PlainError,
	}
}

// aboutVersions is the path of metadata or of one of its checksums.
const aboutVersions = `/{path:(?:.+/)?maven-metadata\.xml(?:\.[a-z0-9]+)?}`

// routes begin with metadata: the pattern of the rest matches it, too.
func (o Options) routes() []formats.Route {
	return []formats.Route{
		{Methods: []string{http.MethodGet}, Pattern: aboutVersions, Operation: "metadata", Handle: o.getMetadata},
		{Methods: []string{http.MethodGet}, Pattern: "/{path:.+}", Operation: "file", Handle: getFile},
		{Methods: []string{http.MethodPut}, Pattern: aboutVersions, Operation: "deploy-metadata", Handle: o.putMetadata},
		{Methods: []string{http.MethodPut}, Pattern: "/{path:.+}", Operation: "deploy", Handle: putFile},
	}
}
