package pypi

import (
	"net/http"

	"larder/formats"
	"larder/registry"
)

// Format is the wire format of Python package indexes.
func Format() formats.Format {
	return formats.Format{
		Name:     registry.PyPI,
		Rules:    rules{},
		Upstream: adapter{},
		Routes:   routes,
		// uv and poetry print the text, twine with --verbose.
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
var routes = []formats.Route{
	{Methods: get, Pattern: "/simple/{package}/{version}/{file}", Operation: "file", Handle: getFile},
	{Methods: get, Pattern: "/simple/{package}/", Operation: "simple", Handle: getPage},
	{Methods: get, Pattern: "/simple/{package}", Operation: "simple", Handle: getPage},
	{Methods: get, Pattern: "/simple/", Operation: "list", Handle: getList},
	{Methods: get, Pattern: "/simple", Operation: "list", Handle: getList},

	// As the public index has it (its documentation, "Integrity API").
	{Methods: get, Pattern: "/integrity/{package}/{version}/{file}/provenance", Operation: "provenance", Handle: getProvenance},

	// The repository's own URL is what "aws codeartifact login" tells twine;
	// "legacy/" is where others expect the form.
	{Methods: post, Pattern: "/", Operation: "upload", Handle: postUpload},
	{Methods: post, Pattern: "/legacy/", Operation: "upload", Handle: postUpload},
	{Methods: post, Pattern: "/legacy", Operation: "upload", Handle: postUpload},

	{Methods: put, Pattern: "/-/yanked/{package}/{version}", Operation: "yank", Handle: putYanked},
	{Methods: del, Pattern: "/-/yanked/{package}/{version}", Operation: "unyank", Handle: deleteYanked},

	{Methods: get, Pattern: "/pypi/{package}/json", Operation: "json", Handle: getJSON},
	{Methods: get, Pattern: "/pypi/{package}/{version}/json", Operation: "json", Handle: getJSON},
	{Methods: post, Pattern: "/pypi", Operation: "xml-rpc", Public: true, Handle: postXMLRPC},
	{Methods: post, Pattern: "/pypi/", Operation: "xml-rpc", Public: true, Handle: postXMLRPC},
}

// packageOf gives the package that the path names. No package has a name that
// is not allowed: NotFound (pitfall Y2).
func packageOf(r *formats.Request) (registry.PackageID, error) {
	name := r.Vars["package"]
	if !validName(name) {
		return registry.PackageID{}, registry.Errorf(registry.NotFound, "there is no project %q: no Python project can have that name", name)
	}
	return registry.PackageID{Format: registry.PyPI, Name: normalize(name)}, nil
}

// versionOf gives the version that the path names.
func versionOf(r *formats.Request) (registry.VersionID, error) {
	p, err := packageOf(r)
	if err != nil {
		return registry.VersionID{}, err
	}
	v, ok := parseVersion(r.Vars["version"])
	if !ok {
		return registry.VersionID{}, registry.Errorf(registry.NotFound, "there is no version %q of %s: that is no version", r.Vars["version"], p.Name)
	}
	return registry.VersionID{Package: p, Version: v.String()}, nil
}
