package formats

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"time"

	"larder/internal/httpx"
	"larder/registry"
)

// Cache policy. Everything was asked for with a credential, so nothing is for
// shared caches (pitfall G6). The bytes under an asset's name never change;
// an index document may have changed at the next request.
const (
	cacheAsset    = "private, max-age=31536000, immutable"
	cacheDocument = "private, max-age=0, must-revalidate"
	cacheNone     = "no-store"
)

// Header values that are the same in every answer.
var (
	headerNosniff       = []string{"nosniff"}
	headerSandbox       = []string{"sandbox"}
	headerAsset         = []string{cacheAsset}
	headerDocument      = []string{cacheDocument}
	headerGzip          = []string{"gzip"}
	headerAuthorization = []string{"Authorization"}
	headerVary          = []string{"Accept, Accept-Encoding, Authorization"}
)

// ServeAsset sends an asset, or the part of it that was asked for, and closes
// it: GET and HEAD, Range, If-Range, If-None-Match. A file goes from disk to
// socket by the kernel.
//
// What it sends came from outside and must never run as a page of this server:
// it is sandboxed, not sniffed, and an attachment (CVE-2024-5083, CVE-2024-36115).
func ServeAsset(w http.ResponseWriter, r *Request, a *registry.AssetContent, contentType, fileName string) error {
	defer a.Body.Close()
	h := w.Header()
	h["Content-Type"] = []string{contentType}
	h["Content-Disposition"] = []string{disposition(fileName)}
	h["Content-Security-Policy"] = headerSandbox
	h["X-Content-Type-Options"] = headerNosniff
	h["Cache-Control"] = headerAsset
	h["Vary"] = headerAuthorization
	if a.ETag != "" {
		r.etag[0] = a.ETag
		h["Etag"] = r.etag[:]
	}
	if a.Warning != "" { // clients tell nothing of what they keep (npm: make-fetch-happen)
		h["Cache-Control"] = []string{cacheNone}
	}
	var body io.ReadSeeker = &watched{ReadSeeker: a.Body, log: r.Log}
	if f, ok := a.Body.(*os.File); ok {
		body = &sized{body: f, size: a.Size}
	} else if sent, err := redirected(w, r, a, contentType); sent || err != nil {
		return err
	}
	http.ServeContent(w, r.Request, "", a.Modified, body)
	return nil
}

// redirectWanted is the request's header by which a client asks to be sent to
// where the bytes are kept, where the server does that on request.
const redirectWanted = "X-Larder-Redirect"

// redirected sends the client to where the bytes are kept, where that is
// configured. Whoever has the URL can read them for some minutes.
func redirected(w http.ResponseWriter, r *Request, a *registry.AssetContent, contentType string) (bool, error) {
	b, ok := a.Body.(registry.Redirecter)
	if !ok || r.Method != http.MethodGet || r.Header.Get("If-None-Match") != "" {
		return false, nil
	}
	h := w.Header()
	u, err := b.Redirect(r.Context(), r.Header.Get(redirectWanted) != "", contentType, h.Get("Content-Disposition"))
	if err != nil || u == "" {
		return false, err
	}
	delete(h, "Content-Type")
	h["Cache-Control"] = []string{cacheNone}
	h["Location"] = []string{u}
	w.WriteHeader(http.StatusTemporaryRedirect)
	return true, nil
}

// watched notes for the log why a body ended early. The client sees the
// connection cut before the promised length.
type watched struct {
	io.ReadSeeker
	log *httpx.Record
}

func (b *watched) Read(p []byte) (int, error) {
	n, err := b.ReadSeeker.Read(p)
	if err != nil && err != io.EOF && b.log != nil {
		b.log.Err, b.log.Code = err, code(err)
	}
	return n, err
}

func disposition(name string) string {
	for i := range len(name) {
		if c := name[i]; !alphanumeric(c) && c != '.' && c != '-' && c != '_' && c != '+' {
			return mime.FormatMediaType("attachment", map[string]string{"filename": name})
		}
	}
	return `attachment; filename="` + name + `"`
}

// gzipFrom is the size in bytes from which compressing a document is worth it.
const gzipFrom = 512

// ServeDocument sends an index document, plain or compressed as the client
// likes, each with its own strong ETag; 304 where the client has that very form
// (pitfalls G4, G5, N2). If-Modified-Since does not count: a document can
// change twice in a second.
func ServeDocument(w http.ResponseWriter, r *Request, d *registry.Document, contentType string) error {
	var body []byte
	etag := d.ETag
	h := w.Header()
	packed := d.Size >= gzipFrom && AcceptsGzip(r.List("Accept-Encoding"))
	if packed {
		body, etag = d.Gzip()
	}
	r.etag[0] = etag
	h["Etag"] = r.etag[:]
	h["Vary"] = headerVary
	h["Cache-Control"] = headerDocument
	if !d.StaleSince.IsZero() {
		h["Age"] = []string{strconv.Itoa(int(max(time.Since(d.StaleSince), 0) / time.Second))}
	}
	if header := r.List("If-None-Match"); header != "" && matches(header, etag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if packed {
		h["Content-Encoding"] = headerGzip
	} else {
		body = d.Plain()
	}
	if d.LastModified != "" {
		h["Last-Modified"] = []string{d.LastModified}
	}
	h["Content-Type"] = []string{contentType}
	h["X-Content-Type-Options"] = headerNosniff
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	_, err := w.Write(body)
	return gone(err)
}

// ServeBytes sends an answer that was made for this request alone.
func ServeBytes(w http.ResponseWriter, r *Request, status int, contentType string, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h["X-Content-Type-Options"] = headerNosniff
	h.Set("Cache-Control", cacheNone)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return nil
	}
	_, err := w.Write(body)
	return gone(err)
}

// gone wraps what writing to a client met: nearly always that it left.
func gone(err error) error {
	if err == nil {
		return nil
	}
	return &registry.Error{Code: registry.Internal, Err: fmt.Errorf("write the answer: %w", err)}
}
