package pypi

import (
	"encoding/json"
	"io"
	"net/http"

	"larder/formats"
	"larder/registry"
)

// maxReason bounds the reason of a yank, in bytes.
const maxReason = 4 << 10

// putYanked answers PUT /-/yanked/{package}/{version} with {"reason": "..."} or
// nothing: the version stays installable by who pins it, and is passed over by
// everybody else (PEP 592). It needs UpdatePackageVersionsStatus, by which it
// can be done without a reason, too.
func putYanked(w http.ResponseWriter, r *formats.Request) error {
	id, err := versionOf(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 2*maxReason))
	if err != nil {
		return err
	}
	var in struct{ Reason string }
	if len(body) > 0 && json.Unmarshal(body, &in) != nil || len(in.Reason) > maxReason {
		return registry.Errorf(registry.Invalid, `send {"reason": "..."} of at most %d bytes, or nothing`, maxReason)
	}
	return relist(w, r, id, registry.Unlisted, in.Reason)
}

// deleteYanked answers DELETE /-/yanked/{package}/{version}.
func deleteYanked(w http.ResponseWriter, r *formats.Request) error {
	id, err := versionOf(r)
	if err != nil {
		return err
	}
	return relist(w, r, id, registry.Published, "")
}

func relist(w http.ResponseWriter, r *formats.Request, id registry.VersionID, target registry.Status, reason string) error {
	err := r.Repo.Relist(r.Context(), id, target, func(raw json.RawMessage) json.RawMessage {
		m := decode(raw)
		if m.Yanked == reason {
			return raw
		}
		m.Yanked = reason
		return m.encode()
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
