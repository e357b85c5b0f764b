package nuget

import (
	"encoding/json"
	"net/http"
	"strings"

	"larder/formats"
)

// getIndex answers GET v3/index.json: what this source can do, and where
// (NuGet documentation, "Service Index"). Everything in it is below the
// index itself, so that clients send their credential there, too.
func getIndex(w http.ResponseWriter, r *formats.Request) error {
	if err := r.Repo.Ping(r.Context()); err != nil {
		return err
	}
	body, err := renderServiceIndex(r.Base)
	if err != nil {
		return err
	}
	return formats.ServeBytes(w, r, http.StatusOK, jsonType, body)
}

type serviceIndex struct {
	Version   string     `json:"version"`
	Resources []resource `json:"resources"`
}

type resource struct {
	ID   string `json:"@id"`
	Type string `json:"@type"`
	// ClientVersion is from which client on the resource is meant, of a type "/Versioned".
	ClientVersion string `json:"clientVersion,omitempty"`
}

// semVer2Client is the first client that reads Semantic Versioning 2.0.0. Those
// up to 5.x look for it by "RegistrationsBaseUrl/Versioned", not by "/3.6.0".
const semVer2Client = "4.3.0-alpha"

// resources are all spellings of what is served, the newest of each first.
var resources = []struct{ path, name, versions string }{
	{"v3/flatcontainer/", "PackageBaseAddress", "/3.0.0"},
	{"v3/registration4/", "RegistrationsBaseUrl", "/3.6.0"},
	{"v3/registration3/", "RegistrationsBaseUrl", "/3.4.0"},
	{"v3/registration2/", "RegistrationsBaseUrl", "/3.0.0-rc /3.0.0-beta -"},
	{"v3/query", "SearchQueryService", "/3.5.0 /3.4.0 /3.0.0-rc /3.0.0-beta -"},
	{"v3/autocomplete", "SearchAutocompleteService", "/3.5.0 /3.0.0-rc /3.0.0-beta -"},
	{"v3/package", "PackagePublish", "/2.0.0"},
	{"v3/symbolpackage", "SymbolPackagePublish", "/4.9.0"},
	{"v3/flatcontainer/{lower_id}/{lower_version}/readme", "ReadmeUriTemplate", "/6.13.0"},
	{"v3/vulnerabilities/index.json", "VulnerabilityInfo", "/6.7.0"},
}

// secureResources are those that clients take over https alone.
var secureResources = []struct{ path, name, versions string }{
	{"v3/repository-signatures/index.json", "RepositorySignatures", "/5.0.0 /4.9.0 /4.7.0"},
}

func renderServiceIndex(base string) ([]byte, error) {
	out := serviceIndex{Version: "3.0.0"}
	served := resources
	if strings.HasPrefix(base, "https:") {
		served = append(served[:len(served):len(served)], secureResources...)
	}
	for _, s := range served {
		for version := range strings.FieldsSeq(s.versions) {
			out.Resources = append(out.Resources, resource{ID: base + s.path, Type: s.name + strings.TrimPrefix(version, "-")})
		}
	}
	out.Resources = append(out.Resources, resource{ID: base + "v3/registration4/", Type: "RegistrationsBaseUrl/Versioned", ClientVersion: semVer2Client})
	if server, _, ok := strings.Cut(base, "/nuget/"); ok {
		out.Resources = append(out.Resources, resource{ID: server + consolePath, Type: "PackageDetailsUriTemplate/5.1.0"})
	}
	return json.Marshal(out)
}

// consolePath is where the console shows a package.
const consolePath = "/-/console/#/nuget/{id}/{version}"
