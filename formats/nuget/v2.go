package nuget

import (
	"net/http"

	"larder/formats"
)

// refuseV2 answers clients that take the repository for a source of protocol
// version 2 (OData). The status is none of those that they read as "no such
// package".
func refuseV2(_ http.ResponseWriter, r *formats.Request) error {
	return formats.Statusf(http.StatusGone, "this is a NuGet source of protocol version 3, and version 2 (OData) is not spoken here: use %sv3/index.json as the source's URL, with a client of version 4.8 or later", r.Base)
}
