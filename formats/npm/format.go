package npm

import (
	"net/http"
	"slices"

	"larder/formats"
	"larder/registry"
)

// Format is the npm wire format.
func Format() formats.Format {
	return formats.Format{
		Name:       registry.NPM,
		Rules:      rules{},
		Upstream:   adapter{},
		Routes:     slices.Concat(routes, absent),
		WriteError: writeError,
	}
}

// name is a package's name in a path, plain or scoped in any of the spellings
// @s/p, @s%2fp, @s%2Fp; it cannot begin with "-", which begins every other
// endpoint.
const name = `{package:(?:(?:@|%40)[^/%]+(?:/|%2[fF]))?[^/@-][^/]*}`

// repeated is the repository's own path again: npm 6 appends the path of a
// tarball's URL to the registry's, which has a path already.
const repeated = `{repeated:(?:.*/)?npm/(?:d/[^/]+/)?[^/]+}`

var (
	get  = []string{http.MethodGet}
	put  = []string{http.MethodPut}
	post = []string{http.MethodPost}
	del  = []string{http.MethodDelete}
)

// routes are the endpoints that do something, the hottest first; those that
// only say what to use instead are in absent.go.
var routes = []formats.Route{
	{Methods: get, Pattern: "/" + name + "/-/{file}", Operation: "tarball", Handle: getTarball},
	{Methods: get, Pattern: "/" + name, Operation: "packument", Handle: getPackument},
	{Methods: get, Pattern: "/" + name + "/{version}", Operation: "manifest", Handle: getVersion},

	{Methods: get, Pattern: "/-/package/" + name + "/dist-tags", Operation: "dist-tags", Handle: getTags},
	{Methods: put, Pattern: "/-/package/" + name + "/dist-tags/{tag}", Operation: "dist-tag-add", Handle: putTag},
	{Methods: del, Pattern: "/-/package/" + name + "/dist-tags/{tag}", Operation: "dist-tag-rm", Handle: deleteTag},

	{Methods: put, Pattern: "/" + name, Operation: "publish", Handle: putPackument},
	{Methods: put, Pattern: "/" + name + "/-rev/{rev}", Operation: "edit", Handle: putRevision},
	{Methods: del, Pattern: "/" + name + "/-rev/{rev}", Operation: "unpublish", Handle: deletePackage},
	{Methods: del, Pattern: "/" + name + "/-/{file}/-rev/{rev}", Operation: "unpublish-version", Handle: deleteTarball},
	{Methods: del, Pattern: "/" + repeated + "/" + name + "/-/{file}/-rev/{rev}", Operation: "unpublish-version", Handle: deleteTarball},

	{Methods: post, Pattern: "/-/npm/v1/security/advisories/bulk", Operation: "audit-bulk", Handle: postBulkAudit},
	{Methods: post, Pattern: "/-/npm/v1/security/audits/quick", Operation: "audit-quick", Handle: postAudit},
	{Methods: post, Pattern: "/-/npm/v1/security/audits", Operation: "audit", Handle: postAudit},
	{Methods: get, Pattern: "/-/npm/v1/keys", Operation: "keys", Handle: getKeys},
	{Methods: get, Pattern: "/-/npm/v1/attestations/" + name + "@{version:[^/@]+}", Operation: "attestations", Handle: getAttestations},

	{Methods: get, Pattern: "/-/v1/search", Operation: "search", Handle: search},
	{Methods: get, Pattern: "/-/whoami", Operation: "whoami", Handle: whoami},
	{Methods: get, Pattern: "/-/ping", Operation: "ping", Handle: ping},
	{Methods: get, Pattern: "/", Operation: "ping", Handle: ping},
}

// packageOf gives the package that the path names, Invalid where it cannot be one.
func packageOf(r *formats.Request) (registry.PackageID, error) {
	id, err := rules{}.Canonical(registry.VersionID{Package: parseName(r.Vars["package"])})
	return id.Package, err
}
