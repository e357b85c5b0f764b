package maven

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"larder/formats"
	"larder/registry"
)

// getFile answers GET of a file, or of its checksum.
func getFile(w http.ResponseWriter, r *formats.Request) error {
	p, ok := parsePath(r.Vars["path"])
	if !ok {
		return notHere(r)
	}
	p.log(r)
	if p.plain {
		return redirect(w, r, p)
	}
	id := registry.VersionID{Package: p.pkg, Version: p.version}
	a, err := r.Repo.Asset(r.Context(), id, p.file)
	if err != nil {
		return err
	}
	if p.checksum == "" {
		return formats.ServeAsset(w, r, a, contentType(p.file), p.file)
	}
	hashes, err := hashesOf(r, id, a)
	if err != nil {
		return err
	}
	return serveChecksum(w, r, sum(hashes, p.checksum))
}

func (p place) log(r *formats.Request) {
	r.Log.Package, r.Log.Version = p.pkg.DisplayName(), p.version
}

// notHere is the answer to a path that is no part of the layout, such as
// ".meta/prefixes.txt" (pitfall M9): for who may read, that nothing is there.
func notHere(r *formats.Request) error {
	if err := r.Repo.Ping(r.Context()); err != nil {
		return err
	}
	return registry.Errorf(registry.NotFound, "this is no path of the Maven repository layout: {group}/{artifact}/{version}/{artifact}-{version}.{extension}")
}

// hashesOf gives the hashes of an asset and closes it. One that is still on
// its way is waited for.
func hashesOf(r *formats.Request, id registry.VersionID, a *registry.AssetContent) (registry.Hashes, error) {
	defer a.Body.Close()
	if a.Hashes != (registry.Hashes{}) {
		return a.Hashes, nil
	}
	h := registry.NewHasher()
	if _, err := io.Copy(h, a.Body); err != nil {
		return registry.Hashes{}, err
	}
	return h.Sum(), nil
}

// serveChecksum sends a checksum as Maven writes it: hex, and nothing else.
func serveChecksum(w http.ResponseWriter, r *formats.Request, hex string) error {
	return serveText(w, r, "text/plain", hex, hex)
}

// serveText sends a short text that was made for this request: whole, in part,
// or not where the client has it.
func serveText(w http.ResponseWriter, r *formats.Request, contentType, etag, text string) error {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, max-age=0, must-revalidate")
	h.Set("Vary", "Authorization")
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r.Request, "", time.Time{}, strings.NewReader(text))
	return nil
}

// redirect leads from "lib-1.0-SNAPSHOT.jar" to the newest build that has such
// a file: for people, and for clients that read no metadata.
func redirect(w http.ResponseWriter, r *formats.Request, p place) error {
	view, err := r.Repo.Package(r.Context(), p.pkg)
	if err != nil {
		return err
	}
	classifier, extension, ok := classify(p.file, p.pkg, p.version)
	if _, there := view.Version(p.version); !ok || !there {
		return noSnapshot(p.pkg, p.version)
	}
	for _, b := range builds(view, p.version) {
		for _, a := range b.Assets {
			if c, e, ok := classify(a.Name, p.pkg, b.Version.Version); ok && c == classifier && e == extension {
				target := a.Name
				if p.checksum != "" {
					target += "." + p.checksum
				}
				w.Header().Set("Location", r.Base+strings.TrimSuffix(r.Vars["path"], path.Base(r.Vars["path"]))+target)
				return formats.ServeBytes(w, r, http.StatusFound, "text/plain", nil)
			}
		}
	}
	return noSnapshot(p.pkg, p.version)
}

// getMetadata answers GET of a maven-metadata.xml, or of its checksum, which is
// that of the very bytes that would be served (pitfall M5).
func (o Options) getMetadata(w http.ResponseWriter, r *formats.Request) error {
	p, ok := parsePath(r.Vars["path"])
	if !ok {
		return notHere(r)
	}
	p.log(r)
	d, err := o.document(r, p)
	switch {
	case registry.IsNotFound(err) && p.group != "":
		return getPlugins(w, r, p, err)
	case o.UpstreamSnapshots && p.version != "" && (err == nil || registry.IsNotFound(err)):
		return getOffered(w, r, p, err)
	case err != nil:
		return err
	case p.checksum != "":
		return serveChecksum(w, r, sumOf(d.Plain(), p.checksum))
	}
	return formats.ServeDocument(w, r, d, "text/xml")
}

func (o Options) document(r *formats.Request, p place) (*registry.Document, error) {
	q := registry.DocumentQuery{Package: p.pkg, Kind: "versions"}
	switch {
	case p.pkg.Namespace == "":
		return nil, registry.Errorf(registry.NotFound, "%s is no artifact", p.group)
	case p.version != "":
		q.Kind = "snapshot " + p.version
		return r.Repo.Document(r.Context(), q, func(view *registry.PackageView) ([]byte, error) { return snapshotMetadata(view, p.version, nil) })
	case o.UpstreamSnapshots:
		q.Kind = "versions with snapshots"
	}
	return r.Repo.Document(r.Context(), q, o.versionsMetadata)
}

// serveMetadata answers with metadata that was made for this request, or with
// its checksum.
func serveMetadata(w http.ResponseWriter, r *formats.Request, p place, b []byte) error {
	if p.checksum != "" {
		return serveChecksum(w, r, sumOf(b, p.checksum))
	}
	return serveText(w, r, "text/xml", sumOf(b, "sha256"), string(b))
}

func sumOf(b []byte, algorithm string) string {
	switch algorithm {
	case "md5":
		s := md5.Sum(b)
		return hex.EncodeToString(s[:])
	case "sha1":
		s := sha1.Sum(b)
		return hex.EncodeToString(s[:])
	case "sha256":
		s := sha256.Sum256(b)
		return hex.EncodeToString(s[:])
	}
	s := sha512.Sum512(b)
	return hex.EncodeToString(s[:])
}
