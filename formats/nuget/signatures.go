package nuget

import (
	"encoding/json"
	"net/http"
	"time"

	"larder/formats"
	"larder/registry"
)

// getSignatures answers GET v3/repository-signatures/index.json: the
// certificates by which the upstream source signs its packages (NuGet
// documentation, "Repository signatures"). That all packages were signed by it
// is never said: those that are published here are not.
func (s *served) getSignatures(w http.ResponseWriter, r *formats.Request) error {
	d, err := s.passed.get(r, "signatures", func() ([]byte, time.Duration, error) {
		out := struct {
			All          bool            `json:"allRepositorySigned"`
			Certificates json.RawMessage `json:"signingCertificates"`
		}{Certificates: json.RawMessage("[]")}
		life := passedLife
		a, err := r.Repo.Auxiliary(r.Context(), registry.NuGet, registry.AuxiliaryRequest{Kind: askSignatures})
		if err != nil && !registry.IsNotFound(err) {
			life = failedLife // a restore goes on without
		}
		var in struct{ SigningCertificates json.RawMessage }
		if err == nil && json.Unmarshal(a.Body, &in) == nil && len(in.SigningCertificates) > 2 && in.SigningCertificates[0] == '[' {
			out.Certificates = in.SigningCertificates
		}
		b, err := json.Marshal(out)
		return b, life, err
	})
	if err != nil {
		return err
	}
	return formats.ServeDocument(w, r, d, jsonType)
}
