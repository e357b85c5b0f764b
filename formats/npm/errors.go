package npm

import (
	"encoding/json"
	"net/http"
	"strconv"

	"larder/formats"
)

// writeError answers {"error": "..."}: what npm-registry-fetch (checkErrors),
// pnpm, Yarn and bun print beside the status. The status is the shared table's.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	body, _ := json.Marshal(struct { // a string always marshals
		Error string `json:"error"`
	}{formats.Message(err)})
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(formats.Status(err))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // nobody is left to tell
	}
}
