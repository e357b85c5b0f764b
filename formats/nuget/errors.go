package nuget

import (
	"net/http"
	"strconv"

	"larder/formats"
)

// writeError answers with a plain sentence; nuget.exe and dotnet show the
// status, and with -Verbosity detailed the body. The status is the shared table's.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	body := formats.Message(err) + "\n"
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(formats.Status(err))
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(body)) // nobody is left to tell
	}
}
