package maven

import (
	"net/http"

	"larder/formats"
)

// writeError answers with a sentence. Maven and Gradle print the status line
// alone, Maven 4 and people with curl the text, too. The status is the shared
// table's.
func writeError(w http.ResponseWriter, _ *http.Request, err error) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	http.Error(w, formats.Message(err), formats.Status(err))
}
