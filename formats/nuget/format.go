package nuget

import (
	"net/http"

	"larder/formats"
	"larder/registry"
)

// served is what the endpoints of a format share.
type served struct{ passed passed }

// Format is the wire format of NuGet package sources.
func Format() formats.Format {
	return formats.Format{
		Name:     registry.NuGet,
		Rules:    rules{},
		Upstream: adapter{&sources{}},
		Routes:   (&served{}).routes(),
		// nuget.exe and dotnet show the status, and with -Verbosity detailed the text.
		WriteError: formats.PlainError,
	}
}

var (
	get  = []string{http.MethodGet}
	put  = []string{http.MethodPut}
	post = []string{http.MethodPost}
	del  = []string{http.MethodDelete}
)

// routes are the endpoints, the hottest first.
func (s *served) routes() []formats.Route {
	const metadata = "/v3/{hive:registration[234]}/{package}/"
	return []formats.Route{
		{Methods: get, Pattern: "/v3/flatcontainer/{package}/{version}/{file}", Operation: "file", Handle: getFile},
		{Methods: get, Pattern: "/v3/flatcontainer/{package}/index.json", Operation: "versions", Handle: getVersions},
		{Methods: get, Pattern: metadata + "index.json", Operation: "registration", Handle: getRegistration},
		{Methods: get, Pattern: metadata + "page/{lower}/{upper}", Operation: "page", Handle: getPage},
		{Methods: get, Pattern: metadata + "{version}", Operation: "leaf", Handle: getLeaf},
		{Methods: get, Pattern: "/v3/index.json", Operation: "index", Handle: getIndex},
		{Methods: get, Pattern: "/v3/query", Operation: "search", Handle: getSearch},
		{Methods: get, Pattern: "/v3/autocomplete", Operation: "autocomplete", Handle: getAutocomplete},
		{Methods: get, Pattern: "/v3/vulnerabilities/index.json", Operation: "vulnerabilities", Handle: s.getVulnerabilities},
		{Methods: get, Pattern: "/v3/vulnerabilities/{name}", Operation: "vulnerability-file", Handle: s.getVulnerabilityFile},
		{Methods: get, Pattern: "/v3/symbols/{pdb}/{key}/{again}", Operation: "symbols", Handle: getSymbols},
		{Methods: get, Pattern: "/v3/repository-signatures/index.json", Operation: "signatures", Handle: s.getSignatures},

		// Clients add a slash to the address that the service index names.
		{Methods: put, Pattern: "/v3/package", Operation: "push", Handle: putPackage},
		{Methods: put, Pattern: "/v3/package/", Operation: "push", Handle: putPackage},
		{Methods: put, Pattern: "/v3/symbolpackage", Operation: "push-symbols", Handle: putSymbols},
		{Methods: put, Pattern: "/v3/symbolpackage/", Operation: "push-symbols", Handle: putSymbols},
		{Methods: del, Pattern: "/v3/package/{package}/{version}", Operation: "unlist", Handle: deletePackage},
		{Methods: post, Pattern: "/v3/package/{package}/{version}", Operation: "relist", Handle: relistPackage},

		// Protocol version 2.
		{Methods: get, Pattern: "/", Operation: "v2", Public: true, Handle: refuseV2},
		{Methods: get, Pattern: `/{path:\$metadata|Search\(\).*|FindPackagesById\(\).*|Packages.*|GetUpdates\(\).*|package-ids|package-versions/.*}`, Operation: "v2", Public: true, Handle: refuseV2},
		{Methods: []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete}, Pattern: "/api/v2{path:(?:/.*)?}", Operation: "v2", Public: true, Handle: refuseV2},
	}
}
